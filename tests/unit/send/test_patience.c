#include "gateway/send/patience.h"
#include "tests/support/suite.h"

enum { ALLOWED = 600000 };

START_TEST(waits_grow_to_a_limit)
{
    struct patience p;
    int64_t now = 1000, whole = PATIENCE_FIRST_MS, wait = 0;

    patience_begin(&p, INT64_C(1) << 40);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(patience_next(&p, now, -1, 0, &wait), ERR_OK);
        ck_assert_int_eq(wait, whole);
        now += wait;
        whole = whole * 2 < PATIENCE_LONGEST_MS ? whole * 2 : PATIENCE_LONGEST_MS;
    }
}
END_TEST

START_TEST(jitter_takes_up_to_a_half)
{
    int64_t wait = 0, last = PATIENCE_FIRST_MS + 1;

    for (uint64_t dice = 0; dice <= UINT32_MAX; dice += UINT32_MAX / 5) {
        struct patience p;
        patience_begin(&p, ALLOWED);
        ck_assert_int_eq(patience_next(&p, 0, -1, (uint32_t)dice, &wait), ERR_OK);
        ck_assert_int_lt(wait, last);
        last = wait;
    }
    ck_assert_int_eq(last, PATIENCE_FIRST_MS / 2);
}
END_TEST

START_TEST(time_runs_from_the_first_trouble)
{
    struct patience p;
    int64_t wait = 0, start = 50 * INT64_C(1000000);

    patience_begin(&p, ALLOWED);
    ck_assert_int_eq(patience_next(&p, start, -1, 0, &wait), ERR_OK);
    ck_assert_int_eq(patience_trouble(&p, start + ALLOWED - 7), 7);
    ck_assert_int_eq(patience_next(&p, start + ALLOWED - 7, -1, 0, &wait), ERR_OK);
    ck_assert_int_eq(wait, 7); /* a last attempt at the very end */
    ck_assert_int_eq(patience_next(&p, start + ALLOWED, -1, 0, &wait), ERR_TIMEOUT);
    ck_assert_int_eq(patience_next(&p, start + 9 * ALLOWED, -1, 0, &wait), ERR_TIMEOUT);
}
END_TEST

START_TEST(progress_forgives)
{
    struct patience p;
    int64_t wait = 0;

    patience_begin(&p, ALLOWED);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(patience_next(&p, ALLOWED - 1, -1, 0, &wait), ERR_OK);
    patience_progress(&p);
    ck_assert_int_eq(patience_next(&p, 5 * ALLOWED, -1, 0, &wait), ERR_OK);
    ck_assert_int_eq(wait, PATIENCE_FIRST_MS);
}
END_TEST

START_TEST(what_the_service_asks_is_kept)
{
    struct patience p;
    int64_t wait = 0;

    patience_begin(&p, ALLOWED);
    ck_assert_int_eq(patience_next(&p, 0, 90000, 0, &wait), ERR_OK);
    ck_assert_int_eq(wait, 90000);
    ck_assert_int_eq(patience_next(&p, 0, 0, 0, &wait), ERR_OK);
    ck_assert_int_eq(wait, 2 * PATIENCE_FIRST_MS);
    ck_assert_int_eq(patience_next(&p, 0, ALLOWED + 1, 0, &wait), ERR_TIMEOUT);
}
END_TEST

START_TEST(no_patience_is_one_attempt)
{
    struct patience p;
    int64_t wait = 0;

    patience_begin(&p, 0);
    ck_assert_int_eq(patience_next(&p, 0, -1, 0, &wait), ERR_TIMEOUT);
}
END_TEST

START_TEST(retry_after_is_seconds_or_a_date)
{
    static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    const int64_t then = 784111777;

    ck_assert_int_eq(retry_after_ms("0", 0), 0);
    ck_assert_int_eq(retry_after_ms("5", 0), 5000);
    ck_assert_int_eq(retry_after_ms("999999999", 0), INT64_C(999999999000));
    ck_assert_int_eq(retry_after_ms("99999999999999999999", 0), INT64_MAX);
    ck_assert_int_eq(retry_after_ms(date, then - 30), 30000);
    ck_assert_int_eq(retry_after_ms(date, then), 0);
    ck_assert_int_eq(retry_after_ms(date, then + 30), 0);
    ck_assert_int_eq(retry_after_ms("", 0), -1);
    ck_assert_int_eq(retry_after_ms("-1", 0), -1);
    ck_assert_int_eq(retry_after_ms("5 s", 0), -1);
    ck_assert_int_eq(retry_after_ms("soon", 0), -1);
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/patience", waits_grow_to_a_limit, jitter_takes_up_to_a_half,
                     time_runs_from_the_first_trouble, progress_forgives,
                     what_the_service_asks_is_kept, no_patience_is_one_attempt,
                     retry_after_is_seconds_or_a_date);
}
