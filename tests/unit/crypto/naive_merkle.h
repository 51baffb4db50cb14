/* RFC 6962 section 2.1 word for word: recursive, over every leaf. Slow, obvious, and sharing no
 * line with what it checks. */
#ifndef TESTS_NAIVE_MERKLE_H
#define TESTS_NAIVE_MERKLE_H

#include "crypto/merkle.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t naive_split(uint64_t n) /* the largest power of two smaller than n */
{
    uint64_t k = 1;
    while (k * 2 < n)
        k *= 2;
    return k;
}

static inline struct merkle_hash naive_node(const struct merkle_hash *l,
                                            const struct merkle_hash *r)
{
    uint8_t bytes[65] = {1};
    struct merkle_hash out;
    memcpy(bytes + 1, l, 32);
    memcpy(bytes + 33, r, 32);
    crypto_hash_sha256(out.bytes, bytes, sizeof(bytes));
    return out;
}

static inline struct merkle_hash naive_leaf(uint64_t i) /* the hash of the eight bytes of i */
{
    uint8_t bytes[9] = {0};
    struct merkle_hash out;
    memcpy(bytes + 1, &i, 8);
    crypto_hash_sha256(out.bytes, bytes, sizeof(bytes));
    return out;
}

static inline struct merkle_hash naive_root(uint64_t start, uint64_t end)
{
    struct merkle_hash out;
    if (start == end) {
        crypto_hash_sha256(out.bytes, NULL, 0);
        return out;
    }
    if (end - start == 1)
        return naive_leaf(start);
    uint64_t k = naive_split(end - start);
    struct merkle_hash l = naive_root(start, start + k), r = naive_root(start + k, end);
    return naive_node(&l, &r);
}

/* PATH(m, D[start:end]), m counted from start */
static inline void naive_path(uint64_t m, uint64_t start, uint64_t end,
                              struct merkle_proof *out)
{
    if (end - start == 1)
        return;
    uint64_t k = naive_split(end - start);
    if (m < k) {
        naive_path(m, start, start + k, out);
        out->hashes[out->n++] = naive_root(start + k, end);
    } else {
        naive_path(m - k, start + k, end, out);
        out->hashes[out->n++] = naive_root(start, start + k);
    }
}

/* SUBPROOF(m, D[start:end], b) */
static inline void naive_subproof(uint64_t m, uint64_t start, uint64_t end, bool b,
                                  struct merkle_proof *out)
{
    if (m == end - start) {
        if (!b)
            out->hashes[out->n++] = naive_root(start, end);
        return;
    }
    uint64_t k = naive_split(end - start);
    if (m <= k) {
        naive_subproof(m, start, start + k, b, out);
        out->hashes[out->n++] = naive_root(start + k, end);
    } else {
        naive_subproof(m - k, start + k, end, false, out);
        out->hashes[out->n++] = naive_root(start, start + k);
    }
}

static inline enum err naive_get(void *ctx, unsigned level, uint64_t index,
                                 struct merkle_hash *out)
{
    uint64_t size = *(const uint64_t *)ctx;
    uint64_t end = (index + 1) << level;
    assert(end <= size); /* complete subtrees only */
    *out = naive_root(index << level, end);
    return ERR_OK;
}

static inline bool naive_same_proof(const struct merkle_proof *a, const struct merkle_proof *b)
{
    return a->n == b->n && memcmp(a->hashes, b->hashes, a->n * sizeof(a->hashes[0])) == 0;
}

#endif
