/* The same file again: stored once, receipted each time, and only told to who may see it. */
#include "crypto/receipt.h"
#include "gateway/evidence/intake/duplicate.h"
#include "tests/unit/evidence/world.h"

#include <pthread.h>
#include <stdatomic.h>

struct scene {
    struct world w;
    struct principal ada, carl, morgan, doc;
    struct uuid claim, other;
};

static struct scene *scene_make(void (*adapt)(struct world *w))
{
    struct scene *s = calloc(1, sizeof(*s));
    world_make(&s->w, adapt);
    const struct party_record carer = party("carl", "representative", "carer");
    s->ada = claimant("ada");
    s->carl = someone("carl", 1u << ROLE_REPRESENTATIVE);
    s->morgan = manager();
    s->doc = doctor();
    s->claim = world_claim_with(&s->w, "ada", &carer, 1);
    s->other = world_claim(&s->w, "ada");
    return s;
}

static void scene_end(struct scene *s)
{
    world_end(&s->w);
    free(s);
}

static struct upload_result sent(struct scene *s, const struct principal *p,
                                 const struct upload_request *rq, const char *text)
{
    struct upload_result r;
    ok(world_upload(&s->w, p, rq, text, strlen(text), &r));
    return r;
}

START_TEST(it_is_stored_once_and_receipted_each_time)
{
    struct scene *s = scene_make(NULL);
    struct upload_request rq = letter_request(&s->claim);
    struct upload_result first = sent(s, &s->ada, &rq, "hello");
    ck_assert(!first.duplicate);

    struct upload *u = NULL;
    struct upload_result again;
    strcpy(rq.filename, "renamed.txt");
    ok(upload_begin(s->w.ev, &s->ada, &rq, &u));
    ok(upload_write(u, "hello", 5));
    ok(upload_finish(u, &again));
    upload_free(u);
    ck_assert(again.duplicate && !again.repeated && !again.others);
    ck_assert(uuid_equal(&again.artefact.id, &first.artefact.id));
    ck_assert_str_eq(again.artefact.filename, "letter.txt");
    ck_assert_int_eq(again.linked_at, first.artefact.received_at);

    struct receipt r;
    char id[UUID_TEXT_SIZE];
    uuid_format(&first.artefact.id, id);
    ok(receipt_parse(buf_text(&again.receipt), again.receipt.len, &r));
    ck_assert_ptr_nonnull(strstr(r.details, "\"upload.duplicate\""));
    ck_assert_ptr_nonnull(strstr(r.details, id));
    ck_assert_ptr_nonnull(strstr(r.details, "2cf24dba5fb0a30e"));
    ck_assert_uint_ne(r.index, first.artefact.ledger_index);
    receipt_clear(&r);
    buf_clear(&again.receipt);

    ck_assert_uint_eq(world_blobs(&s->w), 1);
    ck_assert_uint_eq(world_entries(&s->w, "upload.committed", NULL), 1);
    ck_assert_uint_eq(world_entries(&s->w, "upload.duplicate", NULL), 1);
    uint8_t out[8];
    size_t n = 0;
    ok(world_read(&s->w, &s->ada, &first.artefact.id, PURPOSE_NONE, out, sizeof(out), &n));
    ck_assert_mem_eq(out, "hello", 5);
    scene_end(s);
}
END_TEST

START_TEST(something_else_is_new)
{
    struct scene *s = scene_make(NULL);
    struct uuid assessment = world_assessment(&s->w, &s->claim);
    struct upload_request rq = letter_request(&s->claim), differs[4] = {rq, rq, rq, rq};
    (void)sent(s, &s->ada, &rq, "hello");
    ck_assert(!sent(s, &s->ada, &rq, "hellO").duplicate);
    strcpy(differs[0].kind, "carer_statement");
    differs[1].claim = s->other;
    differs[2].has_assessment = true;
    differs[2].assessment = assessment;
    differs[3].recording_started_at = 1;
    differs[3].recording_stopped_at = 2;
    for (size_t i = 0; i < ARRAY_LEN(differs); i++)
        ck_assert(!sent(s, &s->ada, &differs[i], "hello").duplicate);
    ck_assert_uint_eq(world_blobs(&s->w), 6);
    for (size_t i = 0; i < ARRAY_LEN(differs); i++)
        ck_assert(sent(s, &s->ada, &differs[i], "hello").duplicate);
    ck_assert_uint_eq(world_blobs(&s->w), 6);
    scene_end(s);
}
END_TEST

