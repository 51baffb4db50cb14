/* The way out: what is read is logged first, and every way in which it can fail fails before a
 * wrong byte leaves. */
#include "gateway/evidence/reading/opener.h"
#include "gateway/evidence/reading/session.h"
#include "tests/unit/evidence/world.h"

enum { LARGE = 3 * AGE_CHUNK_SIZE + 17 };

struct setting {
    struct world w;
    struct uuid claim, letter, large;
    char text[LARGE];
    struct principal ada, morgan;
};

static void blob_path(struct world *w, const struct uuid *id, char out[PATH_MAX + 64])
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    (void)snprintf(out, PATH_MAX + 64, "%s/objects/%.6s/%.2s/%s.age", w->blob_dir, text,
                   text + 6, text);
    if (access(out, F_OK) != 0) { /* the time's bits run over the first hyphen */
        char bits[13] = "";
        size_t n = 0;
        for (const char *c = text; n < 12; c++) {
            if (*c != '-')
                bits[n++] = *c;
        }
        (void)snprintf(out, PATH_MAX + 64, "%s/objects/%.6s/%.2s/%s.age", w->blob_dir, bits,
                       bits + 6, text);
    }
    ck_assert_msg(access(out, F_OK) == 0, "%s", out);
}

static struct setting *setting_make(void (*adapt)(struct world *))
{
    struct setting *s = calloc(1, sizeof(*s));
    world_make(&s->w, adapt);
    s->ada = claimant("ada");
    s->morgan = manager();
    s->claim = world_claim(&s->w, "ada");
    s->letter = world_letter(&s->w, "ada", &s->claim, "hello");
    for (size_t i = 0; i < LARGE - 1; i++)
        s->text[i] = (char)('a' + i * 7 % 26);
    s->large = world_letter(&s->w, "ada", &s->claim, s->text);
    return s;
}

static void setting_end(struct setting *s)
{
    world_end(&s->w);
    free(s);
}

/* --- what works --------------------------------------------------------------------------- */

START_TEST(every_range_is_what_was_sent)
{
    struct setting *s = setting_make(NULL);
    struct retrieval *r = NULL;
    uint8_t *out = malloc(2 * AGE_CHUNK_SIZE);
    ok(world_retrieve(&s->w, &s->ada, &s->large, PURPOSE_NONE, &r));
    ck_assert_uint_eq(retrieve_artefact(r)->size, LARGE - 1);
    static const struct {
        uint64_t at;
        size_t cap;
    } RANGES[] = {
        {0, 1},
        {0, AGE_CHUNK_SIZE},
        {1, AGE_CHUNK_SIZE},
        {AGE_CHUNK_SIZE - 1, 2},
        {AGE_CHUNK_SIZE, 2 * AGE_CHUNK_SIZE},
        {LARGE - 2, 10},
        {2 * AGE_CHUNK_SIZE, 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(RANGES); i++) {
        size_t len = 0;
        ok(retrieve_read(r, RANGES[i].at, out, RANGES[i].cap, &len));
        ck_assert_uint_ge(len, 1);
        ck_assert_uint_le(len, RANGES[i].cap);
        ck_assert_mem_eq(out, s->text + RANGES[i].at, len);
    }
    size_t len = 1;
    ok(retrieve_read(r, LARGE - 1, out, 10, &len));
    ck_assert_uint_eq(len, 0);
    ok(retrieve_read(r, UINT64_MAX, out, 10, &len));
    ck_assert_uint_eq(len, 0);
    retrieve_free(r);
    free(out);
    setting_end(s);
}
END_TEST

/* A short last chunk over a whole one used to leave the rest of it in the pool. */
START_TEST(no_plaintext_stays_in_a_pooled_buffer)
{
    struct setting *s = setting_make(NULL);
    struct retrieval *r = NULL;
    struct opener *o = NULL;
    static const uint8_t zeros[AGE_CHUNK_SIZE];
    uint8_t byte[1];
    size_t len = 0;
    ok(world_retrieve(&s->w, &s->ada, &s->large, PURPOSE_NONE, &r));
    ok(retrieve_read(r, AGE_CHUNK_SIZE + 1, byte, 1, &len));
    ok(retrieve_read(r, LARGE - 2, byte, 1, &len));
    retrieve_free(r);
    ok(opener_take(s->w.ev->openers, &o)); /* the one that was given back */
    ck_assert_mem_eq(o->plain, zeros, sizeof(zeros));
    opener_give(s->w.ev->openers, o);
    setting_end(s);
}
END_TEST

START_TEST(a_session_is_one_entry_and_tells_what_was_served)
{
    struct setting *s = setting_make(NULL);
    uint8_t out[8];
    size_t n = 0;
    for (int i = 0; i < 5; i++)
        ok(world_read(&s->w, &s->morgan, &s->letter, PURPOSE_DECISION, out, sizeof(out), &n));
    ck_assert_uint_eq(n, 5);
    ck_assert_mem_eq(out, "hello", 5);
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", NULL), 1);
    ok(world_read(&s->w, &s->morgan, &s->letter, PURPOSE_APPEAL, out, sizeof(out), &n));
    ok(world_read(&s->w, &s->ada, &s->letter, PURPOSE_NONE, out, sizeof(out), &n));
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", NULL), 3);
    world_close(&s->w);
    world_open(&s->w);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", NULL), 3);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", "\"served\":25"), 1);
    setting_end(s);
}
END_TEST

