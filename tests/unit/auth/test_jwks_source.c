/* Key sets over a real server and from a file: rotation, outage, and servers that misbehave.
 * The steady clock is given, so that an hour passes in no time. */
#include "gateway/auth/jwks_source.h"

#include "gateway/auth/file_stamp.h"
#include "gateway/base/http_client.h"
#include "gateway/base/log.h"
#include "tests/unit/auth/local_server.h"
#include "tests/unit/auth/token_kit.h"

#include <fcntl.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static struct local_server server;
static char one[4096], two[4096];

static void make_sets(void)
{
    EVP_PKEY *a = kit_ec(), *b = kit_ec();

    kit_set1(a, "one", one);
    kit_set1(b, "two", two);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static struct jwks_origin origin(void)
{
    return (struct jwks_origin){.issuer = KIT_ISSUER,
                                .url = server.url,
                                .allow_plain = true,
                                .cache_min_s = 10,
                                .cache_max_s = 600,
                                .refetch_min_s = 5,
                                .outage_max_s = 3600};
}

/* The kid in the set in use at that time, "" for none, "?" when it is unavailable. */
static const char *kid_at(struct jwks_source *s, int64_t ms)
{
    AUTO(key_set_free) struct key_set *set = NULL;

    if (jwks_source_get(s, ms, &set) != ERR_OK)
        return "?";
    if (jwks_has_kid(key_set_keys(set), "one"))
        return "one";
    return jwks_has_kid(key_set_keys(set), "two") ? "two" : "";
}

static struct jwks_source *started(void)
{
    struct jwks_origin o;
    struct jwks_source *s = NULL;

    make_sets();
    server_start(&server, one);
    o = origin();
    ok(jwks_source_new(&o, &s));
    return s;
}

static void ended(struct jwks_source *s)
{
    jwks_source_free(s);
    server_end(&server);
}

START_TEST(fresh_for_max_age_within_bounds)
{
    static const struct {
        const char *headers;
        int64_t fresh;
    } table[] = {{"", 10 * SECOND},
                 {"Cache-Control: max-age=60\r\n", 60 * SECOND},
                 {"Cache-Control: public, max-age=1\r\n", 10 * SECOND},
                 {"Cache-Control: max-age=99999999999999999999\r\n", 600 * SECOND},
                 {"Cache-Control: no-store\r\n", 10 * SECOND}};
    struct jwks_source *s = started();
    int64_t now = 0;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int before;

        server_say(&server, one, table[i].headers);
        now += 2000 * SECOND;
        ck_assert_str_eq(kid_at(s, now), "one");
        before = atomic_load(&server.asked);
        ck_assert_str_eq(kid_at(s, now + table[i].fresh - 1), "one");
        ck_assert_int_eq(atomic_load(&server.asked), before);
        ck_assert_str_eq(kid_at(s, now + table[i].fresh), "one");
        ck_assert_int_eq(atomic_load(&server.asked), before + 1);
    }
    ended(s);
}
END_TEST

START_TEST(removed_keys_are_gone_with_the_next_fetch)
{
    struct jwks_source *s = started();

    ck_assert_str_eq(kid_at(s, 0), "one");
    server_say(&server, two, "");
    ck_assert_str_eq(kid_at(s, 9 * SECOND), "one");
    ck_assert_str_eq(kid_at(s, 10 * SECOND), "two");
    server_say(&server, "{\"keys\":[]}", "");
    ck_assert_str_eq(kid_at(s, 20 * SECOND), "");
    ended(s);
}
END_TEST

START_TEST(generation_changes_with_the_document_only)
{
    struct jwks_source *s = started();
    uint64_t generations[3];
    int64_t at[3] = {0, 10 * SECOND, 20 * SECOND};

    for (size_t i = 0; i < 3; i++) {
        AUTO(key_set_free) struct key_set *set = NULL;

        if (i == 2)
            server_say(&server, two, "");
        ok(jwks_source_get(s, at[i], &set));
        generations[i] = key_set_generation(set);
    }
    ck_assert_uint_eq(generations[0], generations[1]);
    ck_assert_uint_gt(generations[2], generations[1]);
    ck_assert_int_eq(atomic_load(&server.asked), 3);
    ended(s);
}
END_TEST

