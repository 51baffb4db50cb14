#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"

#include <sodium.h>

static struct upload_record found[8];
static size_t n;

static struct upload_record upload_of(const struct uuid *claim, const char *owner)
{
    return (struct upload_record){.id = id_in_order(),
                                  .claim = *claim,
                                  .owner = person(owner),
                                  .length = -1,
                                  .created_at = 10,
                                  .updated_at = 10,
                                  .expires_at = 1000};
}

static void add(const struct upload_record *u)
{
    struct upload_words w = {.request = {0}};

    ok(upload_record_insert(db, u, &w));
}

static void same_upload(const struct upload_record *a, const struct upload_record *b)
{
    ck_assert(uuid_equal(&a->id, &b->id));
    ck_assert(uuid_equal(&a->claim, &b->claim));
    ck_assert_str_eq(a->owner.issuer, b->owner.issuer);
    ck_assert_str_eq(a->owner.subject, b->owner.subject);
    ck_assert_int_eq(a->state, b->state);
    ck_assert_str_eq(a->reason, b->reason);
    ck_assert_int_eq(a->length, b->length);
    ck_assert_uint_eq(a->offset, b->offset);
    ck_assert(uuid_equal(&a->part, &b->part));
    ck_assert_uint_eq(a->chunks, b->chunks);
    ck_assert_int_eq(a->is_part, b->is_part);
    ck_assert_int_eq(a->is_final, b->is_final);
    ck_assert(uuid_equal(&a->artefact, &b->artefact));
    ck_assert_int_eq(a->created_at, b->created_at);
    ck_assert_int_eq(a->updated_at, b->updated_at);
    ck_assert_int_eq(a->expires_at, b->expires_at);
}

static void is_stored(const struct upload_record *u)
{
    struct upload_record back;

    memset(&back, 0x55, sizeof(back));
    ok(upload_record_find(db, &u->id, &back));
    same_upload(u, &back);
}

static void sealed_is(const struct uuid *id, const char *expected)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, UPLOAD_REST_MAX);
    ok(upload_record_sealed(db, id, &b));
    ck_assert_uint_eq(b.len, strlen(expected));
    ck_assert_str_eq(buf_text(&b), expected);
}

static void sealed_is_gone(const struct uuid *id)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, UPLOAD_REST_MAX);
    fails(ERR_NOT_FOUND, upload_record_sealed(db, id, &b));
}

START_TEST(an_upload_comes_back_as_it_went)
{
    struct uuid claim, artefact;
    struct upload_record u, bare;

    open_records();
    claim = new_claim("PIP-1", "alex");
    artefact = new_artefact(&claim, "alex");
    u = upload_of(&claim, "alex");
    u.state = UPLOAD_FAILED;
    memset(u.reason, 'r', SHORT_TEXT_MAX);
    u.length = INT64_MAX;
    u.offset = INT64_MAX;
    u.part = id_in_order();
    u.chunks = 12;
    u.is_part = true;
    u.is_final = true;
    u.artefact = artefact;
    add(&u);
    is_stored(&u);
    bare = upload_of(&nil, "alex"); /* a part of a concatenation may name no claim */
    add(&bare);
    is_stored(&bare);
    is_stored(&u);
    {
        struct upload_words w = {.request = {0}};
        struct upload_record none = upload_of(&artefact, "alex");

        fails(ERR_EXISTS, upload_record_insert(db, &u, &w));
        fails(ERR_CONFLICT, upload_record_insert(db, &none, &w)); /* of no claim */
    }
    fails(ERR_NOT_FOUND, upload_record_find(db, &claim, &u));
    close_records();
}
END_TEST

static void fill(struct buf *b, size_t max, size_t len, const char *start)
{
    buf_init(b, max);
    ok(buf_append_str(b, start));
    while (b->len < len)
        ok(buf_append_byte(b, (uint8_t)b->len));
}

static void same_bytes(const struct buf *a, const struct buf *b)
{
    ck_assert_uint_eq(a->len, b->len);
    if (a->len > 0)
        ck_assert_mem_eq(a->data, b->data, a->len);
}

