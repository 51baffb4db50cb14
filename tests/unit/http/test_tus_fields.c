#include "gateway/http/fields_tus.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

START_TEST(numbers)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1e",
                                      "1.0",
                                      "1,1",
                                      "?1",
                                      "9223372036854775808",
                                      "99999999999999999999"};
    int64_t n = -1;

    ck_assert_int_eq(tus_number_parse("0", &n), ERR_OK);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(tus_number_parse("0070", &n), ERR_OK);
    ck_assert_int_eq(n, 70);
    ck_assert_int_eq(tus_number_parse("9223372036854775807", &n), ERR_OK);
    ck_assert_int_eq(n, INT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(tus_number_parse(bad[i], &n) == ERR_INVALID, "%s", bad[i]);
    ck_assert_int_eq(n, INT64_MAX);
}
END_TEST

START_TEST(metadata)
{
    struct tus_pair pairs[TUS_PAIRS_MAX];
    char text[64];
    size_t n;

    ck_assert_int_eq(tus_metadata_parse("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,"
                                        "is_confidential,empty , kind Zg==",
                                        pairs, &n),
                     ERR_OK);
    ck_assert_uint_eq(n, 4);
    ck_assert_int_eq(strncmp(pairs[0].key, "filename", pairs[0].key_len), 0);
    ck_assert_int_eq(tus_pair_text(&pairs[0], text, sizeof(text)), ERR_OK);
    ck_assert_str_eq(text, "world_domination_plan.pdf");
    ck_assert_int_eq(tus_pair_text(&pairs[0], text, 25), ERR_TOO_LARGE);
    ck_assert_int_eq(tus_pair_text(&pairs[0], text, 26), ERR_OK);
    ck_assert_uint_eq(pairs[1].key_len, strlen("is_confidential"));
    ck_assert_uint_eq(pairs[1].value_len, 0);
    ck_assert_int_eq(tus_pair_text(&pairs[1], text, sizeof(text)), ERR_OK);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(pairs[2].key_len, strlen("empty"));
    ck_assert_uint_eq(pairs[2].value_len, 0);
    ck_assert_int_eq(tus_pair_text(&pairs[3], text, sizeof(text)), ERR_OK);
    ck_assert_str_eq(text, "f");
}
END_TEST

START_TEST(metadata_that_is_none)
{
    static const char *const bad[] = {
        "",         ",",         "a,",
        ",a",       "a,,b",      "a Zg==,a Zg==",
        "a,a",      "a Zg",      "a Zg=",
        "a Zh==",   "a Zg== x",  "a  Zg==",
        "a Z\tg==", "\x01 Zg==", "k\xc3\xa9y Zg==",
        "a Zg==;b", "a b_-c",    "a Zg==\tb",
    };
    struct tus_pair pairs[TUS_PAIRS_MAX];
    char text[8], many[TUS_METADATA_MAX + 8] = "";
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(tus_metadata_parse(bad[i], pairs, &n) == ERR_INVALID, "%s", bad[i]);
    for (size_t i = 0; i <= TUS_PAIRS_MAX; i++) {
        ck_assert_int_eq(i == 0 || tus_metadata_parse(many, pairs, &n) == ERR_OK, 1);
        (void)snprintf(many + strlen(many), 8, "%sk%zu", i == 0 ? "" : ",", i);
    }
    ck_assert_int_eq(tus_metadata_parse(many, pairs, &n), ERR_INVALID);
    memset(many, 'k', TUS_METADATA_MAX);
    many[TUS_METADATA_MAX] = '\0';
    ck_assert_int_eq(tus_metadata_parse(many, pairs, &n), ERR_OK);
    many[TUS_METADATA_MAX] = 'k';
    ck_assert_int_eq(tus_metadata_parse(many, pairs, &n), ERR_INVALID);
    ck_assert_int_eq(tus_metadata_parse("a AGE=", pairs, &n), ERR_OK); /* NUL, 'a' */
    ck_assert_int_eq(tus_pair_text(&pairs[0], text, sizeof(text)), ERR_INVALID);
}
END_TEST

