/* What a restart and a kill -9 leave of an upload, and that nothing is ever sealed twice under
 * one key, whatever happens to it. */
#include "tests/unit/evidence/resumable/world.h"

static struct uuid part_of(struct world *w, const struct uuid *id)
{
    struct upload_record r;
    struct db *db = NULL;
    ok(db_read_begin(w->db, &db));
    ok(upload_record_find(db, id, &r));
    db_read_end(db);
    return r.part;
}

START_TEST(an_upload_goes_on_in_the_next_process)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq), fresh = session_begin(&w, &ada, &rq);
    session_break(&w, &ada, &id, 0, 200001);
    struct uuid part = part_of(&w, &id);
    session_break(&w, &ada, &id, 200001, 300000);
    struct uuid same = part_of(&w, &id);
    ck_assert(uuid_equal(&part, &same)); /* the process remembers */
    world_restart(&w);
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 300000);
    struct uuid anew = part_of(&w, &id);
    ck_assert(!uuid_equal(&part, &anew)); /* this one does not: under a fresh key */
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 300000);
    same = part_of(&w, &id);
    ck_assert(uuid_equal(&anew, &same));
    world_restart(&w);
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 300000, 500000, RESUMABLE_BY_LENGTH), 500000);
    ck_assert_uint_eq(session_offset(&w, &ada, &fresh), 0); /* nothing came yet */
    session_break(&w, &ada, &fresh, 0, 100);
    world_restart(&w);
    ck_assert_uint_eq(session_offset(&w, &ada, &fresh), 100);
    world_restart(&w);
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 500000, 500000, RESUMABLE_BY_LENGTH), 500000);
    ok(resumable_terminate(w.ev, &ada, &fresh));
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(what_is_read_back_leaves_the_reserve_alone)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_view view;
    session_break(&w, &ada, &id, 0, 300000);
    struct uuid part = part_of(&w, &id);
    world_restart(&w);
    w.ev->config.reserve_bytes = UINT64_MAX / 4;
    refused(REFUSAL_STORAGE_FULL, resumable_find(w.ev, &ada, &id, &view));
    ck_assert_uint_eq(world_parts(&w), 1);
    ok(resumable_look(w.ev, &ada, &id, &view)); /* nothing is written to look */
    ck_assert_uint_eq(view.record.offset, 300000);
    w.ev->config.reserve_bytes = 0;
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 300000);
    struct uuid anew = part_of(&w, &id);
    ck_assert(!uuid_equal(&part, &anew));
    world_end(&w);
}
END_TEST

static void nothing_warm(struct world *w)
{
    with_intake_key(w);
    w->config.uploads_warm = 1;
}

START_TEST(what_was_forgotten_is_read_back)
{
    struct world w = {.tiny = NULL};
    world_make(&w, nothing_warm);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), ids[3];
    struct resumable_request rq = session_request(&claim, 200000);
    for (size_t i = 0; i < 3; i++) {
        rq.upload.length = 200000 + (int64_t)i;
        ids[i] = session_begin(&w, &ada, &rq);
    }
    for (uint64_t at = 0; at < 160000; at += 40000) {
        for (size_t i = 0; i < 3; i++)
            session_break(&w, &ada, &ids[i], at, at + 40000);
    }
    for (size_t i = 0; i < 3; i++)
        ck_became_evidence(
            &w, &ada, session_send(&w, &ada, &ids[i], 160000, 200000 + i, RESUMABLE_BY_LENGTH),
            200000 + i);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(without_an_intake_key_it_ends_with_the_process)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_view view;
    session_break(&w, &ada, &id, 0, 200001);
    world_restart(&w);
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view));
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view));
    ck_assert_uint_eq(
        world_entries(&w, "upload.broken", "\"owner\":\"https://login.test#ada\""), 1);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

/* --- killed ------------------------------------------------------------------------------- */

