/* Hashes of the tree, wherever they are: in the right edge, in the cache of full tiles, in
 * their rows.
 *
 * Invariants: a complete subtree that the edge does not hold lies in a full tile, and a full
 * tile never changes, so that the cache needs no invalidation and serves every size of the
 * tree. The cache's lock is not held while a row is read; two threads may read the same tile at
 * the same time, which is harmless.
 */
#include "storage/ledger_internal.h"

#include <string.h>

/* --- the cache ------------------------------------------------------------------------- */
static bool is_tile(const struct tile_name *name, unsigned level, uint64_t index)
{
    return name->last_used != 0 && name->index == index && name->level == level;
}

/* The slot of the tile, else the one to be given up for it. */
static size_t cache_slot(const struct tile_cache *c, unsigned level, uint64_t index)
{
    size_t first = level == 0 ? 0 : TILE_CACHE_LEAVES, oldest = first;
    size_t end = level == 0 ? TILE_CACHE_LEAVES : TILE_CACHE_SLOTS;

    for (size_t i = first; i < end; i++) {
        if (is_tile(&c->names[i], level, index))
            return i;
        if (c->names[i].last_used < c->names[oldest].last_used)
            oldest = i;
    }
    return oldest;
}

static bool cache_get(struct tile_cache *c, unsigned level, uint64_t index,
                      struct tile_stored *out)
{
    size_t slot;
    bool found;

    pthread_mutex_lock(&c->lock);
    slot = cache_slot(c, level, index);
    found = is_tile(&c->names[slot], level, index);
    if (found) {
        c->names[slot].last_used = ++c->clock;
        *out = c->tiles[slot];
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void cache_put(struct tile_cache *c, unsigned level, uint64_t index,
                      const struct tile_stored *tile)
{
    size_t slot;

    pthread_mutex_lock(&c->lock);
    slot = cache_slot(c, level, index);
    c->names[slot] =
        (struct tile_name){.level = level, .index = index, .last_used = ++c->clock};
    c->tiles[slot] = *tile;
    pthread_mutex_unlock(&c->lock);
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

/* Makes it the one held. */
static enum err hold_tile(struct ledger_nodes *n, unsigned level, uint64_t index)
{
    struct tile_cache *cache = &n->ledger->cache;
    struct db *db;

    if (is_tile(&n->held, level, index))
        return ERR_OK;
    n->held.last_used = 0;
    if (!cache_get(cache, level, index, &n->tile)) {
        TRY(connection(n, &db));
        TRY(tile_read(db, level, index, &n->tile));
        cache_put(cache, level, index, &n->tile);
    }
    n->held = (struct tile_name){.level = level, .index = index, .last_used = 1};
    return ERR_OK;
}

enum err ledger_node(void *nodes, unsigned level, uint64_t index, struct merkle_hash *out)
{
    struct ledger_nodes *n = nodes;
    unsigned row = level % TILE_HEIGHT;
    unsigned shift = TILE_HEIGHT - row; /* nodes of this row in a tile, as a power of two */
    enum err e = tile_edge_get(n->edge, level, index, out);

    if (e != ERR_NOT_FOUND)
        return e;
    TRY(hold_tile(n, level / TILE_HEIGHT, index >> shift));
    return tile_stored_node(&n->tile, row, index & ((UINT64_C(1) << shift) - 1), out);
}

enum err ledger_full_tile(struct ledger_nodes *n, unsigned level, uint64_t index,
                          struct merkle_hash out[TILE_WIDTH])
{
    TRY(hold_tile(n, level, index));
    memcpy(out, n->tile.hashes, TILE_BYTES);
    return ERR_OK;
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
    struct merkle_hash middle[TILE_MIDDLE_WIDTH];

    for (unsigned i = 0; i < count; i++) {
        TRY(tile_read_middle(db, level - 1, end - count + i, middle));
        TRY(tile_root(middle, &out[i]));
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
