#include "crypto/age_payload.h"

#include "crypto/secret.h"
#include "tests/support/suite.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLAIN_MAX = 131072 + 1 };

static const uint8_t key[AGE_PAYLOAD_KEY_SIZE] = "thirty-two bytes of payload key";
static uint8_t plain[PLAIN_MAX], opened[AGE_SEALED_CHUNK_SIZE];
static uint8_t sealed[AGE_NONCE_SIZE + 3 * AGE_SEALED_CHUNK_SIZE];

static const size_t boundaries[] = {0, 1, 65535, 65536, 65537, 131071, 131072, 131073};

static struct age_stream *new_stream(void)
{
    struct age_stream *s = NULL;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(age_stream_new(&s), ERR_OK);
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 31 + i / 256);
    return s;
}

static size_t chunk_len(size_t size, uint64_t index)
{
    size_t from = (size_t)index * AGE_CHUNK_SIZE;

    return size - from < AGE_CHUNK_SIZE ? size - from : AGE_CHUNK_SIZE;
}

static void seal_all(struct age_stream *s, size_t size)
{
    uint64_t n = age_chunk_count(size);

    ck_assert_int_eq(age_seal_begin(s, key, 0), ERR_OK);
    for (uint64_t i = 0; i < n; i++)
        ck_assert_int_eq(age_seal_chunk(s, plain + i * AGE_CHUNK_SIZE, chunk_len(size, i),
                                        i == n - 1, sealed + age_chunk_offset(i)),
                         ERR_OK);
}

static enum err open_one(struct age_stream *s, uint64_t index, bool last, size_t sealed_len)
{
    return age_open_chunk(s, index, last, sealed + age_chunk_offset(index), sealed_len, opened);
}

START_TEST(boundaries_go_round)
{
    AUTO(age_stream_free) struct age_stream *s = new_stream();

    for (size_t b = 0; b < ARRAY_LEN(boundaries); b++) {
        size_t size = boundaries[b];
        uint64_t n = age_chunk_count(size);

        seal_all(s, size);
        ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
        for (uint64_t i = n; i-- > 0;) { /* any order, the last one first */
            size_t len = chunk_len(size, i);

            ck_assert_int_eq(open_one(s, i, i == n - 1, len + AGE_TAG_SIZE), ERR_OK);
            ck_assert(len == 0 || memcmp(opened, plain + i * AGE_CHUNK_SIZE, len) == 0);
        }
    }
}
END_TEST

START_TEST(lengths_go_round)
{
    static const uint64_t on_disk[] = {32, 33, 65567, 65568, 65585, 131119, 131120, 131137};

    for (size_t b = 0; b < ARRAY_LEN(boundaries); b++) {
        uint64_t back = 99;

        ck_assert_uint_eq(age_sealed_size(boundaries[b]), on_disk[b]);
        ck_assert_int_eq(age_plain_size(on_disk[b], &back), ERR_OK);
        ck_assert_uint_eq(back, boundaries[b]);
    }
    for (uint64_t size = 0; size < 200000; size += 17) {
        uint64_t back;

        ck_assert_int_eq(age_plain_size(age_sealed_size(size), &back), ERR_OK);
        ck_assert_uint_eq(back, size);
    }
}
END_TEST

START_TEST(impossible_lengths_are_refused)
{
    static const uint64_t bad[] = {0, 1, 15, 16, 31, 65569, 65583, 65584, 131121, 131136};
    uint64_t size;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(age_plain_size(bad[i], &size) == ERR_CORRUPT, "%zu", i);
}
END_TEST

START_TEST(counts_and_offsets_do_not_wrap)
{
    ck_assert_uint_eq(age_chunk_count(0), 1);
    ck_assert_uint_eq(age_chunk_count(65536), 1);
    ck_assert_uint_eq(age_chunk_count(65537), 2);
    ck_assert_uint_eq(age_chunk_count(UINT64_MAX), UINT64_C(1) << 48);
    ck_assert_uint_eq(age_chunk_offset(0), 16);
    ck_assert_uint_eq(age_chunk_offset(2), 131120);
    ck_assert_uint_eq(age_chunk_offset(UINT64_MAX), UINT64_MAX);
    ck_assert_uint_eq(age_sealed_size(UINT64_MAX - 1), UINT64_MAX);
}
END_TEST

