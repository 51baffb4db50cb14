/* The memory of verified credentials: bounded, fair to what is in use, and safe under threads.
 */
#include "gateway/auth/cache.h"

#include "tests/unit/auth/token_kit.h"

#include <pthread.h>

static struct cached made(const char *subject, uint64_t generation)
{
    struct cached c = {
        .generation = generation, .wall_until_us = INT64_MAX, .steady_until_ms = INT64_MAX};

    (void)snprintf(c.principal.subject, sizeof(c.principal.subject), "%s", subject);
    return c;
}

static struct cache_key key_of(const struct cache *c, int number)
{
    const void *part = &number;
    size_t len = sizeof(number);
    struct cache_key key;

    ok(cache_key_of(c, &part, &len, 1, &key));
    return key;
}

START_TEST(gives_back_what_was_put)
{
    AUTO(cache_free) struct cache *c = NULL;
    struct cached in = made("one", 7), out;
    struct cache_key one, two;

    ok(cache_new(64, &c));
    one = key_of(c, 1);
    two = key_of(c, 2);
    ck_assert(!cache_get(c, &one, &out));
    cache_put(c, &one, &in);
    ck_assert(cache_get(c, &one, &out));
    ck_assert_str_eq(out.principal.subject, "one");
    ck_assert_uint_eq(out.generation, 7);
    ck_assert(!cache_get(c, &two, &out));
    in = made("again", 8);
    cache_put(c, &one, &in);
    ck_assert(cache_get(c, &one, &out));
    ck_assert_str_eq(out.principal.subject, "again");
}
END_TEST

START_TEST(keys_differ_between_processes)
{
    AUTO(cache_free) struct cache *a = NULL;
    AUTO(cache_free) struct cache *b = NULL;
    struct cache_key in_a, in_b;

    ok(cache_new(8, &a));
    ok(cache_new(8, &b));
    in_a = key_of(a, 1);
    in_b = key_of(b, 1);
    ck_assert_mem_ne(in_a.bytes, in_b.bytes, SHA256_SIZE);
}
END_TEST

/* One set: what is over goes first, then what was used longest ago. */
START_TEST(gives_up_the_right_one)
{
    AUTO(cache_free) struct cache *c = NULL;
    struct cached value = made("x", 1), out;
    struct cache_key key;

    ok(cache_new(CACHE_WAYS, &c));
    for (int i = 0; i < CACHE_WAYS; i++) {
        value.wall_until_us = i == 5 ? 1 : INT64_MAX; /* over since 1970 */
        key = key_of(c, i);
        cache_put(c, &key, &value);
    }
    key = key_of(c, 0); /* used: no longer the oldest */
    ck_assert(cache_get(c, &key, &out));
    value.wall_until_us = INT64_MAX;
    for (int i = 100; i < 102; i++) {
        key = key_of(c, i);
        cache_put(c, &key, &value);
    }
    key = key_of(c, 5);
    ck_assert(!cache_get(c, &key, &out));
    key = key_of(c, 1);
    ck_assert(!cache_get(c, &key, &out));
    for (int i = 0; i < 102; i++) {
        if (i == 1 || i == 5 || (i >= CACHE_WAYS && i < 100))
            continue;
        key = key_of(c, i);
        ck_assert_msg(cache_get(c, &key, &out), "%d is gone", i);
    }
}
END_TEST

START_TEST(over_by_either_clock)
{
    struct cached c = made("x", 1);

    c.wall_until_us = 100;
    c.steady_until_ms = 100;
    ck_assert(!cached_over(&c, 99, 99));
    ck_assert(cached_over(&c, 100, 99));
    ck_assert(cached_over(&c, 99, 100));
}
END_TEST

START_TEST(bounds)
{
    AUTO(cache_free) struct cache *c = NULL;
    struct cached value = made("x", 1), out;
    struct cache_key key;

    fails(ERR_INVALID, cache_new(CACHE_ENTRIES_MAX + 1, &c));
    ok(cache_new(0, &c)); /* one set at least */
    key = key_of(c, 1);
    cache_put(c, &key, &value);
    ck_assert(cache_get(c, &key, &out));
    cache_free(NULL);
}
END_TEST

/* --- the whole authenticator under threads -------------------------------------------------
 */

enum { THREADS = 8, ROUNDS = 150, TOKENS = 24 };
static struct authenticator *shared;
static char *values[TOKENS];

static void *authenticate_many(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < ROUNDS; i++) {
        int at = rand_r(&seed) % TOKENS;
        char subject[32];
        struct principal p;

        (void)snprintf(subject, sizeof(subject), "person-%d", at);
        ok(authenticate(shared, values[at], NULL, 0, &p));
        ck_assert_str_eq(p.subject, subject);
    }
    return NULL;
}

START_TEST(threads_share_an_authenticator)
{
    char folder[] = "/tmp/eg-auth.XXXXXX", path[64], set[4096], again[4200];
    struct issuer_config issuer = kit_issuer();
    struct auth_config config = {.issuers = &issuer, .n_issuers = 1, .token_cache = 16};
    EVP_PKEY *key = kit_ec();
    pthread_t threads[THREADS];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/jwks.json", folder);
    kit_set1(key, "k", set);
    kit_write(path, set, strlen(set));
    issuer.jwks_file = path;
    ok(authenticator_new(&config, &shared));
    for (int i = 0; i < TOKENS; i++) {
        char subject[32];

        (void)snprintf(subject, sizeof(subject), "person-%d", i);
        values[i] = kit_token(key, "k", kit_with("sub", json_string(subject)));
    }
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, authenticate_many, (void *)(uintptr_t)i), 0);
    (void)snprintf(again, sizeof(again), "%s\n", set); /* the set changes under their feet */
    usleep(1050 * 1000);
    kit_write(path, again, strlen(again));
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    authenticator_free(shared);
    EVP_PKEY_free(key);
    for (int i = 0; i < TOKENS; i++)
        free(values[i]);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
    return SUITE_RUN("auth/cache", gives_back_what_was_put, keys_differ_between_processes,
                     gives_up_the_right_one, over_by_either_clock, bounds,
                     threads_share_an_authenticator);
}
