#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"

static void usage_is(enum usage_scope scope, const char *key, uint64_t artefacts,
                     uint64_t bytes)
{
    struct usage u = {.artefacts = 99, .bytes = 99};

    ok(usage_find(db, scope, key, &u));
    ck_assert_uint_eq(u.artefacts, artefacts);
    ck_assert_uint_eq(u.bytes, bytes);
}

static int64_t rows(void)
{
    sqlite3_stmt *s;
    int64_t count;

    ck_assert_int_eq(sqlite3_prepare_v2(db->handle, "SELECT count(*) FROM usage", -1, &s, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    count = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    return count;
}

START_TEST(usage_adds_up_for_each_apart)
{
    open_records();
    usage_is(USAGE_PERSON, "https://login.example#alex", 0, 0);
    ok(usage_add(db, USAGE_PERSON, "https://login.example#alex", 1, 1000));
    ok(usage_add(db, USAGE_PERSON, "https://login.example#alex", 2, INT64_C(1) << 40));
    ok(usage_add(db, USAGE_PERSON, "https://login.example#sam", 1, 5));
    ok(usage_add(db, USAGE_CLAIM, "https://login.example#alex", 1, 7)); /* another scope */
    usage_is(USAGE_PERSON, "https://login.example#alex", 3, (UINT64_C(1) << 40) + 1000);
    usage_is(USAGE_PERSON, "https://login.example#sam", 1, 5);
    usage_is(USAGE_CLAIM, "https://login.example#alex", 1, 7);
    usage_is(USAGE_CLAIM, "https://login.example#sam", 0, 0);
    close_records();
}
END_TEST

START_TEST(what_is_taken_off_never_goes_below_nothing)
{
    open_records();
    ok(usage_add(db, USAGE_CLAIM, "c", 2, 10));
    ok(usage_add(db, USAGE_CLAIM, "c", -1, -4));
    usage_is(USAGE_CLAIM, "c", 1, 6);
    ok(usage_add(db, USAGE_CLAIM, "c", -1, -7));
    usage_is(USAGE_CLAIM, "c", 0, 0);
    ck_assert_int_eq(rows(), 0);
    ok(usage_add(db, USAGE_CLAIM, "c", -1, -7));
    usage_is(USAGE_CLAIM, "c", 0, 0);
    ck_assert_int_eq(rows(), 0);
    ok(usage_add(db, USAGE_CLAIM, "c", 0, 0));
    ck_assert_int_eq(rows(), 0);
    ok(usage_add(db, USAGE_CLAIM, "c", 1, 0)); /* an empty file is one, too */
    ok(usage_add(db, USAGE_CLAIM, "d", 0, 3));
    ck_assert_int_eq(rows(), 2);
    close_records();
}
END_TEST

/* --- a database from before --------------------------------------------------------------- */
static void execute(const char *sql)
{
    char *message = NULL;

    ck_assert_msg(sqlite3_exec(db->handle, sql, NULL, NULL, &message) == SQLITE_OK, "%s",
                  message);
}

/* As the second version of this program left it. */
static void go_back(void)
{
    execute("DROP INDEX artefact_links_removed; DROP INDEX artefacts_by_bytes;"
            "DROP TABLE sealing; ALTER TABLE ledger_entries DROP COLUMN sealed;"
            "ALTER TABLE idempotency_keys DROP COLUMN sealed;"
            "ALTER TABLE artefact_links DROP COLUMN sealed_reason;"
            "ALTER TABLE artefacts DROP COLUMN sealed_description;"
            "ALTER TABLE artefacts DROP COLUMN sealed_filename;"
            "ALTER TABLE claims DROP COLUMN sealed_nino;"
            "ALTER TABLE claims DROP COLUMN sealed_born;"
            "ALTER TABLE claims DROP COLUMN sealed_name;");
    execute("DROP TABLE claim_contacts; DROP TABLE message_steps; DROP TABLE messages;");
    execute("DROP TABLE artefact_openings; DROP TABLE artefact_times; DROP TABLE claim_clocks;"
            "DROP TABLE claim_leases; DROP TABLE request_items; DROP TABLE evidence_requests;");
    execute("DROP TABLE retention_shortenings; DROP TABLE retention; DROP TABLE live_interest;"
            "DROP TABLE disposals; DROP TABLE disposal_list_items; DROP TABLE disposal_lists;"
            "DROP TABLE holds; DROP TABLE restrictions;");
    execute("DROP TABLE medical_reports; DROP TABLE claim_subjects;");
    execute("DROP TABLE incidents; DROP TABLE copy_deletions;"
            "DROP INDEX read_sessions_by_artefact; DROP TABLE claim_deaths;"
            "ALTER TABLE choice_events DROP COLUMN policy;"
            "ALTER TABLE choice_events DROP COLUMN notice_sha256;"
            "ALTER TABLE choice_events DROP COLUMN authority;");
    execute("DROP TABLE passwords_awaited;");
    execute("DROP TABLE harm_releases; DROP TABLE audit_sample_items;"
            "DROP TABLE audit_populations; DROP TABLE audit_samples;"
            "DROP INDEX artefacts_by_receipt; DROP INDEX ledger_entries_by_time;"
            "DROP INDEX ledger_entries_by_action; DROP INDEX ledger_entries_by_actor;"
            "DROP INDEX ledger_entries_by_actor_action;"
            "DROP TABLE view_releases; DROP TABLE inspection_keys; DROP TABLE inspections_due;"
            "DROP TABLE waveforms; DROP TABLE inspections;"
            "DROP TABLE usage; DROP TABLE upload_rests; DROP TABLE upload_words;"
            "DROP TABLE uploads; DROP INDEX artefacts_by_digest;"
            "DROP INDEX artefact_links_elsewhere;"
            "ALTER TABLE artefact_links DROP COLUMN elsewhere; PRAGMA user_version = 2");
    db_pool_free(pool);
    ok(db_pool_open(scratch_path(&dir, "db"), false, 2, &pool));
    columns_for_tests(pool);
    ok(db_writer(pool, &db));
}

START_TEST(a_migration_counts_what_is_there)
{
    struct uuid first, second;
    char first_text[UUID_TEXT_SIZE], second_text[UUID_TEXT_SIZE];

    open_records();
    first = new_claim("PIP-1", "alex");
    second = new_claim("PIP-2", "sam");
    uuid_format(&first, first_text);
    uuid_format(&second, second_text);
    for (int i = 0; i < ARTEFACT_STATUS_COUNT; i++) {
        struct artefact_record a = artefact_of(&first, "alex");

        a.status = (enum artefact_status)i;
        a.size = UINT64_C(1) << i;
        (void)add_artefact(&a);
    }
    (void)new_artefact(&second, "alex");
    (void)new_artefact(&second, "doctor");
    {
        struct artefact_record a = artefact_of(&nil, "doctor");

        ok(artefact_insert(db, &a)); /* of no claim yet */
    }
    go_back();
    /* All but the refused (32) and the disposed (64). */
    usage_is(USAGE_CLAIM, first_text, 5, 31);
    usage_is(USAGE_CLAIM, second_text, 2, 2000);
    usage_is(USAGE_PERSON, "https://login.example#alex", 6, 1031);
    usage_is(USAGE_PERSON, "https://login.example#doctor", 2, 2000);
    ck_assert_int_eq(rows(), 4);
    close_records();
}
END_TEST

START_TEST(a_migration_tells_links_from_elsewhere)
{
    struct uuid first, second, own, linked;
    struct artefact_record same[4];
    uint8_t digest[32];
    size_t n;

    open_records();
    first = new_claim("PIP-1", "alex");
    second = new_claim("PIP-2", "sam");
    own = new_artefact(&first, "alex");
    linked = new_artefact(&second, "sam");
    add_link(&linked, &first);
    go_back();
    memset(digest, 0xa1, sizeof(digest));
    ok(artefact_list_same(db, &first, digest, same, 4, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&same[0].id, &linked));
    ck_assert(uuid_equal(&same[1].id, &own));
    ok(artefact_list_same(db, &second, digest, same, 4, &n));
    ck_assert_uint_eq(n, 1);
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_usage", usage_adds_up_for_each_apart,
                     what_is_taken_off_never_goes_below_nothing,
                     a_migration_counts_what_is_there, a_migration_tells_links_from_elsewhere);
}
