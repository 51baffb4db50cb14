/* Every statement that the records use is asked for its plan: none may walk a whole table or
 * sort aside. */
#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"
#include "storage/ledger_internal.h"
#include "storage/record_keeping.h"
#include "storage/record_people.h"
#include "storage/record_recordings.h"
#include "storage/record_retention.h"

static size_t n;
static struct claim_record claims[2];
static struct artefact_record artefacts[2];

static void list_claims_every_way(void)
{
    struct person someone = person("someone");

    for (unsigned mask = 0; mask < 16; mask++) {
        struct claim_filter f = {.now = 1};

        if (mask & 1)
            f.external_reference = "R";
        if (mask & 2)
            f.stage = "evidence";
        if (mask & 4)
            f.party = &someone;
        if (mask & 8)
            f.assigned_to = "worker";
        ok(claim_list(db, &f, &nil, claims, 2, &n));
    }
}

static void list_artefacts_every_way(const struct uuid *claim)
{
    struct person someone = person("someone");

    for (unsigned mask = 0; mask < 32; mask++) {
        struct artefact_filter f = {.by_status = mask & 1, .hide_harmful = mask & 2};

        if (mask & 4)
            f.kind = "further_evidence";
        if (mask & 8)
            f.unless_uploader = &someone;
        if (mask & 16)
            f.only_uploader = &someone;
        ok(artefact_list(db, claim, &f, &nil, artefacts, 2, &n));
    }
}

static void use_the_rest_of_the_lists(const struct uuid *claim, const struct uuid *artefact)
{
    static struct party_record parties[PARTIES_MAX];
    static char assigned[ASSIGNED_MAX][SUBJECT_MAX + 1];
    static struct link_record links[LINKS_MAX];
    struct assessment_record assessment;
    struct choice_event choice = {.event_id = "e"};
    struct consent_record consent = {.event_id = "e", .claim = *claim};
    struct read_session_record session;
    uint64_t count;
    struct uuid id;

    ok(party_list(db, claim, parties, &n));
    ok(party_replace(db, claim, NULL, 0));
    ok(assigned_list(db, claim, assigned, &n));
    ok(assigned_replace(db, claim, NULL, 0));
    ok(link_list(db, artefact, links, &n));
    ok(link_history(db, artefact, links, LINKS_MAX, &n));
    ok(artefact_list_bytes(db, (const uint8_t[32]){0}, artefacts, 2, &n));
    ok(link_remove(db, artefact, claim, 1));
    ok(artefact_list_assessment(db, claim, claim, artefacts, 2, &n));
    ok(artefact_each(db, &nil, artefacts, 2, &n));
    ok(artefact_status_change(db, artefact, ARTEFACT_AVAILABLE, ARTEFACT_RESTRICTED, ""));
    ok(header_put(db, artefact, "k", "h", 1));
    ok(header_put(db, artefact, "k", "H", 1));
    ok(header_list_key(db, "k", &nil, &id, 1, &n));
    ok(header_count_key(db, "k", &count));
    ok(header_remove(db, artefact));
    ok(assessment_list(db, claim, &assessment, 1, &n));
    fails(ERR_CONFLICT, choice_insert(db, &choice));
    ok(choice_list(db, claim, &choice, 1, &n));
    fails(ERR_NOT_FOUND, choice_find(db, claim, "e", &choice));
    ok(consent_insert(db, &consent));
    ok(consent_list(db, claim, &consent, 1, &n));
    ok(read_session_list_open(db, &session, 1, &n));
    fails(ERR_NOT_FOUND, read_session_close(db, claim, 1, 1));
    ok(idempotency_sweep(db, 1));
}

static void use_the_look_ups(const struct uuid *id)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    struct idempotency_record r;
    struct person someone = person("someone");
    bool there;

    buf_init(&b, 100);
    fails(ERR_NOT_FOUND, claim_find(db, &nil, claims));
    fails(ERR_NOT_FOUND, claim_find_reference(db, "none", claims));
    ok(claim_find(db, id, claims));
    ok(claim_update(db, claims));
    fails(ERR_NOT_FOUND, artefact_find(db, &nil, artefacts));
    ok(artefact_exists(db, &nil, &there));
    fails(ERR_NOT_FOUND, header_get(db, &nil, &b));
    fails(ERR_NOT_FOUND, idempotency_find(db, &someone, "k", 1, &r, &b));
}