static void short_sessions(struct world *w)
{
    w->config.read_session_s = 1;
}

START_TEST(a_session_ends_by_itself)
{
    struct setting *s = setting_make(short_sessions);
    ok(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE));
    (void)usleep(1100000);
    evidence_tick(s->w.ev);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", "\"served\":1"), 1);
    ok(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE));
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", NULL), 2);
    setting_end(s);
}
END_TEST

/* A log that refuses does not lose the closing, nor what was served. */
START_TEST(a_closing_that_fails_is_tried_again)
{
    struct setting *s = setting_make(short_sessions);
    ok(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE));
    (void)usleep(1100000);
    atomic_store(&s->w.mute, true);
    evidence_tick(s->w.ev);
    evidence_tick(s->w.ev);
    atomic_store(&s->w.mute, false);
    evidence_tick(s->w.ev);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", "\"served\":1"), 1);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", NULL), 1);
    setting_end(s);
}
END_TEST

/* Reading one after the other, one person used to fill the table for a quarter of an hour. */
START_TEST(sessions_give_way_to_new_ones)
{
    struct setting *s = setting_make(NULL); /* room for 16, so 4 each */
    for (int i = 0; i < 40; i++) {
        struct uuid id = world_new_letter(&s->w, "ada", &s->claim);
        ok(world_open_only(&s->w, &s->ada, &id, PURPOSE_NONE));
    }
    ok(world_open_only(&s->w, &s->morgan, &s->letter, PURPOSE_DECISION));
    ck_assert_uint_le(session_count(s->w.ev->sessions), 5);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", NULL), 36);
    setting_end(s);
}
END_TEST

START_TEST(a_person_who_holds_their_part_waits)
{
    struct setting *s = setting_make(NULL);
    struct retrieval *held[4] = {NULL}, *more = NULL;
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        struct uuid id = world_new_letter(&s->w, "ada", &s->claim);
        ok(world_retrieve(&s->w, &s->ada, &id, PURPOSE_NONE, &held[i]));
    }
    ck_assert_int_eq(world_retrieve(&s->w, &s->ada, &s->letter, PURPOSE_NONE, &more), ERR_BUSY);
    ok(world_open_only(&s->w, &s->morgan, &s->letter, PURPOSE_DECISION));
    retrieve_free(held[2]);
    held[2] = NULL;
    ok(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE));
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        retrieve_free(held[i]);
    setting_end(s);
}
END_TEST

/* --- who may ------------------------------------------------------------------------------ */

