/* Tokens and key sets as an issuer or an attacker would write them, straight over OpenSSL: what
 * the tests of jws.c and jwks.c verify must not come from the code under test. */
#ifndef TESTS_UNIT_CRYPTO_FORGE_H
#define TESTS_UNIT_CRYPTO_FORGE_H

#include "gateway/base/encode.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text on the heap. */
static inline __attribute__((format(printf, 1, 2))) char *forge_text(const char *format, ...)
{
    char *out = NULL;
    va_list args;

    va_start(args, format);
    ck_assert_int_ge(vasprintf(&out, format, args), 0);
    va_end(args);
    return out;
}

/* base64url of bytes; heap. */
static inline char *forge_b64(const void *data, size_t len)
{
    char *text = malloc(BASE64_SIZE(len));

    ck_assert_ptr_nonnull(text);
    (void)base64_encode(BASE64_URL_UNPADDED, data, len, text);
    return text;
}

static inline char *forge_number(EVP_PKEY *key, const char *name, int pad_to)
{
    BIGNUM *number = NULL;
    uint8_t bytes[1024];
    int len;
    char *text;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &number), 1);
    len = pad_to > 0 ? BN_bn2binpad(number, bytes, pad_to) : BN_bn2bin(number, bytes);
    ck_assert_int_gt(len, 0);
    text = forge_b64(bytes, (size_t)len);
    BN_free(number);
    return text;
}

/* A public JWK; `more` is further members, each with a leading comma. Heap. */
static inline char *forge_rsa_jwk(EVP_PKEY *key, const char *more)
{
    char *n = forge_number(key, OSSL_PKEY_PARAM_RSA_N, 0);
    char *e = forge_number(key, OSSL_PKEY_PARAM_RSA_E, 0);
    char *out;

    out = forge_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}", n, e, more);
    free(n);
    free(e);
    return out;
}

static inline char *forge_ec_jwk(EVP_PKEY *key, const char *crv, int coordinate,
                                 const char *more)
{
    char *x = forge_number(key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate);
    char *y = forge_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate);
    char *out;

    out = forge_text("{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}", crv, x, y,
                     more);
    free(x);
    free(y);
    return out;
}

/* header.claims, both as JSON texts; heap. */
static inline char *forge_unsigned(const char *header, const char *claims)
{
    char *h = forge_b64(header, strlen(header)), *c = forge_b64(claims, strlen(claims));
    char *out;

    out = forge_text("%s.%s", h, c);
    free(h);
    free(c);
    return out;
}

/* header.claims.signature with these bytes for a signature; heap. */
static inline char *forge_with_signature(const char *header, const char *claims,
                                         const void *signature, size_t len)
{
    char *body = forge_unsigned(header, claims), *s = forge_b64(signature, len), *out;

    out = forge_text("%s.%s", body, s);
    free(body);
    free(s);
    return out;
}

/* ECDSA's DER to r || s. */
static inline size_t forge_raw_ecdsa(uint8_t *signature, size_t len, int coordinate)
{
    const uint8_t *at = signature;
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)len);

    ck_assert_ptr_nonnull(parts);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, coordinate), coordinate);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + coordinate, coordinate),
                     coordinate);
    ECDSA_SIG_free(parts);
    return (size_t)(2 * coordinate);
}

struct forge_how {
    const char *digest;
    bool pss;
    int coordinate; /* 0: RSA */
};
static const struct forge_how FORGE_RS256 = {.digest = "SHA256"};
static const struct forge_how FORGE_PS256 = {.digest = "SHA256", .pss = true};
static const struct forge_how FORGE_ES256 = {.digest = "SHA256", .coordinate = 32};
static const struct forge_how FORGE_ES384 = {.digest = "SHA384", .coordinate = 48};

static inline char *forge_token(struct forge_how how, EVP_PKEY *key, const char *header,
                                const char *claims)
{
    uint8_t signature[1024];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx = NULL;
    char *body = forge_unsigned(header, claims), *out;

    ck_assert_int_eq(EVP_DigestSignInit_ex(ctx, &pkey_ctx, how.digest, NULL, NULL, key, NULL),
                     1);
    if (how.pss) {
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    ck_assert_int_eq(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)body, strlen(body)),
                     1);
    if (how.coordinate > 0)
        len = forge_raw_ecdsa(signature, len, how.coordinate);
    EVP_MD_CTX_free(ctx);
    free(body);
    out = forge_with_signature(header, claims, signature, len);
    return out;
}

#endif