static void use_the_uploads(const struct uuid *claim)
{
    static const uint8_t digest[32];
    struct upload_record u = {.id = *claim, .claim = *claim, .owner = person("someone")};
    struct upload_words w = {.request = {0}};
    AUTO_CLEAR(buf_clear) struct buf b;
    struct usage usage;
    uint64_t count;
    bool has;

    buf_init(&b, 100);
    ok(upload_record_insert(db, &u, &w));
    buf_init(&w.request, 1);
    buf_init(&w.metadata, 1);
    buf_init(&w.concat, 1);
    ok(upload_record_words(db, &u.id, &w));
    buf_clear(&w.request);
    buf_clear(&w.metadata);
    buf_clear(&w.concat);
    ok(upload_record_rest(db, &u, "x", 1));
    ok(upload_record_sealed(db, &u.id, &b));
    ok(upload_record_rest(db, &u, "", 0));
    ok(upload_record_due(db, 1, &u, 1, &n));
    ok(upload_record_count_open(db, &u.owner, &count));
    ok(upload_record_count(db, &u.owner, &count));
    ok(upload_record_pending(db, &u.owner, NULL, &count));
    ok(upload_record_has_part(db, &u.id, &has));
    ok(upload_record_change(db, &u, UPLOAD_OPEN));
    ok(upload_record_forget(db, 1));
    fails(ERR_NOT_FOUND, upload_record_find(db, &nil, &u));
    ok(usage_add(db, USAGE_CLAIM, "c", -1, -1));
    ok(usage_find(db, USAGE_CLAIM, "c", &usage));
    ok(artefact_list_same(db, claim, digest, artefacts, 2, &n));
}

static void use_the_inspections(const struct uuid *artefact)
{
    static uint16_t peaks[INSPECTION_PEAKS_MAX];
    struct inspection_record r = {.artefact = *artefact};
    struct inspection_due d = {.artefact = *artefact};
    struct view_release release = {.artefact = *artefact};
    AUTO_CLEAR(buf_clear) struct buf b;
    uint64_t count;
    int64_t oldest;

    buf_init(&b, 100);
    ok(inspection_insert(db, &r));
    ok(inspection_find(db, artefact, &r));
    ok(waveform_put(db, artefact, peaks, 1));
    ok(waveform_find(db, artefact, peaks, &n));
    ok(inspection_due_insert(db, &d, "x", 1));
    ok(inspection_due_list(db, 1, &d, 1, &n));
    ok(inspection_due_sealed(db, artefact, &b));
    ok(inspection_due_later(db, &d));
    ok(inspection_due_count(db, &count, &oldest));
    ok(inspection_due_remove(db, artefact));
    ok(view_release_insert(db, &release));
    ok(view_release_find(db, artefact, &release));
}

static void use_the_recordings(const struct uuid *claim, const struct uuid *artefact)
{
    struct retrieval_record r;
    struct incident_record i;
    struct person someone = person("someone");
    uint64_t asked;
    int64_t at;

    ok(retrieval_list(db, artefact, NULL, &nil, &r, 1, &n));
    ok(retrieval_list(db, artefact, &someone, &nil, &r, 1, &n));
    fails(ERR_NOT_FOUND, retrieval_find(db, &nil, &r));
    ok(deletion_request(db, artefact, "own", 1, &asked));
    fails(ERR_NOT_FOUND, deletion_confirm(db, &nil, 1));
    ok(incident_list(db, true, &nil, &i, 1, &n));
    ok(incident_list(db, false, &nil, &i, 1, &n));
    ok(incident_list_assessment(db, claim, &i, 1, &n));
    fails(ERR_NOT_FOUND, incident_find(db, &nil, &i));
    i = (struct incident_record){.reviewed_at = 1};
    fails(ERR_NOT_FOUND, incident_review(db, &i));
    ok(claim_death_find(db, claim, &at));
    ok(claim_death_remove(db, claim));
}

