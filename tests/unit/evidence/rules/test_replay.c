/* Idempotency-Keys of calls: one effect, one answer, and only to who may have it. */
#include "gateway/evidence/rules/running.h"
#include "tests/unit/evidence/world.h"

#include <pthread.h>
#include <stdatomic.h>

static const struct buf CALL = {.data = (uint8_t[]){"create"}, .len = 6};
static const struct buf BODY = {.data = (uint8_t[]){"one"}, .len = 3};
static const struct buf OTHER = {.data = (uint8_t[]){"two"}, .len = 3};

/* --- a call as an adapter makes it: a new assessment -------------------------------------- */

static enum err made_answer(void *ctx, struct replay_answer *out)
{
    const struct assessment_record *a = ctx;
    char id[UUID_TEXT_SIZE];
    uuid_format(&a->id, id);
    out->status = 201;
    (void)snprintf(out->location, sizeof(out->location), "/a/%s", id);
    out->body = json_object();
    json_put_text(out->body, "id", id);
    return ERR_OK;
}

struct told {
    bool again;
    int status;
    char location[REPLAY_LOCATION_MAX + 1], id[UUID_TEXT_SIZE];
};

static void tell(const struct replay_answer *a, bool again, struct told *out)
{
    out->again = again;
    out->status = a->status;
    strcpy(out->location, a->location);
    strcpy(out->id, json_string_value(json_object_get(a->body, "id")));
}

static enum err told_again(struct replay *once, struct told *out)
{
    AUTO_CLEAR(replay_answer_clear) struct replay_answer a = {.status = 0};
    AUTO_CLEAR(buf_clear) struct buf receipt;
    buf_init(&receipt, RECEIPT_MAX);
    TRY(replay_again(once, &a, &receipt));
    ck_assert_uint_eq(receipt.len, 0);
    tell(&a, true, out);
    return ERR_OK;
}

static enum err assess(struct world *w, const struct principal *p, const struct uuid *claim,
                       const char *key, const struct buf *body, struct told *out)
{
    AUTO(replay_free) struct replay *once = NULL;
    AUTO_CLEAR(replay_answer_clear) struct replay_answer a = {.status = 0};
    struct assessment_record record = {.channel = "telephone"};
    TRY(replay_begin(w->ev, p, key, &CALL, body, &once));
    if (replay_is_known(once))
        return told_again(once, out);
    replay_keeps(once, made_answer, &record);
    TRY(assessment_create(w->ev, p, claim, once, &record));
    TRY(made_answer(&record, &a));
    tell(&a, false, out);
    return ERR_OK;
}

static size_t assessments(struct world *w, const struct uuid *claim)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct assessment_record *list = calloc(ASSESSMENTS_MAX, sizeof(*list));
    size_t n = 0;
    ok(db_read_begin(w->db, &db));
    ok(assessment_list(db, claim, list, ASSESSMENTS_MAX, &n));
    return n;
}

static void assign(struct world *w, const struct uuid *claim, const char *subject)
{
    struct principal system = registry();
    AUTO_FREE struct claim_draft *d = calloc(1, sizeof(*d));
    AUTO_FREE struct claim_view *v = calloc(1, sizeof(*v));
    d->has_assigned = true;
    strcpy(d->assigned[0], subject);
    d->n_assigned = 1;
    ok(claim_change(w->ev, &system, claim, d, v));
}

START_TEST(the_first_answer_is_given_again)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada");
    struct told first, again;
    ok(assess(&w, &asim, &claim, "key", &BODY, &first));
    ck_assert(!first.again);
    for (int i = 0; i < 3; i++) {
        ok(assess(&w, &asim, &claim, "key", &BODY, &again));
        ck_assert(again.again);
        ck_assert_int_eq(again.status, 201);
        ck_assert_str_eq(again.location, first.location);
        ck_assert_str_eq(again.id, first.id);
    }
    ck_assert_uint_eq(assessments(&w, &claim), 1);
    world_close(&w); /* another process */
    world_open(&w);
    ok(assess(&w, &asim, &claim, "key", &BODY, &again));
    ck_assert(again.again);
    ck_assert_str_eq(again.id, first.id);
    ok(assess(&w, &asim, &claim, "another key", &BODY, &again));
    ck_assert(!again.again);
    ck_assert_uint_eq(assessments(&w, &claim), 2);
    world_end(&w);
}
END_TEST

START_TEST(another_call_under_the_key)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor(), other = someone("aziz", 1u << ROLE_ASSESSOR);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct told told;
    ok(assess(&w, &asim, &claim, "key", &BODY, &told));
    refused(REFUSAL_KEY_REUSED, assess(&w, &asim, &claim, "key", &OTHER, &told));
    assign(&w, &claim, "aziz"); /* somebody else's key is another key */
    ok(assess(&w, &other, &claim, "key", &BODY, &told));
    ck_assert(!told.again);
    ck_assert_uint_eq(assessments(&w, &claim), 2);

    /* a key of an upload is none for a call */
    struct upload_request rq = letter_request(&claim);
    strcpy(rq.idempotency_key, "file");
    ok(world_upload(&w, &ada, &rq, "hello", 5, NULL));
    refused(REFUSAL_KEY_REUSED, assess(&w, &ada, &claim, "file", &BODY, &told));
    world_end(&w);
}
END_TEST

