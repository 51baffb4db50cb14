#include "crypto/jws.h"

#include "crypto/secret.h"
#include "tests/support/suite.h"
#include "tests/unit/crypto/forge.h"

#include <pthread.h>
#include <string.h>

#define CLAIMS "{\"iss\":\"https://issuer.example\",\"sub\":\"person-1\"}"

static EVP_PKEY *rsa, *p256, *p384, *attacker;

static void make_keys(void)
{
    ck_assert_int_eq(crypto_init(), ERR_OK);
    rsa = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    attacker = EVP_EC_gen("P-256");
    ck_assert(rsa != NULL && p256 != NULL && p384 != NULL && attacker != NULL);
}

static void free_keys(void)
{
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(attacker);
}

/* A set of one or two JWK texts (NULL: no second), which are freed. */
static struct jwks *set_of(char *first, char *second)
{
    struct jwks *set = NULL;
    char *text = NULL;
    int len = asprintf(&text, "{\"keys\":[%s%s%s]}", first, second != NULL ? "," : "",
                       second != NULL ? second : "");

    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(jwks_parse(text, (size_t)len, &set), ERR_OK);
    free(text);
    free(first);
    free(second);
    return set;
}

static enum err verify(const struct jwks *set, const char *token, json_t **claims)
{
    struct jws_head head;

    TRY(jws_head_read(token, strlen(token), &head));
    return jws_verify(set, &head, token, strlen(token), claims);
}

/* Verifies, frees the token. */
static enum err outcome(const struct jwks *set, char *token)
{
    AUTO(json_free) json_t *claims = NULL;
    enum err e = verify(set, token, &claims);

    ck_assert((e == ERR_OK) == (claims != NULL));
    free(token);
    return e;
}

START_TEST(every_algorithm_verifies)
{
    AUTO(jwks_free) struct jwks *rsa_set = NULL;
    AUTO(jwks_free) struct jwks *ec_set = NULL;

    make_keys();
    rsa_set = set_of(forge_rsa_jwk(rsa, ""), NULL);
    ec_set = set_of(forge_ec_jwk(p256, "P-256", 32, ""), forge_ec_jwk(p384, "P-384", 48, ""));
    ck_assert_int_eq(
        outcome(rsa_set, forge_token(FORGE_RS256, rsa, "{\"alg\":\"RS256\"}", CLAIMS)), ERR_OK);
    ck_assert_int_eq(
        outcome(rsa_set, forge_token(FORGE_PS256, rsa, "{\"alg\":\"PS256\"}", CLAIMS)), ERR_OK);
    ck_assert_int_eq(
        outcome(ec_set, forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}", CLAIMS)), ERR_OK);
    ck_assert_int_eq(
        outcome(ec_set, forge_token(FORGE_ES384, p384, "{\"alg\":\"ES384\"}", CLAIMS)), ERR_OK);
    free_keys();
}
END_TEST

START_TEST(the_claims_are_the_signed_ones)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    AUTO(json_free) json_t *claims = NULL;
    char *token;

    make_keys();
    set = set_of(forge_ec_jwk(p256, "P-256", 32, ""), NULL);
    token = forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}", CLAIMS);
    ck_assert_int_eq(verify(set, token, &claims), ERR_OK);
    ck_assert_uint_eq(json_object_size(claims), 2);
    ck_assert_str_eq(json_string_value(json_object_get(claims, "sub")), "person-1");
    free(token);
    free_keys();
}
END_TEST

START_TEST(any_change_breaks_the_signature)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    char *token;
    size_t len, accepted = 0;

    make_keys();
    set = set_of(forge_ec_jwk(p256, "P-256", 32, ""), NULL);
    token = forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}", CLAIMS);
    len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        AUTO(json_free) json_t *claims = NULL;
        char kept = token[i];

        token[i] = kept == 'A' ? 'B' : 'A';
        accepted += verify(set, token, &claims) == ERR_OK;
        token[i] = kept;
    }
    ck_assert_uint_eq(accepted, 0);
    free(token);
    free_keys();
}
END_TEST

