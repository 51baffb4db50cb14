/* Claims: registration by the claims system, changes, views, history. */
#include "gateway/base/clock.h"
#include "gateway/evidence/claims/history.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIM_PAGE_STANDARD = 20, CLAIM_PAGE_MAX = 50, HISTORY_STANDARD = 100 };

/* --- reading a draft ---------------------------------------------------------------------- */

static enum err read_claimant(struct claim_record *c, json_t *value)
{
    struct json_in in;
    char nino[NINO_MAX * 3];
    TRY(json_in_object(&in, value, "claimant"));
    TRY(json_in_text(&in, "subject", JSON_REQUIRED, c->claimant.subject,
                     sizeof(c->claimant.subject)));
    TRY(json_in_text(&in, "issuer", JSON_OPTIONAL, c->claimant.issuer,
                     sizeof(c->claimant.issuer)));
    TRY(json_in_text(&in, "name", JSON_OPTIONAL, c->claimant_name, sizeof(c->claimant_name)));
    TRY(json_in_text(&in, "date_of_birth", JSON_OPTIONAL, c->claimant_born,
                     sizeof(c->claimant_born)));
    TRY(json_in_text(&in, "nino", JSON_OPTIONAL, nino, sizeof(nino)));
    TRY(json_in_done(&in));
    if (c->claimant_born[0])
        TRY(date_check(c->claimant_born));
    return nino[0] ? nino_clean(nino, c->claimant_nino) : ERR_OK;
}

static enum err party_role_check(const struct party_record *p)
{
    static const char *const ROLES[] = {"representative", "health_professional", "assessor"};
    for (size_t i = 0; i < ARRAY_LEN(ROLES); i++) {
        if (strcmp(p->role, ROLES[i]) == 0)
            return ERR_OK;
    }
    return refuse_because(REFUSAL_INVALID_REQUEST,
                          "a party's role is representative, health_professional or assessor");
}

static enum err read_party(struct party_record *p, json_t *value)
{
    struct json_in in;
    TRY(json_in_object(&in, value, "parties[]"));
    TRY(json_in_text(&in, "subject", JSON_REQUIRED, p->person.subject,
                     sizeof(p->person.subject)));
    TRY(json_in_text(&in, "issuer", JSON_OPTIONAL, p->person.issuer, sizeof(p->person.issuer)));
    TRY(json_in_text(&in, "role", JSON_REQUIRED, p->role, sizeof(p->role)));
    TRY(json_in_text(&in, "kind", JSON_OPTIONAL, p->kind, sizeof(p->kind)));
    TRY(json_in_text(&in, "scope", JSON_OPTIONAL, p->scope, sizeof(p->scope)));
    TRY(json_in_time(&in, "from", JSON_OPTIONAL, NULL, &p->from));
    TRY(json_in_time(&in, "until", JSON_OPTIONAL, NULL, &p->until));
    TRY(json_in_done(&in));
    return party_role_check(p);
}

static enum err read_people(struct json_in *in, struct claim_draft *d)
{
    json_t *parties = NULL, *assigned = NULL;
    TRY(json_in_array(in, "parties", JSON_OPTIONAL, PARTIES_MAX, &parties));
    TRY(json_in_array(in, "assigned_to", JSON_OPTIONAL, ASSIGNED_MAX, &assigned));
    d->has_parties = parties != NULL;
    d->has_assigned = assigned != NULL;
    for (size_t i = 0; i < json_array_size(parties); i++)
        TRY(read_party(&d->parties[d->n_parties++], json_array_get(parties, i)));
    for (size_t i = 0; i < json_array_size(assigned); i++) {
        const char *subject = json_string_value(json_array_get(assigned, i));
        if (!subject || !*subject || strlen(subject) > SUBJECT_MAX)
            return refuse_because(REFUSAL_INVALID_REQUEST, "assigned_to wants subjects");
        memcpy(d->assigned[d->n_assigned++], subject, strlen(subject) + 1);
    }
    return ERR_OK;
}