START_TEST(who_may_no_longer_gets_nothing)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada");
    struct told told;
    ok(assess(&w, &asim, &claim, "key", &BODY, &told));
    assign(&w, &claim, "aziz");
    refused(REFUSAL_CLAIM_NOT_FOUND, assess(&w, &asim, &claim, "key", &BODY, &told));
    asim.roles = 1u << ROLE_AUDITOR;
    refused(REFUSAL_NOT_PERMITTED, assess(&w, &asim, &claim, "key", &BODY, &told));
    asim.roles = 1u << ROLE_ASSESSOR;
    assign(&w, &claim, "asim");
    ok(assess(&w, &asim, &claim, "key", &BODY, &told));
    ck_assert(told.again);
    world_end(&w);
}
END_TEST

START_TEST(a_refusal_is_not_kept)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal aziz = someone("aziz", 1u << ROLE_ASSESSOR);
    struct uuid claim = world_claim(&w, "ada");
    struct told told;
    refused(REFUSAL_CLAIM_NOT_FOUND, assess(&w, &aziz, &claim, "key", &BODY, &told));
    assign(&w, &claim, "aziz");
    ok(assess(&w, &aziz, &claim, "key", &BODY, &told));
    ck_assert(!told.again);
    world_end(&w);
}
END_TEST

START_TEST(call_and_payload_do_not_run_together)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada");
    const struct buf call = {.data = (uint8_t[]){"createo"}, .len = 7};
    const struct buf body = {.data = (uint8_t[]){"ne"}, .len = 2}, none = {.data = NULL};
    struct replay *once = NULL;
    struct told told;
    ok(assess(&w, &asim, &claim, "key", &BODY, &told));
    refused(REFUSAL_KEY_REUSED, replay_begin(w.ev, &asim, "key", &call, &body, &once));
    refused(REFUSAL_KEY_REUSED, replay_begin(w.ev, &asim, "key", &CALL, &none, &once));
    refused(REFUSAL_KEY_REUSED, replay_begin(w.ev, &asim, "key", &BODY, &CALL, &once));
    world_end(&w);
}
END_TEST

START_TEST(a_call_that_runs_is_busy)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct replay *running = NULL, *second = NULL;
    ok(replay_begin(w.ev, &asim, "key", &CALL, &BODY, &running));
    refused(REFUSAL_KEY_BUSY, replay_begin(w.ev, &asim, "key", &CALL, &BODY, &second));
    replay_free(running); /* came to nothing */
    ok(replay_begin(w.ev, &asim, "key", &CALL, &BODY, &second));
    ck_assert(!replay_is_known(second));
    replay_free(second);
    world_end(&w);
}
END_TEST

static void short_lived(struct world *w)
{
    w->config.idempotency_ttl_s = 0;
}

START_TEST(a_key_is_forgotten)
{
    struct world w = {.tiny = NULL};
    world_make(&w, short_lived);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada");
    struct told told;
    ok(assess(&w, &asim, &claim, "key", &BODY, &told));
    ok(assess(&w, &asim, &claim, "key", &OTHER, &told));
    ck_assert(!told.again);
    ck_assert_uint_eq(assessments(&w, &claim), 2);
    world_end(&w);
}
END_TEST

/* Durable, but no answer left: the repeat finds what the first made. */
START_TEST(an_answer_that_could_not_be_given)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada");
    struct told told;
    atomic_store(&w.mute, true);
    ck_assert_int_eq(assess(&w, &asim, &claim, "key", &BODY, &told), ERR_UNAVAILABLE);
    size_t made = assessments(&w, &claim);
    atomic_store(&w.mute, false);
    evidence_tick(w.ev);
    ok(assess(&w, &asim, &claim, "key", &BODY, &told));
    ck_assert(told.again == (made == 1));
    ck_assert_uint_eq(assessments(&w, &claim), 1);
    world_end(&w);
}
END_TEST

/* An act whose answer cannot be made or kept has not happened. */
static enum err no_answer(void *ctx, struct replay_answer *out)
{
    (void)ctx, (void)out;
    return err_set(ERR_NOMEM, "no answer");
}

static enum err endless_answer(void *ctx, struct replay_answer *out)
{
    static char text[IDEMPOTENCY_ANSWER_MAX + 1];
    (void)ctx;
    memset(text, 'x', sizeof(text) - 1);
    out->status = 201;
    out->body = json_object();
    json_put_text(out->body, "text", text);
    return ERR_OK;
}