START_TEST(a_recording_of_the_same_minutes)
{
    struct scene *s = scene_make(NULL);
    struct principal asim = assessor();
    struct uuid assessment = world_assessment(&s->w, &s->claim);
    int64_t now = clock_now(), minute = 60 * MICROS_PER_SECOND;
    struct upload_request rq =
        audio_request(&s->claim, &assessment, now - 9 * minute, now - 5 * minute);
    struct upload_result r;
    ok(world_upload(&s->w, &asim, &rq, WAV, sizeof(WAV), &r));
    ck_assert(!r.duplicate);
    ok(world_upload(&s->w, &asim, &rq, WAV, sizeof(WAV), &r));
    ck_assert(r.duplicate);
    rq.recording_stopped_at++;
    ok(world_upload(&s->w, &asim, &rq, WAV, sizeof(WAV), &r));
    ck_assert(!r.duplicate);
    struct choice_result choice; /* the choice is asked before */
    ok(world_choose(&s->w, &s->ada, &assessment, "opt_out", now, &choice));
    refused(REFUSAL_RECORDING_OPTED_OUT, world_upload(&s->w, &asim, &rq, WAV, sizeof(WAV), &r));
    scene_end(s);
}
END_TEST

/* --- what it must not tell ---------------------------------------------------------------- */

START_TEST(somebody_elses_that_may_be_seen)
{
    struct scene *s = scene_make(NULL);
    struct upload_request rq = letter_request(&s->claim);
    struct upload_result first = sent(s, &s->carl, &rq, "hello");
    struct upload_result again = sent(s, &s->ada, &rq, "hello");
    ck_assert(again.duplicate && again.others);
    ck_assert(uuid_equal(&again.artefact.id, &first.artefact.id));
    ck_assert(sent(s, &s->morgan, &rq, "hello").duplicate);
    /* its receipt is her own, and names nobody else */
    ck_assert_uint_eq(world_entries(&s->w, "upload.duplicate", "#ada\""), 1);
    scene_end(s);
}
END_TEST

START_TEST(what_the_sender_may_not_see_is_no_duplicate)
{
    struct scene *s = scene_make(NULL);
    struct principal other_doc = someone("dr-green", 1u << ROLE_HEALTH_PROFESSIONAL);
    struct upload_request rq = letter_request(&s->claim), sr1 = rq;
    strcpy(sr1.kind, "medical_report");
    (void)sent(s, &s->ada, &rq, "hello");
    /* a doctor sees only what they sent themselves */
    ck_assert(!sent(s, &s->doc, &rq, "hello").duplicate);
    ck_assert(sent(s, &s->doc, &rq, "hello").duplicate);
    (void)sent(s, &s->doc, &sr1, PDF);
    ck_assert(!sent(s, &other_doc, &sr1, PDF).duplicate);
    ck_assert(sent(s, &s->doc, &sr1, PDF).duplicate);
    ck_assert(sent(s, &other_doc, &sr1, PDF).duplicate);
    scene_end(s);
}
END_TEST

/* The harm rule: even for one of the very kind that the claimant sends. */
static void letters_harm(struct world *w)
{
    struct kind *k = NULL;
    for (size_t i = 0; i < w->kinds.n; i++) {
        if (strcmp(w->kinds.rows[i].name, "further_evidence") == 0)
            k = &w->kinds.rows[i];
    }
    ck_assert_ptr_nonnull(k);
    k->harmful = true;
}

START_TEST(what_is_harmful_is_no_duplicate)
{
    struct scene *s = scene_make(letters_harm);
    struct upload_request rq = letter_request(&s->claim);
    (void)sent(s, &s->morgan, &rq, "hello");
    ck_assert(!sent(s, &s->ada, &rq, "hello").duplicate);
    ck_assert(!sent(s, &s->ada, &rq, "hello").duplicate); /* hidden, though her own */
    ck_assert(!sent(s, &s->carl, &rq, "hello").duplicate);
    ck_assert(sent(s, &s->morgan, &rq, "hello").duplicate);
    scene_end(s);
}
END_TEST

struct status_act {
    struct uuid id;
    enum artefact_status to;
};

static enum err status_apply(struct commit_tx *tx, void *ctx)
{
    struct status_act *act = ctx;
    struct artefact_record a;
    TRY(artefact_find(commit_db(tx), &act->id, &a));
    return artefact_status_change(commit_db(tx), &act->id, a.status, act->to, "test");
}

static void change(struct scene *s, const struct uuid *id, enum artefact_status to)
{
    struct status_act act = {.id = *id, .to = to};
    ok(evidence_commit(s->w.ev, status_apply, &act, NULL));
}

START_TEST(what_does_not_stand_is_no_duplicate)
{
    static const struct {
        enum artefact_status status;
        bool stands;
    } CASES[] = {
        {ARTEFACT_RECEIVING, false},  {ARTEFACT_QUARANTINED, true},
        {ARTEFACT_AVAILABLE, true},   {ARTEFACT_COULD_NOT_SCAN, false},
        {ARTEFACT_RESTRICTED, false}, {ARTEFACT_REFUSED, false},
        {ARTEFACT_DISPOSED, false},
    };
    _Static_assert(ARRAY_LEN(CASES) == ARTEFACT_STATUS_COUNT, "each status");
    struct scene *s = scene_make(NULL);
    struct upload_request rq = letter_request(&s->claim);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "file %zu", i);
        struct upload_result first = sent(s, &s->ada, &rq, text);
        change(s, &first.artefact.id, CASES[i].status);
        ck_assert_msg(sent(s, &s->morgan, &rq, text).duplicate == CASES[i].stands, "%s",
                      artefact_status_name(CASES[i].status));
    }
    scene_end(s);
}
END_TEST

