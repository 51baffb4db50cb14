#include "storage/db.h"

#include "storage/db_internal.h"
#include "storage/statement.h"
#include "tests/unit/storage/scratch.h"

#include <pthread.h>
#include <stdlib.h>

static struct scratch dir;
static struct db_pool *pool;
static struct db *writer;

static void open_db(void)
{
    dir = scratch_new();
    ok(db_pool_open(scratch_path(&dir, "db"), true, 2, &pool));
    ok(db_writer(pool, &writer));
}

static void close_db(void)
{
    db_pool_free(pool);
    scratch_remove(&dir);
}

static enum err run(struct db *db, const char *sql)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    return statement_run(&s);
}

static int64_t number(struct db *db, const char *sql)
{
    AUTO_CLEAR(statement_end) struct statement s;
    int64_t n;

    ok(statement_begin(&s, db, sql));
    ok(statement_find(&s));
    n = read_int(&s);
    ok(statement_read(&s));
    return n;
}

/* Changes the file behind the gateway's back. */
static void tamper(const char *sql)
{
    sqlite3 *handle;

    ck_assert_int_eq(sqlite3_open(scratch_path(&dir, "db"), &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);
}

/* --- opening ------------------------------------------------------------------------------ */
START_TEST(a_new_database_is_ours_alone_and_up_to_date)
{
    struct stat st;

    (void)umask(0);
    open_db();
    ck_assert_int_eq(number(writer, "PRAGMA user_version"), SCHEMA_VERSION);
    ck_assert_int_eq(number(writer, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
    ck_assert_int_eq(number(writer, "PRAGMA synchronous"), 2);
    ck_assert_int_eq(number(writer, "PRAGMA foreign_keys"), 1);
    ck_assert_int_eq(number(writer, "PRAGMA secure_delete"), 1);
    ck_assert_int_eq(number(writer, "PRAGMA temp_store"), 2);
    ck_assert_int_eq(number(writer, "PRAGMA trusted_schema"), 0);
    ck_assert_int_eq(stat(scratch_path(&dir, "db"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(stat(scratch_path(&dir, "db-wal"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ok(db_integrity(pool));
    close_db();
}
END_TEST

START_TEST(what_is_not_there_is_not_made_unasked)
{
    dir = scratch_new();
    fails(ERR_NOT_FOUND, db_pool_open(scratch_path(&dir, "db"), false, 2, &pool));
    ck_assert_uint_eq(scratch_count(&dir, ""), 0);
    fails(ERR_NOT_FOUND, db_pool_open(scratch_path(&dir, "no/db"), true, 2, &pool));
    fails(ERR_INVALID, db_pool_open(scratch_path(&dir, ""), false, 2, &pool));
    fails(ERR_INVALID, db_pool_open(scratch_path(&dir, "db"), true, 0, &pool));
    fails(ERR_INVALID, db_pool_open(scratch_path(&dir, "db"), true, 1000, &pool));
    db_pool_free(NULL);
    db_read_end(NULL);
    scratch_remove(&dir);
}
END_TEST

START_TEST(a_database_opens_again_with_its_rows)
{
    open_db();
    ok(run(writer, "INSERT INTO ledger_checkpoints VALUES(7, 'note', 1)"));
    db_pool_free(pool);
    ok(db_pool_open(scratch_path(&dir, "db"), true, 1,
                    &pool)); /* create: it is there already */
    ok(db_writer(pool, &writer));
    ck_assert_int_eq(number(writer, "SELECT size FROM ledger_checkpoints"), 7);
    close_db();
}
END_TEST

/* What the first version made: its indexes, its tables and how many columns each had. All that
 * is later is taken away, whatever it is by now. */
#define FIRST_INDEXES                                                                          \
    "'claims_by_stage', 'claim_people_by_person', 'claim_assigned_by_subject',"                \
    " 'artefacts_by_assessment', 'artefact_links_by_artefact', 'headers_by_key',"              \
    " 'assessments_by_claim', 'idempotency_keys_by_expiry', 'read_sessions_open',"             \
    " 'ledger_entries_by_claim', 'ledger_entries_by_artefact', 'ledger_entries_of_erasures'"
static const struct {
    const char *table;
    int columns;
} FIRST_TABLES[] = {
    {"claims", 10},         {"claim_people", 9},     {"claim_assigned", 3},
    {"artefacts", 21},      {"artefact_links", 8},   {"headers", 3},
    {"header_slots", 2},    {"assessments", 8},      {"choice_events", 13},
    {"consent_events", 12}, {"idempotency_keys", 7}, {"read_sessions", 10},
    {"ledger_entries", 9},  {"ledger_tiles", 4},     {"ledger_checkpoints", 3},
};

/* Runs the statements that the question's one answer consists of. */
static void run_answer(sqlite3 *handle, const char *question)
{
    sqlite3_stmt *s;
    const unsigned char *text;

    ck_assert_int_eq(sqlite3_prepare_v2(handle, question, -1, &s, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    text = sqlite3_column_text(s, 0);
    if (text) {
        char *copy = strdup((const char *)text);

        ck_assert_int_eq(sqlite3_reset(s), SQLITE_OK);
        ck_assert_msg(sqlite3_exec(handle, copy, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", copy,
                      sqlite3_errmsg(handle));
        free(copy);
    }
    ck_assert_int_eq(sqlite3_finalize(s), SQLITE_OK);
}

static void go_back_to_first(void)
{
    char sql[1024], tables[512] = "";
    sqlite3 *handle;

    ck_assert_int_eq(sqlite3_open(scratch_path(&dir, "db"), &handle), SQLITE_OK);
    run_answer(handle,
               "SELECT group_concat('DROP INDEX ' || name, ';') FROM sqlite_schema WHERE"
               " type = 'index' AND sql IS NOT NULL AND name NOT IN (" FIRST_INDEXES ")");
    for (size_t i = 0; i < ARRAY_LEN(FIRST_TABLES); i++) {
        size_t len = strlen(tables);

        (void)snprintf(tables + len, sizeof(tables) - len, "%s'%s'", i > 0 ? ", " : "",
                       FIRST_TABLES[i].table);
        (void)snprintf(sql, sizeof(sql),
                       "SELECT group_concat('ALTER TABLE %s DROP COLUMN ' || name, ';') FROM"
                       " pragma_table_info('%s') WHERE cid >= %d",
                       FIRST_TABLES[i].table, FIRST_TABLES[i].table, FIRST_TABLES[i].columns);
        run_answer(handle, sql);
    }
    (void)snprintf(sql, sizeof(sql),
                   "SELECT group_concat('DROP TABLE ' || name, ';') FROM sqlite_schema WHERE"
                   " type = 'table' AND name NOT LIKE 'sqlite_%%' AND name NOT IN (%s)",
                   tables);
    run_answer(handle, sql);
    ck_assert_int_eq(sqlite3_exec(handle, "PRAGMA user_version = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);
}

/* As the first version of this program left it. */
START_TEST(an_older_database_is_brought_up_to_date)
{
    open_db();
    ok(run(writer, "INSERT INTO ledger_checkpoints VALUES(7, 'note', 1)"));
    db_pool_free(pool);
    go_back_to_first();
    ok(db_pool_open(scratch_path(&dir, "db"), false, 1, &pool));
    ok(db_writer(pool, &writer));
    ck_assert_int_eq(number(writer, "PRAGMA user_version"), SCHEMA_VERSION);
    ck_assert_int_eq(number(writer, "SELECT size FROM ledger_checkpoints"), 7);
    ok(run(writer, "INSERT INTO ledger_cosignatures VALUES(7, 'witness', 'line', 1)"));
    fails(ERR_CONFLICT, run(writer, "INSERT INTO ledger_cosignatures VALUES(8, 'w', 'l', 1)"));
    close_db();
}
END_TEST

START_TEST(a_newer_or_foreign_database_is_left_alone)
{
    static const char *const changes[] = {"PRAGMA user_version = 1000",
                                          "PRAGMA user_version = -1",
                                          "PRAGMA user_version = 1; PRAGMA application_id = 7"};

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        open_db();
        db_pool_free(pool);
        pool = NULL;
        tamper(changes[i]);
        fails(ERR_UNSUPPORTED, db_pool_open(scratch_path(&dir, "db"), true, 1, &pool));
        ck_assert_ptr_null(pool);
        scratch_remove(&dir);
    }
    dir = scratch_new();
    tamper("CREATE TABLE theirs(x)");
    fails(ERR_UNSUPPORTED, db_pool_open(scratch_path(&dir, "db"), true, 1, &pool));
    scratch_remove(&dir);
}
END_TEST

static void overwrite(off_t at, size_t len, uint8_t with)
{
    int fd = open(scratch_path(&dir, "db"), O_WRONLY);

    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(pwrite(fd, &with, 1, at + (off_t)i), 1);
    (void)close(fd);
}

START_TEST(a_file_that_is_no_database_is_corrupt)
{
    open_db();
    db_pool_free(pool);
    pool = NULL;
    overwrite(0, 100, 'x');
    fails(ERR_CORRUPT, db_pool_open(scratch_path(&dir, "db"), false, 1, &pool));
    ck_assert_ptr_null(pool);
    scratch_remove(&dir);
}
END_TEST

START_TEST(a_damaged_page_is_found_and_not_read)
{
    struct db *db;
    int64_t page;

    open_db();
    page =
        number(writer, "SELECT rootpage FROM sqlite_schema WHERE name = 'ledger_checkpoints'");
    for (int i = 0; i < 1000; i++)
        ok(run(writer, "INSERT INTO ledger_checkpoints SELECT count(*), hex(randomblob(50)), 1"
                       " FROM ledger_checkpoints"));
    db_pool_free(pool);
    overwrite((off_t)(page - 1) * 4096, 100, 0xff);
    ok(db_pool_open(scratch_path(&dir, "db"), false, 1, &pool));
    fails(ERR_CORRUPT, db_integrity(pool));
    ok(db_read_begin(pool, &db));
    fails(ERR_CORRUPT, run(db, "SELECT note FROM ledger_checkpoints WHERE size = 500"));
    db_read_end(db);
    close_db();
}
END_TEST

START_TEST(a_reference_to_nothing_is_found)
{
    open_db();
    db_pool_free(pool);
    tamper("INSERT INTO headers VALUES(zeroblob(16), 'k', 1)");
    ok(db_pool_open(scratch_path(&dir, "db"), false, 1, &pool));
    fails(ERR_CORRUPT, db_integrity(pool));
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CORRUPT), "headers"));
    close_db();
}
END_TEST

/* --- transactions ------------------------------------------------------------------------- */
START_TEST(what_is_rolled_back_is_gone)
{
    open_db();
    ok(db_begin(writer));
    ok(run(writer, "INSERT INTO ledger_checkpoints VALUES(1, '', 0)"));
    db_rollback(writer);
    db_rollback(writer); /* harmless */
    ok(db_begin(writer));
    ok(db_savepoint(writer));
    ok(run(writer, "INSERT INTO ledger_checkpoints VALUES(2, '', 0)"));
    ok(db_savepoint_release(writer));
    ok(db_savepoint(writer));
    ok(run(writer, "INSERT INTO ledger_checkpoints VALUES(3, '', 0)"));
    fails(ERR_EXISTS, run(writer, "INSERT INTO ledger_checkpoints VALUES(2, '', 0)"));
    db_savepoint_rollback(writer);
    ck_assert(db_in_transaction(writer));
    ok(db_commit(writer));
    ck_assert(!db_in_transaction(writer));
    db_savepoint_rollback(writer); /* nothing to do */
    ck_assert_int_eq(number(writer, "SELECT sum(size) FROM ledger_checkpoints"), 2);
    close_db();
}
END_TEST

START_TEST(a_reader_keeps_its_snapshot)
{
    struct db *before, *after;

    open_db();
    ok(db_read_begin(pool, &before));
    ck_assert_int_eq(number(before, "SELECT count(*) FROM ledger_checkpoints"), 0);
    ok(run(writer, "INSERT INTO ledger_checkpoints VALUES(1, '', 0)"));
    ok(db_read_begin(pool, &after));
    ck_assert_int_eq(number(before, "SELECT count(*) FROM ledger_checkpoints"), 0);
    ck_assert_int_eq(number(after, "SELECT count(*) FROM ledger_checkpoints"), 1);
    db_read_end(after);
    db_read_end(before);
    close_db();
}
END_TEST

START_TEST(a_reader_does_not_write)
{
    struct db *db;

    open_db();
    ok(db_read_begin(pool, &db));
    fails(ERR_DENIED, run(db, "INSERT INTO ledger_checkpoints VALUES(1, '', 0)"));
    db_read_end(db);
    close_db();
}
END_TEST

static void *give_back_late(void *db)
{
    (void)usleep(50000);
    db_read_end(db);
    return NULL;
}

START_TEST(readers_run_out_and_come_back)
{
    struct db *one, *two, *three = NULL;
    pthread_t thread;

    open_db();
    ok(db_read_begin(pool, &one));
    ok(db_read_begin(pool, &two));
    ck_assert_int_eq(pthread_create(&thread, NULL, give_back_late, two), 0);
    ok(db_read_begin(pool, &three));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_eq(three, two);
    fails(ERR_BUSY, db_read_begin(pool, &two));
    db_read_end(one);
    db_read_end(three);
    close_db();
}
END_TEST

enum { THREADS = 6, ROUNDS = 200 };

static void *read_always(void *arg)
{
    int64_t seen = 0;

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        AUTO(db_read_end) struct db *db = NULL;
        int64_t n;

        ok(db_read_begin(pool, &db));
        n = number(db, "SELECT count(*) FROM ledger_checkpoints");
        ck_assert_int_eq(number(db, "SELECT count(*) FROM ledger_checkpoints"), n);
        ck_assert_int_eq(n % 2, 0); /* only whole transactions */
        ck_assert_int_ge(n, seen);
        seen = n;
    }
    return NULL;
}

START_TEST(readers_and_the_writer_work_at_once)
{
    pthread_t threads[THREADS];

    open_db();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_always, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        ok(db_begin(writer));
        for (int k = 0; k < 2; k++)
            ok(run(writer, "INSERT INTO ledger_checkpoints SELECT count(*), '', 0 FROM "
                           "ledger_checkpoints"));
        ok(db_commit(writer));
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    close_db();
}
END_TEST

START_TEST(another_process_s_lock_is_busy)
{
    struct db_pool *other;
    struct db *theirs;

    open_db();
    ok(db_pool_open(scratch_path(&dir, "db"), false, 1,
                    &other)); /* stands for an administrator's command */
    ok(db_writer(other, &theirs));
    ck_assert_int_eq(sqlite3_busy_timeout(theirs->handle, 0), SQLITE_OK);
    ok(db_begin(writer));
    fails(ERR_BUSY, db_begin(theirs));
    ok(db_commit(writer));
    ok(db_begin(theirs));
    db_rollback(theirs);
    db_pool_free(other);
    close_db();
}
END_TEST

/* --- errors ------------------------------------------------------------------------------- */
START_TEST(constraints_are_told_apart)
{
    open_db();
    ok(run(writer, "INSERT INTO ledger_tiles VALUES(0, 0, x'', x'00')"));
    fails(ERR_EXISTS, run(writer, "INSERT INTO ledger_tiles VALUES(0, 0, x'', x'00')"));
    fails(ERR_CONFLICT, run(writer, "INSERT INTO headers VALUES(x'00', 'k', 1)"));
    fails(ERR_INTERNAL, run(writer, "INSERT INTO ledger_tiles VALUES(0, 1, x'', NULL)"));
    fails(ERR_INTERNAL, run(writer, "INSERT INTO ledger_tiles VALUES(0, 1, x'', 'text')"));
    fails(ERR_INTERNAL, run(writer, "SELECT nonsense FROM nowhere"));
    fails(ERR_INTERNAL,
          run(writer, "SELECT \"a string, not a column\"")); /* quotes are names only */
    close_db();
}
END_TEST

/* Fills one transaction until it fails; nothing of it may stay. */
static enum err fill(void)
{
    for (int i = 0; i < 100; i++) {
        TRY(run(writer,
                "INSERT INTO ledger_tiles SELECT 1, count(*), x'', randomblob(32768) FROM "
                "ledger_tiles"));
    }
    return ERR_OK;
}

static void full_and_back(enum err expected)
{
    ok(db_checkpoint(pool));
    ok(db_begin(writer));
    {
        enum err e = fill();

        if (e == ERR_OK)
            e = db_commit(writer); /* pages are written here */
        ck_assert_msg(e == expected, "%s: %s", err_name(e), err_message(e));
    }
    db_rollback(writer);
    ck_assert(!db_in_transaction(writer));
    ck_assert_int_eq(number(writer, "SELECT count(*) FROM ledger_tiles"), 0);
}

START_TEST(a_full_disk_is_no_space)
{
    dir = scratch_new();
    if (!scratch_mount_tiny(&dir, "size=2m"))
        return; /* not allowed here */
    ok(db_pool_open(scratch_path(&dir, "db"), true, 2, &pool));
    ok(db_writer(pool, &writer));
    full_and_back(ERR_NO_SPACE);
    ok(run(writer, "INSERT INTO ledger_tiles VALUES(0, 0, x'', x'00')")); /* in service again */
    ok(db_integrity(pool));
    db_pool_free(pool);
}
END_TEST

START_TEST(a_failing_write_is_an_error_and_passes)
{
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};

    open_db();
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    full_and_back(ERR_IO);
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ok(run(writer, "INSERT INTO ledger_tiles VALUES(0, 0, x'', x'00')"));
    ok(db_integrity(pool));
    close_db();
}
END_TEST

START_TEST(a_commit_that_cannot_be_made_durable_is_an_error)
{
    open_db();
    ok(db_begin(writer));
    ok(run(writer, "INSERT INTO ledger_tiles VALUES(0, 0, x'', x'00')"));
    scratch_fail_call(SYS_fdatasync, EIO);
    scratch_fail_call(SYS_fsync, EIO);
    fails(ERR_IO, db_commit(writer));
    db_rollback(writer);
    ck_assert(!db_in_transaction(writer));
    fails(ERR_IO, db_checkpoint(pool));
    close_db();
}
END_TEST

START_TEST(a_folder_that_cannot_be_synced_is_an_error)
{
    dir = scratch_new();
    scratch_fail_call(SYS_fsync, EIO);
    fails(ERR_IO, db_pool_open(scratch_path(&dir, "db"), true, 1, &pool));
    ck_assert_ptr_null(pool);
    scratch_remove(&dir);
}
END_TEST

/* --- the write-ahead log ------------------------------------------------------------------ */
static off_t wal_size(void)
{
    struct stat st;

    ck_assert_int_eq(stat(scratch_path(&dir, "db-wal"), &st), 0);
    return st.st_size;
}

START_TEST(a_checkpoint_empties_the_log)
{
    struct db *db;

    open_db();
    ok(run(writer, "INSERT INTO ledger_tiles VALUES(0, 0, x'', randomblob(9999))"));
    ck_assert_int_gt(wal_size(), 9999);
    ok(db_checkpoint(pool));
    ck_assert_int_eq(wal_size(), 0);
    ok(run(writer, "INSERT INTO ledger_tiles VALUES(0, 1, x'', randomblob(9999))"));
    ok(db_read_begin(pool, &db)); /* a reader that has read nothing yet is in nobody's way */
    ok(db_checkpoint(pool));
    ck_assert_int_eq(number(db, "SELECT count(*) FROM ledger_tiles"), 2);
    db_read_end(db);
    close_db();
}
END_TEST

/* --- statements --------------------------------------------------------------------------- */
START_TEST(values_pass_through_unchanged)
{
    AUTO_CLEAR(buf_clear) struct buf all;
    AUTO_FREE char *copy = NULL;
    struct uuid id = uuid_new(), back, nil = {{0}};
    char text[8];
    uint8_t blob[3];

    open_db();
    buf_init(&all, 64);
    {
        AUTO_CLEAR(statement_end) struct statement s;

        ok(statement_begin(&s, writer, "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"));
        bind_int(&s, INT64_MIN);
        bind_u64(&s, INT64_MAX);
        bind_bool(&s, true);
        bind_text(&s, "text");
        bind_text_or_null(&s, "");
        bind_blob(&s, "\0\1\2", 3);
        bind_blob(&s, NULL, 0);
        bind_uuid(&s, &id);
        bind_uuid_or_null(&s, &nil);
        bind_null(&s);
        bind_text(&s, "copy");
        bind_null(&s);
        bind_text_or_null(&s, "more");
        ok(statement_find(&s));
        ck_assert_int_eq(read_int(&s), INT64_MIN);
        ck_assert_uint_eq(read_u64(&s), INT64_MAX);
        ck_assert(read_bool(&s));
        read_text(&s, text, sizeof(text));
        ck_assert_str_eq(text, "text");
        ck_assert(read_is_null(&s));
        read_text(&s, text, sizeof(text));
        ck_assert_str_eq(text, "");
        read_blob(&s, blob, 3);
        ck_assert_mem_eq(blob, "\0\1\2", 3);
        ck_assert(!read_is_null(&s));
        read_append(&s, &all);
        read_uuid(&s, &back);
        ck_assert(uuid_equal(&id, &back));
        read_uuid(&s, &back);
        ck_assert(uuid_is_nil(&back));
        ck_assert_int_eq(read_int(&s), 0);
        read_text_copy(&s, &copy);
        ck_assert_str_eq(copy, "copy");
        read_skip(&s);
        read_append(&s, &all);
        ck_assert_str_eq(buf_text(&all), "more");
        ok(statement_read(&s));
    }
    close_db();
}
END_TEST

static enum err misread(const char *sql)
{
    AUTO_CLEAR(statement_end) struct statement s;
    char text[4];
    uint8_t blob[4];

    TRY(statement_begin(&s, writer, sql));
    TRY(statement_find(&s));
    (void)read_u64(&s);
    read_text(&s, text, sizeof(text));
    read_blob(&s, blob, sizeof(blob));
    return statement_read(&s);
}

START_TEST(a_column_that_does_not_fit_is_corrupt)
{
    open_db();
    ok(misread("SELECT 1, 'abc', x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT -1, 'abc', x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT 'x', 'abc', x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT 1.5, 'abc', x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT 1, 'abcd', x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT 1, CAST(x'610062' AS TEXT), x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT 1, 5, x'00010203'"));
    fails(ERR_CORRUPT, misread("SELECT 1, 'abc', x'000102'"));
    fails(ERR_CORRUPT, misread("SELECT 1, 'abc', x'0001020304'"));
    fails(ERR_NOT_FOUND, misread("SELECT 1, 'abc', x'00010203' WHERE 0"));
    close_db();
}
END_TEST

START_TEST(a_number_too_large_is_refused_before_it_is_written)
{
    AUTO_CLEAR(statement_end) struct statement s;

    open_db();
    ok(statement_begin(&s, writer, "INSERT INTO ledger_tiles VALUES(0, ?, x'', x'00')"));
    bind_u64(&s, (uint64_t)INT64_MAX + 1);
    fails(ERR_TOO_LARGE, statement_run(&s));
    statement_end(&s);
    ck_assert_int_eq(number(writer, "SELECT count(*) FROM ledger_tiles"), 0);
    close_db();
}
END_TEST

START_TEST(statements_are_kept_and_more_than_fit_still_work)
{
    char sql[64];

    open_db();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STATEMENTS_KEPT_MAX + 20; i++) {
            (void)snprintf(sql, sizeof(sql), "SELECT %d", i);
            ck_assert_int_eq(number(writer, sql), i);
        }
    }
    ck_assert_uint_eq(writer->kept, STATEMENTS_KEPT_MAX);
    close_db();
}
END_TEST

START_TEST(a_statement_in_use_may_be_used_again_inside)
{
    AUTO_CLEAR(statement_end) struct statement s;
    static const char sql[] = "SELECT 1 UNION ALL SELECT 2";
    bool row;

    open_db();
    ok(statement_begin(&s, writer, sql));
    ok(statement_step(&s, &row));
    ck_assert_int_eq(number(writer, sql), 1);
    ok(statement_step(&s, &row));
    ck_assert(row);
    ck_assert_int_eq(read_int(&s), 2);
    ok(statement_step(&s, &row));
    ck_assert(!row);
    statement_end(&s);
    statement_end(&s);
    close_db();
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "storage/db", a_new_database_is_ours_alone_and_up_to_date,
        what_is_not_there_is_not_made_unasked, a_database_opens_again_with_its_rows,
        an_older_database_is_brought_up_to_date, a_newer_or_foreign_database_is_left_alone,
        a_file_that_is_no_database_is_corrupt, a_damaged_page_is_found_and_not_read,
        a_reference_to_nothing_is_found, what_is_rolled_back_is_gone,
        a_reader_keeps_its_snapshot, a_reader_does_not_write, readers_run_out_and_come_back,
        readers_and_the_writer_work_at_once, another_process_s_lock_is_busy,
        constraints_are_told_apart, a_full_disk_is_no_space,
        a_failing_write_is_an_error_and_passes,
        a_commit_that_cannot_be_made_durable_is_an_error,
        a_folder_that_cannot_be_synced_is_an_error, a_checkpoint_empties_the_log,
        values_pass_through_unchanged, a_column_that_does_not_fit_is_corrupt,
        a_number_too_large_is_refused_before_it_is_written,
        statements_are_kept_and_more_than_fit_still_work,
        a_statement_in_use_may_be_used_again_inside);
}