START_TEST(effect_and_answer_are_one)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada");
    enum err (*const bad[])(void *, struct replay_answer *) = {no_answer, endless_answer};
    size_t before = world_entries(&w, "assessment.created", NULL);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct assessment_record a = {.channel = "telephone"};
        struct replay *once = NULL;
        ok(replay_begin(w.ev, &asim, "key", &CALL, &BODY, &once));
        ck_assert(!replay_is_known(once));
        replay_keeps(once, bad[i], &a);
        ck_assert_int_ne(assessment_create(w.ev, &asim, &claim, once, &a), ERR_OK);
        replay_free(once);
    }
    ck_assert_uint_eq(assessments(&w, &claim), 0);
    ck_assert_uint_eq(world_entries(&w, "assessment.created", NULL), before);
    world_end(&w);
}
END_TEST

/* --- a receipt that belongs to the answer ------------------------------------------------- */

struct chosen {
    struct choice_event event;
    struct choice_result result;
};

static enum err chosen_answer(void *ctx, struct replay_answer *out)
{
    const struct chosen *c = ctx;
    out->status = c->result.repeated ? 200 : 201;
    out->receipted = true;
    out->entry = c->event.ledger_index;
    out->body = json_object();
    return ERR_OK;
}

START_TEST(the_receipt_comes_again)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), assessment = world_assessment(&w, &claim);
    struct chosen c = {
        .event = {
            .assessment = assessment, .effective_at = 1, .event_id = "e", .event = "opt_out"}};
    struct replay *once = NULL;
    buf_init(&c.result.receipt, RECEIPT_MAX);
    ok(replay_begin(w.ev, &ada, "key", &CALL, &BODY, &once));
    replay_keeps(once, chosen_answer, &c);
    ok(choice_record(w.ev, &ada, &c.event, once, &c.result));
    replay_free(once);
    (void)world_assessment(&w, &claim); /* the log goes on */

    AUTO_CLEAR(replay_answer_clear) struct replay_answer a = {.status = 0};
    struct buf receipt;
    struct receipt told;
    buf_init(&receipt, RECEIPT_MAX);
    ok(replay_begin(w.ev, &ada, "key", &CALL, &BODY, &once));
    ck_assert(replay_is_known(once));
    ok(replay_again(once, &a, &receipt));
    ck_assert_int_eq(a.status, 201);
    ok(receipt_parse(receipt.data, receipt.len, &told));
    ck_assert_uint_eq(told.index, c.event.ledger_index);
    receipt_clear(&told);
    replay_free(once);
    ada.subject[0] = 'e'; /* not hers: called as the assessment is, not as the claim */
    ok(replay_begin(w.ev, &ada, "key", &CALL, &BODY, &once));
    ck_assert(!replay_is_known(once));
    replay_free(once);
    buf_clear(&receipt);
    buf_clear(&c.result.receipt);
    world_end(&w);
}
END_TEST

/* --- many at once ------------------------------------------------------------------------- */

enum { KEYS = 40, CALLERS = 4 };
struct callers {
    struct world *w;
    struct uuid claim;
    struct told told[CALLERS][KEYS];
    _Atomic unsigned next;
};

static void *call_each_key(void *arg)
{
    struct callers *c = arg;
    unsigned me = atomic_fetch_add(&c->next, 1);
    struct principal asim = assessor();
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        enum err e = ERR_REFUSED;
        (void)snprintf(key, sizeof(key), "key-%d", i);
        while ((e = assess(c->w, &asim, &c->claim, key, &BODY, &c->told[me][i])) != ERR_OK) {
            ck_assert_msg(e == ERR_REFUSED && err_detail(e) == REFUSAL_KEY_BUSY, "%s: %s",
                          err_name(e), err_message(e));
            (void)usleep(200);
        }
    }
    return NULL;
}

START_TEST(the_same_calls_from_several_threads)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct callers *c = calloc(1, sizeof(*c));
    pthread_t threads[CALLERS];
    c->w = &w;
    c->claim = world_claim(&w, "ada");
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_each_key, c), 0);
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < KEYS; i++) {
        size_t first = 0;
        for (int k = 0; k < CALLERS; k++) {
            ck_assert_str_eq(c->told[0][i].id, c->told[k][i].id);
            first += !c->told[k][i].again;
        }
        ck_assert_uint_eq(first, 1);
    }
    ck_assert_uint_eq(assessments(&w, &c->claim), KEYS);
    free(c);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/rules/replay", the_first_answer_is_given_again,
                     another_call_under_the_key, who_may_no_longer_gets_nothing,
                     a_refusal_is_not_kept, call_and_payload_do_not_run_together,
                     a_call_that_runs_is_busy, a_key_is_forgotten,
                     an_answer_that_could_not_be_given, effect_and_answer_are_one,
                     the_receipt_comes_again, the_same_calls_from_several_threads);
}
