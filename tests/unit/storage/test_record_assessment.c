#include "tests/unit/storage/records_fixture.h"

static struct uuid claim, assessment;
static struct choice_event events[CHOICE_EVENTS_MAX];
static size_t n;

static void open_assessment(void)
{
    struct assessment_record a;

    open_records();
    claim = new_claim("PIP-1", "alex");
    a = (struct assessment_record){.id = id_in_order(),
                                   .claim = claim,
                                   .channel = "telephone",
                                   .provider = "Provider North",
                                   .scheduled_at = 100,
                                   .created_at = 50,
                                   .created_by = person("assessor")};
    ok(assessment_insert(db, &a));
    assessment = a.id;
}

static struct choice_event choice(const char *event_id, const char *event)
{
    struct choice_event e = {.assessment = assessment,
                             .channel = "web",
                             .notice_version = "2026-1",
                             .effective_at = 60,
                             .recorded_at = 61,
                             .by = person("alex"),
                             .by_role = "claimant",
                             .on_behalf_of = "alex",
                             .ledger_index = 9};

    (void)snprintf(e.event_id, sizeof(e.event_id), "%s", event_id);
    (void)snprintf(e.event, sizeof(e.event), "%s", event);
    return e;
}

START_TEST(an_assessment_comes_back_as_it_went)
{
    struct assessment_record back, page[4], again;

    open_assessment();
    memset(&back, 0x55, sizeof(back));
    ok(assessment_find(db, &assessment, &back));
    ck_assert(uuid_equal(&back.id, &assessment));
    ck_assert(uuid_equal(&back.claim, &claim));
    ck_assert_str_eq(back.channel, "telephone");
    ck_assert_str_eq(back.provider, "Provider North");
    ck_assert_int_eq(back.scheduled_at, 100);
    ck_assert_int_eq(back.created_at, 50);
    ck_assert_str_eq(back.created_by.subject, "assessor");
    fails(ERR_EXISTS, assessment_insert(db, &back));
    fails(ERR_NOT_FOUND, assessment_find(db, &claim, &again));
    again = back;
    again.id = id_in_order();
    ok(assessment_insert(db, &again));
    ok(assessment_list(db, &claim, page, 4, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&page[0].id, &again.id));
    ok(assessment_list(db, &assessment, page, 4, &n));
    ck_assert_uint_eq(n, 0);
    again.id = id_in_order();
    again.claim = id_in_order();
    fails(ERR_CONFLICT, assessment_insert(db, &again));
    close_records();
}
END_TEST

START_TEST(choices_keep_the_order_in_which_they_were_recorded)
{
    static const char *const order[] = {"z", "a", "m"};
    struct choice_event e;

    open_assessment();
    for (int i = 0; i < 3; i++) {
        e = choice(order[i], i == 0 ? "notice" : "opt_out");
        e.effective_at = 100 - i; /* told later, effective earlier */
        ok(choice_insert(db, &e));
    }
    ok(choice_list(db, &assessment, events, CHOICE_EVENTS_MAX, &n));
    ck_assert_uint_eq(n, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(events[i].event_id, order[i]);
        ck_assert_int_eq(events[i].effective_at, 100 - i);
    }
    ck_assert(uuid_equal(&events[0].assessment, &assessment));
    ck_assert_str_eq(events[0].event, "notice");
    ck_assert_str_eq(events[0].channel, "web");
    ck_assert_str_eq(events[0].notice_version, "2026-1");
    ck_assert_int_eq(events[0].recorded_at, 61);
    ck_assert_str_eq(events[0].by.issuer, "https://login.example");
    ck_assert_str_eq(events[0].by.subject, "alex");
    ck_assert_str_eq(events[0].by_role, "claimant");
    ck_assert_str_eq(events[0].on_behalf_of, "alex");
    ck_assert_uint_eq(events[0].ledger_index, 9);
    close_records();
}
END_TEST

START_TEST(an_event_is_recorded_once)
{
    struct choice_event e, back;

    open_assessment();
    e = choice("e-1", "opt_out");
    ok(choice_insert(db, &e));
    (void)strcpy(e.event, "opt_in");
    fails(ERR_EXISTS, choice_insert(db, &e));
    ok(choice_find(db, &assessment, "e-1", &back));
    ck_assert_str_eq(back.event, "opt_out");
    fails(ERR_NOT_FOUND, choice_find(db, &assessment, "e-2", &back));
    fails(ERR_NOT_FOUND, choice_find(db, &claim, "e-1", &back));
    e = choice("e-1", "opt_out");
    e.assessment = claim; /* there is no such assessment */
    fails(ERR_CONFLICT, choice_insert(db, &e));
    close_records();
}
END_TEST

START_TEST(a_choice_is_never_judged_by_a_part_of_its_events)
{
    struct choice_event e;

    open_assessment();
    for (int i = 0; i < CHOICE_EVENTS_MAX; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "e-%d", i);
        e = choice(id, "opt_out");
        ok(choice_insert(db, &e));
    }
    fails(ERR_EXISTS, choice_insert(db, &e)); /* a repeat is still a repeat */
    e = choice("one more", "opt_in");
    fails(ERR_TOO_LARGE, choice_insert(db, &e));
    ok(choice_list(db, &assessment, events, CHOICE_EVENTS_MAX, &n));
    ck_assert_uint_eq(n, CHOICE_EVENTS_MAX);
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_assessment", an_assessment_comes_back_as_it_went,
                     choices_keep_the_order_in_which_they_were_recorded,
                     an_event_is_recorded_once,
                     a_choice_is_never_judged_by_a_part_of_its_events);
}
