/* From what came with a request to a principal.
 *
 * Tokens: RFC 9068 access tokens (`typ` at+jwt, also "application/at+jwt"), Bearer scheme (RFC
 * 6750). Required: iss exactly one of ours, aud contains us (text or array), exp, iat, sub,
 * client_id, jti; nbf if present; leeway_s of skew; lifetime (exp - iat) at most
 * max_lifetime_s. Certificate-bound tokens (RFC 8705, cnf.x5t#S256) count only with that
 * verified client certificate. Roles come from the issuer's role claim (text or array of
 * texts), unknown names are passed over, only names in allowed_roles of the issuer count; none
 * left: insufficient. A required scope missing: insufficient (403). Verified tokens are cached
 * (SHA-256 of the token, until exp, bounded, dropped when the key set changes).
 *
 * Key sets: from a file (watched by mtime) or a URL (cached for max-age within bounds; an
 * unknown kid refetches at most every refetch_min_s; an outage keeps the cached set up to
 * outage_max_s; keys removed from the set are gone with the next fetch). No lock is held while
 * fetching.
 *
 * Certificates: verified by OpenSSL against a client CA: path, purpose clientAuth, validity,
 * revocation list (crl_file; required when set: an expired or missing list refuses). Reloaded
 * when the files change. A certificate is mapped to a principal by a table row: match is
 * "san-uri:<value>", "san-dns:<value>", "subject:<RFC 2253 DN>" or "sha256:<hex of the
 * certificate>", exact. Issuer of such principals: "certificate". A request with both a plain
 * token and a certificate is the token's principal; a certificate that does not verify refuses
 * only if it is needed.
 */
#ifndef GATEWAY_AUTH_AUTHENTICATE_H
#define GATEWAY_AUTH_AUTHENTICATE_H

#include "gateway/auth/principal.h"

#include <stddef.h>

#define CERTIFICATE_ISSUER "certificate"

struct issuer_config {
    const char *issuer;
    const char *audience;
    const char *jwks_file; /* one of the two */
    const char *jwks_url;
    const char *ca_file;        /* for the URL; NULL: system */
    bool allow_plain_http;      /* loopback only: refused elsewhere */
    const char *role_claim;     /* "roles" */
    uint32_t allowed_roles;     /* bits */
    const char *required_scope; /* NULL: none */
    const char *algorithms;     /* "ES256 PS256 ..." */
    unsigned leeway_s, max_lifetime_s;
    unsigned cache_min_s, cache_max_s, refetch_min_s, outage_max_s;
};
struct certificate_mapping {
    const char *match;
    const char *subject;
    uint32_t roles;
};
struct auth_config {
    const struct issuer_config *issuers;
    size_t n_issuers;
    const char *client_ca_file; /* NULL: no client certificates */
    const char *crl_file;       /* NULL: none */
    const struct certificate_mapping *mappings;
    size_t n_mappings;
    size_t token_cache; /* entries */
    bool conflicts_allowed; /* roles that exclude each other (segregation.h) are only warned of */
};

struct authenticator;
/* Copies what it needs. An unreachable key set URL at start is a warning, not an error. */
MUST_USE enum err authenticator_new(const struct auth_config *config,
                                    struct authenticator **out);
void authenticator_free(struct authenticator *a);
DEFINE_AUTO(struct authenticator, authenticator_free);

struct auth_der { /* a certificate as the peer sent it */
    const uint8_t *data;
    size_t len;
};
enum auth_failure {
    AUTH_MISSING,
    AUTH_INVALID_REQUEST,
    AUTH_INVALID_TOKEN,
    AUTH_INSUFFICIENT,
    AUTH_EXPIRED /* a token of which everything holds, signature, binding and role, but its time
                  */
};
/* authorization: the header's value or NULL. chain: leaf first, n may be 0.
 * ERR_UNAUTHENTICATED with detail = enum auth_failure (+1, so that 0 means none);
 * ERR_UNAVAILABLE when the key set cannot be had at all, or when the token names a key that is
 * not in it and the issuer cannot be asked: no fault of the token. */
MUST_USE enum err authenticate(struct authenticator *a, const char *authorization,
                               const struct auth_der *chain, size_t n, struct principal *out);
/* For the operator: ERR_OK, or what is wrong with a key set, the CA or the revocation list
 * (readyz). */
MUST_USE enum err authenticator_health(struct authenticator *a);

#endif
