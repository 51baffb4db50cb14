/* Retention: the policy in force and how it becomes shorter, what is due, and the lists that
 * two people sign. For records owners. */
#include "gateway/evidence/keeping/retention.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DUE_PAGE_STANDARD = 100, LISTS_SHOWN = 100 };

static void put_by(json_t *o, const char *name, const struct person *who)
{
    if (who->subject[0])
        json_put_text(o, name, who->subject);
}

static void put_time_if(json_t *o, const char *name, int64_t micros)
{
    if (micros != 0)
        json_put_time(o, name, micros);
}

static void put_digest(json_t *o, const char *name, const uint8_t digest[32])
{
    char hex[HEX_SIZE(32)];
    hex_encode(digest, 32, hex);
    json_put_text(o, name, hex);
}

/* --- the policy --------------------------------------------------------------------------- */

static json_t *view_kind(const struct retention_view *v)
{
    json_t *o = json_object();
    json_put_text(o, "kind", v->in_force.kind);
    json_put_int(o, "seconds", v->in_force.seconds);
    json_put_text(o, "policy", v->in_force.policy);
    put_digest(o, "policy_sha256", v->in_force.sha256);
    json_put_time(o, "since", v->in_force.since);
    if (v->wanted)
        json_put_int(o, "wanted_seconds", v->wanted_s);
    return o;
}

static enum err policy_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_FREE struct retention_policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return err_set(ERR_NOMEM, "the policy");
    TRY(retention_get(api_of(x)->evidence, p, policy));
    json_t *body = json_object(), *kinds = json_array();
    json_put_text(body, "policy", policy->version);
    put_digest(body, "policy_sha256", policy->sha256);
    for (size_t i = 0; i < policy->n; i++)
        (void)json_array_append_new(kinds, view_kind(&policy->kinds[i]));
    json_put(body, "kinds", kinds);
    if (policy->proposed) {
        json_t *proposal = json_object();
        json_put_text(proposal, "reason", policy->proposal.reason);
        put_by(proposal, "proposed_by", &policy->proposal.by);
        json_put_time(proposal, "proposed_at", policy->proposal.at);
        json_put(body, "shortening", proposal);
    }
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call RETENTION_POLICY = {policy_run};

struct shortening { /* as the caller says it */
    uint8_t sha256[32];
    char reason[REASON_MAX + 1];
    bool approved;
};

static enum err shortening_answer(void *ctx, struct replay_answer *out)
{
    const struct shortening *s = ctx;
    out->status = 201;
    out->body = json_object();
    put_digest(out->body, "policy_sha256", s->sha256);
    json_put_text(out->body, "state", s->approved ? "approved" : "proposed");
    return ERR_OK;
}

static enum err shortening_read(struct http_exchange *x, bool with_reason, struct shortening *s)
{
    struct json_in in;
    char hex[HEX_SIZE(32)];
    AUTO(json_free) json_t *body = NULL;
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "shortening"));
    TRY(json_in_text(&in, "policy_sha256", JSON_REQUIRED, hex, sizeof(hex)));
    if (with_reason)
        TRY(json_in_text(&in, "reason", JSON_REQUIRED, s->reason, sizeof(s->reason)));
    TRY(json_in_done(&in));
    if (strlen(hex) != 64 ||
        hex_decode(hex, strlen(hex), s->sha256, sizeof(s->sha256)) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "policy_sha256: 64 hexadecimal digits");
    return ERR_OK;
}

static enum err shorten_run(struct http_exchange *x, const struct principal *p,
                            struct replay *once)
{
    struct shortening s = {.approved = false};
    TRY(shortening_read(x, true, &s));
    replay_keeps(once, shortening_answer, &s);
    TRY(retention_shorten_propose(api_of(x)->evidence, p, s.sha256, s.reason, once));
    return api_reply(x, shortening_answer, &s, NULL);
}
const struct api_creation RETENTION_SHORTEN = {shorten_run};

static enum err shorten_approve_run(struct http_exchange *x, const struct principal *p,
                                    struct replay *once)
{
    struct shortening s = {.approved = true};
    TRY(shortening_read(x, false, &s));
    replay_keeps(once, shortening_answer, &s);
    TRY(retention_shorten_approve(api_of(x)->evidence, p, s.sha256, once));
    return api_reply(x, shortening_answer, &s, NULL);
}
const struct api_creation RETENTION_SHORTEN_APPROVE = {shorten_approve_run};

/* --- what is due -------------------------------------------------------------------------- */

static json_t *view_due(const struct due_record *d)
{
    json_t *o = json_object();
    view_put_id(o, "artefact", &d->artefact);
    view_put_id(o, "claim", &d->claim);
    json_put_text(o, "kind", d->kind);
    json_put_int(o, "size", (json_int_t)d->size);
    json_put_time(o, "received_at", d->received_at);
    json_put_time(o, "interest_ended_at", d->ended_at);
    json_put_time(o, "due_since", d->due_since);
    json_put_bool(o, "held", d->held);
    json_put_bool(o, "proposed", d->proposed);
    return o;
}

