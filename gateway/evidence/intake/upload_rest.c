/* An intake that is put at rest between two requests and goes on behind it.
 *
 * Invariants: a payload goes on under its key only where this process has put it at rest and
 * nothing has touched it since (struct upload_memory is used up by whoever takes it); a file
 * key stands in the clear in the slab slot of a running upload, and in secret buffers for the
 * time of a call. */
#include "gateway/evidence/intake/upload_internal.h"

#include "crypto/wrap.h"

#include <sodium.h>
#include <string.h>

#define REST_CONTEXT "evidence-gateway/upload-rest/1"
enum { CONTEXT_MAX = sizeof(REST_CONTEXT) + 16 + 16 + 8 };
_Static_assert((int)REST_MAX + (int)WRAP_OVERHEAD <= (int)UPLOAD_REST_MAX, "a rest fits a row");
_Static_assert((int)REST_TAIL == (int)SLAB_KEY_SIZE, "key and nonce fit a slot");

/* --- what is kept apart ------------------------------------------------------------------- */

static enum err rest_context(const struct upload_record *r, struct buf *out)
{
    buf_init(out, CONTEXT_MAX);
    TRY(buf_append_str(out, REST_CONTEXT));
    TRY(buf_append(out, r->id.bytes, sizeof(r->id.bytes)));
    TRY(buf_append(out, r->part.bytes, sizeof(r->part.bytes)));
    return buf_append_u64(out, r->chunks);
}

enum err rest_seal(struct evidence *ev, const struct upload_record *r, const struct buf *plain,
                   struct buf *sealed)
{
    AUTO_CLEAR(buf_clear) struct buf context;
    TRY(rest_context(r, &context));
    buf_init(sealed, UPLOAD_REST_MAX);
    return wrap_seal(ev->intake_key->bytes, context.data, context.len, plain->data, plain->len,
                     sealed);
}

enum err rest_open(struct evidence *ev, const struct upload_record *r, const struct buf *sealed,
                   struct buf *plain)
{
    static const uint8_t nothing[REST_MAX];
    AUTO_CLEAR(buf_clear) struct buf context;
    buf_init_secret(plain, REST_MAX);
    TRY(rest_context(r, &context));
    if (sealed->len < REST_TAIL + WRAP_OVERHEAD || sealed->len > REST_MAX + WRAP_OVERHEAD)
        return err_set(ERR_CORRUPT, "what is kept of an upload has no possible length");
    TRY(buf_append(plain, nothing, sealed->len - WRAP_OVERHEAD));
    return wrap_open(ev->intake_key->bytes, context.data, context.len, sealed->data,
                     sealed->len, plain->data);
}

enum err rest_new(struct buf *plain)
{
    uint8_t fresh[REST_TAIL];
    buf_init_secret(plain, REST_MAX);
    randombytes_buf(fresh, sizeof(fresh));
    enum err e = buf_append(plain, fresh, sizeof(fresh));
    sodium_memzero(fresh, sizeof(fresh));
    return e;
}

enum err rest_payload_key(const struct buf *plain, uint8_t out[AGE_PAYLOAD_KEY_SIZE])
{
    return age_payload_key(plain->data + REST_KEY, plain->data + REST_NONCE, out);
}

void upload_memory_clear(struct upload_memory *m)
{
    seal_state_clear(&m->seal);
    *m = (struct upload_memory){.sniffed = false};
}

/* --- going on ----------------------------------------------------------------------------- */

/* A part without a chunk may not have been begun yet. */
static enum err part_open(struct upload *u, const struct upload_record *r)
{
    struct blob_store *blobs = u->ev->parts.blobs;
    u->flushed = r->chunks > 0 ? age_chunk_offset(r->chunks) : 0;
    enum err e = blob_part_resume(blobs, &r->part, u->flushed, &u->blob);
    if (e == ERR_NOT_FOUND && r->chunks == 0)
        return blob_part_begin(blobs, &r->part, &u->blob);
    return e;
}

static enum err sealing_resume(struct upload *u, const struct buf *plain,
                               struct upload_memory *m)
{
    uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE];
    TRY(key_slab_take(u->ev->keys, &u->file_key));
    memcpy(u->file_key, plain->data, REST_TAIL);
    TRY(rest_payload_key(plain, payload_key));
    enum err e =
        seal_resume(u->sealer, payload_key, plain->data + REST_NONCE, u->blob, &m->seal);
    sodium_memzero(payload_key, sizeof(payload_key));
    return e;
}

enum err upload_resume(struct upload *u, const struct upload_record *r,
                       const struct buf *sealed, struct upload_memory *m)
{
    AUTO_CLEAR(buf_clear) struct buf plain;
    assert(u->sealer && !u->blob && m->seal.chunks == r->chunks);
    TRY(rest_open(u->ev, r, sealed, &plain));
    size_t tail = plain.len - REST_TAIL;
    if (r->chunks * AGE_CHUNK_SIZE + tail != r->offset)
        return err_set(ERR_CORRUPT, "what is kept of an upload does not make its offset");
    TRY(part_open(u, r));
    u->sniffed = m->sniffed;
    memcpy(u->artefact.media_type, m->media_type, sizeof(u->artefact.media_type));
    u->artefact.size = r->offset;
    u->room_at += r->offset;
    TRY(sealing_resume(u, &plain, m));
    TRY(r->chunks == 0 ? inspecting_watch(u) : inspecting_later(u, &r->part));
    return tail > 0 ? seal_write(u->sealer, plain.data + REST_TAIL, tail) : ERR_OK;
}

/* --- at rest ------------------------------------------------------------------------------ */

enum err upload_rest(struct upload *u, struct upload_record *r, struct buf *sealed,
                     struct upload_memory *m)
{
    AUTO_CLEAR(buf_clear) struct buf plain;
    assert(u->blob && u->file_key && !u->finished);
    buf_init_secret(&plain, REST_MAX);
    buf_init(sealed, UPLOAD_REST_MAX);
    TRY(buf_append(&plain, u->file_key, REST_TAIL));
    TRY(seal_rest(u->sealer, &m->seal, &plain));
    m->sniffed = u->sniffed;
    memcpy(m->media_type, u->artefact.media_type, sizeof(m->media_type));
    r->chunks = m->seal.chunks;
    r->offset = r->chunks * AGE_CHUNK_SIZE + plain.len - REST_TAIL;
    if (blob_written(u->blob) > u->flushed)
        TRY(blob_flush(u->blob));
    return rest_seal(u->ev, r, &plain, sealed);
}
