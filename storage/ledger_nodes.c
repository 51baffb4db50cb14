/* Hashes of the tree, wherever they are: in the right edge, in the cache of full tiles, in
 * their rows.
 *
 * Invariants: a complete subtree that the edge does not hold lies in a full tile, and a full
 * tile never changes, so that the cache needs no invalidation and serves every size of the
 * tree. The cache's lock is not held while a row is read; two threads may read the same tile at
 * the same time, which is harmless.
 *
 *     a slot's nodes:  [ 256 hashes | 128 | 64 | 32 | 16 | 8 | 4 | 2 ]       row r begins at
 * 512 - (512 >> r)
 */
#include "storage/ledger_internal.h"

#include <string.h>

static size_t node_row(unsigned row)
{
    return 2 * (size_t)TILE_WIDTH - ((2 * (size_t)TILE_WIDTH) >> row);
}

/* --- the cache ------------------------------------------------------------------------- */
static struct tile_slot *cache_find(struct tile_cache *c, unsigned level, uint64_t index)
{
    for (size_t i = 0; i < TILE_CACHE_SLOTS; i++) {
        struct tile_slot *slot = &c->slots[i];

        if (slot->last_used != 0 && slot->index == index && slot->level == level) {
            slot->last_used = ++c->clock;
            return slot;
        }
    }
    return NULL;
}

static struct tile_slot *cache_oldest(struct tile_cache *c)
{
    struct tile_slot *oldest = &c->slots[0];

    for (size_t i = 1; i < TILE_CACHE_SLOTS; i++) {
        if (c->slots[i].last_used < oldest->last_used)
            oldest = &c->slots[i];
    }
    return oldest;
}

/* Copies `n` nodes from `at` on. */
static bool cache_get(struct tile_cache *c, unsigned level, uint64_t index, size_t at, size_t n,
                      struct merkle_hash *out)
{
    struct tile_slot *slot;

    pthread_mutex_lock(&c->lock);
    slot = cache_find(c, level, index);
    if (slot != NULL)
        memcpy(out, &slot->nodes[at], n * sizeof(*out));
    pthread_mutex_unlock(&c->lock);
    return slot != NULL;
}

static void cache_put(struct tile_cache *c, unsigned level, uint64_t index,
                      const struct merkle_hash nodes[TILE_NODES])
{
    struct tile_slot *slot;

    pthread_mutex_lock(&c->lock);
    slot = cache_find(c, level, index);
    if (slot == NULL) {
        slot = cache_oldest(c);
        slot->level = level;
        slot->index = index;
        slot->last_used = ++c->clock;
        memcpy(slot->nodes, nodes, sizeof(slot->nodes));
    }
    pthread_mutex_unlock(&c->lock);
}

static enum err fill_rows(struct merkle_hash nodes[TILE_NODES])
{
    for (unsigned row = 1; row < TILE_HEIGHT; row++) {
        const struct merkle_hash *below = &nodes[node_row(row - 1)];

        for (size_t i = 0; i < (size_t)TILE_WIDTH >> row; i++)
            TRY(merkle_node_hash(&below[2 * i], &below[2 * i + 1], &nodes[node_row(row) + i]));
    }
    return ERR_OK;
}

/* --- reading --------------------------------------------------------------------------- */
static enum err connection(struct ledger_nodes *n, struct db **out)
{
    if (n->db == NULL) {
        TRY(db_read_begin(n->ledger->pool, &n->db));
        n->borrowed = true;
    }
    *out = n->db;
    return ERR_OK;
}

void ledger_nodes_clear(struct ledger_nodes *n)
{
    if (n->borrowed)
        db_read_end(n->db);
    n->db = NULL;
    n->borrowed = false;
}

static enum err tile_nodes(struct ledger_nodes *n, unsigned level, uint64_t index, size_t at,
                           size_t count, struct merkle_hash *out)
{
    struct merkle_hash nodes[TILE_NODES];
    struct db *db;

    if (cache_get(&n->ledger->cache, level, index, at, count, out))
        return ERR_OK;
    TRY(connection(n, &db));
    TRY(tile_read(db, level, index, nodes));
    TRY(fill_rows(nodes));
    memcpy(out, &nodes[at], count * sizeof(*out));
    cache_put(&n->ledger->cache, level, index, nodes);
    return ERR_OK;
}

enum err ledger_node(void *nodes, unsigned level, uint64_t index, struct merkle_hash *out)
{
    struct ledger_nodes *n = nodes;
    unsigned row = level % TILE_HEIGHT;
    unsigned shift = TILE_HEIGHT - row; /* nodes of this row in a tile, as a power of two */
    size_t place = (size_t)(index & ((UINT64_C(1) << shift) - 1));
    enum err e = tile_edge_get(n->edge, level, index, out);

    if (e != ERR_NOT_FOUND)
        return e;
    return tile_nodes(n, level / TILE_HEIGHT, index >> shift, node_row(row) + place, 1, out);
}

enum err ledger_full_tile(struct ledger_nodes *n, unsigned level, uint64_t index,
                          struct merkle_hash out[TILE_WIDTH])
{
    return tile_nodes(n, level, index, 0, TILE_WIDTH, out);
}

enum err ledger_frontier(struct ledger_nodes *n, uint64_t size, struct merkle_frontier *out)
{
    size_t at = 0;
    uint64_t start = 0;

    out->size = size;
    for (unsigned level = 64; level-- > 0;) {
        if ((size >> level & 1) == 0)
            continue;
        TRY(ledger_node(n, level, start >> level, &out->hashes[at++]));
        start += UINT64_C(1) << level;
    }
    return ERR_OK;
}

/* --- the edge -------------------------------------------------------------------------- */
/* The newest `count` hashes of a tile level above 0: the roots of as many full tiles below it.
 */
static enum err roots_below(struct db *db, unsigned level, uint64_t end, unsigned count,
                            struct merkle_hash *out)
{
    struct merkle_hash hashes[TILE_WIDTH];

    for (unsigned i = 0; i < count; i++) {
        TRY(tile_read(db, level - 1, end - count + i, hashes));
        TRY(tile_subtree(hashes, TILE_HEIGHT, 0, &out[i]));
    }
    return ERR_OK;
}

static enum err newest_leaves(struct db *db, uint64_t size, unsigned count,
                              struct merkle_hash *out)
{
    size_t n;

    TRY(rows_leaf_hashes(db, size - count, count, out, &n));
    return n == count ? ERR_OK
                      : err_set(ERR_CORRUPT, "entry %llu of the log is not there",
                                (unsigned long long)(size - count + n));
}

enum err ledger_edge_load(struct db *db, uint64_t size, struct tile_edge *edge)
{
    struct merkle_hash hashes[TILE_WIDTH];

    tile_edge_init(edge);
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        uint64_t end = size >> (TILE_HEIGHT * level);
        unsigned count = (unsigned)(end % TILE_WIDTH);

        if (count == 0)
            continue;
        if (level == 0)
            TRY(newest_leaves(db, size, count, hashes));
        else
            TRY(roots_below(db, level, end, count, hashes));
        TRY(tile_edge_load(edge, level, hashes, count));
    }
    return ERR_OK;
}
