/* The archives themselves are read by python, unzip, bsdtar and 7z in
 * tests/integration/test_bundle.py; here the limits that no test file reaches: sizes, offsets
 * and numbers of entries that want zip64, with bytes that are counted but never made. */
#include "gateway/base/zip.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)
static const uint8_t zeros[1 << 20];

static uint64_t le(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static void add(struct zip *z, const char *name, const void *data, uint64_t size,
                struct buf *out)
{
    struct zip_entry e = {.name = name, .size = size, .at = INT64_C(1700000000000000)};
    ck_assert_int_eq(zip_begin(z, &e, out), ERR_OK);
    for (uint64_t left = size; left > 0;) {
        size_t some = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
        zip_bytes(z, data ? data : zeros, some);
        left -= some;
    }
    ck_assert_int_eq(zip_end(z, out), ERR_OK);
}

static void finish(struct zip *z, struct buf *out)
{
    for (bool done = false; !done;)
        ck_assert_int_eq(zip_directory(z, out, &done), ERR_OK);
}

START_TEST(an_empty_archive_is_its_end)
{
    AUTO(zip_free) struct zip *z = NULL;
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, 4096);
    ck_assert_int_eq(zip_new(&z), ERR_OK);
    finish(z, &out);
    ck_assert_uint_eq(out.len, 22);
    ck_assert_mem_eq(out.data, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
}
END_TEST

START_TEST(a_small_entry_is_as_the_book_says)
{
    AUTO(zip_free) struct zip *z = NULL;
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, 4096);
    ck_assert_int_eq(zip_new(&z), ERR_OK);
    add(z, "a.txt", "123456789", 9, &out);
    /* local header, name, descriptor: the entry's bytes are the caller's to send */
    ck_assert_uint_eq(out.len, 30 + 5 + 16);
    ck_assert_uint_eq(zip_offset(z), out.len + 9);
    ck_assert_uint_eq(le(out.data, 4), 0x04034b50);
    ck_assert_uint_eq(le(out.data + 4, 2), 20);
    ck_assert_uint_eq(le(out.data + 6, 2), 0x0808);
    ck_assert_uint_eq(le(out.data + 8, 2), 0);
    ck_assert_uint_eq(le(out.data + 10, 2), 22u << 11 | 13u << 5 | 20 / 2);
    ck_assert_uint_eq(le(out.data + 12, 2), (2023u - 1980) << 9 | 11u << 5 | 14);
    ck_assert_uint_eq(le(out.data + 18, 4), 9);
    ck_assert_uint_eq(le(out.data + 35, 4), 0x08074b50);
    ck_assert_uint_eq(le(out.data + 39, 4), 0xcbf43926); /* the check value of CRC-32 */
    size_t directory = out.len;
    finish(z, &out);
    const uint8_t *line = out.data + directory, *end = line + 46 + 5;
    ck_assert_uint_eq(le(line + 16, 4), 0xcbf43926);
    ck_assert_uint_eq(le(line + 42, 4), 0);
    ck_assert_uint_eq(le(end + 10, 2), 1);
    ck_assert_uint_eq(le(end + 12, 4), 46 + 5);
    ck_assert_uint_eq(le(end + 16, 4), directory + 9);
}
END_TEST