START_TEST(the_algorithm_has_to_be_the_key_s)
{
    AUTO(jwks_free) struct jwks *named = NULL;
    AUTO(jwks_free) struct jwks *mixed = NULL;

    make_keys();
    named = set_of(forge_rsa_jwk(rsa, ",\"kid\":\"k\",\"alg\":\"RS256\""), NULL);
    ck_assert_int_eq(outcome(named, forge_token(FORGE_RS256, rsa,
                                                "{\"alg\":\"RS256\",\"kid\":\"k\"}", CLAIMS)),
                     ERR_OK);
    ck_assert_int_eq(outcome(named, forge_token(FORGE_PS256, rsa,
                                                "{\"alg\":\"PS256\",\"kid\":\"k\"}", CLAIMS)),
                     ERR_CRYPTO);
    ck_assert_int_eq(
        outcome(named, forge_token(FORGE_PS256, rsa, "{\"alg\":\"PS256\"}", CLAIMS)),
        ERR_NOT_FOUND);
    mixed = set_of(forge_ec_jwk(p384, "P-384", 48, ",\"kid\":\"e\""),
                   forge_rsa_jwk(rsa, ",\"kid\":\"r\""));
    ck_assert_int_eq(outcome(mixed, forge_token(FORGE_ES256, p256,
                                                "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS)),
                     ERR_CRYPTO); /* the curve */
    ck_assert_int_eq(outcome(mixed, forge_token(FORGE_ES256, p256,
                                                "{\"alg\":\"ES256\",\"kid\":\"r\"}", CLAIMS)),
                     ERR_CRYPTO); /* the kind */
    ck_assert_int_eq(outcome(mixed, forge_token(FORGE_RS256, rsa,
                                                "{\"alg\":\"RS256\",\"kid\":\"e\"}", CLAIMS)),
                     ERR_CRYPTO);
    free_keys();
}
END_TEST

START_TEST(none_and_hmac_never_verify)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    char *jwk, *body;
    uint8_t mac[32];
    size_t mac_len = 0;

    make_keys();
    jwk = forge_rsa_jwk(rsa, "");
    set = set_of(strdup(jwk), NULL);
    ck_assert_int_eq(outcome(set, forge_with_signature("{\"alg\":\"none\"}", CLAIMS, "x", 1)),
                     ERR_INVALID);
    body = forge_unsigned("{\"alg\":\"HS256\"}", CLAIMS); /* the public key as an HMAC key */
    ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, jwk, strlen(jwk),
                                    (const uint8_t *)body, strlen(body), mac, sizeof(mac),
                                    &mac_len));
    ck_assert_int_eq(
        outcome(set, forge_with_signature("{\"alg\":\"HS256\"}", CLAIMS, mac, mac_len)),
        ERR_INVALID);
    free(body);
    free(jwk);
    free_keys();
}
END_TEST

START_TEST(keys_in_the_token_are_ignored)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    char *jwk, *header = NULL;

    make_keys();
    set = set_of(forge_ec_jwk(p256, "P-256", 32, ""), NULL);
    jwk = forge_ec_jwk(attacker, "P-256", 32, "");
    ck_assert_int_gt(
        asprintf(&header, "{\"alg\":\"ES256\",\"jwk\":%s,\"jku\":\"http://x/\"}", jwk), 0);
    ck_assert_int_eq(outcome(set, forge_token(FORGE_ES256, attacker, header, CLAIMS)),
                     ERR_CRYPTO);
    ck_assert_int_eq(outcome(set, forge_token(FORGE_ES256, p256, header, CLAIMS)), ERR_OK);
    free(jwk);
    free(header);
    free_keys();
}
END_TEST

START_TEST(degenerate_ecdsa_signatures_are_refused)
{
    /* the order of P-256 */
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const size_t lens[] = {1, 32, 63, 65, 96, 128};
    AUTO(jwks_free) struct jwks *set = NULL;
    uint8_t signature[128] = {0};

    make_keys();
    set = set_of(forge_ec_jwk(p256, "P-256", 32, ""), NULL);
#define TRY_SIGNATURE(len)                                                                     \
    outcome(set, forge_with_signature("{\"alg\":\"ES256\"}", CLAIMS, signature, (len)))
    ck_assert_int_eq(TRY_SIGNATURE(64), ERR_CRYPTO); /* both zero */
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "degenerate"));
    signature[31] = 1;
    ck_assert_int_eq(TRY_SIGNATURE(64), ERR_CRYPTO); /* s zero */
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "degenerate"));
    signature[31] = 0;
    signature[63] = 1;
    ck_assert_int_eq(TRY_SIGNATURE(64), ERR_CRYPTO); /* r zero */
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "degenerate"));
    memcpy(signature, order, 32);
    memcpy(signature + 32, order, 32);
    ck_assert_int_eq(TRY_SIGNATURE(64), ERR_CRYPTO);
    memset(signature, 1, sizeof(signature));
    for (size_t i = 0; i < ARRAY_LEN(lens); i++)
        ck_assert_int_eq(TRY_SIGNATURE(lens[i]), ERR_CRYPTO);
