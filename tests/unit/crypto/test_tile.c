/* The right edge of a tiled tree against a whole tree held level by level, and the names of
 * tiles. */
#include "crypto/secret.h"
#include "crypto/tile.h"
#include "tests/support/suite.h"
#include "tests/unit/crypto/naive_merkle.h"

#include <stdio.h>

#define LEAVES UINT64_C(66600) /* 260 full tiles of level 0, one of level 1 */
enum { LEVELS = 18 };

/* whole[l][i]: the complete subtree of 2^l leaves that ends before (i + 1) << l */
static struct merkle_hash *whole[LEVELS];

static void whole_make(void)
{
    for (unsigned l = 0; l < LEVELS; l++) {
        whole[l] = calloc((LEAVES >> l) + 1, sizeof(struct merkle_hash));
        for (uint64_t i = 0; i < LEAVES >> l; i++)
            whole[l][i] = l == 0 ? naive_leaf(i)
                                 : naive_node(&whole[l - 1][2 * i], &whole[l - 1][2 * i + 1]);
    }
}

/* MTH(D[start:end]) by the recursive definition, complete subtrees taken from `whole` */
static struct merkle_hash whole_root(uint64_t start, uint64_t end)
{
    uint64_t n = end - start;
    if (n != 0 && (n & (n - 1)) == 0)
        return whole[__builtin_ctzll(n)][start / n];
    if (n == 0)
        return naive_root(0, 0);
    uint64_t k = naive_split(n);
    struct merkle_hash l = whole_root(start, start + k), r = whole_root(start + k, end);
    return naive_node(&l, &r);
}

static struct tile_edge *edge_new(void)
{
    struct tile_edge *edge = malloc(sizeof(*edge));
    ck_assert_ptr_nonnull(edge);
    memset(edge, 0xa5, sizeof(*edge)); /* nothing may depend on what was there before */
    tile_edge_init(edge);
    return edge;
}

static enum err edge_get(void *ctx, unsigned level, uint64_t index, struct merkle_hash *out)
{
    return tile_edge_get(ctx, level, index, out);
}

static void ck_root(const struct tile_edge *edge)
{
    struct merkle_hash root, want = whole_root(0, edge->size);
    ck_assert_int_eq(tile_edge_root(edge, &root), ERR_OK);
    ck_assert_mem_eq(&root, &want, sizeof(root));
}

/* Every proof of the newest 256 leaves is served by the edge alone. */
static void ck_newest_proofs(struct tile_edge *edge)
{
    uint64_t size = tile_edge_size(edge), first = size > TILE_WIDTH ? size - TILE_WIDTH : 0;
    struct merkle_hash root = whole_root(0, size);
    for (uint64_t i = first; i < size; i++) {
        struct merkle_proof proof;
        ck_assert_int_eq(merkle_inclusion(i, size, edge_get, edge, &proof), ERR_OK);
        ck_assert_int_eq(merkle_inclusion_verify(&whole[0][i], i, size, &proof, &root), ERR_OK);
    }
}

/* What the edge gives is right, and it gives every complete subtree of the tiles it should
 * hold. */
static void ck_nodes(const struct tile_edge *edge)
{
    uint64_t size = tile_edge_size(edge);
    for (unsigned l = 0; l < LEVELS; l++) {
        uint64_t complete = size >> l, tile_nodes = (uint64_t)TILE_WIDTH >> (l % TILE_HEIGHT);
        uint64_t newest_tile = (size >> (l - l % TILE_HEIGHT)) / TILE_WIDTH;
        uint64_t held = newest_tile > 0 ? (newest_tile - 1) * tile_nodes : 0;
        struct merkle_hash h;
        for (uint64_t i = held; i < complete; i++) {
            ck_assert_int_eq(tile_edge_get(edge, l, i, &h), ERR_OK);
            ck_assert_mem_eq(&h, &whole[l][i], sizeof(h));
        }
        ck_assert_int_eq(tile_edge_get(edge, l, complete, &h), ERR_NOT_FOUND);
        ck_assert_int_eq(tile_edge_get(edge, l, UINT64_MAX >> l, &h), ERR_NOT_FOUND);
        if (held > 0)
            ck_assert_int_eq(tile_edge_get(edge, l, held - 1, &h), ERR_NOT_FOUND);
    }
}

