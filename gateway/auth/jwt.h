/* One access token (RFC 9068): whose it says it is, and whether what it says holds.
 *
 * The order: the head's gate (crypto/jws.h), type, the issuer's name out of the unverified
 * claims, algorithm, signature, then every claim. Nothing of an unverified token is used but
 * the name that picks the key set. */
#ifndef GATEWAY_AUTH_JWT_H
#define GATEWAY_AUTH_JWT_H

#include "crypto/digest.h"
#include "crypto/jws.h"
#include "gateway/auth/principal.h"

struct issuer_config;

struct jwt_head { /* borrows the token's text */
    const char *token;
    size_t len;
    struct jws_head jws;
    char issuer[PRINCIPAL_TEXT_MAX + 1]; /* as claimed */
};
struct jwt_claims {
    struct principal principal;
    bool expired; /* told, not refused: whether all else holds is seen later */
    bool bound;   /* only with the certificate of this thumbprint */
    uint8_t thumbprint[SHA256_SIZE];
};

/* Both: ERR_UNAUTHENTICATED with its detail. */
MUST_USE enum err jwt_head_read(const char *token, size_t len, struct jwt_head *out);
MUST_USE enum err jwt_head_check(const struct jwt_head *h, const struct issuer_config *issuer);
/* The verified claims. A token that holds but gives too little (no role of ours, no scope):
 * ERR_OK with principal.roles 0, so that its binding is checked first; one that is over by
 * now_us: ERR_OK with `expired`, likewise. */
MUST_USE enum err jwt_claims_check(const json_t *claims, const struct issuer_config *issuer,
                                   int64_t now_us, struct jwt_claims *out);

#endif
