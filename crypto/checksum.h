/* A keyless checksum of sealed bytes, for `scrub` and for copies: it finds damage without being
 * able to open anything.
 *
 * checksum = SHA-256( XXH3-128 of each sealed block, 16 bytes big-endian, in order ), blocks of
 * CHECKSUM_BLOCK sealed bytes from the start of the object (the last may be shorter). XXH3
 * because a second SHA-256 over all bytes would cost as much as the first; it is not meant
 * against somebody who forges: the chunks' authentication tags and the receipt's SHA-256 of the
 * plaintext are.
 */
#ifndef CRYPTO_CHECKSUM_H
#define CRYPTO_CHECKSUM_H

#include "crypto/digest.h"

enum { CHECKSUM_BLOCK = 262144 };

struct checksum {
    struct sha256 outer;
    void *block;
    size_t in_block;
};
MUST_USE enum err
checksum_begin(struct checksum *c); /* zero-initialised the first time; reusable */
MUST_USE enum err checksum_update(struct checksum *c, const void *data, size_t len);
MUST_USE enum err checksum_final(struct checksum *c, uint8_t out[SHA256_SIZE]);
void checksum_clear(struct checksum *c);
DEFINE_AUTO_CLEAR(struct checksum, checksum_clear);

#endif
