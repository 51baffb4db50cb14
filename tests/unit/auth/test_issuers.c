/* Issuers over time: keys that go, tokens that are remembered, clocks that are set, settings
 * that cannot be meant. */
#include "tests/unit/auth/token_setup.h"

START_TEST(key_removed_from_the_set)
{
    AUTO_FREE char *value = NULL;
    char smaller[4096];

    setup();
    value = kit_token(key, "ec/key+1=", kit_claims());
    ok(authenticate(auth, value, NULL, 0, &who));
    ok(authenticate(auth, value, NULL, 0, &who)); /* remembered */
    kit_set1(other, "ec2", smaller);
    write_set(smaller);
    usleep(1100 * 1000); /* files are looked at once a second */
    bad_token("not in the", authenticate(auth, value, NULL, 0, &who));
    write_set(document);
    usleep(1100 * 1000);
    ok(authenticate(auth, value, NULL, 0, &who));
    teardown();
}
END_TEST

/* --- remembered tokens and the clock -------------------------------------------------------
 */

static int64_t offset_us;
static int64_t shifted_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * MICROS_PER_SECOND + t.tv_nsec / 1000 + offset_us;
}

START_TEST(remembered_tokens_expire_too)
{
    static const int64_t hour = 3600 * MICROS_PER_SECOND;
    AUTO_FREE char *value = NULL;

    setup();
    clock_replace(shifted_clock);
    value = kit_token(key, "ec/key+1=", kit_claims());
    ok(authenticate(auth, value, NULL, 0, &who));
    offset_us = (300 + 58) * MICROS_PER_SECOND;
    ok(authenticate(auth, value, NULL, 0, &who));
    offset_us = (300 + 62) * MICROS_PER_SECOND;
    expired_token(authenticate(auth, value, NULL, 0, &who));
    offset_us = 10 * 365 * 24 * hour;
    expired_token(authenticate(auth, value, NULL, 0, &who));
    clock_replace(NULL);
    teardown();
}
END_TEST

/* The wall clock is set back: what has run out by the steady clock stays so. */
START_TEST(clock_set_back_revives_nothing)
{
    struct issuer_config issuer = kit_issuer();
    struct authenticator *strict;
    AUTO_FREE char *value = NULL;
    json_t *claims;

    setup();
    clock_replace(shifted_clock);
    issuer.jwks_file = set_path;
    issuer.leeway_s = 0;
    strict = open_with(&issuer, 8);
    claims = kit_with("exp", json_integer(clock_now_seconds() + 2));
    value = kit_token(key, "ec/key+1=", claims);
    ok(authenticate(strict, value, NULL, 0, &who));
    usleep(2100 * 1000);
    offset_us = -1500 * 1000;
    expired_token(authenticate(strict, value, NULL, 0, &who));
    clock_replace(NULL);
    authenticator_free(strict);
    teardown();
}
END_TEST

START_TEST(more_tokens_than_places)
{
    enum { TOKENS = 100 };
    char *values[TOKENS];

    setup();
    for (int i = 0; i < TOKENS; i++) {
        char subject[32];

        (void)snprintf(subject, sizeof(subject), "person-%d", i);
        values[i] = kit_token(key, "ec/key+1=", kit_with("sub", json_string(subject)));
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < TOKENS; i++) {
            char subject[32];

            (void)snprintf(subject, sizeof(subject), "person-%d", i);
            ok(authenticate(auth, values[i], NULL, 0, &who));
            ck_assert_str_eq(who.subject, subject);
        }
    for (int i = 0; i < TOKENS; i++)
        free(values[i]);
    teardown();
}
END_TEST

/* --- settings ------------------------------------------------------------------------------
 */

