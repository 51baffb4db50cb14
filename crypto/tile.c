/* The right edge of a tiled tree, and the names of tiles.
 *
 * A tile of up to 256 hashes is kept with its inner nodes, level above level, in one array:
 *
 *     nodes:  [ 256 hashes | 128 | 64 | 32 | 16 | 8 | 4 | 2 ]
 *     row r begins at 512 - (512 >> r)
 *
 * Invariants
 * - A node of row r at i is set as soon as the hashes [i << r, (i + 1) << r) of the tile are
 * there, never earlier: n says which nodes are valid.
 * - The tile being filled holds (size >> 8 * level) mod 256 hashes and is number size >> 8 *
 * (level + 1) of its level; the one before it, if it was seen, is full. The number of a tile is
 * never stored: it follows from the size.
 * - The root of a full tile is the newest hash of the level above.
 */
#include "crypto/tile.h"

#include "crypto/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(64 / TILE_HEIGHT == TILE_LEVELS, "the levels hold every index");

static const char PATH_PREFIX[] = "tile/";
static const char PARTIAL_MARK[] = ".p/";

/* --- one tile ---------------------------------------------------------------------------- */

static size_t row_at(unsigned row)
{
    return 2 * (size_t)TILE_WIDTH - ((2 * (size_t)TILE_WIDTH) >> row);
}

/* Appends a hash and the inner nodes it completes; the root of a tile that became full goes to
 * *root. */
static enum err tile_append(struct tile *tile, const struct merkle_hash *hash,
                            struct merkle_hash *root)
{
    assert(tile->n < TILE_WIDTH);
    struct merkle_hash carry = *hash;
    size_t i = tile->n;
    for (unsigned row = 0; row < TILE_HEIGHT; row++, i >>= 1) {
        struct merkle_hash *nodes = tile->nodes + row_at(row);
        nodes[i] = carry;
        if (!(i & 1)) {
            tile->n++;
            return ERR_OK;
        }
        TRY(merkle_node_hash(&nodes[i - 1], &nodes[i], &carry));
    }
    tile->n++;
    *root = carry;
    return ERR_OK;
}

static void tile_copy(struct tile *to, const struct tile *from)
{
    to->n = from->n;
    for (unsigned row = 0; row < TILE_HEIGHT; row++) {
        size_t used = from->n >> row;
        memcpy(to->nodes + row_at(row), from->nodes + row_at(row), used * sizeof(*to->nodes));
    }
}

/* The root above 2^height hashes. */
static enum err fold(const struct merkle_hash *hashes, unsigned height, struct merkle_hash *out)
{
    struct merkle_hash above[TILE_MIDDLE_WIDTH / 2];

    assert(height <= TILE_MIDDLE);
    while (height-- > 0) {
        for (size_t i = 0; i < (size_t)1 << height; i++)
            TRY(merkle_node_hash(&hashes[2 * i], &hashes[2 * i + 1], &above[i]));
        hashes = above;
    }
    *out = *hashes;
    return ERR_OK;
}

static MUST_USE enum err node_exists(unsigned level, uint64_t index)
{
    if (level > TILE_HEIGHT || index >= (uint64_t)TILE_WIDTH >> level)
        return err_set(ERR_INVALID, "a tile has no such node");
    return ERR_OK;
}

enum err tile_subtree(const struct merkle_hash hashes[TILE_WIDTH], unsigned level,
                      uint64_t index, struct merkle_hash *out)
{
    struct merkle_frontier subtree = {.size = 0};

    TRY(node_exists(level, index));
    for (size_t i = 0; i < (size_t)1 << level; i++)
        TRY(merkle_frontier_append(&subtree, &hashes[(index << level) + i]));
    return merkle_frontier_root(&subtree, out);
}

enum err tile_stored_node(const struct tile_stored *tile, unsigned level, uint64_t index,
                          struct merkle_hash *out)
{
    TRY(node_exists(level, index));
    if (level < TILE_MIDDLE)
        return fold(tile->hashes + (index << level), level, out);
    level -= TILE_MIDDLE;
    return fold(tile->middle + (index << level), level, out);
}

enum err tile_root(const struct merkle_hash middle[TILE_MIDDLE_WIDTH], struct merkle_hash *out)
{
    return fold(middle, TILE_HEIGHT - TILE_MIDDLE, out);
}

/* --- the edge ---------------------------------------------------------------------------- */

static struct tile *filling(struct tile_rim *rim)
{
    return &rim->tiles[rim->current];
}

