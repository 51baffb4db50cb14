/* The table of read sessions: one session for who asks the same thing, nobody takes up all of
 * it, and a key is gone with its session. */
#include "gateway/evidence/reading/session.h"
#include "tests/unit/storage/scratch.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ROOM = 8, PART = ROOM / SESSION_PARTS };

struct table {
    struct key_slab *keys;
    struct session_table *t;
};

static struct table table_make(void)
{
    struct table x = {.keys = NULL};
    ok(crypto_init());
    secrets_allow_unlocked(true);
    ok(key_slab_new(ROOM, &x.keys));
    ok(session_table_new(ROOM, x.keys, &x.t));
    return x;
}

static void table_end(struct table *x)
{
    session_table_free(x->t);
    key_slab_free(x->keys);
}

static struct person person(const char *subject)
{
    struct person p = {.issuer = "https://login.test"};
    (void)snprintf(p.subject, sizeof(p.subject), "%s", subject);
    return p;
}

/* Opened and held, or NULL when there is no room. */
static struct session *open_one(struct table *x, const char *subject, const struct uuid *id,
                                int64_t expires_ms)
{
    struct person who = person(subject);
    struct session *s = NULL;
    bool fresh = false;
    enum err e = session_hold(x->t, &who, ROLE_CLAIMANT, id, PURPOSE_OWN, 0, &s, &fresh);
    if (e == ERR_BUSY)
        return NULL;
    ok(e);
    ck_assert(fresh);
    ok(key_slab_take(x->keys, &s->key));
    memset(s->key, 0xa5, 32);
    s->expires_ms = expires_ms;
    session_opened(x->t, s, ERR_OK);
    return s;
}

static size_t collect(struct table *x, int64_t now_ms, bool all)
{
    struct session out[ROOM];
    return session_collect(x->t, now_ms, all, out, ROOM);
}

START_TEST(the_same_question_has_one_session)
{
    struct table x = table_make();
    struct uuid id = uuid_new(), other = uuid_new();
    struct person ada = person("ada"), bob = person("bob"), alien = person("ada");
    struct session *s = open_one(&x, "ada", &id, 100), *again = NULL;
    bool fresh = true;
    strcpy(alien.issuer, "https://other.test");
    ok(session_hold(x.t, &ada, ROLE_CLAIMANT, &id, PURPOSE_OWN, 99, &again, &fresh));
    ck_assert(!fresh && again == s);
    session_let_go(x.t, again);
    const struct {
        const struct person *who;
        enum role role;
        const struct uuid *id;
        enum purpose purpose;
        int64_t now_ms;
    } OTHERS[] = {
        {&bob, ROLE_CLAIMANT, &id, PURPOSE_OWN, 99},
        {&alien, ROLE_CLAIMANT, &id, PURPOSE_OWN, 99},
        {&ada, ROLE_CASE_MANAGER, &id, PURPOSE_OWN, 99}, /* the entry names the role */
        {&ada, ROLE_CLAIMANT, &other, PURPOSE_OWN, 99},
        {&ada, ROLE_CLAIMANT, &id, PURPOSE_DECISION, 99},
        {&ada, ROLE_CLAIMANT, &id, PURPOSE_OWN, 100}, /* expired */
    };
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        ok(session_hold(x.t, OTHERS[i].who, OTHERS[i].role, OTHERS[i].id, OTHERS[i].purpose,
                        OTHERS[i].now_ms, &again, &fresh));
        ck_assert_msg(fresh, "case %zu", i);
        session_opened(x.t, again, err_set(ERR_BUSY, "no"));
    }
    session_let_go(x.t, s);
    ck_assert_uint_eq(session_count(x.t), 1);
    ck_assert_uint_eq(collect(&x, 100, false), 1);
    table_end(&x);
}
END_TEST

/* One of a bundle is nobody else's, and ends when it is let go. */
START_TEST(a_bundles_session_is_its_own)
{
    struct table x = table_make();
    struct uuid id = uuid_new(), bundle = uuid_new();
    struct person ada = person("ada");
    struct session *plain = open_one(&x, "ada", &id, 100), *mine = NULL, *again = NULL;
    bool fresh = true;
    ok(session_hold_bundled(x.t, &ada, ROLE_CLAIMANT, &id, PURPOSE_OWN, &bundle, &mine));
    ck_assert(mine != plain && uuid_equal(&mine->bundle, &bundle));
    ok(key_slab_take(x.keys, &mine->key));
    mine->expires_ms = 100;
    session_opened(x.t, mine, ERR_OK);
    ok(session_hold(x.t, &ada, ROLE_CLAIMANT, &id, PURPOSE_OWN, 50, &again, &fresh));
    ck_assert(!fresh && again == plain);
    session_let_go(x.t, again);
    session_let_go(x.t, plain);
    ck_assert_uint_eq(collect(&x, 50, false), 0);
    session_let_go(x.t, mine);
    ck_assert_uint_eq(collect(&x, 50, false), 1);
    ck_assert_uint_eq(collect(&x, 100, false), 1);
    table_end(&x);
}
END_TEST