START_TEST(settings_that_cannot_be_meant)
{
    struct issuer_config good = kit_issuer(), c[12];
    struct authenticator *a = NULL;
    struct auth_config config = {.issuers = c, .n_issuers = 1};
    size_t n = 0;

    setup();
    good.jwks_file = set_path;
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        c[i] = good;
    c[n++].issuer = "";
    c[n++].issuer = CERTIFICATE_ISSUER;
    c[n++].audience = NULL;
    c[n++].algorithms = "";
    c[n++].algorithms = "ES256 HS256";
    c[n++].algorithms = "none";
    c[n++].algorithms = "ES256 ES256ES256ES256ES256";
    c[n++].leeway_s = 301;
    c[n++].max_lifetime_s = 0;
    c[n++].allowed_roles = 0;
    c[n++].allowed_roles = 1u << ROLE_COUNT;
    c[n++].jwks_file = NULL;
    for (size_t i = 0; i < n; i++) {
        config.issuers = &c[i];
        fails(ERR_INVALID, authenticator_new(&config, &a));
    }
    c[0] = c[1] = good; /* the same issuer twice */
    config = (struct auth_config){.issuers = c, .n_issuers = 2};
    fails(ERR_INVALID, authenticator_new(&config, &a));
    config.n_issuers = 17;
    fails(ERR_INVALID, authenticator_new(&config, &a));
    config.n_issuers = 1;
    config.token_cache = SIZE_MAX;
    fails(ERR_INVALID, authenticator_new(&config, &a));
    config.token_cache = 1;
    c[0].jwks_file = "/nonexistent/jwks.json";
    fails(ERR_UNAVAILABLE, authenticator_new(&config, &a));
    c[0] = good;
    c[0].jwks_file = NULL;
    c[0].jwks_url = "http://issuer.test/jwks";
    c[0].allow_plain_http = true;
    fails(ERR_INVALID, authenticator_new(&config, &a));
    c[0].jwks_url = "https://127.0.0.1:1/jwks";
    c[0].refetch_min_s = 0;
    fails(ERR_INVALID, authenticator_new(&config, &a));
    c[0].refetch_min_s = 1;
    c[0].cache_max_s = 0;
    fails(ERR_INVALID, authenticator_new(&config, &a));
    c[0].cache_max_s = 10;
    ok(authenticator_new(&config, &a)); /* nobody listens there: it may come up later */
    fails(ERR_UNAVAILABLE, authenticator_health(a));
    fails(ERR_UNAVAILABLE, try_with(a, kit_token(key, "ec/key+1=", kit_claims())));
    authenticator_free(a);
    authenticator_free(NULL);
    teardown();
}
END_TEST

START_TEST(health_of_a_key_set)
{
    setup();
    ok(authenticator_health(auth));
    write_set("{\"keys\":[]}");
    usleep(1100 * 1000);
    fails(ERR_UNAVAILABLE, authenticator_health(auth));
    teardown();
}
END_TEST

START_TEST(two_issuers_keep_apart)
{
    struct issuer_config c[2] = {kit_issuer(), kit_issuer()};
    struct auth_config config = {.issuers = c, .n_issuers = 2, .token_cache = 8};
    struct authenticator *a = NULL;
    char path[80], set[4096];

    setup();
    (void)snprintf(path, sizeof(path), "%s/second.json", folder);
    kit_set1(other, "ec/key+1=", set); /* the same kid, another key */
    kit_write(path, set, strlen(set));
    c[0].jwks_file = set_path;
    c[1].jwks_file = path;
    c[1].issuer = "https://second.test";
    ok(authenticator_new(&config, &a));
    ok(try_with(a, kit_token(key, "ec/key+1=", kit_claims())));
    bad_token("does not verify",
              try_with(a, kit_token(key, "ec/key+1=",
                                    kit_with("iss", json_string("https://second.test")))));
    ok(try_with(
        a, kit_token(other, "ec/key+1=", kit_with("iss", json_string("https://second.test")))));
    ck_assert_str_eq(who.issuer, "https://second.test");
    bad_token("does not verify", try_with(a, kit_token(other, "ec/key+1=", kit_claims())));
    authenticator_free(a);
    ck_assert_int_eq(unlink(path), 0);
    teardown();
}
END_TEST

int main(void)
{
    return SUITE_RUN("auth/issuers", key_removed_from_the_set, remembered_tokens_expire_too,
                     clock_set_back_revives_nothing, more_tokens_than_places,
                     settings_that_cannot_be_meant, health_of_a_key_set,
                     two_issuers_keep_apart);
}
