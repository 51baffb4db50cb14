/* The age v1 payload (C2SP age.md, "Payload"): a 16-byte nonce, then STREAM chunks.
 *
 *     nonce[16] | chunk 0 | chunk 1 | ... | final chunk
 *     chunk       = ChaCha20-Poly1305(payload key, counter[11 bytes, big-endian] || last[1])
 *                   of 64 KiB (final: 1..64 KiB, or 0 only for an empty file) and a tag of 16
 *                   bytes: chunk k begins at 16 + k * 65552
 *     payload key = HKDF-SHA-256(ikm = file key, salt = nonce, info = "payload")
 *
 * Invariant: a chunk index is sealed once under a payload key. The sealer counts upwards only
 * and refuses (asserts) after the final chunk.
 */
#ifndef CRYPTO_AGE_PAYLOAD_H
#define CRYPTO_AGE_PAYLOAD_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    AGE_FILE_KEY_SIZE = 16,
    AGE_NONCE_SIZE = 16,
    AGE_PAYLOAD_KEY_SIZE = 32,
    AGE_CHUNK_SIZE = 65536,
    AGE_TAG_SIZE = 16,
    AGE_SEALED_CHUNK_SIZE = AGE_CHUNK_SIZE + AGE_TAG_SIZE,
};

MUST_USE enum err age_payload_key(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                  const uint8_t nonce[AGE_NONCE_SIZE],
                                  uint8_t out[AGE_PAYLOAD_KEY_SIZE]);

/* Length on disk (nonce included) of a plaintext of `size` bytes, and back; ERR_CORRUPT where
 * no plaintext has that length. Sizes and offsets that 64 bits cannot hold come out as
 * UINT64_MAX. */
uint64_t age_sealed_size(uint64_t plain_size);
MUST_USE enum err age_plain_size(uint64_t sealed_size, uint64_t *plain_size);
uint64_t age_chunk_count(uint64_t plain_size); /* at least 1 */
uint64_t age_chunk_offset(uint64_t index);     /* 16 + index * 65552 */

/* One direction of one payload; reusable for other payloads (cipher context kept). Not
 * thread-safe. */
struct age_stream;
MUST_USE enum err age_stream_new(struct age_stream **out);
void age_stream_free(struct age_stream *s); /* wipes */
/* Overwrites the key of a payload that is done with; the context stays for the next. */
void age_stream_forget(struct age_stream *s);
DEFINE_AUTO(struct age_stream, age_stream_free);

MUST_USE enum err age_seal_begin(struct age_stream *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE],
                                 uint64_t first_index);
/* Seals the next chunk: len == AGE_CHUNK_SIZE unless last. out: len + AGE_TAG_SIZE. In place is
 * allowed (in == out). After ERR_CRYPTO the payload is abandoned: its index is used up and
 * `out` is of no use. */
MUST_USE enum err age_seal_chunk(struct age_stream *s, const uint8_t *in, size_t len, bool last,
                                 uint8_t *out);

MUST_USE enum err age_open_begin(struct age_stream *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE]);
/* Opens chunk `index` into `out` (sealed_len - 16 bytes; sealed == out is allowed). On failure
 * out is cleansed and ERR_CORRUPT returned: no unverified byte ever leaves. An empty final
 * chunk is only good at index 0. */
MUST_USE enum err age_open_chunk(struct age_stream *s, uint64_t index, bool last,
                                 const uint8_t *sealed, size_t sealed_len, uint8_t *out);

#endif
