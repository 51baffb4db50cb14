/* Tiles (C2SP tlog-tiles.md): a Merkle tree cut into pieces of 256 hashes, height 8, so that it
 * can be stored as files that never change and every proof is made from a few of them.
 *
 *     tile level 0: leaf hashes
 *     tile level l + 1: one hash for each full tile of level l
 *
 * A tree of s leaves has floor(s / 256^l) hashes on tile level l; the last tile of a level may
 * be partial.
 *
 * `struct tile_edge` is the right edge of the tree in memory: for each level the tile that is
 * being filled and the full one before it, each as a whole binary subtree, so that the hash of
 * any complete subtree inside is one look-up. It is large (about 260 KB): keep it on the heap.
 * It knows nothing of storage.
 *
 *     tile_edge_init(e);
 *     TRY(tile_edge_load(e, level, hashes, n));                    for each partial tile
 *     TRY(tile_edge_append(e, &leaf_hash, store_full_tile, ctx));  for each entry
 *     TRY(tile_edge_root(e, &root));
 *     TRY(merkle_inclusion(index, tile_edge_size(e), get, ctx, &proof));
 *
 * where `get` asks tile_edge_get first and, on ERR_NOT_FOUND, reads the full tile from storage
 * and uses tile_stored_node. Proofs of the newest 256 leaves need no storage, unless the edge
 * was just loaded: the tile before the one being filled is known only once it was filled here.
 *
 * A batch that may fail: tile_edge_copy first, and take the copy back.
 */
#ifndef CRYPTO_TILE_H
#define CRYPTO_TILE_H

#include "crypto/merkle.h"

enum {
    TILE_HEIGHT = 8,
    TILE_WIDTH = 1 << TILE_HEIGHT, /* hashes in a full tile */
    TILE_BYTES = TILE_WIDTH * MERKLE_HASH_SIZE,
    TILE_LEVELS = 8,                 /* 64 bits of leaves; tile level 0..7 */
    TILE_NODES = 2 * TILE_WIDTH - 2, /* of a tile, without its root: that is one level up */
    TILE_MIDDLE = TILE_HEIGHT / 2,   /* the row that is stored with a full tile ... */
    TILE_MIDDLE_WIDTH = TILE_WIDTH >> TILE_MIDDLE,
    TILE_MIDDLE_AT = 2 * TILE_WIDTH - (2 * TILE_WIDTH >> TILE_MIDDLE), /* ... among its nodes */
    TILE_PATH_MAX = 64 /* characters of a path, with the terminator */
};

struct tile {
    unsigned n; /* hashes on the lowest level, 0..TILE_WIDTH */
    struct merkle_hash nodes[TILE_NODES];
};
struct tile_edge {
    uint64_t size; /* leaves in the whole tree */
    struct tile_rim {
        unsigned current;     /* which of the two is being filled: it is never full */
        struct tile tiles[2]; /* the other: the full one before it, empty if it was not seen */
    } rims[TILE_LEVELS];
};

void tile_edge_init(struct tile_edge *edge); /* the empty tree */
/* Cheaper than assigning the struct: copies only what is in use. */
void tile_edge_copy(struct tile_edge *to, const struct tile_edge *from);
/* Puts the partial tile of one level into an edge that has none there; the tree grows by n *
 * 256^level. n: 1..255. ERR_INVALID for a level or width that cannot be, ERR_CONFLICT when the
 * level is filled already. */
MUST_USE enum err tile_edge_load(struct tile_edge *edge, unsigned level,
                                 const struct merkle_hash *hashes, unsigned n);

/* Called for each tile when its last hash arrives, lower levels first: nodes[TILE_NODES], the
 * hashes [0, TILE_WIDTH) before the inner nodes. */
typedef enum err (*tile_full)(void *ctx, unsigned level, uint64_t index,
                              const struct merkle_hash *nodes);
/* `emit` may be NULL. When anything fails, the edge is unfit for use: take the copy back. */
MUST_USE enum err tile_edge_append(struct tile_edge *edge, const struct merkle_hash *leaf_hash,
                                   tile_full emit, void *ctx);

uint64_t tile_edge_size(const struct tile_edge *edge);
MUST_USE enum err tile_edge_root(const struct tile_edge *edge, struct merkle_hash *root);
/* The complete subtree [index << level, (index + 1) << level), level 0..63; a `merkle_get` in
 * its shape. ERR_NOT_FOUND when it is not in the edge: further left, or not complete. */
MUST_USE enum err tile_edge_get(const struct tile_edge *edge, unsigned level, uint64_t index,
                                struct merkle_hash *out);
/* The partial tile of a tile level as it is to be stored: NULL and 0 when there is none. */
const struct merkle_hash *tile_edge_partial(const struct tile_edge *edge, unsigned tile_level,
                                            uint64_t *index, unsigned *n);

/* An inner node of a full tile: the 2^level hashes from (index << level) on. level:
 * 0..TILE_HEIGHT. */
MUST_USE enum err tile_subtree(const struct merkle_hash hashes[TILE_WIDTH], unsigned level,
                               uint64_t index, struct merkle_hash *out);
/* A full tile as it is stored: beside its hashes one row of its inner nodes, from which each
 * other is at the most 15 hashings away instead of 255. */
struct tile_stored {
    struct merkle_hash hashes[TILE_WIDTH];
    struct merkle_hash middle[TILE_MIDDLE_WIDTH];
};
MUST_USE enum err tile_stored_node(const struct tile_stored *tile, unsigned level,
                                   uint64_t index, struct merkle_hash *out);
MUST_USE enum err tile_root(const struct merkle_hash middle[TILE_MIDDLE_WIDTH],
                            struct merkle_hash *out);

/* "tile/<level>/<index>" as x001/x234/067, and ".p/<width>" behind it for a partial tile.
 * width: 1..TILE_WIDTH. */
void tile_path(unsigned level, uint64_t index, unsigned width, char out[TILE_PATH_MAX]);
/* Only what tile_path writes; else ERR_INVALID. */
MUST_USE enum err tile_path_parse(const char *path, unsigned *level, uint64_t *index,
                                  unsigned *width);

#endif
