/* The leaf of the log and the receipt (c2sp.org/tlog-proof@v1): formats a stranger can verify (docs/receipt.md).
 *
 * Leaf, 41 bytes:  version[1] = 0x01 | time[8, big-endian, seconds, cut to a whole minute] | commitment[32]
 *                  commitment = HMAC-SHA-256(key = salt[32], canonical details)
 * Canonical details: JSON, UTF-8, members sorted, no white space.
 *
 * Receipt text:
 *     c2sp.org/tlog-proof@v1\n
 *     extra <base64( "eg1" || leaf[41] || salt[32] || details )>\n
 *     index <decimal>\n
 *     <base64 hash>\n ...            (inclusion proof)
 *     \n
 *     <checkpoint note>
 */
#ifndef CRYPTO_RECEIPT_H
#define CRYPTO_RECEIPT_H

#include "crypto/note.h"

enum { LEAF_SIZE = 41, LEAF_SALT_SIZE = 32, LEAF_TIME_GRAIN = 60, DETAILS_MAX = 8192, RECEIPT_MAX = 32768 };

struct leaf {
    uint8_t bytes[LEAF_SIZE];
};
MUST_USE enum err leaf_make(int64_t time_us, const uint8_t salt[LEAF_SALT_SIZE], const char *details, size_t len, struct leaf *out);

struct receipt { /* a parsed one; points into nothing, owns details */
    struct leaf leaf;
    uint8_t salt[LEAF_SALT_SIZE];
    char *details; /* NUL-terminated JSON */
    size_t details_len;
    uint64_t index;
    struct merkle_proof proof;
    struct checkpoint checkpoint;
    char *note;
    size_t note_len;
};
void receipt_clear(struct receipt *r);
DEFINE_AUTO_CLEAR(struct receipt, receipt_clear);

MUST_USE enum err receipt_format(const struct leaf *leaf, const uint8_t salt[LEAF_SALT_SIZE], const char *details, size_t details_len,
                                 uint64_t index, const struct merkle_proof *proof, const char *note, size_t note_len,
                                 struct buf *out);
MUST_USE enum err receipt_parse(const char *text, size_t len, struct receipt *out); /* strict; verifies nothing */
/* Commitment, leaf, inclusion, checkpoint signature, in this order; ERR_CRYPTO says which does not hold. */
MUST_USE enum err receipt_verify(const struct receipt *r, const struct note_verifier *log_key);

#endif
