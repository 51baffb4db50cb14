/* Resumable uploads as the IETF drafts them (draft-ietf-httpbis-resumable-upload), in the
 * versions that clients speak; where they differ, VERSIONS says so. The 104 (Upload Resumption
 * Supported) is left out, which all versions allow: our HTTP library writes no interim answers.
 *
 * A field that is not the structured item it should be is ignored whole. */
#include "gateway/routes/upload_resource.h"

#include "gateway/base/clock.h"
#include "gateway/http/fields.h"
#include "gateway/http/fields_structured.h"
#include "gateway/routes/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAFT_CONTENT "application/partial-upload"
#define IANA_PROBLEM "https://iana.org/assignments/http-problem-types#"

struct draft {
    int64_t interop;        /* Upload-Draft-Interop-Version */
    int appended;           /* the status of an append that is not the last */
    bool typed;             /* an append is application/partial-upload */
    bool complete_required; /* an append says Upload-Complete; else its absence is ?0 */
    bool bare_retrieval;    /* HEAD and DELETE with fields of the upload are refused */
    bool gone_is_unknown;   /* what has ended is 404, not 410 */
    bool excess_ends;       /* more than the length ends the upload */
    bool replays;           /* an empty last append to a completed upload: its answer again */
    bool lengths_have_problem; /* there is a problem type for lengths that contradict */
    const char *lifetime;      /* its name in Upload-Limit; NULL: there is no such field */
};

static const struct draft VERSIONS[] = {
    /* -03 */
    {.interop = 5, .appended = 201, .bare_retrieval = true, .gone_is_unknown = true},
    /* -04, -05 */
    {.interop = 6,
     .appended = 201,
     .typed = true,
     .bare_retrieval = true,
     .gone_is_unknown = true,
     .lifetime = "expires"},
    /* -06 to -08 */
    {.interop = 7,
     .appended = 204,
     .typed = true,
     .complete_required = true,
     .excess_ends = true,
     .lengths_have_problem = true,
     .lifetime = "max-age"},
    /* -09 and later */
    {.interop = 8,
     .appended = 204,
     .typed = true,
     .complete_required = true,
     .excess_ends = true,
     .replays = true,
     .lengths_have_problem = true,
     .lifetime = "max-age"},
};
static const struct draft *const NEWEST = &VERSIONS[ARRAY_LEN(VERSIONS) - 1];

/* --- the request's headers ---------------------------------------------------------------- */

/* NULL unless the field stands there once. */
static const char *item(const struct upload_call *c, const char *name)
{
    return http_header_count(c->x, name) == 1 ? http_header(c->x, name) : NULL;
}

/* -1: not there, or not a non-negative integer. */
static int64_t integer(const struct upload_call *c, const char *name)
{
    const char *value = item(c, name);
    int64_t n;
    return value && structured_integer(value, &n) == ERR_OK && n >= 0 ? n : -1;
}

/* False: not there, or not a boolean. */
static bool boolean(const struct upload_call *c, const char *name, bool *out)
{
    const char *value = item(c, name);
    return value && structured_boolean(value, out) == ERR_OK;
}

/* Without a version that can be read, the newest: it is what the header will be left out of. */
static bool draft_greet(struct upload_call *c)
{
    int64_t interop = integer(c, "Upload-Draft-Interop-Version");
    c->draft = NEWEST;
    if (interop < 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(VERSIONS); i++) {
        c->draft = &VERSIONS[i];
        if (c->draft->interop == interop)
            return true;
    }
    http_reply_problem(c->x, 412, "unsupported-version",
                       "This version of the protocol is not spoken here",
                       "Upload-Draft-Interop-Version must be 5, 6, 7 or 8", NULL);
    return false;
}

/* --- answers ------------------------------------------------------------------------------ */

