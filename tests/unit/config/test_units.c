#include "config/setting.h"
#include "tests/support/suite.h"

START_TEST(sizes_are_read_and_printed)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        const char *printed;
    } rows[] = {
        {"0 B", 0, "0 B"},
        {"1 B", 1, "1 B"},
        {"1024 B", 1024, "1 KiB"},
        {"64KiB", 65536, "64 KiB"},
        {"1536 KiB", 1572864, "1536 KiB"},
        {"3 GiB", 3 * GIB, "3 GiB"},
        {"16 TiB", 16 * TIB, "16 TiB"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[UNIT_TEXT_SIZE];
        uint64_t bytes;

        ck_assert_msg(size_parse(rows[i].text, &bytes) == ERR_OK, "%s", rows[i].text);
        ck_assert_uint_eq(bytes, rows[i].bytes);
        size_format(bytes, text);
        ck_assert_str_eq(text, rows[i].printed);
    }
}
END_TEST

START_TEST(durations_are_read_and_printed)
{
    static const struct {
        const char *text;
        uint64_t ms;
        const char *printed;
    } rows[] = {
        {"0 s", 0, "0 s"},       {"250 ms", 250, "250 ms"},   {"1500 ms", 1500, "1500 ms"},
        {"90 s", 90000, "90 s"}, {"900 s", 900000, "15 min"}, {"24 h", 86400000, "1 d"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[UNIT_TEXT_SIZE];
        uint64_t ms;

        ck_assert_msg(duration_parse(rows[i].text, &ms) == ERR_OK, "%s", rows[i].text);
        ck_assert_uint_eq(ms, rows[i].ms);
        duration_format(ms, text);
        ck_assert_str_eq(text, rows[i].printed);
    }
}
END_TEST

START_TEST(what_is_no_quantity_is_refused)
{
    static const char *const texts[] = {"",
                                        "5",
                                        "MiB",
                                        "-1 B",
                                        "1.5 GiB",
                                        "1  B",
                                        "1 kib",
                                        "0x10 B",
                                        "1 B ",
                                        " 1 B",
                                        "1 s",
                                        "99999999999999999999 B",
                                        "999999999999999999 TiB"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint64_t value;
        ck_assert_msg(size_parse(texts[i], &value) == ERR_INVALID, "%s", texts[i]);
    }
    uint64_t value;
    ck_assert_int_eq(duration_parse("1 B", &value), ERR_INVALID);
    ck_assert_int_eq(duration_parse("10", &value), ERR_INVALID);
}
END_TEST

int main(void)
{
    return SUITE_RUN("config/units", sizes_are_read_and_printed, durations_are_read_and_printed,
                     what_is_no_quantity_is_refused);
}
