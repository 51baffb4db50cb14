/* The inside of a key set and scoped libcjose objects, for jwks.c, jws.c and jws_sign.c alone;
 * everybody else sees crypto/jws.h. */
#ifndef CRYPTO_JWKS_H
#define CRYPTO_JWKS_H

#include "crypto/jws.h"

#include <cjose/cjose.h>

/* An algorithm that is let in. */
struct jwa {
    const char *alg;
    bool rsa;
    const char *curve; /* "" for RSA */
    size_t coordinate; /* EC: bytes of r and of s */
};
const struct jwa *jwa_find(const char *alg); /* NULL: not let in */

struct jwks_key {
    cjose_jwk_t *jwk;
    bool rsa;
    const char *curve; /* "" for RSA */
    char alg[16];      /* "" if the key names none */
    char kid[JWS_KID_MAX + 1];
};
struct jwks {
    size_t n;
    struct jwks_key keys[JWKS_KEYS_MAX];
};

static inline void jwk_release(cjose_jwk_t *jwk)
{
    cjose_jwk_release(jwk);
}
DEFINE_AUTO(cjose_jwk_t, jwk_release);

static inline void jws_release(cjose_jws_t *jws)
{
    cjose_jws_release(jws);
}
DEFINE_AUTO(cjose_jws_t, jws_release);

/* The one key that head asks for. ERR_NOT_FOUND: none of that kid, or no kid and not exactly
 * one that fits; ERR_CRYPTO: the kid is there and does not fit the algorithm, or is there
 * twice. */
MUST_USE enum err jwks_select(const struct jwks *set, const struct jws_head *head,
                              const struct jwks_key **out);

#endif
