/* The calls of the FHIR facade. A body is taken only from who may send a report, in memory that
 * is wiped; the document in it goes the road of every report (report.h). */
#include "gateway/routes/fhir.h"

#include "gateway/http/fields.h"
#include "gateway/routes/intake.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- create ------------------------------------------------------------------------------- */

struct creating {
    struct principal caller;
    char key[IDEMPOTENCY_KEY_MAX + 1];
    struct buf body;
};

static enum err head_read(struct http_exchange *x, struct creating *c)
{
    char type[MEDIA_TYPE_MAX + 1] = "";
    const char *stated = http_header(x, "Content-Type");
    TRY(report_may_send(&c->caller));
    TRY(intake_site_check(x, &c->caller));
    TRY(intake_coding_check(x));
    TRY(api_key(x, c->key));
    if (!stated || field_media_type(stated, type, sizeof(type)) != ERR_OK ||
        (strcmp(type, FHIR_JSON) != 0 && strcmp(type, "application/json") != 0))
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "a resource is " FHIR_JSON);
    return ERR_OK;
}

void fhir_create_begin(struct http_exchange *x)
{
    struct creating *c = calloc(1, sizeof(*c));
    if (!c) {
        fhir_refuse(x, err_set(ERR_NOMEM, "a resource"), NULL);
        return;
    }
    http_state_set(x, c);
    buf_init_secret(&c->body, FHIR_BODY_MAX);
    if (fhir_caller(x, &c->caller) != ERR_OK)
        return;
    enum err e = head_read(x, c);
    if (e != ERR_OK)
        fhir_refuse(x, e, NULL);
}

void fhir_create_piece(struct http_exchange *x, const void *data, size_t len)
{
    struct creating *c = http_state(x);
    enum err e = buf_append(&c->body, data, len);
    if (e == ERR_TOO_LARGE)
        e = refuse_because(REFUSAL_FILE_TOO_LARGE, "a resource has at most %d MB",
                           FHIR_BODY_MAX >> 20);
    if (e != ERR_OK)
        fhir_refuse(x, e, NULL);
}

static void put_location(struct http_exchange *x, const struct artefact_record *a)
{
    char id[UUID_TEXT_SIZE], text[128];
    uuid_format(&a->id, id);
    (void)snprintf(text, sizeof(text), "/fhir/DocumentReference/%s/_history/1", id);
    http_reply_header(x, "Location", text);
    (void)snprintf(text, sizeof(text), "</v1/artefacts/%s/receipt>; rel=\"receipt\"", id);
    http_reply_header(x, "Link", text);
}

static enum err created_reply(struct http_exchange *x, const struct fhir_document *d,
                              const struct upload_result *result)
{
    json_t *resource = NULL;
    TRY(fhir_document_view(&d->resource, &result->artefact, &resource));
    put_location(x, &result->artefact);
    http_reply_header(x, "ETag", "W/\"1\"");
    fhir_reply(x, 201, resource);
    return ERR_OK;
}

static enum err document_send(struct http_exchange *x, struct creating *c,
                              struct fhir_document *d)
{
    AUTO(upload_free) struct upload *upload = NULL;
    AUTO_FREE struct upload_request *rq = calloc(1, sizeof(*rq));
    AUTO_FREE struct upload_result *result = calloc(1, sizeof(*result));
    if (!rq || !result)
        return err_set(ERR_NOMEM, "a document");
    memcpy(rq->media_type, "application/pdf", sizeof("application/pdf"));
    memcpy(rq->filename, d->title, sizeof(rq->filename));
    memcpy(rq->idempotency_key, c->key, sizeof(rq->idempotency_key));
    rq->length = (int64_t)d->bytes.len;
    TRY(report_begin(api_of(x)->evidence, &c->caller, rq, &upload));
    TRY(report_describe(upload, &d->facts));
    TRY(upload_write(upload, d->bytes.data, d->bytes.len));
    enum err e = upload_finish(upload, result);
    if (e == ERR_OK)
        e = created_reply(x, d, result);
    struct err_info outcome;
    err_save(e, &outcome);
    buf_clear(&result->receipt);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

void fhir_create_finish(struct http_exchange *x)
{
    struct creating *c = http_state(x);
    AUTO_FREE struct fhir_document *d = malloc(sizeof(*d));
    if (!d) {
        fhir_refuse(x, err_set(ERR_NOMEM, "a document"), NULL);
        return;
    }
    fhir_document_init(d);
    enum err e = fhir_document_read(&c->body, d);
    if (e == ERR_OK)
        e = document_send(x, c, d);
    if (e != ERR_OK)
        fhir_refuse(x, e, d->path);
    fhir_document_clear(d);
}

void fhir_create_done(struct http_exchange *x)
{
    struct creating *c = http_state(x);
    if (!c)
        return;
    http_state_set(x, NULL);
    buf_clear(&c->body);
    sodium_memzero(c, sizeof(*c));
    free(c);
}

/* --- read --------------------------------------------------------------------------------- */

static enum err read_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_CLEAR(buf_clear) struct buf kept;
    struct artefact_record artefact;
    json_t *resource = NULL;
    struct uuid id;
    buf_init_secret(&kept, REPORT_RESOURCE_MAX);
    TRY(api_id(x, "id", &id));
    TRY(report_resource(api_of(x)->evidence, p, &id, &artefact, &kept));
    TRY(fhir_document_view(&kept, &artefact, &resource));
    http_reply_header(x, "ETag", "W/\"1\"");
    fhir_reply(x, 200, resource);
    return ERR_OK;
}

void fhir_read_handle(struct http_exchange *x)
{
    struct principal caller;
    if (fhir_caller(x, &caller) != ERR_OK)
        return;
    enum err e = read_run(x, &caller);
    if (e != ERR_OK)
        fhir_refuse(x, e, NULL);
}
