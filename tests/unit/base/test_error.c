#include "gateway/base/error.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

START_TEST(a_message_belongs_to_its_code)
{
    ck_assert_int_eq(err_set(ERR_IO, "disk %d", 7), ERR_IO);
    ck_assert_str_eq(err_message(ERR_IO), "disk 7");
    ck_assert_str_eq(err_message(ERR_DENIED), "not permitted");
    ck_assert_str_eq(err_message(ERR_OK), "no error");
    ck_assert_str_eq(err_message((enum err)999), "unknown error");
}
END_TEST

START_TEST(a_detail_belongs_to_its_code)
{
    ck_assert_int_eq(err_set_detail(ERR_REFUSED, 12, "opted out"), ERR_REFUSED);
    ck_assert_int_eq(err_detail(ERR_REFUSED), 12);
    ck_assert_int_eq(err_detail(ERR_IO), 0);
    ck_assert_int_eq(err_set(ERR_REFUSED, "again"), ERR_REFUSED);
    ck_assert_int_eq(err_detail(ERR_REFUSED), 0);
}
END_TEST

START_TEST(a_message_may_contain_the_former_one)
{
    ck_assert_int_eq(err_set(ERR_IO, "inner"), ERR_IO);
    ck_assert_int_eq(err_set(ERR_CORRUPT, "outer: %s", err_message(ERR_IO)), ERR_CORRUPT);
    ck_assert_str_eq(err_message(ERR_CORRUPT), "outer: inner");
}
END_TEST

START_TEST(a_long_message_is_cut)
{
    char longer[2 * ERR_MESSAGE_MAX];

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ck_assert_int_eq(err_set(ERR_INVALID, "%s", longer), ERR_INVALID);
    ck_assert_uint_eq(strlen(err_message(ERR_INVALID)), ERR_MESSAGE_MAX - 1);
}
END_TEST

START_TEST(errno_is_mapped)
{
    static const struct {
        int number;
        enum err code;
    } cases[] = {
        {ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE},
        {ENOMEM, ERR_NOMEM},    {ENOENT, ERR_NOT_FOUND},
        {EEXIST, ERR_EXISTS},   {EACCES, ERR_DENIED},
        {EPERM, ERR_DENIED},    {ETIMEDOUT, ERR_TIMEOUT},
        {EMFILE, ERR_BUSY},     {ENFILE, ERR_BUSY},
        {EIO, ERR_IO},          {EPIPE, ERR_IO},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        errno = cases[i].number;
        ck_assert_int_eq(err_errno("open"), cases[i].code);
        ck_assert_int_eq(errno, cases[i].number);
        ck_assert_int_eq(strncmp(err_message(cases[i].code), "open: ", 6), 0);
        ck_assert_ptr_nonnull(strstr(err_message(cases[i].code), strerror(cases[i].number)));
    }
}
END_TEST

START_TEST(names_are_stable_and_distinct)
{
    ck_assert_str_eq(err_name(ERR_OK), "ok");
    ck_assert_str_eq(err_name(ERR_NO_SPACE), "no-space");
    ck_assert_str_eq(err_name((enum err)999), "unknown");
    for (enum err a = ERR_OK; a <= ERR_INTERNAL; a++)
        for (enum err b = ERR_OK; b < a; b++)
            ck_assert_str_ne(err_name(a), err_name(b));
}
END_TEST

static void *fail_elsewhere(void *out)
{
    enum err e = err_set_detail(ERR_REFUSED, 5, "from the other thread");

    err_save(e, out);
    return NULL;
}

START_TEST(an_error_crosses_a_thread)
{
    struct err_info info;
    pthread_t other;

    ck_assert_int_eq(err_set(ERR_REFUSED, "mine"), ERR_REFUSED);
    ck_assert_int_eq(pthread_create(&other, NULL, fail_elsewhere, &info), 0);
    pthread_join(other, NULL);
    ck_assert_str_eq(err_message(ERR_REFUSED), "mine");
    ck_assert_int_eq(err_restore(&info), ERR_REFUSED);
    ck_assert_str_eq(err_message(ERR_REFUSED), "from the other thread");
    ck_assert_int_eq(err_detail(ERR_REFUSED), 5);
}
END_TEST

START_TEST(saving_takes_default_words_and_success_restores_nothing)
{
    struct err_info info;

    ck_assert_int_eq(err_set(ERR_IO, "stale"), ERR_IO);
    err_save(ERR_BUSY, &info);
    ck_assert_str_eq(info.message, "too much at once");
    err_save(ERR_OK, &info);
    ck_assert_int_eq(err_restore(&info), ERR_OK);
    ck_assert_str_eq(err_message(ERR_IO), "stale");
}
END_TEST

START_TEST(success_has_no_message)
{
    (void)!err_set(ERR_OK, "not an error");
}
END_TEST

static enum err passes_on(enum err e, int *reached)
{
    TRY(e);
    *reached = 1;
    return ERR_OK;
}

START_TEST(try_returns_the_error)
{
    int reached = 0;

    ck_assert_int_eq(passes_on(ERR_BUSY, &reached), ERR_BUSY);
    ck_assert_int_eq(reached, 0);
    ck_assert_int_eq(passes_on(ERR_OK, &reached), ERR_OK);
    ck_assert_int_eq(reached, 1);
}
END_TEST

int main(void)
{
    Suite *abort_suite = suite_create("base/error, a programmer's error");
    TCase *aborts = tcase_create("aborts");
    SRunner *runner = srunner_create(abort_suite);
    int failed;

    tcase_add_test_raise_signal(aborts, success_has_no_message, 6);
    suite_add_tcase(abort_suite, aborts);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    failed += SUITE_RUN(
        "base/error", a_message_belongs_to_its_code, a_detail_belongs_to_its_code,
        a_message_may_contain_the_former_one, a_long_message_is_cut, errno_is_mapped,
        names_are_stable_and_distinct, an_error_crosses_a_thread,
        saving_takes_default_words_and_success_restores_nothing, try_returns_the_error);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