START_TEST(purposes)
{
    struct setting *s = setting_make(NULL);
    struct principal asim = assessor(), owner = someone("rosa", 1u << ROLE_RECORDS_OWNER);
    struct uuid sr1 = world_sr1(&s->w, &s->claim);
    const struct {
        const struct principal *who;
        const struct uuid *id;
        enum purpose purpose;
        enum refusal wanted;
    } CASES[] = {
        {&s->morgan, &s->letter, PURPOSE_NONE, REFUSAL_PURPOSE_REQUIRED},
        {&s->morgan, &s->letter, PURPOSE_AUDIT, REFUSAL_PURPOSE_REQUIRED},
        {&s->morgan, &s->letter, PURPOSE_ASSESSMENT, REFUSAL_PURPOSE_REQUIRED},
        {&asim, &s->letter, PURPOSE_DECISION, REFUSAL_PURPOSE_REQUIRED},
        {&owner, &sr1, PURPOSE_SUBJECT_ACCESS, REFUSAL_NOT_FOUND},
        {&s->ada, &sr1, PURPOSE_DECISION, REFUSAL_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        refused(CASES[i].wanted,
                world_open_only(&s->w, CASES[i].who, CASES[i].id, CASES[i].purpose));
    /* a claimant who states staff's purpose reads for themselves, and the log says so */
    ok(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_DECISION));
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", "\"purpose\":\"own\""), 1);
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", "decision"), 0);
    /* staff with a claim of their own, in both roles: their own matter */
    struct principal both = s->ada;
    both.roles |= 1u << ROLE_CASE_MANAGER;
    ok(world_open_only(&s->w, &both, &s->letter, PURPOSE_NONE));
    refused(REFUSAL_NOT_FOUND, world_open_only(&s->w, &both, &sr1, PURPOSE_DECISION));
    setting_end(s);
}
END_TEST

START_TEST(a_denial_is_logged_and_a_flood_of_them_counted)
{
    struct setting *s = setting_make(NULL);
    struct principal bob = claimant("bob"), olga = someone("olga", 1u << ROLE_OPERATOR);
    struct artefact_record a;
    for (int i = 0; i < 500; i++)
        refused(REFUSAL_NOT_FOUND, world_describe(&s->w, &bob, &s->letter, PURPOSE_NONE, &a));
    refused(REFUSAL_NOT_PERMITTED, world_describe(&s->w, &olga, &s->letter, PURPOSE_NONE, &a));
    struct uuid none = uuid_new();
    refused(REFUSAL_NOT_FOUND, world_describe(&s->w, &bob, &none, PURPOSE_NONE, &a));
    world_close(&s->w);
    world_open(&s->w);
    ck_assert_uint_eq(world_entries(&s->w, "read.denied", NULL), 20);
    ck_assert_uint_eq(world_entries(&s->w, "refusals.counted", "\"count\":480"), 1);
    setting_end(s);
}
END_TEST

static void intake_only(struct world *w)
{
    w->config.intake_only = true;
    w->keeper_config.intake_only = true;
}

START_TEST(an_intake_plane_gives_nothing_out)
{
    struct setting *s = setting_make(intake_only);
    refused(REFUSAL_INTAKE_ONLY, world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE));
    setting_end(s);
}
END_TEST

struct status_act {
    struct uuid id;
    enum artefact_status from, to;
};

static enum err status_apply(struct commit_tx *tx, void *ctx)
{
    struct status_act *act = ctx;
    return artefact_status_change(commit_db(tx), &act->id, act->from, act->to, "a test");
}

static void restrict_it(struct world *w, const struct uuid *id)
{
    struct status_act act = {*id, ARTEFACT_AVAILABLE, ARTEFACT_RESTRICTED};
    ok(evidence_commit(w->ev, status_apply, &act, NULL));
}

START_TEST(what_is_restricted_stops_after_so_many_bytes)
{
    struct setting *s = setting_make(NULL); /* asked again every MiB */
    struct retrieval *r = NULL;
    uint8_t *out = malloc(AGE_CHUNK_SIZE);
    uint64_t served = 0;
    size_t len = 0;
    ok(world_retrieve(&s->w, &s->ada, &s->large, PURPOSE_NONE, &r));
    ok(retrieve_read(r, 0, out, AGE_CHUNK_SIZE, &len));
    restrict_it(&s->w, &s->large);
    enum err e = ERR_OK;
    while (e == ERR_OK && served < UINT64_C(4) << 20) {
        served += len;
        e = retrieve_read(r, 0, out, AGE_CHUNK_SIZE, &len);
    }
    refused(REFUSAL_NOT_AVAILABLE, e);
    ck_assert_uint_le(served, (UINT64_C(1) << 20) + AGE_CHUNK_SIZE);
    retrieve_free(r);
    refused(REFUSAL_NOT_AVAILABLE, world_open_only(&s->w, &s->ada, &s->large, PURPOSE_NONE));
    free(out);
    setting_end(s);
}
END_TEST

