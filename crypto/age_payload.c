/* The payload of an artefact: STREAM chunks of ChaCha20-Poly1305.
 *
 * OpenSSL's implementation is twice as fast as libsodium's on 64 KiB pieces, provided the
 * cipher is fetched once and its context reused: a stream keeps one context for its life.
 *
 * Invariants: a sealing stream seals each index once, upwards, and nothing after the final
 * chunk; an opening stream never leaves a byte of a chunk whose tag did not check.
 */
#include "crypto/age_payload.h"

#include "crypto/digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_NONCE_SIZE = 12, CHUNK_COUNTER_SIZE = 11 };
_Static_assert(AGE_SEALED_CHUNK_SIZE == 65552, "what the format's text says");
_Static_assert(CHUNK_COUNTER_SIZE + 1 == CHUNK_NONCE_SIZE, "counter, then the last-chunk byte");

enum err age_payload_key(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                         const uint8_t nonce[AGE_NONCE_SIZE], uint8_t out[AGE_PAYLOAD_KEY_SIZE])
{
    static const char info[] = "payload";

    return hkdf_sha256(file_key, AGE_FILE_KEY_SIZE, nonce, AGE_NONCE_SIZE, info,
                       sizeof(info) - 1, out, AGE_PAYLOAD_KEY_SIZE);
}

uint64_t age_chunk_count(uint64_t plain_size)
{
    if (plain_size == 0)
        return 1;
    return (plain_size - 1) / AGE_CHUNK_SIZE + 1;
}

uint64_t age_chunk_offset(uint64_t index)
{
    uint64_t offset;

    if (__builtin_mul_overflow(index, (uint64_t)AGE_SEALED_CHUNK_SIZE, &offset) ||
        __builtin_add_overflow(offset, (uint64_t)AGE_NONCE_SIZE, &offset))
        return UINT64_MAX;
    return offset;
}

uint64_t age_sealed_size(uint64_t plain_size)
{
    uint64_t overhead = AGE_NONCE_SIZE + age_chunk_count(plain_size) * AGE_TAG_SIZE;
    uint64_t size;

    return __builtin_add_overflow(plain_size, overhead, &size) ? UINT64_MAX : size;
}

enum err age_plain_size(uint64_t sealed_size, uint64_t *plain_size)
{
    uint64_t body, full, rest;

    if (sealed_size < AGE_NONCE_SIZE + AGE_TAG_SIZE)
        return err_set(ERR_CORRUPT, "a payload shorter than its nonce and a tag");
    body = sealed_size - AGE_NONCE_SIZE;
    full = body / AGE_SEALED_CHUNK_SIZE;
    rest = body % AGE_SEALED_CHUNK_SIZE;
    if (rest != 0 && (rest < AGE_TAG_SIZE || (rest == AGE_TAG_SIZE && full > 0)))
        return err_set(ERR_CORRUPT, "no plaintext has a payload of this length");
    *plain_size = full * AGE_CHUNK_SIZE + (rest == 0 ? 0 : rest - AGE_TAG_SIZE);
    return ERR_OK;
}

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *cipher; /* for the life of the process */

static void fetch(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
}

enum stream_state { STREAM_IDLE, STREAM_SEALING, STREAM_SEALED, STREAM_OPENING };

struct age_stream {
    EVP_CIPHER_CTX *ctx;
    enum stream_state state;
    uint64_t next; /* sealing: the index of the next chunk */
};

enum err age_stream_new(struct age_stream **out)
{
    struct age_stream *s;

    if (pthread_once(&fetch_once, fetch) != 0 || cipher == NULL)
        return err_set(ERR_CRYPTO, "OpenSSL has no ChaCha20-Poly1305");
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NOMEM;
    s->ctx = EVP_CIPHER_CTX_new();
    if (s->ctx == NULL) {
        free(s);
        return ERR_NOMEM;
    }
    *out = s;
    return ERR_OK;
}

void age_stream_free(struct age_stream *s)
{
    if (s == NULL)
        return;
    EVP_CIPHER_CTX_free(s->ctx); /* cleanses the key */
    free(s);
}

static void chunk_nonce(uint64_t index, bool last, uint8_t nonce[CHUNK_NONCE_SIZE])
{
    memset(nonce, 0, CHUNK_NONCE_SIZE);
    for (size_t i = CHUNK_COUNTER_SIZE; index > 0; index >>= 8)
        nonce[--i] = (uint8_t)index;
    nonce[CHUNK_NONCE_SIZE - 1] = last ? 1 : 0;
}

