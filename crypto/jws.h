/* JSON Web Signatures for access tokens (RFC 7515, 7517, 7518, 9068): compact form, signature
 * only. libcjose checks the signature; the header is gated by ourselves first, because libcjose
 * accepts an unknown `crit` and a PS256 signature under a key marked RS256.
 *
 * Gate: three non-empty base64url parts, header a JSON object without duplicate members, `alg`
 * in the allow-list (ES256, ES384, RS256, PS256; libcjose has no EdDSA). `crit`, `b64`, `zip`
 * and `enc` refuse, whatever they hold; `jwk`, `jku`, `x5u`, `x5c` are ignored: keys come from
 * the issuer's set alone. Degenerate ECDSA signatures (r or s zero, wrong length) refuse before
 * the library sees them. Five-part (JWE) texts refuse, texts above JWS_MAX too.
 */
#ifndef CRYPTO_JWS_H
#define CRYPTO_JWS_H

#include "gateway/base/json.h"

enum { JWS_MAX = 16384, JWS_KID_MAX = 256, JWKS_KEYS_MAX = 32, JWKS_MAX = 262144 };

struct jws_head {
    char alg[16];
    char typ[32];              /* "" if absent */
    char kid[JWS_KID_MAX + 1]; /* "" if absent */
};
/* Reads and gates the header; verifies nothing. ERR_INVALID with the reason. */
MUST_USE enum err jws_head_read(const char *token, size_t len, struct jws_head *out);

struct jwks; /* an immutable set of public keys */
/* From a JWK set document. Skipped: keys with a private member, symmetric keys, unknown kty,
 * curve or alg, `use` other than sig (a key marked `use: enc` is never used), key_ops without
 * verify, RSA below 2048 or above 8192 bits, a point off its curve. More than JWKS_KEYS_MAX
 * keys or JWKS_MAX bytes: ERR_TOO_LARGE; no JWK set at all, duplicate members: ERR_INVALID. */
MUST_USE enum err jwks_parse(const void *data, size_t len, struct jwks **out);
void jwks_free(struct jwks *set);
DEFINE_AUTO(struct jwks, jwks_free);
size_t jwks_count(const struct jwks *set);
bool jwks_has_kid(const struct jwks *set, const char *kid);

/* Verifies with the key of head->kid (or the only suitable key if the token names none); the
 * key's `alg`, if present, must equal the token's, its kty (and curve) must fit the alg. On
 * success the claims as a JSON object. `head` must have been read from this token.
 * ERR_NOT_FOUND: no such key (caller may refetch once), or no kid and not exactly one key fits;
 * ERR_CRYPTO: bad signature, or the named key does not fit the alg; ERR_INVALID: claims are not
 * a strict JSON object. */
MUST_USE enum err jws_verify(const struct jwks *set, const struct jws_head *head,
                             const char *token, size_t len, json_t **claims);

/* The development issuer's side: ES256 key pair (with kid, its RFC 7638 thumbprint, alg and
 * use: sig), signing. The issuer reads its private JWK with secret_file_read. */
MUST_USE enum err jws_key_generate(json_t **private_jwk, json_t **public_jwk);
MUST_USE enum err jws_sign(const json_t *private_jwk, const char *typ, const json_t *claims,
                           char **token); /* heap */

#endif