static void reply_limit(struct upload_call *c)
{
    char text[96];
    int64_t left = (c->view.record.expires_at - clock_now()) / MICROS_PER_SECOND;
    int n;
    if (!c->draft->lifetime)
        return;
    n = snprintf(text, sizeof(text), "max-size=%" PRIu64, upload_size_max(c));
    if (upload_is_alive(c) && c->view.record.expires_at > 0)
        (void)snprintf(text + n, sizeof(text) - (size_t)n, ", %s=%" PRId64, c->draft->lifetime,
                       left > 0 ? left : 0);
    http_reply_header(c->x, "Upload-Limit", text);
}

/* Whether the answer comes from what was made of the whole, and not from the transfer. */
static bool is_processed(const struct upload_call *c)
{
    return upload_is_found(c) &&
           (c->view.record.state == UPLOAD_FINISHED || c->view.record.state == UPLOAD_FAILED);
}

static void reply_state(struct upload_call *c)
{
    upload_reply_number(c, "Upload-Offset", c->view.record.offset);
    http_reply_header(c->x, "Upload-Complete", is_processed(c) ? "?1" : "?0");
    upload_reply_artefact(c);
}

/* What the usual upload answers with, and where this one is. */
static void reply_whole(struct upload_call *c)
{
    json_t *body = upload_json(c);
    upload_reply_location(c);
    reply_limit(c);
    reply_state(c);
    (void)json_object_del(body, "upload");
    http_reply_json(c->x, 201, body);
}

static void draft_stored(struct upload_call *c)
{
    if (is_processed(c)) {
        reply_whole(c);
        return;
    }
    if (c->created)
        upload_reply_location(c);
    reply_limit(c);
    reply_state(c);
    http_reply_empty(c->x, c->created ? 201 : c->draft->appended);
}

static json_t *iana(const char *name)
{
    char type[96];
    json_t *more = json_object();
    (void)snprintf(type, sizeof(type), IANA_PROBLEM "%s", name);
    json_put_text(more, "type", type);
    return more;
}

static void reply_mismatch(struct upload_call *c)
{
    json_t *more = iana("mismatching-upload-offset");
    json_put_int(more, "expected-offset", (int64_t)c->view.record.offset);
    json_put_int(more, "provided-offset", c->stated);
    http_reply_problem(c->x, 409, "mismatching-upload-offset",
                       "offset from request does not match offset of resource",
                       refusal_words(REFUSAL_OFFSET_MISMATCH), more);
}

static enum err reply_lengths(struct upload_call *c, const char *detail)
{
    http_reply_problem(
        c->x, 400, "invalid-request", "inconsistent length values for upload", detail,
        c->draft->lengths_have_problem ? iana("inconsistent-upload-length") : NULL);
    return ERR_OK;
}

/* This answer is of the transfer, although the upload is complete. */
static void reply_unprocessed(struct upload_call *c)
{
    upload_reply_number(c, "Upload-Offset", c->view.record.offset);
    http_reply_header(c->x, "Upload-Complete", "?0");
}

static enum err reply_completed(struct upload_call *c)
{
    reply_unprocessed(c);
    http_reply_problem(c->x, 400, "conflict", "upload is already completed",
                       "Nothing can be added to a completed upload", iana("completed-upload"));
    return ERR_OK;
}

/* More came than the length says. What an older version goes on with is where it stands now. */
static void after_excess(struct upload_call *c)
{
    struct evidence *ev = api_of(c->x)->evidence;
    enum err e =
        c->draft->excess_ends ? resumable_terminate(ev, &c->caller, &c->id) : upload_find(c);
    if (e == ERR_OK && !c->draft->excess_ends)
        upload_reply_number(c, "Upload-Offset", c->view.record.offset);
}