static void words_clear(struct upload_words *w)
{
    buf_clear(&w->request);
    buf_clear(&w->metadata);
    buf_clear(&w->concat);
}

static void words_come_back(const struct upload_words *w)
{
    struct upload_record u = upload_of(&nil, "alex");
    struct upload_words back;

    buf_init(&back.request, UPLOAD_REQUEST_MAX);
    buf_init(&back.metadata, UPLOAD_METADATA_MAX);
    buf_init(&back.concat, UPLOAD_CONCAT_MAX);
    ok(upload_record_insert(db, &u, w));
    ok(upload_record_words(db, &u.id, &back));
    same_bytes(&back.request, &w->request);
    same_bytes(&back.metadata, &w->metadata);
    same_bytes(&back.concat, &w->concat);
    words_clear(&back);
    if (w->request.len == 0)
        return;
    buf_init(&back.request, 3);
    fails(ERR_TOO_LARGE, upload_record_words(db, &u.id, &back));
    words_clear(&back);
}

START_TEST(its_words_come_back_byte_for_byte)
{
    struct upload_words w = {.request = {0}}, none;

    open_records();
    words_come_back(&w);
    fill(&w.request, UPLOAD_REQUEST_MAX + 1, UPLOAD_REQUEST_MAX, "{}");
    fill(&w.metadata, UPLOAD_METADATA_MAX + 1, UPLOAD_METADATA_MAX, "filename bGV0dGVy");
    fill(&w.concat, UPLOAD_CONCAT_MAX + 1, UPLOAD_CONCAT_MAX, "final;/a /b");
    words_come_back(&w);
    for (size_t i = 0; i < 3; i++) {
        struct buf *one = i == 0 ? &w.request : i == 1 ? &w.metadata : &w.concat;
        struct upload_record u = upload_of(&nil, "alex");

        ok(buf_append_byte(one, 0));
        fails(ERR_TOO_LARGE, upload_record_insert(db, &u, &w));
        one->len--;
        fails(ERR_NOT_FOUND, upload_record_find(db, &u.id, &u));
    }
    fails(ERR_NOT_FOUND, upload_record_words(db, &nil, &none));
    words_clear(&w);
    close_records();
}
END_TEST

START_TEST(every_state_has_a_name)
{
    for (int i = 0; i < UPLOAD_STATE_COUNT; i++) {
        struct upload_record u;

        if (i == 0)
            open_records();
        u = upload_of(&nil, "alex");
        u.state = (enum upload_state)i;
        ck_assert_uint_gt(strlen(upload_state_name(u.state)), 3);
        add(&u);
        is_stored(&u);
    }
    ck_assert_str_eq(upload_state_name(UPLOAD_OPEN), "open");
    ck_assert_str_eq(upload_state_name(UPLOAD_TERMINATED), "terminated");
    close_records();
}
END_TEST

START_TEST(an_unknown_state_in_the_row_is_corrupt)
{
    struct upload_record u;

    open_records();
    u = upload_of(&nil, "alex");
    add(&u);
    ck_assert_int_eq(
        sqlite3_exec(db->handle, "UPDATE uploads SET state = 'lost'", NULL, NULL, NULL),
        SQLITE_OK);
    fails(ERR_CORRUPT, upload_record_find(db, &u.id, &u));
    close_records();
}
END_TEST

