/* The log by every combination of filters: what is found, by which index, in which order.
 * Samples and releases from the harm rule as rows. */
#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"
#include "storage/record_audit.h"

enum { FILTERS = 6, ENTRIES = 64 };

static size_t n;

static void entry_put(uint64_t seq, int64_t time, const char *action, const struct uuid *claim,
                      const struct uuid *artefact, const char *actor)
{
    AUTO_CLEAR(statement_end) struct statement s;
    static const uint8_t zeros[32];

    ok(statement_begin(
        &s, db,
        "INSERT INTO ledger_entries(seq, time, commitment, salt, details, action,"
        " claim, artefact, actor) VALUES(?, ?, ?, ?, '{}', ?, ?, ?, ?)"));
    bind_u64(&s, seq);
    bind_int(&s, time);
    bind_blob(&s, zeros, 32);
    bind_blob(&s, zeros, 32);
    bind_text(&s, action);
    bind_uuid(&s, claim);
    bind_uuid(&s, artefact);
    bind_text(&s, actor);
    ok(statement_run(&s));
}

/* Bit i of the number says which of two values an entry has; its time goes back once. */
static void fill(const struct uuid claims[2], const struct uuid artefacts[2])
{
    static const char *const actions[] = {"upload.committed", "read.opened"};
    static const char *const actors[] = {"i#ada", "i#bob"};

    for (unsigned i = 0; i < ENTRIES; i++)
        entry_put(i, i < 40 ? 1000 + i : 960 + i, actions[i & 1], &claims[i >> 1 & 1],
                  &artefacts[i >> 2 & 1], actors[i >> 3 & 1]);
}

static int64_t time_of(uint64_t seq)
{
    return (int64_t)(seq < 40 ? 1000 + seq : 960 + seq);
}

static bool fits(unsigned mask, uint64_t i)
{
    return ((mask & 1) == 0 || (i >> 2 & 1) == 1) && ((mask & 2) == 0 || (i >> 1 & 1) == 1) &&
           ((mask & 4) == 0 || (i >> 3 & 1) == 1) && ((mask & 8) == 0 || (i & 1) == 1) &&
           ((mask & 16) == 0 || time_of(i) >= 1010) && ((mask & 32) == 0 || time_of(i) < 1030);
}

static struct ledger_filter filter_of(unsigned mask, const struct uuid claims[2],
                                      const struct uuid artefacts[2])
{
    return (struct ledger_filter){.artefact = mask & 1 ? &artefacts[1] : NULL,
                                  .claim = mask & 2 ? &claims[1] : NULL,
                                  .actor = mask & 4 ? "i#bob" : NULL,
                                  .action = mask & 8 ? "read.opened" : NULL,
                                  .from = mask & 16 ? 1010 : 0,
                                  .to = mask & 32 ? 1030 : 0};
}

/* Reads in pages of three, and compares with a walk over all. */
static void check_found(unsigned mask, const struct ledger_filter *f)
{
    struct ledger_entry page[3];
    struct audit_place after = {.time = 0};
    size_t found = 0, wanted = 0;
    bool first = true;

    for (uint64_t i = 0; i < ENTRIES; i++)
        wanted += fits(mask, i);
    do {
        ok(audit_entries(db, f, first ? NULL : &after, page, 3, &n));
        for (size_t i = 0; i < n; i++) {
            struct audit_place at = {.time = page[i].time, .entry = page[i].index};

            ck_assert(fits(mask, at.entry));
            ck_assert(first || at.time > after.time ||
                      (at.time == after.time && at.entry > after.entry));
            after = at;
            first = false;
            ledger_entry_clear(&page[i]);
        }
        found += n;
    } while (n == 3);
    ck_assert_uint_eq(found, wanted);
}

