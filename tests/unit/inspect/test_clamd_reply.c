#include "gateway/inspect/clamd.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WITH_NUL(text) (text), sizeof(text)

START_TEST(answers)
{
    static const struct {
        const char *reply;
        size_t len;
        enum inspect_outcome outcome;
        enum inspect_reason reason;
        const char *virus;
    } cases[] = {
        {WITH_NUL("stream: OK"), INSPECT_CLEAN, REASON_NONE, ""},
        {WITH_NUL("stream: Eicar-Test FOUND"), INSPECT_VIRUS, REASON_NONE, "Eicar-Test"},
        {WITH_NUL("stream: a FOUND FOUND"), INSPECT_VIRUS, REASON_NONE, "a FOUND"},
        {WITH_NUL("stream: \x1b[1m FOUND"), INSPECT_VIRUS, REASON_NONE, "?[1m"},
        {WITH_NUL("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND"), INSPECT_COULD_NOT_SCAN,
         REASON_SCANNER_LIMITS, ""},
        {WITH_NUL("stream: Heuristics.Encrypted.PDF FOUND"), INSPECT_PASSWORD, REASON_NONE, ""},
        {WITH_NUL("INSTREAM size limit exceeded. ERROR"), INSPECT_COULD_NOT_SCAN,
         REASON_SCANNER_SIZE, ""},
        {WITH_NUL("stream: Can't allocate memory ERROR"), INSPECT_COULD_NOT_SCAN,
         REASON_SCANNER_ANSWER, ""},
        {WITH_NUL("stream: OK "), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL("stream: OK\n"), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL(" stream: OK"), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL("STREAM: OK"), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL("stream: OK\0stream: OK"), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL("stream: FOUND"), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL("stream:  FOUND"), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {WITH_NUL(""), INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
        {"stream: OK", 10, INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""}, /* cut off */
        {"", 0, INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct verdict v = {.outcome = INSPECT_NONE, .virus = "left over"};

        clamd_judge(cases[i].reply, cases[i].len, &v);
        ck_assert_msg(v.outcome == cases[i].outcome && v.reason == cases[i].reason,
                      "case %zu: %s", i, inspect_outcome_name(v.outcome));
        ck_assert_str_eq(v.virus, cases[i].virus);
    }
}
END_TEST

START_TEST(a_long_name_is_cut)
{
    char reply[CLAMD_REPLY_MAX];
    struct verdict v = {.outcome = INSPECT_NONE};
    int n = snprintf(reply, sizeof(reply), "stream: %0500d FOUND", 7);

    clamd_judge(reply, (size_t)n + 1, &v);
    ck_assert_int_eq(v.outcome, INSPECT_VIRUS);
    ck_assert_uint_eq(strlen(v.virus), VERDICT_VIRUS_MAX);
}
END_TEST

START_TEST(versions)
{
    struct clamd_about a;

    ck_assert_int_eq(clamd_version_parse(WITH_NUL("ClamAV 1.4.3/27500/Tue Jan  6 09:12:44 2026"), &a),
                     ERR_OK);
    ck_assert_str_eq(a.engine, "ClamAV 1.4.3");
    ck_assert_str_eq(a.signatures, "27500");
    ck_assert_int_eq(a.signatures_at, 1767690764);
    ck_assert_int_eq(clamd_version_parse(WITH_NUL("ClamAV 1.4.3"), &a), ERR_OK);
    ck_assert_str_eq(a.engine, "ClamAV 1.4.3");
    ck_assert_str_eq(a.signatures, "");
    ck_assert_int_eq(clamd_version_parse(WITH_NUL("ClamAV 1/2/yesterday"), &a), ERR_OK);
    ck_assert_int_eq(a.signatures_at, 0);
    ck_assert_int_eq(clamd_version_parse(WITH_NUL("ClamAV 1/2"), &a), ERR_OK);
    ck_assert_str_eq(a.signatures, "2");
    ck_assert_int_eq(clamd_version_parse(WITH_NUL("HTTP/1.1 400"), &a), ERR_INVALID);
    ck_assert_int_eq(clamd_version_parse("ClamAV 1.4.3", 12, &a), ERR_INVALID);
    ck_assert_int_eq(clamd_version_parse("", 0, &a), ERR_INVALID);
}
END_TEST

static void read_conf(const char *text, struct clamd_limits *out)
{
    char path[] = "/tmp/eg-conf.XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    ck_assert_int_eq(clamd_limits_read(path, out), ERR_OK);
    unlink(path);
}

START_TEST(limits)
{
    struct clamd_limits l;

    read_conf("", &l); /* clamd's defaults */
    ck_assert_uint_eq(l.stream_max, 100 << 20);
    ck_assert(!clamd_limits_fit(&l, 1000));
    read_conf("# AlertExceedsMax no\n  AlertExceedsMax yes # really\nStreamMaxLength 2G\n"
              "MaxScanSize 0\nmaxfilesize 300k\nTemporaryDirectory /run/x\n",
              &l);
    ck_assert_uint_eq(l.stream_max, UINT64_C(2) << 30);
    ck_assert_uint_eq(l.scan_max, 0);
    ck_assert_uint_eq(l.file_max, 300 << 10);
    ck_assert_str_eq(l.temporary, "/run/x");
    ck_assert(clamd_limits_fit(&l, 300 << 10));
    ck_assert(!clamd_limits_fit(&l, (300 << 10) + 1));
    read_conf("AlertExceedsMax yes\nMaxFileSize -1\nStreamMaxLength 99999999999999999999G\n", &l);
    ck_assert_uint_eq(l.file_max, 1);
    ck_assert_uint_eq(l.stream_max, 1);
    read_conf("AlertExceedsMax\nAlertExceedsMax no\nMaxFileSize\n", &l);
    ck_assert(!l.alert_exceeds);
    ck_assert_int_eq(clamd_limits_read("/nowhere/at/all", &l), ERR_NOT_FOUND);
}
END_TEST

START_TEST(nobody_there)
{
    struct clamd_about a;
    struct clamd_behaviour b;
    char longest[200];
    int fd = -1;

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    ck_assert_int_eq(clamd_version("/nowhere/clamd", 100, &a, NULL), ERR_UNAVAILABLE);
    ck_assert_int_eq(clamd_stream_open("/nowhere/clamd", 100, &fd, NULL), ERR_UNAVAILABLE);
    ck_assert_int_eq(clamd_probe("/nowhere/clamd", 100, &b), ERR_UNAVAILABLE);
    ck_assert_int_eq(clamd_version(longest, 100, &a, NULL), ERR_INVALID);
    ck_assert_int_eq(fd, -1);
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspect/clamd_reply", answers, a_long_name_is_cut, versions, limits,
                     nobody_there);
}
