/* A piece that carries a checksum waits here until it is known to be right: what is wrong must
 * not have moved the offset. It is sealed under a key of its own that never leaves this
 * struct's slot, into a part that loses its name before a byte is written, so that nothing of
 * it outlives the request, and no sweep takes it from one that is slow. */
#include "gateway/evidence/resumable/internal.h"

#include "gateway/evidence/reading/opener.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct evidence *ev;
    struct sealer *sealer; /* lent */
    const struct resumable_piece *piece;
    uint8_t *key; /* slab slot: payload key */
    struct uuid id;
    struct blob_writer *writer;
    struct blob_reader *reader;
    EVP_MD_CTX *sha1; /* NULL for SHA-256, which sealing makes anyway */
    uint64_t size;
};

static enum err sha1_begin(struct stage *s)
{
    s->sha1 = EVP_MD_CTX_new();
    if (!s->sha1)
        return err_set(ERR_NOMEM, "a checksum");
    return EVP_DigestInit_ex(s->sha1, EVP_sha1(), NULL) == 1
               ? ERR_OK
               : err_set(ERR_CRYPTO, "OpenSSL has no SHA-1");
}

/* The reader's descriptor holds the bytes; what a crash leaves of a name the sweep takes. */
static enum err part_nameless(struct stage *s)
{
    struct blob_store *blobs = s->ev->parts.blobs;
    TRY(blob_part_begin(blobs, &s->id, &s->writer));
    TRY(blob_part_open(blobs, &s->id, &s->reader));
    return blob_part_remove(blobs, &s->id);
}

enum err stage_begin(struct evidence *ev, struct sealer *sealer,
                     const struct resumable_piece *piece, struct stage **out)
{
    AUTO(stage_free) struct stage *s = calloc(1, sizeof(*s));
    uint8_t nonce[AGE_NONCE_SIZE];
    if (!s)
        return err_set(ERR_NOMEM, "a piece");
    s->ev = ev;
    s->sealer = sealer;
    s->piece = piece;
    s->id = uuid_new();
    if (piece->checksum == CHECKSUM_SHA1)
        TRY(sha1_begin(s));
    TRY(key_slab_take(ev->keys, &s->key));
    randombytes_buf(s->key, AGE_PAYLOAD_KEY_SIZE);
    randombytes_buf(nonce, sizeof(nonce));
    TRY(part_nameless(s));
    TRY(seal_begin(sealer, s->key, nonce, s->writer));
    *out = TAKE(s);
    return ERR_OK;
}

enum err stage_write(struct stage *s, const void *data, size_t len)
{
    if (s->sha1 && EVP_DigestUpdate(s->sha1, data, len) != 1)
        return err_set(ERR_CRYPTO, "SHA-1 does not go on");
    TRY(seal_write(s->sealer, data, len));
    s->size += len;
    return ERR_OK;
}

uint64_t stage_size(const struct stage *s)
{
    return s->size;
}

enum err stage_verified(struct stage *s)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct sealed sealed;
    size_t len = s->sha1 ? SHA1_SIZE : SHA256_SIZE;
    TRY(seal_finish(s->sealer, &sealed));
    memcpy(digest, sealed.sha256, SHA256_SIZE);
    if (s->sha1 && EVP_DigestFinal_ex(s->sha1, digest, NULL) != 1)
        return err_set(ERR_CRYPTO, "SHA-1 does not end");
    if (!equal_constant_time(digest, s->piece->expected, len))
        return refuse(REFUSAL_DIGEST_MISMATCH);
    blob_follow(s->reader, s->writer);
    return ERR_OK;
}

static enum err chunks_read(struct stage *s, struct opener *o, bytes_fn take, void *ctx)
{
    uint64_t n = age_chunk_count(s->size);
    TRY(age_open_begin(o->stream, s->key));
    o->touched = AGE_CHUNK_SIZE;
    for (uint64_t i = 0; i < n && s->size > 0; i++) {
        size_t len = i + 1 < n ? AGE_CHUNK_SIZE : (size_t)(s->size - i * AGE_CHUNK_SIZE);
        TRY(blob_read(s->reader, age_chunk_offset(i), o->sealed, len + AGE_TAG_SIZE));
        TRY(age_open_chunk(o->stream, i, i + 1 == n, o->sealed, len + AGE_TAG_SIZE, o->plain));
        TRY(take(ctx, o->plain, len));
    }
    return ERR_OK;
}

enum err stage_read(struct stage *s, bytes_fn take, void *ctx)
{
    struct opener *o = NULL;
    assert(blob_size(s->reader) > 0); /* verified */
    TRY(opener_take(s->ev->openers, &o));
    enum err e = chunks_read(s, o, take, ctx);
    opener_give(s->ev->openers, o);
    return e;
}

void stage_free(struct stage *s)
{
    if (!s)
        return;
    if (s->writer)
        blob_discard(s->writer);
    blob_writer_free(s->writer);
    blob_reader_free(s->reader);
    key_slab_give(s->ev->keys, s->key);
    EVP_MD_CTX_free(s->sha1);
    free(s);
}
