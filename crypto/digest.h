/* SHA-256, HMAC-SHA-256 and HKDF-SHA-256 (RFC 5869) over OpenSSL with the algorithms fetched
 * once. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA1_SIZE = 20 };

struct sha256 { /* one running hash; reusable after sha256_final by sha256_begin */
    void *ctx;
};
MUST_USE enum err sha256_begin(struct sha256 *h); /* allocates the first time, resets later */
MUST_USE enum err sha256_update(struct sha256 *h, const void *data, size_t len);
MUST_USE enum err sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE]);
/* The digest of what has come so far; the hash goes on. */
MUST_USE enum err sha256_peek(const struct sha256 *h, uint8_t out[SHA256_SIZE]);
void sha256_clear(struct sha256 *h);
DEFINE_AUTO_CLEAR(struct sha256, sha256_clear);

MUST_USE enum err sha256_once(const void *data, size_t len, uint8_t out[SHA256_SIZE]);
/* data1 || data2 || data3 in one go (NULL with length 0 is skipped), in a context that the
 * thread keeps. The one allocation that is left is OpenSSL 3.0's own: 112 bytes of state a
 * hash, cleansed when it is given back. */
MUST_USE enum err sha256_parts(const void *const *parts, const size_t *lens, size_t n,
                               uint8_t out[SHA256_SIZE]);
MUST_USE enum err hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                              uint8_t out[SHA256_SIZE]);
/* salt may be NULL/0; info up to 1024 bytes; out_len up to 64. Intermediates are cleansed. */
MUST_USE enum err hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt,
                              size_t salt_len, const void *info, size_t info_len, uint8_t *out,
                              size_t out_len);
bool equal_constant_time(const void *a, const void *b, size_t len);

#endif
