#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"

#include <sodium.h>

static size_t n_listed;

static struct uuid letter(void)
{
    static unsigned number;
    char reference[32];

    (void)snprintf(reference, sizeof(reference), "R%u", number++);
    struct uuid claim = new_claim(reference, "alex");
    return new_artefact(&claim, "alex");
}

static struct inspection_record found(const struct uuid *artefact, const char *outcome)
{
    struct inspection_record r = {.artefact = *artefact,
                                  .at = 42,
                                  .reason = "none",
                                  .engine = "ClamAV 1.4.3",
                                  .signatures = "27555",
                                  .signatures_at = 1700000000,
                                  .type = "audio/flac",
                                  .flags = 5,
                                  .pages = 3,
                                  .width = 640,
                                  .height = 480,
                                  .members = 7,
                                  .duration_ms = INT64_C(3155760000000),
                                  .channels = 2,
                                  .sample_rate = 48000};

    (void)snprintf(r.outcome, sizeof(r.outcome), "%s", outcome);
    return r;
}

static void same(const struct inspection_record *a, const struct inspection_record *b)
{
    ck_assert_mem_eq(&a->artefact, &b->artefact, sizeof(a->artefact));
    ck_assert_uint_eq(a->attempt, b->attempt);
    ck_assert_int_eq(a->at, b->at);
    ck_assert_str_eq(a->outcome, b->outcome);
    ck_assert_str_eq(a->reason, b->reason);
    ck_assert_str_eq(a->virus, b->virus);
    ck_assert_str_eq(a->engine, b->engine);
    ck_assert_str_eq(a->signatures, b->signatures);
    ck_assert_int_eq(a->signatures_at, b->signatures_at);
    ck_assert_str_eq(a->type, b->type);
    ck_assert_uint_eq(a->flags, b->flags);
    ck_assert_uint_eq(a->pages, b->pages);
    ck_assert_uint_eq(a->width, b->width);
    ck_assert_uint_eq(a->height, b->height);
    ck_assert_uint_eq(a->members, b->members);
    ck_assert_int_eq(a->duration_ms, b->duration_ms);
    ck_assert_uint_eq(a->channels, b->channels);
    ck_assert_uint_eq(a->sample_rate, b->sample_rate);
}

START_TEST(the_newest_inspection_counts_and_none_is_overwritten)
{
    open_records();
    struct uuid id = letter(), other = letter();
    struct inspection_record first = found(&id, "could-not-scan"), second = found(&id, "virus");
    struct inspection_record of_other = found(&other, "clean"), now;

    fails(ERR_NOT_FOUND, inspection_find(db, &id, &now));
    strcpy(second.virus, "Test.Eicar");
    ok(inspection_insert(db, &first));
    ok(inspection_insert(db, &of_other));
    ok(inspection_insert(db, &second));
    ck_assert_uint_eq(first.attempt, 1);
    ck_assert_uint_eq(second.attempt, 2);
    ck_assert_uint_eq(of_other.attempt, 1);
    ok(inspection_find(db, &id, &now));
    same(&now, &second);
    ok(inspection_find(db, &other, &now));
    same(&now, &of_other);
    close_records();
}
END_TEST

START_TEST(an_inspection_is_of_an_artefact_that_is_there)
{
    open_records();
    struct uuid nobody = id_in_order();
    struct inspection_record r = found(&nobody, "clean");
    struct inspection_due d = {.artefact = nobody, .next_at = 1};
    struct view_release release = {.artefact = nobody, .by = person("robin"), .reason = "r"};
    uint16_t peak = 1;

    fails(ERR_CONFLICT, inspection_insert(db, &r));
    fails(ERR_CONFLICT, waveform_put(db, &nobody, &peak, 1));
    fails(ERR_CONFLICT, inspection_due_insert(db, &d, "k", 1));
    fails(ERR_CONFLICT, view_release_insert(db, &release));
    close_records();
}
END_TEST

START_TEST(a_waveform_comes_back_point_for_point)
{
    open_records();
    struct uuid id = letter();
    uint16_t peaks[INSPECTION_PEAKS_MAX + 1], back[INSPECTION_PEAKS_MAX];
    size_t n = 99;

    fails(ERR_NOT_FOUND, waveform_find(db, &id, back, &n));
    for (size_t i = 0; i < ARRAY_LEN(peaks); i++)
        peaks[i] = (uint16_t)(i * 65535 / INSPECTION_PEAKS_MAX);
    fails(ERR_TOO_LARGE, waveform_put(db, &id, peaks, ARRAY_LEN(peaks)));
    ok(waveform_put(db, &id, peaks, 2));
    ok(waveform_put(db, &id, peaks, INSPECTION_PEAKS_MAX));
    ok(waveform_find(db, &id, back, &n));
    ck_assert_uint_eq(n, INSPECTION_PEAKS_MAX);
    ck_assert_mem_eq(back, peaks, sizeof(back));
    close_records();
}
END_TEST

