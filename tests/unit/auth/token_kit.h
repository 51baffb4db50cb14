/* An issuer of the tests' own: keys and signatures by OpenSSL directly, headers and claims of
 * any shape, so that what is refused was really signed. */
#ifndef TESTS_UNIT_AUTH_TOKEN_KIT_H
#define TESTS_UNIT_AUTH_TOKEN_KIT_H

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "tests/unit/auth/check.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KIT_ISSUER "https://issuer.test/realms/one"
#define KIT_AUDIENCE "https://gateway.test"
enum { KIT_TEXT = 1 << 20, KIT_JWKS = 1 << 19 };

static inline EVP_PKEY *kit_ec(void)
{
    return EVP_EC_gen("P-256");
}

static inline EVP_PKEY *kit_rsa(unsigned bits)
{
    return EVP_RSA_gen(bits);
}

static inline void kit_b64(const void *data, size_t len, char *out)
{
    (void)base64_encode(BASE64_URL_UNPADDED, data, len, out);
}

static inline void kit_number(EVP_PKEY *key, const char *name, size_t width, char *out)
{
    uint8_t bytes[1024];
    BIGNUM *n = NULL;
    int len;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &n), 1);
    len = width == 0 ? BN_num_bytes(n) : (int)width;
    ck_assert_int_eq(BN_bn2binpad(n, bytes, len), len);
    kit_b64(bytes, (size_t)len, out);
    BN_free(n);
}

/* The public key as a JWK; alg may be "". Static storage per call site is avoided: caller's. */
static inline void kit_jwk(EVP_PKEY *key, const char *kid, const char *alg, char out[2048])
{
    char a[1500], b[200], alg_member[64] = "";

    if (*alg != '\0')
        (void)snprintf(alg_member, sizeof(alg_member), ",\"alg\":\"%s\"", alg);
    if (EVP_PKEY_is_a(key, "EC")) {
        kit_number(key, OSSL_PKEY_PARAM_EC_PUB_X, 32, a);
        kit_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32, b);
        (void)snprintf(out, 2048,
                       "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"kid\":\"%s\"%s,"
                       "\"x\":\"%s\",\"y\":\"%s\"}",
                       kid, alg_member, a, b);
    } else {
        kit_number(key, OSSL_PKEY_PARAM_RSA_N, 0, a);
        kit_number(key, OSSL_PKEY_PARAM_RSA_E, 0, b);
        (void)snprintf(out, 2048,
                       "{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"%s\"%s,\"n\":\"%s\","
                       "\"e\":\"%s\"}",
                       kid, alg_member, a, b);
    }
}

static inline void kit_set1(EVP_PKEY *key, const char *kid, char out[4096])
{
    char jwk[2048];

    kit_jwk(key, kid, "ES256", jwk);
    (void)snprintf(out, 4096, "{\"keys\":[%s]}", jwk);
}

/* ES256, RS256 or PS256 over text; the raw form that JWS wants. Returns its length. */
static inline size_t kit_sign(EVP_PKEY *key, const char *alg, const char *text,
                              uint8_t out[1024])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    uint8_t der[1024];
    size_t len = sizeof(der);

    ck_assert_int_eq(EVP_DigestSignInit(ctx, &how, EVP_sha256(), NULL, key), 1);
    if (strcmp(alg, "PS256") == 0) {
        EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST);
    }
    ck_assert_int_eq(EVP_DigestSign(ctx, der, &len, (const uint8_t *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_is_a(key, "EC")) {
        const uint8_t *at = der;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);

        BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32);
        ECDSA_SIG_free(sig);
        return 64;
    }
    memcpy(out, der, len);
    return len;
}

/* base64url(head) "." base64url(claims), on the heap. */
static inline char *kit_unsigned(const char *head, const char *claims)
{
    char *out = malloc(KIT_TEXT * 2);
    size_t n;

    ck_assert_ptr_nonnull(out);
    n = base64_encode(BASE64_URL_UNPADDED, head, strlen(head), out);
    out[n++] = '.';
    (void)base64_encode(BASE64_URL_UNPADDED, claims, strlen(claims), out + n);
    return out;
}

/* "Bearer <token>", on the heap; head and claims as they are. */
static inline char *kit_bearer(EVP_PKEY *key, const char *alg, const char *head,
                               const char *claims)
{
    AUTO_FREE char *text = kit_unsigned(head, claims);
    uint8_t signature[1024];
    char encoded[2048];
    char *out = NULL;

    kit_b64(signature, kit_sign(key, alg, text, signature), encoded);
    ck_assert_int_gt(asprintf(&out, "Bearer %s.%s", text, encoded), 0);
    return out;
}

/* --- claims --------------------------------------------------------------------------------
 */

static inline json_t *kit_claims(void)
{
    int64_t now = clock_now_seconds();

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:[s],s:s}", "iss", KIT_ISSUER, "aud",
                     KIT_AUDIENCE, "sub", "person-1", "client_id", "portal", "jti", "token-1",
                     "iat", (json_int_t)now, "exp", (json_int_t)(now + 300), "roles",
                     "claimant", "scope", "openid evidence");
}

/* Writes one member anew (value is stolen) or removes it (NULL). */
static inline json_t *kit_with(const char *name, json_t *value)
{
    json_t *claims = kit_claims();

    if (value == NULL)
        ck_assert_int_eq(json_object_del(claims, name), 0);
    else
        ck_assert_int_eq(json_object_set_new(claims, name, value), 0);
    return claims;
}

static inline char *kit_head(const char *kid)
{
    static char head[512];

    (void)snprintf(head, sizeof(head), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                   kid);
    return head;
}

/* Steals the claims. */
static inline char *kit_token(EVP_PKEY *key, const char *kid, json_t *claims)
{
    AUTO_FREE char *text = json_dumps(claims, JSON_COMPACT);

    json_decref(claims);
    return kit_bearer(key, "ES256", kit_head(kid), text);
}

/* --- an authenticator over a key set file --------------------------------------------------
 */

static inline void kit_write(const char *path, const void *data, size_t len)
{
    char fresh[300];
    FILE *f;

    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    f = fopen(fresh, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(rename(fresh, path), 0);
}

static inline struct issuer_config kit_issuer(void)
{
    return (struct issuer_config){.issuer = KIT_ISSUER,
                                  .audience = KIT_AUDIENCE,
                                  .role_claim = "roles",
                                  .allowed_roles = 1u << ROLE_CLAIMANT | 1u << ROLE_ASSESSOR,
                                  .algorithms = "ES256 PS256",
                                  .leeway_s = 60,
                                  .max_lifetime_s = 3600,
                                  .cache_min_s = 1,
                                  .cache_max_s = 3600,
                                  .refetch_min_s = 1,
                                  .outage_max_s = 60};
}

#endif
