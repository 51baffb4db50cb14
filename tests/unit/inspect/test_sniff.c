#include "gateway/inspect/sniff.h"
#include "tests/support/suite.h"

#include <string.h>

START_TEST(known_beginnings)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *type;
    } CASES[] = {
        {"%PDF-1.4\n%\xe2\xe3", 12, "application/pdf"},
        {"%PDF-1.7\n<!DOCTYPE html><html><script>alert(1)</script></html>", 61,
         "application/pdf"},
        {"%PDF", 4, "text/plain"},
        {"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01", 14, "image/jpeg"},
        {"\xff\xd8\xff\xe1\x1c\x20"
         "Exif\0\0MM\0*",
         16, "image/jpeg"},
        {"\xff\xd8\xff\xdb\0\x43\0\x02\x01\x01", 10, "image/jpeg"},
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0", 29, "image/png"},
        {"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data", 40,
         "audio/wav"},
        {"fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x40\xf0", 22, "audio/flac"},
        {"OggS\0\2\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\x13OpusHead", 36, "audio/ogg"},
        {"{\"form\":\"SR1\"}", 14, "application/json"},
        {"Dear sir or madam, I write about my claim.\n", 43, "text/plain"},
        {"\x7f" "ELF\0\0\0\0\0\0\0\0\0\0\0\0", 16, "application/octet-stream"},
        {"\xff\xfe" "D\0e\0a\0r\0 \0m\0e\0\n\0", 18, "text/plain"},
        {"m", 1, "text/plain"},
        {"made-up statement 1, line one\nmade-up statement 1, line two\n", 60, "text/plain"},
        {"#include <stdio.h>\nint main(void)\n{\n    return 0;\n}\n", 52, "text/plain"},
        {"<!DOCTYPE html>\n<html><script>alert(1)</script></html>\n", 55, "text/html"},
        {"\0", 1, "application/octet-stream"},
        {"\x01\x02\x03\x04\x05\xfe\xfd", 7, "application/octet-stream"},
    };
    struct sniffer *s = NULL;
    char type[SNIFF_TYPE_MAX + 1];
    ck_assert_int_eq(sniffer_new(&s), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        ck_assert_int_eq(sniff_type(s, CASES[i].bytes, CASES[i].len, type), ERR_OK);
        ck_assert_str_eq(type, CASES[i].type);
    }
    sniffer_free(s);
    sniffer_free(NULL);
}
END_TEST

START_TEST(only_the_head_counts)
{
    struct sniffer *s = NULL;
    char type[SNIFF_TYPE_MAX + 1];
    size_t len = 64 * 1024;
    char *data = malloc(len);
    memset(data, 'a', len);
    memset(data + SNIFF_HEAD_MAX, 0, len - SNIFF_HEAD_MAX); /* would make it binary */
    ck_assert_int_eq(sniffer_new(&s), ERR_OK);
    ck_assert_int_eq(sniff_type(s, data, len, type), ERR_OK);
    ck_assert_str_eq(type, "text/plain");
    sniffer_free(s);
    free(data);
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspect/sniff", known_beginnings, only_the_head_counts);
}
