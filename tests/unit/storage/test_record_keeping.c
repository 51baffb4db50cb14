#include "tests/unit/storage/records_fixture.h"

#include "storage/record_keeping.h"
#include "storage/record_retention.h"

#include <sodium.h>

enum { ARTEFACTS = 1200, SHREDDED = 400, BATCH = 8, MARK = 20 };
_Static_assert(ARTEFACTS % BATCH == 0 && SHREDDED % BATCH == 0, "whole batches");

/* --- restrictions, holds, disposals ------------------------------------------------------- */
START_TEST(a_restriction_stands_until_it_is_removed)
{
    struct uuid claim, id;
    struct restriction_record out, r = {.before = ARTEFACT_QUARANTINED,
                                        .before_reason = "not-inspected",
                                        .reason = "wrong person",
                                        .at = 5};

    open_records();
    claim = new_claim("PIP-1", "alex");
    id = new_artefact(&claim, "alex");
    fails(ERR_NOT_FOUND, restriction_find(db, &id, &out));
    r.artefact = id;
    r.by = person("morgan");
    ok(restriction_insert(db, &r));
    fails(ERR_EXISTS, restriction_insert(db, &r));
    ok(restriction_find(db, &id, &out));
    ck_assert_int_eq(out.before, ARTEFACT_QUARANTINED);
    ck_assert_str_eq(out.before_reason, "not-inspected");
    ck_assert_str_eq(out.reason, "wrong person");
    ck_assert_str_eq(out.by.subject, "morgan");
    ok(restriction_remove(db, &id));
    fails(ERR_NOT_FOUND, restriction_remove(db, &id));
    close_records();
}
END_TEST

static struct disposal_record disposal_of(const struct uuid *id, enum disposal_state state,
                                          int64_t due_at)
{
    struct disposal_record d = {
        .artefact = *id, .state = state, .reason = "done with", .due_at = due_at};

    d.proposed_by = person("olive");
    return d;
}

START_TEST(a_hold_keeps_what_is_approved_from_being_due)
{
    struct uuid claim, ids[5];
    struct disposal_record due[5], d;
    struct hold_record h = {.reason = "appeal", .at = 3};
    size_t n;

    open_records();
    claim = new_claim("PIP-1", "alex");
    for (int i = 0; i < 5; i++)
        ids[i] = new_artefact(&claim, "alex");
    d = disposal_of(&ids[0], DISPOSAL_APPROVED, 30);
    ok(disposal_insert(db, &d));
    fails(ERR_EXISTS, disposal_insert(db, &d));
    d = disposal_of(&ids[1], DISPOSAL_APPROVED, 20);
    ok(disposal_insert(db, &d));
    d = disposal_of(&ids[2], DISPOSAL_PROPOSED, 0);
    ok(disposal_insert(db, &d));
    d = disposal_of(&ids[3], DISPOSAL_SHREDDING, 10);
    ok(disposal_insert(db, &d));
    d = disposal_of(&ids[4], DISPOSAL_DONE, 10);
    ok(disposal_insert(db, &d));
    ok(disposal_list_due(db, 29, due, 5, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&due[0].artefact, &ids[3]) && uuid_equal(&due[1].artefact, &ids[1]));
    ck_assert_str_eq(due[1].reason, "done with");
    h.artefact = ids[1];
    h.by = person("morgan");
    ok(hold_put(db, &h));
    h.artefact = ids[3]; /* too late for that one: its header is gone */
    ok(hold_put(db, &h));
    ok(disposal_list_due(db, 30, due, 5, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&due[0].artefact, &ids[3]) && uuid_equal(&due[1].artefact, &ids[0]));
    ok(hold_remove(db, &ids[1]));
    fails(ERR_NOT_FOUND, hold_remove(db, &ids[1]));
    ok(disposal_list_due(db, 30, due, 5, &n));
    ck_assert_uint_eq(n, 3);
    close_records();
}
END_TEST

START_TEST(a_disposal_changes_from_its_state_alone_and_its_tombstone_stays)
{
    struct uuid claim, id;
    struct disposal_record d, out;

    open_records();
    claim = new_claim("PIP-1", "alex");
    id = new_artefact(&claim, "alex");
    d = disposal_of(&id, DISPOSAL_PROPOSED, 0);
    ok(disposal_insert(db, &d));
    d.state = DISPOSAL_SHREDDING;
    fails(ERR_CONFLICT, disposal_change(db, &d, DISPOSAL_APPROVED));
    ok(disposal_remove(db, &id));
    d.state = DISPOSAL_APPROVED;
    d.approved_by = person("oscar");
    ok(disposal_insert(db, &d));
    d.state = DISPOSAL_SHREDDING;
    d.backups_until = 99;
    ok(disposal_change(db, &d, DISPOSAL_APPROVED));
    fails(ERR_NOT_FOUND, disposal_remove(db, &id));
    ok(disposal_find(db, &id, &out));
    ck_assert_str_eq(out.approved_by.subject, "oscar");
    ck_assert_int_eq(out.backups_until, 99);
    close_records();
}
END_TEST

/* --- destruction -------------------------------------------------------------------------- */
static uint8_t digests[ARTEFACTS][32];
static char names[ARTEFACTS][MARK + 1]; /* the file name is sealed; its header here is not */
static struct uuid ids[ARTEFACTS];
static bool gone[ARTEFACTS];

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