/* Of the claimant only the death can change; null takes back what was told wrongly. */
static enum err read_death(struct json_in *in, struct claim_draft *d)
{
    json_t *claimant = NULL;
    struct json_in inside;
    TRY(json_in_child(in, "claimant", JSON_OPTIONAL, &claimant));
    if (!claimant)
        return ERR_OK;
    d->has_death = json_object_get(claimant, "died_at") != NULL;
    TRY(json_in_object(&inside, claimant, "claimant"));
    TRY(json_in_time(&inside, "died_at", JSON_OPTIONAL, NULL, &d->died_at));
    return json_in_done(&inside);
}

static enum err read_nation(struct json_in *in, struct claim_draft *d)
{
    enum nation nation;
    TRY(json_in_text(in, "nation", JSON_OPTIONAL, d->nation, sizeof(d->nation)));
    d->has_nation = d->nation[0] != 0;
    return d->has_nation ? nation_parse(d->nation, &nation) : ERR_OK;
}

static enum err read_draft(json_t *body, bool whole, struct claim_draft *d)
{
    struct json_in in;
    struct claim_record *c = &d->record;
    enum json_need need = whole ? JSON_REQUIRED : JSON_OPTIONAL;
    TRY(json_in_object(&in, body, "claim"));
    if (whole) {
        json_t *claimant = NULL;
        TRY(json_in_text(&in, "external_reference", need, c->external_reference,
                         sizeof(c->external_reference)));
        TRY(json_in_text(&in, "benefit", need, c->benefit, sizeof(c->benefit)));
        TRY(json_in_child(&in, "claimant", need, &claimant));
        TRY(read_claimant(c, claimant));
    } else {
        TRY(read_death(&in, d));
    }
    d->has_stage = json_object_get(body, "stage") != NULL;
    d->has_special_rules = json_object_get(body, "special_rules") != NULL;
    TRY(json_in_text(&in, "stage", JSON_OPTIONAL, c->stage, sizeof(c->stage)));
    TRY(json_in_bool(&in, "special_rules", JSON_OPTIONAL, &c->special_rules));
    TRY(read_nation(&in, d));
    TRY(read_people(&in, d));
    return json_in_done(&in);
}

static enum err draft_from(struct http_exchange *x, bool whole, struct claim_draft **out)
{
    AUTO(json_free) json_t *body = NULL;
    AUTO_FREE struct claim_draft *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(ERR_NOMEM, "claim");
    TRY(api_body(x, &body));
    TRY(read_draft(body, whole, d));
    *out = TAKE(d);
    return ERR_OK;
}

/* --- calls -------------------------------------------------------------------------------- */

struct registered {
    struct claim_view view;
    bool existed;
};

static enum err registered_answer(void *ctx, struct replay_answer *out)
{
    const struct registered *r = ctx;
    char id[UUID_TEXT_SIZE];
    uuid_format(&r->view.record.id, id);
    out->status = r->existed ? 200 : 201;
    if (!r->existed)
        (void)snprintf(out->location, sizeof(out->location), "/v1/claims/%s", id);
    out->body = view_claim(&r->view);
    return ERR_OK;
}

static enum err create_run(struct http_exchange *x, const struct principal *p,
                           struct replay *once)
{
    AUTO_FREE struct claim_draft *draft = NULL;
    AUTO_FREE struct registered *r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(ERR_NOMEM, "claim");
    TRY(draft_from(x, true, &draft));
    replay_keeps(once, registered_answer, r);
    TRY(claim_register(api_of(x)->evidence, p, draft, once, &r->view, &r->existed));
    return api_reply(x, registered_answer, r, NULL);
}
const struct api_creation CLAIM_CREATE = {create_run};

static enum err change_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_FREE struct claim_draft *draft = NULL;
    AUTO_FREE struct claim_view *view = calloc(1, sizeof(*view));
    struct uuid id;
    if (!view)
        return err_set(ERR_NOMEM, "claim");
    TRY(api_id(x, "claim", &id));
    TRY(draft_from(x, false, &draft));
    TRY(claim_change(api_of(x)->evidence, p, &id, draft, view));
    http_reply_json(x, 200, view_claim(view));
    return ERR_OK;
}
const struct api_call CLAIM_CHANGE = {change_run};

