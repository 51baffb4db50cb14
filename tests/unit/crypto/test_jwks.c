/* Which keys of a set are kept. */
#include "crypto/jws.h"

#include "crypto/secret.h"
#include "tests/support/suite.h"
#include "tests/unit/crypto/forge.h"

#include <string.h>

/* Parses {"keys":[...]} around the text; the number of keys kept. */
static size_t kept(const char *keys)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    AUTO_FREE char *text = NULL;
    int len = asprintf(&text, "{\"keys\":[%s]}", keys);

    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(jwks_parse(text, (size_t)len, &set), ERR_OK);
    return jwks_count(set);
}

static size_t kept_and_free(char *keys)
{
    size_t n = kept(keys);

    free(keys);
    return n;
}

static enum err parse(const char *text)
{
    AUTO(jwks_free) struct jwks *set = NULL;

    return jwks_parse(text, strlen(text), &set);
}

START_TEST(labels_decide)
{
    static const struct {
        const char *more;
        size_t kept;
    } cases[] = {
        {"", 1},
        {",\"use\":\"sig\"", 1},
        {",\"use\":\"enc\"", 0},
        {",\"use\":\"SIG\"", 0},
        {",\"use\":7", 0},
        {",\"alg\":\"ES256\"", 1},
        {",\"alg\":\"ES512\"", 0},
        {",\"alg\":\"none\"", 0},
        {",\"alg\":\"ECDH-ES\"", 0},
        {",\"alg\":[]", 0},
        {",\"key_ops\":[\"verify\"]", 1},
        {",\"key_ops\":[\"sign\",\"verify\"]", 1},
        {",\"key_ops\":[\"encrypt\"]", 0},
        {",\"key_ops\":[]", 0},
        {",\"key_ops\":\"verify\"", 0},
        {",\"kid\":\"a/b+c=\"", 1},
        {",\"kid\":5", 0},
        {",\"d\":\"AAAA\"", 0},
        {",\"k\":\"AAAA\"", 0},
        {",\"x5c\":[\"AAAA\"],\"unknown\":{}", 1},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(kept_and_free(forge_ec_jwk(key, "P-256", 32, cases[i].more)) ==
                          cases[i].kept,
                      "%s", cases[i].more);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(kinds_decide)
{
    EVP_PKEY *p521 = EVP_EC_gen("P-521"), *p256 = EVP_EC_gen("P-256");

    ck_assert_uint_eq(kept("{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAA\"}"), 0);
    ck_assert_uint_eq(kept("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"), 0);
    ck_assert_uint_eq(kept("{\"kty\":\"future\"}"), 0);
    ck_assert_uint_eq(kept("{\"kty\":7}"), 0);
    ck_assert_uint_eq(kept("{}"), 0);
    ck_assert_uint_eq(kept(""), 0);
    ck_assert_uint_eq(kept_and_free(forge_ec_jwk(p521, "P-521", 66, "")), 0);
    ck_assert_uint_eq(kept_and_free(forge_ec_jwk(p256, "P-384", 32, "")), 0);
    ck_assert_uint_eq(kept_and_free(forge_ec_jwk(p256, "P-256", 33, "")), 0);
    ck_assert_uint_eq(kept_and_free(forge_ec_jwk(p256, "secp256k1", 32, "")), 0);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(p256);
}
END_TEST

START_TEST(points_lie_on_their_curve)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *jwk = forge_ec_jwk(key, "P-256", 32, ""), *x = strstr(jwk, "\"x\":\"") + 5;

    x[10] = x[10] == 'A' ? 'B' : 'A';
    ck_assert_uint_eq(kept(jwk), 0);
    memset(x, 'A', 43); /* and the point with both coordinates zero */
    memset(strstr(jwk, "\"y\":\"") + 5, 'A', 43);
    ck_assert_uint_eq(kept_and_free(jwk), 0);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(weak_rsa_keys_are_skipped)
{
    static const unsigned bits[] = {1024, 2040, 2048, 3072};
    EVP_PKEY *key;

    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        key = EVP_RSA_gen(bits[i]);
        ck_assert_ptr_nonnull(key);
        ck_assert_uint_eq(kept_and_free(forge_rsa_jwk(key, "")), bits[i] >= 2048);
        EVP_PKEY_free(key);
    }
}
END_TEST

/* An RSA key with this exponent and a modulus of `n_len` bytes that begin with `first`. */
static size_t kept_rsa(const char *e, size_t n_len, uint8_t first, uint8_t last)
{
    uint8_t n[2000];
    char *text, *jwk = NULL;

    memset(n, 0xff, sizeof(n));
    n[0] = first;
    n[n_len - 1] = last;
    text = forge_b64(n, n_len);
    ck_assert_int_gt(asprintf(&jwk, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", text, e), 0);
    free(text);
    return kept_and_free(jwk);
}

START_TEST(rsa_numbers_are_sane)
{
    ck_assert_uint_eq(kept_rsa("AQAB", 256, 0x80, 1), 1);
    ck_assert_uint_eq(kept_rsa("Aw", 256, 0x80, 1), 1); /* 3 */
    ck_assert_uint_eq(kept_rsa("AQ", 256, 0x80, 1), 0); /* 1: every text is its own signature */
    ck_assert_uint_eq(kept_rsa("AAAB", 256, 0x80, 1), 0);
    ck_assert_uint_eq(kept_rsa("Ag", 256, 0x80, 1), 0);       /* even */
    ck_assert_uint_eq(kept_rsa("AA", 256, 0x80, 1), 0);       /* 0 */
    ck_assert_uint_eq(kept_rsa("", 256, 0x80, 1), 0);         /* none */
    ck_assert_uint_eq(kept_rsa("AQAAAAAB", 256, 0x80, 1), 0); /* too large */
    ck_assert_uint_eq(kept_rsa("AQAB", 256, 0x7f, 1), 0);     /* 2047 bits */
    ck_assert_uint_eq(kept_rsa("AQAB", 257, 0x00, 1), 1);     /* 2048 behind a zero */
    ck_assert_uint_eq(kept_rsa("AQAB", 256, 0x80, 2), 0);     /* even */
    ck_assert_uint_eq(kept_rsa("AQAB", 1024, 0x80, 1), 1);    /* 8192 bits */
    ck_assert_uint_eq(kept_rsa("AQAB", 1025, 0x80, 1), 0);
    ck_assert_uint_eq(kept_rsa("AQAB=", 256, 0x80, 1), 0);
}
END_TEST

START_TEST(documents_are_strict)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":[7]}",
        "{\"keys\":[[]]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"EC\",\"kty\":\"RSA\"}]}",
        "{\"keys\":[]} x",
        "<html>not found</html>",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(parse(bad[i]) == ERR_INVALID, "case %zu", i);
    ck_assert_int_eq(parse("{\"keys\":[]}"), ERR_OK);
    ck_assert_int_eq(parse("{\"keys\":[],\"other\":1}"), ERR_OK);
}
END_TEST

/* `n` times the key, separated by commas. */
static char *repeat(const char *jwk, size_t n)
{
    char *text = calloc(n, strlen(jwk) + 1), *at = text;

    for (size_t i = 0; i < n; i++) {
        at = stpcpy(at, jwk);
        *at++ = i + 1 < n ? ',' : '\0';
    }
    return text;
}

START_TEST(sets_have_limits)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *jwk = forge_ec_jwk(key, "P-256", 32, ""), *many, *text = NULL;
    char *big;

    ck_assert_uint_eq(kept_and_free(repeat(jwk, JWKS_KEYS_MAX)), JWKS_KEYS_MAX);
    many = repeat("{}", JWKS_KEYS_MAX + 1);
    ck_assert_int_gt(asprintf(&text, "{\"keys\":[%s]}", many), 0);
    ck_assert_int_eq(parse(text), ERR_TOO_LARGE);
    big = malloc(JWKS_MAX + 2);
    memset(big, ' ', JWKS_MAX + 1);
    memcpy(big, "{\"keys\":[]}", 11);
    big[JWKS_MAX + 1] = '\0';
    ck_assert_int_eq(parse(big), ERR_TOO_LARGE);
    big[JWKS_MAX] = '\0';
    ck_assert_int_eq(parse(big), ERR_OK);
    free(big);
    free(text);
    free(many);
    free(jwk);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(key_ids_are_looked_up_whole)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(jwks_free) struct jwks *set = NULL;
    AUTO_FREE char *text = NULL;
    char longest[JWS_KID_MAX + 2], *jwk = forge_ec_jwk(key, "P-256", 32, ",\"kid\":\"a/b+c=\"");

    ck_assert_int_gt(asprintf(&text, "{\"keys\":[%s]}", jwk), 0);
    ck_assert_int_eq(jwks_parse(text, strlen(text), &set), ERR_OK);
    ck_assert(jwks_has_kid(set, "a/b+c="));
    ck_assert(!jwks_has_kid(set, "a/b+c"));
    ck_assert(!jwks_has_kid(set, ""));
    memset(longest, 'k', sizeof(longest));
    longest[JWS_KID_MAX + 1] = '\0';
    free(jwk);
    ck_assert_int_gt(asprintf(&jwk, ",\"kid\":\"%s\"", longest), 0);
    ck_assert_uint_eq(kept_and_free(forge_ec_jwk(key, "P-256", 32, jwk)), 0);
    free(jwk);
    EVP_PKEY_free(key);
    jwks_free(NULL);
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/jwks", labels_decide, kinds_decide, points_lie_on_their_curve,
                     weak_rsa_keys_are_skipped, rsa_numbers_are_sane, documents_are_strict,
                     sets_have_limits, key_ids_are_looked_up_whole);
}