static void make(size_t i, const struct uuid *claim)
{
    struct artefact_record a = artefact_of(claim, "alex");

    randombytes_buf(digests[i], sizeof(digests[i]));
    memcpy(a.sha256, digests[i], sizeof(a.sha256));
    for (size_t c = 0; c < MARK; c++)
        names[i][c] = (char)('a' + randombytes_uniform(26));
    memcpy(a.filename, names[i], MARK + 1);
    a.status = ARTEFACT_QUARANTINED;
    ids[i] = a.id;
    (void)add_artefact(&a);
    ok(header_put(db, &ids[i], "key", names[i], MARK));
}

/* As in life: rows come, change their length, and only some of them go. */
START_TEST(nothing_of_what_is_shredded_stays_in_any_file)
{
    static const char *const files[] = {"db", "db-wal", "db-shm"};
    size_t found = 0, left = 0;
    struct uuid claim;

    open_records();
    claim = new_claim("PIP-1", "alex");
    for (size_t i = 0; i < ARTEFACTS; i++) {
        if (i % BATCH == 0)
            ok(db_begin(db));
        make(i, &claim);
        if (i > 0)
            ok(artefact_status_change(db, &ids[i - 1], ARTEFACT_QUARANTINED, ARTEFACT_AVAILABLE,
                                      i % 3 ? "" : "longer-than-it-was"));
        if (i % BATCH == BATCH - 1)
            ok(db_commit(db));
    }
    for (size_t k = 0; k < SHREDDED; k++) {
        size_t i = randombytes_uniform(ARTEFACTS);

        if (k % BATCH == 0)
            ok(db_begin(db));
        if (!gone[i])
            ok(artefact_shred(db, &ids[i], "disposed"));
        gone[i] = true;
        if (k % BATCH == BATCH - 1)
            ok(db_commit(db));
    }
    ok(db_checkpoint(pool));
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        size_t len;
        uint8_t *content = file_content(files[f], &len);

        for (size_t i = 0; i < ARTEFACTS; i++) {
            bool digest = memmem(content, len, digests[i], sizeof(digests[i])) != NULL;
            bool name = memmem(content, len, names[i], MARK) != NULL;

            left += gone[i] && (digest || name);
            found += !gone[i] && digest && name;
        }
        free(content);
    }
    ck_assert_uint_eq(left, 0);
    ck_assert_uint_gt(found, ARTEFACTS / 2); /* the search does find what is there */
    for (size_t i = 0; i < ARTEFACTS; i++) {
        struct artefact_record a;

        ok(artefact_find(db, &ids[i], &a));
        ck_assert_int_eq(a.status == ARTEFACT_DISPOSED, gone[i]);
        ck_assert_int_eq(a.filename[0] == 0, gone[i]);
    }
    close_records();
}
END_TEST

/* --- retention ---------------------------------------------------------------------------- */
static size_t due_at(int64_t at, struct due_record *out)
{
    struct due_question q = {.at = at};
    size_t n;

    ok(retention_due(db, &q, out, 8, &n));
    return n;
}

START_TEST(the_last_of_all_its_claims_counts)
{
    struct retention_row row = {.kind = "further_evidence", .seconds = 10};
    struct uuid first, second, both, alone;
    struct due_record due[8];
    const int64_t s = 1000000;
    int64_t ended;

    open_records();
    first = new_claim("PIP-1", "alex");
    second = new_claim("PIP-2", "alex");
    both = new_artefact(&first, "alex");
    add_link(&both, &second);
    alone = new_artefact(&first, "alex");
    ok(retention_put(db, &row));
    ck_assert_uint_eq(due_at(1000 * s, due), 0);
    ok(interest_set(db, &first, 100 * s));
    ok(interest_set(db, &first, 200 * s)); /* it ended when it ended */
    ok(interest_find(db, &first, &ended));
    ck_assert_int_eq(ended, 100 * s);
    ck_assert_uint_eq(due_at(110 * s - 1, due), 0);
    ck_assert_uint_eq(due_at(110 * s, due), 1);
    ck_assert(uuid_equal(&due[0].artefact, &alone));
    ck_assert_int_eq(due[0].due_since, 110 * s);
    ok(interest_set(db, &second, 300 * s));
    ck_assert_uint_eq(due_at(310 * s - 1, due), 1);
    ck_assert_uint_eq(due_at(310 * s, due), 2);
    ck_assert(uuid_equal(&due[0].claim, &second) || uuid_equal(&due[1].claim, &second));
    ok(interest_set(db, &second, 0)); /* alive again */
    ck_assert_uint_eq(due_at(1000 * s, due), 1);
    ok(link_remove(db, &both, &second, 1));
    ck_assert_uint_eq(due_at(1000 * s, due), 2);
    row.seconds = 0; /* kept */
    ok(retention_put(db, &row));
    ck_assert_uint_eq(due_at(1000 * s, due), 0);
    close_records();
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    return SUITE_RUN("storage/record_keeping", a_restriction_stands_until_it_is_removed,
                     a_hold_keeps_what_is_approved_from_being_due,
                     a_disposal_changes_from_its_state_alone_and_its_tombstone_stays,
                     nothing_of_what_is_shredded_stays_in_any_file,
                     the_last_of_all_its_claims_counts);
}
