#include "storage/record_outbox.h"
#include "tests/unit/storage/records_fixture.h"

#include <string.h>

static struct message_record message_of(const struct uuid *claim, int64_t next_at)
{
    struct message_record m = {.id = id_in_order(),
                               .claim = *claim,
                               .event = MESSAGE_ARTEFACT_RECEIVED,
                               .channel = MESSAGE_SMS,
                               .to = person("alex"),
                               .about = uuid_new(),
                               .occurred_at = 5,
                               .next_at = next_at};
    return m;
}

START_TEST(a_message_goes_its_way_and_every_step_is_kept)
{
    struct message_step step = {.at = 9, .what = "sent", .detail = "201"};
    struct message_step all[MESSAGE_STEPS_MAX];
    struct message_record m, found;
    uint64_t waiting = 0;
    int64_t oldest = 0;
    size_t n = 0;
    open_records();
    struct uuid claim = new_claim("PIP-1", "alex");
    m = message_of(&claim, 7);
    ok(message_insert(db, &m));
    ck_assert_int_eq(message_insert(db, &m), ERR_EXISTS);
    ok(message_waiting(db, &waiting, &oldest));
    ck_assert_uint_eq(waiting, 1);
    ck_assert_int_eq(oldest, 5);
    m.state = MESSAGE_SENDING;
    m.attempts = 1;
    ok(message_change(db, &m, MESSAGE_WAITING, NULL));
    ck_assert_int_eq(message_change(db, &m, MESSAGE_WAITING, NULL), ERR_CONFLICT);
    m.state = MESSAGE_SENT;
    m.next_at = 0;
    (void)strcpy(m.provider_id, "abc");
    ok(message_change(db, &m, MESSAGE_SENDING, &step));
    ok(message_find(db, &m.id, &found));
    ck_assert_int_eq(memcmp(&m, &found, sizeof(m)), 0);
    ok(message_steps(db, &m.id, all, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(all[0].what, "received");
    ck_assert_str_eq(all[1].what, "sent");
    ck_assert_str_eq(all[1].detail, "201");
    ok(message_waiting(db, &waiting, &oldest));
    ck_assert_uint_eq(waiting, 0);
    ck_assert_int_eq(oldest, 0);
    close_records();
}
END_TEST

START_TEST(what_is_due_is_listed_in_its_order)
{
    struct message_record page[4];
    struct uuid none = {{0}};
    size_t n = 0;
    open_records();
    struct uuid claim = new_claim("PIP-1", "alex"), other = new_claim("PIP-2", "sam");
    struct message_record late = message_of(&claim, 30), early = message_of(&claim, 10),
                          never = message_of(&claim, 0), foreign = message_of(&other, 20);
    ok(message_insert(db, &late));
    ok(message_insert(db, &early));
    ok(message_insert(db, &never));
    ok(message_insert(db, &foreign));
    ok(message_list_due(db, false, 25, page, 4, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&page[0].id, &early.id) && uuid_equal(&page[1].id, &foreign.id));
    ok(message_list_due(db, true, 25, page, 4, &n)); /* none is the webhook's */
    ck_assert_uint_eq(n, 0);
    late.state = MESSAGE_SENDING;
    ok(message_change(db, &late, MESSAGE_WAITING, NULL));
    ok(message_list_due(db, false, 30, page, 4, &n)); /* and the process ended there */
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(page[2].state, MESSAGE_SENDING);
    ok(message_list(db, &claim, &none, page, 2, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&page[0].id, &never.id));
    ok(message_list(db, &claim, &page[1].id, page, 4, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert(uuid_equal(&page[0].id, &late.id));
    close_records();
}
END_TEST

START_TEST(contacts_are_replaced_as_a_whole_and_sealed)
{
    struct contact_record c[2] = {{.person = person("alex"), .channel = MESSAGE_SMS},
                                  {.person = person("alex"), .channel = MESSAGE_EMAIL}};
    struct contact_record told[CONTACTS_MAX], one;
    struct person sam = person("sam");
    size_t n = 0;
    open_records();
    struct uuid claim = new_claim("PIP-1", "alex");
    c[0].claim = c[1].claim = claim;
    (void)strcpy(c[0].address, "+447900900123");
    (void)strcpy(c[1].address, "alex@example.invalid");
    ok(contact_replace(db, &claim, c, 2));
    ok(contact_list(db, &claim, told, &n));
    ck_assert_uint_eq(n, 2);
    ok(contact_find(db, &claim, &c[0].person, MESSAGE_SMS, &one));
    ck_assert_str_eq(one.address, "+447900900123");
    ck_assert_int_eq(contact_find(db, &claim, &sam, MESSAGE_SMS, &one), ERR_NOT_FOUND);
    ok(contact_replace(db, &claim, c + 1, 1));
    ck_assert_int_eq(contact_find(db, &claim, &c[0].person, MESSAGE_SMS, &one), ERR_NOT_FOUND);
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_outbox", a_message_goes_its_way_and_every_step_is_kept,
                     what_is_due_is_listed_in_its_order,
                     contacts_are_replaced_as_a_whole_and_sealed);
}
