/* One issuer with four keys and an authenticator that trusts it, for the tests of tokens. */
#ifndef TESTS_UNIT_AUTH_TOKEN_SETUP_H
#define TESTS_UNIT_AUTH_TOKEN_SETUP_H

#include "tests/unit/auth/token_kit.h"

static char folder[] = "/tmp/eg-auth.XXXXXX";
static char set_path[64], document[16384];
static EVP_PKEY *key, *other, *rsa;
static struct authenticator *auth;
static struct principal who;

static inline void write_set(const char *text)
{
    kit_write(set_path, text, strlen(text));
}

static inline struct authenticator *open_with(const struct issuer_config *issuer, size_t cache)
{
    struct auth_config config = {.issuers = issuer, .n_issuers = 1, .token_cache = cache};
    struct authenticator *a = NULL;

    ok(authenticator_new(&config, &a));
    return a;
}

/* Keys: "ec/key+1=" (ES256), "ec2" (no alg), "rsa" (RS256 only), "rsa-any" (no alg). */
static inline void setup(void)
{
    char jwks[4][2048];
    struct issuer_config issuer = kit_issuer();

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(set_path, sizeof(set_path), "%s/jwks.json", folder);
    key = kit_ec();
    other = kit_ec();
    rsa = kit_rsa(2048);
    kit_jwk(key, "ec/key+1=", "ES256", jwks[0]);
    kit_jwk(other, "ec2", "", jwks[1]);
    kit_jwk(rsa, "rsa", "RS256", jwks[2]);
    kit_jwk(rsa, "rsa-any", "", jwks[3]);
    (void)snprintf(document, sizeof(document), "{\"keys\":[%s,%s,%s,%s]}", jwks[0], jwks[1],
                   jwks[2], jwks[3]);
    write_set(document);
    issuer.jwks_file = set_path;
    auth = open_with(&issuer, 64);
}

static inline void teardown(void)
{
    authenticator_free(auth);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
    ck_assert_int_eq(unlink(set_path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Steals the header value. */
static inline enum err try_with(struct authenticator *a, char *value)
{
    enum err e = authenticate(a, value, NULL, 0, &who);

    free(value);
    return e;
}

static inline enum err try_header(char *value)
{
    return try_with(auth, value);
}

static inline enum err try_claims(json_t *claims)
{
    return try_header(kit_token(key, "ec/key+1=", claims));
}

#define bad_token(words, expr) refuses(AUTH_INVALID_TOKEN, words, expr)
#define expired_token(expr) refuses(AUTH_EXPIRED, "expired", expr)

#endif
