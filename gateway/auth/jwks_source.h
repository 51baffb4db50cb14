/* Where an issuer's public keys come from: a file or a URL, kept and refreshed.
 *
 *     absent --load--> fresh --age--> stale --load--> fresh
 *        ^                              |
 *        +-- unreachable for too long --+        (the set is kept, but not given out)
 *
 * URL: fresh for the answer's max-age, held within cache_min_s and cache_max_s. A stale set is
 * fetched again by the caller that finds it so; meanwhile, and while the issuer cannot be
 * reached, the others go on with it until outage_max_s past its freshness. Attempts are at
 * least refetch_min_s apart. File: looked at once a FILE_CHECK_MS; a broken or missing
 * one leaves the set as it is.
 *
 * One load at a time, without the lock; those who have no set, or wait for a new key, wait for
 * it. Times are of the steady clock, given by the caller. */
#ifndef GATEWAY_AUTH_JWKS_SOURCE_H
#define GATEWAY_AUTH_JWKS_SOURCE_H

#include "crypto/jws.h"

enum { JWKS_CONNECT_TIMEOUT_MS = 3000, JWKS_TOTAL_TIMEOUT_MS = 5000 };

struct jwks_origin {    /* texts are borrowed and outlive the source */
    const char *issuer; /* for the log */
    const char *file;   /* one of the two */
    const char *url;
    const char *ca_file;
    bool allow_plain;
    unsigned cache_min_s, cache_max_s, refetch_min_s, outage_max_s;
};

struct key_set; /* a counted reference to an immutable set */
const struct jwks *key_set_keys(const struct key_set *s);
/* Grows whenever the keys change; the token cache compares it. */
uint64_t key_set_generation(const struct key_set *s);
void key_set_free(struct key_set *s);
DEFINE_AUTO(struct key_set, key_set_free);

struct jwks_source;
/* Loads nothing yet. ERR_INVALID: a URL that is neither https nor plain http that is allowed,
 * and plain http is for loopback only. */
MUST_USE enum err jwks_source_new(const struct jwks_origin *o, struct jwks_source **out);
void jwks_source_free(struct jwks_source *s);
DEFINE_AUTO(struct jwks_source, jwks_source_free);

/* The set to verify with. ERR_UNAVAILABLE: there is none, or it is too old. */
MUST_USE enum err jwks_source_get(struct jwks_source *s, int64_t now_ms, struct key_set **out);
/* After a key was not found in `seen`: *out is another set if there is one now (or one could be
 * had). ERR_NOT_FOUND: the issuer has no such key as far as we may ask; ERR_UNAVAILABLE: the
 * issuer could not be asked. */
MUST_USE enum err jwks_source_refetch(struct jwks_source *s, const struct key_set *seen,
                                      int64_t now_ms, struct key_set **out);

#endif
