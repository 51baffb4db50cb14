/* Medical reports: sent as a form or as a PDF, the tray of those that belong to no claim yet,
 * and the page to print.
 *
 * A form is gathered whole, in memory that is wiped, and becomes the artefact byte for byte;
 * nobody's body is taken before they have shown that they may send one. */
#include "gateway/routes/reports.h"

#include "gateway/base/clock.h"
#include "gateway/http/fields.h"
#include "gateway/http/multipart.h"
#include "gateway/routes/view.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAY_PAGE_STANDARD = 50 };

/* --- sending ------------------------------------------------------------------------------ */

json_t *report_created(const struct upload_result *result)
{
    json_t *body = intake_created(result);
    json_put_bool(body, "linked", result->linked);
    return body;
}

static void reply_refused(struct reporting *r, enum err e, const struct upload_result *result)
{
    struct api_trouble trouble;
    api_trouble_of(r->x, e, &trouble);
    api_trouble_reply(r->x, &trouble, intake_refused(result));
}

enum err reporting_send(struct reporting *r)
{
    AUTO_FREE struct upload_result *result = calloc(1, sizeof(*result));
    if (!result)
        return err_set(ERR_NOMEM, "a report");
    enum err e = upload_finish(r->upload, result);
    if (e != ERR_OK)
        reply_refused(r, e, result);
    else
        intake_reply_created(r->x, &result->artefact.id, result->artefact.sha256,
                             report_created(result));
    buf_clear(&result->receipt);
    return ERR_OK;
}

/* --- a form ------------------------------------------------------------------------------- */

static enum err document_read(struct reporting *r)
{
    AUTO_FREE struct report_form *form = calloc(1, sizeof(*form));
    if (!form)
        return err_set(ERR_NOMEM, "a report");
    enum err e = report_form_parse(r->document.data, r->document.len, clock_now(), form);
    memcpy(r->facts.form, form->form, sizeof(form->form));
    r->facts.patient = form->patient;
    r->facts.has_claim = form->has_claim;
    r->facts.claim = form->claim;
    sodium_memzero(form, sizeof(*form));
    return e;
}

static enum err document_send(struct reporting *r)
{
    TRY(document_read(r));
    r->rq.length = (int64_t)r->document.len;
    TRY(report_begin(api_of(r->x)->evidence, &r->caller, &r->rq, &r->upload));
    TRY(report_describe(r->upload, &r->facts));
    TRY(upload_write(r->upload, r->document.data, r->document.len));
    return reporting_send(r);
}

static enum err document_piece(struct reporting *r, const void *data, size_t len)
{
    enum err e = buf_append(&r->document, data, len);
    return e == ERR_TOO_LARGE
               ? refuse_because(REFUSAL_FILE_TOO_LARGE, "a form has at most %d KB",
                                REPORT_DOCUMENT_MAX / 1024)
               : e;
}

/* --- the call ----------------------------------------------------------------------------- */

static enum err head_read(struct reporting *r)
{
    static const char *const NONE[] = {NULL};
    const char *type = http_header(r->x, "Content-Type");
    TRY(report_may_send(&r->caller));
    TRY(intake_site_check(r->x, &r->caller));
    TRY(intake_coding_check(r->x));
    TRY(api_query_known(r->x, NONE));
    TRY(api_key(r->x, r->rq.idempotency_key));
    if (multipart_is_form(type))
        return report_file_begin(r);
    if (!type || field_media_type(type, r->rq.media_type, sizeof(r->rq.media_type)) != ERR_OK ||
        strcmp(r->rq.media_type, "application/json") != 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "a report is application/json, or a PDF in multipart/form-data");
    TRY(intake_digest(http_header(r->x, "Repr-Digest"), &r->rq));
    return intake_digest(http_header(r->x, "Content-Digest"), &r->rq);
}

void report_intake_begin(struct http_exchange *x)
{
    struct reporting *r = calloc(1, sizeof(*r));
    if (!r) {
        api_problem(x, err_set(ERR_NOMEM, "a report"));
        return;
    }
    http_state_set(x, r);
    r->x = x;
    r->rq.length = -1;
    buf_init_secret(&r->document, REPORT_DOCUMENT_MAX);
    if (api_caller(x, &r->caller) != ERR_OK)
        return;
    enum err e = head_read(r);
    if (e != ERR_OK)
        api_problem(x, e);
}

void report_intake_piece(struct http_exchange *x, const void *data, size_t len)
{
    struct reporting *r = http_state(x);
    enum err e = r->parser ? report_file_piece(r, data, len) : document_piece(r, data, len);
    if (e != ERR_OK)
        api_problem(x, e);
}

static enum err finish_checked(struct reporting *r)
{
    if (!r->parser)
        return document_send(r);
    TRY(report_file_end(r));
    return reporting_send(r);
}

void report_intake_finish(struct http_exchange *x)
{
    enum err e = finish_checked(http_state(x));
    if (e != ERR_OK)
        api_problem(x, e);
}