static void assert_cleansed(size_t len)
{
    for (size_t i = 0; i < len; i++)
        ck_assert_uint_eq(opened[i], 0);
}

START_TEST(a_changed_byte_anywhere_is_refused)
{
    AUTO(age_stream_free) struct age_stream *s = new_stream();
    enum { LEN = 300 };
    uint8_t *chunk = sealed + AGE_NONCE_SIZE;

    seal_all(s, LEN);
    ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
    for (size_t i = 0; i < LEN + AGE_TAG_SIZE; i++) {
        memset(opened, 0xaa, sizeof(opened));
        chunk[i] ^= 0x40;
        ck_assert_int_eq(open_one(s, 0, true, LEN + AGE_TAG_SIZE), ERR_CORRUPT);
        assert_cleansed(LEN);
        ck_assert_uint_eq(opened[LEN], 0xaa); /* and not a byte more */
        chunk[i] ^= 0x40;
    }
    ck_assert_int_eq(open_one(s, 0, true, LEN + AGE_TAG_SIZE), ERR_OK);
}
END_TEST

START_TEST(a_chunk_opens_in_its_place_only)
{
    AUTO(age_stream_free) struct age_stream *s = new_stream();
    uint8_t other[AGE_PAYLOAD_KEY_SIZE] = {0};

    seal_all(s, 2 * AGE_CHUNK_SIZE);
    ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
    memset(opened, 0xaa, sizeof(opened));
    ck_assert_int_eq(open_one(s, 0, true, AGE_SEALED_CHUNK_SIZE), ERR_CORRUPT);
    assert_cleansed(AGE_CHUNK_SIZE);
    ck_assert_int_eq(open_one(s, 1, false, AGE_SEALED_CHUNK_SIZE), ERR_CORRUPT);
    ck_assert_int_eq(age_open_chunk(s, 1, false, sealed + age_chunk_offset(0),
                                    AGE_SEALED_CHUNK_SIZE, opened),
                     ERR_CORRUPT);
    ck_assert_int_eq(age_open_chunk(s, UINT64_C(1) << 32, false, sealed + age_chunk_offset(0),
                                    AGE_SEALED_CHUNK_SIZE, opened),
                     ERR_CORRUPT);
    ck_assert_int_eq(age_open_begin(s, other), ERR_OK);
    ck_assert_int_eq(open_one(s, 0, false, AGE_SEALED_CHUNK_SIZE), ERR_CORRUPT);
    ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
    ck_assert_int_eq(open_one(s, 0, false, AGE_SEALED_CHUNK_SIZE), ERR_OK);
}
END_TEST

START_TEST(chunks_of_wrong_sizes_are_refused)
{
    AUTO(age_stream_free) struct age_stream *s = new_stream();

    seal_all(s, 100);
    ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
    for (size_t len = 0; len < 100 + AGE_TAG_SIZE; len++)
        ck_assert_int_eq(open_one(s, 0, true, len), ERR_CORRUPT);
    ck_assert_int_eq(open_one(s, 0, false, 100 + AGE_TAG_SIZE), ERR_CORRUPT);
    ck_assert_int_eq(open_one(s, 0, true, AGE_SEALED_CHUNK_SIZE + 1), ERR_CORRUPT);
}
END_TEST

START_TEST(an_empty_chunk_is_an_empty_file)
{
    AUTO(age_stream_free) struct age_stream *s = new_stream();

    ck_assert_int_eq(age_seal_begin(s, key, 0), ERR_OK);
    ck_assert_int_eq(age_seal_chunk(s, plain, 0, true, sealed + 16), ERR_OK);
    ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
    ck_assert_int_eq(open_one(s, 0, true, AGE_TAG_SIZE), ERR_OK);
    ck_assert_int_eq(age_open_chunk(s, 1, true, sealed + AGE_NONCE_SIZE, AGE_TAG_SIZE, opened),
                     ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CORRUPT), "empty"));
}
END_TEST

