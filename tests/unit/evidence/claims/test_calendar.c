/* Working days: the table that ships against the rules it was made by, London's clock, and
 * counts against a count day by day. */
#include "gateway/evidence/claims/calendar.h"

#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct calendar table;

static void ok(enum err e)
{
    ck_assert_msg(e == ERR_OK, "%s", err_message(e));
}

static void load(void)
{
    ok(calendar_load(TEST_SOURCE_DIR "/config/bank-holidays.json", &table));
}

static int32_t day(const char *text)
{
    int32_t d = 0;
    ok(day_parse(text, &d));
    return d;
}

static int64_t at(const char *text)
{
    int64_t micros = 0;
    ok(time_parse(text, &micros));
    return micros;
}

static void ck_day(int32_t d, const char *text)
{
    char told[DATE_TEXT_SIZE];
    day_format(d, told);
    ck_assert_str_eq(told, text);
}

static bool holiday(enum nation n, const char *text)
{
    return !calendar_works(&table, n, day(text));
}

START_TEST(the_table_that_ships_is_the_one_that_is_built_in)
{
    struct calendar built_in;
    load();
    ok(calendar_load("", &built_in));
    ck_assert_int_eq(memcmp(&built_in, &table, sizeof(table)), 0);
    ck_assert(calendar_knows(&table, NATION_SCOTLAND, day("2025-01-01")));
    ck_assert(calendar_knows(&table, NATION_SCOTLAND, day("2028-12-31")));
    ck_assert(!calendar_knows(&table, NATION_SCOTLAND, day("2024-12-31")));
    ck_assert(!calendar_knows(&table, NATION_SCOTLAND, day("2029-01-01")));
    ck_assert(!calendar_knows(NULL, NATION_SCOTLAND, day("2028-01-01")));
}
END_TEST

/* The anonymous Gregorian algorithm. */
static int32_t easter(int y)
{
    int a = y % 19, b = y / 100, c = y % 100, d = b / 4, e = b % 4, f = (b + 8) / 25;
    int g = (b - f + 1) / 3, h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4;
    int l = (32 + 2 * e + 2 * i - h - k) % 7, m = (a + 11 * h + 22 * l) / 451;
    int month = (h + l - 7 * m + 114) / 31, date = (h + l - 7 * m + 114) % 31 + 1;
    char text[32];
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02d", y, month, date);
    return day(text);
}

START_TEST(easter_moves)
{
    load();
    for (int y = 2025; y <= 2028; y++) {
        int32_t sunday = easter(y);
        for (int n = 0; n < NATION_COUNT; n++) {
            ck_assert(!calendar_works(&table, (enum nation)n, sunday - 2));
            ck_assert(calendar_works(&table, (enum nation)n, sunday - 3));
            ck_assert_int_eq(calendar_works(&table, (enum nation)n, sunday + 1),
                             n == NATION_SCOTLAND);
        }
    }
    ck_day(easter(2026), "2026-04-05");
    ck_day(easter(2027), "2027-03-28");
}
END_TEST

START_TEST(substitute_days_stand_for_those_on_weekends)
{
    static const char *const SUBSTITUTES[NATION_COUNT][8] = {
        [NATION_ENGLAND_AND_WALES] = {"2026-12-28", "2027-12-27", "2027-12-28", "2028-01-03"},
        [NATION_SCOTLAND] = {"2025-12-01", "2026-12-28", "2027-01-04", "2027-12-27",
                             "2027-12-28", "2028-01-03", "2028-01-04"},
        [NATION_NORTHERN_IRELAND] = {"2025-07-14", "2026-07-13", "2026-12-28", "2027-12-27",
                                     "2027-12-28", "2028-01-03"},
    };
    load();
    for (int n = 0; n < NATION_COUNT; n++) {
        for (int i = 0; i < 8 && SUBSTITUTES[n][i]; i++)
            ck_assert_msg(holiday((enum nation)n, SUBSTITUTES[n][i]), "%s in %s",
                          SUBSTITUTES[n][i], nation_name((enum nation)n));
    }
    ck_assert(!holiday(NATION_ENGLAND_AND_WALES, "2028-01-04"));
    ck_assert(!holiday(NATION_NORTHERN_IRELAND, "2028-01-04"));
}
END_TEST

