/* A set-associative table under a few locks.
 *
 * Invariants: no lock is held across anything but copying one entry; the table never grows; a
 * set gives up first an empty place, then one that is over, then the one used longest ago. */
#include "gateway/auth/cache.h"

#include "gateway/base/clock.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SALT_SIZE = 16, PARTS_MAX = 32 };

struct entry {
    struct cache_key key;
    uint64_t used; /* the set's count at its last use; 0: empty */
    struct cached value;
};
struct set {
    uint64_t uses;
    struct entry ways[CACHE_WAYS];
};
struct cache {
    pthread_mutex_t locks[CACHE_SHARDS];
    uint8_t salt[SALT_SIZE];
    size_t n_sets;
    struct set *sets;
};

enum err cache_new(size_t entries, struct cache **out)
{
    struct cache *c;

    if (entries > CACHE_ENTRIES_MAX)
        return err_set(ERR_INVALID, "a cache of at most %d entries", CACHE_ENTRIES_MAX);
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        return err_set(ERR_NOMEM, "the cache of verified credentials");
    c->n_sets = (entries + CACHE_WAYS - 1) / CACHE_WAYS;
    c->n_sets = c->n_sets == 0 ? 1 : c->n_sets;
    c->sets = calloc(c->n_sets, sizeof(*c->sets));
    if (c->sets == NULL) {
        free(c);
        return err_set(ERR_NOMEM, "the cache of verified credentials");
    }
    for (size_t i = 0; i < CACHE_SHARDS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    randombytes_buf(c->salt, sizeof(c->salt));
    *out = c;
    return ERR_OK;
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CACHE_SHARDS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    sodium_memzero(c->sets, c->n_sets * sizeof(*c->sets));
    free(c->sets);
    free(c);
}

enum err cache_key_of(const struct cache *c, const void *const *parts, const size_t *lens,
                      size_t n, struct cache_key *out)
{
    const void *all[PARTS_MAX + 1] = {c->salt};
    size_t sizes[PARTS_MAX + 1] = {sizeof(c->salt)};

    assert(n <= PARTS_MAX);
    for (size_t i = 0; i < n; i++) {
        all[i + 1] = parts[i];
        sizes[i + 1] = lens[i];
    }
    return sha256_parts(all, sizes, n + 1, out->bytes);
}

static size_t set_of(const struct cache *c, const struct cache_key *key)
{
    uint64_t number;

    memcpy(&number, key->bytes, sizeof(number));
    return (size_t)(number % c->n_sets);
}

/* Always looks at every way. */
static struct entry *find(struct set *set, const struct cache_key *key)
{
    struct entry *found = NULL;

    for (size_t i = 0; i < CACHE_WAYS; i++) {
        struct entry *e = &set->ways[i];

        if (e->used != 0 && equal_constant_time(e->key.bytes, key->bytes, SHA256_SIZE))
            found = e;
    }
    return found;
}

bool cache_get(struct cache *c, const struct cache_key *key, struct cached *out)
{
    size_t at = set_of(c, key);
    struct set *set = &c->sets[at];
    struct entry *e;

    pthread_mutex_lock(&c->locks[at % CACHE_SHARDS]);
    e = find(set, key);
    if (e != NULL) {
        e->used = ++set->uses;
        *out = e->value;
    }
    pthread_mutex_unlock(&c->locks[at % CACHE_SHARDS]);
    return e != NULL;
}

bool cached_over(const struct cached *value, int64_t wall_us, int64_t steady_ms)
{
    return wall_us >= value->wall_until_us || steady_ms >= value->steady_until_ms;
}

/* The place of the same key, else the one that is missed least. */
static struct entry *place_for(struct set *set, const struct cache_key *key)
{
    int64_t wall = clock_now(), steady = clock_steady_ms();
    struct entry *place = find(set, key);

    if (place != NULL)
        return place;
    place = &set->ways[0];
    for (size_t i = 1; i < CACHE_WAYS && place->used != 0; i++) {
        struct entry *e = &set->ways[i];
        bool over = e->used != 0 && cached_over(&e->value, wall, steady);
        bool place_over = cached_over(&place->value, wall, steady);

        if (e->used == 0 || (over && !place_over) ||
            (over == place_over && e->used < place->used))
            place = e;
    }
    return place;
}

void cache_put(struct cache *c, const struct cache_key *key, const struct cached *value)
{
    size_t at = set_of(c, key);
    struct set *set = &c->sets[at];
    struct entry *e;

    pthread_mutex_lock(&c->locks[at % CACHE_SHARDS]);
    e = place_for(set, key);
    e->key = *key;
    e->value = *value;
    e->used = ++set->uses;
    pthread_mutex_unlock(&c->locks[at % CACHE_SHARDS]);
}