/* Eight MiB are two hours of a reader who takes them slowly. */
START_TEST(what_is_restricted_stops_for_a_slow_reader_too)
{
    struct setting *s = setting_make(NULL);
    struct retrieval *r = NULL;
    uint8_t byte[1];
    size_t len = 0;
    ok(world_retrieve(&s->w, &s->ada, &s->large, PURPOSE_NONE, &r));
    ok(retrieve_read(r, 0, byte, 1, &len));
    restrict_it(&s->w, &s->large);
    (void)usleep(2200000);
    refused(REFUSAL_NOT_AVAILABLE, retrieve_read(r, 1, byte, 1, &len));
    retrieve_free(r);
    setting_end(s);
}
END_TEST

/* --- damage ------------------------------------------------------------------------------- */

static void flip(struct world *w, const struct uuid *id, off_t at)
{
    char path[PATH_MAX + 64];
    uint8_t byte = 0;
    blob_path(w, id, path);
    ck_assert_int_eq(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void ck_nothing_open(struct world *w)
{
    struct read_session_record open;
    struct db *db = NULL;
    size_t n = 1;
    ok(db_read_begin(w->db, &db));
    ok(read_session_list_open(db, &open, 1, &n));
    db_read_end(db);
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(session_count(w->ev->sessions), 0);
}

START_TEST(a_flipped_bit_is_never_served)
{
    struct setting *s = setting_make(NULL);
    uint8_t *out = malloc(LARGE);
    size_t n = 0;
    flip(&s->w, &s->large, (off_t)age_chunk_offset(1) + 100);
    int wrong = world_read(&s->w, &s->ada, &s->large, PURPOSE_NONE, out, LARGE, &n);
    ck_assert_int_eq(wrong, ERR_CORRUPT);
    ck_assert_uint_eq(n, AGE_CHUNK_SIZE); /* the sound chunk before it */
    ck_assert_mem_eq(out, s->text, n);
    flip(&s->w, &s->large, (off_t)age_chunk_offset(3)); /* the last: no session at all */
    ck_assert_int_eq(world_read(&s->w, &s->morgan, &s->large, PURPOSE_DECISION, out, LARGE, &n),
                     ERR_CORRUPT);
    ck_assert_uint_eq(n, 0);
    flip(&s->w, &s->letter, 3); /* the nonce: another key */
    ck_assert_int_eq(world_read(&s->w, &s->ada, &s->letter, PURPOSE_NONE, out, LARGE, &n),
                     ERR_CORRUPT);
    free(out);
    setting_end(s);
}
END_TEST

START_TEST(a_missing_or_cut_object_is_found_before_it_is_opened)
{
    struct setting *s = setting_make(NULL);
    char path[PATH_MAX + 64];
    blob_path(&s->w, &s->large, path);
    ck_assert_int_eq(truncate(path, LARGE), 0);
    ck_assert_int_eq(world_open_only(&s->w, &s->ada, &s->large, PURPOSE_NONE), ERR_CORRUPT);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(world_open_only(&s->w, &s->ada, &s->large, PURPOSE_NONE), ERR_CORRUPT);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(world_open_only(&s->w, &s->ada, &s->large, PURPOSE_NONE), ERR_NOT_FOUND);
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", NULL), 0);
    ck_nothing_open(&s->w);
    setting_end(s);
}
END_TEST

struct header_act {
    struct uuid from, to;
};

static enum err header_swap(struct commit_tx *tx, void *ctx)
{
    struct header_act *act = ctx;
    AUTO_CLEAR(buf_clear) struct buf header;
    buf_init(&header, AGE_HEADER_MAX);
    TRY(header_get(commit_db(tx), &act->from, &header));
    return header_put(commit_db(tx), &act->to, "k", header.data, header.len);
}

/* Header and object of another artefact: the keeper sees it, and the opening that came to
 * nothing is closed in the log at once. */
START_TEST(a_foreign_header_opens_nothing)
{
    struct setting *s = setting_make(NULL);
    struct header_act act = {s->large, s->letter};
    ok(evidence_commit(s->w.ev, header_swap, &act, NULL));
    ck_assert_int_eq(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE), ERR_CRYPTO);
    ck_assert_uint_eq(world_entries(&s->w, "read.opened", NULL), 1);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", "\"served\":0"), 1);
    ck_nothing_open(&s->w);
    setting_end(s);
}
END_TEST

/* --- the keeper --------------------------------------------------------------------------- */

