#include "gateway/http/fields.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

/* The outcome as text: "0-9,20-29", "none", "unsatisfiable". */
static const char *ranges(const char *value, uint64_t size)
{
    static char out[512];
    struct field_range list[FIELD_RANGES_MAX];
    size_t n, len = 0;

    switch (field_range_parse(value, size, list, &n)) {
    case RANGE_NONE:
        return "none";
    case RANGE_UNSATISFIABLE:
        return "unsatisfiable";
    case RANGE_OK:
        break;
    }
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%llu-%llu", i > 0 ? "," : "",
                                (unsigned long long)list[i].first,
                                (unsigned long long)list[i].last);
    return out;
}

START_TEST(ranges_are_read)
{
    static const struct {
        const char *value, *want;
        uint64_t size;
    } rows[] = {
        {"bytes=0-0", "0-0", 100},
        {"bytes=0-", "0-99", 100},
        {"bytes=-1", "99-99", 100},
        {"bytes=-500", "0-99", 100},
        {"bytes=50-1000", "50-99", 100},
        {"bytes=50-99999999999999999999999999", "50-99", 100},
        {"BYTES=1-2", "1-2", 100},
        {"bytes=0-9, 20-29", "0-9,20-29", 100},
        {"bytes=20-29,0-9", "20-29,0-9", 100},
        {"bytes=0-9,10-19", "0-19", 100},
        {"bytes=0-9,5-19", "0-19", 100},
        {"bytes=0-9,20-29,8-22", "0-29", 100},
        {"bytes=20-29,0-9,8-22", "0-29", 100},
        {"bytes=0-0,,2-2", "0-0,2-2", 100},
        {"bytes=100-", "unsatisfiable", 100},
        {"bytes=99999999999999999999999999-", "unsatisfiable", 100},
        {"bytes=-0", "unsatisfiable", 100},
        {"bytes=0-", "unsatisfiable", 0},
        {"bytes=-5", "unsatisfiable", 0},
        {"bytes=200-, 0-0", "0-0", 100},
        {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14", "0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14",
         100},
        {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16", "none", 100},
        {"bytes=9-8", "none", 100},
        {"bytes=a-b", "none", 100},
        {"bytes=1", "none", 100},
        {"bytes=-", "none", 100},
        {"bytes=", "none", 100},
        {"bytes=1-2;3-4", "none", 100},
        {"bytes= 1 - 2", "none", 100},
        {"lines=1-2", "none", 100},
        {"bytes", "none", 100},
        {"", "none", 100},
        {"bytes=0-", "0-18446744073709551614", UINT64_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(strcmp(ranges(rows[i].value, rows[i].size), rows[i].want) == 0,
                      "%s: %s instead of %s", rows[i].value,
                      ranges(rows[i].value, rows[i].size), rows[i].want);
    ck_assert_str_eq(ranges(NULL, 10), "none");
}
END_TEST

START_TEST(if_range_wants_the_strong_tag)
{
    ck_assert(field_if_range("\"a\"", "\"a\""));
    ck_assert(!field_if_range("\"b\"", "\"a\""));
    ck_assert(!field_if_range("W/\"a\"", "\"a\""));
    ck_assert(!field_if_range("W/\"a\"", "W/\"a\""));
    ck_assert(!field_if_range("Sun, 22 Nov 2026 05:00:00 GMT", "\"a\""));
    ck_assert(!field_if_range("", "\"a\""));
    ck_assert(!field_if_range(NULL, "\"a\""));
}
END_TEST

START_TEST(entity_tags_match_weakly)
{
    ck_assert(field_etag_matches("*", "\"a\""));
    ck_assert(field_etag_matches("\"a\"", "\"a\""));
    ck_assert(field_etag_matches("W/\"a\"", "\"a\""));
    ck_assert(field_etag_matches("\"x\", \"a\"", "\"a\""));
    ck_assert(field_etag_matches("\"x\",W/\"a\"", "\"a\""));
    ck_assert(!field_etag_matches("\"x\"", "\"a\""));
    ck_assert(!field_etag_matches("a", "\"a\""));
    ck_assert(!field_etag_matches("\"x\" \"a\"", "\"a\""));
    ck_assert(!field_etag_matches("\"a", "\"a\""));
    ck_assert(!field_etag_matches("", "\"a\""));
    ck_assert(!field_etag_matches(NULL, "\"a\""));
}
END_TEST

START_TEST(file_names_are_found)
{
    static const struct {
        const char *value, *want;
    } rows[] = {
        {"attachment", ""},
        {"attachment; filename=letter.pdf", "letter.pdf"},
        {"attachment; filename=\"my letter.pdf\"", "my letter.pdf"},
        {"Attachment ;FileName = \"a\"; ", "a"},
        {"form-data; name=\"file\"; filename=\"a;b=c.pdf\"", "a;b=c.pdf"},
        {"attachment; filename=\"a\\\"b.pdf\"", "a\"b.pdf"},
        {"attachment; filename=\"C:\\Users\\me\\scan.pdf\"", "scan.pdf"},
        {"attachment; filename=\"/etc/passwd\"", "passwd"},
        {"attachment; filename=\"../../x.pdf\"", "x.pdf"},
        {"attachment; filename=\"C:x.pdf\"", "x.pdf"},
        {"attachment; filename=\" C: d:x.pdf\"", "x.pdf"},
        {"attachment; filename*=UTF-8''%e2%82%ac%20rates.pdf", "\xe2\x82\xac rates.pdf"},
        {"attachment; filename*=utf-8'en'a.pdf", "a.pdf"},
        {"attachment; filename=\"EURO.pdf\"; filename*=UTF-8''%e2%82%ac.pdf",
         "\xe2\x82\xac.pdf"},
        {"attachment; filename*=UTF-8''%e2%82%ac.pdf; filename=\"EURO.pdf\"",
         "\xe2\x82\xac.pdf"},
        {"attachment; filename*=UTF-8''%2e%2e%2fx.pdf", "x.pdf"},
        {"attachment; filename=\"caf\xc3\xa9.pdf\"", "caf\xc3\xa9.pdf"},
        {"attachment; filename=\"..%2f..%2fx\"", "..%2f..%2fx"},
    };
    char out[FIELD_NAME_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(field_disposition_filename(rows[i].value, out, sizeof(out)) == ERR_OK,
                      "%s: %s", rows[i].value, err_message(ERR_INVALID));
        ck_assert_str_eq(out, rows[i].want);
    }
    ck_assert_int_eq(field_disposition_filename(NULL, out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(hostile_dispositions_are_refused)
{
    static const char *const bad[] = {
        "",
        "; filename=a",
        "attachment filename=a",
        "attachment; filename",
        "attachment; filename=",
        "attachment; filename=\"a",
        "attachment; filename=a b",
        "attachment; filename=a; filename=b",
        "attachment; filename*=UTF-8''a; filename*=UTF-8''b",
        "attachment; filename*=ISO-8859-1''a",
        "attachment; filename*=UTF-8'a",
        "attachment; filename*=UTF-8''%zz",
        "attachment; filename*=UTF-8''a%00.pdf",
        "attachment; filename*=UTF-8''a%0d%0aX:1",
        "attachment; filename*=UTF-8''%ff",
        "attachment; filename*=UTF-8''%e2%80%aefdp.exe",
        "attachment; filename=\"..\"",
        "attachment; filename=\"a/\"",
        "attachment; filename=\"caf\xe9.pdf\"",
    };
    char out[FIELD_NAME_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(field_disposition_filename(bad[i], out, sizeof(out)) == ERR_INVALID, "%s",
                      bad[i]);
}
END_TEST

START_TEST(bare_names_obey_the_same_rules)
{
    static const char *const bad[] = {
        ".",     "..",        "a/..",          "a\\.",          "a\x01",
        "a\x7f", "a\xc2\x85", "a\xe2\x80\xae", "a\xe2\x81\xa6", "a\xd8\x9c",
        "C:",    " "};
    char out[FIELD_NAME_MAX + 1], name[FIELD_NAME_MAX + 2], small[5];

    ck_assert_int_eq(field_filename_clean("", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(field_filename_clean("  a b.pdf ", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "a b.pdf");
    ck_assert_int_eq(field_filename_clean("...", out, sizeof(out)), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(field_filename_clean(bad[i], out, sizeof(out)) == ERR_INVALID, "row %zu",
                      i);
    memset(name, 'a', sizeof(name) - 1);
    name[FIELD_NAME_MAX + 1] = '\0';
    ck_assert_int_eq(field_filename_clean(name, out, sizeof(out)), ERR_INVALID);
    name[FIELD_NAME_MAX] = '\0';
    ck_assert_int_eq(field_filename_clean(name, out, sizeof(out)), ERR_OK);
    ck_assert_int_eq(field_filename_clean("abcd", small, sizeof(small)), ERR_OK);
    ck_assert_int_eq(field_filename_clean("abcde", small, sizeof(small)), ERR_INVALID);
}
END_TEST

START_TEST(a_written_disposition_reads_back)
{
    static const char *const names[] = {"a.pdf", "a \"b\" c.pdf", "\xe2\x82\xac.pdf",
                                        "100%.txt", "'(x);y=z'.mp3"};
    char out[1024], back[FIELD_NAME_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ck_assert_int_eq(field_disposition_write(names[i], out, sizeof(out)), ERR_OK);
        ck_assert_int_eq(field_disposition_filename(out, back, sizeof(back)), ERR_OK);
        ck_assert_str_eq(back, names[i]);
    }
    ck_assert_int_eq(field_disposition_write("\xe2\x82\xac.pdf", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "attachment; filename=\"_.pdf\"; filename*=UTF-8''%E2%82%AC.pdf");
    for (size_t cap = 1; cap <= strlen(out); cap++)
        ck_assert_int_ne(field_disposition_write("\xe2\x82\xac.pdf", back, cap), ERR_OK);
    ck_assert_int_eq(field_disposition_write("\xe2\x82\xac.pdf", back, strlen(out) + 1),
                     ERR_OK);
}
END_TEST

/* SHA-256 of nothing. */
#define EMPTY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

START_TEST(digests_are_read)
{
    static const char *const good[] = {
        "sha-256=:" EMPTY ":",
        " sha-256=:" EMPTY ": ",
        "sha-512=:AAAA:, sha-256=:" EMPTY ":",
        "sha-256=:" EMPTY ":,md5=:AA==:",
        "sha-256=:" EMPTY ":;a;b=1, id-sha-512=:AAAA:",
    };
    static const char *const absent[] = {"sha-512=:AAAA:", "unixsum=:AA==:"};
    uint8_t out[32];
    char text[80];
    bool present;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(field_digest_parse(good[i], &present, out) == ERR_OK, "%s", good[i]);
        ck_assert(present);
        ck_assert_int_eq(out[0], 0xe3);
        ck_assert_int_eq(out[31], 0x55);
    }
    field_digest_write(out, text);
    ck_assert_str_eq(text, "sha-256=:" EMPTY ":");
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        ck_assert_int_eq(field_digest_parse(absent[i], &present, out), ERR_OK);
        ck_assert(!present);
    }
    ck_assert_int_eq(field_digest_parse(NULL, &present, out), ERR_OK);
    ck_assert(!present);
}
END_TEST

START_TEST(a_digest_that_is_not_wanted)
{
    static const char *const unwanted[] = {
        "sha-256=0",  "sha-512=3, sha-256=0",  " sha-256=0 , sha-512=9", "sha-256=5, sha-256=0",
        "sha-256=00", "sha-256=0;q=1, md5=10",
    };
    static const char *const wanted[] = {
        "sha-256=1",
        "sha-256=10, sha-512=3",
        "sha-256=0, sha-256=5",
        "sha-512=10", /* not ours: what is the default stays */
        "sha-512=0",
        "",
        /* malformed: ignored */
        "sha-256",
        "sha-256=",
        "sha-256=-0",
        "sha-256=0.0",
        "sha-256=0,",
        "sha-256=0 sha-512=1",
        "sha-256=0, sha-512",
        "sha-256=0, sha-512=11",
        "sha-256=0, sha-512=99999999999999999999",
        "SHA-256=0",
        "sha-256=:AAAA:",
    };

    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        ck_assert_msg(!field_digest_wanted(unwanted[i]), "%s", unwanted[i]);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        ck_assert_msg(field_digest_wanted(wanted[i]), "%s", wanted[i]);
    ck_assert(field_digest_wanted(NULL));
}
END_TEST

START_TEST(malformed_digests_are_refused)
{
    static const char *const bad[] = {
        "",
        "sha-256=" EMPTY,
        "sha-256=:" EMPTY,
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=:" EMPTY ":,",
        "sha-256=:" EMPTY ":;",
        "sha-256=:" EMPTY ": x",
        "sha-256=:" EMPTY ":,sha-256=:" EMPTY ":",
        "SHA-256=:" EMPTY ":",
        "sha-256",
        "sha-256=\"" EMPTY "\"",
        "sha-256=:47DEQpj8HBSa+_TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        "sha-512=AAAA, sha-256=:" EMPTY ":",
        "sha-256=:" EMPTY ":, bad",
    };
    uint8_t out[32];
    bool present;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(field_digest_parse(bad[i], &present, out) == ERR_INVALID, "%s", bad[i]);
        ck_assert(!present);
    }
}
END_TEST

START_TEST(idempotency_keys_are_read)
{
    static const char *const bad[] = {"",     "\"\"",    "\"a",      "\"a\"b",
                                      "a b",  "\"a b\"", "\"a\\x\"", "\"a\tb\"",
                                      "a\"b", "a,b",     "a;b",      "\"\xc3\xa4\""};
    char out[FIELD_KEY_MAX + 1], key[FIELD_KEY_MAX + 4];

    ck_assert_int_eq(field_key_parse("\"8e03978e-40d5\"", out), ERR_OK);
    ck_assert_str_eq(out, "8e03978e-40d5");
    ck_assert_int_eq(field_key_parse(" 8e03978e-40d5 ", out), ERR_OK);
    ck_assert_str_eq(out, "8e03978e-40d5");
    ck_assert_int_eq(field_key_parse("\"a\\\"\\\\b\"", out), ERR_OK);
    ck_assert_str_eq(out, "a\"\\b");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(field_key_parse(bad[i], out) == ERR_INVALID, "%s", bad[i]);
    memset(key, 'k', sizeof(key));
    key[FIELD_KEY_MAX + 1] = '\0';
    ck_assert_int_eq(field_key_parse(key, out), ERR_INVALID);
    key[FIELD_KEY_MAX] = '\0';
    ck_assert_int_eq(field_key_parse(key, out), ERR_OK);
}
END_TEST

START_TEST(media_types_are_read)
{
    static const char *const bad[] = {
        "", "text", "text/", "/plain", "text/plain x", "text plain", "text/plain,", "a/b/c"};
    char out[64], small[10];

    ck_assert_int_eq(field_media_type("Application/PDF", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "application/pdf");
    ck_assert_int_eq(field_media_type(" text/plain ; charset=utf-8", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "text/plain");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(field_media_type(bad[i], out, sizeof(out)) == ERR_INVALID, "%s", bad[i]);
    ck_assert_int_eq(field_media_type("text/plain", small, sizeof(small)), ERR_TOO_LARGE);
    ck_assert_int_eq(field_media_type("text/html", small, sizeof(small)), ERR_OK);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "http/fields", ranges_are_read, if_range_wants_the_strong_tag, entity_tags_match_weakly,
        file_names_are_found, hostile_dispositions_are_refused, bare_names_obey_the_same_rules,
        a_written_disposition_reads_back, digests_are_read, a_digest_that_is_not_wanted,
        malformed_digests_are_refused, idempotency_keys_are_read, media_types_are_read);
}
