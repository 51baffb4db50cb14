/* The requests of an upload.
 *
 * Invariants: the state file names the creation's key before the creation is asked for, and the
 * upload before its first byte goes; a piece begins where the service last said that it stands;
 * before the last piece goes, the file is looked at once more, and the digest of the whole goes
 * with it. */
#include "gateway/send/upload.h"

#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_NAME "Repr-Digest"
#define TUS_VERSION "Tus-Resumable: 1.0.0"
enum { FIELD_LINE_MAX = 128 };

static MUST_USE enum err state_note(struct upload *u)
{
    u->state.hashed = u->source.hashed;
    TRY(source_digest(&u->source, u->state.sha256));
    return state_save(u->state_path, &u->state);
}

static MUST_USE enum err ask(struct upload *u, enum step step, const struct call *c)
{
    u->handed = u->offset;
    enum err e = transport_call(u->shared->transport, c, &u->answer);
    struct trace_line line = {.upload = u->state.upload,
                              .step = step,
                              .from = u->offset,
                              .len = c->body_len,
                              .handed = u->handed,
                              .status = e == ERR_OK ? u->answer.status : 0,
                              .offset = e == ERR_OK ? u->answer.offset : -1};
    trace_write(u->shared->trace, &line);
    return e;
}

/* --- POST ----------------------------------------------------------------------------------
 */

static MUST_USE enum err create(struct upload *u)
{
    char url[ADDRESS_MAX + sizeof(UPLOADS_PATH)], length[FIELD_LINE_MAX], key[FIELD_LINE_MAX];

    (void)snprintf(url, sizeof(url), "%s" UPLOADS_PATH, u->state.service);
    (void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, u->source.size);
    (void)snprintf(key, sizeof(key), "Idempotency-Key: \"%s\"", u->state.key);
    TRY(state_note(u));
    const struct call c = {.method = "POST",
                           .url = url,
                           .headers = {TUS_VERSION, length, key, buf_text(&u->metadata)}};
    return ask(u, STEP_CREATE, &c);
}

enum err upload_created(struct upload *u)
{
    char url[ADDRESS_MAX + sizeof(UPLOADS_PATH)];

    if (u->answer.status != 201 || !u->answer.location[0])
        return err_set(ERR_UNAVAILABLE, "the service made an upload and does not say where");
    (void)snprintf(url, sizeof(url), "%s" UPLOADS_PATH, u->state.service);
    if (address_resolve(url, u->answer.location, u->state.upload) != ERR_OK) {
        u->state.upload[0] = '\0';
        return err_set(ERR_REFUSED, "%s", err_message(ERR_INVALID));
    }
    u->offset = 0; /* repeated or not: nothing can have gone without this address */
    return state_note(u);
}

/* --- HEAD ----------------------------------------------------------------------------------
 */

static MUST_USE enum err stand(struct upload *u)
{
    const struct call c = {.method = "HEAD", .url = u->state.upload, .headers = {TUS_VERSION}};

    return ask(u, STEP_ASK, &c);
}

/* What went in an earlier run has to be what the file begins with. */
static MUST_USE enum err source_continues(struct upload *u)
{
    uint8_t digest[SHA256_SIZE];

    if (u->source.hashed < u->state.hashed) {
        TRY(source_hash_to(&u->source, u->state.hashed));
        TRY(source_digest(&u->source, digest));
        if (!equal_constant_time(digest, u->state.sha256, SHA256_SIZE))
            return err_set(ERR_CONFLICT, "the file is not the one of which a part was sent");
    }
    return source_hash_to(&u->source, u->offset);
}

enum err upload_asked(struct upload *u)
{
    const struct answer *a = &u->answer;

    if (a->offset < 0)
        return err_set(ERR_UNAVAILABLE, "the service does not say where the upload stands");
    if (a->length >= 0 && (uint64_t)a->length != u->source.size)
        return err_set(ERR_CONFLICT, "the upload is of a file of another size");
    if ((uint64_t)a->offset > u->source.size)
        return err_set(ERR_CONFLICT, "the upload holds more than the file");
    u->offset = (uint64_t)a->offset;
    return source_continues(u);
}

/* --- PATCH ---------------------------------------------------------------------------------
 */