static const struct tile *filling_of(const struct tile_edge *edge, unsigned tile_level)
{
    const struct tile_rim *rim = &edge->rims[tile_level];
    return &rim->tiles[rim->current];
}

/* The number of the tile being filled. */
static uint64_t filling_index(const struct tile_edge *edge, unsigned tile_level)
{
    unsigned shift = TILE_HEIGHT * (tile_level + 1);
    return shift >= 64 ? 0 : edge->size >> shift;
}

void tile_edge_init(struct tile_edge *edge)
{
    edge->size = 0;
    for (unsigned i = 0; i < TILE_LEVELS; i++) {
        edge->rims[i].current = 0;
        edge->rims[i].tiles[0].n = 0;
        edge->rims[i].tiles[1].n = 0;
    }
}

void tile_edge_copy(struct tile_edge *to, const struct tile_edge *from)
{
    to->size = from->size;
    for (unsigned i = 0; i < TILE_LEVELS; i++) {
        to->rims[i].current = from->rims[i].current;
        tile_copy(&to->rims[i].tiles[0], &from->rims[i].tiles[0]);
        tile_copy(&to->rims[i].tiles[1], &from->rims[i].tiles[1]);
    }
}

enum err tile_edge_load(struct tile_edge *edge, unsigned level,
                        const struct merkle_hash *hashes, unsigned n)
{
    if (level >= TILE_LEVELS || n == 0 || n >= TILE_WIDTH)
        return err_set(ERR_INVALID, "not a partial tile");
    uint64_t leaves = (uint64_t)n << (TILE_HEIGHT * level);
    if (leaves > MERKLE_SIZE_MAX - edge->size)
        return err_set(ERR_INVALID, "a tree of more leaves than there can be");
    struct tile *tile = filling(&edge->rims[level]);
    if (tile->n != 0)
        return err_set(ERR_CONFLICT, "this level of the edge is filled already");
    struct merkle_hash unused;
    for (unsigned i = 0; i < n; i++)
        TRY(tile_append(tile, &hashes[i], &unused));
    edge->size += leaves;
    return ERR_OK;
}

enum err tile_edge_append(struct tile_edge *edge, const struct merkle_hash *leaf_hash,
                          tile_full emit, void *ctx)
{
    if (edge->size >= MERKLE_SIZE_MAX)
        return err_set(ERR_TOO_LARGE, "the tree is full");
    struct merkle_hash hash = *leaf_hash;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        struct tile_rim *rim = &edge->rims[level];
        struct tile *tile = filling(rim);
        TRY(tile_append(tile, &hash, &hash));
        if (tile->n < TILE_WIDTH)
            break;
        if (emit)
            TRY(emit(ctx, level, filling_index(edge, level), tile->nodes));
        rim->current ^= 1;
        filling(rim)->n = 0;
    }
    edge->size++;
    return ERR_OK;
}

uint64_t tile_edge_size(const struct tile_edge *edge)
{
    return edge->size;
}

enum err tile_edge_root(const struct tile_edge *edge, struct merkle_hash *root)
{
    if (edge->size == 0)
        return sha256_once("", 0, root->bytes);
    struct merkle_hash hash;
    bool first = true;
    for (unsigned level = 0; level < 64; level++) {
        const struct tile *tile = filling_of(edge, level / TILE_HEIGHT);
        unsigned row = level % TILE_HEIGHT;
        unsigned complete = tile->n >> row;
        if (!(complete & 1))
            continue;
        const struct merkle_hash *node = &tile->nodes[row_at(row) + complete - 1];
        if (first)
            hash = *node;
        else
            TRY(merkle_node_hash(node, &hash, &hash));
        first = false;
    }
    *root = hash;
    return ERR_OK;
}

enum err tile_edge_get(const struct tile_edge *edge, unsigned level, uint64_t index,
                       struct merkle_hash *out)
{
    if (level >= 64)
        return err_set(ERR_NOT_FOUND, "a level above every tree");
    unsigned tile_level = level / TILE_HEIGHT;
    unsigned row = level % TILE_HEIGHT;
    unsigned row_shift = TILE_HEIGHT - row; /* nodes of this row in a tile, as a power of two */
    uint64_t number = index >> row_shift;
    size_t place = (size_t)(index & ((UINT64_C(1) << row_shift) - 1));
    uint64_t newest = filling_index(edge, tile_level);
    const struct tile_rim *rim = &edge->rims[tile_level];

