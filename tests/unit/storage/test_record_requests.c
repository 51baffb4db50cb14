#include "storage/record_requests.h"
#include "tests/unit/storage/records_fixture.h"

#include <string.h>

static struct uuid claim;

static struct request_record request_of(const struct uuid *c, int64_t due)
{
    struct request_record r = {.id = uuid_new(), .claim = *c, .due = due, .asked_at = 5};
    (void)strcpy(r.what, "The letter of the hospital");
    (void)strcpy(r.kind, "further_evidence");
    (void)strcpy(r.from_role, "claimant");
    (void)strcpy(r.by.issuer, "https://login.example");
    (void)strcpy(r.by.subject, "casey");
    (void)strcpy(r.by_role, "case_manager");
    r.functional = true;
    return r;
}

static void begin(void)
{
    open_records();
    claim = new_claim("PIP-1", "alex");
}

START_TEST(a_request_is_kept_and_closed_once)
{
    struct request_record r, told;
    struct uuid unknown = uuid_new();
    begin();
    r = request_of(&claim, 77);
    ok(request_insert(db, &r));
    ck_assert_int_eq(request_insert(db, &r), ERR_EXISTS);
    ok(request_find(db, &r.id, &told));
    ck_assert_int_eq(memcmp(&told, &r, sizeof(r)), 0);
    ck_assert_int_eq(request_find(db, &unknown, &told), ERR_NOT_FOUND);

    (void)strcpy(r.what, "Both pages of it");
    r.due = 88;
    ok(request_change(db, &r));
    r.state = REQUEST_FULFILLED;
    r.closed_at = 9;
    (void)strcpy(r.fulfilled_by.issuer, "https://login.example");
    (void)strcpy(r.fulfilled_by.subject, "alex");
    ok(request_close(db, &r));
    ok(request_find(db, &r.id, &told));
    ck_assert_int_eq(memcmp(&told, &r, sizeof(r)), 0);
    ck_assert_int_eq(request_close(db, &r), ERR_CONFLICT);
    ck_assert_int_eq(request_change(db, &r), ERR_CONFLICT);
    r = request_of(&unknown, 0);
    ck_assert_int_eq(request_insert(db, &r), ERR_CONFLICT); /* no such claim */
    close_records();
}
END_TEST

START_TEST(a_claim_has_so_many_requests_and_a_request_so_many_items)
{
    struct request_record r, *all = calloc(REQUESTS_MAX, sizeof(*all));
    struct request_item items[REQUEST_ITEMS_MAX], item = {.at = 4};
    size_t n = 0;
    begin();
    for (int i = 0; i < REQUESTS_MAX; i++) {
        r = request_of(&claim, i);
        ok(request_insert(db, &r));
    }
    r = request_of(&claim, 0);
    ck_assert_int_eq(request_insert(db, &r), ERR_TOO_LARGE);
    ok(request_list(db, &claim, all, REQUESTS_MAX, &n));
    ck_assert_uint_eq(n, REQUESTS_MAX);
    ck_assert_int_eq(all[0].due, REQUESTS_MAX - 1); /* newest first */
    for (int i = 0; i <= REQUEST_ITEMS_MAX; i++) {
        item.artefact = new_artefact(&claim, "alex");
        enum err e = request_item_insert(db, &all[0].id, &item);
        ck_assert_int_eq(e, i < REQUEST_ITEMS_MAX ? ERR_OK : ERR_TOO_LARGE);
        if (i == 0)
            ck_assert_int_eq(request_item_insert(db, &all[0].id, &item), ERR_EXISTS);
    }
    ok(request_item_list(db, &all[0].id, items, &n));
    ck_assert_uint_eq(n, REQUEST_ITEMS_MAX);
    free(all);
    close_records();
}
END_TEST