START_TEST(unknown_key_refetches_at_most_every_so_often)
{
    struct jwks_source *s = started();
    AUTO(key_set_free) struct key_set *seen = NULL;
    AUTO(key_set_free) struct key_set *newer = NULL;
    struct key_set *none = NULL;

    ok(jwks_source_get(s, 0, &seen));
    for (int i = 0; i < 100; i++)
        fails(ERR_NOT_FOUND, jwks_source_refetch(s, seen, 4999, &none));
    ck_assert_int_eq(atomic_load(&server.asked), 1);
    for (int i = 0; i < 100; i++)
        fails(ERR_NOT_FOUND, jwks_source_refetch(s, seen, 5000 + i, &none));
    ck_assert_int_eq(atomic_load(&server.asked), 2);
    server_say(&server, two, "");
    ok(jwks_source_refetch(s, seen, 10001, &newer));
    ck_assert(jwks_has_kid(key_set_keys(newer), "two"));
    ck_assert(!jwks_has_kid(key_set_keys(newer), "one"));
    ck_assert(jwks_has_kid(key_set_keys(seen), "one")); /* what was given out stays whole */
    key_set_free(TAKE(newer));
    /* somebody else has fetched it meanwhile: no need to ask again */
    ok(jwks_source_refetch(s, seen, 10002, &newer));
    ck_assert_int_eq(atomic_load(&server.asked), 3);
    ended(s);
}
END_TEST

START_TEST(outage_keeps_the_set_for_so_long)
{
    static const enum server_mood moods[] = {SERVER_ERROR, SERVER_HANGUP, SERVER_CUT,
                                             SERVER_GARBAGE, SERVER_FLOOD};
    struct jwks_source *s = started();
    int64_t now = 0;

    for (size_t i = 0; i < ARRAY_LEN(moods); i++) {
        int64_t end = now + 10 * SECOND + 3600 * SECOND;

        atomic_store(&server.mood, SERVER_WELL);
        ck_assert_str_eq(kid_at(s, now), "one");
        atomic_store(&server.mood, moods[i]);
        ck_assert_str_eq(kid_at(s, now + 10 * SECOND), "one");
        ck_assert_str_eq(kid_at(s, end - 1), "one");
        ck_assert_str_eq(kid_at(s, end), "?");
        ck_assert_str_eq(kid_at(s, end + 5 * SECOND), "?");
        now = end + MINUTE;
    }
    atomic_store(&server.mood, SERVER_WELL);
    ck_assert_str_eq(kid_at(s, now), "one");
    ended(s);
}
END_TEST

START_TEST(outage_is_not_hammered)
{
    struct jwks_source *s = started();
    AUTO(key_set_free) struct key_set *seen = NULL;
    struct key_set *none = NULL;

    ok(jwks_source_get(s, 0, &seen));
    atomic_store(&server.mood, SERVER_ERROR);
    for (int64_t ms = 10 * SECOND; ms < 20 * SECOND; ms += 100)
        ck_assert_str_eq(kid_at(s, ms), "one");
    ck_assert_int_eq(atomic_load(&server.asked), 3); /* at 10 and at 15 seconds */
    /* the issuer cannot say whether there is such a key: not the token's fault */
    fails(ERR_UNAVAILABLE, jwks_source_refetch(s, seen, 16 * SECOND, &none));
    ck_assert_int_eq(atomic_load(&server.asked), 3);
    ended(s);
}
END_TEST