/* Killed while a request was writing: `upto` bytes had been taken in, nothing was committed. */
static void killed_writing(struct world *w, const struct principal *p, const struct uuid *id,
                           uint64_t at, uint64_t upto)
{
    char remains[PATH_MAX];
    struct resumable_writer *rw = NULL;
    struct resumable_view view;
    struct resumable_piece piece = {.offset = at, .length = -1};
    ok(resumable_open(w->ev, p, id, &piece, &view, &rw));
    ok(text_write(rw, at, upto));
    world_keep_remains(w, remains);
    resumable_free(rw);
    world_crash(w, remains);
}

START_TEST(bytes_are_kept_as_far_as_they_came)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 2000000);
    struct uuid id = session_begin(&w, &ada, &rq);
    killed_writing(&w, &ada, &id, 0, 300000); /* on record: nothing at all */
    uint64_t at = session_offset(&w, &ada, &id);
    ck_assert_uint_eq(at, 262144); /* blocks of four chunks are sealed when more comes */
    session_break(&w, &ada, &id, at, 400000);
    killed_writing(&w, &ada, &id, 400000, 420000); /* less than a chunk: the rest serves */
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 400000);
    killed_writing(&w, &ada, &id, 400000, 1000000);
    at = session_offset(&w, &ada, &id);
    ck_assert_uint_gt(at, 800000);
    ck_assert_uint_le(at, 1000000);
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &id, at, 2000000, RESUMABLE_BY_LENGTH),
                       2000000);
    world_end(&w);
}
END_TEST

/* The committer takes nothing any more: the last chunk is sealed, the artefact is not. */
START_TEST(killed_between_the_last_chunk_and_its_commit)
{
    static const uint64_t SIZES[] = {1, 65536, 200000, 262144};
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), ids[ARRAY_LEN(SIZES)];
    struct resumable_request rq = session_request(&claim, -1);
    struct uuid assessment = world_assessment(&w, &claim);
    struct choice_result choice;
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++)
        ids[i] = session_begin(&w, &ada, &rq);
    w.mute = true;
    (void)world_choose(&w, &ada, &assessment, "notice", clock_now(), &choice); /* unsigned */
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++)
        ck_assert_int_eq(session_send(&w, &ada, &ids[i], 0, SIZES[i], RESUMABLE_LAST)->e,
                         ERR_UNAVAILABLE);
    ck_assert_uint_eq(world_blobs(&w), 0);
    ck_assert_uint_eq(world_parts(&w), ARRAY_LEN(SIZES));
    w.mute = false;
    world_restart(&w);
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        ck_assert_uint_eq(session_offset(&w, &ada, &ids[i]), SIZES[i]);
        ck_became_evidence(&w, &ada,
                           session_send(&w, &ada, &ids[i], SIZES[i], SIZES[i], RESUMABLE_LAST),
                           SIZES[i]);
    }
    world_end(&w);
}
END_TEST

static void part_path(struct world *w, const struct uuid *part, char out[PATH_MAX + 64])
{
    char name[UUID_TEXT_SIZE];
    uuid_format(part, name);
    (void)snprintf(out, PATH_MAX + 64, "%s/parts/%s.part", w->blob_dir, name);
}

static void short_lived(struct world *w)
{
    w->config.upload_expiry_s = 1;
}

