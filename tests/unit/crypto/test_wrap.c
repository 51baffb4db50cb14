/* The round trip of every size that an upload's rest may have, and that nothing but the same
 * key, context and bytes opens. */
#include "crypto/wrap.h"

#include "gateway/base/encode.h"
#include "tests/support/suite.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 70000, ROOM = LARGEST + WRAP_OVERHEAD + 64 };

static const uint8_t key[WRAP_KEY_SIZE] = {1, 2, 3};
static uint8_t plain[LARGEST], opened[LARGEST + 1];

static void round_trip(size_t len)
{
    AUTO_CLEAR(buf_clear) struct buf out = {0};

    buf_init(&out, ROOM);
    ck_assert_int_eq(buf_append_str(&out, "before"), ERR_OK);
    ck_assert_int_eq(wrap_seal(key, "context", 7, plain, len, &out), ERR_OK);
    ck_assert_uint_eq(out.len, 6 + len + WRAP_OVERHEAD);
    ck_assert_mem_eq(out.data, "before", 6);
    if (len >= 16)
        ck_assert_ptr_null(memmem(out.data, out.len, plain, 16));
    memset(opened, 0xee, sizeof(opened));
    ck_assert_int_eq(wrap_open(key, "context", 7, out.data + 6, out.len - 6, opened), ERR_OK);
    ck_assert_mem_eq(opened, plain, len);
    ck_assert_uint_eq(opened[len], 0xee); /* not one byte more */
}

START_TEST(what_was_sealed_opens)
{
    randombytes_buf(plain, sizeof(plain));
    for (size_t len = 0; len <= 300; len++)
        round_trip(len);
    for (size_t len = 301; len < LARGEST; len += 409)
        round_trip(len);
    for (size_t len = 65535; len <= 65537; len++)
        round_trip(len);
    round_trip(LARGEST);
}
END_TEST

START_TEST(every_flipped_byte_is_refused)
{
    static const size_t sizes[] = {0, 1, 16, 200};
    static const uint8_t zeros[200];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_CLEAR(buf_clear) struct buf out = {0};

        buf_init(&out, ROOM);
        ck_assert_int_eq(wrap_seal(key, "context", 7, plain, sizes[i], &out), ERR_OK);
        for (size_t at = 0; at < out.len; at++) {
            out.data[at] ^= (uint8_t)(1u << at % 8);
            memset(opened, 0xee, sizes[i] + 1);
            ck_assert_int_eq(wrap_open(key, "context", 7, out.data, out.len, opened),
                             ERR_CORRUPT);
            ck_assert_mem_eq(opened, zeros, sizes[i]);
            ck_assert_uint_eq(opened[sizes[i]], 0xee);
            out.data[at] ^= (uint8_t)(1u << at % 8);
        }
        ck_assert_int_eq(wrap_open(key, "context", 7, out.data, out.len, opened), ERR_OK);
    }
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    AUTO_CLEAR(buf_clear) struct buf out = {0};

    buf_init(&out, ROOM);
    ck_assert_int_eq(wrap_seal(key, "context", 7, plain, 50, &out), ERR_OK);
    for (size_t len = 0; len < out.len; len++)
        ck_assert_int_eq(wrap_open(key, "context", 7, out.data, len, opened), ERR_CORRUPT);
    ck_assert_int_eq(buf_append_byte(&out, 0), ERR_OK);
    ck_assert_int_eq(wrap_open(key, "context", 7, out.data, out.len, opened), ERR_CORRUPT);
}
END_TEST

START_TEST(only_key_and_context_of_the_sealing_open)
{
    static const struct {
        const char *context;
        size_t len;
    } wrong[] = {{"context", 6}, {"context", 8}, {"contexT", 7}, {"", 0}, {NULL, 0}};
    uint8_t other[WRAP_KEY_SIZE];
    AUTO_CLEAR(buf_clear) struct buf out = {0};

    buf_init(&out, ROOM);
    ck_assert_int_eq(wrap_seal(key, "context", 7, plain, 50, &out), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_int_eq(
            wrap_open(key, wrong[i].context, wrong[i].len, out.data, out.len, opened),
            ERR_CORRUPT);
    for (size_t i = 0; i < sizeof(other); i++) {
        memcpy(other, key, sizeof(other));
        other[i] ^= 0x40;
        ck_assert_int_eq(wrap_open(other, "context", 7, out.data, out.len, opened),
                         ERR_CORRUPT);
    }
    buf_reset(&out);
    ck_assert_int_eq(wrap_seal(key, NULL, 0, plain, 50, &out), ERR_OK);
    ck_assert_int_eq(wrap_open(key, NULL, 0, out.data, out.len, opened), ERR_OK);
    ck_assert_int_eq(wrap_open(key, "c", 1, out.data, out.len, opened), ERR_CORRUPT);
}
END_TEST

START_TEST(the_same_is_never_sealed_the_same)
{
    AUTO_CLEAR(buf_clear) struct buf a = {0}, b = {0};

    buf_init(&a, ROOM);
    buf_init(&b, ROOM);
    ck_assert_int_eq(wrap_seal(key, "c", 1, "same", 4, &a), ERR_OK);
    ck_assert_int_eq(wrap_seal(key, "c", 1, "same", 4, &b), ERR_OK);
    ck_assert(memcmp(a.data, b.data, 24) != 0);
    ck_assert(memcmp(a.data + 24, b.data + 24, 4) != 0);
}
END_TEST

START_TEST(a_full_buffer_is_left_as_it_was)
{
    for (size_t room = 0; room < 10 + WRAP_OVERHEAD; room++) {
        AUTO_CLEAR(buf_clear) struct buf out = {0};

        buf_init(&out, 3 + room);
        ck_assert_int_eq(buf_append_str(&out, "abc"), ERR_OK);
        ck_assert_int_eq(wrap_seal(key, "c", 1, plain, 10, &out), ERR_TOO_LARGE);
        ck_assert_uint_eq(out.len, 3);
        ck_assert_mem_eq(out.data, "abc", 3);
    }
}
END_TEST

/* draft-irtf-cfrg-xchacha-03, A.3.1. */
START_TEST(the_drafts_vector_opens)
{
    static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                               "only one tip for the future, sunscreen would be it.";
    static const char sealed_hex[] =
        "404142434445464748494a4b4c4d4e4f5051525354555657"
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a8"
        "2f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369"
        "488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49";
    static const uint8_t context[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                      0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
    uint8_t vector_key[WRAP_KEY_SIZE], sealed[(sizeof(sealed_hex) - 1) / 2];

    for (size_t i = 0; i < sizeof(vector_key); i++)
        vector_key[i] = (uint8_t)(0x80 + i);
    ck_assert_int_eq(hex_decode(sealed_hex, sizeof(sealed_hex) - 1, sealed, sizeof(sealed)),
                     ERR_OK);
    ck_assert_uint_eq(sizeof(sealed), sizeof(text) - 1 + WRAP_OVERHEAD);
    ck_assert_int_eq(
        wrap_open(vector_key, context, sizeof(context), sealed, sizeof(sealed), opened),
        ERR_OK);
    ck_assert_mem_eq(opened, text, sizeof(text) - 1);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    return SUITE_RUN("crypto/wrap", what_was_sealed_opens, every_flipped_byte_is_refused,
                     every_truncation_is_refused, only_key_and_context_of_the_sealing_open,
                     the_same_is_never_sealed_the_same, a_full_buffer_is_left_as_it_was,
                     the_drafts_vector_opens);
}
