/* Personal values in rows: who has no key reads and writes none, what is moved does not open;
 * and the walk that brings older databases and older keys up to date. */
#include "storage/record_sealing.h"

#include "gateway/base/clock.h"
#include "storage/committer.h"
#include "storage/db_internal.h"
#include "tests/unit/storage/ledger_world.h"
#include "tests/unit/storage/records_fixture.h"

#include <dirent.h>
#include <regex.h>

enum { FILE_MAX = 8 * 1024 * 1024, SECOND = 9 };

static uint8_t bytes[FILE_MAX];

static bool file_has(const char *path, const char *text)
{
    FILE *f = fopen(path, "r");
    size_t len;

    if (f == NULL)
        return false;
    len = fread(bytes, 1, sizeof(bytes), f);
    ck_assert_uint_lt(len, sizeof(bytes));
    (void)fclose(f);
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

/* In the database or in its journal. */
static bool files_have(const char *database, const char *text)
{
    char wal[PATH_MAX];

    (void)snprintf(wal, sizeof(wal), "%s-wal", database);
    return file_has(database, text) || file_has(wal, text);
}

static void execute(struct db *on, const char *sql)
{
    char *message = NULL;

    ck_assert_msg(sqlite3_exec(on->handle, sql, NULL, NULL, &message) == SQLITE_OK, "%s",
                  message);
}

static void use(struct db_pool *p, struct column_keys *personal)
{
    static struct column_keys *intake;

    if (intake == NULL)
        intake = columns_of_test(2);
    db_pool_columns(
        p, &(struct db_columns){.personal = personal, .intake = intake, .intake_lasts = true});
}

static void add_master(struct column_keys *keys, uint8_t first)
{
    uint8_t master[COLUMN_MASTER_SIZE] = {first, 0x7e, 0x57};

    ok(column_keys_add(keys, master, sizeof(master)));
}

static void check_claim(const struct uuid *id, const char *name, const char *nino)
{
    struct claim_record c;

    ok(claim_find(db, id, &c));
    ck_assert_str_eq(c.claimant_name, name);
    ck_assert_str_eq(c.claimant_nino, nino);
}

/* --- who has which keys ------------------------------------------------------------------- */
START_TEST(without_a_key_nothing_is_written_and_nothing_read)
{
    struct claim_record c;
    struct uuid id;

    open_records();
    id = new_claim("A", "ada");
    use(pool, NULL);
    check_claim(&id, "", "");
    c = claim_of("B", "bob");
    fails(ERR_UNAVAILABLE, claim_insert(db, &c));
    c.claimant_name[0] = c.claimant_born[0] = c.claimant_nino[0] = '\0';
    ok(claim_insert(db, &c)); /* there is nothing to seal */
    ck_assert(!db_can_open(db));
    close_records();
}
END_TEST

START_TEST(a_plane_that_seals_writes_what_others_read)
{
    AUTO(column_keys_free) struct column_keys *full = columns_of_test(1), *seals = NULL;
    uint8_t key_id[COLUMN_ID_SIZE], point[COLUMN_POINT_SIZE];
    struct uuid id;

    open_records();
    column_keys_public(full, key_id, point);
    ok(column_keys_new(&seals));
    ok(column_keys_seal_only(seals, key_id, point));
    use(pool, seals);
    id = new_claim("A", "ada");
    check_claim(&id, "", "");
    use(pool, full);
    check_claim(&id, "Alex Ødegård", "AB123456C");
    close_records();
}
END_TEST

START_TEST(what_is_moved_does_not_open)
{
    struct claim_record c;
    struct uuid one, two;

    open_records();
    one = new_claim("A", "ada");
    two = new_claim("B", "bob");
    execute(db, "UPDATE claims SET sealed_name = (SELECT sealed_name FROM claims WHERE"
                " external_reference = 'A') WHERE external_reference = 'B'");
    fails(ERR_CORRUPT, claim_find(db, &two, &c));
    execute(db, "UPDATE claims SET sealed_nino = sealed_name WHERE external_reference = 'A'");
    fails(ERR_CORRUPT, claim_find(db, &one, &c));
    close_records();
}
END_TEST

START_TEST(a_key_that_is_gone_is_damage)
{
    AUTO(column_keys_free) struct column_keys *other = columns_of_test(SECOND);
    struct claim_record c;
    struct uuid id;

    open_records();
    id = new_claim("A", "ada");
    use(pool, other);
    fails(ERR_CORRUPT, claim_find(db, &id, &c)); /* and not "there is no such claim" */
    close_records();
}
END_TEST

/* --- the walk ----------------------------------------------------------------------------- */
/* As an older version wrote them: plain, and more than a batch. */
static void write_plain(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char reference[32];
        struct uuid claim;

        (void)snprintf(reference, sizeof(reference), "EXT-%u", i);
        claim = new_claim(reference, "ada");
        (void)new_artefact(&claim, "ada");
    }
    execute(db,
            "UPDATE claims SET claimant_name = 'Zebedee Old', claimant_born = '1961-12-24',"
            " claimant_nino = 'CE111222A', sealed_name = NULL, sealed_born = NULL,"
            " sealed_nino = NULL; UPDATE artefacts SET filename = 'zebedee.pdf',"
            " description = 'Of Zebedee', sealed_filename = NULL, sealed_description = NULL;"
            "UPDATE artefact_links SET reason = 'Zebedee asked', sealed_reason = NULL");
}