#undef TRY_SIGNATURE
    free_keys();
}
END_TEST

START_TEST(rsa_signatures_have_the_key_s_length)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    static const size_t lens[] = {1, 128, 255, 257, 512, 1025};
    uint8_t signature[1100] = {0};

    make_keys();
    set = set_of(forge_rsa_jwk(rsa, ""), NULL);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        ck_assert_int_eq(outcome(set, forge_with_signature("{\"alg\":\"RS256\"}", CLAIMS,
                                                           signature, lens[i])),
                         ERR_CRYPTO);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "wrong length"));
    }
    ck_assert_int_eq(
        outcome(set, forge_with_signature("{\"alg\":\"PS256\"}", CLAIMS, signature, 256)),
        ERR_CRYPTO);
    free_keys();
}
END_TEST

START_TEST(key_ids_choose)
{
    AUTO(jwks_free) struct jwks *one = NULL;
    AUTO(jwks_free) struct jwks *two = NULL;
    AUTO(jwks_free) struct jwks *twins = NULL;
    static const char with_kid[] = "{\"alg\":\"ES256\",\"kid\":\"a/b+c=\"}";

    make_keys();
    one = set_of(forge_ec_jwk(p256, "P-256", 32, ",\"kid\":\"a/b+c=\""), NULL);
    ck_assert_int_eq(outcome(one, forge_token(FORGE_ES256, p256, with_kid, CLAIMS)), ERR_OK);
    ck_assert_int_eq(
        outcome(one, forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}", CLAIMS)),
        ERR_OK); /* the only one */
    ck_assert_int_eq(outcome(one, forge_token(FORGE_ES256, p256,
                                              "{\"alg\":\"ES256\",\"kid\":\"a/b+c\"}", CLAIMS)),
                     ERR_NOT_FOUND);
    two = set_of(forge_ec_jwk(p256, "P-256", 32, ",\"kid\":\"a/b+c=\""),
                 forge_ec_jwk(attacker, "P-256", 32, ",\"kid\":\"other\""));
    ck_assert_int_eq(outcome(two, forge_token(FORGE_ES256, p256, with_kid, CLAIMS)), ERR_OK);
    ck_assert_int_eq(
        outcome(two, forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}", CLAIMS)),
        ERR_NOT_FOUND); /* not one, but two */
    ck_assert_int_eq(outcome(two, forge_token(FORGE_ES256, attacker, with_kid, CLAIMS)),
                     ERR_CRYPTO); /* signed by the other one */
    twins = set_of(forge_ec_jwk(p256, "P-256", 32, ",\"kid\":\"a/b+c=\""),
                   forge_ec_jwk(attacker, "P-256", 32, ",\"kid\":\"a/b+c=\""));
    ck_assert_int_eq(outcome(twins, forge_token(FORGE_ES256, p256, with_kid, CLAIMS)),
                     ERR_CRYPTO);
    free_keys();
}
END_TEST

