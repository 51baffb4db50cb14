#include "gateway/base/buf.h"
#include "tests/support/suite.h"

#include <string.h>

/* The allocator of the sanitizers ends the process instead of failing unless it is told so. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Read from storage the compiler cannot see through: no allocator can give it. */
static volatile size_t impossible = (size_t)1 << 50;

START_TEST(text_grows_and_stays_terminated)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, 1000);
    ck_assert_str_eq(buf_text(&b), "");
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(buf_append_str(&b, "0123456789"), ERR_OK);
        ck_assert_uint_eq(b.len, 10u * (unsigned)(i + 1));
        ck_assert_uint_eq(b.data[b.len], 0);
        ck_assert_uint_gt(b.cap, b.len);
    }
    ck_assert_uint_eq(strlen(buf_text(&b)), 1000);
    ck_assert_uint_le(b.cap, 1001);
}
END_TEST

START_TEST(the_maximum_holds_and_keeps_the_content)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, 4);
    ck_assert_int_eq(buf_append(&b, "abc", 3), ERR_OK);
    ck_assert_int_eq(buf_append(&b, "de", 2), ERR_TOO_LARGE);
    ck_assert_int_eq(buf_printf(&b, "%s", "de"), ERR_TOO_LARGE);
    ck_assert_int_eq(buf_append_u16(&b, 1), ERR_TOO_LARGE);
    ck_assert_int_eq(buf_append_blob(&b, "", 0), ERR_TOO_LARGE);
    ck_assert_int_eq(buf_append(&b, "x", impossible), ERR_TOO_LARGE);
    ck_assert_str_eq(buf_text(&b), "abc");
    ck_assert_int_eq(buf_append_byte(&b, 'd'), ERR_OK);
    ck_assert_int_eq(buf_append_byte(&b, 'e'), ERR_TOO_LARGE);
    ck_assert_str_eq(buf_text(&b), "abcd");
    ck_assert_int_eq(buf_append(&b, NULL, 0), ERR_OK);
}
END_TEST

START_TEST(a_buffer_of_nothing_takes_nothing)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, 0);
    ck_assert_int_eq(buf_append(&b, "", 0), ERR_OK);
    ck_assert_int_eq(buf_append_byte(&b, 0), ERR_TOO_LARGE);
    ck_assert_str_eq(buf_text(&b), "");
}
END_TEST

START_TEST(memory_that_is_not_there_is_an_error)
{
    AUTO_CLEAR(buf_clear) struct buf plain;
    AUTO_CLEAR(buf_clear) struct buf secret;

    buf_init(&plain, (size_t)1 << 52);
    buf_init_secret(&secret, (size_t)1 << 52);
    ck_assert_int_eq(buf_append_str(&plain, "kept"), ERR_OK);
    ck_assert_int_eq(buf_append_str(&secret, "kept"), ERR_OK);
    ck_assert_int_eq(buf_append(&plain, "x", impossible), ERR_NOMEM);
    ck_assert_int_eq(buf_append(&secret, "x", impossible), ERR_NOMEM);
    ck_assert_str_eq(buf_text(&plain), "kept");
    ck_assert_str_eq(buf_text(&secret), "kept");
}
END_TEST

START_TEST(formats_are_appended)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init(&b, 300);
    ck_assert_int_eq(buf_printf(&b, "%d-%s", 42, "x"), ERR_OK);
    ck_assert_int_eq(buf_printf(&b, "|%0200d", 7), ERR_OK);
    ck_assert_uint_eq(b.len, 4 + 201);
    ck_assert_int_eq(strncmp(buf_text(&b), "42-x|000", 8), 0);
}
END_TEST

START_TEST(cleared_and_reset_buffers_are_used_again)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init_secret(&b, 100);
    buf_reset(&b);
    ck_assert_int_eq(buf_append_str(&b, "a secret"), ERR_OK);
    buf_reset(&b);
    ck_assert_uint_eq(b.len, 0);
    for (size_t i = 0; i < b.cap; i++)
        ck_assert_uint_eq(b.data[i], 0);
    buf_clear(&b);
    ck_assert_ptr_null(b.data);
    ck_assert(b.wipe);
    ck_assert_uint_eq(b.max, 100);
    ck_assert_int_eq(buf_append_str(&b, "again"), ERR_OK);
    ck_assert_str_eq(buf_text(&b), "again");
}
END_TEST

START_TEST(a_secret_grows_by_copy)
{
    AUTO_CLEAR(buf_clear) struct buf b;

    buf_init_secret(&b, 10000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_append_byte(&b, (uint8_t)('a' + i % 26)), ERR_OK);
    ck_assert_uint_eq(b.len, 1000);
    for (size_t i = 0; i < b.len; i++)
        ck_assert_uint_eq(b.data[i], 'a' + i % 26);
}
END_TEST

