/* What the sealing worker gives: 1 GiB through gateway/evidence/intake/seal.h, with and without
 * it.
 *
 *     seal_bench DIR [MIB]                       default: 1024
 *
 * Reception is played by what costs most in it: opening TLS records of 16 KiB (AES-256-GCM). A
 * body that grows past SEAL_ASIDE gets the worker; the same bytes as bodies of SEAL_ASIDE each
 * do not. Payloads are written, not flushed, and dropped.
 */
#include "gateway/evidence/intake/seal.h"
#include "tests/bench/bench_log.h"

#include <openssl/evp.h>

enum { RECORD = 16384, TAG = 16 };

struct reception { /* one sealed record that is opened again and again */
    EVP_CIPHER_CTX *open;
    uint8_t key[32], nonce[12], tag[TAG], sealed[RECORD], plain[RECORD];
};

static void need(bool good)
{
    if (!good) {
        (void)fprintf(stderr, "seal_bench: OpenSSL refuses\n");
        exit(EXIT_FAILURE);
    }
}

static void reception_init(struct reception *r)
{
    EVP_CIPHER_CTX *seal = EVP_CIPHER_CTX_new();
    int n = 0;

    memset(r, 7, sizeof(*r));
    memcpy(r->plain, "%PDF-1.7\n", 9);
    r->open = EVP_CIPHER_CTX_new();
    need(seal != NULL && r->open != NULL);
    need(EVP_EncryptInit_ex(seal, EVP_aes_256_gcm(), NULL, r->key, r->nonce) == 1);
    need(EVP_EncryptUpdate(seal, r->sealed, &n, r->plain, RECORD) == 1);
    need(EVP_EncryptFinal_ex(seal, r->sealed, &n) == 1);
    need(EVP_CIPHER_CTX_ctrl(seal, EVP_CTRL_GCM_GET_TAG, TAG, r->tag) == 1);
    need(EVP_DecryptInit_ex(r->open, EVP_aes_256_gcm(), NULL, r->key, NULL) == 1);
    EVP_CIPHER_CTX_free(seal);
}

static void receive(struct reception *r)
{
    int n = 0;

    need(EVP_DecryptInit_ex(r->open, NULL, NULL, NULL, r->nonce) == 1);
    need(EVP_DecryptUpdate(r->open, r->plain, &n, r->sealed, RECORD) == 1);
    need(EVP_CIPHER_CTX_ctrl(r->open, EVP_CTRL_GCM_SET_TAG, TAG, r->tag) == 1);
    need(EVP_DecryptFinal_ex(r->open, r->plain, &n) == 1);
}

static void body(struct sealer_pool *pool, struct blob_store *store, struct reception *r,
                 uint64_t size)
{
    static const uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {1}, nonce[AGE_NONCE_SIZE] = {2};
    AUTO(blob_writer_free) struct blob_writer *blob = NULL;
    struct uuid id = uuid_new();
    struct sealer *s = NULL;
    struct sealed sealed;

    must(blob_begin(store, &id, &blob));
    must(sealer_take(pool, &s));
    must(seal_begin(s, key, nonce, blob));
    for (uint64_t at = 0; at < size; at += RECORD) {
        receive(r);
        must(seal_write(s, r->plain, RECORD));
    }
    must(seal_finish(s, &sealed));
    sealer_give(s);
}

static double measure(const char *words, struct sealer_pool *pool, struct blob_store *store,
                      uint64_t all, uint64_t size)
{
    struct reception r;
    double wall0, cpu0, took;

    reception_init(&r);
    body(pool, store, &r, size);
    wall0 = wall();
    cpu0 = cpu();
    for (uint64_t done = 0; done < all; done += size)
        body(pool, store, &r, size);
    took = wall() - wall0;
    (void)printf("%-28s %6.0f MB/s, %.2f CPU s/GiB\n", words, (double)all / took / 1e6,
                 (cpu() - cpu0) * (double)(1 << 30) / (double)all);
    EVP_CIPHER_CTX_free(r.open);
    return (double)all / took;
}

int main(int argc, char **argv)
{
    uint64_t mib = argc > 2 ? strtoull(argv[2], NULL, 10) : 1024, all = mib << 20;
    struct sealer_pool *pool = NULL;
    struct blob_store *store = NULL;
    char path[512];
    double alone, aside;

    if (argc < 2 || all % SEAL_ASIDE != 0 || all <= SEAL_ASIDE) {
        (void)fprintf(stderr, "usage: %s DIR [MIB, a multiple of 8 above 8]\n", argv[0]);
        return EXIT_FAILURE;
    }
    (void)snprintf(path, sizeof(path), "%s/seal", argv[1]);
    must(crypto_init());
    must(blob_store_open_fs(path, &store));
    must(sealer_pool_new(4, 4, &pool));
    alone = measure("sealed where it arrives:", pool, store, all, SEAL_ASIDE);
    aside = measure("sealed aside by a worker:", pool, store, all, all);
    (void)printf("%.2f times as fast\n", aside / alone);
    sealer_pool_free(pool);
    blob_store_free(store);
    return EXIT_SUCCESS;
}
