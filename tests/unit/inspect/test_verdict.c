#include "gateway/inspect/verdict.h"
#include "tests/support/suite.h"

#include <string.h>

enum { AT_VERSION = 9, AT_LENGTH = 11, AT_OUTCOME = 12, AT_REASON = 13, AT_FLAGS = 14,
       AT_CHANNELS = 41, AT_PEAKS_N = 42, AT_VIRUS = 48, AT_TYPE = 176, AT_PEAKS = 304 };

static struct verdict audio_verdict(void)
{
    struct verdict v = {.outcome = INSPECT_CLEAN,
                        .type = "audio/wav",
                        .flags = INSPECT_DAMAGED,
                        .duration_ms = 3600123,
                        .sample_rate = 48000,
                        .channels = 2,
                        .n_peaks = VERDICT_PEAKS};

    for (unsigned i = 0; i < VERDICT_PEAKS; i++)
        v.peaks[i] = (uint16_t)(i * 65);
    return v;
}

START_TEST(there_and_back)
{
    struct verdict in[3] = {audio_verdict(),
                            {.outcome = INSPECT_VIRUS, .virus = "Eicar.Test", .type = "text/plain"},
                            {.outcome = INSPECT_COULD_NOT_SCAN, .reason = REASON_BOUNDS}};
    uint8_t bytes[VERDICT_SIZE], again[VERDICT_SIZE];
    struct verdict out;

    in[1].pages = VERDICT_PAGES_MAX;
    in[1].width = VERDICT_SIDE_MAX;
    in[1].height = 1;
    in[1].members = VERDICT_MEMBERS_MAX;
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        verdict_encode(&in[i], bytes);
        ck_assert_int_eq(verdict_decode(bytes, sizeof(bytes), &out), ERR_OK);
        verdict_encode(&out, again);
        ck_assert_mem_eq(bytes, again, sizeof(bytes));
        ck_assert_int_eq(out.outcome, in[i].outcome);
        ck_assert_str_eq(out.type, in[i].type);
        ck_assert_str_eq(out.virus, in[i].virus);
        ck_assert_int_eq(out.duration_ms, in[i].duration_ms);
        ck_assert_mem_eq(out.peaks, in[i].peaks, sizeof(out.peaks));
    }
}
END_TEST

static void check_refused(const struct verdict *v, size_t at, uint8_t value)
{
    uint8_t bytes[VERDICT_SIZE];
    struct verdict out;

    verdict_encode(v, bytes);
    ck_assert_uint_ne(bytes[at], value);
    bytes[at] = value;
    ck_assert_msg(verdict_decode(bytes, sizeof(bytes), &out) == ERR_INVALID,
                  "byte %zu as %u was taken", at, value);
    ck_assert_int_eq(out.outcome, INSPECT_NONE);
}

START_TEST(odd_bytes)
{
    struct verdict v = audio_verdict();
    struct verdict plain = {.outcome = INSPECT_CLEAN, .type = "text/plain"};
    struct verdict virus = {.outcome = INSPECT_VIRUS, .virus = "x", .type = "text/plain"};

    for (size_t i = 0; i < 12; i++) /* magic, version, length */
        check_refused(&v, i, 0x7f);
    check_refused(&v, AT_OUTCOME, 0);
    check_refused(&v, AT_OUTCOME, INSPECT_VIRUS); /* without a name */
    check_refused(&v, AT_OUTCOME, INSPECT_COULD_NOT_SCAN); /* without a reason */
    check_refused(&v, AT_OUTCOME, INSPECT_COULD_NOT_SCAN + 1);
    check_refused(&v, AT_OUTCOME, 255);
    check_refused(&v, AT_REASON, REASON_BOUNDS); /* clean has none */
    check_refused(&v, AT_REASON, REASON_COUNT);
    check_refused(&v, AT_FLAGS, 0x80);
    check_refused(&v, 16, 1);  /* pages */
    check_refused(&v, 20, 1);  /* width */
    check_refused(&v, 23, 1);  /* width without height */
    check_refused(&v, 28, 1);  /* sample rate */
    check_refused(&v, 32, 0x80); /* duration */
    check_refused(&v, AT_CHANNELS - 1, 1);
    check_refused(&v, AT_CHANNELS, 0); /* peaks of no channel */
    check_refused(&v, AT_PEAKS_N, 0);
    check_refused(&v, 44, 0xff); /* members */
    check_refused(&v, AT_VIRUS, 'x'); /* a clean virus */
    check_refused(&v, AT_TYPE, '\n');
    check_refused(&v, AT_TYPE, 0x80);
    check_refused(&v, AT_TYPE, 0); /* and letters behind it */
    check_refused(&v, AT_TYPE + 127, 'x');
    check_refused(&plain, AT_PEAKS, 1);
    check_refused(&plain, VERDICT_SIZE - 1, 1);
    check_refused(&virus, AT_VIRUS, 0);
    check_refused(&virus, AT_VIRUS, 0x1b);
}
END_TEST

START_TEST(every_length)
{
    struct verdict v = audio_verdict(), out;
    static uint8_t bytes[2 * VERDICT_SIZE];

    verdict_encode(&v, bytes);
    verdict_encode(&v, bytes + VERDICT_SIZE);
    for (size_t len = 0; len <= sizeof(bytes); len++)
        ck_assert_int_eq(verdict_decode(bytes, len, &out),
                         len == VERDICT_SIZE ? ERR_OK : ERR_INVALID);
}
END_TEST

START_TEST(nothing_is_no_verdict)
{
    static const uint8_t zeros[VERDICT_SIZE];
    struct verdict none = {.outcome = INSPECT_NONE}, out;

    ck_assert_int_eq(verdict_decode(zeros, sizeof(zeros), &out), ERR_INVALID);
    ck_assert(!verdict_is_valid(&none));
    ck_assert_str_eq(inspect_outcome_name(INSPECT_NONE), "none");
    ck_assert_str_eq(inspect_outcome_name(INSPECT_COULD_NOT_SCAN), "could-not-scan");
    ck_assert_str_eq(inspect_reason_name(REASON_SPAWNER), "spawner");
    ck_assert_str_eq(inspect_reason_name(REASON_COUNT), "unknown");
}
END_TEST

START_TEST(foreign_texts)
{
    char out[8];

    verdict_text(out, sizeof(out), "a\x1b[1m\n\xc3", 7);
    ck_assert_str_eq(out, "a?[1m??");
    verdict_text(out, sizeof(out), "longer than it", 14);
    ck_assert_str_eq(out, "longer ");
    verdict_text(out, sizeof(out), "", 0);
    ck_assert_str_eq(out, "");
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspect/verdict", there_and_back, odd_bytes, every_length,
                     nothing_is_no_verdict, foreign_texts);
}
