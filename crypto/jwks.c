/* Public keys of an issuer, from its JWK set document.
 *
 * Values are decoded and measured by ourselves and handed to libcjose as bytes: its own
 * importer takes lax base64url and would keep private or symmetric members. What does not suit
 * (see jws.h) is skipped, because a set may hold keys for other uses and of kinds yet to come;
 * what is not a JWK set at all is refused.
 *
 * Invariant: every key in a set is an RSA or EC public key meant for signatures. A set never
 * changes after jwks_parse, so that threads can share it.
 */
#include "crypto/jwks.h"

#include "gateway/base/encode.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    RSA_MIN_BYTES = 256, /* 2048 bits */
    RSA_MAX_BYTES = 1024,
    RSA_EXPONENT_MAX_BYTES = 4,
    EC_MAX_BYTES = 48,
};

static const struct jwa jwas[] = {
    {.alg = "ES256", .rsa = false, .curve = "P-256", .coordinate = 32},
    {.alg = "ES384", .rsa = false, .curve = "P-384", .coordinate = 48},
    {.alg = "RS256", .rsa = true, .curve = ""},
    {.alg = "PS256", .rsa = true, .curve = ""},
};

const struct jwa *jwa_find(const char *alg)
{
    for (size_t i = 0; i < ARRAY_LEN(jwas); i++) {
        if (strcmp(jwas[i].alg, alg) == 0)
            return &jwas[i];
    }
    return NULL;
}

struct curve {
    const char *name;
    size_t coordinate;
    cjose_jwk_ec_curve id;
};
static const struct curve curves[] = {
    {.name = "P-256", .coordinate = 32, .id = CJOSE_JWK_EC_P_256},
    {.name = "P-384", .coordinate = 48, .id = CJOSE_JWK_EC_P_384},
};

/* "" when absent; NULL when it is not a text. */
static const char *text_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return value == NULL ? "" : json_string_value(value);
}

/* A base64url member of at most `cap` bytes; 0 when it is missing or malformed. */
static size_t bytes_member(const json_t *object, const char *name, uint8_t *out, size_t cap)
{
    const char *text = text_member(object, name);
    size_t n;

    if (text == NULL ||
        base64_decode(BASE64_URL_UNPADDED, text, strlen(text), out, cap, &n) != ERR_OK)
        return 0;
    return n;
}

static bool has_private_member(const json_t *key)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (json_object_get(key, names[i]) != NULL)
            return true;
    }
    return false;
}

static bool may_verify(const json_t *key)
{
    const json_t *ops = json_object_get(key, "key_ops"), *op;
    size_t i;

    if (ops == NULL)
        return true;
    json_array_foreach(ops, i, op)
    {
        if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
            return true;
    }
    return false;
}

/* Use, key id and algorithm: what decides before the numbers are looked at. */
static bool read_labels(const json_t *key, struct jwks_key *out)
{
    const char *use = text_member(key, "use");
    const char *kid = text_member(key, "kid");
    const char *alg = text_member(key, "alg");

    if (use == NULL || kid == NULL || alg == NULL || has_private_member(key) ||
        !may_verify(key))
        return false;
    if (*use != '\0' && strcmp(use, "sig") != 0)
        return false;
    if (*alg != '\0' && jwa_find(alg) == NULL)
        return false;
    if (strlen(kid) > JWS_KID_MAX)
        return false;
    (void)stpcpy(out->kid, kid);
    (void)stpcpy(out->alg, alg);
    return true;
}

/* A big-endian number without its leading zeros. */
struct number {
    const uint8_t *bytes;
    size_t len;
};

static struct number number_of(const uint8_t *bytes, size_t len)
{
    while (len > 0 && *bytes == 0) {
        bytes++;
        len--;
    }
    return (struct number){.bytes = bytes, .len = len};
}

static bool is_odd(struct number v)
{
    return v.len > 0 && (v.bytes[v.len - 1] & 1) != 0;
}

static bool strong_modulus(struct number n)
{
    return is_odd(n) &&
           (n.len > RSA_MIN_BYTES || (n.len == RSA_MIN_BYTES && n.bytes[0] >= 0x80));
}

static bool sane_exponent(struct number e)
{
    return is_odd(e) && (e.len > 1 || e.bytes[0] >= 3);
}

static cjose_jwk_t *read_rsa(const json_t *key)
{
    uint8_t n[RSA_MAX_BYTES], e[RSA_EXPONENT_MAX_BYTES];
    size_t n_len = bytes_member(key, "n", n, sizeof(n));
    size_t e_len = bytes_member(key, "e", e, sizeof(e));
    cjose_jwk_rsa_keyspec spec = {.n = n, .nlen = n_len, .e = e, .elen = e_len};
    cjose_err ignored;

    if (!strong_modulus(number_of(n, n_len)) || !sane_exponent(number_of(e, e_len)))
        return NULL;
    return cjose_jwk_create_RSA_spec(&spec, &ignored);
}

