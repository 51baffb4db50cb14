#include "gateway/base/clock.h"
#include "tests/support/suite.h"

#include <string.h>
#include <time.h>

static int64_t fixed(void)
{
    return INT64_C(1795323789123456); /* 2026-11-22T05:03:09.123456Z */
}

START_TEST(the_wall_clock_can_be_replaced)
{
    int64_t real = clock_now();
    int64_t libc = (int64_t)time(NULL);

    ck_assert_int_le(llabs(real / MICROS_PER_SECOND - libc), 2);
    clock_replace(fixed);
    ck_assert_int_eq(clock_now(), fixed());
    ck_assert_int_eq(clock_now_seconds(), fixed() / MICROS_PER_SECOND);
    clock_replace(NULL);
    ck_assert_int_ge(clock_now(), real);
}
END_TEST

START_TEST(the_steady_clock_does_not_go_back)
{
    int64_t before = clock_steady_ms();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_steady_ms();
        ck_assert_int_ge(now, before);
        before = now;
    }
}
END_TEST

START_TEST(times_are_formatted)
{
    static const struct {
        int64_t micros;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        {INT64_C(951868799999999), "2000-02-29T23:59:59.999999Z"},
        {INT64_C(1795323789123456), "2026-11-22T05:03:09.123456Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000000Z"},
    };
    char out[TIME_TEXT_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        time_format(cases[i].micros, out);
        ck_assert_str_eq(out, cases[i].text);
    }
}
END_TEST

START_TEST(every_day_agrees_with_the_c_library)
{
    for (int64_t day = 0; day < 200000; day += 13) { /* to the year 2517 */
        time_t seconds = (time_t)(day * 86400 + 12345);
        char ours[TIME_TEXT_SIZE], theirs[64];
        struct tm tm;
        int64_t back;

        ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
        ck_assert_uint_gt(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000Z", &tm),
                          0);
        time_format((int64_t)seconds * MICROS_PER_SECOND, ours);
        ck_assert_str_eq(ours, theirs);
        ck_assert_int_eq(time_parse(ours, &back), ERR_OK);
        ck_assert_int_eq(back, (int64_t)seconds * MICROS_PER_SECOND);
    }
}
END_TEST

START_TEST(rfc_3339_is_read)
{
    static const struct {
        const char *text;
        int64_t micros;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T00:00:00.1Z", 100000},
        {"1970-01-01T00:00:00.123456789Z", 123456},
        {"1970-01-01T00:00:00.000000999Z", 0},
        {"2026-11-22T05:03:09.123456Z", INT64_C(1795323789123456)},
        {"2026-11-21T19:33:09.123456-09:30", INT64_C(1795323789123456)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
        {"1969-12-31T23:00:00-01:00", -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t micros = -1;
        enum err e = time_parse(cases[i].text, &micros);

        ck_assert_msg(e == (cases[i].micros < 0 ? ERR_INVALID : ERR_OK), "%s", cases[i].text);
        ck_assert_msg(micros == cases[i].micros, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T05:03Z",
        "2026-11-22T05:03:09",
        "2026-11-22 05:03:09Z",
        "2026-11-22T05:03:09Z ",
        " 2026-11-22T05:03:09Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+01",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "+2026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
        "2026-01-01T0:00:00Z",
        "2026-01-01T00:00:-1Z",
        "\xff"
        "026-01-01T00:00:00Z",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t micros = 77;

        ck_assert_msg(time_parse(texts[i], &micros) == ERR_INVALID, "accepted: %s", texts[i]);
        ck_assert_int_eq(micros, 77);
    }
}
END_TEST

START_TEST(dates_are_checked)
{
    static const char *const good[] = {"1931-04-30", "2000-02-29", "2024-02-29", "0001-01-01",
                                       "9999-12-31"};
    static const char *const bad[] = {"",
                                      "1900-02-29",
                                      "2023-02-29",
                                      "2024-02-30",
                                      "2024-13-01",
                                      "2024-00-01",
                                      "2024-01-00",
                                      "2024-1-1",
                                      "2024-01-01 ",
                                      "24-01-01",
                                      "0000-01-01",
                                      "2024/01/01",
                                      "2024-01-01T00:00:00Z"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert_msg(date_check(good[i]) == ERR_OK, "refused: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(date_check(bad[i]) == ERR_INVALID, "accepted: %s", bad[i]);
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/clock", the_wall_clock_can_be_replaced,
                     the_steady_clock_does_not_go_back, times_are_formatted,
                     every_day_agrees_with_the_c_library, rfc_3339_is_read,
                     what_is_no_time_is_refused, dates_are_checked);
}
