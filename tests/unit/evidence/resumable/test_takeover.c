/* One writer at a time: whoever comes newest has the upload, and nothing of what the older one
 * brought is lost. */
#include "tests/unit/evidence/resumable/world.h"

struct attempt {
    struct resumable_writer *writer;
    struct sent sent;
};

static void attempt_open(struct world *w, const struct principal *p, const struct uuid *id,
                         uint64_t at, struct attempt *a)
{
    struct resumable_piece piece = {.offset = at, .length = -1};
    *a = (struct attempt){.writer = NULL};
    ok(resumable_open(w->ev, p, id, &piece, &a->sent.view, &a->writer));
}

static enum err attempt_close(struct attempt *a)
{
    enum err e =
        resumable_close(a->writer, RESUMABLE_BY_LENGTH, &a->sent.view, &a->sent.result);
    sent_end(&a->sent, e);
    resumable_free(a->writer);
    return e;
}

START_TEST(who_asks_takes_over)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 400000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct attempt old, new;
    struct evidence_stats stats;
    attempt_open(&w, &ada, &id, 0, &old);
    ok(text_write(old.writer, 0, 150000));
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 150000);
    evidence_stats(w.ev, &stats);
    ck_assert_uint_eq(stats.uploads_now, 0); /* its share and buffers are given back */
    refused(REFUSAL_UPLOAD_LOCKED, text_write(old.writer, 150000, 150001));
    attempt_open(&w, &ada, &id, 150000, &new);
    refused(REFUSAL_UPLOAD_LOCKED, text_write(old.writer, 150000, 150001));
    ok(text_write(new.writer, 150000, 300000));
    refused(REFUSAL_UPLOAD_LOCKED, attempt_close(&old)); /* and freed: the newer one stays */
    ck_assert_uint_eq(old.sent.view.record.offset, 150000);
    ok(text_write(new.writer, 300000, 400000));
    ok(attempt_close(&new));
    ck_became_evidence(&w, &ada, &new.sent, 400000);
    world_end(&w);
}
END_TEST

START_TEST(who_only_looks_disturbs_nobody)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), eve = claimant("eve");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 400000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_view view;
    struct attempt a;
    attempt_open(&w, &ada, &id, 0, &a);
    ok(text_write(a.writer, 0, 150000));
    ok(resumable_look(w.ev, &ada, &id, &view));
    ck_assert_uint_eq(view.record.offset, 0); /* not at rest yet */
    refused(REFUSAL_NOT_FOUND, resumable_look(w.ev, &eve, &id, &view));
    ok(text_write(a.writer, 150000, 400000));
    ok(attempt_close(&a));
    ck_became_evidence(&w, &ada, &a.sent, 400000);
    ok(resumable_look(w.ev, &ada, &id, &view));
    ck_assert_int_eq(view.record.state, UPLOAD_FINISHED);
    world_end(&w);
}
END_TEST

START_TEST(who_opens_takes_over)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 400000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct attempt old, new;
    struct resumable_view view;
    struct resumable_writer *none = NULL;
    struct resumable_piece piece = {.offset = 1, .length = -1};
    attempt_open(&w, &ada, &id, 0, &old);
    ok(text_write(old.writer, 0, 65537));
    refused(REFUSAL_OFFSET_MISMATCH, resumable_open(w.ev, &ada, &id, &piece, &view, &none));
    ck_assert_uint_eq(view.record.offset, 65537); /* wrong, but newer */
    refused(REFUSAL_UPLOAD_LOCKED, text_write(old.writer, 65537, 65538));
    attempt_open(&w, &ada, &id, 65537, &new);
    resumable_free(old.writer);
    ok(text_write(new.writer, 65537, 100000));
    old = new;
    attempt_open(&w, &ada, &id, 100000, &new); /* guessed right */
    refused(REFUSAL_UPLOAD_LOCKED, text_write(old.writer, 100000, 100001));
    ok(text_write(new.writer, 100000, 400000));
    resumable_free(old.writer);
    ok(attempt_close(&new));
    ck_became_evidence(&w, &ada, &new.sent, 400000);
    world_end(&w);
}
END_TEST

START_TEST(a_writer_that_was_refused_is_no_hindrance)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 100000);
    strcpy(rq.upload.media_type, "application/pdf");
    struct uuid id = session_begin(&w, &ada, &rq);
    struct attempt old;
    struct resumable_view view;
    attempt_open(&w, &ada, &id, 0, &old);
    refused(REFUSAL_TYPE_NOT_ALLOWED, text_write(old.writer, 0, 90000));
    refused(REFUSAL_TYPE_NOT_ALLOWED, text_write(old.writer, 0, 1));      /* for good */
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view)); /* who asks ends it */
    refused(REFUSAL_UPLOAD_LOCKED, attempt_close(&old));
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

/* --- many at once ------------------------------------------------------------------------- */

