#include "crypto/checksum.h"

#include <xxhash.h>

enum err checksum_begin(struct checksum *c)
{
    if (!c->block)
        c->block = XXH3_createState();
    if (!c->block)
        return err_set(ERR_NOMEM, "checksum");
    c->in_block = 0;
    XXH3_128bits_reset(c->block);
    return sha256_begin(&c->outer);
}

static enum err block_end(struct checksum *c)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(c->block));
    XXH3_128bits_reset(c->block);
    c->in_block = 0;
    return sha256_update(&c->outer, canonical.digest, sizeof(canonical.digest));
}

enum err checksum_update(struct checksum *c, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        size_t part = CHECKSUM_BLOCK - c->in_block;
        if (part > len)
            part = len;
        XXH3_128bits_update(c->block, at, part);
        c->in_block += part;
        at += part;
        len -= part;
        if (c->in_block == CHECKSUM_BLOCK)
            TRY(block_end(c));
    }
    return ERR_OK;
}

enum err checksum_final(struct checksum *c, uint8_t out[SHA256_SIZE])
{
    if (c->in_block > 0)
        TRY(block_end(c));
    return sha256_final(&c->outer, out);
}

void checksum_clear(struct checksum *c)
{
    XXH3_freeState(c->block);
    c->block = NULL;
    sha256_clear(&c->outer);
}
