/* The sealing pass: whatever the sizes of the pieces, the blob opens to the same bytes, with
 * and without the worker. */
#include "gateway/evidence/intake/seal.h"

#include "crypto/checksum.h"
#include "crypto/secret.h"
#include "tests/support/suite.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t KEY[AGE_PAYLOAD_KEY_SIZE] = {7};
static const uint8_t NONCE[AGE_NONCE_SIZE] = {9};

static struct blob_store *store_make(char *path)
{
    struct blob_store *store = NULL;
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(blob_store_open_fs(path, &store), ERR_OK);
    return store;
}

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

static void check_opens(struct blob_store *store, const struct uuid *id, uint64_t size,
                        const struct sealed *sealed)
{
    struct blob_reader *reader = NULL;
    struct age_stream *stream = NULL;
    struct checksum sum = {.block = NULL};
    uint8_t *in = malloc(AGE_SEALED_CHUNK_SIZE), *out = malloc(AGE_CHUNK_SIZE), digest[32];
    ck_assert_int_eq(blob_open(store, id, &reader), ERR_OK);
    ck_assert_uint_eq(blob_size(reader), sealed->sealed_size);
    ck_assert_uint_eq(sealed->sealed_size, age_sealed_size(size));
    ck_assert_int_eq(age_stream_new(&stream), ERR_OK);
    ck_assert_int_eq(age_open_begin(stream, KEY), ERR_OK);
    ck_assert_int_eq(checksum_begin(&sum), ERR_OK);
    ck_assert_int_eq(blob_read(reader, 0, in, AGE_NONCE_SIZE), ERR_OK);
    ck_assert_mem_eq(in, NONCE, AGE_NONCE_SIZE);
    ck_assert_int_eq(checksum_update(&sum, in, AGE_NONCE_SIZE), ERR_OK);
    for (uint64_t k = 0; k < age_chunk_count(size); k++) {
        bool last = k + 1 == age_chunk_count(size);
        size_t len = last ? (size_t)(size - k * AGE_CHUNK_SIZE) : AGE_CHUNK_SIZE;
        ck_assert_int_eq(blob_read(reader, age_chunk_offset(k), in, len + AGE_TAG_SIZE),
                         ERR_OK);
        ck_assert_int_eq(checksum_update(&sum, in, len + AGE_TAG_SIZE), ERR_OK);
        ck_assert_int_eq(age_open_chunk(stream, k, last, in, len + AGE_TAG_SIZE, out), ERR_OK);
        for (size_t i = 0; i < len; i += 997)
            ck_assert_uint_eq(out[i], byte_at(k * AGE_CHUNK_SIZE + i));
    }
    ck_assert_int_eq(checksum_final(&sum, digest), ERR_OK);
    ck_assert_mem_eq(digest, sealed->checksum, sizeof(digest));
    checksum_clear(&sum);
    age_stream_free(stream);
    blob_reader_free(reader);
    free(in);
    free(out);
}

static void seal_size(struct sealer_pool *pool, struct blob_store *store, uint64_t size,
                      size_t piece)
{
    struct sealer *s = NULL;
    struct blob_writer *w = NULL;
    struct sealed sealed;
    struct uuid id = uuid_new();
    uint8_t *data = malloc(piece), digest[32];
    struct sha256 whole = {.ctx = NULL};
    ck_assert_int_eq(sha256_begin(&whole), ERR_OK);
    ck_assert_int_eq(sealer_take(pool, &s), ERR_OK);
    ck_assert_int_eq(blob_begin(store, &id, &w), ERR_OK);
    ck_assert_int_eq(seal_begin(s, KEY, NONCE, w), ERR_OK);
    for (uint64_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? (size_t)(size - at) : piece;
        for (size_t i = 0; i < len; i++)
            data[i] = byte_at(at + i);
        ck_assert_int_eq(sha256_update(&whole, data, len), ERR_OK);
        ck_assert_int_eq(seal_write(s, data, len), ERR_OK);
    }
    ck_assert_int_eq(seal_finish(s, &sealed), ERR_OK);
    ck_assert_int_eq(sha256_final(&whole, digest), ERR_OK);
    ck_assert_mem_eq(sealed.sha256, digest, sizeof(digest));
    ck_assert_uint_eq(sealed.size, size);
    ck_assert_int_eq(blob_flush(w), ERR_OK);
    ck_assert_int_eq(blob_publish(w), ERR_OK);
    check_opens(store, &id, size, &sealed);
    blob_writer_free(w);
    sealer_give(s);
    sha256_clear(&whole);
    free(data);
}