/* --- going on ----------------------------------------------------------------------------- */
START_TEST(an_offset_moves_with_what_is_sealed_apart)
{
    static uint8_t large[UPLOAD_REST_MAX + 1];
    struct upload_record u, other;
    AUTO_CLEAR(buf_clear) struct buf b, tiny;

    open_records();
    buf_init(&b, UPLOAD_REST_MAX);
    buf_init(&tiny, 3);
    u = upload_of(&nil, "alex");
    other = upload_of(&nil, "sam");
    add(&u);
    add(&other);
    sealed_is_gone(&u.id);
    ok(upload_record_rest(db, &other, "another's", 9));
    u.length = 70000;
    u.offset = 65540;
    u.part = id_in_order();
    u.chunks = 1;
    u.updated_at = 20;
    u.expires_at = 2000;
    ok(upload_record_rest(db, &u, "sealed", 6));
    is_stored(&u);
    sealed_is(&u.id, "sealed");
    fails(ERR_TOO_LARGE, upload_record_sealed(db, &u.id, &tiny));
    ok(upload_record_rest(db, &u, "SEALED", 6));
    sealed_is(&u.id, "SEALED");
    ok(upload_record_rest(db, &u, large, UPLOAD_REST_MAX));
    ok(upload_record_sealed(db, &u.id, &b));
    ck_assert_uint_eq(b.len, UPLOAD_REST_MAX);
    fails(ERR_TOO_LARGE, upload_record_rest(db, &u, large, UPLOAD_REST_MAX + 1));
    ok(upload_record_rest(db, &u, "less", 4));
    sealed_is(&u.id, "less");
    ok(upload_record_rest(db, &u, NULL, 0));
    sealed_is_gone(&u.id);
    sealed_is(&other.id, "another's");
    is_stored(&other);
    other.id = nil;
    fails(ERR_NOT_FOUND, upload_record_rest(db, &other, "x", 1));
    close_records();
}
END_TEST

START_TEST(a_state_changes_only_from_where_it_is)
{
    struct upload_record u, changed;
    struct uuid claim, artefact;

    open_records();
    claim = new_claim("PIP-1", "alex");
    artefact = new_artefact(&claim, "alex");
    u = upload_of(&claim, "alex");
    add(&u);
    ok(upload_record_rest(db, &u, "sealed", 6));
    changed = u;
    changed.state = UPLOAD_WHOLE;
    changed.updated_at = 30;
    fails(ERR_CONFLICT, upload_record_change(db, &changed, UPLOAD_WHOLE));
    is_stored(&u);
    ok(upload_record_change(db, &changed, UPLOAD_OPEN));
    is_stored(&changed);
    sealed_is(&u.id, "sealed"); /* which a WHOLE one still needs */
    changed.offset = 7;
    ok(upload_record_rest(db, &changed, "still", 5));
    changed.state = UPLOAD_FINISHED;
    changed.artefact = artefact;
    changed.updated_at = 40;
    (void)strcpy(changed.reason, "why");
    ok(upload_record_change(db, &changed, UPLOAD_WHOLE));
    is_stored(&changed);
    sealed_is_gone(&u.id);
    fails(ERR_CONFLICT, upload_record_rest(db, &changed, "late", 4));
    sealed_is_gone(&u.id);
    is_stored(&changed);
    fails(ERR_CONFLICT, upload_record_change(db, &changed, UPLOAD_OPEN));
    changed.id = nil;
    fails(ERR_NOT_FOUND, upload_record_change(db, &changed, UPLOAD_OPEN));
    close_records();
}
END_TEST

START_TEST(every_end_takes_the_rest_away)
{
    static const enum upload_state ends[] = {UPLOAD_FINISHED, UPLOAD_USED, UPLOAD_FAILED,
                                             UPLOAD_EXPIRED, UPLOAD_TERMINATED};

    open_records();
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct upload_record u = upload_of(&nil, "alex");

        add(&u);
        ok(upload_record_rest(db, &u, "sealed", 6));
        u.state = ends[i];
        ok(upload_record_change(db, &u, UPLOAD_OPEN));
        sealed_is_gone(&u.id);
    }
    close_records();
}
END_TEST

/* --- lists -------------------------------------------------------------------------------- */
START_TEST(those_past_their_time_are_found)
{
    static const enum upload_state states[] = {UPLOAD_OPEN, UPLOAD_WHOLE, UPLOAD_OPEN,
                                               UPLOAD_FINISHED, UPLOAD_OPEN};
    static const int64_t expiries[] = {300, 100, 200, 50, 301};
    struct upload_record u[ARRAY_LEN(states)];

    open_records();
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        u[i] = upload_of(&nil, "alex");
        u[i].state = states[i];
        u[i].expires_at = expiries[i];
        add(&u[i]);
    }
    ok(upload_record_due(db, 99, found, 8, &n));
    ck_assert_uint_eq(n, 0);
    ok(upload_record_due(db, 300, found, 8, &n));
    ck_assert_uint_eq(n, 3);
    same_upload(&found[0], &u[1]);
    same_upload(&found[1], &u[2]);
    same_upload(&found[2], &u[0]);
    ok(upload_record_due(db, 300, found, 2, &n));
    ck_assert_uint_eq(n, 2);
    close_records();
}
END_TEST