static void ck_partials(const struct tile_edge *edge)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        uint64_t index, hashes = l < 3 ? edge->size >> (8 * l) : 0;
        unsigned n;
        const struct merkle_hash *tile = tile_edge_partial(edge, l, &index, &n);
        ck_assert_uint_eq(n, hashes % TILE_WIDTH);
        ck_assert_uint_eq(index, hashes / TILE_WIDTH);
        ck_assert(n == 0 ? tile == NULL
                         : !memcmp(tile, &whole[8 * l][index * TILE_WIDTH], n * sizeof(*tile)));
    }
}

struct emitted {
    unsigned count;
    unsigned by_level[TILE_LEVELS];
    unsigned fail_at; /* 0: never */
};

static enum err emit(void *ctx, unsigned level, uint64_t index, const struct merkle_hash *nodes)
{
    struct emitted *e = ctx;
    if (++e->count == e->fail_at)
        return err_set(ERR_NO_SPACE, "no space for a tile");
    ck_assert_uint_eq(index, e->by_level[level]++);
    ck_assert_mem_eq(nodes, &whole[8 * level][index * TILE_WIDTH], TILE_BYTES);
    ck_assert_mem_eq(nodes + TILE_MIDDLE_AT,
                     &whole[8 * level + TILE_MIDDLE][index * TILE_MIDDLE_WIDTH],
                     TILE_MIDDLE_WIDTH * sizeof(*nodes));
    return ERR_OK;
}

START_TEST(test_append)
{
    struct tile_edge *edge = edge_new();
    struct emitted e = {0};
    for (uint64_t n = 0; n <= LEAVES; n++) {
        bool near = n < 520 || (n > 65500 && n < 65560) || n == LEAVES;
        if (near || random() % 400 == 0) {
            ck_assert_uint_eq(tile_edge_size(edge), n);
            ck_root(edge);
            ck_partials(edge);
        }
        if (n % 4099 == 0 || n == 255 || n == 256 || n == 257 || n == 65535 || n == 65536 ||
            n == LEAVES) {
            ck_nodes(edge);
            ck_newest_proofs(edge);
        }
        if (n < LEAVES)
            ck_assert_int_eq(tile_edge_append(edge, &whole[0][n], emit, &e), ERR_OK);
    }
    ck_assert_uint_eq(e.by_level[0], LEAVES / TILE_WIDTH);
    ck_assert_uint_eq(e.by_level[1], 1);
    free(edge);
}
END_TEST

static struct tile_edge *edge_at(uint64_t size)
{
    struct tile_edge *edge = edge_new();
    for (unsigned l = 0; l < 3; l++) {
        uint64_t hashes = size >> (8 * l);
        if (hashes % TILE_WIDTH != 0)
            ck_assert_int_eq(tile_edge_load(edge, l,
                                            &whole[8 * l][hashes - hashes % TILE_WIDTH],
                                            (unsigned)(hashes % TILE_WIDTH)),
                             ERR_OK);
    }
    ck_assert_uint_eq(tile_edge_size(edge), size);
    return edge;
}

START_TEST(test_load_and_go_on)
{
    for (int round = 0; round < 60; round++) {
        uint64_t size = round == 0   ? 256
                        : round == 1 ? 65536
                                     : (uint64_t)random() % (LEAVES - 600);
        struct tile_edge *edge = edge_at(size);
        ck_root(edge);
        ck_partials(edge);
        for (uint64_t n = size; n < size + 520; n++)
            ck_assert_int_eq(tile_edge_append(edge, &whole[0][n], NULL, NULL), ERR_OK);
        ck_root(edge);
        ck_partials(edge);
        ck_newest_proofs(edge);
        free(edge);
    }
}
END_TEST

