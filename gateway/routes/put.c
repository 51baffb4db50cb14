/* POST /v1/claims/{claim}/artefacts with a raw body: the request's head becomes an
 * upload_request, its body goes through. */
#include "gateway/http/fields.h"
#include "gateway/routes/api.h"
#include "gateway/routes/intake.h"

#include <stdlib.h>
#include <string.h>

/* --- the head ----------------------------------------------------------------------------- */

static enum err head_fields(const struct http_exchange *x, struct upload_request *rq)
{
    const char *type = http_header(x, "Content-Type");
    const char *disposition = http_header(x, "Content-Disposition");
    TRY(intake_coding_check(x));
    if (type)
        TRY(field_media_type(type, rq->media_type, sizeof(rq->media_type)));
    if (strncmp(rq->media_type, "multipart/", 10) == 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "send the file itself as the body, or multipart/form-data");
    if (disposition)
        TRY(field_disposition_filename(disposition, rq->filename, sizeof(rq->filename)));
    TRY(api_key(x, rq->idempotency_key));
    TRY(intake_digest(http_header(x, "Repr-Digest"), rq));
    return intake_digest(http_header(x, "Content-Digest"), rq);
}

static enum err request_read(const struct http_exchange *x, struct upload_request *rq)
{
    unsigned stated;
    memset(rq, 0, sizeof(*rq));
    TRY(intake_query(x, rq, &stated));
    TRY(head_fields(x, rq));
    rq->length = http_content_length(x);
    if (!http_has_body(x))
        rq->length = 0;
    return ERR_OK;
}

/* --- the call ----------------------------------------------------------------------------- */

static void put_begin(struct http_exchange *x)
{
    struct principal caller;
    struct upload_request rq;
    struct upload *upload = NULL;
    if (api_caller(x, &caller) != ERR_OK)
        return;
    enum err e = intake_site_check(x, &caller);
    if (e == ERR_OK)
        e = request_read(x, &rq);
    if (e == ERR_OK)
        e = upload_begin(api_of(x)->evidence, &caller, &rq, &upload);
    if (e != ERR_OK)
        api_problem(x, e);
    http_state_set(x, upload);
}

static void put_piece(struct http_exchange *x, const void *data, size_t len)
{
    enum err e = upload_write(http_state(x), data, len);
    if (e != ERR_OK)
        api_problem(x, e);
}

/* A sender who hashes while sending states it behind the body. */
static enum err trailer_digests(struct http_exchange *x, struct upload *upload)
{
    static const char *const NAMES[] = {"Repr-Digest", "Content-Digest"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct upload_request trailer = {.has_digest = false};
        TRY(intake_digest(http_trailer(x, NAMES[i]), &trailer));
        if (trailer.has_digest)
            upload_expect_digest(upload, trailer.digest);
    }
    return ERR_OK;
}

/* Where the log keeps a refusal by an entry of its own, the sender has the proof of it. */
static void put_refuse(struct http_exchange *x, enum err e, const struct upload_result *result)
{
    struct api_trouble trouble;
    api_trouble_of(x, e, &trouble);
    api_trouble_reply(x, &trouble, result ? intake_refused(result) : NULL);
}

static void put_finish(struct http_exchange *x)
{
    struct upload *upload = http_state(x);
    AUTO_FREE struct upload_result *result = calloc(1, sizeof(*result));
    enum err e = result ? trailer_digests(x, upload) : err_set(ERR_NOMEM, "upload");
    if (e == ERR_OK)
        e = upload_finish(upload, result);
    if (e != ERR_OK)
        put_refuse(x, e, result);
    else
        intake_reply_created(x, &result->artefact.id, result->artefact.sha256,
                             intake_created(result));
    if (result)
        buf_clear(&result->receipt);
}

static void put_done(struct http_exchange *x)
{
    upload_free(http_state(x));
    http_state_set(x, NULL);
}

const struct intake INTAKE_RAW = {
    .begin = put_begin, .piece = put_piece, .finish = put_finish, .done = put_done};
