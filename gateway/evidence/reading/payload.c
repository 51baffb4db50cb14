/* Invariant: no byte of a chunk is given out before its tag was checked, and the last chunk is
 * opened as the last: what comes out whole is the whole. */
#include "gateway/evidence/reading/payload.h"

enum err payload_open(struct opener_pool *openers, const struct blob_reader *blob,
                      const uint8_t key[AGE_PAYLOAD_KEY_SIZE], uint64_t size,
                      struct payload *out)
{
    *out = (struct payload){.openers = openers, .blob = blob, .size = size};
    if (blob_size(blob) != age_sealed_size(size))
        return err_set(ERR_CORRUPT, "the object's size is not the recorded one");
    TRY(opener_take(openers, &out->opener));
    return age_open_begin(out->opener->stream, key);
}

enum err payload_next(struct payload *p, const uint8_t **data, size_t *len)
{
    struct opener *o = p->opener;
    uint64_t index = p->at / AGE_CHUNK_SIZE, left = p->size - p->at;
    bool last = left <= AGE_CHUNK_SIZE;
    *len = 0;
    *data = o->plain;
    if (left == 0)
        return ERR_OK;
    size_t size = last ? (size_t)left : AGE_CHUNK_SIZE;
    o->held_len = 0;
    o->touched = AGE_CHUNK_SIZE;
    TRY(blob_read(p->blob, age_chunk_offset(index), o->sealed, size + AGE_TAG_SIZE));
    TRY(age_open_chunk(o->stream, index, last, o->sealed, size + AGE_TAG_SIZE, o->plain));
    p->at += size;
    *len = size;
    return ERR_OK;
}

void payload_clear(struct payload *p)
{
    if (p->opener)
        opener_give(p->openers, p->opener);
    *p = (struct payload){.openers = NULL};
}
