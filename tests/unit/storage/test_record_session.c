#include "tests/unit/storage/records_fixture.h"

static struct read_session_record page[8];
static size_t n;

START_TEST(a_session_is_open_until_it_is_closed_once)
{
    struct uuid claim, artefact;
    struct read_session_record first, second;

    open_records();
    claim = new_claim("PIP-1", "alex");
    artefact = new_artefact(&claim, "alex");
    first = (struct read_session_record){.id = id_in_order(),
                                         .artefact = artefact,
                                         .actor = person("worker"),
                                         .purpose = "decision",
                                         .opened_at = 10,
                                         .expires_at = 20,
                                         .ledger_index = 4};
    second = first;
    second.id = id_in_order();
    ok(read_session_insert(db, &first));
    ok(read_session_insert(db, &second));
    fails(ERR_EXISTS, read_session_insert(db, &second));
    memset(page, 0x55, sizeof(page));
    ok(read_session_list_open(db, page, 8, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&page[0].id, &first.id));
    ck_assert(uuid_equal(&page[0].artefact, &artefact));
    ck_assert_str_eq(page[0].actor.subject, "worker");
    ck_assert_str_eq(page[0].purpose, "decision");
    ck_assert_int_eq(page[0].opened_at, 10);
    ck_assert_int_eq(page[0].expires_at, 20);
    ck_assert_int_eq(page[0].closed_at, 0);
    ck_assert_uint_eq(page[0].bytes_served, 0);
    ck_assert_uint_eq(page[0].ledger_index, 4);
    ok(read_session_list_open(db, page, 1, &n));
    ck_assert_uint_eq(n, 1);
    ok(read_session_close(db, &first.id, 15, 4096));
    fails(ERR_NOT_FOUND, read_session_close(db, &first.id, 16, 9999));
    fails(ERR_NOT_FOUND, read_session_close(db, &artefact, 16, 1));
    ok(read_session_list_open(db, page, 8, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert(uuid_equal(&page[0].id, &second.id));
    first.id = id_in_order();
    first.artefact = claim;
    fails(ERR_CONFLICT, read_session_insert(db, &first));
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_session", a_session_is_open_until_it_is_closed_once);
}