static enum err piece_read(void *ctx, uint64_t at, void *out, size_t cap, size_t *got)
{
    struct upload *u = ctx;

    TRY(source_read(&u->source, u->offset + at, out, cap, got));
    if (u->offset + at + *got > u->handed)
        u->handed = u->offset + at + *got;
    report_progress(u->report, u->handed, u->source.size);
    return ERR_OK;
}

/* The digest of the whole, which the service holds against what it has, goes with the last
 * piece: that is read ahead of being sent. (Not behind it as a trailer: libcurl 7.88 writes
 * before its buffer when a chunked body has one.) */
static MUST_USE enum err digest_line(struct upload *u, char *line, size_t cap)
{
    uint8_t digest[SHA256_SIZE];
    char text[BASE64_SIZE(SHA256_SIZE)];

    TRY(source_hash_to(&u->source, u->source.size));
    TRY(source_unchanged(&u->source));
    TRY(source_digest(&u->source, digest));
    (void)base64_encode(BASE64_STANDARD, digest, sizeof(digest), text);
    (void)snprintf(line, cap, DIGEST_NAME ": sha-256=:%s:", text);
    return ERR_OK;
}

/* At the end of the upload nothing is left to send: an empty piece has the service finish it,
 * or say again that it is finished. */
static MUST_USE enum err send_piece(struct upload *u)
{
    uint64_t left = u->source.size - u->offset, piece = u->shared->options->piece_size;
    char at[FIELD_LINE_MAX], digest[FIELD_LINE_MAX];
    bool last = left > 0 && left <= piece;
    struct call c = {.method = "PATCH",
                     .url = u->state.upload,
                     .headers = {TUS_VERSION, "Content-Type: application/offset+octet-stream",
                                 at, last ? digest : NULL},
                     .body = piece_read,
                     .ctx = u,
                     .body_len = left < piece ? left : piece};

    (void)snprintf(at, sizeof(at), "Upload-Offset: %" PRIu64, u->offset);
    if (last)
        TRY(digest_line(u, digest, sizeof(digest)));
    return ask(u, STEP_SEND, &c);
}

enum err upload_sent(struct upload *u)
{
    const struct answer *a = &u->answer;

    if (a->offset < 0 || (uint64_t)a->offset < u->offset || (uint64_t)a->offset > u->handed)
        return err_set(ERR_UNAVAILABLE, "the service does not say how much it took");
    u->offset = (uint64_t)a->offset;
    return state_note(u);
}

/* --- GET, DELETE ---------------------------------------------------------------------------
 */

static MUST_USE enum err result(struct upload *u)
{
    const struct call c = {.method = "GET",
                           .url = u->state.upload,
                           .headers = {TUS_VERSION, "Accept: application/json"}};

    return ask(u, STEP_RESULT, &c);
}

bool upload_ended(struct upload *u, struct problem *why)
{
    const struct call c = {.method = "GET",
                           .url = u->state.upload,
                           .headers = {TUS_VERSION, "Accept: application/json"}};
    AUTO(json_free) json_t *root = NULL;

    if (ask(u, STEP_RESULT, &c) != ERR_OK ||
        json_parse(u->answer.body.data, u->answer.body.len, &root) != ERR_OK)
        return false;
    const json_t *upload = json_object_get(root, "upload");
    const char *reason = json_string_value(json_object_get(upload, "reason"));
    if (!reason || !*reason)
        return false;
    words_clean(reason, why->name, sizeof(why->name));
    (void)snprintf(why->words, sizeof(why->words), "the service refused the whole of it: %s",
                   why->name);
    return true;
}

void upload_forget(struct upload *u)
{
    const struct call c = {
        .method = "DELETE", .url = u->state.upload, .headers = {TUS_VERSION}};

    if (u->state.upload[0] && transport_call(u->shared->transport, &c, &u->answer) != ERR_OK)
        return; /* it expires by itself */
}

static enum err (*const CALLS[STEP_COUNT])(struct upload *u) = {
    [STEP_CREATE] = create,
    [STEP_ASK] = stand,
    [STEP_SEND] = send_piece,
    [STEP_RESULT] = result,
};

enum err upload_call(struct upload *u, enum step step)
{
    return CALLS[step](u);
}
