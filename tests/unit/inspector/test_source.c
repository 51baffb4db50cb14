#include "gateway/inspector/source.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(every_byte_once)
{
    static uint8_t all[3 * SNIFF_HEAD_MAX], got[sizeof(all)];

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)(i * 31 + i / 251);
    for (size_t piece = 1; piece < 20000; piece = piece * 3 + 1) {
        struct source s;
        const uint8_t *head;
        size_t len, at = 0;

        source_from_memory(&s, all, sizeof(all));
        ck_assert_int_eq(source_peek(&s, &head, &len), ERR_OK);
        ck_assert_uint_eq(len, SNIFF_HEAD_MAX);
        ck_assert_mem_eq(head, all, len);
        do {
            ck_assert_int_eq(source_read(&s, got + at,
                                         piece < sizeof(all) - at ? piece : sizeof(all) - at,
                                         &len),
                             ERR_OK);
            at += len;
        } while (len > 0);
        ck_assert_uint_eq(at, sizeof(all));
        ck_assert_mem_eq(got, all, sizeof(all));
        source_clear(&s);
    }
}
END_TEST

START_TEST(from_a_pipe)
{
    struct source s;
    const uint8_t *data;
    size_t len;
    int pair[2];

    ck_assert_int_eq(pipe(pair), 0);
    ck_assert_int_eq(write(pair[1], "hello", 5), 5);
    close(pair[1]);
    source_from_pipe(&s, pair[0]);
    ck_assert_int_eq(source_peek(&s, &data, &len), ERR_OK);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(source_hold(&s, 100, &data, &len), ERR_OK);
    ck_assert_uint_eq(len, 5);
    ck_assert_mem_eq(data, "hello", 5);
    source_clear(&s);
    close(pair[0]);
}
END_TEST

START_TEST(held_up_to_the_bound)
{
    static const char bytes[10] = "0123456789";
    struct source s;
    const uint8_t *data;
    size_t len;

    source_from_memory(&s, bytes, 10);
    ck_assert_int_eq(source_hold(&s, 10, &data, &len), ERR_OK);
    source_clear(&s);
    source_from_memory(&s, bytes, 10);
    ck_assert_int_eq(source_hold(&s, 9, &data, &len), ERR_TOO_LARGE);
    source_clear(&s);
    source_from_pipe(&s, 1000); /* not open */
    ck_assert_int_ne(source_peek(&s, &data, &len), ERR_OK);
    ck_assert(s.failed);
    source_clear(&s);
}
END_TEST

START_TEST(held_over_more_than_one_room)
{
    enum { ALL = (5 << 20) + 12345 };
    uint8_t *all = malloc(ALL);
    struct source s;
    const uint8_t *data;
    size_t len;

    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < ALL; i++)
        all[i] = (uint8_t)(i * 31 + i / 251);
    source_from_memory(&s, all, ALL);
    ck_assert_int_eq(source_peek(&s, &data, &len), ERR_OK);
    ck_assert_int_eq(source_hold(&s, ALL, &data, &len), ERR_OK);
    ck_assert_uint_eq(len, ALL);
    ck_assert_int_eq(memcmp(data, all, ALL), 0);
    source_clear(&s);
    source_from_memory(&s, all, ALL);
    ck_assert_int_eq(source_hold(&s, ALL - 1, &data, &len), ERR_TOO_LARGE);
    source_clear(&s);
    source_from_memory(&s, all, 0);
    ck_assert_int_eq(source_hold(&s, ALL, &data, &len), ERR_OK);
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_nonnull(data);
    source_clear(&s);
    free(all);
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspector/source", every_byte_once, from_a_pipe, held_up_to_the_bound,
                     held_over_more_than_one_room);
}
