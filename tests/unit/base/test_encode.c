#include "gateway/base/encode.h"
#include "tests/support/suite.h"

#include <string.h>

START_TEST(hex_goes_round)
{
    uint8_t bytes[256], back[256];
    char text[HEX_SIZE(256)];

    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(bytes, 256, text);
    ck_assert_uint_eq(strlen(text), 512);
    ck_assert_int_eq(strncmp(text, "000102030405060708090a0b", 24), 0);
    ck_assert_int_eq(hex_decode(text, 512, back, 256), ERR_OK);
    ck_assert_mem_eq(bytes, back, 256);
    hex_encode(bytes, 0, text);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(hex_decode("", 0, back, 0), ERR_OK);
}
END_TEST

START_TEST(wrong_hex_is_refused)
{
    uint8_t out[2];

    ck_assert_int_eq(hex_decode("0a0b", 4, out, 1), ERR_INVALID);
    ck_assert_int_eq(hex_decode("0a", 2, out, 2), ERR_INVALID);
    ck_assert_int_eq(hex_decode("0a0", 3, out, 2), ERR_INVALID);
    ck_assert_int_eq(hex_decode("0a0", 3, out, 1), ERR_INVALID);
    ck_assert_int_eq(hex_decode("0A0b", 4, out, 2), ERR_INVALID);
    ck_assert_int_eq(hex_decode("0g0b", 4, out, 2), ERR_INVALID);
    ck_assert_int_eq(hex_decode("g00b", 4, out, 2), ERR_INVALID);
    ck_assert_int_eq(hex_decode("0a\0b", 4, out, 2), ERR_INVALID);
}
END_TEST

START_TEST(base64_matches_rfc_4648)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const size_t unpadded[] = {0, 2, 3, 4, 6, 7, 8};

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        char text[BASE64_SIZE(6)], out[6];
        size_t len;

        ck_assert_uint_eq(base64_encode(BASE64_STANDARD, plain[i], i, text), strlen(coded[i]));
        ck_assert_str_eq(text, coded[i]);
        ck_assert_int_eq(base64_decode(BASE64_STANDARD, text, strlen(text), out, 6, &len),
                         ERR_OK);
        ck_assert_uint_eq(len, i);
        ck_assert_mem_eq(out, plain[i], i);
        for (enum base64_kind k = BASE64_STANDARD_UNPADDED; k <= BASE64_URL_UNPADDED; k++) {
            ck_assert_uint_eq(base64_encode(k, plain[i], i, text), unpadded[i]);
            ck_assert_int_eq(strncmp(text, coded[i], unpadded[i]), 0);
            ck_assert_int_eq(base64_decode(k, text, unpadded[i], out, i, &len), ERR_OK);
            ck_assert_uint_eq(len, i);
            ck_assert_mem_eq(out, plain[i], i);
        }
    }
}
END_TEST

START_TEST(the_alphabets_are_kept_apart)
{
    static const uint8_t bytes[] = {0xfb, 0xff, 0xbf};
    char text[BASE64_SIZE(3)];
    uint8_t out[3];
    size_t len;

    base64_encode(BASE64_STANDARD, bytes, 3, text);
    ck_assert_str_eq(text, "+/+/");
    base64_encode(BASE64_URL_UNPADDED, bytes, 3, text);
    ck_assert_str_eq(text, "-_-_");
    ck_assert_int_eq(base64_decode(BASE64_URL_UNPADDED, "-_-_", 4, out, 3, &len), ERR_OK);
    ck_assert_mem_eq(out, bytes, 3);
    ck_assert_int_eq(base64_decode(BASE64_URL_UNPADDED, "+/+/", 4, out, 3, &len), ERR_INVALID);
    ck_assert_int_eq(base64_decode(BASE64_STANDARD, "-_-_", 4, out, 3, &len), ERR_INVALID);
}
END_TEST