START_TEST(numbers_and_blobs_are_read_back)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    struct reader r;
    const uint8_t *bytes;
    size_t len;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    char text[6];

    buf_init(&b, 100);
    ck_assert_int_eq(buf_append_byte(&b, 0xfe), ERR_OK);
    ck_assert_int_eq(buf_append_u16(&b, 0x0102), ERR_OK);
    ck_assert_int_eq(buf_append_u32(&b, 0x03040506), ERR_OK);
    ck_assert_int_eq(buf_append_u64(&b, UINT64_C(0x0708090a0b0c0d0e)), ERR_OK);
    ck_assert_int_eq(buf_append_blob(&b, "blob", 4), ERR_OK);
    ck_assert_int_eq(buf_append_blob(&b, "hello", 5), ERR_OK);
    ck_assert_int_eq(buf_append_blob(&b, "", 0), ERR_OK);
    ck_assert_mem_eq(b.data, "\xfe\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e",
                     15);

    reader_init(&r, b.data, b.len);
    ck_assert_int_eq(reader_u8(&r, &u8), ERR_OK);
    ck_assert_int_eq(reader_u16(&r, &u16), ERR_OK);
    ck_assert_int_eq(reader_u32(&r, &u32), ERR_OK);
    ck_assert_int_eq(reader_u64(&r, &u64), ERR_OK);
    ck_assert(u8 == 0xfe && u16 == 0x0102 && u32 == 0x03040506);
    ck_assert(u64 == UINT64_C(0x0708090a0b0c0d0e));
    ck_assert_int_eq(reader_blob(&r, 3, &bytes, &len), ERR_INVALID);
    ck_assert_int_eq(reader_blob(&r, 4, &bytes, &len), ERR_OK);
    ck_assert_uint_eq(len, 4);
    ck_assert_mem_eq(bytes, "blob", 4);
    ck_assert_int_eq(reader_text(&r, text, 5), ERR_INVALID); /* no room for the terminator */
    ck_assert_int_eq(reader_text(&r, text, 6), ERR_OK);
    ck_assert_str_eq(text, "hello");
    ck_assert_int_eq(reader_end(&r), ERR_INVALID);
    ck_assert_int_eq(reader_text(&r, text, 1), ERR_OK);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(reader_end(&r), ERR_OK);
}
END_TEST

START_TEST(the_reader_never_passes_the_end)
{
    static const uint8_t data[] = {0, 0, 0, 9, 'x'};
    const uint8_t *bytes;
    struct reader r;
    size_t len;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    reader_init(&r, NULL, 0);
    ck_assert_int_eq(reader_u8(&r, &u8), ERR_INVALID);
    ck_assert_int_eq(reader_bytes(&r, 0, &bytes), ERR_OK);
    ck_assert_int_eq(reader_end(&r), ERR_OK);
    reader_init(&r, data, 1);
    ck_assert_int_eq(reader_u16(&r, &u16), ERR_INVALID);
    reader_init(&r, data, 3);
    ck_assert_int_eq(reader_u32(&r, &u32), ERR_INVALID);
    reader_init(&r, data, sizeof(data));
    ck_assert_int_eq(reader_u64(&r, &u64), ERR_INVALID);
    ck_assert_int_eq(reader_bytes(&r, impossible, &bytes), ERR_INVALID);
    ck_assert_int_eq(reader_blob(&r, 100, &bytes, &len), ERR_INVALID);
    ck_assert_uint_eq(r.left, sizeof(data)); /* a failed read takes nothing */
    ck_assert_int_eq(reader_bytes(&r, sizeof(data), &bytes), ERR_OK);
    ck_assert_int_eq(reader_end(&r), ERR_OK);
}
END_TEST

START_TEST(a_text_holds_no_nul)
{
    static const uint8_t data[] = {0, 0, 0, 3, 'a', 0, 'b'};
    struct reader r;
    char text[10];

    reader_init(&r, data, sizeof(data));
    ck_assert_int_eq(reader_text(&r, text, sizeof(text)), ERR_INVALID);
    ck_assert_uint_eq(r.left, sizeof(data));
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "base/buf", text_grows_and_stays_terminated, the_maximum_holds_and_keeps_the_content,
        a_buffer_of_nothing_takes_nothing, memory_that_is_not_there_is_an_error,
        formats_are_appended, cleared_and_reset_buffers_are_used_again, a_secret_grows_by_copy,
        numbers_and_blobs_are_read_back, the_reader_never_passes_the_end, a_text_holds_no_nul);
}
