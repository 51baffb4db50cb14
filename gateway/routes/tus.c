/* tus 1.0.0 with creation, creation-with-upload, creation-defer-length, expiration, checksum,
 * termination and concatenation.
 *
 * Two answers are chosen for what clients make of them: tus-js-client begins again when the
 * HEAD of a resume fails, except with 423, so our own trouble is 423 there; and an upload of
 * which every byte is here counts as done for a client, so HEAD says so only when it is. */
#include "gateway/routes/upload_resource.h"

#include "gateway/http/fields.h"
#include "gateway/http/fields_tus.h"
#include "gateway/routes/intake.h"

#include <stdlib.h>
#include <string.h>

#define TUS_VERSION "1.0.0"
#define TUS_CONTENT "application/offset+octet-stream"

_Static_assert((int)TUS_CONCAT_MAX == (int)UPLOAD_CONCAT_MAX, "Upload-Concat fits its record");
_Static_assert((int)TUS_URLS_MAX == (int)RESUMABLE_PARTS_MAX, "as many parts as can be named");

static bool tus_greet(struct upload_call *c)
{
    const char *version = http_header(c->x, "Tus-Resumable");
    http_reply_header(c->x, "Tus-Resumable", TUS_VERSION);
    if (version && strcmp(version, TUS_VERSION) == 0 &&
        http_header_count(c->x, "Tus-Resumable") == 1)
        return true;
    http_reply_header(c->x, "Tus-Version", TUS_VERSION);
    http_reply_problem(c->x, 412, "unsupported-version",
                       "This version of the protocol is not spoken here",
                       "Tus-Resumable must be " TUS_VERSION, NULL);
    return false;
}

/* --- the request's headers ---------------------------------------------------------------- */

/* NULL: it is not there. None of them is a list. */
static enum err field(const struct upload_call *c, const char *name, const char **out)
{
    *out = http_header(c->x, name);
    return http_header_count(c->x, name) <= 1
               ? ERR_OK
               : refuse_because(REFUSAL_INVALID_REQUEST, "%s more than once", name);
}

/* -1: it is not there. */
static enum err number(const struct upload_call *c, const char *name, int64_t *out)
{
    const char *value;
    *out = -1;
    TRY(field(c, name, &value));
    if (value && tus_number_parse(value, out) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s must be a non-negative integer",
                              name);
    return ERR_OK;
}

static enum err content_check(const struct upload_call *c)
{
    const char *type = http_header(c->x, "Content-Type");
    char stated[MEDIA_TYPE_MAX + 1] = "";
    if (type && field_media_type(type, stated, sizeof(stated)) == ERR_OK &&
        strcmp(stated, TUS_CONTENT) == 0)
        return ERR_OK;
    return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "the Content-Type must be " TUS_CONTENT);
}

static enum err checksum_read(const struct upload_call *c, struct resumable_piece *piece)
{
    static const enum resumable_checksum KINDS[] = {
        [TUS_SHA1] = CHECKSUM_SHA1, [TUS_SHA256] = CHECKSUM_SHA256};
    enum tus_algorithm algorithm;
    const char *value;
    enum err e;
    TRY(field(c, "Upload-Checksum", &value));
    if (!value)
        return ERR_OK;
    e = tus_checksum_parse(value, &algorithm, piece->expected);
    if (e != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s", err_message(e));
    piece->checksum = KINDS[algorithm];
    return ERR_OK;
}

/* Exactly one of Upload-Length and Upload-Defer-Length: 1; *length is -1 for the latter. */
static enum err length_read(const struct upload_call *c, int64_t *length)
{
    const char *deferred;
    TRY(number(c, "Upload-Length", length));
    TRY(field(c, "Upload-Defer-Length", &deferred));
    if (deferred && strcmp(deferred, "1") != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "Upload-Defer-Length must be 1");
    if ((*length >= 0) == (deferred != NULL))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "send either Upload-Length or Upload-Defer-Length");
    return *length > 0 && (uint64_t)*length > upload_size_max(c)
               ? refuse(REFUSAL_FILE_TOO_LARGE)
               : ERR_OK;
}