START_TEST(test_load_refuses)
{
    struct tile_edge *edge = edge_at(700);
    ck_assert_int_eq(tile_edge_load(edge, 0, whole[0], 3), ERR_CONFLICT);
    ck_assert_int_eq(tile_edge_load(edge, 2, whole[0], 0), ERR_INVALID);
    ck_assert_int_eq(tile_edge_load(edge, 2, whole[0], 256), ERR_INVALID);
    ck_assert_int_eq(tile_edge_load(edge, 8, whole[0], 1), ERR_INVALID);
    ck_assert_int_eq(tile_edge_load(edge, 7, whole[0], 128), ERR_INVALID);
    ck_assert_uint_eq(tile_edge_size(edge), 700);
    ck_root(edge);
    ck_assert_int_eq(tile_edge_load(edge, 7, whole[0], 127), ERR_OK);
    free(edge);
}
END_TEST

START_TEST(test_largest_tree)
{
    struct tile_edge *edge = edge_new();
    struct merkle_hash h, root;
    for (unsigned l = 0; l < TILE_LEVELS; l++)
        ck_assert_int_eq(tile_edge_load(edge, l, whole[0], l == 7 ? 127 : 255), ERR_OK);
    ck_assert_uint_eq(tile_edge_size(edge), MERKLE_SIZE_MAX);
    ck_assert_int_eq(tile_edge_append(edge, &whole[0][0], NULL, NULL), ERR_TOO_LARGE);

    struct merkle_proof proof;
    uint64_t last = MERKLE_SIZE_MAX - 1;
    ck_assert_int_eq(tile_edge_root(edge, &root), ERR_OK);
    ck_assert_int_eq(merkle_inclusion(last, MERKLE_SIZE_MAX, edge_get, edge, &proof), ERR_OK);
    ck_assert_int_eq(tile_edge_get(edge, 0, last, &h), ERR_OK);
    ck_assert_int_eq(merkle_inclusion_verify(&h, last, MERKLE_SIZE_MAX, &proof, &root), ERR_OK);
    ck_assert_int_eq(tile_edge_get(edge, 64, 0, &h), ERR_NOT_FOUND);
    ck_assert_int_eq(tile_edge_get(edge, 63, 0, &h), ERR_NOT_FOUND);
    ck_assert_int_eq(tile_edge_get(edge, 62, 0, &h), ERR_OK);
    free(edge);
}
END_TEST

START_TEST(test_failed_batch_is_taken_back)
{
    struct tile_edge *edge = edge_at(65000), *kept = edge_new();
    tile_edge_copy(kept, edge);
    struct emitted e = {.by_level = {65000 / TILE_WIDTH}, .fail_at = 3};
    enum err result = ERR_OK;
    for (uint64_t n = 65000; result == ERR_OK; n++)
        result = tile_edge_append(edge, &whole[0][n], emit, &e);
    ck_assert_int_eq(result, ERR_NO_SPACE);
    tile_edge_copy(edge, kept);
    ck_assert_uint_eq(tile_edge_size(edge), 65000);
    ck_root(edge);
    for (uint64_t n = 65000; n < 65700; n++) /* across the end of a tile of level 1 */
        ck_assert_int_eq(tile_edge_append(edge, &whole[0][n], NULL, NULL), ERR_OK);
    ck_nodes(edge);
    tile_edge_copy(kept, edge);
    ck_nodes(kept);
    ck_newest_proofs(kept);
    free(edge);
    free(kept);
}
END_TEST

START_TEST(test_subtree)
{
    struct merkle_hash h;
    for (unsigned l = 0; l <= TILE_HEIGHT; l++) {
        for (uint64_t i = 0; i < (uint64_t)TILE_WIDTH >> l; i++) {
            ck_assert_int_eq(tile_subtree(&whole[0][512], l, i, &h), ERR_OK);
            ck_assert_mem_eq(&h, &whole[l][(512 >> l) + i], sizeof(h));
        }
        ck_assert_int_eq(tile_subtree(whole[0], l, (uint64_t)TILE_WIDTH >> l, &h), ERR_INVALID);
    }
    ck_assert_int_eq(tile_subtree(whole[0], 9, 0, &h), ERR_INVALID);
}
END_TEST