START_TEST(every_boundary_opens_again)
{
    char path[] = "/tmp/seal-XXXXXX";
    struct blob_store *store = store_make(path);
    struct sealer_pool *pool = NULL;
    ck_assert_int_eq(sealer_pool_new(2, 1, &pool), ERR_OK);
    static const uint64_t SIZES[] = {0,      1,      65535,  65536,  65537,  131072,
                                     262143, 262144, 262145, 524288, 524289, 5000000};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        seal_size(pool, store, SIZES[i], 16384);
        seal_size(pool, store, SIZES[i], 1000003);
    }
    sealer_pool_free(pool);
    blob_store_free(store);
}
END_TEST

START_TEST(large_bodies_by_the_worker)
{
    char path[] = "/tmp/seal-XXXXXX";
    struct blob_store *store = store_make(path);
    struct sealer_pool *pool = NULL;
    ck_assert_int_eq(sealer_pool_new(2, 1, &pool), ERR_OK);
    static const uint64_t SIZES[] = {SEAL_ASIDE, SEAL_ASIDE + 1, SEAL_ASIDE + SEAL_BLOCK,
                                     SEAL_ASIDE + 5 * SEAL_BLOCK, 40000001};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++)
        seal_size(pool, store, SIZES[i], 16384);
    seal_size(pool, store, 3, 16384); /* the same sealer, small again */
    sealer_pool_free(pool);
    blob_store_free(store);
}
END_TEST

START_TEST(given_back_in_mid_upload)
{
    char path[] = "/tmp/seal-XXXXXX";
    struct blob_store *store = store_make(path);
    struct sealer_pool *pool = NULL;
    ck_assert_int_eq(sealer_pool_new(1, 1, &pool), ERR_OK);
    uint8_t *data = calloc(1, SEAL_BLOCK);
    for (int blocks = 0; blocks < 40; blocks += 13) {
        struct sealer *s = NULL, *none = NULL;
        struct blob_writer *w = NULL;
        struct uuid id = uuid_new();
        struct blob_reader *reader = NULL;
        ck_assert_int_eq(sealer_take(pool, &s), ERR_OK);
        ck_assert_int_eq(sealer_take(pool, &none), ERR_BUSY);
        ck_assert_int_eq(blob_begin(store, &id, &w), ERR_OK);
        ck_assert_int_eq(seal_begin(s, KEY, NONCE, w), ERR_OK);
        for (int i = 0; i < blocks; i++)
            ck_assert_int_eq(seal_write(s, data, SEAL_BLOCK), ERR_OK);
        sealer_give(s);
        blob_writer_free(w);
        ck_assert_int_eq(blob_open(store, &id, &reader), ERR_NOT_FOUND);
    }
    free(data);
    sealer_pool_free(pool);
    blob_store_free(store);
}
END_TEST

START_TEST(hash_only_and_sniffing)
{
    struct sealer_pool *pool = NULL;
    struct sealer *s = NULL;
    struct sealed sealed;
    uint8_t digest[32];
    char type[SNIFF_TYPE_MAX + 1];
    ck_assert_int_eq(sealer_pool_new(1, 0, &pool), ERR_OK);
    ck_assert_int_eq(sealer_take(pool, &s), ERR_OK);
    ck_assert_int_eq(seal_begin(s, NULL, NULL, NULL), ERR_OK);
    ck_assert_int_eq(seal_write(s, "%PDF-1.7\n", 9), ERR_OK);
    ck_assert_int_eq(seal_finish(s, &sealed), ERR_OK);
    ck_assert_int_eq(sha256_once("%PDF-1.7\n", 9, digest), ERR_OK);
    ck_assert_mem_eq(sealed.sha256, digest, sizeof(digest));
    ck_assert_uint_eq(sealed.sealed_size, 0);
    ck_assert_int_eq(seal_sniff(s, type), ERR_OK);
    ck_assert_str_eq(type, "application/pdf");
    sealer_give(s);
    sealer_pool_free(pool);
}
END_TEST

/* --- what is left in memory --------------------------------------------------------------- */

