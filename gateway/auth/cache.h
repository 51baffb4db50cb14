/* What was verified a moment ago: SHA-256 of a credential -> what it proved.
 *
 * Bounded: the memory is taken once. Constant work: a key falls into one set of CACHE_WAYS
 * entries, each set belongs to one of CACHE_SHARDS locks. Keys are salted by the process, so
 * that nobody can aim at a set.
 *
 * An entry carries the generation of what it was verified with (a key set, a trust store); the
 * caller compares. It is over when either clock says so: the wall clock (exp) or the steady one
 * (what was left at the time it was put). An entry that is over stays until its place is
 * wanted: a wall clock that is set back does not revive it. */
#ifndef GATEWAY_AUTH_CACHE_H
#define GATEWAY_AUTH_CACHE_H

#include "crypto/digest.h"
#include "gateway/auth/principal.h"

enum { CACHE_WAYS = 8, CACHE_SHARDS = 16, CACHE_ENTRIES_MAX = 1 << 20 };

struct cache_key {
    uint8_t bytes[SHA256_SIZE];
};
struct cached {
    struct principal principal; /* subject "" where the credential maps to nobody */
    size_t source;              /* which key set */
    uint64_t generation;
    int64_t wall_until_us;
    int64_t steady_until_ms;
    bool bound; /* only with the certificate of this thumbprint */
    uint8_t thumbprint[SHA256_SIZE];
};

struct cache;
/* At least one set; more than CACHE_ENTRIES_MAX: ERR_INVALID. */
MUST_USE enum err cache_new(size_t entries, struct cache **out);
void cache_free(struct cache *c);
DEFINE_AUTO(struct cache, cache_free);

MUST_USE enum err cache_key_of(const struct cache *c, const void *const *parts,
                               const size_t *lens, size_t n, struct cache_key *out);
/* False: not there. An entry that is over is found too: the caller asks cached_over. */
bool cache_get(struct cache *c, const struct cache_key *key, struct cached *out);
void cache_put(struct cache *c, const struct cache_key *key, const struct cached *value);
bool cached_over(const struct cached *value, int64_t wall_us, int64_t steady_ms);

#endif
