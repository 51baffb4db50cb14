/* The policy table: what ships is read whole; what is half understood is refused with its
 * place. */
#include "gateway/evidence/claims/claim.h"
#include "gateway/evidence/rules/kinds.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum err load_text(const char *text, struct kinds *out)
{
    char path[] = "/tmp/kinds-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    enum err e = kinds_load(path, out);
    unlink(path);
    return e;
}

#define ROW(name, more)                                                                        \
    "{ name = \"" name                                                                         \
    "\"; max_bytes = 10L; roles = [\"claimant\"]; types = [\"text/plain\"];"                   \
    " words = \"TXT\"; harmful = false; recording = false; " more "}"

START_TEST(the_shipped_table)
{
    struct kinds k;
    ck_assert_int_eq(kinds_load(TEST_SOURCE_DIR "/config/kinds.conf", &k), ERR_OK);
    ck_assert_uint_eq(k.n, 7);
    const struct kind *report = kinds_find(&k, "medical_report");
    ck_assert_ptr_nonnull(report);
    ck_assert(report->harmful && !report->recording);
    ck_assert_uint_eq(report->roles, 1u << ROLE_HEALTH_PROFESSIONAL);
    ck_assert(kind_allows_type(report, "application/pdf") &&
              !kind_allows_type(report, "image/png"));
    ck_assert(kinds_find(&k, "assessment_audio")->recording);
    ck_assert_ptr_null(kinds_find(&k, "nothing"));
}
END_TEST

START_TEST(how_long_it_is_kept)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } CASES[] = {{"version = \"7\"; kinds = (" ROW("a", "") ");", 0},
                 {"version = \"7\"; kinds = (" ROW("a", "retention = \"keep\";") ");", 0},
                 {"version = \"7\"; kinds = (" ROW("a", "retention = \"36525 d\";") ");",
                  INT64_C(36525) * 86400},
                 {"version = \"7\"; kinds = (" ROW("a", "retention = \"2 h\";") ");", 7200},
                 {"version = \"7\"; kinds = (" ROW("a", "retention = \"3 min\";") ");", 180},
                 {"version = \"7\"; kinds = (" ROW("a", "retention = \"5 s\";") ");", 5}};
    struct kinds k;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        ck_assert_int_eq(load_text(CASES[i].text, &k), ERR_OK);
        ck_assert_int_eq(k.rows[0].retention_s, CASES[i].seconds);
        ck_assert_str_eq(k.version, "7");
    }
}
END_TEST

START_TEST(refused_files)
{
    static const struct {
        const char *text, *says;
    } CASES[] = {
        {"nonsense = ;", "syntax"},
        {"other = 1;", "kinds"},
        {"kinds = ();", "kinds"},
        {"kinds = (" ROW("a", "colour = 1;") ");", "colour"},
        {"kinds = (" ROW("a", "") "," ROW("a", "") ");", "twice"},
        {"kinds = (" ROW("a", "retention = 730;") ");", "retention"},
        {"kinds = (" ROW("a", "retention = \"soon\";") ");", "retention"},
        {"kinds = (" ROW("a", "retention = \"0 d\";") ");", "retention"},
        {"kinds = (" ROW("a", "retention = \"-1 d\";") ");", "retention"},
        {"kinds = (" ROW("a", "retention = \"1 d \";") ");", "retention"},
        {"kinds = (" ROW("a", "retention = \"36526 d\";") ");", "retention"},
        {"kinds = (" ROW("a", "retention = \"9999999999 s\";") ");", "retention"},
        {"kinds = ({ name = \"a\"; });", "words"},
        {"kinds = ({ name = \"a\"; words = \"x\"; });", "max_bytes"},
        {"kinds = ({ name = \"a\"; words = \"x\"; max_bytes = 0; });", "max_bytes"},
        {"kinds = ({ name = \"a\"; words = \"x\"; max_bytes = 1L; });", "harmful"},
        {"kinds = ({ name = \"a\"; words = \"x\"; max_bytes = 1L; harmful = true; recording = "
         "true; });",
         "roles"},
        {"kinds = ({ name = \"a\"; words = \"x\"; max_bytes = 1L; harmful = true; recording = "
         "true;"
         " roles = [\"king\"]; });",
         "king"},
        {"kinds = ({ name = \"a\"; words = \"x\"; max_bytes = 1L; harmful = true; recording = "
         "true;"
         " roles = [\"claimant\"]; types = [\"pdf\"]; });",
         "media type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct kinds k;
        ck_assert_msg(load_text(CASES[i].text, &k) == ERR_INVALID, "case %zu was taken", i);
        ck_assert_msg(strstr(err_message(ERR_INVALID), CASES[i].says) != NULL,
                      "case %zu says: %s", i, err_message(ERR_INVALID));
    }
    struct kinds k;
    ck_assert_int_eq(load_text("kinds = (" ROW("a", "") ");", &k), ERR_OK);
    ck_assert_int_eq(kinds_load("/nonexistent", &k), ERR_INVALID);
}
END_TEST

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NOTICE(version, hex) "{ version = \"" version "\"; sha256 = \"" hex "\"; }"

START_TEST(notices_by_their_version)
{
    static const char *const BAD[] = {
        NOTICE("1", "0011"), NOTICE("", HEX64), NOTICE("1", HEX64) "," NOTICE("1", HEX64),
        "{ version = \"1\"; }", "{ version = \"1\"; sha256 = \"" HEX64 "\"; colour = 1; }"};
    static struct kinds k;
    char text[1024];
    ck_assert_int_eq(
        load_text("version = \"t\"; kinds = (" ROW(
                      "a", "retention = \"keep\";") ");"
                                                    "notices = (" NOTICE("2026-1", HEX64) ");",
                  &k),
        ERR_OK);
    ck_assert_uint_eq(k.n_notices, 1);
    ck_assert_uint_eq(kinds_notice(&k, "2026-1")->sha256[1], 0x11);
    ck_assert_ptr_null(kinds_notice(&k, "2026-2"));
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        (void)snprintf(
            text, sizeof(text),
            "version = \"t\"; kinds = (" ROW("a", "retention = \"keep\";") ");"
                                                                           "notices = (%s);",
            BAD[i]);
        ck_assert_int_eq(load_text(text, &k), ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "notices"));
    }
}
END_TEST

START_TEST(national_insurance_numbers)
{
    char out[NINO_MAX + 1];
    static const char *const GOOD[] = {"AB123456C", "ab 12 34 56 c", "JG103759A"};
    static const char *const BAD[] = {"",          "QQ123456C", "AO123456C",  "BG123456A",
                                      "GB123456A", "ZZ123456A", "AB12345C",   "AB1234567",
                                      "AB123456E", "DA123456A", "AB1234565C", "1B123456C",
                                      "AB12X456C", "TN123456A", "NK123456A"};
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        ck_assert_int_eq(nino_clean(GOOD[i], out), ERR_OK);
    ck_assert_int_eq(nino_clean(" ab 12 34 56 c ", out), ERR_OK);
    ck_assert_str_eq(out, "AB123456C");
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        ck_assert_msg(nino_clean(BAD[i], out) == ERR_REFUSED, "%s was taken", BAD[i]);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/rules/kinds", the_shipped_table, how_long_it_is_kept,
                     notices_by_their_version, refused_files, national_insurance_numbers);
}