START_TEST(what_is_due_is_listed_by_its_time)
{
    open_records();
    struct uuid id[3] = {letter(), letter(), letter()};
    struct inspection_due list[4], d;
    AUTO_CLEAR(buf_clear) struct buf sealed;
    uint64_t count = 99;
    int64_t oldest = 99;

    ok(inspection_due_count(db, &count, &oldest));
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(oldest, 0);
    for (int i = 0; i < 3; i++) {
        d = (struct inspection_due){.artefact = id[i], .since = 10 + i, .next_at = 100 - i};
        ok(inspection_due_insert(db, &d, &"abc"[i], 1));
    }
    fails(ERR_EXISTS, inspection_due_insert(db, &d, "x", 1));
    ok(inspection_due_count(db, &count, &oldest));
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(oldest, 10);
    ok(inspection_due_list(db, 99, list, 4, &n_listed));
    ck_assert_uint_eq(n_listed, 2);
    ck_assert_mem_eq(&list[0].artefact, &id[2], sizeof(id[2]));
    ck_assert_mem_eq(&list[1].artefact, &id[1], sizeof(id[1]));
    list[0].attempts = 4;
    list[0].next_at = 1000;
    ok(inspection_due_later(db, &list[0]));
    ok(inspection_due_list(db, 1000, list, 4, &n_listed));
    ck_assert_uint_eq(n_listed, 3);
    ck_assert_uint_eq(list[2].attempts, 4);
    ck_assert_int_eq(list[2].since, 12);
    buf_init(&sealed, 8);
    ok(inspection_due_sealed(db, &id[1], &sealed));
    ck_assert_str_eq(buf_text(&sealed), "b");
    close_records();
}
END_TEST

START_TEST(what_was_inspected_is_due_no_more)
{
    open_records();
    struct uuid id = letter();
    struct inspection_due d = {.artefact = id, .next_at = 1};
    AUTO_CLEAR(buf_clear) struct buf sealed;
    uint8_t large[INSPECTION_KEY_MAX + 1] = {0};

    fails(ERR_TOO_LARGE, inspection_due_insert(db, &d, large, sizeof(large)));
    fails(ERR_NOT_FOUND, inspection_due_remove(db, &id));
    fails(ERR_NOT_FOUND, inspection_due_later(db, &d));
    ok(inspection_due_insert(db, &d, "k", 1));
    ok(inspection_due_remove(db, &id));
    buf_init(&sealed, 8);
    fails(ERR_NOT_FOUND, inspection_due_sealed(db, &id, &sealed));
    fails(ERR_NOT_FOUND, inspection_due_remove(db, &id));
    ok(inspection_due_insert(db, &d, "k", 1)); /* and may be again */
    close_records();
}
END_TEST

/* --- what is sealed leaves the files with its row ----------------------------------------- */

enum { DUE = 120, CHANGES = 600, MARK = 32 };

static uint8_t mark[DUE][MARK], dead[DUE + CHANGES][MARK];
static size_t n_dead;

static void put(const struct uuid *id, size_t i)
{
    struct inspection_due d = {.artefact = *id, .next_at = (int64_t)randombytes_uniform(1000)};

    randombytes_buf(mark[i], MARK);
    ok(inspection_due_insert(db, &d, mark[i], MARK));
}

static size_t count_in(const char *name, const uint8_t (*marks)[MARK], size_t n)
{
    FILE *f = fopen(scratch_path(&dir, name), "r");
    uint8_t *content = malloc(64 << 20);
    size_t len, found_here = 0;

    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(content);
    len = fread(content, 1, 64 << 20, f);
    (void)fclose(f);
    for (size_t i = 0; i < n; i++)
        found_here += memmem(content, len, marks[i], MARK) != NULL;
    free(content);
    return found_here;
}

START_TEST(no_key_of_what_was_inspected_stays_in_any_file)
{
    struct uuid id[DUE];

    open_records();
    for (size_t i = 0; i < DUE; i++) {
        id[i] = letter();
        put(&id[i], i);
    }
    for (size_t i = 0; i < CHANGES; i++) {
        size_t at = randombytes_uniform(DUE);
        struct inspection_due d = {.artefact = id[at], .attempts = (unsigned)i, .next_at = 1};

        if (i % 3 == 0) {
            ok(inspection_due_later(db, &d));
            continue;
        }
        memcpy(dead[n_dead++], mark[at], MARK);
        ok(inspection_due_remove(db, &id[at]));
        put(&id[at], at);
    }
    ok(db_checkpoint(pool));
    ck_assert_uint_eq(count_in("db", dead, n_dead), 0);
    ck_assert_uint_eq(count_in("db-wal", dead, n_dead), 0);
    ck_assert_uint_eq(count_in("db", mark, DUE), DUE); /* the search does find what is there */
    close_records();
}
END_TEST

START_TEST(a_page_is_no_larger_than_the_padding)
{
    sqlite3_stmt *s;
    int page, padding;

    open_records();
    struct uuid id = letter();
    put(&id, 0);
    ck_assert_int_eq(sqlite3_prepare_v2(db->handle,
                                        "SELECT (SELECT page_size FROM pragma_page_size),"
                                        " (SELECT length(padding) FROM inspection_keys)",
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

START_TEST(a_view_is_released_once)
{
    open_records();
    struct uuid id = letter();
    struct view_release r = {
        .artefact = id, .at = 9, .by = person("robin"), .reason = "for the appeal"};
    struct view_release back;

    fails(ERR_NOT_FOUND, view_release_find(db, &id, &back));
    ok(view_release_insert(db, &r));
    fails(ERR_EXISTS, view_release_insert(db, &r));
    ok(view_release_find(db, &id, &back));
    ck_assert_mem_eq(&back.artefact, &id, sizeof(id));
    ck_assert_int_eq(back.at, 9);
    ck_assert_str_eq(back.by.subject, "robin");
    ck_assert_str_eq(back.reason, "for the appeal");
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_inspection",
                     the_newest_inspection_counts_and_none_is_overwritten,
                     an_inspection_is_of_an_artefact_that_is_there,
                     a_waveform_comes_back_point_for_point, what_is_due_is_listed_by_its_time,
                     what_was_inspected_is_due_no_more,
                     no_key_of_what_was_inspected_stays_in_any_file,
                     a_page_is_no_larger_than_the_padding, a_view_is_released_once);
}