static void problem_of_refusal(struct upload_call *c, enum refusal r, const char *words)
{
    if (r == REFUSAL_OFFSET_MISMATCH) {
        reply_mismatch(c);
    } else if (r == REFUSAL_INVALID_REQUEST && upload_is_found(c) && !is_processed(c)) {
        /* found: the head had passed, and what contradicts can only be a length */
        if (c->writing)
            after_excess(c);
        enum err e = reply_lengths(c, words);
        (void)e;
    } else if (r == REFUSAL_UPLOAD_GONE && c->draft->gone_is_unknown) {
        api_problem(c->x, refuse(REFUSAL_NOT_FOUND));
    } else {
        if (r == REFUSAL_FILE_TOO_LARGE)
            reply_limit(c);
        struct api_trouble t;
        api_trouble_of(c->x, refuse_because(r, "%s", words), &t);
        api_trouble_reply(c->x, &t, intake_refused(&c->result));
    }
}

static void draft_problem(struct upload_call *c, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    bool told = upload_is_found(c) && !c->writing &&
                !(e == ERR_REFUSED && why.detail == REFUSAL_UPLOAD_GONE);
    http_reply_header(c->x, "Upload-Complete", is_processed(c) && c->closed ? "?1" : "?0");
    if (told)
        upload_reply_number(c, "Upload-Offset", c->view.record.offset);
    if (e == ERR_REFUSED)
        problem_of_refusal(c, (enum refusal)why.detail, why.message);
    else
        api_problem(c->x, err_restore(&why));
}

/* --- POST --------------------------------------------------------------------------------- */

/* The length that the request tells in one way or both; -1: neither. False: they contradict. */
static bool length_read(const struct upload_call *c, int64_t offset, bool last, int64_t *out)
{
    int64_t content = http_content_length(c->x);
    *out = integer(c, "Upload-Length");
    if (!last || content < 0)
        return true;
    if (*out >= 0 && *out != offset + content)
        return false;
    *out = offset + content;
    return true;
}

static enum err contradiction(struct upload_call *c)
{
    http_reply_header(c->x, "Upload-Complete", "?0");
    return reply_lengths(c, "Upload-Length and Content-Length contradict each other");
}

/* Content-Digest is of this request: of the whole where this request is the whole. */
static enum err digest_read(const struct upload_call *c, struct resumable_piece *piece)
{
    bool present = false;
    TRY(upload_digest_read(http_header(c->x, "Content-Digest"), &present, piece->expected));
    if (present)
        piece->checksum = CHECKSUM_SHA256;
    return ERR_OK;
}

static enum err create_open(struct upload_call *c, bool last, struct resumable_piece *piece)
{
    if (c->view.record.offset > 0 || c->view.record.state != UPLOAD_OPEN ||
        (!last && !http_has_body(c->x))) {
        TRY(upload_fetch(c));
        draft_stored(c);
        return ERR_OK;
    }
    c->end = last ? RESUMABLE_LAST : RESUMABLE_MORE;
    enum err e = upload_open(c, piece);
    if (e != ERR_REFUSED || err_detail(e) != REFUSAL_OFFSET_MISMATCH)
        return e;
    TRY(upload_fetch(c)); /* an earlier request with the key was still at it: so far it came */
    draft_stored(c);
    return ERR_OK;
}

static enum err draft_create(struct upload_call *c)
{
    AUTO_FREE struct resumable_request *rq = calloc(1, sizeof(*rq));
    struct resumable_piece piece = {.length = -1, .checksum = CHECKSUM_NONE};
    bool last;
    if (!rq)
        return err_set(ERR_NOMEM, "upload");
    if (!boolean(c, "Upload-Complete", &last))
        return refuse_because(REFUSAL_INVALID_REQUEST, "Upload-Complete must be ?0 or ?1");
    TRY(upload_words_read(c->x, true, rq));
    if (uuid_is_nil(&rq->upload.claim))
        return refuse_because(REFUSAL_INVALID_REQUEST, "name the claim: claim=");
    if (!length_read(c, 0, last, &rq->upload.length))
        return contradiction(c);
    if (last)
        TRY(upload_digest_read(http_header(c->x, "Content-Digest"), &rq->upload.has_digest,
                               rq->upload.digest));
    else
        TRY(digest_read(c, &piece));
    TRY(upload_make(c, rq));
    return create_open(c, last, &piece);
}