    const struct tile *tile = NULL;
    if (number == newest)
        tile = &rim->tiles[rim->current];
    else if (newest > 0 && number == newest - 1)
        tile = &rim->tiles[rim->current ^ 1];
    if (!tile || place >= tile->n >> row)
        return err_set(ERR_NOT_FOUND, "this subtree is not in the edge");
    *out = tile->nodes[row_at(row) + place];
    return ERR_OK;
}

const struct merkle_hash *tile_edge_partial(const struct tile_edge *edge, unsigned tile_level,
                                            uint64_t *index, unsigned *n)
{
    assert(tile_level < TILE_LEVELS);
    const struct tile *tile = filling_of(edge, tile_level);
    *index = filling_index(edge, tile_level);
    *n = tile->n;
    return tile->n ? tile->nodes : NULL;
}

/* --- paths ------------------------------------------------------------------------------- */

enum { PATH_BASE = 1000, PATH_GROUPS_MAX = 7, PATH_GROUP_DIGITS = 3 };

void tile_path(unsigned level, uint64_t index, unsigned width, char out[TILE_PATH_MAX])
{
    assert(level < 64 && width >= 1 && width <= TILE_WIDTH);
    unsigned groups[PATH_GROUPS_MAX];
    size_t n = 0;
    do {
        groups[n++] = (unsigned)(index % PATH_BASE);
        index /= PATH_BASE;
    } while (index != 0);

    int at = snprintf(out, TILE_PATH_MAX, "%s%u", PATH_PREFIX, level);
    while (n-- > 0)
        at += snprintf(out + at, (size_t)(TILE_PATH_MAX - at), "/%s%03u", n > 0 ? "x" : "",
                       groups[n]);
    if (width < TILE_WIDTH)
        at += snprintf(out + at, (size_t)(TILE_PATH_MAX - at), "%s%u", PARTIAL_MARK, width);
    assert(at < TILE_PATH_MAX);
}

/* The groups x001/x234/067; *at moves behind them. */
static enum err path_index_parse(const char **at, uint64_t *index)
{
    uint64_t value = 0;
    for (bool more = true; more;) {
        more = **at == 'x';
        *at += more;
        uint64_t group;
        size_t digits = strspn(*at, "0123456789");
        if (digits != PATH_GROUP_DIGITS)
            return err_set(ERR_INVALID, "not the path of a tile");
        group = (uint64_t)(((*at)[0] - '0') * 100 + ((*at)[1] - '0') * 10 + ((*at)[2] - '0'));
        if (value > (UINT64_MAX - group) / PATH_BASE)
            return err_set(ERR_INVALID, "the number of a tile is out of range");
        value = value * PATH_BASE + group;
        *at += PATH_GROUP_DIGITS;
        if (more && *(*at)++ != '/')
            return err_set(ERR_INVALID, "not the path of a tile");
    }
    *index = value;
    return ERR_OK;
}

static enum err path_number_take(const char **at, uint64_t max, uint64_t *out)
{
    size_t digits = strspn(*at, "0123456789");
    TRY(decimal_parse(*at, digits, max, out));
    *at += digits;
    return ERR_OK;
}

enum err tile_path_parse(const char *path, unsigned *level, uint64_t *index, unsigned *width)
{
    const char *at = path;
    uint64_t l = 0;
    uint64_t w = TILE_WIDTH;
    uint64_t i = 0;
    if (strncmp(at, PATH_PREFIX, sizeof(PATH_PREFIX) - 1) != 0)
        return err_set(ERR_INVALID, "not the path of a tile");
    at += sizeof(PATH_PREFIX) - 1;
    TRY(path_number_take(&at, 63, &l));
    if (*at++ != '/')
        return err_set(ERR_INVALID, "not the path of a tile");
    TRY(path_index_parse(&at, &i));
    if (strncmp(at, PARTIAL_MARK, sizeof(PARTIAL_MARK) - 1) == 0) {
        at += sizeof(PARTIAL_MARK) - 1;
        TRY(path_number_take(&at, TILE_WIDTH - 1, &w));
    }
    /* One spelling for each tile: what reads the same must have been written the same. */
    char again[TILE_PATH_MAX];
    if (w == 0)
        return err_set(ERR_INVALID, "a tile without hashes");
    tile_path((unsigned)l, i, (unsigned)w, again);
    if (strcmp(again, path) != 0)
        return err_set(ERR_INVALID, "not the path of a tile");
    *level = (unsigned)l;
    *index = i;
    *width = (unsigned)w;
    return ERR_OK;
}