START_TEST(what_is_due_is_told_once_and_again_when_the_date_moves)
{
    struct request_record later, sooner, never, told[4];
    size_t n = 0;
    begin();
    later = request_of(&claim, 200);
    sooner = request_of(&claim, 100);
    never = request_of(&claim, 0);
    ok(request_insert(db, &later));
    ok(request_insert(db, &sooner));
    ok(request_insert(db, &never));
    ok(request_due_list(db, 1000, told, 4, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&told[0].id, &sooner.id));
    ok(request_due_list(db, 200, told, 4, &n));
    ck_assert_uint_eq(n, 1);
    ok(request_due_told(db, &sooner.id));
    ok(request_due_list(db, 1000, told, 4, &n));
    ck_assert_uint_eq(n, 1);
    ok(request_change(db, &sooner)); /* the same date */
    ok(request_due_list(db, 1000, told, 4, &n));
    ck_assert_uint_eq(n, 1);
    sooner.due = 300;
    ok(request_change(db, &sooner));
    later.state = REQUEST_WITHDRAWN;
    ok(request_close(db, &later));
    ok(request_due_list(db, 1000, told, 4, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert(uuid_equal(&told[0].id, &sooner.id));
    close_records();
}
END_TEST

START_TEST(a_claim_has_one_lease)
{
    struct lease_record l = {.since = 1, .until = 9}, told;
    begin();
    l.claim = claim;
    (void)strcpy(l.owner.issuer, "https://login.example");
    (void)strcpy(l.owner.subject, "rupa");
    (void)strcpy(l.role, "assessor");
    (void)strcpy(l.reason, "awaiting the GP");
    ck_assert_int_eq(lease_find(db, &claim, &told), ERR_NOT_FOUND);
    ok(lease_put(db, &l));
    l.until = 99;
    ok(lease_put(db, &l));
    ok(lease_find(db, &claim, &told));
    ck_assert_int_eq(memcmp(&told, &l, sizeof(l)), 0);
    ok(lease_remove(db, &claim));
    ck_assert_int_eq(lease_remove(db, &claim), ERR_NOT_FOUND);
    close_records();
}
END_TEST

START_TEST(the_urgent_clocks_come_first_then_the_oldest)
{
    struct claim_clock c[5], told[5];
    struct uuid after = {{0}};
    size_t n = 0, seen = 0;
    open_records();
    for (int i = 0; i < 5; i++) {
        char reference[16];
        (void)snprintf(reference, sizeof(reference), "PIP-%d", i);
        c[i] = (struct claim_clock){.claim = new_claim(reference, "alex"),
                                    .special_rules = i == 2 || i == 4,
                                    .started_at = 100 + i,
                                    .ended_at = i == 1 ? 500 : 0};
        ok(claim_clock_put(db, &c[i]));
    }
    static const int ORDER[] = {2, 4, 0, 3};
    for (;;) { /* a page of one */
        ok(claim_clock_list(db, 1000, &after, told, 1, &n));
        if (n == 0)
            break;
        ck_assert_uint_lt(seen, 4);
        ck_assert(uuid_equal(&told[0].claim, &c[ORDER[seen++]].claim));
        after = told[0].claim;
    }
    ck_assert_uint_eq(seen, 4);
    after = nil;
    ok(claim_clock_list(db, 1000, &after, told, 5, &n));
    ck_assert_uint_eq(n, 4);
    ok(claim_clock_list(db, 103, &after, told, 5, &n)); /* begun before */
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&told[1].claim, &c[0].claim));
    close_records();
}
END_TEST

START_TEST(the_first_time_stands)
{
    struct artefact_opened one = {.at = 40}, told[OPENED_MAX];
    struct artefact_record a;
    struct uuid id;
    size_t n = 0;
    int64_t at = 7;
    begin();
    a = artefact_of(&claim, "alex");
    a.status = ARTEFACT_QUARANTINED;
    id = add_artefact(&a);
    ok(artefact_available_find(db, &id, &at));
    ck_assert_int_eq(at, 0);
    ok(artefact_status_change(db, &id, ARTEFACT_QUARANTINED, ARTEFACT_AVAILABLE, ""));
    ok(artefact_available_find(db, &id, &at));
    ck_assert_int_gt(at, 0);
    int64_t first = at;
    ok(artefact_status_change(db, &id, ARTEFACT_AVAILABLE, ARTEFACT_RESTRICTED, "wrong"));
    ok(artefact_status_change(db, &id, ARTEFACT_RESTRICTED, ARTEFACT_AVAILABLE, ""));
    ok(artefact_available_find(db, &id, &at));
    ck_assert_int_eq(at, first);

    a = artefact_of(&claim, "alex"); /* available as it came */
    a.status = ARTEFACT_AVAILABLE;
    a.received_at = 1234;
    id = add_artefact(&a);
    ok(artefact_available_find(db, &id, &at));
    ck_assert_int_eq(at, 1234);

    (void)strcpy(one.role, "assessor");
    ok(artefact_opened_note(db, &id, &one));
    one.at = 50;
    ok(artefact_opened_note(db, &id, &one));
    (void)strcpy(one.role, "case_manager");
    ok(artefact_opened_note(db, &id, &one));
    ok(artefact_opened_list(db, &id, told, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(told[0].role, "assessor");
    ck_assert_int_eq(told[0].at, 40);
    ck_assert_int_eq(told[1].at, 50);
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_requests", a_request_is_kept_and_closed_once,
                     a_claim_has_so_many_requests_and_a_request_so_many_items,
                     what_is_due_is_told_once_and_again_when_the_date_moves,
                     a_claim_has_one_lease, the_urgent_clocks_come_first_then_the_oldest,
                     the_first_time_stands);
}
