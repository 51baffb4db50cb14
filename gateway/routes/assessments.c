/* Assessments, the recording choice, consents. */
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>

/* --- assessments -------------------------------------------------------------------------- */

static enum err create_run(struct http_exchange *x, const struct principal *p)
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
    TRY(assessment_create(api_of(x)->evidence, p, &claim, &a));
    char id[UUID_TEXT_SIZE], location[80];
    uuid_format(&a.id, id);
    (void)snprintf(location, sizeof(location), "/v1/assessments/%s", id);
    http_reply_header(x, "Location", location);
    http_reply_json(x, 201, view_assessment_new(&a));
    return ERR_OK;
}
const struct api_call ASSESSMENT_CREATE = {create_run};

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
    TRY(json_in_text(&in, "on_behalf_of", JSON_OPTIONAL, e->on_behalf_of,
                     sizeof(e->on_behalf_of)));
    return json_in_done(&in);
}

static enum err choice_run(struct http_exchange *x, const struct principal *p)
{
    struct choice_event event = {.ledger_index = 0};
    struct choice_result result = {.repeated = false};
    TRY(event_read(x, &event));
    buf_init(&result.receipt, RECEIPT_MAX);
    enum err e = choice_record(api_of(x)->evidence, p, &event, &result);
    if (e == ERR_OK) {
        json_t *body = json_object();
        view_put_id(body, "assessment", &event.assessment);
        json_put_text(body, "choice", choice_state_name(result.state));
        json_put(body, "event", view_choice_event(&event));
        json_put_int(body, "recordings_restricted", (json_int_t)result.restricted);
        json_put_text(body, "receipt", buf_text(&result.receipt));
        http_reply_json(x, result.repeated ? 200 : 201, body);
    }
    buf_clear(&result.receipt);
    return e;
}
const struct api_call CHOICE_EVENT = {choice_run};

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

static enum err consent_create_run(struct http_exchange *x, const struct principal *p)
{
    struct consent_record consent = {.ledger_index = 0};
    struct consent_result result = {.repeated = false};
    TRY(consent_read(x, &consent));
    buf_init(&result.receipt, RECEIPT_MAX);
    enum err e = consent_record_decision(api_of(x)->evidence, p, &consent, &result);
    if (e == ERR_OK) {
        json_t *body = json_object();
        json_put(body, "consent", view_consent(&consent));
        json_put_text(body, "receipt", buf_text(&result.receipt));
        http_reply_json(x, result.repeated ? 200 : 201, body);
    }
    buf_clear(&result.receipt);
    return e;
}
const struct api_call CONSENT_CREATE = {consent_create_run};

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