START_TEST(what_older_versions_left_plain_is_sealed)
{
    const char *const words[] = {"Zebedee", "zebedee", "1961-12-24", "CE111222A"};
    struct link_record links[LINKS_MAX];
    struct artefact_record a;
    struct sealing told;
    struct claim_record c;
    size_t n;

    open_records();
    write_plain(700);
    ok(claim_find_reference(db, "EXT-5", &c)); /* readable as it is */
    ck_assert_str_eq(c.claimant_name, "Zebedee Old");
    ok(sealing_catch_up(pool, &told));
    ck_assert_uint_eq(told.rows, 3 * 700);
    ck_assert_uint_eq(told.plain, 3 * 700);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        ck_assert_msg(!files_have(scratch_path(&dir, "db"), words[i]), "%s", words[i]);
    ok(claim_find_reference(db, "EXT-699", &c));
    ck_assert_str_eq(c.claimant_name, "Zebedee Old");
    ck_assert_str_eq(c.claimant_born, "1961-12-24");
    ck_assert_str_eq(c.claimant_nino, "CE111222A");
    ok(artefact_list(db, &c.id, &(struct artefact_filter){0}, &nil, &a, 1, &n));
    ck_assert_str_eq(a.filename, "zebedee.pdf");
    ck_assert_str_eq(a.description, "Of Zebedee");
    ok(link_list(db, &a.id, links, &n));
    ck_assert_str_eq(links[0].reason, "Zebedee asked");
    ok(sealing_catch_up(pool, &told)); /* once is enough */
    ck_assert_uint_eq(told.rows, 0);
    close_records();
}
END_TEST

/* Stopped in the middle (by a value that does not open), it goes on when it is started again.
 */
START_TEST(a_walk_that_was_broken_off_goes_on)
{
    struct sealing told;
    uint64_t left;

    open_records();
    write_plain(400);
    execute(db, "UPDATE artefacts SET sealed_filename = x'0100000000' WHERE id ="
                " (SELECT max(id) FROM artefacts)");
    fails(ERR_CORRUPT, sealing_catch_up(pool, &told));
    ck_assert_uint_gt(told.rows, 400);
    execute(db, "UPDATE artefacts SET sealed_filename = NULL WHERE id ="
                " (SELECT max(id) FROM artefacts)");
    ok(sealing_catch_up(pool, &told));
    ck_assert_uint_gt(told.rows, 0);
    ck_assert_uint_lt(told.rows, 3 * 400);
    ok(claim_list(db, &(struct claim_filter){.stage = "evidence"}, &nil,
                  (struct claim_record[1]){{.benefit = ""}}, 1, &left));
    ck_assert(!files_have(scratch_path(&dir, "db"), "Zebedee"));
    close_records();
}
END_TEST

static int64_t count_of(const char *sql)
{
    AUTO_CLEAR(statement_end) struct statement s;

    ok(statement_begin(&s, db, sql));
    ok(statement_find(&s));
    return read_int(&s);
}

/* Moved rows leave parts of themselves in their pages, which compaction takes away: it stays
 * due until it was done. */
START_TEST(compaction_is_not_forgotten)
{
    static const char due[] = "SELECT count(*) FROM sealing WHERE part = 'compaction due'";
    struct sealing told;

    open_records();
    write_plain(400);
    execute(db, "UPDATE artefacts SET sealed_filename = x'0100000000' WHERE id ="
                " (SELECT max(id) FROM artefacts)");
    fails(ERR_CORRUPT, sealing_catch_up(pool, &told));
    ck_assert_int_eq(count_of(due), 1);
    execute(db, "UPDATE artefacts SET filename = '', description = '', sealed_filename = NULL;"
                "UPDATE artefact_links SET reason = '';"
                "CREATE TABLE left_over(text TEXT); INSERT INTO left_over VALUES('Zebedee');"
                "PRAGMA secure_delete = OFF; DROP TABLE left_over; PRAGMA secure_delete = ON");
    ok(db_checkpoint(pool));
    ck_assert(files_have(scratch_path(&dir, "db"), "Zebedee"));
    ok(sealing_catch_up(pool, &told)); /* nothing plain is left to be sealed */
    ck_assert_uint_eq(told.plain, 0);
    ck_assert_int_eq(count_of(due), 0);
    ok(db_checkpoint(pool));
    ck_assert(!files_have(scratch_path(&dir, "db"), "Zebedee"));
    close_records();
}
END_TEST