static enum err due_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"at", "policy", "kind", "cursor", "limit", NULL};
    const char *at = http_query(x, "at"), *policy = http_query(x, "policy");
    struct uuid after;
    size_t limit = 0, n = 0;
    int64_t when = clock_now();
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, DUE_PAGE_STANDARD, PAGE_MAX, &limit, &after));
    if (at && time_parse(at, &when) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "at: a time like 2030-01-31T00:00:00Z");
    if (policy && strcmp(policy, "wanted") != 0 && strcmp(policy, "in_force") != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "policy: in_force or wanted");
    AUTO_FREE struct due_record *rows = calloc(limit + 1, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "what is due");
    TRY(retention_look(api_of(x)->evidence, p, policy && strcmp(policy, "wanted") == 0,
                       http_query(x, "kind"), when, &after, rows, limit + 1, &n));
    json_t *body = json_object(), *due = json_array();
    for (size_t i = 0; i < n && i < limit; i++)
        (void)json_array_append_new(due, view_due(&rows[i]));
    json_put(body, "due", due);
    if (n > limit)
        api_page_next(x, body, &rows[limit - 1].artefact);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call RETENTION_DUE = {due_run};

/* --- lists -------------------------------------------------------------------------------- */

/* How many items it has is told with those that the caller may see, and nowhere else. */
static json_t *view_list(const struct list_record *l)
{
    json_t *o = json_object();
    view_put_id(o, "id", &l->id);
    json_put_text(o, "state", list_state_name(l->state));
    json_put_text(o, "policy", l->policy);
    put_digest(o, "policy_sha256", l->policy_sha256);
    json_put_text(o, "drawn_by", l->drawn_by);
    json_put_time(o, "drawn_at", l->drawn_at);
    put_by(o, "proposed_by", &l->proposed_by);
    put_time_if(o, "proposed_at", l->proposed_at);
    put_by(o, "approved_by", &l->approved_by);
    put_time_if(o, "approved_at", l->approved_at);
    return o;
}

static enum err list_answer(void *ctx, struct replay_answer *out)
{
    const struct list_record *l = ctx;
    char id[UUID_TEXT_SIZE];
    uuid_format(&l->id, id);
    out->status = 201;
    (void)snprintf(out->location, sizeof(out->location), "/v1/retention/lists/%s", id);
    out->body = view_list(l);
    return ERR_OK;
}

static enum err draw_run(struct http_exchange *x, const struct principal *p,
                         struct replay *once)
{
    char reason[REASON_MAX + 1];
    AUTO_FREE struct list_record *list = calloc(1, sizeof(*list));
    if (!list)
        return err_set(ERR_NOMEM, "a list");
    TRY(api_reason(x, "list", reason));
    replay_keeps(once, list_answer, list);
    TRY(retention_draw(api_of(x)->evidence, p, reason, once, list));
    return api_reply(x, list_answer, list, NULL);
}
const struct api_creation RETENTION_DRAW = {draw_run};

static enum err sign_run(struct http_exchange *x, const struct principal *p,
                         struct replay *once)
{
    struct uuid id;
    size_t left = 0;
    AUTO_FREE struct list_record *list = calloc(1, sizeof(*list));
    if (!list)
        return err_set(ERR_NOMEM, "a list");
    TRY(api_id(x, "id", &id));
    replay_keeps(once, list_answer, list);
    TRY(retention_sign(api_of(x)->evidence, p, &id, once, list, &left));
    return api_reply(x, list_answer, list, NULL);
}
const struct api_creation RETENTION_SIGN = {sign_run};

static enum err list_get_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    AUTO_FREE struct list_view *view = calloc(1, sizeof(*view));
    if (!view)
        return err_set(ERR_NOMEM, "a list");
    TRY(api_id(x, "id", &id));
    TRY(retention_list_get(api_of(x)->evidence, p, &id, view));
    json_t *body = view_list(&view->list), *items = json_array();
    for (size_t i = 0; i < view->n; i++) {
        char text[UUID_TEXT_SIZE];
        uuid_format(&view->items[i], text);
        (void)json_array_append_new(items, json_string(text));
    }
    json_put_int(body, "items", (json_int_t)view->list.items);
    json_put(body, "artefacts", items);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call RETENTION_LIST = {list_get_run};

static enum err lists_run(struct http_exchange *x, const struct principal *p)
{
    size_t n = 0;
    AUTO_FREE struct list_record *rows = calloc(LISTS_SHOWN, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "lists");
    TRY(retention_lists(api_of(x)->evidence, p, rows, LISTS_SHOWN, &n));
    json_t *body = json_object(), *lists = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(lists, view_list(&rows[i]));
    json_put(body, "lists", lists);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call RETENTION_LISTS = {lists_run};

static enum err drop_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    TRY(api_id(x, "id", &id));
    TRY(retention_drop(api_of(x)->evidence, p, &id, ""));
    http_reply_empty(x, 204);
    return ERR_OK;
}
const struct api_call RETENTION_DROP = {drop_run};
