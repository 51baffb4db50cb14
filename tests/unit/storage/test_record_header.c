#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"

#include <sodium.h>

enum { ARTEFACTS = 1500, CHANGES = 5000, MARK = 16, HEADER_SIZE_MAX = 900 };

static struct uuid ids[ARTEFACTS];
static size_t n;

static void make(size_t count)
{
    struct uuid claim = new_claim("PIP-1", "alex");

    for (size_t i = 0; i < count; i++) {
        ids[i] = uuid_new();
        if (i % 2)
            randombytes_buf(ids[i].bytes, sizeof(ids[i].bytes)); /* some out of order */
        {
            struct artefact_record a = artefact_of(&claim, "alex");

            a.id = ids[i];
            ok(artefact_insert(db, &a));
        }
    }
}

static void header_is(const struct uuid *id, const char *expected)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, 1000);
    ok(header_get(db, id, &b));
    ck_assert_str_eq(buf_text(&b), expected);
}

START_TEST(a_header_is_put_replaced_and_removed)
{
    AUTO_CLEAR(buf_clear) struct buf b, tiny;

    open_records();
    make(2);
    buf_init(&b, 1000);
    buf_init(&tiny, 3);
    fails(ERR_NOT_FOUND, header_get(db, &ids[0], &b));
    ok(header_put(db, &ids[0], "k1", "header one", 10));
    ok(header_put(db, &ids[1], "k1", "header two", 10));
    header_is(&ids[0], "header one");
    fails(ERR_TOO_LARGE, header_get(db, &ids[0], &tiny));
    ok(header_put(db, &ids[0], "k2", "HEADER ONE", 10)); /* of its length */
    header_is(&ids[0], "HEADER ONE");
    ok(header_put(db, &ids[0], "k2", "longer than before", 18));
    header_is(&ids[0], "longer than before");
    ok(header_put(db, &ids[0], "k2", "short", 5));
    header_is(&ids[0], "short");
    header_is(&ids[1], "header two");
    ok(header_remove(db, &ids[0]));
    fails(ERR_NOT_FOUND, header_get(db, &ids[0], &b));
    fails(ERR_NOT_FOUND, header_remove(db, &ids[0]));
    header_is(&ids[1], "header two");
    fails(ERR_CONFLICT, header_put(db, &nil, "k1", "x", 1)); /* of no artefact */
    close_records();
}
END_TEST

START_TEST(a_rotation_finds_the_headers_of_a_key)
{
    struct uuid page[7], after = nil;
    uint64_t count;
    size_t total = 0;

    open_records();
    make(20);
    for (size_t i = 0; i < 20; i++)
        ok(header_put(db, &ids[i], i < 15 ? "old" : "new", "h", 1));
    ok(header_count_key(db, "old", &count));
    ck_assert_uint_eq(count, 15);
    ok(header_count_key(db, "other", &count));
    ck_assert_uint_eq(count, 0);
    for (;;) { /* as a rotation does: re-wrap while walking */
        ok(header_list_key(db, "old", &after, page, 7, &n));
        if (n == 0)
            break;
        for (size_t i = 0; i < n; i++)
            ok(header_put(db, &page[i], "new", "H", 1));
        after = page[n - 1];
        total += n;
    }
    ck_assert_uint_eq(total, 15);
    ok(header_count_key(db, "new", &count));
    ck_assert_uint_eq(count, 20);
    close_records();
}
END_TEST

/* --- destruction -------------------------------------------------------------------------- */
static uint8_t dead[ARTEFACTS + CHANGES][MARK], mark[ARTEFACTS][MARK];
static size_t n_dead;
static bool live[ARTEFACTS];

static void put_marked(size_t i)
{
    uint8_t header[HEADER_SIZE_MAX];
    size_t len = 300 + randombytes_uniform(HEADER_SIZE_MAX - 300);

    if (randombytes_uniform(2))
        len = 400; /* often of one length, as in life */
    randombytes_buf(header, sizeof(header));
    randombytes_buf(mark[i], MARK);
    memcpy(header + randombytes_uniform((uint32_t)len - MARK), mark[i], MARK);
    ok(header_put(db, &ids[i], "key", header, len));
    live[i] = true;
}

static void bury(size_t i)
{
    if (live[i])
        memcpy(dead[n_dead++], mark[i], MARK);
    live[i] = false;
}

static void change_one(size_t i)
{
    bool was_live = live[i];

    bury(i);
    if (was_live && randombytes_uniform(2))
        ok(header_remove(db, &ids[i]));
    else
        put_marked(i);
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

START_TEST(nothing_destroyed_stays_in_any_file)
{
    static const char *const files[] = {"db", "db-wal", "db-shm"};
    size_t found_live = 0, lived = 0;

    open_records();
    ok(db_begin(db));
    make(ARTEFACTS);
    ok(db_commit(db));
    for (size_t i = 0; i < ARTEFACTS; i++)
        put_marked(i);
    for (size_t i = 0; i < CHANGES; i++) {
        if (i % 8 == 0)
            ok(db_begin(db));
        change_one(randombytes_uniform(ARTEFACTS));
        if (i % 8 == 7 || i == CHANGES - 1)
            ok(db_commit(db));
    }
    ok(db_checkpoint(pool));
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        size_t len;
        uint8_t *content = file_content(files[f], &len);

        for (size_t i = 0; i < n_dead; i++)
            ck_assert_msg(!memmem(content, len, dead[i], MARK),
                          "%s still holds a destroyed header", files[f]);
        for (size_t i = 0; i < ARTEFACTS; i++)
            found_live += live[i] && memmem(content, len, mark[i], MARK);
        free(content);
    }
    for (size_t i = 0; i < ARTEFACTS; i++)
        lived += live[i];
    ck_assert_uint_gt(lived, 0);
    ck_assert_uint_eq(found_live,
                      lived); /* the search does find what is there, and in one place */
    close_records();
}
END_TEST

START_TEST(no_slot_is_ever_resized_or_deleted)
{
    int64_t slots, zeroed;
    sqlite3_stmt *s;

    open_records();
    make(3);
    ok(header_put(db, &ids[0], "k", "aaaa", 4));
    ok(header_put(db, &ids[1], "k", "bbbb", 4));
    ok(header_put(db, &ids[0], "k", "cccccc", 6));
    ok(header_put(db, &ids[0], "k", "dddddd", 6));
    ok(header_remove(db, &ids[1]));
    ok(header_put(db, &ids[2], "k", "eeee", 4));
    ck_assert_int_eq(
        sqlite3_prepare_v2(db->handle,
                           "SELECT count(*), sum(header = zeroblob(4)) FROM header_slots", -1,
                           &s, NULL),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    slots = sqlite3_column_int64(s, 0);
    zeroed = sqlite3_column_int64(s, 1);
    (void)sqlite3_finalize(s);
    ck_assert_int_eq(slots, 4);
    ck_assert_int_eq(zeroed, 2);
    close_records();
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    return SUITE_RUN("storage/record_header", a_header_is_put_replaced_and_removed,
                     a_rotation_finds_the_headers_of_a_key, nothing_destroyed_stays_in_any_file,
                     no_slot_is_ever_resized_or_deleted);
}