/* --- answers ------------------------------------------------------------------------------ */

static void reply_state(struct upload_call *c)
{
    char date[TUS_DATE_SIZE];
    upload_reply_number(c, "Upload-Offset", c->view.record.offset);
    if (upload_is_alive(c) && c->view.record.expires_at > 0) {
        tus_date_write(c->view.record.expires_at, date);
        http_reply_header(c->x, "Upload-Expires", date);
    }
    upload_reply_artefact(c);
}

static void reply_created(struct upload_call *c)
{
    upload_reply_location(c);
    reply_state(c);
    http_reply_json(c->x, 201, upload_json(c));
}

static void tus_stored(struct upload_call *c)
{
    if (c->created) {
        reply_created(c);
        return;
    }
    reply_state(c);
    http_reply_empty(c->x, 204);
}

/* A POST that fails tells no URL: what it began is of no use to anybody. But an Idempotency-Key
 * leads there again, and somebody who came by it may be at work on it now. */
static void drop_created(struct upload_call *c, enum err e)
{
    bool leads_there = http_header(c->x, "Idempotency-Key") != NULL;
    if (!c->created || leads_there || e != ERR_REFUSED || !upload_is_alive(c))
        return;
    enum err gone = resumable_terminate(api_of(c->x)->evidence, &c->caller, &c->id);
    (void)gone; /* it expires */
}

static void tus_problem(struct upload_call *c, enum err e)
{
    struct api_trouble t;
    enum refusal r = e == ERR_REFUSED ? (enum refusal)err_detail(e) : REFUSAL_NONE;
    api_trouble_of(c->x, e, &t);
    if (r == REFUSAL_DIGEST_MISMATCH && c->checksum && upload_is_alive(c)) {
        t.status = 460;
        t.name = "checksum-mismatch";
    }
    if (t.status >= 500 && strcmp(http_route_of(c->x)->method, "HEAD") == 0) {
        t.status = 423;
        http_reply_header(c->x, "Retry-After", "5");
    }
    if (r == REFUSAL_OFFSET_MISMATCH && upload_is_found(c))
        reply_state(c);
    drop_created(c, e);
    api_trouble_reply(c->x, &t, intake_refused(&c->result));
}

/* --- POST --------------------------------------------------------------------------------- */

/* What follows the head: its bytes, or nothing but an end that an upload of length 0 has
 * reached. */
static enum err create_body(struct upload_call *c, struct resumable_piece *piece)
{
    bool body = http_has_body(c->x);
    if (c->view.record.offset > 0 || c->view.record.state != UPLOAD_OPEN) {
        TRY(upload_fetch(c)); /* the Idempotency-Key had made it before */
        reply_created(c);
        return ERR_OK;
    }
    if (!body && c->view.record.length != 0) {
        reply_created(c);
        return ERR_OK;
    }
    c->end = RESUMABLE_BY_LENGTH;
    enum err e = upload_open(c, piece);
    if (e != ERR_REFUSED || err_detail(e) != REFUSAL_OFFSET_MISMATCH)
        return e;
    TRY(upload_fetch(c)); /* an earlier request with the key was still at it: so far it came */
    reply_created(c);
    return ERR_OK;
}

static enum err create_final(struct upload_call *c, const struct resumable_request *rq,
                             const char *value, const struct tus_concat *concat)
{
    struct uuid parts[RESUMABLE_PARTS_MAX];
    if (http_header(c->x, "Upload-Length") || http_header(c->x, "Upload-Defer-Length") ||
        http_has_body(c->x))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a final upload has neither a length nor bytes of its own");
    for (size_t i = 0; i < concat->n; i++) {
        if (tus_url_id(&concat->urls[i], "uploads/", &parts[i]) != ERR_OK)
            return refuse_because(REFUSAL_INVALID_REQUEST,
                                  "Upload-Concat names what is no upload");
    }
    TRY(resumable_concatenate(api_of(c->x)->evidence, &c->caller, rq, value, parts, concat->n,
                              &c->view, &c->result));
    reply_created(c);
    return ERR_OK;
}