void report_intake_done(struct http_exchange *x)
{
    struct reporting *r = http_state(x);
    if (!r)
        return;
    http_state_set(x, NULL);
    upload_free(r->upload);
    multipart_free(r->parser);
    content_digest_free(r->digest);
    buf_clear(&r->document);
    sodium_memzero(r, sizeof(*r));
    free(r);
}

/* --- the tray ----------------------------------------------------------------------------- */

static json_t *view_waiting(const struct report_on_tray *w)
{
    json_t *o = json_object(), *patient = json_object();
    view_put_id(o, "id", &w->artefact.id);
    json_put_text(o, "form", w->form);
    json_put_text(o, "media_type", w->artefact.media_type);
    json_put_int(o, "size", (json_int_t)w->artefact.size);
    json_put_text(o, "status", artefact_status_name(w->artefact.status));
    json_put_time(o, "received_at", w->artefact.received_at);
    json_put_int(o, "age_seconds", w->waiting_us / MICROS_PER_SECOND);
    json_put_bool(o, "overdue", w->overdue);
    json_put_text_if(patient, "name", w->patient.name);
    json_put_text_if(patient, "date_of_birth", w->patient.born);
    json_put_text_if(patient, "nino", w->patient.nino);
    json_put(o, "patient", patient);
    return o;
}

static void tray_reply(struct http_exchange *x, const struct report_on_tray *rows, size_t n,
                       size_t page)
{
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n && i < page; i++)
        (void)json_array_append_new(list, view_waiting(&rows[i]));
    json_put(body, "reports", list);
    if (n > page)
        api_page_next(x, body, &rows[page - 1].artefact.id);
    http_reply_json(x, 200, body);
}

static enum err tray_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"cursor", "limit", NULL};
    struct uuid after;
    size_t page = 0, n = 0;
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, TRAY_PAGE_STANDARD, PAGE_MAX, &page, &after));
    size_t limit = page + 1; /* one more tells whether there is another page */
    AUTO_FREE struct report_on_tray *rows = calloc(limit, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "the tray");
    enum err e = report_tray(api_of(x)->evidence, p, &after, limit, rows, &n);
    if (e == ERR_OK)
        tray_reply(x, rows, n, page);
    sodium_memzero(rows, limit * sizeof(*rows));
    return e;
}
const struct api_call UNLINKED_LIST = {tray_run};

static enum err link_run(struct http_exchange *x, const struct principal *p,
                         struct replay *once)
{
    struct uuid id, claim;
    struct json_in in;
    char claim_text[UUID_TEXT_SIZE], reason[REASON_MAX + 1];
    AUTO(json_free) json_t *body = NULL;
    AUTO_FREE struct artefact_view *view = calloc(1, sizeof(*view));
    if (!view)
        return err_set(ERR_NOMEM, "artefact");
    TRY(api_id(x, "id", &id));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "link"));
    TRY(json_in_text(&in, "claim", JSON_REQUIRED, claim_text, sizeof(claim_text)));
    TRY(json_in_text(&in, "reason", JSON_REQUIRED, reason, sizeof(reason)));
    TRY(json_in_done(&in));
    if (uuid_parse(claim_text, &claim) != ERR_OK)
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    replay_keeps(once, api_artefact_linked, view);
    TRY(report_link(api_of(x)->evidence, p, &id, &claim, reason, once, view));
    return api_reply(x, api_artefact_linked, view, NULL);
}
const struct api_creation UNLINKED_LINK = {link_run};

/* --- the page to print -------------------------------------------------------------------- */

static void print_reply(struct http_exchange *x, const struct report_print *print)
{
    char id[UUID_TEXT_SIZE], link[96];
    uuid_format(&print->artefact.id, id);
    (void)snprintf(link, sizeof(link), "</v1/artefacts/%s/content>; rel=\"original\"", id);
    http_reply_header(x, "Link", link);
    http_reply_header(x, "Content-Disposition", "inline; filename=\"report.pdf\"");
    http_reply_header(x, "Content-Security-Policy", "sandbox; default-src 'none'");
    http_reply_header(x, "Cross-Origin-Resource-Policy", "same-origin");
    http_reply_header(x, "Cache-Control", "no-store");
    http_reply_header(x, "Evidence-Derivative", "rendered");
    http_reply_bytes(x, 200, "application/pdf", print->pdf.data, print->pdf.len);
}

static enum err print_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"purpose", NULL};
    AUTO_FREE struct report_print *print = calloc(1, sizeof(*print));
    enum purpose purpose;
    struct err_info outcome;
    struct uuid id;
    if (!print)
        return err_set(ERR_NOMEM, "a print");
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "id", &id));
    TRY(api_purpose(x, &purpose));
    enum err e = report_print(api_of(x)->evidence, p, &id, purpose, print);
    if (e == ERR_OK)
        print_reply(x, print);
    err_save(e, &outcome);
    buf_clear(&print->pdf);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}
const struct api_call ARTEFACT_PRINT = {print_run};