START_TEST(what_ended_is_collected_once_nobody_holds_it)
{
    struct table x = table_make();
    struct uuid ids[2] = {uuid_new(), uuid_new()};
    struct session *a = open_one(&x, "ada", &ids[0], 100), *b = open_one(&x, "bob", &ids[1], 9);
    struct session out[ROOM];
    atomic_fetch_add(&a->served, 7);
    ck_assert_uint_eq(collect(&x, 1000, true), 0);
    session_let_go(x.t, a);
    session_let_go(x.t, b);
    ck_assert_uint_eq(collect(&x, 8, false), 0);
    ck_assert_uint_eq(collect(&x, 9, false), 1);
    ck_assert_uint_eq(session_collect(x.t, 0, true, out, ROOM), 1);
    ck_assert(uuid_equal(&out[0].record.artefact, &ids[0]));
    ck_assert_uint_eq(atomic_load(&out[0].served), 7);
    ck_assert_ptr_null(out[0].key);
    /* the slots are free again, wiped */
    uint8_t *slots[ROOM];
    static const uint8_t zeros[32];
    for (size_t i = 0; i < ROOM; i++) {
        ok(key_slab_take(x.keys, &slots[i]));
        ck_assert_mem_eq(slots[i], zeros, sizeof(zeros));
    }
    for (size_t i = 0; i < ROOM; i++)
        key_slab_give(x.keys, slots[i]);
    table_end(&x);
}
END_TEST

/* One person with many artefacts used to fill the table for everybody. */
START_TEST(nobody_has_more_than_a_part)
{
    struct table x = table_make();
    struct uuid ids[ROOM];
    struct session *held[PART];
    struct session out[ROOM];
    struct person ada = person("ada");
    for (size_t i = 0; i < PART; i++) {
        ids[i] = uuid_new();
        held[i] = open_one(&x, "ada", &ids[i], 100);
        ck_assert_ptr_nonnull(held[i]);
    }
    struct uuid more = uuid_new();
    ck_assert_ptr_null(open_one(&x, "ada", &more, 100));
    ck_assert_uint_eq(session_evict(x.t, &ada, out, ROOM), 0); /* held */
    struct session *bobs = open_one(&x, "bob", &more, 100);
    ck_assert_ptr_nonnull(bobs);
    session_let_go(x.t, bobs);
    session_let_go(x.t, held[1]);
    session_let_go(x.t, held[0]);
    ck_assert_uint_eq(session_evict(x.t, &ada, out, ROOM), 1);
    ck_assert(uuid_equal(&out[0].record.artefact, &ids[1])); /* her own, let go first */
    struct session *next = open_one(&x, "ada", &more, 100);
    ck_assert_ptr_nonnull(next);
    session_let_go(x.t, next);
    ck_assert_uint_eq(collect(&x, 0, true), 3);
    table_end(&x);
}
END_TEST

START_TEST(a_full_table_gives_up_what_is_idle_longest)
{
    struct table x = table_make();
    struct uuid ids[ROOM], more = uuid_new();
    struct session *s[ROOM], out[ROOM];
    struct person zoe = person("zoe");
    for (size_t i = 0; i < ROOM; i++) {
        char name[] = "p0";
        name[1] = (char)('0' + i / PART);
        ids[i] = uuid_new();
        s[i] = open_one(&x, name, &ids[i], 100);
        ck_assert_ptr_nonnull(s[i]);
    }
    ck_assert_ptr_null(open_one(&x, "zoe", &more, 100));
    for (size_t i = ROOM; i-- > 0;)
        session_let_go(x.t, s[i]);
    ck_assert_uint_eq(session_evict(x.t, &zoe, out, ROOM), 1); /* an eighth */
    ck_assert(uuid_equal(&out[0].record.artefact, &ids[ROOM - 1]));
    s[0] = open_one(&x, "zoe", &more, 100);
    ck_assert_ptr_nonnull(s[0]);
    session_let_go(x.t, s[0]);
    ck_assert_uint_eq(collect(&x, 0, true), ROOM);
    table_end(&x);
}
END_TEST

struct waiter {
    struct table *x;
    struct uuid id;
    _Atomic int waiting;
    enum err outcome[3];
    _Atomic size_t n;
};

static void *wait_for_it(void *arg)
{
    struct waiter *w = arg;
    struct person ada = person("ada");
    struct session *s = NULL;
    bool fresh = false;
    atomic_fetch_add(&w->waiting, 1);
    enum err e = session_hold(w->x->t, &ada, ROLE_CLAIMANT, &w->id, PURPOSE_OWN, 0, &s, &fresh);
    if (e == ERR_OK)
        session_let_go(w->x->t, s);
    w->outcome[atomic_fetch_add(&w->n, 1)] = e;
    return NULL;
}

/* Who comes while it is being opened gets what came of it. */
static void open_with_waiters(enum err outcome)
{
    struct table x = table_make();
    struct waiter w = {.x = &x, .id = uuid_new()};
    struct person ada = person("ada");
    struct session *s = NULL;
    pthread_t threads[3];
    bool fresh = false;
    ok(session_hold(x.t, &ada, ROLE_CLAIMANT, &w.id, PURPOSE_OWN, 0, &s, &fresh));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_it, &w), 0);
    while (atomic_load(&w.waiting) < 3)
        (void)usleep(1000);
    (void)usleep(20000); /* most of them sleep by now; those that do not fare no worse */
    ok(key_slab_take(x.keys, &s->key));
    s->expires_ms = 100;
    session_opened(x.t, s, outcome == ERR_OK ? ERR_OK : err_set(outcome, "the keeper is gone"));
    if (outcome == ERR_OK)
        session_let_go(x.t, s);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(w.outcome[i], outcome);
    ck_assert_uint_eq(session_count(x.t), outcome == ERR_OK);
    table_end(&x);
}

START_TEST(those_who_wait_share_what_comes_of_it)
{
    open_with_waiters(ERR_OK);
    open_with_waiters(ERR_UNAVAILABLE);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/reading/session", the_same_question_has_one_session,
                     a_bundles_session_is_its_own, what_ended_is_collected_once_nobody_holds_it,
                     nobody_has_more_than_a_part, a_full_table_gives_up_what_is_idle_longest,
                     those_who_wait_share_what_comes_of_it);
}
