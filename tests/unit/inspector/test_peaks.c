#include "gateway/inspector/peaks.h"
#include "tests/support/suite.h"

static void add(struct peaks *p, uint64_t frames, uint16_t loudest)
{
    while (frames > 0) {
        uint64_t room = peaks_room(p), part = frames < room ? frames : room;

        peaks_add(p, part, loudest);
        frames -= part;
    }
}

START_TEST(nothing)
{
    struct peaks p;
    uint16_t out[VERDICT_PEAKS];

    peaks_init(&p);
    peaks_finish(&p, out);
    for (size_t i = 0; i < VERDICT_PEAKS; i++)
        ck_assert_uint_eq(out[i], 0);
}
END_TEST

START_TEST(one_sample_fills_all)
{
    struct peaks p;
    uint16_t out[VERDICT_PEAKS];

    peaks_init(&p);
    add(&p, 1, 77);
    peaks_finish(&p, out);
    for (size_t i = 0; i < VERDICT_PEAKS; i++)
        ck_assert_uint_eq(out[i], 77);
}
END_TEST

/* Whatever the length: the quiet half is quiet, the loud half loud, no peak is lost. */
START_TEST(halves)
{
    static const uint64_t lengths[] = {2000, 4000, 7998, 8000, 100000, 5000000000};

    for (size_t n = 0; n < ARRAY_LEN(lengths); n++) {
        struct peaks p;
        uint16_t out[VERDICT_PEAKS];

        peaks_init(&p);
        add(&p, lengths[n] / 2, 10);
        add(&p, 1, 60000);
        add(&p, lengths[n] / 2 - 1, 500);
        peaks_finish(&p, out);
        ck_assert_uint_eq(out[0], 10);
        ck_assert_uint_eq(out[VERDICT_PEAKS / 2 - 3], 10);
        ck_assert_uint_eq(out[VERDICT_PEAKS / 2 + 3], 500);
        ck_assert_uint_eq(out[VERDICT_PEAKS - 1], 500);
        uint16_t top = 0;
        for (size_t i = 0; i < VERDICT_PEAKS; i++)
            top = out[i] > top ? out[i] : top;
        ck_assert_uint_eq(top, 60000);
    }
}
END_TEST

START_TEST(the_last_unfinished_bucket_counts)
{
    struct peaks p;
    uint16_t out[VERDICT_PEAKS];

    peaks_init(&p);
    add(&p, 100001, 1);
    add(&p, 1, 9);
    peaks_finish(&p, out);
    ck_assert_uint_eq(out[VERDICT_PEAKS - 1], 9);
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspector/peaks", nothing, one_sample_fills_all, halves,
                     the_last_unfinished_bucket_counts);
}