START_TEST(ended_ones_are_forgotten_with_their_words)
{
    struct upload_record open_one, old_one, new_one;
    AUTO_CLEAR(buf_clear) struct buf none = {0};
    struct upload_words w = {.request = {0}}, back = {.request = none};

    open_records();
    fill(&w.metadata, UPLOAD_METADATA_MAX, 20, "filename");
    open_one = upload_of(&nil, "alex");
    old_one = upload_of(&nil, "alex");
    old_one.state = UPLOAD_EXPIRED;
    new_one = upload_of(&nil, "alex");
    new_one.state = UPLOAD_FINISHED;
    new_one.updated_at = 500;
    ok(upload_record_insert(db, &open_one, &w));
    ok(upload_record_insert(db, &old_one, &w));
    ok(upload_record_insert(db, &new_one, &w));
    ok(upload_record_rest(db, &open_one, "sealed", 6));
    ok(upload_record_forget(db, 10));
    is_stored(&old_one); /* touched at 10: not before */
    ok(upload_record_forget(db, 500));
    fails(ERR_NOT_FOUND, upload_record_find(db, &old_one.id, found));
    fails(ERR_NOT_FOUND, upload_record_words(db, &old_one.id, &back));
    is_stored(&open_one);
    is_stored(&new_one);
    sealed_is(&open_one.id, "sealed");
    words_clear(&w);
    close_records();
}
END_TEST

START_TEST(a_person_has_so_many_open)
{
    static const enum upload_state states[] = {UPLOAD_OPEN, UPLOAD_WHOLE, UPLOAD_FINISHED,
                                               UPLOAD_OPEN};
    struct person alex = person("alex"), sam = person("sam"), same_name = person("alex");
    uint64_t count;

    open_records();
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct upload_record u = upload_of(&nil, "alex");

        u.state = states[i];
        add(&u);
    }
    ok(upload_record_count_open(db, &alex, &count));
    ck_assert_uint_eq(count, 3);
    ok(upload_record_count_open(db, &sam, &count));
    ck_assert_uint_eq(count, 0);
    (void)strcpy(same_name.issuer, "https://elsewhere.example");
    ok(upload_record_count_open(db, &same_name, &count));
    ck_assert_uint_eq(count, 0);
    close_records();
}
END_TEST

START_TEST(what_a_person_has_begun_is_counted)
{
    static const struct {
        enum upload_state state;
        int64_t length;
        uint64_t offset;
        bool of_claim;
    } rows[] = {{UPLOAD_OPEN, -1, 5, true},        {UPLOAD_OPEN, 100, 7, true},
                {UPLOAD_WHOLE, 1000, 1000, false}, {UPLOAD_FINISHED, 9, 9, true},
                {UPLOAD_EXPIRED, 9, 9, true},      {UPLOAD_FAILED, 9, 9, false}};
    struct uuid claim, other;
    struct person alex = person("alex"), sam = person("sam");
    uint64_t sum = 1, count = 1;

    open_records();
    claim = new_claim("PIP-1", "alex");
    other = new_claim("PIP-2", "alex");
    ok(upload_record_pending(db, &alex, NULL, &sum));
    ck_assert_uint_eq(sum, 0);
    ok(upload_record_count(db, &alex, &count));
    ck_assert_uint_eq(count, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upload_record u = upload_of(rows[i].of_claim ? &claim : &nil, "alex");

        u.state = rows[i].state;
        u.length = rows[i].length;
        u.offset = rows[i].offset;
        add(&u);
    }
    ok(upload_record_pending(db, &alex, NULL, &sum));
    ck_assert_uint_eq(sum, 1105);
    ok(upload_record_pending(db, &alex, &claim, &sum));
    ck_assert_uint_eq(sum, 105);
    ok(upload_record_pending(db, &alex, &other, &sum));
    ck_assert_uint_eq(sum, 0);
    ok(upload_record_pending(db, &sam, NULL, &sum));
    ck_assert_uint_eq(sum, 0);
    ok(upload_record_count(db, &alex, &count));
    ck_assert_uint_eq(count, ARRAY_LEN(rows));
    ok(upload_record_count(db, &sam, &count));
    ck_assert_uint_eq(count, 0);
    for (int i = 0; i < 2; i++) { /* as much as nobody has: no error of ours */
        struct upload_record u = upload_of(&nil, "sam");

        u.length = INT64_MAX;
        add(&u);
    }
    ok(upload_record_pending(db, &sam, NULL, &sum));
    ck_assert_uint_eq(sum, INT64_MAX);
    close_records();
}
END_TEST

