#include "tests/unit/storage/records_fixture.h"

static struct uuid claim;
static size_t n;

static struct consent_record consent(const char *event_id, const char *decision)
{
    struct consent_record c = {.claim = claim,
                               .purpose = "contact_clinician",
                               .statement_version = "v3",
                               .effective_at = 1,
                               .recorded_at = 2,
                               .by = person("alex"),
                               .by_role = "claimant",
                               .ledger_index = 3};

    (void)snprintf(c.event_id, sizeof(c.event_id), "%s", event_id);
    (void)snprintf(c.decision, sizeof(c.decision), "%s", decision);
    return c;
}

START_TEST(consents_are_appended)
{
    struct consent_record c, back, page[4];

    open_records();
    claim = new_claim("PIP-1", "alex");
    c = consent("e-2", "given");
    ok(consent_insert(db, &c));
    c = consent("e-1", "withdrawn");
    ok(consent_insert(db, &c));
    fails(ERR_EXISTS, consent_insert(db, &c));
    memset(&back, 0x55, sizeof(back));
    ok(consent_find(db, &claim, "e-1", &back));
    ck_assert_str_eq(back.event_id, "e-1");
    ck_assert(uuid_equal(&back.claim, &claim));
    ck_assert_str_eq(back.purpose, "contact_clinician");
    ck_assert_str_eq(back.decision, "withdrawn");
    ck_assert_str_eq(back.statement_version, "v3");
    ck_assert_int_eq(back.effective_at, 1);
    ck_assert_int_eq(back.recorded_at, 2);
    ck_assert_str_eq(back.by.subject, "alex");
    ck_assert_str_eq(back.by_role, "claimant");
    ck_assert_uint_eq(back.ledger_index, 3);
    ok(consent_list(db, &claim, page, 4, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(page[0].event_id, "e-2");
    ck_assert_str_eq(page[1].event_id, "e-1");
    ok(consent_list(db, &claim, page, 1, &n));
    ck_assert_uint_eq(n, 1);
    fails(ERR_NOT_FOUND, consent_find(db, &claim, "e-3", &back));
    claim = id_in_order();
    c = consent("e-1", "given");
    fails(ERR_CONFLICT, consent_insert(db, &c));
    close_records();
}
END_TEST

START_TEST(one_event_id_may_serve_two_claims)
{
    struct consent_record c, page[4];

    open_records();
    claim = new_claim("PIP-1", "alex");
    c = consent("e-1", "given");
    ok(consent_insert(db, &c));
    claim = new_claim("PIP-2", "alex");
    c = consent("e-1", "given");
    ok(consent_insert(db, &c));
    ok(consent_list(db, &claim, page, 4, &n));
    ck_assert_uint_eq(n, 1);
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_consent", consents_are_appended,
                     one_event_id_may_serve_two_claims);
}