START_TEST(one_that_cannot_end_keeps_none_of_the_others)
{
    struct world w = {.tiny = NULL};
    world_make(&w, short_lived);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid stuck = session_begin(&w, &ada, &rq), id = session_begin(&w, &ada, &rq);
    char path[PATH_MAX + 64];
    session_break(&w, &ada, &stuck, 0, 100000);
    session_break(&w, &ada, &id, 0, 100000);
    struct uuid part = part_of(&w, &stuck);
    part_path(&w, &part, path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* what is removed as a file stays */
    (void)usleep(1100 * 1000);
    log_set_level(LOG_ERROR + 1);
    resumable_tick(w.ev);
    log_set_level(LOG_INFO);
    AUTO_CLEAR(row_clear) struct row row;
    ok(row_get(w.ev, &id, &row));
    ck_assert_int_eq(row.record.state, UPLOAD_EXPIRED);
    ck_assert_int_eq(rmdir(path), 0);
    world_end(&w);
}
END_TEST

START_TEST(damage_costs_what_it_damaged)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq);
    char path[PATH_MAX + 64];
    uint8_t byte = 0;
    session_break(&w, &ada, &id, 0, 400000);
    struct uuid part = part_of(&w, &id);
    part_path(&w, &part, path);
    int fd = open(path, O_RDWR);
    off_t at = (off_t)age_chunk_offset(3) + 1000;
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
    log_set_level(LOG_ERROR + 1);
    world_restart(&w);
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 3 * AGE_CHUNK_SIZE);
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 3 * AGE_CHUNK_SIZE, 500000, RESUMABLE_BY_LENGTH),
        500000);
    world_end(&w);
}
END_TEST

START_TEST(a_part_that_something_was_added_to_is_not_gone_on_with)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq);
    char path[PATH_MAX + 64];
    session_break(&w, &ada, &id, 0, 400000);
    struct uuid part = part_of(&w, &id);
    part_path(&w, &part, path);
    int fd = open(path, O_WRONLY | O_APPEND);
    ck_assert_int_eq(write(fd, "stray", 5), 5);
    (void)close(fd);
    struct sent *s = session_send(&w, &ada, &id, 400000, 500000, RESUMABLE_BY_LENGTH);
    ck_assert_int_eq(s->e, ERR_CORRUPT);
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 400000); /* read back instead */
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 400000, 500000, RESUMABLE_BY_LENGTH), 500000);
    world_end(&w);
}
END_TEST

/* --- no index twice ----------------------------------------------------------------------- */

/* Every sealed chunk that was ever seen on the disk, by payload (its nonce: each part has a key
 * and a nonce of its own) and index. A second ciphertext at the same place would be the proof
 * of a second sealing; a torn one is the beginning of the whole one. */
enum { SEEN_MAX = 2048 };
struct seen {
    struct {
        uint8_t nonce[AGE_NONCE_SIZE];
        uint64_t index;
        size_t len;
        uint8_t *bytes;
    } rows[SEEN_MAX];
    size_t n;
};

static void seen_keep(struct seen *seen, size_t row, const uint8_t *sealed, size_t len)
{
    free(seen->rows[row].bytes);
    seen->rows[row].bytes = malloc(len);
    memcpy(seen->rows[row].bytes, sealed, len);
    seen->rows[row].len = len;
}

static void seen_chunk(struct seen *seen, const uint8_t *nonce, uint64_t index,
                       const uint8_t *sealed, size_t len)
{
    size_t i = 0;
    while (i < seen->n && (seen->rows[i].index != index ||
                           memcmp(seen->rows[i].nonce, nonce, AGE_NONCE_SIZE) != 0))
        i++;
    if (i == seen->n) {
        ck_assert_uint_lt(seen->n++, SEEN_MAX);
        memcpy(seen->rows[i].nonce, nonce, AGE_NONCE_SIZE);
        seen->rows[i].index = index;
        seen_keep(seen, i, sealed, len);
        return;
    }
    size_t both = len < seen->rows[i].len ? len : seen->rows[i].len;
    ck_assert_msg(memcmp(seen->rows[i].bytes, sealed, both) == 0,
                  "chunk %llu has two ciphertexts", (unsigned long long)index);
    if (len > both)
        seen_keep(seen, i, sealed, len);
}

static void seen_free(struct seen *seen)
{
    for (size_t i = 0; i < seen->n; i++)
        free(seen->rows[i].bytes);
    free(seen);
}