static MUST_USE enum err fail(const char *what)
{
    ERR_clear_error(); /* the library's queue is not looked at: it must not grow */
    return err_set(ERR_CRYPTO, "ChaCha20-Poly1305: %s", what);
}

void age_stream_forget(struct age_stream *s)
{
    static const uint8_t nothing[AGE_PAYLOAD_KEY_SIZE];

    s->state = STREAM_IDLE;
    if (EVP_EncryptInit_ex2(s->ctx, cipher, nothing, NULL, NULL) != 1)
        (void)EVP_CIPHER_CTX_reset(s->ctx); /* slower next time, but gone */
}

enum err age_seal_begin(struct age_stream *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE],
                        uint64_t first_index)
{
    s->state = STREAM_IDLE;
    if (EVP_EncryptInit_ex2(s->ctx, cipher, key, NULL, NULL) != 1)
        return fail("no key set");
    s->state = STREAM_SEALING;
    s->next = first_index;
    return ERR_OK;
}

enum err age_seal_chunk(struct age_stream *s, const uint8_t *in, size_t len, bool last,
                        uint8_t *out)
{
    uint8_t nonce[CHUNK_NONCE_SIZE];
    int written = 0, tail = 0;

    assert(s->state == STREAM_SEALING);
    assert(len <= AGE_CHUNK_SIZE && (last || len == AGE_CHUNK_SIZE));
    assert(len > 0 || s->next == 0); /* only an empty file ends in an empty chunk */
    chunk_nonce(s->next, last, nonce);
    s->next++; /* whatever happens next: this index is used up */
    if (last)
        s->state = STREAM_SEALED;
    if (EVP_EncryptInit_ex2(s->ctx, NULL, NULL, nonce, NULL) != 1)
        return fail("no nonce set");
    if (len > 0 && EVP_EncryptUpdate(s->ctx, out, &written, in, (int)len) != 1)
        return fail("not encrypted");
    if (EVP_EncryptFinal_ex(s->ctx, out + written, &tail) != 1)
        return fail("not ended");
    assert((size_t)(written + tail) == len);
    if (EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, AGE_TAG_SIZE, out + len) != 1)
        return fail("no tag");
    return ERR_OK;
}

enum err age_open_begin(struct age_stream *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE])
{
    s->state = STREAM_IDLE;
    if (EVP_DecryptInit_ex2(s->ctx, cipher, key, NULL, NULL) != 1)
        return fail("no key set");
    s->state = STREAM_OPENING;
    return ERR_OK;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, const uint8_t nonce[CHUNK_NONCE_SIZE],
                    const uint8_t *sealed, size_t len, uint8_t *out)
{
    uint8_t tag[AGE_TAG_SIZE], nowhere[AGE_TAG_SIZE];
    int written = 0, tail = 0;

    memcpy(tag, sealed + len, sizeof(tag));
    if (EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1)
        return false;
    if (len > 0 && EVP_DecryptUpdate(ctx, out, &written, sealed, (int)len) != 1)
        return false;
    return EVP_DecryptFinal_ex(ctx, nowhere, &tail) == 1 && tail == 0 && (size_t)written == len;
}

enum err age_open_chunk(struct age_stream *s, uint64_t index, bool last, const uint8_t *sealed,
                        size_t sealed_len, uint8_t *out)
{
    uint8_t nonce[CHUNK_NONCE_SIZE];
    size_t len;

    assert(s->state == STREAM_OPENING);
    if (sealed_len < AGE_TAG_SIZE || sealed_len > AGE_SEALED_CHUNK_SIZE ||
        (!last && sealed_len != AGE_SEALED_CHUNK_SIZE))
        return err_set(ERR_CORRUPT, "a chunk of %zu bytes", sealed_len);
    len = sealed_len - AGE_TAG_SIZE;
    if (len == 0 && index != 0)
        return err_set(ERR_CORRUPT, "an empty final chunk behind others");
    chunk_nonce(index, last, nonce);
    if (!decrypt(s->ctx, nonce, sealed, len, out)) {
        if (len > 0)
            sodium_memzero(out, len);
        ERR_clear_error();
        return err_set(ERR_CORRUPT, "chunk %llu does not open", (unsigned long long)index);
    }
    return ERR_OK;
}
