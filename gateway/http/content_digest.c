/* GnuTLS is here already, and its SHA-256 uses the processor's instructions. */
#include "gateway/http/content_digest.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

struct content_digest {
    gnutls_hash_hd_t hash;
};

enum err content_digest_new(struct content_digest **out)
{
    struct content_digest *d = calloc(1, sizeof(*d));

    if (d == NULL || gnutls_hash_init(&d->hash, GNUTLS_DIG_SHA256) != 0) {
        free(d);
        return err_set(ERR_NOMEM, "a digest");
    }
    *out = d;
    return ERR_OK;
}

enum err content_digest_add(struct content_digest *d, const void *data, size_t len)
{
    return gnutls_hash(d->hash, data, len) == 0
               ? ERR_OK
               : err_set(ERR_CRYPTO, "a digest could not be computed");
}

void content_digest_end(struct content_digest *d, uint8_t out[CONTENT_DIGEST_SIZE])
{
    assert(gnutls_hash_get_len(GNUTLS_DIG_SHA256) == CONTENT_DIGEST_SIZE);
    gnutls_hash_output(d->hash, out);
}

void content_digest_free(struct content_digest *d)
{
    if (d == NULL)
        return;
    gnutls_hash_deinit(d->hash, NULL);
    free(d);
}