static const char *index_for(unsigned mask)
{
    if (mask & 1)
        return "SEARCH ledger_entries USING INDEX ledger_entries_by_artefact (artefact=?)";
    if (mask & 2)
        return "SEARCH ledger_entries USING INDEX ledger_entries_by_claim (claim=?)";
    if ((mask & 12) == 12)
        return "SEARCH ledger_entries USING INDEX ledger_entries_by_actor_action"
               " (actor=? AND action=? AND time>?";
    if (mask & 4)
        return "SEARCH ledger_entries USING INDEX ledger_entries_by_actor (actor=? AND time>?";
    if (mask & 8)
        return "SEARCH ledger_entries USING INDEX ledger_entries_by_action"
               " (action=? AND time>?";
    return "SEARCH ledger_entries USING INDEX ledger_entries_by_time (time>?";
}

/* The first step is the search that is meant; nothing is sorted aside but what one claim or
 * artefact has. */
static void check_plan(unsigned mask, const char *sql)
{
    char explain[4096];
    const char *step;
    sqlite3_stmt *s;

    (void)snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
    ck_assert_int_eq(sqlite3_prepare_v2(db->handle, explain, -1, &s, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    step = (const char *)sqlite3_column_text(s, 3);
    ck_assert_msg(strncmp(step, index_for(mask), strlen(index_for(mask))) == 0, "%s\n%s", step,
                  sql);
    while (sqlite3_step(s) == SQLITE_ROW)
        ck_assert_msg((mask & 3) != 0, "%s\n%s", (const char *)sqlite3_column_text(s, 3), sql);
    (void)sqlite3_finalize(s);
}

static const char *last_question(void)
{
    const char *found = NULL;

    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        const char *sql = db->slots[i].handle ? sqlite3_sql(db->slots[i].handle) : "";

        if (strstr(sql, "FROM ledger_entries WHERE") && strstr(sql, "ORDER BY time, seq"))
            found = sql;
    }
    ck_assert_ptr_nonnull(found);
    return found;
}

static void forget_statements(void)
{
    db_pool_free(pool);
    ok(db_pool_open(scratch_path(&dir, "db"), false, 2, &pool));
    ok(db_writer(pool, &db));
}

START_TEST(every_combination_finds_by_its_index)
{
    struct uuid claims[2], artefacts[2];

    open_records();
    claims[0] = new_claim("A", "ada");
    claims[1] = new_claim("B", "bob");
    artefacts[0] = new_artefact(&claims[0], "ada");
    artefacts[1] = new_artefact(&claims[1], "bob");
    fill(claims, artefacts);
    for (unsigned mask = 0; mask < 1u << FILTERS; mask++) {
        struct ledger_filter f = filter_of(mask, claims, artefacts);
        struct audit_place after = {.time = 1005, .entry = 5};
        struct ledger_entry e;

        check_found(mask, &f);
        for (int with_cursor = 0; with_cursor < 2; with_cursor++) {
            forget_statements();
            ok(audit_entries(db, &f, with_cursor ? &after : NULL, &e, 1, &n));
            if (n == 1)
                ledger_entry_clear(&e);
            check_plan(mask, last_question());
        }
    }
    close_records();
}
END_TEST

static struct audit_sample_record sample_of(const char *reader, int64_t from, int64_t until)
{
    struct audit_sample_record r = {.id = id_in_order(),
                                    .by = person("audrey"),
                                    .reader = person(reader),
                                    .drawn_at = 1,
                                    .readable_from = from,
                                    .readable_until = until,
                                    .size = 1,
                                    .seed = "s",
                                    .strata = "kind",
                                    .population_count = 2,
                                    .sample_count = 1,
                                    .excluded = "{}"};
    memset(r.sample_sha256, 0x5a, sizeof(r.sample_sha256));
    return r;
}

static bool is_open(const struct uuid *artefact, const char *reader, int64_t now)
{
    struct person who = person(reader);
    bool open = false;

    ok(audit_sample_open(db, artefact, &who, now, &open));
    return open;
}

START_TEST(a_sample_opens_for_its_reader_in_its_time)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    struct audit_sample_record r, back, page[2];
    struct audit_sample_item item = {.stratum = "x"}, items[2];
    struct uuid claim, other;

    open_records();
    claim = new_claim("A", "ada");
    item.artefact = new_artefact(&claim, "ada");
    other = new_artefact(&claim, "ada");
    r = sample_of("aurel", 100, 200);
    ok(audit_sample_insert(db, &r, "text", 4, &item, 1));
    ck_assert(is_open(&item.artefact, "aurel", 100));
    ck_assert(is_open(&item.artefact, "aurel", 199));
    ck_assert(!is_open(&item.artefact, "aurel", 99));
    ck_assert(!is_open(&item.artefact, "aurel", 200));
    ck_assert(!is_open(&item.artefact, "audrey", 150));
    ck_assert(!is_open(&other, "aurel", 150));
    ok(audit_sample_find(db, &r.id, &back));
    ck_assert_int_eq(memcmp(&r, &back, sizeof(r)), 0);
    ok(audit_sample_items(db, &r.id, items, 2, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(items[0].stratum, "x");
    buf_init(&text, 10);
    ok(audit_sample_population(db, &r.id, &text));
    ck_assert_str_eq(buf_text(&text), "text");
    back = sample_of("aurel", 300, 400);
    ok(audit_sample_insert(db, &back, "", 0, &item, 1));
    ok(audit_sample_list(db, &nil, page, 2, &n));
    ck_assert(n == 2 && uuid_equal(&page[0].id, &back.id) && uuid_equal(&page[1].id, &r.id));
    ok(audit_sample_list(db, &back.id, page, 2, &n));
    ck_assert(n == 1 && uuid_equal(&page[0].id, &r.id));
    fails(ERR_NOT_FOUND, audit_sample_find(db, &nil, &back));
    close_records();
}
END_TEST

START_TEST(candidates_in_order_of_receipt)
{
    struct audit_candidate page[2], last = {.received_at = 0};
    struct uuid claim;
    size_t found = 0;

    open_records();
    claim = new_claim("A", "ada");
    for (int i = 0; i < 7; i++) {
        struct artefact_record a = artefact_of(&claim, "ada");

        a.received_at = 100 + i / 3; /* three at once */
        (void)add_artefact(&a);
    }
    do {
        ok(audit_candidates(db, 100, 102, found ? &last : NULL, page, 2, &n));
        for (size_t i = 0; i < n; i++, found++) {
            ck_assert(found == 0 || page[i].received_at > last.received_at ||
                      memcmp(page[i].id.bytes, last.id.bytes, 16) > 0);
            ck_assert_int_eq(page[i].status, ARTEFACT_AVAILABLE);
            last = page[i];
        }
    } while (n == 2);
    ck_assert_uint_eq(found, 6);
    close_records();
}
END_TEST

START_TEST(a_release_turns_the_flag_and_back)
{
    struct harm_release r = {.at = 5, .by = person("rosa"), .reviewer = "Dr R", .reason = "x"};
    struct harm_release back;
    struct artefact_record a;
    struct uuid claim;

    open_records();
    claim = new_claim("A", "ada");
    a = artefact_of(&claim, "gray");
    a.harmful = true;
    r.artefact = add_artefact(&a);
    fails(ERR_NOT_FOUND, harm_release_revoke(db, &r));
    ok(harm_release_insert(db, &r));
    ok(artefact_find(db, &r.artefact, &a));
    ck_assert(!a.harmful);
    r.at = 6;
    fails(ERR_CONFLICT, harm_release_insert(db, &r));
    r.revoked_at = 7;
    (void)snprintf(r.revoked_reason, sizeof(r.revoked_reason), "y");
    ok(harm_release_revoke(db, &r));
    ok(artefact_find(db, &r.artefact, &a));
    ck_assert(a.harmful);
    fails(ERR_NOT_FOUND, harm_release_revoke(db, &r));
    r.at = 8;
    r.revoked_at = 0;
    ok(harm_release_insert(db, &r));
    ok(harm_release_find(db, &r.artefact, &back));
    ck_assert(back.at == 8 && back.revoked_at == 0);
    ck_assert_str_eq(back.reviewer, "Dr R");
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_audit", every_combination_finds_by_its_index,
                     a_sample_opens_for_its_reader_in_its_time, candidates_in_order_of_receipt,
                     a_release_turns_the_flag_and_back);
}
