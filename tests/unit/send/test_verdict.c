#include "gateway/send/verdict.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define ALL_STEPS(step) for (enum step step = STEP_CREATE; step < STEP_COUNT; step++)

static void every_step(long status, const char *problem, enum verdict wanted)
{
    ALL_STEPS(step)
    {
        ck_assert_msg(verdict_of(step, status, problem) == wanted, "%ld %s at %d", status,
                      problem, (int)step);
    }
}

START_TEST(good_is_two_hundred)
{
    every_step(200, "", VERDICT_GOOD);
    every_step(201, "", VERDICT_GOOD);
    every_step(204, "", VERDICT_GOOD);
}
END_TEST

START_TEST(what_passes_is_tried_again)
{
    static const long statuses[] = {408, 409, 423, 425, 429, 460, 500, 502, 503, 504, 507};

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        every_step(statuses[i], "", VERDICT_AGAIN);
    every_step(409, "mismatching-upload-offset", VERDICT_AGAIN);
    every_step(409, "idempotency-key-in-use", VERDICT_AGAIN);
    every_step(423, "upload-locked", VERDICT_AGAIN);
    every_step(503, "try-again", VERDICT_AGAIN);
    every_step(507, "storage-full", VERDICT_AGAIN);
    every_step(429, "quota-exceeded", VERDICT_AGAIN);
}
END_TEST

START_TEST(what_a_rule_says_is_final)
{
    static const struct {
        long status;
        const char *problem;
    } finals[] = {{400, "file-empty"},
                  {400, "invalid-request"},
                  {403, "not-permitted"},
                  {403, "insufficient-scope"},
                  {403, "upload-is-final"},
                  {409, "recording-opted-out"},
                  {409, "conflict"},
                  {412, ""},
                  {413, "file-too-large"},
                  {415, "type-not-allowed"},
                  {422, "password-protected"},
                  {422, "contains-virus"},
                  {301, ""},
                  {405, "method-not-allowed"}};

    for (size_t i = 0; i < ARRAY_LEN(finals); i++)
        every_step(finals[i].status, finals[i].problem, VERDICT_REFUSED);
}
END_TEST

START_TEST(what_is_gone_begins_anew)
{
    every_step(410, "upload-gone", VERDICT_ANEW);
    every_step(410, "", VERDICT_ANEW);
    every_step(400, "digest-mismatch", VERDICT_ANEW);
    ck_assert_int_eq(verdict_of(STEP_ASK, 404, ""), VERDICT_ANEW);
    ck_assert_int_eq(verdict_of(STEP_SEND, 404, "not-found"), VERDICT_ANEW);
    ck_assert_int_eq(verdict_of(STEP_RESULT, 404, "not-found"), VERDICT_ANEW);
    ck_assert_int_eq(verdict_of(STEP_CREATE, 404, "claim-not-found"), VERDICT_REFUSED);
    ck_assert_int_eq(verdict_of(STEP_CREATE, 422, "idempotency-key-reused"), VERDICT_ANEW);
    ck_assert_int_eq(verdict_of(STEP_SEND, 422, "idempotency-key-reused"), VERDICT_REFUSED);
}
END_TEST

START_TEST(a_token_is_waited_for)
{
    every_step(401, "unauthenticated", VERDICT_LOGIN);
    every_step(401, "", VERDICT_LOGIN);
    every_step(423, "token-expired", VERDICT_LOGIN);
}
END_TEST

static struct problem read_text(long status, const char *body)
{
    struct problem p;

    problem_read(status, body, strlen(body), &p);
    ck_assert(p.words[0] != '\0');
    return p;
}

START_TEST(problems_are_read)
{
    struct problem p = read_text(415, "{\"type\":\"/problems/type-not-allowed\",\"title\":\"Of "
                                      "another type\",\"detail\":\"Must be a PDF\"}");

    ck_assert_str_eq(p.name, "type-not-allowed");
    ck_assert_str_eq(p.words, "Of another type: Must be a PDF");
    p = read_text(409, "{\"type\":\"https://iana.org/assignments/http-problem-types"
                       "#mismatching-upload-offset\",\"title\":\"T\",\"detail\":\"T\"}");
    ck_assert_str_eq(p.name, "mismatching-upload-offset");
    ck_assert_str_eq(p.words, "T");
    p = read_text(400, "{\"detail\":\"D\"}");
    ck_assert_str_eq(p.name, "");
    ck_assert_str_eq(p.words, "D");
}
END_TEST

START_TEST(what_is_no_problem_gets_words_for_its_status)
{
    static const char *const bodies[] = {"", "<html>", "[]", "{}", "{\"title\":1}", "\"x\""};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct problem p = read_text(404, bodies[i]);
        ck_assert_str_eq(p.name, "");
        ck_assert_ptr_nonnull(strstr(p.words, "404"));
    }
    ck_assert_ptr_nonnull(strstr(read_text(302, "").words, "check --url"));
    ck_assert_ptr_nonnull(strstr(read_text(599, "").words, "in trouble"));
    ck_assert_ptr_nonnull(strstr(read_text(418, "").words, "refuses"));
}
END_TEST

START_TEST(somebody_elses_words_do_nothing_to_a_terminal)
{
    char clean[64], small[5];
    struct problem p =
        read_text(400, "{\"type\":\"/problems/\\u001b[2J\",\"title\":\"a\\u001b[2Jb\\nc\"}");

    ck_assert_str_eq(p.name, "");
    ck_assert_str_eq(p.words, "a?[2Jb?c");
    words_clean("a\xc2\x9b"
                "b\xff\x7f\xc3\xa4",
                clean, sizeof(clean));
    ck_assert_str_eq(clean, "a?b??\xc3\xa4");
    words_clean("abc\xc3\xa4", small, sizeof(small)); /* no half of a character */
    ck_assert_str_eq(small, "abc");
}
END_TEST

START_TEST(long_words_are_cut)
{
    char body[4 * PROBLEM_WORDS_MAX], title[2 * PROBLEM_WORDS_MAX];
    struct problem p;

    memset(title, 't', sizeof(title));
    title[sizeof(title) - 1] = '\0';
    (void)snprintf(body, sizeof(body), "{\"title\":\"%s\"}", title);
    p = read_text(400, body);
    ck_assert_uint_eq(strlen(p.words), PROBLEM_WORDS_MAX - 1);
    (void)snprintf(body, sizeof(body), "{\"type\":\"%s\",\"title\":\"x\"}", title);
    ck_assert_str_eq(read_text(400, body).name, "");
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/verdict", good_is_two_hundred, what_passes_is_tried_again,
                     what_a_rule_says_is_final, what_is_gone_begins_anew, a_token_is_waited_for,
                     problems_are_read, what_is_no_problem_gets_words_for_its_status,
                     somebody_elses_words_do_nothing_to_a_terminal, long_words_are_cut);
}
