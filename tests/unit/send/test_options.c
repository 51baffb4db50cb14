#include "crypto/secret.h"
#include "gateway/send/options.h"
#include "gateway/send/outcome.h"
#include "tests/support/suite.h"

#include <stdint.h>
#include <string.h>

#define CLAIM "0193d2a4-0000-7000-8000-000000000001"
#define VKEY "gateway.example/log+1c9de5b3+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
#define SELF "/proc/self/exe" /* a file that can be read */

static struct send_options got;

static int parse(const char *const *args)
{
    char *argv[64] = {(char[]){"evidence-send"}};
    int argc = 1;

    options_clear(&got);
    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    return options_parse(argc, argv, &got);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})
#define NEEDED "--url=https://gateway.example", "--claim", CLAIM, "--kind=medical_report"

START_TEST(the_least_that_is_needed)
{
    ck_assert_int_eq(PARSE(NEEDED, "--token-file", SELF, "a", "b"), CLI_GO);
    ck_assert_str_eq(got.service, "https://gateway.example");
    ck_assert_uint_eq(got.n_files, 2);
    ck_assert_str_eq(got.files[1], "b");
    ck_assert_uint_eq(got.piece_size, 8 << 20);
    ck_assert_uint_eq(got.retry_for_s, 900);
    ck_assert(!got.has_log_key && !got.json && !got.quiet);
    ck_assert_int_eq(PARSE(NEEDED, "--cert", SELF, "--key", SELF, "a"), CLI_GO);
    ck_assert_int_eq(PARSE(NEEDED, "--cert", SELF, "--key", SELF, "--token-file", SELF,
                           "--log-key", VKEY, "--piece-size=1GiB", "--retry-for=0", "--json",
                           "--quiet", "--ca", SELF, "--recording-started=2026-11-22T10:00:00Z",
                           "--recording-stopped=2026-11-22T11:00:00+01:00", "--assessment",
                           CLAIM, "--filename=x.pdf", "--", "-a"),
                     CLI_GO);
    ck_assert(got.has_log_key);
    ck_assert_uint_eq(got.log_key.key_id, 0x1c9de5b3);
    ck_assert_uint_eq(got.piece_size, 1 << 30);
    ck_assert_uint_eq(got.retry_for_s, 0);
    options_clear(&got);
}
END_TEST

START_TEST(wrong_use_is_two)
{
#define GOOD NEEDED, "--token-file", SELF, "a"
    ck_assert_int_eq(PARSE("--help"), OUTCOME_RECEIVED);
    ck_assert_int_eq(PARSE(NEEDED, "--token-file", SELF), OUTCOME_USAGE); /* no file */
    ck_assert_int_eq(PARSE(NEEDED, "a"), OUTCOME_USAGE);                  /* nobody sends */
    ck_assert_int_eq(PARSE(NEEDED, "--cert", SELF, "a"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(NEEDED, "--key", SELF, "a"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(NEEDED, "--token-file", "/tmp/eg-none", "a"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE("--url=http://127.0.0.1", "--claim", CLAIM, "--kind=k",
                           "--token-file", SELF, "a"),
                     OUTCOME_USAGE);
    ck_assert_int_eq(
        PARSE("--url=https://a.example", "--claim=1", "--kind=k", "--token-file", SELF, "a"),
        OUTCOME_USAGE);
    ck_assert_int_eq(
        PARSE("--url=https://a.example", "--claim", CLAIM, "--token-file", SELF, "a"),
        OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--assessment=1"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--recording-started=noon"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--recording-stopped=2026-11-22"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--piece-size=1"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--retry-for=x"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--retry-for=9999999999"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--log-key=nonsense"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--filename=x", "b"), OUTCOME_USAGE);
    ck_assert_int_eq(PARSE(GOOD, "--insecure"), OUTCOME_USAGE);
    options_clear(&got);
}
END_TEST

START_TEST(sizes_have_units)
{
    static const char *const wrong[] = {
        "",      "1",   "1023", "8 MiB", "8MB",    "8mib",  "9GiB",
        "-8MiB", "MiB", "0",    "0GiB",  "1.5MiB", "8MiBs", "99999999999999999999GiB"};
    uint64_t size;

    ck_assert_int_eq(piece_size_parse("1024", &size), ERR_OK);
    ck_assert_uint_eq(size, 1024);
    ck_assert_int_eq(piece_size_parse("5000B", &size), ERR_OK);
    ck_assert_uint_eq(size, 5000);
    ck_assert_int_eq(piece_size_parse("64KiB", &size), ERR_OK);
    ck_assert_uint_eq(size, 65536);
    ck_assert_int_eq(piece_size_parse("8GiB", &size), ERR_OK);
    ck_assert_uint_eq(size, UINT64_C(8) << 30);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_msg(piece_size_parse(wrong[i], &size) == ERR_INVALID, "%s", wrong[i]);
}
END_TEST

int main(void)
{
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("send/options", the_least_that_is_needed, wrong_use_is_two,
                     sizes_have_units);
}