/* They may name people; what became evidence says it in its artefact's record anyway. */
START_TEST(what_came_to_nothing_keeps_no_words)
{
    static const enum upload_state ends[] = {UPLOAD_FINISHED, UPLOAD_USED, UPLOAD_FAILED,
                                             UPLOAD_EXPIRED, UPLOAD_TERMINATED};
    struct upload_words w = {.request = {0}};

    open_records();
    fill(&w.request, 100, 2, "{}");
    fill(&w.metadata, 100, 10, "filename x");
    buf_init(&w.concat, 1);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct upload_record u = upload_of(&nil, "alex");
        struct upload_words back;

        ok(upload_record_insert(db, &u, &w));
        u.state = ends[i];
        ok(upload_record_change(db, &u, UPLOAD_OPEN));
        buf_init(&back.request, 100);
        buf_init(&back.metadata, 100);
        buf_init(&back.concat, 1);
        if (ends[i] == UPLOAD_FINISHED)
            ok(upload_record_words(db, &u.id, &back));
        else
            fails(ERR_NOT_FOUND, upload_record_words(db, &u.id, &back));
        words_clear(&back);
    }
    words_clear(&w);
    close_records();
}
END_TEST

START_TEST(a_part_has_somebody_while_its_upload_is_unfinished)
{
    struct upload_record u;
    bool has;

    open_records();
    u = upload_of(&nil, "alex");
    u.part = id_in_order();
    add(&u);
    ok(upload_record_has_part(db, &u.part, &has));
    ck_assert(has);
    ok(upload_record_has_part(db, &u.id, &has));
    ck_assert(!has);
    u.state = UPLOAD_FINISHED;
    ok(upload_record_change(db, &u, UPLOAD_OPEN));
    ok(upload_record_has_part(db, &u.part, &has));
    ck_assert(!has);
    close_records();
}
END_TEST

/* --- what has ended is gone --------------------------------------------------------------- */
enum { UPLOADS = 150, CHANGES = 1200, MARK = 16 };

static struct upload_record all[UPLOADS];
static bool live[UPLOADS];
static uint8_t mark[UPLOADS][MARK], dead[CHANGES + UPLOADS][MARK];
static size_t n_dead;

/* The sizes of life: a file key alone, less than a page, some, and a whole chunk behind it. */
static size_t any_size(void)
{
    static const uint32_t most[] = {120, 1500, 9000, UPLOAD_REST_MAX};

    return MARK + randombytes_uniform(most[randombytes_uniform(ARRAY_LEN(most))] - MARK);
}

static void bury(size_t i)
{
    if (live[i])
        memcpy(dead[n_dead++], mark[i], MARK);
    live[i] = false;
}

static void seal_anew(size_t i)
{
    static uint8_t rest[UPLOAD_REST_MAX];
    size_t len = any_size();

    bury(i);
    randombytes_buf(rest, len);
    randombytes_buf(mark[i], MARK);
    memcpy(rest + randombytes_uniform((uint32_t)(len - MARK + 1)), mark[i], MARK);
    ok(upload_record_rest(db, &all[i], rest, len));
    live[i] = true;
}

