/* The development issuer's side of tokens: an ES256 key pair and signing. Nothing here runs in
 * the gateway itself.
 *
 * Texts that hold the private key are wiped; the JSON value that the caller gets is jansson's
 * and is not: a development key is worth no more. */
#include "crypto/jws.h"

#include "crypto/digest.h"
#include "crypto/jwks.h"
#include "gateway/base/encode.h"

#include <openssl/err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MUST_USE enum err failed(const char *what)
{
    ERR_clear_error();
    return err_set(ERR_CRYPTO, "libcjose: %s", what);
}

enum { COORDINATE_TEXT = 43, THUMBPRINT_INPUT_MAX = 256 };

/* RFC 7638: SHA-256 over the required members in the order of their names, as base64url. */
static MUST_USE enum err thumbprint(const json_t *jwk, char out[BASE64_SIZE(SHA256_SIZE)])
{
    const char *x = json_string_value(json_object_get(jwk, "x"));
    const char *y = json_string_value(json_object_get(jwk, "y"));
    char text[THUMBPRINT_INPUT_MAX];
    uint8_t digest[SHA256_SIZE];
    int n;

    if (x == NULL || y == NULL || strlen(x) != COORDINATE_TEXT || strlen(y) != COORDINATE_TEXT)
        return failed("a key without its point");
    n = snprintf(text, sizeof(text),
                 "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
    assert(n > 0 && (size_t)n < sizeof(text));
    TRY(sha256_once(text, (size_t)n, digest));
    (void)base64_encode(BASE64_URL_UNPADDED, digest, sizeof(digest), out);
    return ERR_OK;
}

static MUST_USE enum err export_key(const cjose_jwk_t *jwk, bool private, json_t **out)
{
    AUTO(json_free) json_t *json = NULL;
    char kid[BASE64_SIZE(SHA256_SIZE)];
    cjose_err ignored;
    char *text = cjose_jwk_to_json(jwk, private, &ignored);
    enum err e;

    if (text == NULL)
        return failed("no key written");
    e = json_parse(text, strlen(text), &json);
    sodium_memzero(text, strlen(text));
    cjose_get_dealloc()(text);
    TRY(e);
    TRY(thumbprint(json, kid));
    json_put_text(json, "kid", kid);
    json_put_text(json, "alg", "ES256");
    json_put_text(json, "use", "sig");
    *out = TAKE(json);
    return ERR_OK;
}

enum err jws_key_generate(json_t **private_jwk, json_t **public_jwk)
{
    AUTO(jwk_release) cjose_jwk_t *jwk = NULL;
    AUTO(json_free) json_t *secret = NULL;
    cjose_err ignored;

    jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &ignored);
    if (jwk == NULL)
        return failed("no key generated");
    TRY(export_key(jwk, true, &secret));
    TRY(export_key(jwk, false, public_jwk));
    *private_jwk = TAKE(secret);
    return ERR_OK;
}

static MUST_USE enum err import_private(const json_t *private_jwk, cjose_jwk_t **out)
{
    const char *crv = json_string_value(json_object_get(private_jwk, "crv"));
    char *text;
    size_t len;
    cjose_err ignored;

    if (crv == NULL || strcmp(crv, "P-256") != 0 || json_object_get(private_jwk, "d") == NULL)
        return err_set(ERR_INVALID, "not a private P-256 key");
    TRY(json_text(private_jwk, &text, &len));
    *out = cjose_jwk_import(text, len, &ignored);
    sodium_memzero(text, len);
    free(text);
    return *out != NULL ? ERR_OK : err_set(ERR_INVALID, "not a private P-256 key");
}

static MUST_USE enum err sign_text(const cjose_jwk_t *key, json_t *header, const char *text,
                                   size_t len, char **token)
{
    AUTO(jws_release) cjose_jws_t *jws = NULL;
    const char *compact;
    cjose_err ignored;

    jws = cjose_jws_sign(key, header, (const uint8_t *)text, len, &ignored);
    if (jws == NULL || !cjose_jws_export(jws, &compact, &ignored))
        return failed("not signed");
    *token = strdup(compact);
    return *token != NULL ? ERR_OK : ERR_NOMEM;
}

enum err jws_sign(const json_t *private_jwk, const char *typ, const json_t *claims,
                  char **token)
{
    AUTO(jwk_release) cjose_jwk_t *key = NULL;
    AUTO(json_free) json_t *header = json_object();
    AUTO_FREE char *text = NULL;
    size_t len;

    if (header == NULL)
        return ERR_NOMEM;
    TRY(import_private(private_jwk, &key));
    json_put_text(header, "alg", "ES256");
    json_put_text_if(header, "typ", typ != NULL ? typ : "");
    json_put_text_if(header, "kid", json_string_value(json_object_get(private_jwk, "kid")));
    TRY(json_text(claims, &text, &len));
    return sign_text(key, header, text, len, token);
}