static enum err get_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_FREE struct claim_view *view = calloc(1, sizeof(*view));
    struct uuid id;
    if (!view)
        return err_set(ERR_NOMEM, "claim");
    TRY(api_id(x, "claim", &id));
    TRY(claim_get(api_of(x)->evidence, p, &id, view));
    http_reply_json(x, 200, view_claim(view));
    return ERR_OK;
}
const struct api_call CLAIM_GET = {get_run};

/* The cursor of a list of work tells whether its urgent part is over: where an id has the
 * number of its version, 15 stands for that. */
enum { CURSOR_BYTE = 6, CURSOR_ID = 0x70, CURSOR_BEHIND = 0xf0, CURSOR_REST = 0x0f };

static void cursor_read(struct claim_query *q)
{
    uint8_t *version = &q->after.bytes[CURSOR_BYTE];
    q->behind_urgent = (*version & ~CURSOR_REST) == CURSOR_BEHIND;
    if (q->behind_urgent)
        *version = (uint8_t)(CURSOR_ID | (*version & CURSOR_REST));
}

static struct uuid cursor_write(const struct claim_view *last)
{
    struct uuid cursor = last->record.id;
    uint8_t *version = &cursor.bytes[CURSOR_BYTE];
    if (!last->urgent)
        *version = (uint8_t)(CURSOR_BEHIND | (*version & CURSOR_REST));
    return cursor;
}

static enum err list_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {
        "external_reference", "assigned_to", "stage", "ageing", "cursor", "limit", NULL};
    struct claim_query q = {.external_reference = http_query(x, "external_reference"),
                            .stage = http_query(x, "stage")};
    const char *assigned = http_query(x, "assigned_to"), *ageing = http_query(x, "ageing");
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, CLAIM_PAGE_STANDARD, CLAIM_PAGE_MAX, &q.limit, &q.after));
    cursor_read(&q);
    if (assigned && strcmp(assigned, "me") != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "assigned_to may only be me");
    q.assigned_to_me = assigned != NULL;
    if (ageing && strcmp(ageing, "true") != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "ageing may only be true");
    q.ageing = ageing != NULL;
    size_t page = q.limit++; /* one more tells whether there is another page */
    AUTO_FREE struct claim_view *rows = calloc(q.limit, sizeof(*rows));
    size_t n = 0;
    if (!rows)
        return err_set(ERR_NOMEM, "claims");
    TRY((q.ageing ? claim_find_ageing : claim_find_all)(api_of(x)->evidence, p, &q, rows, &n));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n && i < page; i++)
        (void)json_array_append_new(list, view_claim(&rows[i]));
    json_put(body, "claims", list);
    if (n > page) {
        struct uuid cursor = cursor_write(&rows[page - 1]);
        api_page_next(x, body, &cursor);
    }
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call CLAIM_LIST = {list_run};

/* --- history ------------------------------------------------------------------------------ */

/* The cursor of a history is the log's entry number in 16 hex digits inside an id's shape. */
static uint64_t entry_after(const struct uuid *cursor)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++)
        n = n << 8 | cursor->bytes[i];
    return uuid_is_nil(cursor) ? UINT64_MAX : n - 1;
}

static struct uuid entry_cursor(uint64_t entry)
{
    struct uuid cursor = {{0}};
    for (size_t i = 0; i < 8; i++)
        cursor.bytes[i] = (uint8_t)((entry + 1) >> (56 - 8 * i));
    return cursor;
}

static enum err history_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"cursor", "limit", NULL};
    struct uuid id, cursor;
    size_t limit = 0;
    uint64_t next = UINT64_MAX;
    json_t *events = NULL;
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, HISTORY_STANDARD, HISTORY_PAGE_MAX, &limit, &cursor));
    TRY(api_id(x, "claim", &id));
    TRY(history_of_claim(api_of(x)->evidence, p, &id, entry_after(&cursor), limit, &events,
                         &next));
    json_t *body = json_object();
    json_put(body, "events", events);
    if (next != UINT64_MAX) {
        struct uuid at = entry_cursor(next);
        api_page_next(x, body, &at);
    }
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call CLAIM_HISTORY = {history_run};