START_TEST(everything_goes_under_a_new_key)
{
    AUTO(column_keys_free) struct column_keys *both = columns_of_test(1);
    AUTO(column_keys_free) struct column_keys *old = columns_of_test(1);
    AUTO(column_keys_free) struct column_keys *new = columns_of_test(SECOND);
    uint8_t old_id[COLUMN_ID_SIZE], new_id[COLUMN_ID_SIZE];
    uint64_t under_old, under_new;
    struct artefact_record a;
    struct sealing told;
    struct uuid claim, artefact;

    open_records();
    use(pool, old);
    claim = new_claim("A", "ada");
    artefact = new_artefact(&claim, "ada");
    ok(sealing_catch_up(pool, &told));
    column_keys_id(old, 0, old_id);
    column_keys_id(new, 0, new_id);
    ok(sealing_count(db, old_id, &under_old));
    ck_assert_uint_eq(under_old, 3 + 2 + 1);
    add_master(both, SECOND);
    use(pool, both);
    check_claim(&claim, "Alex Ødegård", "AB123456C");
    ok(sealing_catch_up(pool, &told));
    ck_assert_uint_eq(told.rows, 3);
    ck_assert_uint_eq(told.plain, 0);
    ok(sealing_count(db, old_id, &under_old));
    ok(sealing_count(db, new_id, &under_new));
    ck_assert_uint_eq(under_old, 0);
    ck_assert_uint_eq(under_new, 3 + 2 + 1);
    use(pool, new);
    check_claim(&claim, "Alex Ødegård", "AB123456C");
    ok(artefact_find(db, &artefact, &a));
    ck_assert_str_eq(a.filename, "letter.pdf");
    close_records();
}
END_TEST

/* --- the log ------------------------------------------------------------------------------ */
struct told {
    json_t *details;
    struct ledger_ref ref;
};

static enum err append(struct commit_tx *tx, void *ctx)
{
    struct told *t = ctx;

    return ledger_append(tx, t->details, &t->ref);
}

static uint64_t log_reason(struct world *w, const char *action, const char *reason)
{
    AUTO(json_free) json_t *details = json_object();
    struct told t = {.details = details};

    json_put_text(details, "action", action);
    json_put_text(details, "reason", reason);
    ok(committer_run(w->committer, &(struct commit_job){.apply = append, .ctx = &t}));
    return t.ref.index;
}

static void no_finding(void *ctx, const struct ledger_finding *f)
{
    (void)ctx;
    ck_abort_msg("%s: %s", f->kind, f->message);
}

static void check_entry(struct world *w, uint64_t index, const char *words, bool there)
{
    AUTO(db_read_end) struct db *reader = NULL;
    struct ledger_entry e[8];
    size_t n;

    ok(db_read_begin(w->pool, &reader));
    ok(ledger_query(reader, &(struct ledger_filter){0}, UINT64_MAX, e, ARRAY_LEN(e), &n));
    ck_assert_uint_gt(n, index);
    ck_assert_msg((strstr(e[index].details, words) != NULL) == there, "%s", e[index].details);
    for (size_t i = 0; i < n; i++)
        ledger_entry_clear(&e[i]);
}

START_TEST(free_words_in_the_log_are_sealed_and_its_own_are_not)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    struct world w;
    uint64_t link, refusal, odd, findings;

    world_begin(&w);
    link = log_reason(&w, "link.made", "Sent by his aunt Zelda");
    refusal = log_reason(&w, "upload.refused", "contains-virus");
    odd = log_reason(&w, "upload.refused", "Because of Zelda");
    ck_assert(!files_have(scratch_path(&w.dir, "db"), "Zelda"));
    ck_assert(files_have(scratch_path(&w.dir, "db"), "contains-virus"));
    check_entry(&w, link, "Sent by his aunt Zelda", true);
    check_entry(&w, refusal, "contains-virus", true);
    check_entry(&w, odd, "Because of Zelda", true);
    ok(ledger_replay(w.ledger, no_finding, NULL, NULL, &findings));
    buf_init(&receipt, RECEIPT_MAX);
    ok(ledger_receipt(w.ledger, link, &receipt)); /* fresh: out of memory */
    buf_reset(&receipt);
    ok(ledger_receipt(w.ledger, link, &receipt));
    use(w.pool, NULL);
    check_entry(&w, link, "link.made", true); /* the rest of it */
    check_entry(&w, link, "Zelda", false);
    fails(ERR_UNAVAILABLE, ledger_receipt(w.ledger, link, &receipt));
    fails(ERR_UNAVAILABLE, ledger_replay(w.ledger, no_finding, NULL, NULL, &findings));
    world_end(&w);
}
END_TEST