static size_t found_in(int mem, uintptr_t from, uintptr_t to, const uint8_t masked[32])
{
    enum { PIECE = 1 << 20, OVERLAP = 32 };
    static uint8_t piece[PIECE + OVERLAP];
    size_t found = 0;
    for (uintptr_t at = from; at < to; at += PIECE) {
        ssize_t n = pread(mem, piece, sizeof(piece), (off_t)at);
        for (ssize_t i = 0; i + 32 <= n; i++) {
            size_t same = 0;
            while (same < 32 && (piece[i + (ssize_t)same] ^ 0x5a) == masked[same])
                same++;
            found += same == 32;
        }
    }
    return found;
}

/* How often the bytes stand in this process's writable memory. They are given masked, so that
 * they are not found where they are looked for. */
static size_t found_in_memory(const uint8_t masked[32])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    FILE *mem = fopen("/proc/self/mem", "rb");
    char line[512];
    size_t found = 0;
    ck_assert_ptr_nonnull(maps);
    ck_assert_ptr_nonnull(mem);
    while (fgets(line, sizeof(line), maps)) {
        unsigned long from = 0, to = 0;
        char rights[5] = "";
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[1] == 'w' &&
            to - from < 1UL << 30)
            found += found_in(fileno(mem), from, to, masked);
    }
    (void)fclose(mem);
    (void)fclose(maps);
    return found;
}

static void seal_with(struct sealer *s, struct blob_writer *w, const uint8_t masked[32])
{
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct sealed sealed;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = masked[i] ^ 0x5a;
    ck_assert_int_eq(seal_begin(s, key, NONCE, w), ERR_OK);
    sodium_memzero(key, sizeof(key));
    ck_assert_int_eq(seal_write(s, "hello", 5), ERR_OK);
    ck_assert_int_eq(seal_finish(s, &sealed), ERR_OK);
}

START_TEST(an_idle_sealer_remembers_no_key)
{
    char path[] = "/tmp/seal-XXXXXX";
    struct blob_store *store = store_make(path);
    struct sealer_pool *pool = NULL;
    struct sealer *s = NULL;
    struct blob_writer *w = NULL;
    struct uuid id = uuid_new();
    uint8_t masked[32];
    randombytes_buf(masked, sizeof(masked));
    ck_assert_int_eq(sealer_pool_new(1, 1, &pool), ERR_OK);
    ck_assert_int_eq(sealer_take(pool, &s), ERR_OK);
    ck_assert_int_eq(blob_begin(store, &id, &w), ERR_OK);
    seal_with(s, w, masked);
    ck_assert_uint_gt(found_in_memory(masked), 0); /* the search finds it while it is there */
    sealer_give(s);
    blob_writer_free(w);
    ck_assert_uint_eq(found_in_memory(masked), 0);
    sealer_pool_free(pool);
    blob_store_free(store);
}
END_TEST

/* --- at rest ------------------------------------------------------------------------------ */

/* One piece up to `end`, in a sealer of its own, and its rest put aside in `state` and `tail`;
 * NULL: finished instead. */
static void piece_sealed(struct sealer_pool *pool, struct blob_writer *w,
                         struct seal_state *state, struct buf *tail, uint64_t end,
                         struct sealed *finished)
{
    struct sealer *s = NULL;
    uint64_t at = state->chunks * AGE_CHUNK_SIZE + tail->len;
    ck_assert_int_eq(sealer_take(pool, &s), ERR_OK);
    ck_assert_int_eq(seal_resume(s, KEY, NONCE, w, state), ERR_OK);
    ck_assert_ptr_null(state->plain.ctx);
    if (tail->len > 0)
        ck_assert_int_eq(seal_write(s, tail->data, tail->len), ERR_OK);
    buf_reset(tail);
    while (at < end) {
        uint8_t data[4096];
        size_t len = end - at < sizeof(data) ? (size_t)(end - at) : sizeof(data);
        for (size_t i = 0; i < len; i++)
            data[i] = byte_at(at + i);
        ck_assert_int_eq(seal_write(s, data, len), ERR_OK);
        at += len;
    }
    if (finished)
        ck_assert_int_eq(seal_finish(s, finished), ERR_OK);
    else
        ck_assert_int_eq(seal_rest(s, state, tail), ERR_OK);
    ck_assert_int_eq(blob_flush(w), ERR_OK);
    sealer_give(s);
}