static void start(size_t i)
{
    all[i] = upload_of(&nil, "alex");
    if (i % 2)
        all[i].id = uuid_new(); /* in order among themselves, and between the others */
    else
        randombytes_buf(all[i].id.bytes, sizeof(all[i].id.bytes));
    add(&all[i]);
    seal_anew(i);
}

static void end(size_t i)
{
    bury(i);
    all[i].state = UPLOAD_FINISHED;
    ok(upload_record_change(db, &all[i], UPLOAD_OPEN));
}

static uint8_t *file_content(const char *name, size_t *len)
{
    FILE *f = fopen(scratch_path(&dir, name), "r");
    uint8_t *content = malloc(64 << 20);

    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(content);
    *len = fread(content, 1, 64 << 20, f);
    (void)fclose(f);
    return content;
}

/* Where a rest goes on in another page a mark may be cut in two: one half is whole. */
static bool holds(const uint8_t *content, size_t len, const uint8_t of[MARK])
{
    return memmem(content, len, of, MARK / 2) || memmem(content, len, of + MARK / 2, MARK / 2);
}

static void search(const char *file, size_t *found_live)
{
    size_t len;
    uint8_t *content = file_content(file, &len);

    for (size_t i = 0; i < n_dead; i++)
        ck_assert_msg(!holds(content, len, dead[i]), "%s still holds an ended rest", file);
    for (size_t i = 0; i < UPLOADS; i++)
        *found_live += live[i] && holds(content, len, mark[i]);
    free(content);
}

START_TEST(nothing_that_was_sealed_apart_stays_in_any_file)
{
    size_t found_live = 0, lived = 0;

    open_records();
    for (size_t i = 0; i < UPLOADS; i++)
        start(i);
    for (size_t i = 0; i < CHANGES; i++) {
        size_t at = randombytes_uniform(UPLOADS);

        if (i % 8 == 0)
            ok(db_begin(db));
        if (randombytes_uniform(3) > 0) {
            seal_anew(at);
        } else {
            end(at);
            start(at);
        }
        if (i % 100 == 50)
            ok(upload_record_forget(db, 100));
        if (i % 8 == 7 || i == CHANGES - 1)
            ok(db_commit(db));
    }
    for (size_t i = 0; i < UPLOADS; i += 2)
        end(i);
    ok(db_checkpoint(pool));
    search("db", &found_live);
    search("db-wal", &found_live);
    search("db-shm", &found_live);
    for (size_t i = 0; i < UPLOADS; i++)
        lived += live[i];
    ck_assert_uint_gt(lived, 0);
    ck_assert_uint_eq(found_live, lived); /* the search does find what is there */
    close_records();
}
END_TEST

/* The padding must fill what a row keeps in its own page. */
START_TEST(a_page_is_no_larger_than_the_padding)
{
    struct upload_record u;
    sqlite3_stmt *s;
    int page, padding;

    open_records();
    u = upload_of(&nil, "alex");
    add(&u);
    ok(upload_record_rest(db, &u, "x", 1));
    ck_assert_int_eq(sqlite3_prepare_v2(db->handle,
                                        "SELECT (SELECT page_size FROM pragma_page_size),"
                                        " (SELECT length(padding) FROM upload_rests)",
                                        -1, &s, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    page = sqlite3_column_int(s, 0);
    padding = sqlite3_column_int(s, 1);
    (void)sqlite3_finalize(s);
    ck_assert_int_gt(page, 0);
    ck_assert_int_ge(padding, page);
    close_records();
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    return SUITE_RUN(
        "storage/record_upload", an_upload_comes_back_as_it_went,
        its_words_come_back_byte_for_byte, every_state_has_a_name,
        an_unknown_state_in_the_row_is_corrupt, an_offset_moves_with_what_is_sealed_apart,
        a_state_changes_only_from_where_it_is, every_end_takes_the_rest_away,
        those_past_their_time_are_found, ended_ones_are_forgotten_with_their_words,
        a_person_has_so_many_open, what_a_person_has_begun_is_counted,
        what_came_to_nothing_keeps_no_words, a_part_has_somebody_while_its_upload_is_unfinished,
        nothing_that_was_sealed_apart_stays_in_any_file, a_page_is_no_larger_than_the_padding);
}
