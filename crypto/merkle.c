/* The Merkle tree of RFC 6962: what makes "this entry was logged, and the log was only ever
 * appended to" checkable.
 *
 * Invariants
 * - A proof is made from hashes of complete subtrees alone, fetched through `merkle_get`: at
 * the most two per level of the tree, whatever its size. Only one sibling of a path can be
 * incomplete (the one that holds the right edge); it is folded together from the complete
 * subtrees that the set bits of its width name.
 * - Leaves and inner nodes are hashed with different prefixes, so that no node can be presented
 * as a leaf.
 * - Verifying trusts nothing: a proof that is too long or too short is refused, not read past.
 * - A frontier or proof that could not be completed is left as it was.
 */
#include "crypto/merkle.h"

#include <string.h>

static const uint8_t LEAF_PREFIX = 0x00;
static const uint8_t NODE_PREFIX = 0x01;

enum err merkle_leaf_hash(const void *leaf, size_t len, struct merkle_hash *out)
{
    const void *parts[] = {&LEAF_PREFIX, leaf};
    const size_t lens[] = {1, len};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out->bytes);
}

enum err merkle_node_hash(const struct merkle_hash *left, const struct merkle_hash *right,
                          struct merkle_hash *out)
{
    const void *parts[] = {&NODE_PREFIX, left->bytes, right->bytes};
    const size_t lens[] = {1, MERKLE_HASH_SIZE, MERKLE_HASH_SIZE};
    struct merkle_hash node; /* `out` may be one of the two */
    TRY(sha256_parts(parts, lens, ARRAY_LEN(parts), node.bytes));
    *out = node;
    return ERR_OK;
}

static unsigned subtrees(uint64_t size)
{
    return (unsigned)__builtin_popcountll(size);
}

enum err merkle_frontier_append(struct merkle_frontier *f, const struct merkle_hash *leaf_hash)
{
    if (f->size == UINT64_MAX)
        return err_set(ERR_TOO_LARGE, "the tree is full");
    struct merkle_hash carry = *leaf_hash;
    unsigned at = subtrees(f->size);
    for (uint64_t rest = f->size; rest & 1; rest >>= 1)
        TRY(merkle_node_hash(&f->hashes[--at], &carry, &carry));
    f->hashes[at] = carry;
    f->size++;
    return ERR_OK;
}

enum err merkle_frontier_root(const struct merkle_frontier *f, struct merkle_hash *root)
{
    unsigned at = subtrees(f->size);
    if (at == 0)
        return sha256_once("", 0, root->bytes);
    struct merkle_hash hash = f->hashes[--at];
    while (at > 0)
        TRY(merkle_node_hash(&f->hashes[--at], &hash, &hash));
    *root = hash;
    return ERR_OK;
}

/* The hash of the leaves [start, end), where start is a multiple of the smallest power of two
 * that is not below end - start: one complete subtree, or the right edge of the tree. */
static enum err range_hash(uint64_t start, uint64_t end, merkle_get get, void *ctx,
                           struct merkle_hash *out)
{
    struct merkle_hash hash;
    bool first = true;
    for (uint64_t width = end - start; width != 0; width &= width - 1) {
        unsigned level = (unsigned)__builtin_ctzll(width);
        uint64_t index = (start + width - (UINT64_C(1) << level)) >> level;
        if (first) {
            TRY(get(ctx, level, index, &hash));
        } else {
            struct merkle_hash left;
            TRY(get(ctx, level, index, &left));
            TRY(merkle_node_hash(&left, &hash, &hash));
        }
        first = false;
    }
    *out = hash;
    return ERR_OK;
}

/* Appends the siblings met on the way up from the complete subtree (level, index) to the root.
 */
static enum err climb(unsigned level, uint64_t index, uint64_t size, merkle_get get, void *ctx,
                      struct merkle_proof *proof)
{
    for (; (size - 1) >> level != 0; level++, index >>= 1) {
        uint64_t sibling = index ^ 1;
        uint64_t start = sibling << level;
        if (start >= size)
            continue; /* the right edge stops short of here: the node is carried up as it is */
        uint64_t width = UINT64_C(1) << level;
        uint64_t end = size - start < width ? size : start + width;
        assert(proof->n < MERKLE_PROOF_MAX);
        TRY(range_hash(start, end, get, ctx, &proof->hashes[proof->n]));
        proof->n++;
    }
    return ERR_OK;
}

