/* What follows from the recording choice: receipts of its events, retrievals and the deletion
 * of copies, incidents, decisions about the quarantine. */
#include "gateway/base/encode.h"
#include "gateway/evidence/recording/choice.h"
#include "gateway/evidence/recording/copies.h"
#include "gateway/evidence/recording/incident.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIEVALS_STANDARD = 50, INCIDENTS_STANDARD = 50 };

/* --- receipts ----------------------------------------------------------------------------- */

static enum err receipt_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    AUTO_CLEAR(buf_clear) struct buf receipt;
    buf_init(&receipt, RECEIPT_MAX);
    TRY(api_id(x, "id", &id));
    TRY(choice_receipt(api_of(x)->evidence, p, &id, http_param(x, "event"), &receipt));
    http_reply_bytes(x, 200, "text/plain; charset=utf-8", receipt.data, receipt.len);
    return ERR_OK;
}
const struct api_call CHOICE_RECEIPT = {receipt_run};

/* --- retrievals --------------------------------------------------------------------------- */

static enum err retrievals_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"cursor", "limit", NULL};
    AUTO_FREE struct retrievals_view *view = calloc(1, sizeof(*view));
    struct uuid id, after;
    size_t limit = 0;
    if (!view)
        return err_set(ERR_NOMEM, "retrievals");
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, RETRIEVALS_STANDARD, RETRIEVALS_PAGE_MAX, &limit, &after));
    TRY(api_id(x, "id", &id));
    TRY(retrievals_get(api_of(x)->evidence, p, &id, &after, limit, view));
    char hex[HEX_SIZE(32)];
    json_t *body = json_object(), *list = json_array();
    hex_encode(view->artefact.sha256, sizeof(view->artefact.sha256), hex);
    view_put_id(body, "artefact", &id);
    json_put_text(body, "sha256", hex);
    json_put_text(body, "status", artefact_status_name(view->artefact.status));
    for (size_t i = 0; i < view->n; i++)
        (void)json_array_append_new(list, view_retrieval(&view->rows[i]));
    json_put(body, "retrievals", list);
    if (view->n == limit)
        api_page_next(x, body, &view->rows[limit - 1].session.id);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call RETRIEVALS_GET = {retrievals_run};

static enum err nothing_in(json_t *body, const char *what)
{
    struct json_in in;
    TRY(json_in_object(&in, body, what));
    return json_in_done(&in);
}

static enum err deleted_answer(void *ctx, struct replay_answer *out)
{
    out->status = 200;
    out->body = view_retrieval(ctx);
    return ERR_OK;
}

static enum err deleted_run(struct http_exchange *x, const struct principal *p,
                            struct replay *once)
{
    struct retrieval_record record = {.deletion_requested_at = 0};
    struct uuid id, session;
    TRY(api_id(x, "id", &id));
    TRY(api_id(x, "session", &session));
    if (http_body(x)->len > 0) {
        AUTO(json_free) json_t *body = NULL;
        TRY(api_body(x, &body));
        TRY(nothing_in(body, "deleted"));
    }
    replay_keeps(once, deleted_answer, &record);
    TRY(copy_deleted(api_of(x)->evidence, p, &id, &session, once, &record));
    return api_reply(x, deleted_answer, &record, NULL);
}
const struct api_creation COPY_DELETED = {deleted_run};

/* --- incidents ---------------------------------------------------------------------------- */

static enum err open_only(const struct http_exchange *x, bool *out)
{
    const char *text = http_query(x, "open");
    *out = text && strcmp(text, "true") == 0;
    return !text || *out || strcmp(text, "false") == 0
               ? ERR_OK
               : refuse_because(REFUSAL_INVALID_REQUEST, "open is true or false");
}

static enum err incidents_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"open", "cursor", "limit", NULL};
    AUTO_FREE struct incident_record *rows = calloc(INCIDENTS_PAGE_MAX, sizeof(*rows));
    struct uuid after;
    size_t limit = 0, n = 0;
    bool waiting = false;
    if (!rows)
        return err_set(ERR_NOMEM, "incidents");
    TRY(api_query_known(x, KNOWN));
    TRY(open_only(x, &waiting));
    TRY(api_page(x, INCIDENTS_STANDARD, INCIDENTS_PAGE_MAX, &limit, &after));
    TRY(incident_get_all(api_of(x)->evidence, p, waiting, &after, rows, limit, &n));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, view_incident(&rows[i], true));
    json_put(body, "incidents", list);
    if (n == limit)
        api_page_next(x, body, &rows[limit - 1].id);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call INCIDENT_LIST = {incidents_run};

static enum err reviewed_answer(void *ctx, struct replay_answer *out)
{
    out->status = 200;
    out->body = view_incident(ctx, true);
    return ERR_OK;
}

static enum err review_run(struct http_exchange *x, const struct principal *p,
                           struct replay *once)
{
    struct incident_record record = {.reviewed_at = 0};
    char outcome[INCIDENT_OUTCOME_MAX + 1];
    struct json_in in;
    struct uuid id;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_id(x, "id", &id));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "review"));
    TRY(json_in_text(&in, "outcome", JSON_REQUIRED, outcome, sizeof(outcome)));
    TRY(json_in_done(&in));
    replay_keeps(once, reviewed_answer, &record);
    TRY(incident_close(api_of(x)->evidence, p, &id, outcome, once, &record));
    return api_reply(x, reviewed_answer, &record, NULL);
}
const struct api_creation INCIDENT_REVIEW = {review_run};

/* --- out of quarantine -------------------------------------------------------------------- */

static enum err decided_answer(void *ctx, struct replay_answer *out)
{
    out->status = 200;
    out->body = view_artefact(ctx, false); /* a records owner sends none in */
    return ERR_OK;
}

static enum err decide_run(struct http_exchange *x, const struct principal *p,
                           struct replay *once)
{
    struct artefact_record record = {.size = 0};
    char reason[REASON_MAX + 1];
    struct uuid id;
    TRY(api_id(x, "id", &id));
    TRY(api_reason(x, "quarantine release", reason));
    replay_keeps(once, decided_answer, &record);
    TRY(recording_decide(api_of(x)->evidence, p, &id, reason, once, &record));
    return api_reply(x, decided_answer, &record, NULL);
}
const struct api_creation QUARANTINE_RELEASE = {decide_run};
