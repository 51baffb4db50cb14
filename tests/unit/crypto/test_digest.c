/* Vectors: FIPS 180-2, RFC 4231 (HMAC), RFC 5869 (HKDF). */
#include "crypto/digest.h"

#include "gateway/base/encode.h"
#include "tests/support/suite.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Every allocation of OpenSSL in this program is counted. */
static atomic_size_t allocations;
static int counting;

static void *count_malloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    atomic_fetch_add(&allocations, 1);
    return malloc(len);
}

static void *count_realloc(void *p, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    atomic_fetch_add(&allocations, 1);
    return realloc(p, len);
}

static void count_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[HEX_SIZE(64)];

    hex_encode(bytes, len, text);
    ck_assert_str_eq(text, hex);
}

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;

    ck_assert_int_eq(hex_decode(hex, 2 * len, out, len), ERR_OK);
    return len;
}

static const char abc_hash[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char empty_hash[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

START_TEST(sha256_matches_fips_180)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t out[SHA256_SIZE];

    ck_assert_int_eq(sha256_once("abc", 3, out), ERR_OK);
    assert_hex(out, sizeof(out), abc_hash);
    ck_assert_int_eq(sha256_once(NULL, 0, out), ERR_OK);
    assert_hex(out, sizeof(out), empty_hash);
    ck_assert_int_eq(sha256_once(two_blocks, strlen(two_blocks), out), ERR_OK);
    assert_hex(out, sizeof(out),
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
END_TEST

START_TEST(a_running_hash_is_reusable)
{
    AUTO_CLEAR(sha256_clear) struct sha256 h = {0};
    uint8_t out[SHA256_SIZE];

    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(sha256_begin(&h), ERR_OK);
        for (int i = 0; i < 1000; i++) {
            char piece[1000];

            memset(piece, 'a', sizeof(piece));
            ck_assert_int_eq(sha256_update(&h, piece, sizeof(piece)), ERR_OK);
        }
        ck_assert_int_eq(sha256_final(&h, out), ERR_OK);
        assert_hex(out, sizeof(out),
                   "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    ck_assert_int_eq(sha256_begin(&h), ERR_OK);
    ck_assert_int_eq(sha256_update(&h, "xyz", 3), ERR_OK);
    ck_assert_int_eq(sha256_begin(&h), ERR_OK); /* an unfinished hash is forgotten */
    ck_assert_int_eq(sha256_final(&h, out), ERR_OK);
    assert_hex(out, sizeof(out), empty_hash);
    sha256_clear(&h);
    sha256_clear(&h);
}
END_TEST

START_TEST(two_running_hashes_do_not_meet)
{
    AUTO_CLEAR(sha256_clear) struct sha256 a = {0};
    AUTO_CLEAR(sha256_clear) struct sha256 b = {0};
    uint8_t out[SHA256_SIZE], between[SHA256_SIZE];

    ck_assert_int_eq(sha256_begin(&a), ERR_OK);
    ck_assert_int_eq(sha256_update(&a, "a", 1), ERR_OK);
    ck_assert_int_eq(sha256_begin(&b), ERR_OK);
    ck_assert_int_eq(sha256_once("x", 1, between), ERR_OK);
    ck_assert_int_eq(sha256_update(&a, "bc", 2), ERR_OK);
    ck_assert_int_eq(sha256_final(&b, out), ERR_OK);
    assert_hex(out, sizeof(out), empty_hash);
    ck_assert_int_eq(sha256_final(&a, out), ERR_OK);
    assert_hex(out, sizeof(out), abc_hash);
}
END_TEST

START_TEST(a_look_at_a_running_hash_does_not_end_it)
{
    AUTO_CLEAR(sha256_clear) struct sha256 h = {0};
    uint8_t peeked[SHA256_SIZE], again[SHA256_SIZE], expected[SHA256_SIZE];

    ck_assert_int_eq(sha256_begin(&h), ERR_OK);
    ck_assert_int_eq(sha256_update(&h, "abc", 3), ERR_OK);
    ck_assert_int_eq(sha256_peek(&h, peeked), ERR_OK);
    ck_assert_int_eq(sha256_peek(&h, again), ERR_OK);
    ck_assert_int_eq(sha256_once("abc", 3, expected), ERR_OK);
    ck_assert_mem_eq(peeked, expected, SHA256_SIZE);
    ck_assert_mem_eq(again, expected, SHA256_SIZE);
    ck_assert_int_eq(sha256_update(&h, "def", 3), ERR_OK);
    ck_assert_int_eq(sha256_once("abcdef", 6, expected), ERR_OK);
    ck_assert_int_eq(sha256_final(&h, peeked), ERR_OK);
    ck_assert_mem_eq(peeked, expected, SHA256_SIZE);
}
END_TEST

START_TEST(parts_hash_like_the_whole)
{
    const void *parts[] = {"a", NULL, "b", "c"};
    const size_t lens[] = {1, 0, 1, 1};
    uint8_t out[SHA256_SIZE];

    ck_assert_int_eq(sha256_parts(parts, lens, 4, out), ERR_OK);
    assert_hex(out, sizeof(out), abc_hash);
    ck_assert_int_eq(sha256_parts(NULL, NULL, 0, out), ERR_OK);
    assert_hex(out, sizeof(out), empty_hash);
}
END_TEST

static void check_hmac(const char *key, size_t key_len, const char *data, size_t len,
                       const char *hex)
{
    uint8_t out[SHA256_SIZE];

    ck_assert_int_eq(hmac_sha256(key, key_len, data, len, out), ERR_OK);
    assert_hex(out, sizeof(out), hex);
}

START_TEST(hmac_matches_rfc_4231)
{
    char bytes[131], data[50], counted[25];
    static const char larger[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    static const char both[] = "This is a test using a larger than block-size key and a larger "
                               "than block-size data. The key needs to be hashed before being "
                               "used by the HMAC algorithm.";

    memset(bytes, 0x0b, 20);
    check_hmac(bytes, 20, "Hi There", 8,
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac("Jefe", 4, "what do ya want for nothing?", 28,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(bytes, 0xaa, sizeof(bytes));
    memset(data, 0xdd, sizeof(data));
    check_hmac(bytes, 20, data, 50,
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    memset(data, 0xcd, sizeof(data));
    for (size_t i = 0; i < sizeof(counted); i++)
        counted[i] = (char)(i + 1);
    check_hmac(counted, sizeof(counted), data, 50,
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    check_hmac(bytes, 131, larger, strlen(larger),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    check_hmac(bytes, 131, both, strlen(both),
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    check_hmac(NULL, 0, NULL, 0,
               "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

/* okm may be longer in the RFC than ours allows: the beginning is compared. */
static void check_hkdf(const char *ikm, const char *salt, const char *info, const char *okm,
                       size_t out_len)
{
    uint8_t i[80], s[80], n[80], out[64], want[64];
    size_t i_len = unhex(ikm, i), s_len = unhex(salt, s), n_len = unhex(info, n);

    ck_assert_uint_ge(unhex(okm, want), out_len);
    ck_assert_int_eq(hkdf_sha256(i, i_len, s_len > 0 ? s : NULL, s_len, n, n_len, out, out_len),
                     ERR_OK);
    ck_assert_mem_eq(out, want, out_len);
}

START_TEST(hkdf_matches_rfc_5869)
{
    check_hkdf("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
               "f0f1f2f3f4f5f6f7f8f9",
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
               "34007208d5b887185865",
               42);
    check_hkdf("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
               "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
               "404142434445464748494a4b4c4d4e4f",
               "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
               "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
               "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
               "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
               "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
               "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
               "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
               "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71",
               64);
    check_hkdf("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
               "9d201395faa4b61a96c8",
               42);
}
END_TEST

/* HMAC takes two hashes and one more beginning that wipes; HKDF of 32 bytes takes two HMACs. */
enum { BEGINNINGS_A_ROUND = 1 + 3 + 6, ROUNDS = 100 };

START_TEST(a_hash_allocates_no_more_than_its_state)
{
    const void *parts[] = {"\0", "left", "right"};
    const size_t lens[] = {1, 4, 5};
    uint8_t out[SHA256_SIZE];
    size_t before;

    ck_assert_int_eq(counting, 1);
    ck_assert_int_eq(sha256_parts(parts, lens, 3, out), ERR_OK); /* the thread's context */
    before = atomic_load(&allocations);
    ck_assert_uint_gt(before, 0);
    for (int i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(sha256_parts(parts, lens, 3, out), ERR_OK);
        ck_assert_int_eq(hmac_sha256("k", 1, "d", 1, out), ERR_OK);
        ck_assert_int_eq(hkdf_sha256("k", 1, "s", 1, "i", 1, out, sizeof(out)), ERR_OK);
    }
    ck_assert_uint_le(atomic_load(&allocations) - before, ROUNDS * BEGINNINGS_A_ROUND);
}
END_TEST

static char mark; /* a thread gives its argument back when it failed */

static void *hash_much(void *arg)
{
    uint8_t out[SHA256_SIZE], want[SHA256_SIZE];

    unhex(abc_hash, want);
    for (int i = 0; i < 500; i++) {
        if (sha256_once("abc", 3, out) != ERR_OK || memcmp(out, want, sizeof(out)) != 0)
            return arg;
        if (hmac_sha256("Jefe", 4, "x", 1, out) != ERR_OK)
            return arg;
    }
    return NULL;
}

START_TEST(threads_hash_apart)
{
    pthread_t threads[8];
    void *failed;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_much, &mark), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

START_TEST(comparison_sees_every_byte)
{
    uint8_t a[32] = {0}, b[32] = {0};

    ck_assert(equal_constant_time(a, b, sizeof(a)));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] = 0x80;
        ck_assert(!equal_constant_time(a, b, sizeof(a)));
        b[i] = 0;
    }
    ck_assert(equal_constant_time(a, b, 0));
}
END_TEST

int main(void)
{
    counting = CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free);
    return SUITE_RUN("crypto/digest", sha256_matches_fips_180, a_running_hash_is_reusable,
                     two_running_hashes_do_not_meet, a_look_at_a_running_hash_does_not_end_it,
                     parts_hash_like_the_whole, hmac_matches_rfc_4231, hkdf_matches_rfc_5869,
                     a_hash_allocates_no_more_than_its_state, threads_hash_apart,
                     comparison_sees_every_byte);
}