/* Appends are whole blocks of chunks, and only looked at between them. */
static void seen_file(struct seen *seen, int folder, const char *name)
{
    static uint8_t all[4 * 1024 * 1024];
    int fd = openat(folder, name, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ssize_t n = read(fd, all, sizeof(all));
    (void)close(fd);
    ck_assert(n >= 0 && (size_t)n < sizeof(all));
    size_t left = (size_t)n;
    for (uint64_t k = 0; left > age_chunk_offset(k); k++) {
        size_t at = (size_t)age_chunk_offset(k);
        size_t len = left - at < AGE_SEALED_CHUNK_SIZE ? left - at : AGE_SEALED_CHUNK_SIZE;
        seen_chunk(seen, all, k, all + at, len);
    }
}

static int seen_visit_folder;
static struct seen *seen_visit_all;

static int seen_visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (type == FTW_F)
        seen_file(seen_visit_all, seen_visit_folder, path);
    return 0;
}

/* Parts and published objects alike. */
static void look_at_the_disk(struct world *w, struct seen *seen)
{
    seen_visit_folder = AT_FDCWD;
    seen_visit_all = seen;
    ck_assert_int_eq(nftw(w->blob_dir, seen_visit, 16, FTW_PHYS), 0);
}

enum { WALK_SIZE = 1500000, WALK_STEPS = 30 };
struct walk {
    struct world w;
    struct principal p;
    struct uuid id, assessment;
    uint8_t *sent; /* what was sent last for each byte */
    unsigned seed;
    struct seen *seen;
};

static unsigned roll(struct walk *k, unsigned below)
{
    k->seed = k->seed * 1103515245u + 12345u;
    return (k->seed >> 16) * 7919u % below;
}

/* Other bytes each time the same place is sent. */
static uint64_t walk_write(struct walk *k, struct resumable_writer *rw, uint64_t at)
{
    uint64_t end = at + (uint64_t)roll(k, 5) * 60000 + roll(k, 20000);
    if (end > WALK_SIZE)
        end = WALK_SIZE;
    while (at < end) {
        size_t len = end - at < 30000 ? (size_t)(end - at) : 30000;
        for (size_t i = 0; i < len; i++)
            k->sent[at + i] = (uint8_t)('a' + roll(k, 26));
        ok(resumable_write(rw, k->sent + at, len));
        at += len;
        look_at_the_disk(&k->w, k->seen);
    }
    return end;
}

/* Bytes that were not flushed may be missing after a power loss; those on record are not. */
static void lose_power(struct walk *k, const char *remains)
{
    char path[PATH_MAX + 128], name[UUID_TEXT_SIZE];
    struct upload_record r;
    struct db *db = NULL;
    struct stat st;
    ok(db_read_begin(k->w.db, &db));
    ok(upload_record_find(db, &k->id, &r));
    db_read_end(db);
    uuid_format(&r.part, name);
    (void)snprintf(path, sizeof(path), "%s/blobs/parts/%s.part", remains, name);
    uint64_t durable = r.chunks > 0 ? age_chunk_offset(r.chunks) : 0;
    if (stat(path, &st) == 0 && (uint64_t)st.st_size > durable)
        ck_assert_int_eq(
            truncate(path, (off_t)(durable + roll(k, (unsigned)(st.st_size - durable)))), 0);
}

/* The end is sealed, and its commit is refused. */
static void fail_to_finish(struct walk *k, struct resumable_writer *rw, uint64_t end)
{
    struct resumable_view view;
    struct upload_result result;
    struct choice_result choice;
    k->w.mute = true;
    (void)world_choose(&k->w, &k->p, &k->assessment, "opt_out", clock_now(), &choice);
    ck_assert_int_eq(
        resumable_close(rw, end > 0 ? RESUMABLE_LAST : RESUMABLE_MORE, &view, &result),
        end > 0 ? ERR_UNAVAILABLE : ERR_OK);
    buf_clear(&result.receipt);
    k->w.mute = false;
}

enum event { BREAK, TAKE_OVER, MORE, FAIL_TO_FINISH, KILL, POWER, RESTART, EVENTS };