START_TEST(test_stored)
{
    struct tile_stored tile;
    struct merkle_hash h;
    memcpy(tile.hashes, &whole[0][512], sizeof(tile.hashes));
    memcpy(tile.middle, &whole[TILE_MIDDLE][512 >> TILE_MIDDLE], sizeof(tile.middle));
    for (unsigned l = 0; l <= TILE_HEIGHT; l++) {
        uint64_t n = (uint64_t)TILE_WIDTH >> l;
        for (uint64_t i = 0; i < n; i++) {
            ck_assert_int_eq(tile_stored_node(&tile, l, i, &h), ERR_OK);
            ck_assert_mem_eq(&h, &whole[l][(512 >> l) + i], sizeof(h));
        }
        ck_assert_int_eq(tile_stored_node(&tile, l, n, &h), ERR_INVALID);
    }
    ck_assert_int_eq(tile_stored_node(&tile, 9, 0, &h), ERR_INVALID);
    ck_assert_int_eq(tile_root(tile.middle, &h), ERR_OK);
    ck_assert_mem_eq(&h, &whole[TILE_HEIGHT][2], sizeof(h));
}
END_TEST

static const struct {
    unsigned level;
    uint64_t index;
    unsigned width;
    const char *path;
} PATHS[] = {
    {0, 0, 256, "tile/0/000"},
    {0, 0, 1, "tile/0/000.p/1"},
    {1, 999, 255, "tile/1/999.p/255"},
    {0, 1000, 256, "tile/0/x001/000"},
    {3, 1234067, 256, "tile/3/x001/x234/067"},
    {63, 1234, 112, "tile/63/x001/234.p/112"},
    {0, UINT64_MAX, 7, "tile/0/x018/x446/x744/x073/x709/x551/615.p/7"},
};

START_TEST(test_paths)
{
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        char path[TILE_PATH_MAX];
        unsigned level = 0, width = 0;
        uint64_t index = 0;
        tile_path(PATHS[i].level, PATHS[i].index, PATHS[i].width, path);
        ck_assert_str_eq(path, PATHS[i].path);
        ck_assert_int_eq(tile_path_parse(path, &level, &index, &width), ERR_OK);
        ck_assert_uint_eq(level, PATHS[i].level);
        ck_assert_uint_eq(index, PATHS[i].index);
        ck_assert_uint_eq(width, PATHS[i].width);
    }
}
END_TEST

START_TEST(test_paths_refused)
{
    static const char *const bad[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/x01/001",
        "tile/0/001/002",
        "tile/0/X001/002",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/+1/001",
        "tile/0/001.p",
        "tile/0/001.p/",
        "tile/0/001.p/0",
        "tile/0/001.p/01",
        "tile/0/001.p/256",
        "tile/0/001.p/1 ",
        "tile/0/001/",
        "tile/0/001.P/1",
        "/tile/0/001",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x018/x446/x744/x073/x709/x551/615",
        "tile/a/001",
        "tile/0/../001",
        "tile/entries/001",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        unsigned level, width;
        uint64_t index;
        ck_assert_msg(tile_path_parse(bad[i], &level, &index, &width) == ERR_INVALID, "%s",
                      bad[i]);
    }
}
END_TEST

int main(void)
{
    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    whole_make();
    int result = SUITE_RUN("crypto/tile", test_append, test_load_and_go_on, test_load_refuses,
                           test_largest_tree, test_failed_batch_is_taken_back, test_subtree,
                           test_stored, test_paths, test_paths_refused);
    for (unsigned l = 0; l < LEVELS; l++)
        free(whole[l]);
    return result;
}
