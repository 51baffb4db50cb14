/* Assessments, the recording choice, consents. */
#include "gateway/base/encode.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- assessments -------------------------------------------------------------------------- */

static enum err made_answer(void *ctx, struct replay_answer *out)
{
    const struct assessment_record *a = ctx;
    char id[UUID_TEXT_SIZE];
    uuid_format(&a->id, id);
    out->status = 201;
    (void)snprintf(out->location, sizeof(out->location), "/v1/assessments/%s", id);
    out->body = view_assessment_new(a);
    return ERR_OK;
}

static enum err create_run(struct http_exchange *x, const struct principal *p,
                           struct replay *once)
{
    struct assessment_record a = {.created_at = 0};
    struct json_in in;
    struct uuid claim;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_id(x, "claim", &claim));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "assessment"));
    TRY(json_in_text(&in, "channel", JSON_OPTIONAL, a.channel, sizeof(a.channel)));
    TRY(json_in_text(&in, "provider", JSON_OPTIONAL, a.provider, sizeof(a.provider)));
    TRY(json_in_time(&in, "scheduled_at", JSON_OPTIONAL, NULL, &a.scheduled_at));
    TRY(json_in_done(&in));
    replay_keeps(once, made_answer, &a);
    TRY(assessment_create(api_of(x)->evidence, p, &claim, once, &a));
    return api_reply(x, made_answer, &a, NULL);
}
const struct api_creation ASSESSMENT_CREATE = {create_run};

static enum err get_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_CLEAR(assessment_view_clear) struct assessment_view view = {.n_events = 0};
    struct uuid id;
    TRY(api_id(x, "id", &id));
    TRY(assessment_get(api_of(x)->evidence, p, &id, &view));
    http_reply_json(x, 200, view_assessment(&view, p));
    return ERR_OK;
}
const struct api_call ASSESSMENT_GET = {get_run};

/* --- choice ------------------------------------------------------------------------------- */

static enum err notice_hash_read(struct json_in *in, struct choice_event *e)
{
    char hex[HEX_SIZE(32)];
    TRY(json_in_text(in, "notice_sha256", JSON_OPTIONAL, hex, sizeof(hex)));
    e->has_notice_sha256 = hex[0] != 0;
    if (hex[0] &&
        hex_decode(hex, strlen(hex), e->notice_sha256, sizeof(e->notice_sha256)) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "notice_sha256 wants 64 hex digits");
    return ERR_OK;
}

static enum err event_read(struct http_exchange *x, struct choice_event *e)
{
    struct json_in in;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_id(x, "id", &e->assessment));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "choice"));
    TRY(json_in_text(&in, "event_id", JSON_REQUIRED, e->event_id, sizeof(e->event_id)));
    TRY(json_in_text(&in, "event", JSON_REQUIRED, e->event, sizeof(e->event)));
    TRY(json_in_time(&in, "effective_at", JSON_REQUIRED, NULL, &e->effective_at));
    TRY(json_in_text(&in, "channel", JSON_OPTIONAL, e->channel, sizeof(e->channel)));
    TRY(json_in_text(&in, "notice_version", JSON_OPTIONAL, e->notice_version,
                     sizeof(e->notice_version)));
    TRY(notice_hash_read(&in, e));
    TRY(json_in_text(&in, "on_behalf_of", JSON_OPTIONAL, e->on_behalf_of,
                     sizeof(e->on_behalf_of)));
    return json_in_done(&in);
}

struct chosen {
    struct choice_event event;
    struct choice_result result;
};

static enum err chosen_answer(void *ctx, struct replay_answer *out)
{
    const struct chosen *c = ctx;
    out->status = c->result.repeated ? 200 : 201;
    out->receipted = true;
    out->entry = c->event.ledger_index;
    out->body = json_object();
    view_put_id(out->body, "assessment", &c->event.assessment);
    json_put_text(out->body, "choice", choice_state_name(c->result.state));
    json_put(out->body, "event", view_choice_event(&c->event));
    json_put_int(out->body, "recordings_restricted", (json_int_t)c->result.restricted);
    return ERR_OK;
}

static enum err choice_run(struct http_exchange *x, const struct principal *p,
                           struct replay *once)
{
    struct chosen c = {.result = {.repeated = false}};
    TRY(event_read(x, &c.event));
    buf_init(&c.result.receipt, RECEIPT_MAX);
    replay_keeps(once, chosen_answer, &c);
    enum err e = choice_record(api_of(x)->evidence, p, &c.event, once, &c.result);
    if (e == ERR_OK)
        e = api_reply(x, chosen_answer, &c, &c.result.receipt);
    buf_clear(&c.result.receipt);
    return e;
}
const struct api_creation CHOICE_EVENT = {choice_run};

/* --- consents ----------------------------------------------------------------------------- */

static enum err consent_read(struct http_exchange *x, struct consent_record *c)
{
    struct json_in in;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_id(x, "claim", &c->claim));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "consent"));
    TRY(json_in_text(&in, "event_id", JSON_REQUIRED, c->event_id, sizeof(c->event_id)));
    TRY(json_in_text(&in, "purpose", JSON_REQUIRED, c->purpose, sizeof(c->purpose)));
    TRY(json_in_text(&in, "decision", JSON_REQUIRED, c->decision, sizeof(c->decision)));
    TRY(json_in_text(&in, "statement_version", JSON_REQUIRED, c->statement_version,
                     sizeof(c->statement_version)));
    TRY(json_in_time(&in, "effective_at", JSON_REQUIRED, NULL, &c->effective_at));
    return json_in_done(&in);
}

struct consented {
    struct consent_record consent;
    struct consent_result result;
};

static enum err consented_answer(void *ctx, struct replay_answer *out)
{
    const struct consented *c = ctx;
    out->status = c->result.repeated ? 200 : 201;
    out->receipted = true;
    out->entry = c->consent.ledger_index;
    out->body = json_object();
    json_put(out->body, "consent", view_consent(&c->consent));
    return ERR_OK;
}

static enum err consent_create_run(struct http_exchange *x, const struct principal *p,
                                   struct replay *once)
{
    struct consented c = {.result = {.repeated = false}};
    TRY(consent_read(x, &c.consent));
    buf_init(&c.result.receipt, RECEIPT_MAX);
    replay_keeps(once, consented_answer, &c);
    enum err e = consent_record_decision(api_of(x)->evidence, p, &c.consent, once, &c.result);
    if (e == ERR_OK)
        e = api_reply(x, consented_answer, &c, &c.result.receipt);
    buf_clear(&c.result.receipt);
    return e;
}
const struct api_creation CONSENT_CREATE = {consent_create_run};

static enum err consent_list_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid claim;
    size_t n = 0;
    AUTO_FREE struct consent_record *rows = calloc(CONSENTS_MAX, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "consents");
    TRY(api_id(x, "claim", &claim));
    TRY(consent_get_all(api_of(x)->evidence, p, &claim, rows, CONSENTS_MAX, &n));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, view_consent(&rows[i]));
    json_put(body, "consents", list);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call CONSENT_LIST = {consent_list_run};