static cjose_jwk_t *read_ec(const json_t *key, const char **curve)
{
    uint8_t x[EC_MAX_BYTES], y[EC_MAX_BYTES];
    const char *name = text_member(key, "crv");
    size_t x_len = bytes_member(key, "x", x, sizeof(x));
    size_t y_len = bytes_member(key, "y", y, sizeof(y));
    cjose_err ignored;

    for (size_t i = 0; name != NULL && i < ARRAY_LEN(curves); i++) {
        cjose_jwk_ec_keyspec spec = {
            .crv = curves[i].id, .x = x, .xlen = x_len, .y = y, .ylen = y_len};

        if (strcmp(curves[i].name, name) != 0)
            continue;
        if (x_len != curves[i].coordinate || y_len != curves[i].coordinate)
            return NULL;
        *curve = curves[i].name;
        return cjose_jwk_create_EC_spec(&spec, &ignored); /* refuses a point off the curve */
    }
    return NULL;
}

/* Whether the key suits; then out->jwk is set. */
static bool read_key(const json_t *key, struct jwks_key *out)
{
    const char *kty = text_member(key, "kty");

    if (kty == NULL || !read_labels(key, out))
        return false;
    if (strcmp(kty, "RSA") == 0) {
        out->rsa = true;
        out->curve = "";
        out->jwk = read_rsa(key);
    } else if (strcmp(kty, "EC") == 0) {
        out->jwk = read_ec(key, &out->curve);
    }
    ERR_clear_error();
    return out->jwk != NULL;
}

static MUST_USE enum err read_keys(const json_t *keys, struct jwks *set)
{
    const json_t *key;
    size_t i;

    if (!json_is_array(keys))
        return err_set(ERR_INVALID, "key set: no array of keys");
    if (json_array_size(keys) > JWKS_KEYS_MAX)
        return err_set(ERR_TOO_LARGE, "key set: more than %d keys", JWKS_KEYS_MAX);
    json_array_foreach(keys, i, key)
    {
        struct jwks_key read = {.jwk = NULL};

        if (!json_is_object(key))
            return err_set(ERR_INVALID, "key set: a key that is no object");
        if (read_key(key, &read))
            set->keys[set->n++] = read;
    }
    return ERR_OK;
}

enum err jwks_parse(const void *data, size_t len, struct jwks **out)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    AUTO(json_free) json_t *root = NULL;

    if (len > JWKS_MAX)
        return err_set(ERR_TOO_LARGE, "key set: more than %d bytes", JWKS_MAX);
    TRY(json_parse(data, len, &root));
    if (!json_is_object(root))
        return err_set(ERR_INVALID, "key set: not an object");
    set = calloc(1, sizeof(*set));
    if (set == NULL)
        return ERR_NOMEM;
    TRY(read_keys(json_object_get(root, "keys"), set));
    *out = TAKE(set);
    return ERR_OK;
}

void jwks_free(struct jwks *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->n; i++)
        cjose_jwk_release(set->keys[i].jwk);
    free(set);
}

size_t jwks_count(const struct jwks *set)
{
    return set->n;
}

bool jwks_has_kid(const struct jwks *set, const char *kid)
{
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->keys[i].kid, kid) == 0)
            return true;
    }
    return false;
}

static bool fits(const struct jwks_key *key, const struct jwa *jwa)
{
    return key->rsa == jwa->rsa && strcmp(key->curve, jwa->curve) == 0 &&
           (key->alg[0] == '\0' || strcmp(key->alg, jwa->alg) == 0);
}

enum err jwks_select(const struct jwks *set, const struct jws_head *head,
                     const struct jwks_key **out)
{
    const struct jwa *jwa = jwa_find(head->alg);
    size_t n_fitting = 0;

    assert(jwa != NULL);
    if (head->kid[0] != '\0' && !jwks_has_kid(set, head->kid))
        return err_set(ERR_NOT_FOUND, "the token's key is not in the set");
    for (size_t i = 0; i < set->n; i++) {
        const struct jwks_key *key = &set->keys[i];

        if (head->kid[0] != '\0' && strcmp(key->kid, head->kid) != 0)
            continue;
        if (fits(key, jwa)) {
            n_fitting++;
            *out = key;
        }
    }
    if (n_fitting == 1)
        return ERR_OK;
    if (head->kid[0] != '\0')
        return err_set(ERR_CRYPTO, "the token's key is not one key for %s", jwa->alg);
    return err_set(ERR_NOT_FOUND, "the token names no key and %zu fit", n_fitting);
}