/* --- PATCH -------------------------------------------------------------------------------- */

static enum err content_check(const struct upload_call *c)
{
    const char *type = http_header(c->x, "Content-Type");
    char stated[MEDIA_TYPE_MAX + 1] = "";
    if (!c->draft->typed || (type && field_media_type(type, stated, sizeof(stated)) == ERR_OK &&
                             strcmp(stated, DRAFT_CONTENT) == 0))
        return ERR_OK;
    return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "the Content-Type must be " DRAFT_CONTENT);
}

/* To an upload that is complete nothing is added; where the version allows it, the answer that
 * got lost is given again. */
static enum err append_checked(struct upload_call *c, const struct resumable_piece *piece)
{
    TRY(upload_open(c, piece));
    if (c->view.record.state != UPLOAD_FINISHED)
        return ERR_OK;
    if (c->draft->replays && c->end == RESUMABLE_LAST && !http_has_body(c->x))
        return ERR_OK;
    upload_let_go(c);
    if (!c->draft->replays || !http_has_body(c->x))
        return reply_completed(c);
    reply_unprocessed(c);
    return reply_lengths(c, "The upload is complete: there is nothing to add");
}

static enum err draft_append(struct upload_call *c)
{
    struct resumable_piece piece = {.checksum = CHECKSUM_NONE};
    int64_t offset = integer(c, "Upload-Offset");
    bool last = false;
    TRY(content_check(c));
    if (offset < 0)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "Upload-Offset must be a non-negative integer");
    if (!boolean(c, "Upload-Complete", &last) && c->draft->complete_required)
        return refuse_because(REFUSAL_INVALID_REQUEST, "Upload-Complete must be ?0 or ?1");
    if (!length_read(c, offset, last, &piece.length))
        return contradiction(c);
    TRY(digest_read(c, &piece));
    piece.offset = (uint64_t)offset;
    c->end = last ? RESUMABLE_LAST : RESUMABLE_MORE;
    return append_checked(c, &piece);
}

/* --- HEAD, GET and DELETE ----------------------------------------------------------------- */

static enum err retrieval_check(const struct upload_call *c)
{
    static const char *const FIELDS[] = {"Upload-Offset", "Upload-Complete", "Upload-Length"};
    for (size_t i = 0; c->draft->bare_retrieval && i < ARRAY_LEN(FIELDS); i++) {
        if (http_header(c->x, FIELDS[i]))
            return refuse_because(REFUSAL_INVALID_REQUEST, "%s does not belong here",
                                  FIELDS[i]);
    }
    return ERR_OK;
}

static void draft_facts(struct upload_call *c)
{
    reply_state(c);
    reply_limit(c);
    if (c->view.record.length >= 0)
        upload_reply_number(c, "Upload-Length", (uint64_t)c->view.record.length);
    http_reply_header(c->x, "Cache-Control", "no-store");
}

static enum err draft_show(struct upload_call *c)
{
    TRY(retrieval_check(c));
    TRY(upload_find(c));
    draft_facts(c);
    http_reply_empty(c->x, 204);
    return ERR_OK;
}

static enum err draft_remove(struct upload_call *c)
{
    TRY(retrieval_check(c));
    TRY(resumable_terminate(api_of(c->x)->evidence, &c->caller, &c->id));
    http_reply_empty(c->x, 204);
    return ERR_OK;
}

const struct upload_protocol UPLOAD_DRAFT = {
    .greet = draft_greet,
    .create = draft_create,
    .append = draft_append,
    .show = draft_show,
    .facts = draft_facts,
    .remove = draft_remove,
    .stored = draft_stored,
    .problem = draft_problem,
};
