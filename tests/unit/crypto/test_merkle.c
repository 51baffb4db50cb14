/* The tree of RFC 6962: hashes, frontier, proofs; the published vectors, and the RFC's own
 * recursive definition. */
#include "crypto/merkle.h"
#include "crypto/secret.h"
#include "gateway/base/encode.h"
#include "tests/support/suite.h"
#include "tests/unit/crypto/naive_merkle.h"

#include <jansson.h>

enum { VECTORS = 98, VECTORS_GOOD = 6, EXHAUSTIVE = 68, FILL_LEAF = 1, FILL_NODE = 2 };

static void ck_hash_hex(const struct merkle_hash *h, const char *want)
{
    char hex[HEX_SIZE(MERKLE_HASH_SIZE)];
    hex_encode(h->bytes, MERKLE_HASH_SIZE, hex);
    ck_assert_str_eq(hex, want);
}

START_TEST(test_hashes)
{
    struct merkle_hash h;
    ck_assert_int_eq(merkle_leaf_hash("", 0, &h), ERR_OK);
    ck_hash_hex(&h, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    ck_assert_int_eq(merkle_leaf_hash("L123456", 7, &h), ERR_OK);
    ck_hash_hex(&h, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    struct merkle_frontier empty = {.size = 0};
    ck_assert_int_eq(merkle_frontier_root(&empty, &h), ERR_OK);
    ck_hash_hex(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    /* the output may be one of the inputs */
    struct merkle_hash a = naive_leaf(1), b = naive_leaf(2), want = naive_node(&a, &b);
    ck_assert_int_eq(merkle_node_hash(&a, &b, &b), ERR_OK);
    ck_assert_mem_eq(&b, &want, sizeof(want));
}
END_TEST

START_TEST(test_frontier)
{
    struct merkle_frontier f = {.size = 0};
    for (uint64_t n = 0; n < 300; n++) {
        struct merkle_hash root, want = naive_root(0, n), leaf = naive_leaf(n);
        ck_assert_uint_eq(f.size, n);
        ck_assert_int_eq(merkle_frontier_root(&f, &root), ERR_OK);
        ck_assert_mem_eq(&root, &want, sizeof(root));
        ck_assert_int_eq(merkle_frontier_append(&f, &leaf), ERR_OK);
    }
    f.size = UINT64_MAX;
    struct merkle_hash leaf = naive_leaf(0);
    ck_assert_int_eq(merkle_frontier_append(&f, &leaf), ERR_TOO_LARGE);
    ck_assert_uint_eq(f.size, UINT64_MAX);
}
END_TEST

START_TEST(test_inclusion_exhaustive)
{
    for (uint64_t size = 1; size <= EXHAUSTIVE; size++) {
        struct merkle_hash root = naive_root(0, size);
        for (uint64_t i = 0; i < size; i++) {
            struct merkle_proof proof, want = {.n = 0};
            struct merkle_hash leaf = naive_leaf(i);
            naive_path(i, 0, size, &want);
            ck_assert_int_eq(merkle_inclusion(i, size, naive_get, &size, &proof), ERR_OK);
            ck_assert(naive_same_proof(&proof, &want));
            ck_assert_int_eq(merkle_inclusion_verify(&leaf, i, size, &proof, &root), ERR_OK);
            for (uint64_t j = 0; j < size + 2; j++) {
                if (j != i)
                    ck_assert_int_eq(merkle_inclusion_verify(&leaf, j, size, &proof, &root),
                                     ERR_CRYPTO);
            }
        }
    }
}
END_TEST

START_TEST(test_consistency_exhaustive)
{
    for (uint64_t size = 1; size <= EXHAUSTIVE; size++) {
        struct merkle_hash root = naive_root(0, size);
        for (uint64_t old = 1; old <= size; old++) {
            struct merkle_proof proof, want = {.n = 0};
            struct merkle_hash old_root = naive_root(0, old);
            naive_subproof(old, 0, size, true, &want);
            ck_assert_int_eq(merkle_consistency(old, size, naive_get, &size, &proof), ERR_OK);
            ck_assert(naive_same_proof(&proof, &want));
            ck_assert_int_eq(merkle_consistency_verify(old, &old_root, size, &root, &proof),
                             ERR_OK);
            for (uint64_t other = 0; other <= size; other++) {
                if (other != old)
                    ck_assert_int_eq(
                        merkle_consistency_verify(other, &old_root, size, &root, &proof),
                        ERR_CRYPTO);
            }
        }
    }
}
END_TEST

START_TEST(test_out_of_range)
{
    uint64_t size = 8;
    struct merkle_proof proof;
    struct merkle_hash root = naive_root(0, 8);
    ck_assert_int_eq(merkle_inclusion(8, 8, naive_get, &size, &proof), ERR_INVALID);
    ck_assert_int_eq(merkle_inclusion(0, 0, naive_get, &size, &proof), ERR_INVALID);
    ck_assert_int_eq(merkle_inclusion(0, MERKLE_SIZE_MAX + 1, naive_get, &size, &proof),
                     ERR_INVALID);
    ck_assert_int_eq(merkle_consistency(9, 8, naive_get, &size, &proof), ERR_INVALID);
    ck_assert_int_eq(merkle_consistency(1, MERKLE_SIZE_MAX + 1, naive_get, &size, &proof),
                     ERR_INVALID);
    ck_assert_int_eq(merkle_consistency(0, 8, naive_get, &size, &proof), ERR_OK);
    ck_assert_uint_eq(proof.n, 0);
    ck_assert_int_eq(merkle_consistency_verify(0, &root, 8, &root, &proof), ERR_CRYPTO);
    ck_assert_int_eq(merkle_consistency_verify(0, &root, 0, &root, &proof), ERR_CRYPTO);
}
END_TEST

/* A tree far too large to hold: how many hashes a proof asks for, and that only complete
 * subtrees are asked for. */
struct counter {
    uint64_t size;
    unsigned calls;
    unsigned fail_at; /* 0: never */
};

static enum err counted_get(void *ctx, unsigned level, uint64_t index, struct merkle_hash *out)
{
    struct counter *c = ctx;
    ck_assert_uint_lt(level, 63);
    ck_assert_uint_le(index + 1, c->size >> level);
    if (++c->calls == c->fail_at)
        return err_set(ERR_IO, "a tile cannot be read");
    *out = naive_leaf(index * 64 + level);
    return ERR_OK;
}

START_TEST(test_logarithmic)
{
    static const uint64_t sizes[] = {INT64_MAX, INT64_C(1) << 62, (INT64_C(1) << 62) + 1,
                                     1000003};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        for (int i = 0; i < 500; i++) {
            struct counter c = {.size = sizes[s]};
            uint64_t index = (uint64_t)random() << 32 | (uint64_t)random();
            index = i == 0 ? 0 : i == 1 ? c.size - 1 : index % c.size;
            struct merkle_proof proof;
            ck_assert_int_eq(merkle_inclusion(index, c.size, counted_get, &c, &proof), ERR_OK);
            ck_assert_uint_le(proof.n, 63);
            ck_assert_uint_le(c.calls, 2 * 63);
            ck_assert_int_eq(merkle_consistency(index + 1, c.size, counted_get, &c, &proof),
                             ERR_OK);
            ck_assert_uint_le(c.calls, 4 * 63);
        }
    }
}
END_TEST

START_TEST(test_get_fails)
{
    struct merkle_proof proof;
    struct counter all = {.size = 1000003};
    ck_assert_int_eq(merkle_inclusion(500000, all.size, counted_get, &all, &proof), ERR_OK);
    for (unsigned i = 1; i <= all.calls; i++) {
        struct counter c = {.size = all.size, .fail_at = i};
        ck_assert_int_eq(merkle_inclusion(500000, c.size, counted_get, &c, &proof), ERR_IO);
    }
    struct counter both = {.size = 1000003};
    ck_assert_int_eq(merkle_consistency(500000, both.size, counted_get, &both, &proof), ERR_OK);
    for (unsigned i = 1; i <= both.calls; i++) {
        struct counter c = {.size = all.size, .fail_at = i};
        ck_assert_int_eq(merkle_consistency(500000, c.size, counted_get, &c, &proof), ERR_IO);
    }
}
END_TEST

/* --- the vectors of transparency-dev/merkle ---------------------------------------------- */

static json_t *vectors_load(const char *name)
{
    char path[512];
    json_error_t error;
    (void)snprintf(path, sizeof(path), "%s/merkle/%s.json", TEST_DATA_DIR, name);
    /* one index is 2^64 - 1, which jansson can only give as a real */
    json_t *all = json_load_file(path, JSON_DECODE_INT_AS_REAL, &error);
    ck_assert_msg(all != NULL, "%s: %s", path, error.text);
    ck_assert_uint_eq(json_array_size(all), VECTORS);
    return all;
}

static uint64_t number(const json_t *vector, const char *name)
{
    double v = json_real_value(json_object_get(vector, name));
    return v >= 0x1p63 ? UINT64_MAX : (uint64_t)v;
}

/* Hashes of a wrong length are filled up, leaves with something else than nodes, so that it is
 * the verifier that has to refuse. */
static struct merkle_hash hash_of(const json_t *text, int filler)
{
    struct merkle_hash h;
    memset(&h, filler, sizeof(h));
    const char *s = json_string_value(text);
    size_t n;
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(base64_decode(BASE64_STANDARD, s, strlen(s), h.bytes, sizeof(h.bytes), &n),
                     ERR_OK);
    return h;
}

static struct merkle_proof proof_of(const json_t *vector)
{
    struct merkle_proof p = {.n = 0};
    const json_t *hashes = json_object_get(vector, "proof");
    for (size_t i = 0; i < json_array_size(hashes); i++)
        p.hashes[p.n++] = hash_of(json_array_get(hashes, i), FILL_NODE);
    return p;
}

static void ck_outcome(const json_t *v, enum err e, int *good)
{
    const char *file = json_string_value(json_object_get(v, "file"));
    enum err want = json_is_true(json_object_get(v, "wantErr")) ? ERR_CRYPTO : ERR_OK;
    ck_assert_msg(e == want, "%s: %s", file, err_message(e));
    *good += e == ERR_OK;
}

START_TEST(test_vectors_inclusion)
{
    json_t *all = vectors_load("inclusion");
    int good = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *v = json_array_get(all, i);
        struct merkle_hash leaf = hash_of(json_object_get(v, "leafHash"), FILL_LEAF);
        struct merkle_hash root = hash_of(json_object_get(v, "root"), FILL_NODE);
        struct merkle_proof proof = proof_of(v);
        ck_outcome(v,
                   merkle_inclusion_verify(&leaf, number(v, "leafIdx"), number(v, "treeSize"),
                                           &proof, &root),
                   &good);
    }
    ck_assert_int_eq(good, VECTORS_GOOD);
    json_decref(all);
}
END_TEST

START_TEST(test_vectors_consistency)
{
    json_t *all = vectors_load("consistency");
    int good = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *v = json_array_get(all, i);
        struct merkle_hash root1 = hash_of(json_object_get(v, "root1"), FILL_NODE);
        struct merkle_hash root2 = hash_of(json_object_get(v, "root2"), FILL_NODE);
        struct merkle_proof proof = proof_of(v);
        ck_outcome(v,
                   merkle_consistency_verify(number(v, "size1"), &root1, number(v, "size2"),
                                             &root2, &proof),
                   &good);
    }
    ck_assert_int_eq(good, VECTORS_GOOD);
    json_decref(all);
}
END_TEST

int main(void)
{
    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("crypto/merkle", test_hashes, test_frontier, test_inclusion_exhaustive,
                     test_consistency_exhaustive, test_out_of_range, test_logarithmic,
                     test_get_fails, test_vectors_inclusion, test_vectors_consistency);
}