START_TEST(hostile_documents_change_nothing)
{
    static char many[1 << 16], deep[1 << 15];
    const char *const documents[] = {"",
                                     "[]",
                                     "{}",
                                     "{\"keys\":{}}",
                                     "{\"keys\":[1]}",
                                     "{\"keys\":[],\"keys\":[]}",
                                     "{\"keys\":[]} x",
                                     "<html>",
                                     many,
                                     deep};
    struct jwks_source *s = started();
    int64_t now = 0;
    size_t at = (size_t)sprintf(many, "{\"keys\":[");

    for (int i = 0; i <= JWKS_KEYS_MAX; i++)
        at += (size_t)sprintf(many + at, "%s{\"kty\":\"oct\",\"k\":\"AA\"}", i == 0 ? "" : ",");
    (void)sprintf(many + at, "]}");
    memset(deep, '[', sizeof(deep) - 1);
    ck_assert_str_eq(kid_at(s, now), "one");
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        now += MINUTE;
        server_say(&server, documents[i], "");
        ck_assert_str_eq(kid_at(s, now), "one");
        ck_assert_int_eq(atomic_load(&server.asked), (int)i + 2);
    }
    ended(s);
}
END_TEST

/* Nothing to verify with yet: unavailable, tried again after the gap, then there. */
START_TEST(unreachable_at_first)
{
    struct jwks_source *s;

    s = started();
    atomic_store(&server.mood, SERVER_HANGUP);
    ck_assert_str_eq(kid_at(s, 100), "?");
    atomic_store(&server.mood, SERVER_WELL);
    ck_assert_str_eq(kid_at(s, 101), "?");
    ck_assert_int_eq(atomic_load(&server.asked), 1);
    ck_assert_str_eq(kid_at(s, 100 + 5 * SECOND), "one");
    ended(s);
}
END_TEST

static struct jwks_source *shared;

static void *get_first(void *arg)
{
    *(const char **)arg = kid_at(shared, 0);
    return NULL;
}

static void *refetch(void *arg)
{
    struct key_set *seen = NULL, *newer = NULL;

    ok(jwks_source_get(shared, 0, &seen));
    *(enum err *)arg = jwks_source_refetch(shared, seen, 6 * SECOND, &newer);
    key_set_free(seen);
    key_set_free(newer);
    return NULL;
}

static void wait_until_asked(int n)
{
    for (int i = 0; i < 4000 && atomic_load(&server.asked) < n; i++)
        usleep(1000);
    ck_assert_int_eq(atomic_load(&server.asked), n);
}

START_TEST(one_fetch_at_a_time)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    const char *kids[THREADS];
    enum err errs[THREADS];

    shared = started();
    atomic_store(&server.mood, SERVER_HELD);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, get_first, &kids[i]), 0);
    wait_until_asked(1);
    atomic_store(&server.mood, SERVER_WELL);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_str_eq(kids[i], "one");
    }
    ck_assert_int_eq(atomic_load(&server.asked), 1);
    /* a key that is new to all of them costs one fetch as well */
    server_say(&server, two, "");
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, refetch, &errs[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(atomic_load(&server.asked), 2);
    ended(shared);
}
END_TEST

static void *get_stale(void *arg)
{
    *(const char **)arg = kid_at(shared, 20 * SECOND);
    return NULL;
}

/* While one caller waits for a slow issuer the others go on with the set in hand. */
START_TEST(nobody_waits_for_a_slow_issuer_but_one)
{
    const char *kid = NULL;
    pthread_t slow;

    shared = started();
    ck_assert_str_eq(kid_at(shared, 0), "one");
    atomic_store(&server.mood, SERVER_HELD);
    ck_assert_int_eq(pthread_create(&slow, NULL, get_stale, &kid), 0);
    wait_until_asked(2);
    for (int i = 0; i < 100; i++)
        ck_assert_str_eq(kid_at(shared, 20 * SECOND), "one");
    server_say(&server, two, "");
    atomic_store(&server.mood, SERVER_WELL);
    ck_assert_int_eq(pthread_join(slow, NULL), 0);
    ck_assert_str_eq(kid, "two");
    ended(shared);
}
END_TEST

START_TEST(silent_issuer_costs_a_deadline)
{
    struct jwks_source *s = started();

    ck_assert_str_eq(kid_at(s, 0), "one");
    atomic_store(&server.mood, SERVER_SILENT);
    ck_assert_str_eq(kid_at(s, 20 * SECOND), "one"); /* after JWKS_TOTAL_TIMEOUT_MS */
    ck_assert_int_eq(atomic_load(&server.asked), 2);
    atomic_store(&server.mood, SERVER_WELL);
    ended(s);
}
END_TEST

