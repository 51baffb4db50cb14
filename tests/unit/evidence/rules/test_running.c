/* Idempotency keys that are running, and everybody's share of what runs at once. */
#include "gateway/evidence/rules/refusal.h"
#include "gateway/evidence/rules/running.h"
#include "gateway/evidence/rules/share.h"
#include "tests/unit/storage/scratch.h"

#include <pthread.h>
#include <stdatomic.h>

static struct principal someone(const char *issuer, const char *subject)
{
    struct principal p = {.roles = 1};
    strcpy(p.issuer, issuer);
    strcpy(p.subject, subject);
    return p;
}

static void refused_as(enum refusal wanted, enum err e)
{
    ck_assert_int_eq(e, ERR_REFUSED);
    ck_assert_int_eq(err_detail(e), (int)wanted);
}

START_TEST(a_key_runs_once_for_one_client)
{
    struct running_keys *r = NULL;
    struct running_ticket t[5], none;
    struct principal ada = someone("i", "ada"), bob = someone("i", "bob");
    struct principal trick = someone("i", "adak"), alien = someone("j", "ada");
    ok(running_new(4, &r));
    ok(running_take(r, &ada, "k", &t[0]));
    refused_as(REFUSAL_KEY_BUSY, running_take(r, &ada, "k", &none));
    ok(running_take(r, &bob, "k", &t[1]));
    ok(running_take(r, &trick, "", &t[2])); /* names and keys do not run together */
    ok(running_take(r, &alien, "k", &t[3]));
    ck_assert_int_eq(running_take(r, &ada, "k2", &none), ERR_BUSY);
    running_give(r, &t[0]);
    ok(running_take(r, &ada, "k", &t[0]));
    for (size_t i = 0; i < 4; i++)
        running_give(r, &t[i]);
    for (size_t i = 0; i < 4; i++) {
        char key[] = "x0";
        key[1] = (char)('0' + i);
        ok(running_take(r, &ada, key, &t[i]));
    }
    running_free(r);
    running_free(NULL);
}
END_TEST

struct race {
    struct running_keys *r;
    _Atomic int inside, most, taken;
};

static void *take_and_give(void *arg)
{
    struct race *race = arg;
    struct principal ada = someone("i", "ada");
    struct running_ticket t;
    for (int i = 0; i < 20000; i++) {
        if (running_take(race->r, &ada, "k", &t) != ERR_OK)
            continue;
        int now = atomic_fetch_add(&race->inside, 1) + 1;
        if (now > atomic_load(&race->most))
            atomic_store(&race->most, now);
        atomic_fetch_add(&race->taken, 1);
        atomic_fetch_sub(&race->inside, 1);
        running_give(race->r, &t);
    }
    return NULL;
}

START_TEST(two_threads_never_have_the_same_key)
{
    struct race race = {.r = NULL};
    pthread_t threads[4];
    ok(running_new(8, &race.r));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, &race), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(atomic_load(&race.most), 1);
    ck_assert_int_gt(atomic_load(&race.taken), 0);
    running_free(race.r);
}
END_TEST

START_TEST(nobody_takes_more_than_their_share)
{
    struct share *s = NULL;
    struct share_ticket t[8], none;
    struct principal people[] = {someone("i", "a"), someone("i", "b"), someone("j", "a"),
                                 someone("j", "b"), someone("k", "c")};
    ok(share_new(8, &s));
    for (size_t i = 0; i < 8; i++)
        ok(share_take(s, &people[i / 2], &t[i]));
    refused_as(REFUSAL_QUOTA_EXCEEDED, share_take(s, &people[0], &none));
    ck_assert_int_eq(share_take(s, &people[4], &none), ERR_BUSY);
    share_give(s, &t[7]);
    refused_as(REFUSAL_QUOTA_EXCEEDED, share_take(s, &people[0], &none));
    ok(share_take(s, &people[4], &t[7]));
    for (size_t i = 0; i < 8; i++)
        share_give(s, &t[i]);
    ok(share_take(s, &people[0], &t[0]));
    share_give(s, &t[0]);
    share_free(s);
    share_free(NULL);
}
END_TEST

START_TEST(a_share_is_one_at_least)
{
    struct share *s = NULL;
    struct share_ticket t, none;
    struct principal ada = someone("i", "ada"), bob = someone("i", "bob");
    ok(share_new(1, &s));
    ok(share_take(s, &ada, &t));
    ck_assert_int_eq(share_take(s, &bob, &none), ERR_BUSY);
    share_give(s, &t);
    share_free(s);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/rules/running", a_key_runs_once_for_one_client,
                     two_threads_never_have_the_same_key, nobody_takes_more_than_their_share,
                     a_share_is_one_at_least);
}
