#include "gateway/inspect/sniff.h"
#include "tests/support/suite.h"

#include <pthread.h>
#include <stdlib.h>
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
        {"\x7f"
         "ELF\0\0\0\0\0\0\0\0\0\0\0\0",
         16, "application/octet-stream"},
        {"\xff\xfe"
         "D\0e\0a\0r\0 \0m\0e\0\n\0",
         18, "text/plain"},
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

/* Whatever the samples are. */
START_TEST(a_recording_is_one_by_its_beginning)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *type;
    } BEGINNINGS[] = {
        {"RIFF\x24\x00\x00\x00WAVEfmt ", 16, "audio/wav"},
        {"fLaC\0\0\0\x22", 8, "audio/flac"},
        {"\0\0\0\x18"
         "ftypM4A ",
         12, "audio/mp4"},
        {"\xff\xfb\x90\x64", 4, "audio/mpeg"},
    };
    struct sniffer *s = NULL;
    char type[SNIFF_TYPE_MAX + 1];
    unsigned char head[SNIFF_HEAD_MAX];

    ck_assert_int_eq(sniffer_new(&s), ERR_OK);
    srandom(1);
    for (size_t i = 0; i < ARRAY_LEN(BEGINNINGS); i++) {
        for (int n = 0; n < 500; n++) {
            for (size_t k = 0; k < sizeof(head); k++)
                head[k] = (unsigned char)random();
            memcpy(head, BEGINNINGS[i].bytes, BEGINNINGS[i].len);
            ck_assert_int_eq(sniff_type(s, head, sizeof(head), type), ERR_OK);
            ck_assert_str_eq(type, BEGINNINGS[i].type);
        }
    }
    sniffer_free(s);
}
END_TEST

static void *look_at_a_picture(void *wrong)
{
    struct sniffer *s = NULL;
    char type[SNIFF_TYPE_MAX + 1] = "";

    if (sniffer_new(&s) == ERR_OK &&
        sniff_type(s, "GIF89a\1\0\1\0\0\0\0;", 14, type) == ERR_OK &&
        strcmp(type, "image/gif") == 0) {
        sniffer_free(s);
        return NULL;
    }
    sniffer_free(s);
    return wrong; /* another type, or none */
}

START_TEST(many_begin_at_once)
{
    pthread_t threads[16];
    char sign;
    void *wrong;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look_at_a_picture, &sign), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspect/sniff", known_beginnings, only_the_head_counts,
                     a_recording_is_one_by_its_beginning, many_begin_at_once);
}
