#include "gateway/send/report.h"
#include "tests/support/suite.h"

static char text[32];

static const char *size(uint64_t bytes)
{
    size_format(bytes, text, sizeof(text));
    return text;
}

static const char *duration(uint64_t seconds)
{
    duration_format(seconds, text, sizeof(text));
    return text;
}

START_TEST(sizes_are_short)
{
    ck_assert_str_eq(size(0), "0 B");
    ck_assert_str_eq(size(1023), "1023 B");
    ck_assert_str_eq(size(1024), "1.0 KiB");
    ck_assert_str_eq(size(1536), "1.5 KiB");
    ck_assert_str_eq(size(1048575), "1023.9 KiB");
    ck_assert_str_eq(size(UINT64_C(8) << 30), "8.0 GiB");
    ck_assert_str_eq(size(UINT64_MAX), "16777215.9 TiB");
}
END_TEST

START_TEST(durations_are_those_of_a_clock)
{
    ck_assert_str_eq(duration(0), "0:00");
    ck_assert_str_eq(duration(61), "1:01");
    ck_assert_str_eq(duration(3599), "59:59");
    ck_assert_str_eq(duration(3600), "1:00:00");
    ck_assert_str_eq(duration(360000 + 62), "100:01:02");
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/report", sizes_are_short, durations_are_those_of_a_clock);
}