enum { CROWD = 4 };
static const uint64_t CROWD_SIZE = 3000000;

struct crowd {
    struct world *w;
    struct principal p;
    struct uuid id;
    _Atomic unsigned finished, overtaken;
};

static unsigned chance(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

/* Everything but a loss is allowed to one who competes. */
static void ck_competes(enum err e, struct crowd *c)
{
    enum refusal why = (enum refusal)err_detail(e);
    bool fair =
        e == ERR_OK ||
        (e == ERR_REFUSED && (why == REFUSAL_UPLOAD_LOCKED || why == REFUSAL_OFFSET_MISMATCH));
    ck_assert_msg(fair, "%s: %s", err_name(e), err_message(e));
    c->overtaken += e == ERR_REFUSED;
}

static bool compete_once(struct crowd *c, unsigned *seed)
{
    struct attempt a = {.writer = NULL};
    struct resumable_piece piece = {.length = -1};
    enum err e = resumable_find(c->w->ev, &c->p, &c->id, &a.sent.view);
    ck_competes(e, c);
    bool finished = e == ERR_OK && a.sent.view.record.state == UPLOAD_FINISHED;
    if (e != ERR_OK || finished)
        return finished;
    piece.offset = a.sent.view.record.offset;
    e = resumable_open(c->w->ev, &c->p, &c->id, &piece, &a.sent.view, &a.writer);
    ck_competes(e, c);
    if (e != ERR_OK)
        return false;
    uint64_t end = piece.offset + chance(seed, 400000);
    e = text_write(a.writer, piece.offset, end < CROWD_SIZE ? end : CROWD_SIZE);
    ck_competes(e, c);
    if (e != ERR_OK || chance(seed, 3) == 0) {
        resumable_free(a.writer);
        return false;
    }
    ck_competes(attempt_close(&a), c);
    return false;
}

static void *compete(void *arg)
{
    struct crowd *c = arg;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    while (!compete_once(c, &seed)) {
    }
    c->finished++;
    return NULL;
}

static void roomy(struct world *w)
{
    w->config.uploads = 64;
}

START_TEST(a_crowd_of_writers_brings_it_in_once)
{
    struct world w = {.tiny = NULL};
    world_make(&w, roomy);
    struct crowd c = {.w = &w, .p = claimant("ada")};
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, (int64_t)CROWD_SIZE);
    c.id = session_begin(&w, &c.p, &rq);
    pthread_t threads[CROWD];
    for (size_t i = 0; i < CROWD; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compete, &c), 0);
    for (size_t i = 0; i < CROWD; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(c.finished, CROWD);
    ck_became_evidence(&w, &c.p,
                       session_send(&w, &c.p, &c.id, CROWD_SIZE, CROWD_SIZE, RESUMABLE_LAST),
                       CROWD_SIZE);
    ck_assert_uint_eq(world_entries(&w, "upload.committed", NULL), 1);
    ck_assert_uint_eq(world_blobs(&w), 1);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

struct waiting {
    struct resumable_table *table;
    struct uuid id;
    enum err e;
    int detail;
};

static void *wait_for_it(void *arg)
{
    struct waiting *me = arg;
    struct held *h = NULL;
    uint64_t arrival;
    me->e = held_take(me->table, &me->id, &h, &arrival);
    me->detail = me->e == ERR_OK ? 0 : err_detail(me->e);
    if (me->e == ERR_OK)
        held_leave(me->table, h);
    return NULL;
}

/* The first has it all the while; of those that wait for it only the newest goes on waiting. */
START_TEST(only_the_newest_waits)
{
    enum { WAITING = 4 };
    struct waiting all[WAITING];
    pthread_t threads[WAITING];
    struct resumable_table *table = NULL;
    struct held *h = NULL;
    uint64_t first;
    struct uuid id = uuid_new();
    ok(resumable_table_new(4, &table));
    ok(held_take(table, &id, &h, &first));
    for (size_t i = 0; i < WAITING; i++) {
        all[i] = (struct waiting){.table = table, .id = id};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_it, &all[i]), 0);
        while (atomic_load(&h->arrivals) < first + i + 1)
            (void)usleep(1000);
    }
    for (size_t i = 0; i + 1 < WAITING; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(all[i].e, ERR_REFUSED);
        ck_assert_int_eq(all[i].detail, REFUSAL_UPLOAD_LOCKED);
    }
    held_leave(table, h);
    ck_assert_int_eq(pthread_join(threads[WAITING - 1], NULL), 0);
    ck_assert_int_eq(all[WAITING - 1].e, ERR_OK);
    resumable_table_free(table);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/resumable/takeover", who_asks_takes_over,
                     who_only_looks_disturbs_nobody, who_opens_takes_over,
                     a_writer_that_was_refused_is_no_hindrance,
                     a_crowd_of_writers_brings_it_in_once, only_the_newest_waits);
}
