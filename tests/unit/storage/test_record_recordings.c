/* Deaths, retrievals with the deletion of their copies, and incidents. */
#include "storage/record_people.h"
#include "storage/record_recordings.h"
#include "tests/unit/storage/records_fixture.h"

static size_t n;

static struct uuid new_session(const struct uuid *artefact, const char *actor,
                               const char *purpose)
{
    struct read_session_record r = {
        .id = id_in_order(), .artefact = *artefact, .actor = person(actor), .opened_at = 10};

    (void)snprintf(r.purpose, sizeof(r.purpose), "%s", purpose);
    ok(read_session_insert(db, &r));
    return r.id;
}

START_TEST(a_death_is_told_changed_and_taken_back)
{
    struct uuid claim, other;
    int64_t at = 5;

    open_records();
    claim = new_claim("PIP-1", "alex");
    other = new_claim("PIP-2", "sam");
    ok(claim_death_find(db, &claim, &at));
    ck_assert_int_eq(at, 0);
    ok(claim_death_put(db, &claim, 100, 200));
    ok(claim_death_put(db, &claim, 90, 300));
    ok(claim_death_find(db, &claim, &at));
    ck_assert_int_eq(at, 90);
    ok(claim_death_find(db, &other, &at));
    ck_assert_int_eq(at, 0);
    ok(claim_death_remove(db, &claim));
    ok(claim_death_remove(db, &claim));
    ok(claim_death_find(db, &claim, &at));
    ck_assert_int_eq(at, 0);
    fails(ERR_CONFLICT, claim_death_put(db, &nil, 1, 1));
    close_records();
}
END_TEST

START_TEST(a_copy_is_asked_for_and_confirmed_once)
{
    struct uuid claim, artefact, elsewhere, first, second, own;
    static struct retrieval_record page[4];
    struct person asim = person("asim");
    uint64_t asked = 9;

    open_records();
    claim = new_claim("PIP-1", "alex");
    artefact = new_artefact(&claim, "alex");
    elsewhere = new_artefact(&claim, "alex");
    first = new_session(&artefact, "asim", "assessment");
    second = new_session(&artefact, "morgan", "decision");
    own = new_session(&artefact, "alex", "own");
    (void)new_session(&elsewhere, "asim", "assessment");
    ok(deletion_request(db, &artefact, "own", 50, &asked));
    ck_assert_uint_eq(asked, 2);
    ok(deletion_request(db, &artefact, "own", 60, &asked));
    ck_assert_uint_eq(asked, 0);
    ok(retrieval_list(db, &artefact, NULL, &nil, page, 4, &n));
    ck_assert_uint_eq(n, 3);
    ck_assert(uuid_equal(&page[0].session.id, &own));
    ck_assert_int_eq(page[0].deletion_requested_at, 0);
    ck_assert(uuid_equal(&page[1].session.id, &second));
    ck_assert_int_eq(page[1].deletion_requested_at, 50);
    ck_assert_str_eq(page[1].session.purpose, "decision");
    ok(retrieval_list(db, &artefact, NULL, &page[1].session.id, page, 4, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert(uuid_equal(&page[0].session.id, &first));
    ok(retrieval_list(db, &artefact, &asim, &nil, page, 4, &n));
    ck_assert_uint_eq(n, 1);
    ok(deletion_confirm(db, &first, 70));
    fails(ERR_NOT_FOUND, deletion_confirm(db, &first, 80));
    fails(ERR_NOT_FOUND, deletion_confirm(db, &own, 80));
    ok(retrieval_find(db, &first, page));
    ck_assert_int_eq(page[0].deletion_confirmed_at, 70);
    ck_assert_str_eq(page[0].session.actor.subject, "asim");
    fails(ERR_NOT_FOUND, retrieval_find(db, &nil, page));
    close_records();
}
END_TEST

START_TEST(an_incident_waits_until_it_is_reviewed)
{
    struct assessment_record a = {.id = id_in_order()};
    struct incident_record r = {.kind = "made-up", .event_id = "e", .raised_at = 3}, page[3];

    open_records();
    a.claim = r.claim = new_claim("PIP-1", "alex");
    ok(assessment_insert(db, &a));
    r.assessment = a.id;
    r.artefact = new_artefact(&r.claim, "alex");
    for (unsigned i = 0; i < 2; i++) {
        r.id = id_in_order();
        r.ledger_index = i;
        ok(incident_insert(db, &r));
    }
    ok(incident_list(db, true, &nil, page, 3, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(page[0].ledger_index, 0);
    r.reviewed_at = 9;
    r.reviewer = person("rosa");
    strcpy(r.outcome, "looked into");
    ok(incident_review(db, &r));
    fails(ERR_NOT_FOUND, incident_review(db, &r));
    ok(incident_list(db, true, &nil, page, 3, &n));
    ck_assert_uint_eq(n, 1);
    ok(incident_list(db, false, &page[0].id, page, 3, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(page[0].outcome, "looked into");
    ck_assert_str_eq(page[0].reviewer.subject, "rosa");
    ck_assert_int_eq(page[0].raised_at, 3);
    ok(incident_list_assessment(db, &a.id, page, 3, &n));
    ck_assert_uint_eq(n, 2);
    ok(incident_find(db, &r.id, page));
    ck_assert_str_eq(page[0].kind, "made-up");
    fails(ERR_NOT_FOUND, incident_find(db, &nil, page));
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_recordings", a_death_is_told_changed_and_taken_back,
                     a_copy_is_asked_for_and_confirmed_once,
                     an_incident_waits_until_it_is_reviewed);
}