static void walk_step(struct walk *k)
{
    char remains[PATH_MAX];
    struct resumable_view view = session_at(&k->w, &k->p, &k->id);
    struct resumable_writer *rw = NULL, *other = NULL;
    struct resumable_piece piece = {.offset = view.record.offset, .length = -1};
    struct upload_result result;
    enum event what = (enum event)roll(k, EVENTS);
    ok(resumable_open(k->w.ev, &k->p, &k->id, &piece, &view, &rw));
    uint64_t end = walk_write(k, rw, piece.offset);
    if (what == TAKE_OVER) {
        piece.offset = end;
        ok(resumable_open(k->w.ev, &k->p, &k->id, &piece, &view, &other));
        (void)walk_write(k, other, end);
    } else if (what == MORE) {
        ok(resumable_close(rw, RESUMABLE_MORE, &view, &result));
        buf_clear(&result.receipt);
    } else if (what == FAIL_TO_FINISH) {
        fail_to_finish(k, rw, end);
    } else if (what == KILL || what == POWER) {
        world_keep_remains(&k->w, remains);
        if (what == POWER)
            lose_power(k, remains);
    }
    look_at_the_disk(&k->w, k->seen);
    resumable_free(rw);
    resumable_free(other);
    look_at_the_disk(&k->w, k->seen);
    if (what == KILL || what == POWER)
        world_crash(&k->w, remains);
    else if (what == RESTART)
        world_restart(&k->w);
    look_at_the_disk(&k->w, k->seen);
}

static void walk_begin(struct walk *k)
{
    world_make(&k->w, with_intake_key);
    k->p = claimant("ada");
    k->sent = malloc(WALK_SIZE);
    k->seen = calloc(1, sizeof(*k->seen));
    struct uuid claim = world_claim(&k->w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    k->assessment = world_assessment(&k->w, &claim);
    k->id = session_begin(&k->w, &k->p, &rq);
}

/* The artefact is what was sent last, byte for byte. */
static void walk_end(struct walk *k)
{
    struct resumable_view view = session_at(&k->w, &k->p, &k->id);
    uint64_t size = view.record.offset;
    struct sent *s = session_send(&k->w, &k->p, &k->id, size, size, RESUMABLE_LAST);
    uint8_t *got = malloc(size + 1);
    size_t n = 0;
    ck_assert_msg(s->e == ERR_OK, "%s", err_message(s->e));
    look_at_the_disk(&k->w, k->seen);
    ok(world_read(&k->w, &k->p, &s->result.artefact.id, PURPOSE_NONE, got, size + 1, &n));
    ck_assert_uint_eq(n, size);
    ck_assert_mem_eq(got, k->sent, size);
    ck_assert_uint_gt(k->seen->n, 10);
    free(got);
    free(k->sent);
    seen_free(k->seen);
    world_end(&k->w);
}

static void walk(unsigned seed)
{
    struct walk *k = calloc(1, sizeof(*k));
    k->seed = seed;
    walk_begin(k);
    for (unsigned i = 0; i < WALK_STEPS; i++)
        walk_step(k);
    walk_end(k);
    free(k);
}

START_TEST(no_index_is_sealed_twice_under_one_key)
{
    walk(1);
}
END_TEST

START_TEST(nor_by_another_course_of_events)
{
    walk(2);
}
END_TEST

START_TEST(nor_by_a_third)
{
    walk(3);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/resumable/restart", an_upload_goes_on_in_the_next_process,
        what_is_read_back_leaves_the_reserve_alone, what_was_forgotten_is_read_back,
        without_an_intake_key_it_ends_with_the_process, bytes_are_kept_as_far_as_they_came,
        killed_between_the_last_chunk_and_its_commit,
        one_that_cannot_end_keeps_none_of_the_others, damage_costs_what_it_damaged,
        a_part_that_something_was_added_to_is_not_gone_on_with,
        no_index_is_sealed_twice_under_one_key, nor_by_another_course_of_events,
        nor_by_a_third);
}