START_TEST(a_dead_keeper_is_an_honest_answer_and_comes_back)
{
    struct setting *s = setting_make(NULL);
    struct keeper_info info;
    ok(keeper_info(s->w.keeper, &info));
    ck_assert_int_eq(kill((pid_t)info.pid, SIGKILL), 0);
    while (kill((pid_t)info.pid, 0) == 0) /* until its guardian has seen it */
        (void)usleep(1000);
    ck_assert_int_eq(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE),
                     ERR_UNAVAILABLE);
    enum err e = ERR_UNAVAILABLE;
    for (int i = 0; i < 600 && e == ERR_UNAVAILABLE; i++) {
        (void)usleep(50000);
        e = world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE);
    }
    ok(e);
    evidence_tick(s->w.ev);
    struct read_session_record open[4];
    struct db *db = NULL;
    size_t n = 0;
    ok(db_read_begin(s->w.db, &db));
    ok(read_session_list_open(db, open, 4, &n));
    db_read_end(db);
    ck_assert_uint_eq(n, 1); /* the one that was opened; none that failed */
    setting_end(s);
}
END_TEST

static void slow_keeper(struct world *w)
{
    w->keeper_config.opens_per_second = 1;
}

START_TEST(a_busy_keeper_is_an_honest_answer)
{
    struct setting *s = setting_make(slow_keeper);
    enum { LETTERS = 16 };
    struct uuid ids[LETTERS];
    size_t busy = 0, opened = 0;
    for (size_t i = 0; i < LETTERS; i++)
        ids[i] = world_new_letter(&s->w, "ada", &s->claim);
    for (size_t i = 0; i < LETTERS; i++) {
        enum err e = world_open_only(&s->w, &s->ada, &ids[i], PURPOSE_NONE);
        ck_assert_msg(e == ERR_OK || e == ERR_BUSY, "%s", err_name(e));
        busy += e == ERR_BUSY;
        opened += e == ERR_OK;
    }
    ck_assert_uint_gt(busy, 0);
    ck_assert_uint_gt(opened, 0);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", "\"served\":0"), busy);
    setting_end(s);
}
END_TEST

START_TEST(a_log_that_cannot_be_signed_opens_nothing)
{
    struct setting *s = setting_make(NULL);
    atomic_store(&s->w.mute, true);
    ck_assert_int_eq(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE),
                     ERR_UNAVAILABLE);
    atomic_store(&s->w.mute, false);
    evidence_tick(s->w.ev); /* what was stored without a receipt is closed */
    ck_nothing_open(&s->w);
    ok(world_open_only(&s->w, &s->ada, &s->letter, PURPOSE_NONE));
    setting_end(s);
}
END_TEST

/* --- a crash ------------------------------------------------------------------------------ */

static enum err session_leave(struct commit_tx *tx, void *ctx)
{
    return read_session_insert(commit_db(tx), ctx);
}

START_TEST(what_a_crash_left_open_is_closed_at_the_start)
{
    struct setting *s = setting_make(NULL);
    enum { LEFT = 40 }; /* more than one commit takes */
    for (int i = 0; i < LEFT; i++) {
        struct read_session_record r = {.id = uuid_new(),
                                        .artefact = s->letter,
                                        .actor = person_of(&s->ada),
                                        .purpose = "own",
                                        .opened_at = clock_now()};
        ok(evidence_commit(s->w.ev, session_leave, &r, NULL));
    }
    world_close(&s->w);
    world_open(&s->w);
    ck_assert_uint_eq(world_entries(&s->w, "read.closed", "\"served_unknown\":true"), LEFT);
    ck_nothing_open(&s->w);
    setting_end(s);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/reading/retrieve", every_range_is_what_was_sent,
        no_plaintext_stays_in_a_pooled_buffer, a_session_is_one_entry_and_tells_what_was_served,
        a_session_ends_by_itself, a_closing_that_fails_is_tried_again,
        sessions_give_way_to_new_ones, a_person_who_holds_their_part_waits, purposes,
        a_denial_is_logged_and_a_flood_of_them_counted, an_intake_plane_gives_nothing_out,
        what_is_restricted_stops_after_so_many_bytes,
        what_is_restricted_stops_for_a_slow_reader_too, a_flipped_bit_is_never_served,
        a_missing_or_cut_object_is_found_before_it_is_opened, a_foreign_header_opens_nothing,
        a_dead_keeper_is_an_honest_answer_and_comes_back, a_busy_keeper_is_an_honest_answer,
        a_log_that_cannot_be_signed_opens_nothing,
        what_a_crash_left_open_is_closed_at_the_start);
}