/* A last entry behind 4 GiB, an entry of more than 4 GiB before it. */
START_TEST(beyond_four_gibibytes_it_is_zip64)
{
    AUTO(zip_free) struct zip *z = NULL;
    AUTO_CLEAR(buf_clear) struct buf out;
    const uint64_t large = 4 * GIB + 7;
    buf_init(&out, 4096);
    ck_assert_int_eq(zip_new(&z), ERR_OK);
    add(z, "large", NULL, large, &out);
    ck_assert_uint_eq(le(out.data + 4, 2), 45);
    ck_assert_uint_eq(le(out.data + 18, 4), 0xffffffff);
    ck_assert_uint_eq(le(out.data + 28, 2), 20);
    ck_assert_uint_eq(le(out.data + 35, 2), 1); /* the zip64 extra */
    ck_assert_uint_eq(le(out.data + 39, 8), large);
    ck_assert_uint_eq(le(out.data + 30 + 5 + 20 + 8, 8), large); /* descriptor: 8 bytes each */
    uint64_t second = zip_offset(z);
    ck_assert_uint_eq(second, 30 + 5 + 20 + large + 24);
    add(z, "small", NULL, 1, &out);
    uint64_t directory = zip_offset(z);
    size_t at = out.len;
    finish(z, &out);

    const uint8_t *one = out.data + at, *two = one + 46 + 5 + 20, *end64 = two + 46 + 5 + 12;
    ck_assert_uint_eq(le(one + 24, 4), 0xffffffff);
    ck_assert_uint_eq(le(one + 42, 4), 0);
    ck_assert_uint_eq(le(one + 51, 4), 16u << 16 | 1);
    ck_assert_uint_eq(le(one + 55, 8), large);
    ck_assert_uint_eq(le(two + 24, 4), 1);
    ck_assert_uint_eq(le(two + 42, 4), 0xffffffff);
    ck_assert_uint_eq(le(two + 51, 4), 8u << 16 | 1);
    ck_assert_uint_eq(le(two + 55, 8), second);
    ck_assert_uint_eq(le(end64, 4), 0x06064b50);
    ck_assert_uint_eq(le(end64 + 24, 8), 2);
    ck_assert_uint_eq(le(end64 + 48, 8), directory);
    ck_assert_uint_eq(le(end64 + 56, 4), 0x07064b50);
    ck_assert_uint_eq(le(end64 + 64, 8), directory + (uint64_t)(end64 - one));
    ck_assert_uint_eq(le(end64 + 76, 4), 0x06054b50);
    ck_assert_uint_eq(le(end64 + 76 + 16, 4), 0xffffffff);
}
END_TEST

/* One byte below the boundary stays plain, the boundary itself is an escape and so is not. */
START_TEST(the_boundary_itself)
{
    for (uint64_t size = UINT32_MAX - 1; size <= UINT32_MAX; size++) {
        AUTO(zip_free) struct zip *z = NULL;
        AUTO_CLEAR(buf_clear) struct buf out;
        bool zip64 = size == UINT32_MAX;
        buf_init(&out, 4096);
        ck_assert_int_eq(zip_new(&z), ERR_OK);
        add(z, "x", NULL, size, &out);
        ck_assert_uint_eq(out.len, zip64 ? 31 + 20 + 24 : 31 + 16);
        ck_assert_uint_eq(le(out.data + 18, 4), size);
    }
}
END_TEST

START_TEST(more_entries_than_sixteen_bits_count)
{
    AUTO(zip_free) struct zip *z = NULL;
    AUTO_CLEAR(buf_clear) struct buf out;
    size_t pieces = 0;
    buf_init(&out, 1 << 20);
    ck_assert_int_eq(zip_new(&z), ERR_OK);
    for (unsigned i = 0; i < 65535; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%u", i);
        buf_reset(&out);
        add(z, name, NULL, 0, &out);
    }
    for (bool done = false; !done; pieces++) {
        buf_reset(&out);
        ck_assert_int_eq(zip_directory(z, &out, &done), ERR_OK);
        ck_assert_uint_le(out.len, ZIP_PIECE_MAX);
    }
    ck_assert_uint_gt(pieces, 40);
    const uint8_t *end = out.data + out.len - 22, *end64 = end - 20 - 56;
    ck_assert_uint_eq(le(end + 10, 2), 0xffff);
    ck_assert_uint_eq(le(end64, 4), 0x06064b50);
    ck_assert_uint_eq(le(end64 + 32, 8), 65535);
}
END_TEST

START_TEST(what_does_not_hold_is_refused)
{
    AUTO(zip_free) struct zip *z = NULL;
    AUTO_CLEAR(buf_clear) struct buf out;
    char name[ZIP_NAME_MAX + 2];
    buf_init(&out, 4096);
    ck_assert_int_eq(zip_new(&z), ERR_OK);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    struct zip_entry e = {.name = name, .size = 3};
    ck_assert_int_eq(zip_begin(z, &e, &out), ERR_TOO_LARGE);
    e.name = "short";
    ck_assert_int_eq(zip_begin(z, &e, &out), ERR_OK);
    zip_bytes(z, "ab", 2);
    ck_assert_int_eq(zip_end(z, &out), ERR_CORRUPT);
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/zip", an_empty_archive_is_its_end, a_small_entry_is_as_the_book_says,
                     beyond_four_gibibytes_it_is_zip64, the_boundary_itself,
                     more_entries_than_sixteen_bits_count, what_does_not_hold_is_refused);
}