START_TEST(base64_has_one_spelling)
{
    static const struct {
        enum base64_kind kind;
        const char *text;
    } cases[] = {
        {BASE64_STANDARD, "Zg"},
        {BASE64_STANDARD, "Zg="},
        {BASE64_STANDARD, "Zh=="},
        {BASE64_STANDARD, "Zm9="},
        {BASE64_STANDARD, "===="},
        {BASE64_STANDARD, "Z==="},
        {BASE64_STANDARD, "Zg==Zg=="},
        {BASE64_STANDARD, "Zm9v\n"},
        {BASE64_STANDARD, "Zm 9"},
        {BASE64_STANDARD, "Z=g="},
        {BASE64_STANDARD_UNPADDED, "Zg=="},
        {BASE64_STANDARD_UNPADDED, "Z"},
        {BASE64_STANDARD_UNPADDED, "Zm9vY"},
        {BASE64_STANDARD_UNPADDED, "Zh"},
        {BASE64_URL_UNPADDED, "Zm9"},
        {BASE64_URL_UNPADDED, "Zg=="},
        {BASE64_URL_UNPADDED, "Z."},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text), out_len;
        char out[16];

        ck_assert_msg(base64_decode(cases[i].kind, cases[i].text, len, out, sizeof(out),
                                    &out_len) == ERR_INVALID,
                      "accepted: %s", cases[i].text);
    }
}
END_TEST

START_TEST(base64_keeps_to_its_room)
{
    char out[2];
    size_t len;

    ck_assert_int_eq(base64_decode(BASE64_STANDARD, "Zm9v", 4, out, 2, &len), ERR_TOO_LARGE);
    ck_assert_int_eq(base64_decode(BASE64_STANDARD, "Zm8=", 4, out, 2, &len), ERR_OK);
    ck_assert_int_eq(base64_decode(BASE64_STANDARD, "", 0, out, 0, &len), ERR_OK);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(percent_is_decoded)
{
    char out[20];

    ck_assert_int_eq(percent_decode("a%20b+c%c3%A9", 13, false, out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "a b+c\xc3\xa9");
    ck_assert_int_eq(percent_decode("a%20b+c", 7, true, out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "a b c");
    ck_assert_int_eq(percent_decode("%2B%25", 6, true, out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "+%");
    ck_assert_int_eq(percent_decode("", 0, true, out, 1), ERR_OK);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(bad_percent_is_refused)
{
    static const char *const bad[] = {"%",   "%2",   "a%",  "%zz", "%2g",
                                      "%g2", "%%20", "%00", "%+1"};
    char out[20];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_FREE char *copy = malloc(strlen(bad[i])); /* exact: no terminator to lean on */

        memcpy(copy, bad[i], strlen(bad[i]));
        ck_assert_msg(percent_decode(copy, strlen(bad[i]), false, out, sizeof(out)) ==
                          ERR_INVALID,
                      "accepted: %s", bad[i]);
    }
    ck_assert_int_eq(percent_decode("a\0b", 3, false, out, sizeof(out)), ERR_INVALID);
    ck_assert_int_eq(percent_decode("abc", 3, false, out, 3), ERR_TOO_LARGE);
    ck_assert_int_eq(percent_decode("abc", 3, false, out, 4), ERR_OK);
    ck_assert_int_eq(percent_decode("", 0, false, out, 0), ERR_TOO_LARGE);
}
END_TEST

START_TEST(percent_encodes_all_but_unreserved)
{
    char out[32];

    ck_assert_int_eq(percent_encode("a-Z.9~", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "a-Z.9~");
    ck_assert_int_eq(percent_encode("\"\xc2\xa3 *'%\r", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "%22%C2%A3%20%2A%27%25%0D");
    ck_assert_int_eq(percent_encode("a&b+c#d=e!`", out, sizeof(out)), ERR_OK);
    ck_assert_str_eq(out, "a%26b%2Bc%23d%3De%21%60"); /* each has a meaning in a query */
    ck_assert_int_eq(percent_encode("ab ", out, 5), ERR_TOO_LARGE);
    ck_assert_int_eq(percent_encode("ab ", out, 6), ERR_OK);
    ck_assert_int_eq(percent_encode("", out, 0), ERR_TOO_LARGE);
}
END_TEST

START_TEST(utf8_is_checked)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc2", false},
        {"\xc2"
         "A",
         false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false},
        {"\xed\xbf\xbf", false},
        {"\xe2\x82", false},
        {"\xe2\x82"
         "A",
         false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"ok\xfe", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(utf8_valid(cases[i].text, strlen(cases[i].text)) == cases[i].valid,
                      "case %zu", i);
    ck_assert(utf8_valid("a\0b", 3));
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/encode", hex_goes_round, wrong_hex_is_refused,
                     base64_matches_rfc_4648, the_alphabets_are_kept_apart,
                     base64_has_one_spelling, base64_keeps_to_its_room, percent_is_decoded,
                     bad_percent_is_refused, percent_encodes_all_but_unreserved,
                     utf8_is_checked);
}
