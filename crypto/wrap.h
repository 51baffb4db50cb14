/* Small things sealed under a key of our own: XChaCha20-Poly1305 (libsodium, draft-irtf-cfrg-xchacha-03)
 * with a random nonce, bound to a context.
 *
 *     nonce[24] | ciphertext and tag[16]
 *
 * The context (associated data) is not stored: opening wants the same one.
 */
#ifndef CRYPTO_WRAP_H
#define CRYPTO_WRAP_H

#include "gateway/base/buf.h"

#include <stdint.h>

enum { WRAP_KEY_SIZE = 32, WRAP_OVERHEAD = 24 + 16 };

/* Appends to `out`. */
MUST_USE enum err wrap_seal(const uint8_t key[WRAP_KEY_SIZE], const void *context,
                            size_t context_len, const void *data, size_t len, struct buf *out);
/* `out`: len - WRAP_OVERHEAD bytes. ERR_CORRUPT: not sealed by this key for this context; out is
 * cleansed. */
MUST_USE enum err wrap_open(const uint8_t key[WRAP_KEY_SIZE], const void *context,
                            size_t context_len, const void *sealed, size_t len, void *out);

#endif
