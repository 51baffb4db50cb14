/* Personal values of the database, sealed one by one: XChaCha20-Poly1305 under a key of their
 * column, bound to their row, and blind indexes for equality look-ups.
 *
 *     sealed        = 0x01 | key id[4] | nonce[24] | ciphertext | tag[16]
 *     sealed to     = 0x02 | key id[4] | share[32] | ciphertext | tag[16]    (seal-only, below)
 *     bound to      = the first 5 bytes || domain || 0x00 || row             (associated data)
 *     key id        = HKDF-SHA-256(master, "", INFO "/id")[0..4)
 *     column key    = HKDF-SHA-256(master, "", INFO "/seal"  || 0x00 || domain)
 *     blind key     = HKDF-SHA-256(master, "", INFO "/blind" || 0x00 || domain)
 *     identity      = HKDF-SHA-256(master, "", INFO "/identity"), an X25519 scalar
 *     one-time key  = HKDF-SHA-256(X25519(ephemeral, recipient), share || recipient,
 *                                  INFO "/public" || 0x00 || domain), nonce 0
 *     INFO          = "evidence-gateway.invalid/column/v1"
 *
 * The domain is "<table>.<column>", the row whatever identifies it for ever (its primary key):
 * a value that somebody moves to another row or column does not open there. The length of a
 * value shows; nothing else does.
 *
 * A blind index is HMAC-SHA-256(blind key, text): the same text, in one domain under one key,
 * has the same index, so that a look-up by equality needs no plain text. It is not reversible
 * without the key; with the key and little to guess (dates, numbers) it is: it is as secret as
 * its key. The caller normalises the text first. Two tables that have to match use one domain.
 *
 * Keys: one 32-byte random master key with a 4-byte id; several may be loaded, the last one
 * added is active (it seals), the others still open. A seal-only set (column_keys_seal_only)
 * holds a public key and nothing else: it can write what only the holder of the master reads,
 * and neither opens nor blinds. Whoever has a public key can make values up, but that needs the
 * database, too.
 */
#ifndef CRYPTO_COLUMN_H
#define CRYPTO_COLUMN_H

#include "crypto/secret.h"
#include "gateway/base/buf.h"

enum {
    COLUMN_MASTER_SIZE = 32,
    COLUMN_ID_SIZE = 4,
    COLUMN_ID_TEXT_SIZE = 9, /* 8 hex digits and the NUL */
    COLUMN_POINT_SIZE = 32,
    COLUMN_BLIND_SIZE = 32,
    COLUMN_KEYS_MAX = 8,    /* masters in one set */
    COLUMN_DOMAIN_MAX = 63, /* characters */
    COLUMN_ROW_MAX = 128,   /* bytes of what identifies a row */
    COLUMN_HEAD_SIZE = 1 + COLUMN_ID_SIZE,
    COLUMN_OVERHEAD = COLUMN_HEAD_SIZE + 24 + 16,     /* bytes more than the text */
    COLUMN_OVERHEAD_MAX = COLUMN_HEAD_SIZE + 32 + 16, /* of the other format */
    COLUMN_TEXT_MAX = 128 * 1024                      /* bytes of one value */
};

/* A set of keys. Filled by one thread, then used by any number at once. */
struct column_keys;
MUST_USE enum err column_keys_new(struct column_keys **out);
void column_keys_free(struct column_keys *keys); /* wipes; NULL is allowed */
DEFINE_AUTO(struct column_keys, column_keys_free);

/* Copies the master (COLUMN_MASTER_SIZE bytes) into guarded memory and makes it the active one.
 * ERR_EXISTS: it is there already; ERR_TOO_LARGE: COLUMN_KEYS_MAX are. */
MUST_USE enum err column_keys_add(struct column_keys *keys, const void *master, size_t len);
/* Makes the (empty) set a seal-only one. ERR_INVALID: a point of low order. */
MUST_USE enum err column_keys_seal_only(struct column_keys *keys,
                                        const uint8_t id[COLUMN_ID_SIZE],
                                        const uint8_t point[COLUMN_POINT_SIZE]);
/* What a seal-only set is made of: id and public key of the active master. */
void column_keys_public(const struct column_keys *keys, uint8_t id[COLUMN_ID_SIZE],
                        uint8_t point[COLUMN_POINT_SIZE]);

size_t column_keys_count(const struct column_keys *keys);
bool column_keys_can_open(const struct column_keys *keys); /* has a master; NULL: false */
/* Id of the at-th key in the order they were added; the last one is active. */
void column_keys_id(const struct column_keys *keys, size_t at, uint8_t out[COLUMN_ID_SIZE]);
/* The first COLUMN_HEAD_SIZE bytes of what column_seal makes now: a value with others was
 * sealed by another key or in another format. */
void column_keys_head(const struct column_keys *keys, uint8_t out[COLUMN_HEAD_SIZE]);
void column_id_format(const uint8_t id[COLUMN_ID_SIZE], char out[COLUMN_ID_TEXT_SIZE]);
/* The id that a master has. */
MUST_USE enum err column_master_id(const void *master, size_t len, uint8_t out[COLUMN_ID_SIZE]);

/* Appends len + COLUMN_OVERHEAD bytes (seal-only: COLUMN_OVERHEAD_MAX) to `out`, which is left
 * as it was on failure. ERR_TOO_LARGE: beyond COLUMN_TEXT_MAX or the buffer's maximum. */
MUST_USE enum err column_seal(struct column_keys *keys, const char *domain, const void *row,
                              size_t row_len, const void *text, size_t len, struct buf *out);
/* Appends the text to `out` (let it be one that wipes). ERR_CORRUPT: not sealed for this column
 * and row, or damaged; ERR_NOT_FOUND: by a key that is not loaded (the message has its id);
 * ERR_UNAVAILABLE: the set is seal-only. */
MUST_USE enum err column_open(struct column_keys *keys, const char *domain, const void *row,
                              size_t row_len, const void *sealed, size_t len, struct buf *out);

/* The blind index under the active key. ERR_UNAVAILABLE: the set is seal-only. */
MUST_USE enum err column_blind(struct column_keys *keys, const char *domain, const void *text,
                               size_t len, uint8_t out[COLUMN_BLIND_SIZE]);
/* The same under the at-th key: while values are being sealed anew, a look-up has to ask for
 * the indexes under every key that is loaded (column_keys_count). */
MUST_USE enum err column_blind_under(struct column_keys *keys, size_t at, const char *domain,
                                     const void *text, size_t len,
                                     uint8_t out[COLUMN_BLIND_SIZE]);

#endif