enum err merkle_inclusion(uint64_t index, uint64_t size, merkle_get get, void *ctx,
                          struct merkle_proof *out)
{
    out->n = 0;
    if (index >= size || size > MERKLE_SIZE_MAX)
        return err_set(ERR_INVALID, "there is no such leaf in a tree of this size");
    return climb(0, index, size, get, ctx, out);
}

enum err merkle_consistency(uint64_t old_size, uint64_t size, merkle_get get, void *ctx,
                            struct merkle_proof *out)
{
    out->n = 0;
    if (old_size > size || size > MERKLE_SIZE_MAX)
        return err_set(ERR_INVALID, "the older tree is larger than the newer one");
    if (old_size == 0 || old_size == size)
        return ERR_OK;

    /* The largest complete subtree that ends where the old tree ends. It is the old root itself
     * when the old size is a power of two: the verifier has that one. */
    unsigned level = (unsigned)__builtin_ctzll(old_size);
    uint64_t index = (old_size - 1) >> level;
    if (index != 0) {
        TRY(get(ctx, level, index, &out->hashes[0]));
        out->n = 1;
    }
    return climb(level, index, size, get, ctx, out);
}

static enum err same_root(const struct merkle_hash *computed, const struct merkle_hash *root,
                          const char *what)
{
    if (!equal_constant_time(computed->bytes, root->bytes, MERKLE_HASH_SIZE))
        return err_set(ERR_CRYPTO, "%s: the proof leads to another root", what);
    return ERR_OK;
}

static enum err wrong_length(const char *what)
{
    return err_set(ERR_CRYPTO, "%s: the proof has the wrong length", what);
}

/* RFC 9162 section 2.1.3.2; fn and sn are its names. */
enum err merkle_inclusion_verify(const struct merkle_hash *leaf_hash, uint64_t index,
                                 uint64_t size, const struct merkle_proof *proof,
                                 const struct merkle_hash *root)
{
    static const char what[] = "inclusion";
    if (index >= size)
        return err_set(ERR_CRYPTO, "inclusion: the index is outside of the tree");
    uint64_t fn = index;
    uint64_t sn = size - 1;
    struct merkle_hash hash = *leaf_hash;
    for (size_t i = 0; i < proof->n; i++) {
        const struct merkle_hash *sibling = &proof->hashes[i];
        if (sn == 0)
            return wrong_length(what);
        if ((fn & 1) || fn == sn) {
            TRY(merkle_node_hash(sibling, &hash, &hash));
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            TRY(merkle_node_hash(&hash, sibling, &hash));
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0)
        return wrong_length(what);
    return same_root(&hash, root, what);
}

/* RFC 9162 section 2.1.4.2 from step 3 on: `old_hash` and `hash` are its fr and sr. */
static enum err consistency_walk(uint64_t fn, uint64_t sn, const struct merkle_hash *hashes,
                                 size_t n, struct merkle_hash *old_hash,
                                 struct merkle_hash *hash)
{
    for (size_t i = 0; i < n; i++) {
        if (sn == 0)
            return wrong_length("consistency");
        if ((fn & 1) || fn == sn) {
            TRY(merkle_node_hash(&hashes[i], old_hash, old_hash));
            TRY(merkle_node_hash(&hashes[i], hash, hash));
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            TRY(merkle_node_hash(hash, &hashes[i], hash));
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 ? ERR_OK : wrong_length("consistency");
}

enum err merkle_consistency_verify(uint64_t old_size, const struct merkle_hash *old_root,
                                   uint64_t size, const struct merkle_hash *root,
                                   const struct merkle_proof *proof)
{
    static const char what[] = "consistency";
    if (old_size == 0 || old_size > size)
        return err_set(ERR_CRYPTO, "consistency: the sizes prove nothing");
    if (old_size == size) {
        if (proof->n != 0)
            return wrong_length(what);
        return same_root(old_root, root, what);
    }
    if (proof->n == 0)
        return wrong_length(what);

    uint64_t fn = old_size - 1;
    uint64_t sn = size - 1;
    unsigned shift =
        (unsigned)__builtin_ctzll(~fn); /* right-shift both while the lowest bit is set */
    fn >>= shift;
    sn >>= shift;

    bool old_is_complete = (old_size & (old_size - 1)) == 0;
    size_t skip = old_is_complete ? 0 : 1;
    struct merkle_hash old_hash = old_is_complete ? *old_root : proof->hashes[0];
    struct merkle_hash hash = old_hash;
    TRY(consistency_walk(fn, sn, proof->hashes + skip, proof->n - skip, &old_hash, &hash));
    TRY(same_root(&old_hash, old_root, what));
    return same_root(&hash, root, what);
}
