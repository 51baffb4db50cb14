/* RFC 8941 4.2.3 and what it forbids. */
#include "gateway/http/fields_structured.h"

#include "tests/support/suite.h"

START_TEST(items_that_are_good)
{
    static const struct {
        const char *value;
        enum structured_kind kind;
        int64_t integer;
        bool boolean;
    } rows[] = {
        {"0", STRUCTURED_INTEGER, 0, false},
        {"-0", STRUCTURED_INTEGER, 0, false},
        {"00042", STRUCTURED_INTEGER, 42, false},
        {"-7", STRUCTURED_INTEGER, -7, false},
        {"999999999999999", STRUCTURED_INTEGER, STRUCTURED_INTEGER_MAX, false},
        {"  5  ", STRUCTURED_INTEGER, 5, false},
        {"5;a;b=1;c=\"x\\\"\\\\\";*d=?1;e=:aGk=:;f=tok:/en;  g.-_=1.5", STRUCTURED_INTEGER, 5,
         false},
        {"1.5", STRUCTURED_DECIMAL, 0, false},
        {"-123456789012.123", STRUCTURED_DECIMAL, 0, false},
        {"\"text, with \\\" and \\\\\"", STRUCTURED_STRING, 0, false},
        {"\"\"", STRUCTURED_STRING, 0, false},
        {"token", STRUCTURED_TOKEN, 0, false},
        {"*a/b:c", STRUCTURED_TOKEN, 0, false},
        {":aGVsbG8=:", STRUCTURED_BYTES, 0, false},
        {"::", STRUCTURED_BYTES, 0, false},
        {"?1", STRUCTURED_BOOLEAN, 0, true},
        {"?0", STRUCTURED_BOOLEAN, 0, false},
        {"?1;why=now", STRUCTURED_BOOLEAN, 0, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct structured_item item;

        ck_assert_msg(structured_item_parse(rows[i].value, &item) == ERR_OK, "%s",
                      rows[i].value);
        ck_assert_msg(item.kind == rows[i].kind, "%s", rows[i].value);
        ck_assert_int_eq(item.integer, rows[i].integer);
        ck_assert_int_eq(item.boolean, rows[i].boolean);
    }
}
END_TEST

START_TEST(items_that_are_not)
{
    static const char *const rows[] = {
        "",
        " ",
        "-",
        "+1",
        "1000000000000000",
        "1.",
        "1.2345",
        "1 2",
        "1,2",
        "1,",
        "?",
        "?2",
        "?true",
        "true, false",
        "?1 ?0",
        "\"a",
        "a\"",
        "\"\\",
        "\"\\n\"",
        "\"\x01\"",
        "\"\xc3\xa9\"",
        ":a",
        ":a b:",
        "(1)",
        "1;",
        "1;A=1",
        "1;a=",
        "1;a =1",
        "1 ;a",
        "\t1",
        "1\t",
        "0x10",
        "1e3",
        "1;a=1;",
        "?1;a=(1)",
        ".5",
        "--1",
        "@1",
        "%\"a\"",
        "1234567890123.1",
        "1;=1",
        "1;a==1",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct structured_item item;

        ck_assert_msg(structured_item_parse(rows[i], &item) == ERR_INVALID, "%s", rows[i]);
    }
}
END_TEST

START_TEST(another_kind_is_no_answer)
{
    bool yes = true;
    int64_t n = 7;

    ck_assert_int_eq(structured_boolean("?0", &yes), ERR_OK);
    ck_assert(!yes);
    ck_assert_int_eq(structured_integer("12;a", &n), ERR_OK);
    ck_assert_int_eq(n, 12);
    ck_assert_int_eq(structured_boolean("1", &yes), ERR_INVALID);
    ck_assert_int_eq(structured_boolean("true", &yes), ERR_INVALID);
    ck_assert_int_eq(structured_integer("1.0", &n), ERR_INVALID);
    ck_assert_int_eq(structured_integer("?1", &n), ERR_INVALID);
    ck_assert_int_eq(n, 12);
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/structured", items_that_are_good, items_that_are_not,
                     another_kind_is_no_answer);
}
