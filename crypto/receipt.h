/* The leaf of the log and the receipt (C2SP tlog-proof.md, v1): formats a stranger can verify (docs/receipt.md).
 *
 * Leaf, 41 bytes:  version[1] = 0x01 | time[8, big-endian, seconds, cut to a whole minute] | commitment[32]
 *                  commitment = HMAC-SHA-256(key = salt[32], canonical details)
 * Canonical details: JSON, UTF-8, members sorted, no white space.
 *
 * Receipt text:
 *     c2sp.org/tlog-proof@v1\n
 *     extra <base64( "eg1" || leaf[41] || salt[32] || details )>\n      (optional in tlog-proof, always there in ours)
 *     index <decimal>\n
 *     <base64 hash>\n ...            (inclusion proof, from the leaf's sibling up; none in a tree of one leaf)
 *     \n
 *     <checkpoint note>              (verbatim, signature lines of witnesses included)
 *
 * One fact has one spelling: every byte of a receipt is either fixed, canonical base64 or decimal, or covered by
 * the log's signature. The exception is a signature line by a key that the verifier was not given.
 */
#ifndef CRYPTO_RECEIPT_H
#define CRYPTO_RECEIPT_H

#include "crypto/note.h"

enum { LEAF_SIZE = 41, LEAF_SALT_SIZE = 32, LEAF_TIME_GRAIN = 60, DETAILS_MAX = 8192, RECEIPT_MAX = 32768 };

struct leaf {
    uint8_t bytes[LEAF_SIZE];
};
/* A time before 1970: ERR_INVALID; empty details: ERR_INVALID; longer than DETAILS_MAX: ERR_TOO_LARGE. */
MUST_USE enum err leaf_make(int64_t time_us, const uint8_t salt[LEAF_SALT_SIZE], const char *details, size_t len, struct leaf *out);

/* Seconds since 1970, a multiple of LEAF_TIME_GRAIN. */
uint64_t leaf_time(const struct leaf *leaf);

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

/* Appends to `out`. The parts are the log's own and not verified here. */
MUST_USE enum err receipt_format(const struct leaf *leaf, const uint8_t salt[LEAF_SALT_SIZE], const char *details, size_t details_len,
                                 uint64_t index, const struct merkle_proof *proof, const char *note, size_t note_len,
                                 struct buf *out);
/* Strict; verifies nothing. ERR_INVALID, or ERR_TOO_LARGE above RECEIPT_MAX; `out` is cleared on failure. Details are one JSON
 * object in UTF-8 without control characters. */
MUST_USE enum err receipt_parse(const char *text, size_t len, struct receipt *out);
/* Commitment, inclusion of the leaf, origin and signature of the checkpoint, in this order; ERR_CRYPTO says which does not hold. */
MUST_USE enum err receipt_verify(const struct receipt *r, const struct note_verifier *log_key);

#endif
