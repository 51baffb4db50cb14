/* SHA-256 and what is built from it.
 *
 * OpenSSL 3 looks an algorithm up by name on every one-shot call, which costs more than hashing
 * 64 bytes: the algorithm is fetched once for the process, and each thread keeps one context
 * that a thread-specific key frees when the thread ends. HMAC and HKDF are written out over
 * that context because EVP_MAC and EVP_KDF allocate several objects a call; they are short, and
 * the vectors of RFC 4231 and RFC 5869 check them.
 *
 * Invariant: no chaining state derived from a key stays behind in the thread's context: hmac
 * wipes it by beginning anew.
 */
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

enum { SHA256_BLOCK_SIZE = 64, HKDF_INFO_MAX = 1024, HKDF_OUT_MAX = 64 };

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static EVP_MD *sha256_md; /* fetched for the life of the process; NULL if OpenSSL has none */
static bool thread_key_made;

static void thread_context_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    thread_key_made = pthread_key_create(&thread_key, thread_context_free) == 0;
}

static MUST_USE enum err fetched(void)
{
    if (pthread_once(&fetch_once, fetch) != 0 || sha256_md == NULL || !thread_key_made)
        return err_set(ERR_CRYPTO, "OpenSSL has no SHA-256");
    return ERR_OK;
}

static MUST_USE enum err restart(EVP_MD_CTX *ctx)
{
    if (EVP_DigestInit_ex2(ctx, sha256_md, NULL) != 1)
        return err_set(ERR_CRYPTO, "SHA-256 does not begin");
    return ERR_OK;
}

static MUST_USE enum err absorb(EVP_MD_CTX *ctx, const void *data, size_t len)
{
    if (len > 0 && EVP_DigestUpdate(ctx, data, len) != 1)
        return err_set(ERR_CRYPTO, "SHA-256 does not go on");
    return ERR_OK;
}

static MUST_USE enum err finish(EVP_MD_CTX *ctx, uint8_t out[SHA256_SIZE])
{
    unsigned len = 0;

    if (EVP_DigestFinal_ex(ctx, out, &len) != 1 || len != SHA256_SIZE)
        return err_set(ERR_CRYPTO, "SHA-256 does not end");
    return ERR_OK;
}

static MUST_USE enum err thread_context(EVP_MD_CTX **out)
{
    EVP_MD_CTX *ctx;

    TRY(fetched());
    ctx = pthread_getspecific(thread_key);
    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
        if (ctx == NULL)
            return ERR_NOMEM;
        if (pthread_setspecific(thread_key, ctx) != 0) {
            EVP_MD_CTX_free(ctx);
            return ERR_NOMEM;
        }
    }
    *out = ctx;
    return ERR_OK;
}

enum err sha256_begin(struct sha256 *h)
{
    TRY(fetched());
    if (h->ctx == NULL)
        h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL)
        return ERR_NOMEM;
    return restart(h->ctx);
}

enum err sha256_update(struct sha256 *h, const void *data, size_t len)
{
    assert(h->ctx != NULL);
    return absorb(h->ctx, data, len);
}

enum err sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
    assert(h->ctx != NULL);
    return finish(h->ctx, out);
}

enum err sha256_peek(const struct sha256 *h, uint8_t out[SHA256_SIZE])
{
    AUTO_CLEAR(sha256_clear) struct sha256 copy = {.ctx = EVP_MD_CTX_new()};

    assert(h->ctx != NULL);
    if (copy.ctx == NULL)
        return ERR_NOMEM;
    if (EVP_MD_CTX_copy_ex(copy.ctx, h->ctx) != 1)
        return err_set(ERR_CRYPTO, "SHA-256 cannot be copied");
    return finish(copy.ctx, out);
}

