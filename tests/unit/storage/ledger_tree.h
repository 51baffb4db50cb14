/* A log in the world of ledger_world.h that is made to grow, and its tree worked out anew. */
#ifndef TESTS_UNIT_STORAGE_LEDGER_TREE_H
#define TESTS_UNIT_STORAGE_LEDGER_TREE_H

#include "tests/unit/storage/ledger_world.h"

static struct world w;

/* All leaf hashes as the tiles have them. */
static inline struct merkle_hash *read_leaves(uint64_t size)
{
    struct merkle_hash *leaves = calloc(size + TILE_WIDTH, sizeof(*leaves));

    for (uint64_t at = 0; at < size; at += TILE_WIDTH) {
        unsigned width = size - at < TILE_WIDTH ? (unsigned)(size - at) : TILE_WIDTH;
        ok(ledger_tile(w.ledger, 0, at / TILE_WIDTH, width, &leaves[at]));
    }
    return leaves;
}

static inline void root_at(const struct merkle_hash *leaves, uint64_t size,
                           struct merkle_hash *root)
{
    struct merkle_frontier f = {.size = 0};

    for (uint64_t i = 0; i < size; i++)
        ok(merkle_frontier_append(&f, &leaves[i]));
    ok(merkle_frontier_root(&f, root));
}

/* roots[n] is the root of the first n leaves. */
static inline struct merkle_hash *all_roots(const struct merkle_hash *leaves, uint64_t size)
{
    struct merkle_hash *roots = calloc(size + 1, sizeof(*roots));
    struct merkle_frontier f = {.size = 0};

    for (uint64_t i = 0; i < size; i++) {
        ok(merkle_frontier_append(&f, &leaves[i]));
        ok(merkle_frontier_root(&f, &roots[i + 1]));
    }
    return roots;
}

static inline void tree_holds(uint64_t size)
{
    AUTO_FREE struct merkle_hash *leaves = read_leaves(size);
    struct merkle_hash root, upper[TILE_WIDTH], want;
    struct checkpoint c;

    world_checkpoint(&w, &c);
    ck_assert_uint_eq(c.size, size);
    root_at(leaves, size, &root);
    ck_assert_mem_eq(root.bytes, c.root.bytes, sizeof(root.bytes));
    for (uint64_t i = 0; i < size / TILE_WIDTH; i += 16) {
        ok(ledger_tile(w.ledger, 1, i / TILE_WIDTH, (unsigned)(i % TILE_WIDTH) + 1, upper));
        ok(tile_subtree(&leaves[i * TILE_WIDTH], TILE_HEIGHT, 0, &want));
        ck_assert_mem_eq(&upper[i % TILE_WIDTH], &want, sizeof(want));
    }
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, 0, size / TILE_WIDTH,
                                     (unsigned)(size % TILE_WIDTH) + 1, upper));
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, 0, size / TILE_WIDTH + 1, 1, upper));
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, TILE_LEVELS, 0, 1, upper));
    fails(ERR_INVALID, ledger_tile(w.ledger, 0, 0, 0, upper));
    fails(ERR_INVALID, ledger_tile(w.ledger, 0, 0, TILE_WIDTH + 1, upper));
    world_receipted(&w, 0);
    world_receipted(&w, size / 2);
    world_receipted(&w, size - 1);
}

static inline void grow_to(uint64_t size, size_t at_once)
{
    struct checkpoint c = {.size = 0};

    if (signer_size(w.signer) > 0)
        world_checkpoint(&w, &c);
    while (c.size < size) {
        uint64_t missing = size - c.size;
        c.size += missing < at_once ? missing : at_once;
        (void)world_append(&w, missing < at_once ? missing : at_once);
    }
}

#endif