START_TEST(a_missing_kid_is_decided_among_fitting_keys)
{
    AUTO(jwks_free) struct jwks *set = NULL;

    make_keys();
    set = set_of(forge_ec_jwk(p256, "P-256", 32, ",\"kid\":\"e\""),
                 forge_rsa_jwk(rsa, ",\"kid\":\"r\""));
    ck_assert_int_eq(
        outcome(set, forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}", CLAIMS)), ERR_OK);
    ck_assert_int_eq(outcome(set, forge_token(FORGE_RS256, rsa, "{\"alg\":\"RS256\"}", CLAIMS)),
                     ERR_OK);
    ck_assert_int_eq(
        outcome(set, forge_token(FORGE_ES384, p384, "{\"alg\":\"ES384\"}", CLAIMS)),
        ERR_NOT_FOUND);
    free_keys();
}
END_TEST

START_TEST(claims_have_to_be_a_strict_object)
{
    static const char *const bad[] = {"[]",       "null",
                                      "\"text\"", "{\"sub\":\"a\",\"sub\":\"b\"}",
                                      "{} extra", "{\"a\":\"\\u0000\"}",
                                      "{",        "{\"a\":\"\xff\"}"};
    AUTO(jwks_free) struct jwks *set = NULL;

    make_keys();
    set = set_of(forge_ec_jwk(p256, "P-256", 32, ""), NULL);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(outcome(set, forge_token(FORGE_ES256, p256, "{\"alg\":\"ES256\"}",
                                               bad[i])) == ERR_INVALID,
                      "case %zu", i);
    free_keys();
}
END_TEST

static const struct jwks *shared_set;
static const char *shared_token;
static char mark; /* a thread gives its argument back when it failed */

static void *verify_often(void *arg)
{
    for (int i = 0; i < 20; i++) {
        AUTO(json_free) json_t *claims = NULL;

        if (verify(shared_set, shared_token, &claims) != ERR_OK)
            return arg;
    }
    return NULL;
}

START_TEST(threads_share_a_set)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    pthread_t threads[4];
    char *token;
    void *failed;

    make_keys();
    set = set_of(forge_rsa_jwk(rsa, ""), forge_ec_jwk(p256, "P-256", 32, ""));
    token = forge_token(FORGE_RS256, rsa, "{\"alg\":\"RS256\"}", CLAIMS);
    shared_set = set;
    shared_token = token;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_often, &mark), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    free(token);
    free_keys();
}
END_TEST

START_TEST(our_issuer_signs_what_verifies)
{
    AUTO(json_free) json_t *private_jwk = NULL;
    AUTO(json_free) json_t *public_jwk = NULL;
    AUTO(json_free) json_t *claims = json_object();
    AUTO(json_free) json_t *back = NULL;
    AUTO(jwks_free) struct jwks *set = NULL;
    AUTO_FREE char *token = NULL;
    struct jws_head head;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(jws_key_generate(&private_jwk, &public_jwk), ERR_OK);
    ck_assert_ptr_null(json_object_get(public_jwk, "d"));
    ck_assert_ptr_nonnull(json_object_get(private_jwk, "d"));
    ck_assert_str_eq(json_string_value(json_object_get(public_jwk, "use")), "sig");
    json_put_text(claims, "sub", "person-1");
    ck_assert_int_eq(jws_sign(private_jwk, "at+jwt", claims, &token), ERR_OK);
    set = set_of(json_dumps(public_jwk, JSON_COMPACT), NULL);
    ck_assert_int_eq(jws_head_read(token, strlen(token), &head), ERR_OK);
    ck_assert_str_eq(head.alg, "ES256");
    ck_assert_str_eq(head.typ, "at+jwt");
    ck_assert_str_eq(head.kid, json_string_value(json_object_get(public_jwk, "kid")));
    ck_assert_uint_eq(strlen(head.kid), 43);
    ck_assert_int_eq(jws_verify(set, &head, token, strlen(token), &back), ERR_OK);
    ck_assert(json_equal(back, claims));
}
END_TEST

START_TEST(only_a_private_p256_key_signs)
{
    AUTO(json_free) json_t *private_jwk = NULL;
    AUTO(json_free) json_t *public_jwk = NULL;
    AUTO(json_free) json_t *claims = json_object();
    char *token = NULL;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(jws_key_generate(&private_jwk, &public_jwk), ERR_OK);
    ck_assert_int_eq(jws_sign(public_jwk, "JWT", claims, &token), ERR_INVALID);
    ck_assert_int_eq(jws_sign(claims, "JWT", claims, &token), ERR_INVALID);
    ck_assert_int_eq(json_object_set_new(private_jwk, "d", json_string("no base64!")), 0);
    ck_assert_int_ne(jws_sign(private_jwk, "JWT", claims, &token), ERR_OK);
    ck_assert_ptr_null(token);
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/jws_verify", every_algorithm_verifies,
                     the_claims_are_the_signed_ones, any_change_breaks_the_signature,
                     the_algorithm_has_to_be_the_key_s, none_and_hmac_never_verify,
                     keys_in_the_token_are_ignored, degenerate_ecdsa_signatures_are_refused,
                     rsa_signatures_have_the_key_s_length, key_ids_choose,
                     a_missing_kid_is_decided_among_fitting_keys,
                     claims_have_to_be_a_strict_object, threads_share_a_set,
                     our_issuer_signs_what_verifies, only_a_private_p256_key_signs);
}
