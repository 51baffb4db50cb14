/* POST /v1/claims/{claim}/artefacts with a raw body: the request's head becomes an
 * upload_request, its body goes through. */
#include "gateway/base/clock.h"
#include "gateway/evidence/upload.h"
#include "gateway/http/fields.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the head ----------------------------------------------------------------------------- */

static enum err text_argument(const struct http_exchange *x, const char *name, char *out,
                              size_t cap)
{
    const char *value = http_query(x, name);
    if (!value)
        return ERR_OK;
    if (strlen(value) >= cap)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s is too long", name);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            return refuse_because(REFUSAL_INVALID_REQUEST, "%s holds a control character",
                                  name);
    }
    memcpy(out, value, strlen(value) + 1);
    return ERR_OK;
}

static enum err time_argument(const struct http_exchange *x, const char *name, int64_t *out)
{
    const char *value = http_query(x, name);
    return value ? time_parse(value, out) : ERR_OK;
}

static enum err recording_arguments(const struct http_exchange *x, struct upload_request *rq)
{
    const char *assessment = http_query(x, "assessment");
    if (assessment && uuid_parse(assessment, &rq->assessment) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "this claim has no such assessment");
    rq->has_assessment = assessment != NULL;
    TRY(time_argument(x, "recording_started_at", &rq->recording_started_at));
    return time_argument(x, "recording_stopped_at", &rq->recording_stopped_at);
}

/* Repr-Digest is of the representation, Content-Digest of this message's content: here they are
 * the same bytes. */
static enum err digest_field(const char *value, struct upload_request *rq)
{
    bool present = false;
    uint8_t sha256[32];
    if (!value)
        return ERR_OK;
    TRY(field_digest_parse(value, &present, sha256));
    if (!present)
        return ERR_OK;
    if (rq->has_digest && memcmp(rq->digest, sha256, sizeof(sha256)) != 0)
        return refuse(REFUSAL_DIGEST_MISMATCH);
    rq->has_digest = true;
    memcpy(rq->digest, sha256, sizeof(sha256));
    return ERR_OK;
}

static enum err head_fields(const struct http_exchange *x, struct upload_request *rq)
{
    const char *type = http_header(x, "Content-Type");
    const char *disposition = http_header(x, "Content-Disposition");
    const char *coding = http_header(x, "Content-Encoding");
    if (coding && strcasecmp(coding, "identity") != 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "send the file as it is, without Content-Encoding");
    if (type)
        TRY(field_media_type(type, rq->media_type, sizeof(rq->media_type)));
    if (strncmp(rq->media_type, "multipart/", 10) == 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "send the file itself as the body");
    if (disposition)
        TRY(field_disposition_filename(disposition, rq->filename, sizeof(rq->filename)));
    TRY(api_key(x, rq->idempotency_key));
    TRY(digest_field(http_header(x, "Repr-Digest"), rq));
    return digest_field(http_header(x, "Content-Digest"), rq);
}

static enum err request_read(const struct http_exchange *x, struct upload_request *rq)
{
    static const char *const KNOWN[] = {
        "kind", "description", "assessment", "recording_started_at", "recording_stopped_at",
        NULL};
    memset(rq, 0, sizeof(*rq));
    if (uuid_parse(http_param(x, "claim"), &rq->claim) != ERR_OK)
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    TRY(api_query_known(x, KNOWN));
    TRY(text_argument(x, "kind", rq->kind, sizeof(rq->kind)));
    TRY(text_argument(x, "description", rq->description, sizeof(rq->description)));
    TRY(recording_arguments(x, rq));
    TRY(head_fields(x, rq));
    rq->length = http_content_length(x);
    if (!http_has_body(x))
        rq->length = 0;
    return ERR_OK;
}

/* --- the call ----------------------------------------------------------------------------- */

void put_begin(struct http_exchange *x)
{
    struct principal caller;
    struct upload_request rq;
    struct upload *upload = NULL;
    if (api_caller(x, &caller) != ERR_OK)
        return;
    enum err e = request_read(x, &rq);
    if (e == ERR_OK)
        e = upload_begin(api_of(x)->evidence, &caller, &rq, &upload);
    if (e != ERR_OK)
        api_problem(x, e);
    http_state_set(x, upload);
}

void put_piece(struct http_exchange *x, const void *data, size_t len)
{
    enum err e = upload_write(http_state(x), data, len);
    if (e != ERR_OK)
        api_problem(x, e);
}

static void reply_created(struct http_exchange *x, const struct upload_result *result)
{
    char id[UUID_TEXT_SIZE], location[64], digest[80];
    uuid_format(&result->artefact.id, id);
    (void)snprintf(location, sizeof(location), "/v1/artefacts/%s", id);
    field_digest_write(result->artefact.sha256, digest);
    http_reply_header(x, "Location", location);
    http_reply_header(x, "Repr-Digest", digest);
    json_t *body = json_object();
    json_put(body, "artefact", view_artefact_sent(&result->artefact));
    json_put_text(body, "receipt", buf_text(&result->receipt));
    http_reply_json(x, 201, body);
}

/* A sender who hashes while sending states it behind the body. */
static enum err trailer_digests(struct http_exchange *x, struct upload *upload)
{
    static const char *const NAMES[] = {"Repr-Digest", "Content-Digest"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct upload_request trailer = {.has_digest = false};
        TRY(digest_field(http_trailer(x, NAMES[i]), &trailer));
        if (trailer.has_digest)
            upload_expect_digest(upload, trailer.digest);
    }
    return ERR_OK;
}

void put_finish(struct http_exchange *x)
{
    struct upload *upload = http_state(x);
    AUTO_FREE struct upload_result *result = calloc(1, sizeof(*result));
    enum err e = result ? trailer_digests(x, upload) : err_set(ERR_NOMEM, "upload");
    if (e == ERR_OK)
        e = upload_finish(upload, result);
    if (e != ERR_OK)
        api_problem(x, e);
    else
        reply_created(x, result);
    if (result)
        buf_clear(&result->receipt);
}

void put_done(struct http_exchange *x)
{
    upload_free(http_state(x));
    http_state_set(x, NULL);
}
