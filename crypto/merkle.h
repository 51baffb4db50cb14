/* The Merkle tree of RFC 6962 section 2: hashing, an append-only compact form, and the proofs.
 *
 *     leaf hash = SHA-256(0x00 || leaf)        node hash = SHA-256(0x01 || left || right)
 *
 * The compact range ("frontier") of a tree of n leaves is one hash per set bit of n, largest subtree first:
 * all that is needed to append and to compute the root, 64 hashes at the most.
 */
#ifndef CRYPTO_MERKLE_H
#define CRYPTO_MERKLE_H

#include "crypto/digest.h"

enum { MERKLE_HASH_SIZE = SHA256_SIZE, MERKLE_PROOF_MAX = 64 };
#define MERKLE_SIZE_MAX ((uint64_t)INT64_MAX) /* leaves: what a signed 64-bit verifier can count */

struct merkle_hash {
    uint8_t bytes[MERKLE_HASH_SIZE];
};
struct merkle_frontier {
    uint64_t size;
    struct merkle_hash hashes[64]; /* popcount(size) in use, largest subtree first */
};
struct merkle_proof {
    size_t n;
    struct merkle_hash hashes[MERKLE_PROOF_MAX];
};

MUST_USE enum err merkle_leaf_hash(const void *leaf, size_t len, struct merkle_hash *out);
MUST_USE enum err merkle_node_hash(const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out);
MUST_USE enum err merkle_frontier_append(struct merkle_frontier *f, const struct merkle_hash *leaf_hash);
/* Root of the empty tree is SHA-256(""). */
MUST_USE enum err merkle_frontier_root(const struct merkle_frontier *f, struct merkle_hash *root);

/* Where a proof's hashes come from: complete subtrees. get(ctx, level, index) is the hash of the leaves
 * [index << level, (index + 1) << level), always complete subtrees of the tree asked about. */
typedef enum err (*merkle_get)(void *ctx, unsigned level, uint64_t index, struct merkle_hash *out);
/* ERR_INVALID when there is no such leaf or older tree; from size 0 and between equal sizes the proof is empty. */
MUST_USE enum err merkle_inclusion(uint64_t index, uint64_t size, merkle_get get, void *ctx, struct merkle_proof *out);
MUST_USE enum err merkle_consistency(uint64_t old_size, uint64_t size, merkle_get get, void *ctx, struct merkle_proof *out);

/* RFC 6962 2.1.1 / 2.1.2, as RFC 9162 2.1.3.2 and 2.1.4.2 spell the algorithms. ERR_CRYPTO when it does not prove it
 * (an older tree of size 0 is consistent with everything and proves nothing: ERR_CRYPTO). */
MUST_USE enum err merkle_inclusion_verify(const struct merkle_hash *leaf_hash, uint64_t index, uint64_t size,
                                          const struct merkle_proof *proof, const struct merkle_hash *root);
MUST_USE enum err merkle_consistency_verify(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
                                            const struct merkle_hash *root, const struct merkle_proof *proof);

#endif