START_TEST(moved_ones_count_where_they_stand)
{
    struct scene *s = scene_make(NULL);
    struct uuid bobs = world_claim(&s->w, "bob");
    struct principal bob = claimant("bob");
    struct upload_request rq = letter_request(&s->claim), his = letter_request(&bobs);
    struct artefact_view *v = calloc(1, sizeof(*v));
    struct upload_result first = sent(s, &s->ada, &rq, "for bob");
    ok(artefact_link(s->w.ev, &s->morgan, &first.artefact.id, &bobs, "bob's", NULL, v));
    ok(artefact_unlink(s->w.ev, &s->morgan, &first.artefact.id, &s->claim, "not theirs"));
    struct upload_result again = sent(s, &bob, &his, "for bob");
    ck_assert(again.duplicate && again.others);
    ck_assert(uuid_equal(&again.artefact.claim, &bobs)); /* not whose it was taken for */
    ck_assert_int_gt(again.linked_at, first.artefact.received_at);
    ck_assert(!sent(s, &s->ada, &rq, "for bob").duplicate); /* there it stands no more */
    free(v);
    scene_end(s);
}
END_TEST

/* --- with a key --------------------------------------------------------------------------- */

START_TEST(a_key_remembers_that_it_was_one)
{
    struct scene *s = scene_make(NULL);
    struct upload_request rq = letter_request(&s->claim);
    struct upload_result first = sent(s, &s->carl, &rq, "hello"), once, again;
    strcpy(rq.idempotency_key, "key");
    once = sent(s, &s->ada, &rq, "hello");
    ck_assert(once.duplicate && !once.repeated);
    again = sent(s, &s->ada, &rq, "hello");
    ck_assert(again.duplicate && again.repeated && again.others);
    ck_assert(uuid_equal(&again.artefact.id, &first.artefact.id));
    ck_assert_uint_eq(again.artefact.ledger_index, once.artefact.ledger_index);
    ck_assert_uint_eq(world_entries(&s->w, "upload.duplicate", NULL), 1);
    change(s, &first.artefact.id, ARTEFACT_REFUSED); /* not hers to see any more */
    refused(REFUSAL_NOT_FOUND,
            world_upload(&s->w, &s->ada, &rq, "hello", strlen("hello"), NULL));
    scene_end(s);
}
END_TEST

/* --- at once ------------------------------------------------------------------------------ */

enum { RACERS = 4, FILES = 30 };
struct race {
    struct scene *s;
    _Atomic unsigned fresh;
    struct uuid ids[RACERS][FILES];
    _Atomic unsigned next;
};

static void *send_each(void *arg)
{
    struct race *race = arg;
    unsigned me = atomic_fetch_add(&race->next, 1);
    const struct principal *p = me % 2 ? &race->s->ada : &race->s->carl;
    struct upload_request rq = letter_request(&race->s->claim);
    for (int i = 0; i < FILES; i++) {
        char text[32];
        struct upload_result r;
        (void)snprintf(text, sizeof(text), "file %d", i);
        while (world_upload(&race->s->w, p, &rq, text, strlen(text), &r) != ERR_OK)
            (void)usleep(200); /* their share of what runs at once is used up */
        atomic_fetch_add(&race->fresh, !r.duplicate);
        race->ids[me][i] = r.artefact.id;
    }
    return NULL;
}

START_TEST(of_those_that_race_one_is_stored)
{
    struct scene *s = scene_make(NULL);
    struct race *race = calloc(1, sizeof(*race));
    pthread_t threads[RACERS];
    race->s = s;
    for (int i = 0; i < RACERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_each, race), 0);
    for (int i = 0; i < RACERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(race->fresh, FILES);
    ck_assert_uint_eq(world_blobs(&s->w), FILES);
    for (int i = 0; i < FILES; i++) {
        for (int k = 1; k < RACERS; k++)
            ck_assert(uuid_equal(&race->ids[0][i], &race->ids[k][i]));
    }
    ck_assert_uint_eq(world_entries(&s->w, "upload.duplicate", NULL), (RACERS - 1) * FILES);
    free(race);
    scene_end(s);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/intake/duplicate", it_is_stored_once_and_receipted_each_time,
        something_else_is_new, a_recording_of_the_same_minutes, somebody_elses_that_may_be_seen,
        what_the_sender_may_not_see_is_no_duplicate, what_is_harmful_is_no_duplicate,
        what_does_not_stand_is_no_duplicate, moved_ones_count_where_they_stand,
        a_key_remembers_that_it_was_one, of_those_that_race_one_is_stored);
}