START_TEST(nations_have_days_of_their_own)
{
    static const struct {
        const char *date;
        bool off[NATION_COUNT]; /* England and Wales, Scotland, Northern Ireland */
    } DAYS[] = {
        {"2026-01-01", {true, true, true}},   {"2026-01-02", {false, true, false}},
        {"2026-03-17", {false, false, true}}, {"2026-05-04", {true, true, true}},
        {"2026-05-25", {true, true, true}},   {"2026-06-15", {false, true, false}},
        {"2027-07-12", {false, false, true}}, {"2026-08-03", {false, true, false}},
        {"2026-08-31", {true, false, true}},  {"2026-11-30", {false, true, false}},
        {"2026-12-25", {true, true, true}},   {"2026-11-20", {false, false, false}},
        {"2026-11-21", {true, true, true}},   {"2026-11-22", {true, true, true}},
    };
    load();
    for (size_t i = 0; i < ARRAY_LEN(DAYS); i++) {
        for (int n = 0; n < NATION_COUNT; n++)
            ck_assert_msg(holiday((enum nation)n, DAYS[i].date) == DAYS[i].off[n], "%s in %s",
                          DAYS[i].date, nation_name((enum nation)n));
    }
    /* as many in a year as the published lists have */
    for (int n = 0; n < NATION_COUNT; n++) {
        static const int EACH[] = {8, 9, 10};
        size_t want = (size_t)EACH[n] * 4 + (n == NATION_SCOTLAND);
        ck_assert_uint_eq(table.nations[n].n, want);
    }
}
END_TEST

START_TEST(ranges_are_counted_as_by_hand)
{
    load();
    for (int n = -1; n < NATION_COUNT; n++) {
        const struct calendar *c = n < 0 ? NULL : &table;
        enum nation nation = n < 0 ? NATION_SCOTLAND : (enum nation)n;
        int32_t first = day("2024-12-20"), last = day("2029-01-10"), count = 0;
        for (int32_t d = first + 1; d <= last; d++) {
            count += calendar_works(c, nation, d);
            ck_assert_int_eq(calendar_between(c, nation, first, d), count);
            ck_assert_int_eq(calendar_between(c, nation, d, first), -count);
        }
    }
    ck_assert_int_eq(calendar_between(NULL, NATION_SCOTLAND, -20, day("1970-01-31")), 35);
}
END_TEST

START_TEST(working_days_are_added_over_the_ends_of_years)
{
    load();
    ck_day(calendar_add(&table, NATION_ENGLAND_AND_WALES, day("2026-12-23"), 1), "2026-12-24");
    ck_day(calendar_add(&table, NATION_ENGLAND_AND_WALES, day("2026-12-24"), 1), "2026-12-29");
    ck_day(calendar_add(&table, NATION_ENGLAND_AND_WALES, day("2026-12-24"), 4), "2027-01-04");
    ck_day(calendar_add(&table, NATION_SCOTLAND, day("2026-12-24"), 4), "2027-01-05");
    ck_day(calendar_add(&table, NATION_ENGLAND_AND_WALES, day("2026-12-25"), 0), "2026-12-29");
    ck_day(calendar_add(&table, NATION_ENGLAND_AND_WALES, day("2026-12-24"), 0), "2026-12-24");
    /* the contract's forty, from a Saturday: the clock starts behind the weekend */
    ck_day(calendar_add(&table, NATION_ENGLAND_AND_WALES, day("2026-08-29"), 40), "2026-10-26");
    for (int32_t d = day("2025-01-01"); d < day("2028-10-01"); d++) {
        int32_t due = calendar_add(&table, NATION_NORTHERN_IRELAND, d, 40);
        ck_assert_int_eq(calendar_between(&table, NATION_NORTHERN_IRELAND, d, due), 40);
        ck_assert(calendar_works(&table, NATION_NORTHERN_IRELAND, due));
    }
}
END_TEST