START_TEST(checksums)
{
    static const char sha256[] = "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
    static const struct {
        const char *value;
        enum err want;
    } bad[] = {
        {"md5 1B2M2Y8AsgTpgAmY7PhCfg==", ERR_UNSUPPORTED},
        {"SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", ERR_UNSUPPORTED},
        {"", ERR_UNSUPPORTED},
        {" sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", ERR_UNSUPPORTED},
        {"sha1", ERR_INVALID},
        {"sha1 ", ERR_INVALID},
        {"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRg==", ERR_INVALID},
        {"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0", ERR_INVALID},
        {"sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=", ERR_INVALID},
        {"sha1 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", ERR_INVALID},
        {"sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", ERR_INVALID},
    };
    enum tus_algorithm algorithm = TUS_SHA256;
    uint8_t digest[32];

    ck_assert_int_eq(
        tus_checksum_parse("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", &algorithm, digest), ERR_OK);
    ck_assert_int_eq(algorithm, TUS_SHA1);
    ck_assert_int_eq(digest[0], 0x2a);
    ck_assert_int_eq(digest[19], 0xed);
    ck_assert_int_eq(tus_checksum_parse(sha256, &algorithm, digest), ERR_OK);
    ck_assert_int_eq(algorithm, TUS_SHA256);
    ck_assert_int_eq(digest[31], 0xe9);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(tus_checksum_parse(bad[i].value, &algorithm, digest) == bad[i].want, "%s",
                      bad[i].value);
}
END_TEST

#define ID "0190a000-0000-7000-8000-000000000001"

START_TEST(concatenation)
{
    static const char *const bad[] = {
        "",          "Partial",   "partial;",     "final",        "final;",
        "final; /a", "final;/a ", "final;/a  /b", "final;/a\t/b", "final /a"};
    struct tus_concat c;
    char many[TUS_CONCAT_MAX + 16] = "final;";

    ck_assert_int_eq(tus_concat_parse("partial", &c), ERR_OK);
    ck_assert(!c.final);
    ck_assert_int_eq(tus_concat_parse("final;/files/a https://h/files/b", &c), ERR_OK);
    ck_assert(c.final);
    ck_assert_uint_eq(c.n, 2);
    ck_assert_uint_eq(c.urls[1].len, strlen("https://h/files/b"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(tus_concat_parse(bad[i], &c) == ERR_INVALID, "%s", bad[i]);
    for (size_t i = 0; i < TUS_URLS_MAX; i++)
        strcat(many, i == 0 ? "a" : " a");
    ck_assert_int_eq(tus_concat_parse(many, &c), ERR_OK);
    ck_assert_uint_eq(c.n, TUS_URLS_MAX);
    strcat(many, " a");
    ck_assert_int_eq(tus_concat_parse(many, &c), ERR_INVALID);
    memset(many + 6, 'a', TUS_CONCAT_MAX);
    many[TUS_CONCAT_MAX] = '\0';
    ck_assert_int_eq(tus_concat_parse(many, &c), ERR_OK);
    many[TUS_CONCAT_MAX] = 'a';
    ck_assert_int_eq(tus_concat_parse(many, &c), ERR_INVALID);
}
END_TEST

START_TEST(urls_of_parts)
{
    static const char *const good[] = {
        "/v1/uploads/" ID, "https://gateway.example/v1/uploads/" ID, "uploads/" ID,
        "./uploads/" ID, "//gateway.example:8443/v1/uploads/" ID};
    static const char *const bad[] = {
        ID,
        "/v1/artefacts/" ID,
        "/v1/myuploads/" ID,
        "/v1/uploads/" ID "/",
        "/v1/uploads/" ID "?x=1",
        "/v1/uploads?x=/uploads/" ID,
        "/v1/x#/uploads/" ID,
        "/v1/uploads/0190a000-0000-7000-8000-00000000000g",
        "/v1/uploads/",
        "uploads",
    };
    struct uuid id;
    char text[UUID_TEXT_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct tus_url url = {good[i], strlen(good[i])};

        ck_assert_msg(tus_url_id(&url, "uploads/", &id) == ERR_OK, "%s", good[i]);
        uuid_format(&id, text);
        ck_assert_str_eq(text, ID);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tus_url url = {bad[i], strlen(bad[i])};

        ck_assert_msg(tus_url_id(&url, "uploads/", &id) == ERR_INVALID, "%s", bad[i]);
    }
}
END_TEST

START_TEST(dates)
{
    char text[TUS_DATE_SIZE];

    tus_date_write(INT64_C(1403712000) * 1000000 + 999999, text);
    ck_assert_str_eq(text, "Wed, 25 Jun 2014 16:00:00 GMT");
    tus_date_write(0, text);
    ck_assert_str_eq(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    tus_date_write(INT64_C(1709164799) * 1000000, text);
    ck_assert_str_eq(text, "Wed, 28 Feb 2024 23:59:59 GMT");
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/tus_fields", numbers, metadata, metadata_that_is_none, checksums,
                     concatenation, urls_of_parts, dates);
}