void sha256_clear(struct sha256 *h)
{
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

static MUST_USE enum err hash_parts(EVP_MD_CTX *ctx, const void *const *parts,
                                    const size_t *lens, size_t n, uint8_t out[SHA256_SIZE])
{
    TRY(restart(ctx));
    for (size_t i = 0; i < n; i++)
        TRY(absorb(ctx, parts[i], lens[i]));
    return finish(ctx, out);
}

enum err sha256_parts(const void *const *parts, const size_t *lens, size_t n,
                      uint8_t out[SHA256_SIZE])
{
    EVP_MD_CTX *ctx;

    TRY(thread_context(&ctx));
    return hash_parts(ctx, parts, lens, n, out);
}

enum err sha256_once(const void *data, size_t len, uint8_t out[SHA256_SIZE])
{
    return sha256_parts(&data, &len, 1, out);
}

/* One HMAC over several parts (RFC 2104). */
enum { HMAC_PARTS_MAX = 4 };
struct hmac_input {
    const void *parts[HMAC_PARTS_MAX];
    size_t lens[HMAC_PARTS_MAX];
    size_t n;
};

static void hmac_add(struct hmac_input *in, const void *data, size_t len)
{
    assert(in->n < HMAC_PARTS_MAX);
    in->parts[in->n] = data;
    in->lens[in->n++] = len;
}

struct hmac_scratch {
    uint8_t pad[SHA256_BLOCK_SIZE];
    uint8_t inner[SHA256_SIZE];
};

static void xor_pad(struct hmac_scratch *s, uint8_t byte)
{
    for (size_t i = 0; i < sizeof(s->pad); i++)
        s->pad[i] ^= byte;
}

static MUST_USE enum err hmac_passes(EVP_MD_CTX *ctx, struct hmac_scratch *s, const void *key,
                                     size_t key_len, const struct hmac_input *in,
                                     uint8_t out[SHA256_SIZE])
{
    const uint8_t ipad = 0x36, opad = 0x5c;

    if (key_len > sizeof(s->pad))
        TRY(hash_parts(ctx, &key, &key_len, 1, s->pad));
    else if (key_len > 0)
        memcpy(s->pad, key, key_len);
    xor_pad(s, ipad);
    TRY(restart(ctx));
    TRY(absorb(ctx, s->pad, sizeof(s->pad)));
    for (size_t i = 0; i < in->n; i++)
        TRY(absorb(ctx, in->parts[i], in->lens[i]));
    TRY(finish(ctx, s->inner));
    xor_pad(s, ipad ^ opad);
    TRY(restart(ctx));
    TRY(absorb(ctx, s->pad, sizeof(s->pad)));
    TRY(absorb(ctx, s->inner, sizeof(s->inner)));
    return finish(ctx, out);
}

static MUST_USE enum err hmac(const void *key, size_t key_len, const struct hmac_input *in,
                              uint8_t out[SHA256_SIZE])
{
    struct hmac_scratch scratch = {0};
    EVP_MD_CTX *ctx;
    enum err e, wiped;

    TRY(thread_context(&ctx));
    e = hmac_passes(ctx, &scratch, key, key_len, in, out);
    sodium_memzero(&scratch, sizeof(scratch));
    wiped = restart(ctx);
    return e != ERR_OK ? e : wiped;
}

enum err hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                     uint8_t out[SHA256_SIZE])
{
    struct hmac_input in = {.n = 0};

    hmac_add(&in, data, len);
    return hmac(key, key_len, &in, out);
}

struct hkdf_scratch {
    uint8_t prk[SHA256_SIZE];
    uint8_t block[SHA256_SIZE];
};

static MUST_USE enum err hkdf_expand(struct hkdf_scratch *s, const void *info, size_t info_len,
                                     uint8_t *out, size_t out_len)
{
    size_t done = 0, previous = 0;

    for (uint8_t counter = 1; done < out_len; counter++) {
        struct hmac_input in = {.n = 0};
        size_t n = out_len - done < SHA256_SIZE ? out_len - done : SHA256_SIZE;

        hmac_add(&in, s->block, previous);
        hmac_add(&in, info, info_len);
        hmac_add(&in, &counter, sizeof(counter));
        TRY(hmac(s->prk, sizeof(s->prk), &in, s->block));
        memcpy(out + done, s->block, n);
        previous = SHA256_SIZE;
        done += n;
    }
    return ERR_OK;
}

enum err hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
                     const void *info, size_t info_len, uint8_t *out, size_t out_len)
{
    struct hkdf_scratch scratch = {0};
    enum err e;

    assert(info_len <= HKDF_INFO_MAX && out_len <= HKDF_OUT_MAX);
    e = hmac_sha256(salt, salt_len, ikm, ikm_len, scratch.prk);
    if (e == ERR_OK)
        e = hkdf_expand(&scratch, info, info_len, out, out_len);
    sodium_memzero(&scratch, sizeof(scratch));
    if (e != ERR_OK)
        sodium_memzero(out, out_len);
    return e;
}

bool equal_constant_time(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}