static void count_columns(void *ctx, const struct ledger_finding *f)
{
    unsigned *n = ctx;

    *n += strcmp(f->kind, "columns") == 0;
}

/* What look-ups see is the rest of what was committed to, or the replay says so. */
START_TEST(a_changed_rest_is_found)
{
    struct world w;
    struct db *writer;
    uint64_t findings;
    unsigned columns = 0;

    world_begin(&w);
    (void)log_reason(&w, "link.made", "Sent by his aunt Zelda");
    ok(db_writer(w.pool, &writer));
    execute(writer, "UPDATE ledger_entries SET details = json_set(details, '$.entry', 4)"
                    " WHERE sealed IS NOT NULL");
    ok(ledger_replay(w.ledger, count_columns, NULL, &columns, &findings));
    ck_assert_uint_eq(columns, 1);
    world_end(&w);
}
END_TEST

START_TEST(entries_of_older_versions_are_sealed)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    char sql[512], plain[256];
    struct sealing told;
    struct db *writer;
    struct ledger_entry e[4];
    uint64_t link, findings;
    struct world w;
    size_t n;

    world_begin(&w);
    link = log_reason(&w, "link.made", "Sent by his aunt Zelda");
    ok(db_writer(w.pool, &writer));
    ok(ledger_query(writer, &(struct ledger_filter){.action = "link.made"}, UINT64_MAX, e, 4,
                    &n));
    ck_assert_uint_eq(n, 1);
    (void)snprintf(plain, sizeof(plain), "%s", e[0].details);
    ledger_entry_clear(&e[0]);
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE ledger_entries SET details = '%s', sealed = NULL WHERE seq = %llu",
                   plain, (unsigned long long)link);
    execute(writer, sql);
    ck_assert(files_have(scratch_path(&w.dir, "db"), "Zelda"));
    ok(sealing_catch_up(w.pool, &told));
    ck_assert_uint_eq(told.plain, 1);
    ck_assert(!files_have(scratch_path(&w.dir, "db"), "Zelda"));
    check_entry(&w, link, "Sent by his aunt Zelda", true);
    ok(ledger_replay(w.ledger, no_finding, NULL, NULL, &findings));
    buf_init(&receipt, RECEIPT_MAX);
    ok(ledger_receipt(w.ledger, link, &receipt));
    world_end(&w);
}
END_TEST

/* --- the table of columns ----------------------------------------------------------------- */
/* Every domain that a record file names is one that the walk knows. */
static size_t check_source(const char *path)
{
    regex_t domain;
    regmatch_t m[2];
    const char *at;
    size_t found = 0;
    FILE *f = fopen(path, "r");
    size_t len;

    ck_assert_ptr_nonnull(f);
    len = fread(bytes, 1, sizeof(bytes) - 1, f);
    (void)fclose(f);
    bytes[len] = '\0';
    ck_assert_int_eq(
        regcomp(&domain, "#define COLUMN_[A-Z]+ \"([a-z_]+\\.[a-z_]+)\"", REG_EXTENDED), 0);
    for (at = (const char *)bytes; regexec(&domain, at, 2, m, 0) == 0; at += m[0].rm_eo) {
        char name[COLUMN_DOMAIN_MAX + 1];

        (void)snprintf(name, sizeof(name), "%.*s", (int)(m[1].rm_eo - m[1].rm_so),
                       at + m[1].rm_so);
        ck_assert_msg(sealing_knows(name), "%s: storage/sealing_parts.c has no %s", path, name);
        found++;
    }
    regfree(&domain);
    return found;
}

START_TEST(every_sealed_column_is_in_the_table)
{
    DIR *folder = opendir(TEST_SOURCE_DIR "/storage");
    struct dirent *entry;
    size_t found = 0;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_MAX];

        if (strncmp(entry->d_name, "record_", 7) != 0 || !strstr(entry->d_name, ".c"))
            continue;
        (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/storage/%s", entry->d_name);
        found += check_source(path);
    }
    (void)closedir(folder);
    ck_assert_uint_gt(found, 15);
    ck_assert(sealing_knows("medical_reports.details"));
    ck_assert(!sealing_knows("claims.other"));
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/sealing", without_a_key_nothing_is_written_and_nothing_read,
                     a_plane_that_seals_writes_what_others_read, what_is_moved_does_not_open,
                     a_key_that_is_gone_is_damage, what_older_versions_left_plain_is_sealed,
                     a_walk_that_was_broken_off_goes_on, compaction_is_not_forgotten,
                     everything_goes_under_a_new_key,
                     free_words_in_the_log_are_sealed_and_its_own_are_not,
                     a_changed_rest_is_found, entries_of_older_versions_are_sealed,
                     every_sealed_column_is_in_the_table);
}