START_TEST(plain_http_is_for_loopback_only)
{
    static const struct {
        const char *url;
        bool allow_plain, good;
    } table[] = {{"https://issuer.test/jwks", false, true},
                 {"HTTPS://issuer.test/jwks", false, true},
                 {"http://127.0.0.1/jwks", true, true},
                 {"http://127.0.0.1:8080", true, true},
                 {"http://[::1]:8080/jwks", true, true},
                 {"http://localhost:1/jwks?x", true, true},
                 {"http://127.0.0.1:8080/jwks", false, false},
                 {"http://issuer.test/jwks", true, false},
                 {"http://localhost.issuer.test/", true, false},
                 {"http://127.0.0.1.issuer.test/", true, false},
                 {"http://127.0.0.1:80@issuer.test/", true, false},
                 {"http://127.0.0.1@issuer.test/", true, false},
                 {"http://user@127.0.0.1/", true, false},
                 {"http://127.0.0.1:80\\@issuer.test/", true, false},
                 {"file:///etc/passwd", true, false},
                 {"ftp://127.0.0.1/", true, false},
                 {"", true, false}};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct jwks_origin o = {
            .issuer = KIT_ISSUER, .url = table[i].url, .allow_plain = table[i].allow_plain};
        struct jwks_source *s = NULL;
        enum err e = jwks_source_new(&o, &s);

        ck_assert_msg((e == ERR_OK) == table[i].good, "%s", table[i].url);
        jwks_source_free(s);
    }
}
END_TEST

START_TEST(one_of_file_and_url)
{
    struct jwks_origin o = {.issuer = KIT_ISSUER};
    struct jwks_source *s = NULL;

    fails(ERR_INVALID, jwks_source_new(&o, &s));
    o.url = "https://issuer.test/jwks";
    o.file = "/jwks.json";
    fails(ERR_INVALID, jwks_source_new(&o, &s));
}
END_TEST

START_TEST(file_is_followed)
{
    char folder[] = "/tmp/eg-auth.XXXXXX", path[64];
    struct jwks_origin o = {.issuer = KIT_ISSUER, .file = path};
    struct jwks_source *s = NULL;
    int64_t now = 0;

    make_sets();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/jwks.json", folder);
    ok(jwks_source_new(&o, &s));
    ck_assert_str_eq(kid_at(s, now), "?"); /* not there yet */
    kit_write(path, one, strlen(one));
    ck_assert_str_eq(kid_at(s, now += FILE_CHECK_MS), "one");
    kit_write(path, two, strlen(two));
    ck_assert_str_eq(kid_at(s, now += FILE_CHECK_MS), "two");
    kit_write(path, "{", 1); /* damage keeps what there was */
    ck_assert_str_eq(kid_at(s, now += FILE_CHECK_MS), "two");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_str_eq(kid_at(s, now += 24 * 3600 * SECOND), "two");
    kit_write(path, one, strlen(one));
    ck_assert_str_eq(kid_at(s, now + FILE_CHECK_MS - 1), "two");
    ck_assert_str_eq(kid_at(s, now += FILE_CHECK_MS), "one");
    jwks_source_free(s);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(file_must_be_a_file)
{
    struct jwks_origin o = {.issuer = KIT_ISSUER, .file = "/tmp"};
    AUTO(jwks_source_free) struct jwks_source *s = NULL;

    ok(jwks_source_new(&o, &s));
    ck_assert_str_eq(kid_at(s, 0), "?");
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "auth/jwks_source", fresh_for_max_age_within_bounds,
        removed_keys_are_gone_with_the_next_fetch, generation_changes_with_the_document_only,
        unknown_key_refetches_at_most_every_so_often, outage_keeps_the_set_for_so_long,
        outage_is_not_hammered, hostile_documents_change_nothing, unreachable_at_first,
        one_fetch_at_a_time, nobody_waits_for_a_slow_issuer_but_one,
        silent_issuer_costs_a_deadline, plain_http_is_for_loopback_only, one_of_file_and_url,
        file_is_followed, file_must_be_a_file);
}
