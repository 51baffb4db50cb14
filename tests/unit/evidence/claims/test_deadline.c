/* How old, how late: thresholds at their edges, around weekends, holidays and midnights. */
#include "gateway/evidence/claims/deadline.h"

#include "gateway/base/clock.h"
#include "tests/support/suite.h"

#include <string.h>

static struct calendar table;
static struct deadline_policy policy;

static void ok(enum err e)
{
    ck_assert_msg(e == ERR_OK, "%s", err_message(e));
}

static int64_t at(const char *text)
{
    int64_t micros = 0;
    ok(time_parse(text, &micros));
    return micros;
}

static void begin(void)
{
    ok(calendar_load("", &table));
    policy = (struct deadline_policy){.nation = NATION_ENGLAND_AND_WALES,
                                      .contract_days = 40,
                                      .ageing_days = 55,
                                      .ageing_working = true,
                                      .ended_stages = "decided closed",
                                      .soon_days = 3};
}

static struct claim_age age(const char *started, const char *ended, const char *now,
                            const char *nation)
{
    struct claim_clock clock = {.started_at = at(started), .ended_at = ended ? at(ended) : 0};
    struct claim_age a;
    (void)strcpy(clock.nation, nation);
    deadline_age(&table, &policy, &clock, at(now), &a);
    return a;
}

START_TEST(the_contracts_days_end_with_a_day_of_london)
{
    begin();
    /* from Friday 28 August 2026 over the summer bank holiday: 26 October, after the clocks
     * went back */
    struct claim_age a = age("2026-08-28T09:00:00Z", NULL, "2026-10-26T23:59:59Z", "");
    ck_assert_int_eq(a.due, at("2026-10-27T00:00:00Z"));
    ck_assert_int_eq(a.working_days, 40);
    ck_assert_int_eq(a.days, 59);
    ck_assert(!a.overdue && !a.ageing && a.known);
    ck_assert(age("2026-08-28T09:00:00Z", NULL, "2026-10-27T00:00:00Z", "").overdue);
    /* Scotland had its holiday on the third: there the day of the others is a working day */
    a = age("2026-08-28T09:00:00Z", NULL, "2026-10-26T12:00:00Z", "scotland");
    ck_assert_int_eq(a.working_days, 41);
    ck_assert(a.overdue && a.nation == NATION_SCOTLAND);
    /* in summer midnight is 23:00 UTC: registered then, it is the next day's */
    ck_assert_int_eq(age("2026-07-01T22:59:00Z", NULL, "2026-07-02T12:00:00Z", "").days, 1);
    ck_assert_int_eq(age("2026-07-01T23:00:00Z", NULL, "2026-07-02T12:00:00Z", "").days, 0);
}
END_TEST

START_TEST(over_fifty_five_is_ageing_and_not_at_it)
{
    begin();
    int64_t start = at("2026-02-02T10:00:00Z");
    int32_t day = calendar_add(&table, NATION_ENGLAND_AND_WALES, day_of(start), 55);
    struct claim_clock clock = {.started_at = start};
    struct claim_age a;
    deadline_age(&table, &policy, &clock, day_begins(day + 1) - 1, &a);
    ck_assert_int_eq(a.working_days, 55);
    ck_assert(!a.ageing);
    day = calendar_add(&table, NATION_ENGLAND_AND_WALES, day, 1);
    deadline_age(&table, &policy, &clock, day_begins(day), &a);
    ck_assert(a.ageing);
    policy.ageing_working = false;
    ck_assert(!age("2026-02-02T10:00:00Z", NULL, "2026-03-29T12:00:00Z", "").ageing);
    ck_assert(age("2026-02-02T10:00:00Z", NULL, "2026-03-29T23:00:00Z", "").ageing);
    /* one that has ended ages no more */
    a = age("2026-02-02T10:00:00Z", "2026-02-04T10:00:00Z", "2027-01-01T00:00:00Z", "");
    ck_assert(a.ended && !a.ageing && !a.overdue);
    ck_assert_int_eq(a.working_days, 2);
}
END_TEST

/* Nothing that is ageing started at that instant or later, whatever the nation. */
START_TEST(the_list_of_the_ageing_misses_none)
{
    static const char *const NATIONS[] = {"england_and_wales", "scotland", "northern_ireland"};
    begin();
    for (int unit = 0; unit < 2; unit++) {
        policy.ageing_working = unit == 0;
        for (int64_t now = at("2026-01-05T10:00:00Z"); now < at("2027-02-01T00:00:00Z");
             now += INT64_C(86400) * MICROS_PER_SECOND) {
            int64_t since = deadline_ageing_since(&table, &policy, now);
            bool one_ages = false;
            for (size_t n = 0; n < ARRAY_LEN(NATIONS); n++) {
                struct claim_clock clock = {.started_at = since};
                struct claim_age a;
                (void)strcpy(clock.nation, NATIONS[n]);
                deadline_age(&table, &policy, &clock, now, &a);
                ck_assert(!a.ageing);
                clock.started_at = since - 1;
                deadline_age(&table, &policy, &clock, now, &a);
                one_ages = one_ages || a.ageing;
            }
            ck_assert(one_ages);
        }
    }
}
END_TEST

START_TEST(days_that_are_left)
{
    begin();
    enum nation n = NATION_ENGLAND_AND_WALES;
    int64_t due = at("2026-12-30T00:00:00Z"); /* the end of Tuesday 29 December */
    ck_assert_int_eq(deadline_left(&table, n, due, at("2026-12-24T10:00:00Z")), 1);
    ck_assert_int_eq(deadline_left(&table, n, due, at("2026-12-28T10:00:00Z")), 1);
    ck_assert_int_eq(deadline_left(&table, n, due, at("2026-12-29T23:59:59Z")), 0);
    ck_assert_int_eq(deadline_left(&table, n, due, at("2026-12-30T00:00:00Z")), -1);
    ck_assert_int_eq(deadline_left(NULL, n, due, at("2026-12-24T10:00:00Z")), 3);
    /* three working days ahead of Christmas Eve: Tuesday, Wednesday, Thursday */
    ck_assert_int_eq(deadline_soon(&table, &policy, n, at("2026-12-24T10:00:00Z")),
                     at("2027-01-01T00:00:00Z") + 1);
}
END_TEST

START_TEST(stages_are_whole_words)
{
    begin();
    ck_assert(deadline_stage_ends(&policy, "decided"));
    ck_assert(deadline_stage_ends(&policy, "closed"));
    ck_assert(!deadline_stage_ends(&policy, "close"));
    ck_assert(!deadline_stage_ends(&policy, "decided closed"));
    ck_assert(!deadline_stage_ends(&policy, ""));
    policy.ended_stages = "";
    ck_assert(!deadline_stage_ends(&policy, "decided"));
    policy.ended_stages = NULL;
    ck_assert(!deadline_stage_ends(&policy, "decided"));
    ck_assert_int_eq(deadline_nation(&policy, ""), NATION_ENGLAND_AND_WALES);
    ck_assert_int_eq(deadline_nation(&policy, "scotland"), NATION_SCOTLAND);
    ck_assert_int_eq(deadline_nation(&policy, "atlantis"), NATION_ENGLAND_AND_WALES);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/claims/deadline", the_contracts_days_end_with_a_day_of_london,
                     over_fifty_five_is_ageing_and_not_at_it,
                     the_list_of_the_ageing_misses_none, days_that_are_left,
                     stages_are_whole_words);
}