static void seal_in_pieces(struct sealer_pool *pool, struct blob_store *store, uint64_t size,
                           const uint64_t *ends, size_t n)
{
    struct uuid part = uuid_new(), id = uuid_new();
    struct seal_state state = {.chunks = 0};
    struct blob_writer *w = NULL;
    struct sealed sealed;
    struct buf tail;
    uint64_t written = 0;
    buf_init(&tail, AGE_CHUNK_SIZE);
    ck_assert_int_eq(blob_part_begin(store, &part, &w), ERR_OK);
    for (size_t i = 0; i < n && ends[i] <= size; i++) {
        piece_sealed(pool, w, &state, &tail, ends[i], NULL);
        ck_assert_uint_eq(state.chunks * AGE_CHUNK_SIZE + tail.len, ends[i]);
        ck_assert(tail.len > 0 || ends[i] == 0); /* what may be the last is never sealed */
        written = blob_written(w);
        ck_assert_uint_eq(written, state.chunks > 0 ? age_chunk_offset(state.chunks) : 0);
        blob_writer_free(w);
        ck_assert_int_eq(blob_part_resume(store, &part, written, &w), ERR_OK);
    }
    piece_sealed(pool, w, &state, &tail, size, &sealed);
    ck_assert_uint_eq(sealed.size, size);
    blob_publish_as(w, &id);
    ck_assert_int_eq(blob_publish(w), ERR_OK);
    check_opens(store, &id, size, &sealed);
    blob_writer_free(w);
    seal_state_clear(&state);
    buf_clear(&tail);
}

START_TEST(a_payload_goes_on_where_it_rested)
{
    char path[] = "/tmp/seal-XXXXXX";
    struct blob_store *store = store_make(path);
    struct sealer_pool *pool = NULL;
    ck_assert_int_eq(sealer_pool_new(1, 1, &pool), ERR_OK);
    static const uint64_t ENDS[] = {0,      1,      65535,  65536,  65537,   65537,   131072,
                                    200000, 262144, 262145, 524288, 1000000, 20000000};
    static const uint64_t SIZES[] = {0,      1,      65536,  65537,   131072,
                                     262144, 262145, 700000, 20000001};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++)
        seal_in_pieces(pool, store, SIZES[i], ENDS, ARRAY_LEN(ENDS));
    static const uint64_t BY_THE_WORKER[] = {12345678, 12345679, 30000000};
    seal_in_pieces(pool, store, 41000000, BY_THE_WORKER, ARRAY_LEN(BY_THE_WORKER));
    sealer_pool_free(pool);
    blob_store_free(store);
}
END_TEST

START_TEST(a_rest_that_cannot_be_written_is_none)
{
    char path[] = "/tmp/seal-XXXXXX";
    struct blob_store *store = store_make(path);
    struct sealer_pool *pool = NULL;
    struct sealer *s = NULL;
    struct blob_writer *w = NULL;
    struct uuid part = uuid_new();
    struct seal_state state = {.chunks = 0};
    struct buf small;
    static uint8_t data[100000];
    buf_init(&small, 10);
    ck_assert_int_eq(sealer_pool_new(1, 1, &pool), ERR_OK);
    ck_assert_int_eq(sealer_take(pool, &s), ERR_OK);
    ck_assert_int_eq(blob_part_begin(store, &part, &w), ERR_OK);
    ck_assert_int_eq(seal_begin(s, KEY, NONCE, w), ERR_OK);
    ck_assert_int_eq(seal_write(s, data, sizeof(data)), ERR_OK);
    ck_assert_int_eq(seal_rest(s, &state, &small), ERR_TOO_LARGE);
    ck_assert_ptr_null(state.plain.ctx);
    ck_assert_int_eq(seal_begin(s, KEY, NONCE, NULL), ERR_OK); /* of use for another payload */
    sealer_give(s);
    blob_writer_free(w);
    sealer_pool_free(pool);
    blob_store_free(store);
    buf_clear(&small);
}
END_TEST

int main(void)
{
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("evidence/intake/seal", every_boundary_opens_again,
                     large_bodies_by_the_worker, given_back_in_mid_upload,
                     hash_only_and_sniffing, an_idle_sealer_remembers_no_key,
                     a_payload_goes_on_where_it_rested, a_rest_that_cannot_be_written_is_none);
}