static void use_the_look_ups_of_the_log(const struct uuid *id)
{
    struct erase_orders orders = {.n = 0};
    struct ledger_entry e;
    bool ordered;

    ok(ledger_query(db, &(struct ledger_filter){.claim = id}, 0, &e, 1, &n));
    ok(ledger_query(db, &(struct ledger_filter){.artefact = id}, 0, &e, 1, &n));
    ok(ledger_query(db, &(struct ledger_filter){.artefact = id, .claim = id}, 0, &e, 1, &n));
    ok(erase_ordered(&orders, db, 0, &ordered));
    ck_assert(!ordered);
    erase_orders_clear(&orders);
}

/* What a tick, a view and a change of a claim ask. */
static void use_the_keeping(const struct uuid *claim, const struct uuid *artefact)
{
    struct restriction_record r;
    struct disposal_record d[2];
    struct hold_record h;
    int64_t ended;
    size_t found;

    fails(ERR_NOT_FOUND, restriction_find(db, artefact, &r));
    fails(ERR_NOT_FOUND, hold_find(db, artefact, &h));
    fails(ERR_NOT_FOUND, disposal_find(db, artefact, d));
    ok(disposal_list_due(db, 1, d, 2, &found));
    ok(interest_set(db, claim, 1));
    ok(interest_find(db, claim, &ended));
}

/* A step of a plan that costs more the more rows there are. The open sessions' own index holds
 * the open ones only, and what is due for inspection is few. */
static bool is_costly(const char *step)
{
    if (strstr(step, "TEMP B-TREE"))
        return true;
    if (strstr(step, "ledger_entries USING INTEGER PRIMARY KEY"))
        return true; /* one of a claim's or an artefact's look-ups */
    return strncmp(step, "SCAN", 4) == 0 && !strstr(step, "CONSTANT ROW") &&
           !strstr(step, "read_sessions_open") && strcmp(step, "SCAN inspections_due") != 0;
}

static void check_plan(const char *sql)
{
    char explain[4096];
    sqlite3_stmt *s;

    (void)snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
    ck_assert_int_eq(sqlite3_prepare_v2(db->handle, explain, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(s, 3);

        ck_assert_msg(!is_costly(step), "%s\n%s", step, sql);
    }
    (void)sqlite3_finalize(s);
}

START_TEST(no_statement_walks_a_table_or_sorts_aside)
{
    struct uuid claim, artefact;
    size_t checked = 0;

    open_records();
    claim = new_claim("R", "someone");
    artefact = new_artefact(&claim, "someone");
    list_claims_every_way();
    list_artefacts_every_way(&claim);
    use_the_rest_of_the_lists(&claim, &artefact);
    use_the_look_ups(&claim);
    use_the_uploads(&claim);
    use_the_inspections(&artefact);
    use_the_recordings(&claim, &artefact);
    use_the_look_ups_of_the_log(&claim);
    use_the_keeping(&claim, &artefact);
    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        if (db->slots[i].handle && !strstr(sqlite3_sql(db->slots[i].handle), "sqlite_schema")) {
            check_plan(sqlite3_sql(db->slots[i].handle));
            checked++;
        }
    }
    ck_assert_uint_gt(checked, 80);
    ck_assert_uint_lt(db->kept, STATEMENTS_KEPT_MAX); /* else some escaped the check */
    close_records();
}
END_TEST

START_TEST(the_check_knows_a_bad_plan)
{
    ck_assert(is_costly("SCAN artefacts"));
    ck_assert(is_costly("SCAN a USING INDEX artefacts_by_assessment"));
    ck_assert(is_costly("USE TEMP B-TREE FOR ORDER BY"));
    ck_assert(!is_costly("SEARCH a USING PRIMARY KEY (id=?)"));
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_plans", no_statement_walks_a_table_or_sorts_aside,
                     the_check_knows_a_bad_plan);
}
