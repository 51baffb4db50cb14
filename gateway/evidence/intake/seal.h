/* One pass over the bytes: hash the plaintext, look at its head, seal it in 64 KiB chunks,
 * checksum and store what was sealed.
 *
 *     pieces -> gather a block of 256 KiB -> SHA-256 -> seal 4 chunks -> checksum -> blob
 *
 * A block is worked on only when more bytes come or the end is known (the final chunk is
 * marked). A body that grows past SEAL_ASIDE bytes gets a worker thread: blocks go through a
 * ring of SEAL_RING and the connection's thread only receives. Smaller ones are sealed where
 * they arrive: the hand-over would cost more than it gives.
 *
 * Buffers and cipher contexts come from a pool: fresh pages for every request cost a third of
 * the throughput.
 */
#ifndef GATEWAY_EVIDENCE_INTAKE_SEAL_H
#define GATEWAY_EVIDENCE_INTAKE_SEAL_H

#include "crypto/age_payload.h"
#include "crypto/checksum.h"
#include "gateway/base/buf.h"
#include "gateway/inspect/sniff.h"
#include "storage/blob.h"

enum { SEAL_BLOCK = 4 * AGE_CHUNK_SIZE, SEAL_RING = 4, SEAL_ASIDE = 8 * 1024 * 1024 };

struct sealer_pool;
struct sealer;

struct sealed { /* what came out */
    uint64_t size, sealed_size;
    uint8_t sha256[SHA256_SIZE];
    uint8_t checksum[SHA256_SIZE]; /* crypto/checksum.h, over the sealed bytes */
};

/* `max` sealers exist at once (ERR_BUSY beyond); up to `kept` idle ones are kept. */
MUST_USE enum err sealer_pool_new(size_t max, size_t kept, struct sealer_pool **out);
void sealer_pool_free(struct sealer_pool *p);
MUST_USE enum err sealer_take(struct sealer_pool *p, struct sealer **out);
void sealer_give(struct sealer *s); /* NULL allowed; stops a worker, wipes */

/* Begins a payload. blob NULL: hash only (a repeated request is compared, not stored). Key and
 * nonce are copied. */
MUST_USE enum err seal_begin(struct sealer *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE],
                             const uint8_t nonce[AGE_NONCE_SIZE], struct blob_writer *blob);
/* Each block is shown to `tap` as well, in order, on whichever thread works on it. Right after
 * seal_begin or seal_resume, which forget it; until seal_rest or sealer_give. */
typedef void (*seal_tap)(void *ctx, const void *data, size_t len);
void sealer_tap(struct sealer *s, seal_tap tap, void *ctx);
MUST_USE enum err seal_write(struct sealer *s, const void *data, size_t len);
/* Seals the final chunk, waits for the worker. The blob is complete but not flushed. */
MUST_USE enum err seal_finish(struct sealer *s, struct sealed *out);
/* The type of the first bytes; only once SNIFF_HEAD_MAX bytes have come or after seal_finish.
 * Not of a payload that went on behind whole chunks: the first bytes are gone. */
MUST_USE enum err seal_sniff(struct sealer *s, char type[SNIFF_TYPE_MAX + 1]);

/* A payload that goes on later. At rest it is: whole chunks in the blob, none of which can be
 * the last; the hashes over exactly those; the bytes behind them (none only where nothing came,
 * at most AGE_CHUNK_SIZE); and a key that is the caller's to keep. Whoever holds this state,
 * and nobody else, knows that no chunk of a higher index was ever sealed under that key. */
struct seal_state {
    uint64_t chunks;
    struct sha256 plain;
    struct checksum checksum;
};
void seal_state_clear(struct seal_state *state);
DEFINE_AUTO_CLEAR(struct seal_state, seal_state_clear);
/* Appends the bytes behind the whole chunks to `tail`. After an error, too, the sealer is of no
 * use but to be given back or begun anew. */
MUST_USE enum err seal_rest(struct sealer *s, struct seal_state *out, struct buf *tail);
/* In place of seal_begin; the tail is then written as if it came. Takes the hashes out of
 * `state`: it is used up, whatever comes of it. */
MUST_USE enum err seal_resume(struct sealer *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE],
                              const uint8_t nonce[AGE_NONCE_SIZE], struct blob_writer *blob,
                              struct seal_state *state);

#endif
