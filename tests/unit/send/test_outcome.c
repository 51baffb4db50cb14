#include "gateway/send/outcome.h"
#include "tests/support/suite.h"

START_TEST(exit_codes_are_those_of_the_manual)
{
    ck_assert_int_eq(OUTCOME_RECEIVED, 0);
    ck_assert_int_eq(OUTCOME_REFUSED, 1);
    ck_assert_int_eq(OUTCOME_USAGE, 2);
    ck_assert_int_eq(OUTCOME_UNREACHABLE, 3);
    ck_assert_int_eq(OUTCOME_UNVERIFIED, 4);
    ck_assert_int_eq(OUTCOME_LOCAL, 5);
    for (int o = 0; o < OUTCOME_COUNT; o++) {
        ck_assert_ptr_nonnull(outcome_name((enum outcome)o));
        ck_assert_ptr_nonnull(outcome_words((enum outcome)o));
    }
    ck_assert_str_eq(outcome_name(OUTCOME_UNVERIFIED), "unverified");
}
END_TEST

START_TEST(every_error_has_an_outcome)
{
    ck_assert_int_eq(outcome_of(ERR_OK), OUTCOME_RECEIVED);
    ck_assert_int_eq(outcome_of(ERR_REFUSED), OUTCOME_REFUSED);
    ck_assert_int_eq(outcome_of(ERR_CRYPTO), OUTCOME_UNVERIFIED);
    ck_assert_int_eq(outcome_of(ERR_UNAVAILABLE), OUTCOME_UNREACHABLE);
    ck_assert_int_eq(outcome_of(ERR_TIMEOUT), OUTCOME_UNREACHABLE);
    ck_assert_int_eq(outcome_of(ERR_BUSY), OUTCOME_UNREACHABLE);
    ck_assert_int_eq(outcome_of(ERR_UNAUTHENTICATED), OUTCOME_UNREACHABLE);
    for (int e = ERR_OK + 1; e <= ERR_INTERNAL; e++)
        ck_assert_int_ne(outcome_of((enum err)e), OUTCOME_RECEIVED);
    ck_assert_int_eq(outcome_of(ERR_NOT_FOUND), OUTCOME_LOCAL);
    ck_assert_int_eq(outcome_of(ERR_NO_SPACE), OUTCOME_LOCAL);
    ck_assert_int_eq(outcome_of(ERR_CONFLICT), OUTCOME_LOCAL);
}
END_TEST

START_TEST(the_gravest_of_several_counts)
{
    static const enum outcome rising[] = {OUTCOME_RECEIVED, OUTCOME_UNREACHABLE, OUTCOME_LOCAL,
                                          OUTCOME_REFUSED,  OUTCOME_UNVERIFIED,  OUTCOME_USAGE};

    for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
        for (size_t j = 0; j < ARRAY_LEN(rising); j++)
            ck_assert_int_eq(outcome_worse(rising[i], rising[j]), rising[i > j ? i : j]);
    }
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/outcome", exit_codes_are_those_of_the_manual,
                     every_error_has_an_outcome, the_gravest_of_several_counts);
}
