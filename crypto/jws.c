/* Access tokens: the gate before the library, verification, and the development issuer's side.
 *
 * Invariant: libcjose sees a token only after jws_head_read let it through, and a signature
 * only of the length that its algorithm and key demand. jws_verify reads the head anew, so that
 * no caller can get round the gate.
 */
#include "crypto/jws.h"

#include "crypto/jwks.h"
#include "gateway/base/encode.h"

#include <openssl/err.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3, SIGNATURE_MAX = 1024 };

static MUST_USE enum err refuse(const char *what)
{
    return err_set(ERR_INVALID, "token: %s", what);
}

struct part {
    const char *text;
    size_t len;
};

static MUST_USE enum err split(const char *token, size_t len, struct part parts[PARTS])
{
    size_t n = 0, from = 0;

    if (len > JWS_MAX)
        return refuse("too long");
    for (size_t i = 0; i <= len; i++) {
        if (i < len && token[i] != '.')
            continue;
        if (n == PARTS)
            return refuse("more than three parts");
        if (i == from)
            return refuse("an empty part");
        parts[n++] = (struct part){.text = token + from, .len = i - from};
        from = i + 1;
    }
    return n == PARTS ? ERR_OK : refuse("fewer than three parts");
}

/* The decoded part on the heap. Canonical base64url only: one token has one spelling. */
static MUST_USE enum err decode(const struct part *part, uint8_t **out, size_t *len)
{
    uint8_t *bytes = malloc(part->len);

    if (bytes == NULL)
        return ERR_NOMEM;
    if (base64_decode(BASE64_URL_UNPADDED, part->text, part->len, bytes, part->len, len) !=
        ERR_OK) {
        free(bytes);
        return refuse("not base64url");
    }
    *out = bytes;
    return ERR_OK;
}

static MUST_USE enum err decode_object(const struct part *part, json_t **out)
{
    AUTO_FREE uint8_t *bytes = NULL;
    AUTO(json_free) json_t *object = NULL;
    size_t len;

    TRY(decode(part, &bytes, &len));
    TRY(json_parse(bytes, len, &object));
    if (!json_is_object(object))
        return refuse("a part that is not a JSON object");
    *out = TAKE(object);
    return ERR_OK;
}

/* Members that change what a signature means (or that make it something else than a JWS). The
 * sender's own keys (jwk, jku, x5u, x5c) change nothing here: nobody looks at them. */
static MUST_USE enum err refuse_extensions(const json_t *header)
{
    static const char *const names[] = {"crit", "b64", "zip", "enc"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (json_object_get(header, names[i]) != NULL)
            return err_set(ERR_INVALID, "token: header member \"%s\"", names[i]);
    }
    return ERR_OK;
}

static MUST_USE enum err read_members(json_t *header, struct jws_head *out)
{
    struct json_in in;

    TRY(json_in_object(&in, header, "token header"));
    TRY(json_in_text(&in, "alg", JSON_REQUIRED, out->alg, sizeof(out->alg)));
    TRY(json_in_text(&in, "typ", JSON_OPTIONAL, out->typ, sizeof(out->typ)));
    return json_in_text(&in, "kid", JSON_OPTIONAL, out->kid, sizeof(out->kid));
}

/* The gate; the parts of a token that passed are well-formed base64url. */
static MUST_USE enum err gate(const char *token, size_t len, struct part parts[PARTS],
                              struct jws_head *out)
{
    AUTO(json_free) json_t *header = NULL;

    *out = (struct jws_head){.alg = ""};
    TRY(split(token, len, parts));
    TRY(decode_object(&parts[0], &header));
    TRY(refuse_extensions(header));
    TRY(read_members(header, out));
    if (jwa_find(out->alg) == NULL)
        return refuse("an algorithm that is not let in");
    for (size_t i = 1; i < PARTS; i++) {
        AUTO_FREE uint8_t *bytes = NULL;
        size_t n;

        TRY(decode(&parts[i], &bytes, &n));
    }
    return ERR_OK;
}

enum err jws_head_read(const char *token, size_t len, struct jws_head *out)
{
    struct part parts[PARTS];

    return gate(token, len, parts, out);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    return sodium_is_zero(bytes, len) == 1;
}

static MUST_USE enum err check_signature_form(const struct part *part, const struct jwa *jwa,
                                              const struct jwks_key *key)
{
    uint8_t signature[SIGNATURE_MAX];
    cjose_err ignored;
    size_t len, half;

    if (base64_decode(BASE64_URL_UNPADDED, part->text, part->len, signature, sizeof(signature),
                      &len) != ERR_OK)
        return err_set(ERR_CRYPTO, "token: a signature of a wrong length");
    if (jwa->rsa) {
        if (len != (cjose_jwk_get_keysize(key->jwk, &ignored) + 7) / 8)
            return err_set(ERR_CRYPTO, "token: a signature of a wrong length");
        return ERR_OK;
    }
    half = jwa->coordinate;
    if (len != 2 * half || all_zero(signature, half) || all_zero(signature + half, half))
        return err_set(ERR_CRYPTO, "token: a degenerate signature");
    return ERR_OK;
}

static MUST_USE enum err check_signature(const char *token, size_t len,
                                         const struct jwks_key *key)
{
    AUTO(jws_release) cjose_jws_t *jws = NULL;
    cjose_err ignored;
    bool good;

    jws = cjose_jws_import(token, len, &ignored);
    good = jws != NULL && cjose_jws_verify(jws, key->jwk, &ignored);
    ERR_clear_error(); /* libcjose leaves OpenSSL's queue as it is */
    return good ? ERR_OK : err_set(ERR_CRYPTO, "token: the signature does not verify");
}

enum err jws_verify(const struct jwks *set, const struct jws_head *head, const char *token,
                    size_t len, json_t **claims)
{
    struct part parts[PARTS];
    const struct jwks_key *key = NULL;
    struct jws_head own;

    TRY(gate(token, len, parts, &own));
    assert(strcmp(own.alg, head->alg) == 0 && strcmp(own.kid, head->kid) == 0);
    TRY(jwks_select(set, &own, &key));
    TRY(check_signature_form(&parts[2], jwa_find(own.alg), key));
    TRY(check_signature(token, len, key));
    return decode_object(&parts[1], claims);
}
