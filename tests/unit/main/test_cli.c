#include "gateway/cli.h"
#include "gateway/commands.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct {
    const char *text, *operands[2];
    bool flag;
    uint64_t number;
    struct cli_values many;
} got;

static int parse(const char *const *args)
{
    const struct cli_option options[] = {
        {"text", "T", "a text", CLI_TEXT, true, &got.text},
        {"flag", NULL, "a flag", CLI_FLAG, false, &got.flag},
        {"number", "N", "a number", CLI_NUMBER, false, &got.number},
        {"many", "M", "several", CLI_MANY, false, &got.many},
    };
    const struct cli_command command = {.name = "try",
                                        .operands = "ONE [TWO]",
                                        .about = "For a test.",
                                        .options = options,
                                        .n_options = ARRAY_LEN(options),
                                        .operands_min = 1,
                                        .operands_max = 2,
                                        .operand = got.operands};
    char *argv[CLI_VALUES_MAX * 2 + 8] = {(char[]){"try"}};
    int argc = 1;

    memset(&got, 0, sizeof(got));
    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    return cli_parse(&command, argc, argv);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

START_TEST(options_and_operands_are_read)
{
    ck_assert_int_eq(PARSE("one", "--text", "a", "--flag", "--number=12", "two", "--many=x",
                           "--many", "--y"),
                     CLI_GO);
    ck_assert_str_eq(got.text, "a");
    ck_assert(got.flag);
    ck_assert_uint_eq(got.number, 12);
    ck_assert_str_eq(got.operands[0], "one");
    ck_assert_str_eq(got.operands[1], "two");
    ck_assert_uint_eq(got.many.n, 2);
    ck_assert_str_eq(got.many.values[1], "--y");
    ck_assert_int_eq(PARSE("--text=", "--", "--flag"), CLI_GO);
    ck_assert_str_eq(got.operands[0], "--flag");
    ck_assert(!got.flag);
}
END_TEST

START_TEST(wrong_use_is_an_exit_code)
{
    ck_assert_int_eq(PARSE("one"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("--text", "a"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text", "a", "--text", "b"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text", "a", "--tex", "b"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text", "a", "--flag=1"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text", "a", "--number", "-1"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text", "a", "--number="), EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "--text", "a", "--number", "1234567890123456789"),
                     EXIT_USAGE);
    ck_assert_int_eq(PARSE("one", "two", "three", "--text", "a"), EXIT_USAGE);
    ck_assert_int_eq(PARSE("--help"), EXIT_GOOD);
}
END_TEST

START_TEST(values_have_a_limit)
{
    const char *args[CLI_VALUES_MAX + 4] = {"one", "--text=a"};
    size_t n = 2;

    for (; n < CLI_VALUES_MAX + 2; n++)
        args[n] = "--many=m";
    ck_assert_int_eq(parse(args), CLI_GO);
    args[n] = "--many=m";
    ck_assert_int_eq(parse(args), EXIT_USAGE);
}
END_TEST

START_TEST(errors_have_exit_codes)
{
    ck_assert_int_eq(cli_failed("try", ERR_INVALID), EXIT_USAGE);
    ck_assert_int_eq(cli_failed("try", ERR_CRYPTO), EXIT_CHECK_FAILED);
    ck_assert_int_eq(cli_failed("try", ERR_REFUSED), EXIT_CHECK_FAILED);
    ck_assert_int_eq(cli_failed("try", ERR_CORRUPT), EXIT_CHECK_FAILED);
    ck_assert_int_eq(cli_failed("try", ERR_IO), EXIT_ENVIRONMENT);
    ck_assert_int_eq(cli_failed("try", ERR_DENIED), EXIT_ENVIRONMENT);
}
END_TEST

int main(void)
{
    return SUITE_RUN("main/cli", options_and_operands_are_read, wrong_use_is_an_exit_code,
                     values_have_a_limit, errors_have_exit_codes);
}