static enum err create_single(struct upload_call *c, struct resumable_request *rq)
{
    struct resumable_piece piece = {.length = -1, .checksum = CHECKSUM_NONE};
    TRY(length_read(c, &rq->upload.length));
    if (http_has_body(c->x))
        TRY(content_check(c));
    TRY(checksum_read(c, &piece));
    TRY(upload_make(c, rq));
    return create_body(c, &piece);
}

static enum err tus_create(struct upload_call *c)
{
    AUTO_FREE struct resumable_request *rq = calloc(1, sizeof(*rq));
    struct tus_concat concat = {.final = false};
    const char *value;
    if (!rq)
        return err_set(ERR_NOMEM, "upload");
    TRY(field(c, "Upload-Concat", &value));
    if (value)
        TRY(tus_concat_parse(value, &concat));
    rq->is_part = value && !concat.final;
    TRY(upload_words_read(c->x, false, rq));
    if (!rq->is_part && uuid_is_nil(&rq->upload.claim))
        return refuse_because(REFUSAL_INVALID_REQUEST, "Upload-Metadata names no claim");
    return concat.final ? create_final(c, rq, value, &concat) : create_single(c, rq);
}

/* --- PATCH -------------------------------------------------------------------------------- */

static enum err tus_append(struct upload_call *c)
{
    struct resumable_piece piece = {.checksum = CHECKSUM_NONE};
    int64_t offset;
    TRY(content_check(c));
    TRY(number(c, "Upload-Offset", &offset));
    if (offset < 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "Upload-Offset is missing");
    TRY(number(c, "Upload-Length", &piece.length));
    TRY(checksum_read(c, &piece));
    piece.offset = (uint64_t)offset;
    c->end = RESUMABLE_BY_LENGTH;
    return upload_open(c, &piece);
}

/* --- HEAD, GET and DELETE ----------------------------------------------------------------- */

/* Every byte is here, and the upload is still open: its last request met trouble of ours. */
static enum err finish_late(struct upload_call *c)
{
    const struct upload_record *r = &c->view.record;
    struct resumable_piece piece = {
        .offset = r->offset, .length = -1, .checksum = CHECKSUM_NONE};
    if (r->state != UPLOAD_OPEN || r->length < 0 || r->offset != (uint64_t)r->length)
        return ERR_OK;
    TRY(upload_open(c, &piece));
    TRY(resumable_close(c->writer, RESUMABLE_BY_LENGTH, &c->view, &c->result));
    upload_let_go(c);
    return ERR_OK;
}

static void tus_facts(struct upload_call *c)
{
    const struct resumable_view *v = &c->view;
    reply_state(c);
    if (v->record.length >= 0)
        upload_reply_number(c, "Upload-Length", (uint64_t)v->record.length);
    else
        http_reply_header(c->x, "Upload-Defer-Length", "1");
    if (v->metadata[0])
        http_reply_header(c->x, "Upload-Metadata", v->metadata);
    if (v->concat[0])
        http_reply_header(c->x, "Upload-Concat", v->concat);
}

static enum err tus_show(struct upload_call *c)
{
    TRY(upload_find(c));
    TRY(finish_late(c));
    tus_facts(c);
    http_reply_header(c->x, "Cache-Control", "no-store");
    http_reply_empty(c->x, 200);
    return ERR_OK;
}

static enum err tus_remove(struct upload_call *c)
{
    TRY(resumable_terminate(api_of(c->x)->evidence, &c->caller, &c->id));
    http_reply_empty(c->x, 204);
    return ERR_OK;
}

const struct upload_protocol UPLOAD_TUS = {
    .greet = tus_greet,
    .create = tus_create,
    .append = tus_append,
    .show = tus_show,
    .facts = tus_facts,
    .remove = tus_remove,
    .stored = tus_stored,
    .problem = tus_problem,
};