START_TEST(the_day_is_londons)
{
    ck_day(day_of(at("2026-06-30T22:59:59.999999Z")), "2026-06-30");
    ck_day(day_of(at("2026-06-30T23:00:00Z")), "2026-07-01"); /* summer: an hour ahead */
    ck_day(day_of(at("2026-12-31T23:59:59Z")), "2026-12-31");
    ck_day(day_of(at("2027-01-01T00:00:00Z")), "2027-01-01");
    /* the days on which the clocks change have 23 and 25 hours */
    ck_assert_int_eq(day_begins(day("2026-03-29")), at("2026-03-29T00:00:00Z"));
    ck_assert_int_eq(day_begins(day("2026-03-30")), at("2026-03-29T23:00:00Z"));
    ck_assert_int_eq(day_begins(day("2026-10-25")), at("2026-10-24T23:00:00Z"));
    ck_assert_int_eq(day_begins(day("2026-10-26")), at("2026-10-26T00:00:00Z"));
    for (int32_t d = day("2025-01-01"); d < day("2029-01-01"); d++) {
        int64_t begins = day_begins(d);
        ck_assert_int_eq(day_of(begins), d);
        ck_assert_int_eq(day_of(begins - 1), d - 1);
    }
    ck_assert_int_eq(day_of(at("1970-01-01T00:00:00Z") - 1), -1);
}
END_TEST

#define EVENT(date) "{\"title\":\"T\",\"date\":\"" date "\",\"notes\":\"\",\"bunting\":true}"
#define DIVISION(name, events)                                                                 \
    "\"" name "\":{\"division\":\"" name "\",\"events\":[" events "]}"
#define WHOLE(events)                                                                          \
    "{" DIVISION("england-and-wales", EVENT("2026-01-01")) "," DIVISION(                       \
        "scotland", events) "," DIVISION("northern-ireland", EVENT("2026-01-01")) "}"

START_TEST(a_file_that_is_half_understood_is_refused)
{
    static const char *const BAD[] = {
        "",
        "{}",
        "[]",
        WHOLE(""),
        WHOLE(EVENT("2026-13-01")),
        WHOLE(EVENT("01-01-2026")),
        WHOLE(EVENT("2026-01-01") "," EVENT("2026-01-01")),
        WHOLE("{\"title\":\"T\",\"day\":\"2026-01-01\"}"),
        "{" DIVISION("scotland", EVENT("2026-01-01")) "}",
    };
    struct calendar c;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        ck_assert_msg(calendar_read(BAD[i], strlen(BAD[i]), &c) == ERR_INVALID, "%s", BAD[i]);
    /* in any order; what falls on a weekend changes nothing */
    static const char good[] =
        WHOLE(EVENT("2027-01-04") "," EVENT("2026-12-28") "," EVENT("2026-12-26"));
    ok(calendar_read(good, strlen(good), &c));
    ck_assert_uint_eq(c.nations[NATION_SCOTLAND].n, 2);
    ck_day(calendar_add(&c, NATION_SCOTLAND, day("2026-12-25"), 1), "2026-12-29");
    ck_assert(calendar_knows(&c, NATION_SCOTLAND, day("2026-01-01")));
    ck_assert(!calendar_knows(&c, NATION_ENGLAND_AND_WALES, day("2027-01-01")));
    ck_assert_int_eq(calendar_load("/nonexistent/file", &c), ERR_NOT_FOUND);
}
END_TEST

START_TEST(nations_have_names)
{
    enum nation n;
    for (int i = 0; i < NATION_COUNT; i++) {
        ok(nation_parse(nation_name((enum nation)i), &n));
        ck_assert_int_eq(n, i);
    }
    ck_assert_int_eq(nation_parse("Wales", &n), ERR_INVALID);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/claims/calendar",
                     the_table_that_ships_is_the_one_that_is_built_in, easter_moves,
                     substitute_days_stand_for_those_on_weekends,
                     nations_have_days_of_their_own, ranges_are_counted_as_by_hand,
                     working_days_are_added_over_the_ends_of_years, the_day_is_londons,
                     a_file_that_is_half_understood_is_refused, nations_have_names);
}