START_TEST(in_place_and_resumed_is_the_same)
{
    AUTO(age_stream_free) struct age_stream *s = new_stream();
    static uint8_t work[AGE_SEALED_CHUNK_SIZE];

    seal_all(s, 65536 + 10);
    memcpy(work, plain + AGE_CHUNK_SIZE, 10);
    ck_assert_int_eq(age_seal_begin(s, key, 1), ERR_OK); /* as after a restart */
    ck_assert_int_eq(age_seal_chunk(s, work, 10, true, work), ERR_OK);
    ck_assert_mem_eq(work, sealed + age_chunk_offset(1), 10 + AGE_TAG_SIZE);
    ck_assert_int_eq(age_open_begin(s, key), ERR_OK);
    ck_assert_int_eq(age_open_chunk(s, 1, true, work, 10 + AGE_TAG_SIZE, work), ERR_OK);
    ck_assert_mem_eq(work, plain + AGE_CHUNK_SIZE, 10);
}
END_TEST

/* The format's own example of a key derivation: vectors of RFC 5869's construction are tested
 * with the digest; here the arguments' order, by what must differ. */
START_TEST(payload_keys_depend_on_both)
{
    uint8_t file_key[AGE_FILE_KEY_SIZE] = {1}, nonce[AGE_NONCE_SIZE] = {2};
    uint8_t a[AGE_PAYLOAD_KEY_SIZE], b[AGE_PAYLOAD_KEY_SIZE];

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(age_payload_key(file_key, nonce, a), ERR_OK);
    ck_assert_int_eq(age_payload_key(nonce, file_key, b), ERR_OK);
    ck_assert_mem_ne(a, b, sizeof(a));
    nonce[15] = 1;
    ck_assert_int_eq(age_payload_key(file_key, nonce, b), ERR_OK);
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

static void seal_after_the_end(struct age_stream *s)
{
    (void)!age_seal_begin(s, key, 0);
    (void)!age_seal_chunk(s, plain, 5, true, sealed);
    (void)!age_seal_chunk(s, plain, 5, true, sealed);
}

static void seal_short_in_the_middle(struct age_stream *s)
{
    (void)!age_seal_begin(s, key, 0);
    (void)!age_seal_chunk(s, plain, 5, false, sealed);
}

static void seal_without_key(struct age_stream *s)
{
    (void)!age_seal_chunk(s, plain, 5, true, sealed);
}

static void seal_while_opening(struct age_stream *s)
{
    (void)!age_open_begin(s, key);
    (void)!age_seal_chunk(s, plain, 5, true, sealed);
}

static void seal_empty_behind_others(struct age_stream *s)
{
    (void)!age_seal_begin(s, key, 0);
    (void)!age_seal_chunk(s, plain, AGE_CHUNK_SIZE, false, sealed);
    (void)!age_seal_chunk(s, plain, 0, true, sealed);
}

START_TEST(misuse_aborts)
{
    static void (*const misuses[])(struct age_stream *) = {
        seal_after_the_end, seal_short_in_the_middle, seal_without_key, seal_while_opening,
        seal_empty_behind_others};
    AUTO(age_stream_free) struct age_stream *s = new_stream();

    for (size_t i = 0; i < ARRAY_LEN(misuses); i++) {
        int status;
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child == 0) {
            (void)close(STDERR_FILENO);
            misuses[i](s);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(status != 0, "misuse %zu", i);
    }
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/age_payload", boundaries_go_round, lengths_go_round,
                     impossible_lengths_are_refused, counts_and_offsets_do_not_wrap,
                     a_changed_byte_anywhere_is_refused, a_chunk_opens_in_its_place_only,
                     chunks_of_wrong_sizes_are_refused, an_empty_chunk_is_an_empty_file,
                     in_place_and_resumed_is_the_same, payload_keys_depend_on_both,
                     misuse_aborts);
}
