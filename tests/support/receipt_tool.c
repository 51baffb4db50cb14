/* Receipts of made-up logs, and our verifier on the command line: the other half of the test
 * that an independent verifier agrees with ours.
 *
 *     receipt_tool make FOLDER
 *         log.vkey, witness.vkey, evidence, and receipts of trees of several sizes:
 *         <size>-<index>.tlog-proof, one of them cosigned
 *     receipt_tool example
 *         the worked example of docs/receipt.md, with its intermediate values
 *     receipt_tool verify VKEY RECEIPT [EVIDENCE]
 *         exit status 0: it holds; 1: it does not
 *     receipt_tool verify-each VKEY
 *         reads paths of receipts from standard input, prints "good" or "bad" for each
 *     receipt_tool verify-witness VKEY RECEIPT
 *         prints the time of the cosignature
 *
 * The keys are made of seeds that everybody knows: nothing signed here means anything.
 */
#include "crypto/receipt.h"
#include "crypto/tile.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_NAME "gateway.example/log"
#define WITNESS_NAME "witness.example/w1"
#define EVIDENCE "This is a letter.\n"
#define FIRST_ENTRY_TIME INT64_C(1795323789000000) /* 2026-11-22T05:03:09Z */
#define COSIGNING_TIME 1795323790

enum { FILE_MAX = 1 << 20, FULL_TILES_MAX = 16, PATH_SIZE = 512 };

/* --- a log ------------------------------------------------------------------------------- */

struct log_tree {
    struct tile_edge *edge;
    struct merkle_hash *tiles; /* the full tiles of level 0 */
};

struct entry {
    uint8_t salt[LEAF_SALT_SIZE];
    char details[512];
    struct leaf leaf;
    struct merkle_hash hash;
};

static enum err store_tile(void *ctx, unsigned level, uint64_t index,
                           const struct merkle_hash *hashes)
{
    struct log_tree *t = ctx;
    if (level == 0 && index < FULL_TILES_MAX)
        memcpy(t->tiles + index * TILE_WIDTH, hashes, TILE_BYTES);
    return ERR_OK;
}

static enum err tree_get(void *ctx, unsigned level, uint64_t index, struct merkle_hash *out)
{
    struct log_tree *t = ctx;
    enum err e = tile_edge_get(t->edge, level, index, out);
    if (e != ERR_NOT_FOUND)
        return e;
    uint64_t tile =
        index >> (TILE_HEIGHT - level); /* higher levels of so small a tree are in the edge */
    assert(level < TILE_HEIGHT && tile < FULL_TILES_MAX);
    return tile_subtree(t->tiles + tile * TILE_WIDTH, level,
                        index & ((UINT64_C(1) << (TILE_HEIGHT - level)) - 1), out);
}

/* Entry `number` of a log; the upload is the one that a receipt is wanted for. */
static enum err entry_make(uint64_t number, bool upload, struct entry *out)
{
    memset(out->salt, (int)number, LEAF_SALT_SIZE);
    if (upload) {
        uint8_t digest[SHA256_SIZE];
        char hex[HEX_SIZE(SHA256_SIZE)];
        TRY(sha256_once(EVIDENCE, strlen(EVIDENCE), digest));
        hex_encode(digest, sizeof(digest), hex);
        (void)snprintf(out->details, sizeof(out->details),
                       "{\"action\":\"upload.committed\",\"artefact\":\"0193d2a4-0000-7000-"
                       "8000-000000000001\","
                       "\"sha256\":\"%s\",\"time\":\"2026-11-22T05:03:09.000000Z\",\"v\":1}",
                       hex);
    } else {
        (void)snprintf(out->details, sizeof(out->details),
                       "{\"action\":\"policy.loaded\",\"number\":%" PRIu64 ",\"v\":1}", number);
    }
    TRY(leaf_make(FIRST_ENTRY_TIME, out->salt, out->details, strlen(out->details), &out->leaf));
    return merkle_leaf_hash(out->leaf.bytes, LEAF_SIZE, &out->hash);
}

static enum err signer_of(const char *name, int seed_byte, struct note_signer *out)
{
    AUTO(secret_free) struct secret *seed = NULL;
    TRY(secret_new(NOTE_KEY_SIZE, &seed));
    memset(seed->bytes, seed_byte, NOTE_KEY_SIZE);
    return note_signer_load(name, seed, out);
}

static enum err tree_grow(struct log_tree *t, uint64_t size, uint64_t upload, struct entry *out)
{
    tile_edge_init(t->edge);
    for (uint64_t i = 0; i < size; i++) {
        struct entry entry;
        TRY(entry_make(i, i == upload, &entry));
        TRY(tile_edge_append(t->edge, &entry.hash, store_tile, t));
        if (i == upload)
            *out = entry;
    }
    return ERR_OK;
}

static enum err tree_sign(const struct log_tree *t, bool cosigned, struct checkpoint *c,
                          struct buf *note)
{
    AUTO_CLEAR(note_signer_clear)
    struct note_signer log = {.seed = NULL}, witness = {.seed = NULL};
    TRY(signer_of(LOG_NAME, 0, &log));
    *c = (struct checkpoint){.origin = LOG_NAME, .size = tile_edge_size(t->edge)};
    TRY(tile_edge_root(t->edge, &c->root));
    TRY(checkpoint_sign(&log, c, note));
    if (!cosigned)
        return ERR_OK;
    AUTO_CLEAR(buf_clear) struct buf line;
    buf_init(&line, NOTE_MAX);
    TRY(signer_of(WITNESS_NAME, 1, &witness));
    TRY(note_cosign(&witness, COSIGNING_TIME, buf_text(note), note->len, &line));
    return buf_append(note, line.data, line.len);
}

struct example {
    struct entry entry;
    struct checkpoint checkpoint;
    struct merkle_proof proof;
};

static enum err receipt_make(uint64_t size, uint64_t index, bool cosigned, struct example *e,
                             struct buf *out)
{
    AUTO_FREE struct tile_edge *edge = malloc(sizeof(*edge));
    AUTO_FREE struct merkle_hash *tiles = malloc((size_t)FULL_TILES_MAX * TILE_BYTES);
    AUTO_CLEAR(buf_clear) struct buf note;
    if (!edge || !tiles)
        return err_set(ERR_NOMEM, "no memory for a tree");
    buf_init(&note, NOTE_MAX);
    struct log_tree tree = {edge, tiles};
    TRY(tree_grow(&tree, size, index, &e->entry));
    TRY(merkle_inclusion(index, size, tree_get, &tree, &e->proof));
    TRY(tree_sign(&tree, cosigned, &e->checkpoint, &note));
    return receipt_format(&e->entry.leaf, e->entry.salt, e->entry.details,
                          strlen(e->entry.details), index, &e->proof, buf_text(&note), note.len,
                          out);
}

/* --- files ------------------------------------------------------------------------------- */

static enum err file_write(const char *folder, const char *name, const void *data, size_t len)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        return err_errno(path);
    bool whole = fwrite(data, 1, len, f) == len;
    return fclose(f) == 0 && whole ? ERR_OK : err_errno(path);
}

static enum err file_read(const char *path, struct buf *out)
{
    uint8_t piece[4096];
    size_t n;
    buf_init(out, FILE_MAX);
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_errno(path);
    enum err e = ERR_OK;
    while (e == ERR_OK && (n = fread(piece, 1, sizeof(piece), f)) > 0)
        e = buf_append(out, piece, n);
    (void)fclose(f);
    return e;
}

static enum err vkey_read(const char *path, struct note_verifier *out)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    TRY(file_read(path, &text));
    return note_verifier_parse(buf_text(&text), text.len, out);
}

static enum err vkey_write(const char *folder, const char *file, const char *name,
                           int seed_byte, uint8_t algorithm)
{
    AUTO_CLEAR(note_signer_clear) struct note_signer s = {.seed = NULL};
    struct note_verifier v;
    char text[NOTE_VKEY_MAX + 1];
    TRY(signer_of(name, seed_byte, &s));
    TRY(note_verifier_make(name, algorithm, s.verifier.public_key, &v));
    note_verifier_format(&v, text);
    strcat(text, "\n");
    return file_write(folder, file, text, strlen(text));
}

/* --- commands ---------------------------------------------------------------------------- */

static const struct {
    uint64_t size, index;
    bool cosigned;
} RECEIPTS[] = {
    {1, 0, false},     {2, 0, false},   {2, 1, false},      {3, 1, false},
    {3, 2, false},     {7, 6, false},   {255, 0, false},    {256, 255, false},
    {257, 256, false}, {257, 3, false}, {1000, 500, false}, {1000, 999, true},
};

static enum err make(char **args)
{
    const char *folder = args[0];
    TRY(vkey_write(folder, "log.vkey", LOG_NAME, 0, NOTE_ED25519));
    TRY(vkey_write(folder, "witness.vkey", WITNESS_NAME, 1, NOTE_COSIGNATURE));
    TRY(file_write(folder, "evidence", EVIDENCE, strlen(EVIDENCE)));
    for (size_t i = 0; i < ARRAY_LEN(RECEIPTS); i++) {
        AUTO_CLEAR(buf_clear) struct buf text;
        struct example e;
        char name[64];
        buf_init(&text, RECEIPT_MAX);
        TRY(receipt_make(RECEIPTS[i].size, RECEIPTS[i].index, RECEIPTS[i].cosigned, &e, &text));
        (void)snprintf(name, sizeof(name), "%" PRIu64 "-%" PRIu64 ".tlog-proof",
                       RECEIPTS[i].size, RECEIPTS[i].index);
        TRY(file_write(folder, name, text.data, text.len));
    }
    return ERR_OK;
}

static void print_hex(const char *label, const void *data, size_t len)
{
    char hex[HEX_SIZE(64)];
    hex_encode(data, len, hex);
    (void)printf("%-12s %s\n", label, hex);
}

static enum err example(char **args)
{
    (void)args;
    AUTO_CLEAR(note_signer_clear) struct note_signer log = {.seed = NULL};
    AUTO_CLEAR(buf_clear) struct buf text;
    struct example e;
    char vkey[NOTE_VKEY_MAX];
    buf_init(&text, RECEIPT_MAX);
    TRY(signer_of(LOG_NAME, 0, &log));
    TRY(receipt_make(3, 1, false, &e, &text));
    note_verifier_format(&log.verifier, vkey);
    print_hex("seed", log.seed->bytes, log.seed->len);
    print_hex("public key", log.verifier.public_key, NOTE_KEY_SIZE);
    (void)printf("%-12s %s\n", "vkey", vkey);
    (void)printf("%-12s %s\n", "details", e.entry.details);
    print_hex("salt", e.entry.salt, LEAF_SALT_SIZE);
    print_hex("leaf", e.entry.leaf.bytes, LEAF_SIZE);
    print_hex("leaf hash", e.entry.hash.bytes, MERKLE_HASH_SIZE);
    for (size_t i = 0; i < e.proof.n; i++)
        print_hex("proof", e.proof.hashes[i].bytes, MERKLE_HASH_SIZE);
    print_hex("root", e.checkpoint.root.bytes, MERKLE_HASH_SIZE);
    (void)printf("\n%s", buf_text(&text));
    return ERR_OK;
}

static enum err evidence_check(const struct receipt *r, const char *path)
{
    AUTO_CLEAR(buf_clear) struct buf evidence;
    AUTO(json_free) json_t *details = NULL;
    uint8_t digest[SHA256_SIZE];
    char hex[HEX_SIZE(SHA256_SIZE)];
    TRY(file_read(path, &evidence));
    TRY(sha256_once(evidence.data, evidence.len, digest));
    hex_encode(digest, sizeof(digest), hex);
    TRY(json_parse(r->details, r->details_len, &details));
    const char *want = json_string_value(json_object_get(details, "sha256"));
    if (!want || strcmp(want, hex) != 0)
        return err_set(ERR_CRYPTO, "the file is not the one that was received");
    return ERR_OK;
}

static enum err verify_file(const char *path, const struct note_verifier *key,
                            const char *evidence)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r = {.details = NULL};
    TRY(file_read(path, &text));
    TRY(receipt_parse(buf_text(&text), text.len, &r));
    TRY(receipt_verify(&r, key));
    return evidence ? evidence_check(&r, evidence) : ERR_OK;
}

static enum err verify(char **args)
{
    struct note_verifier key;
    TRY(vkey_read(args[0], &key));
    return verify_file(args[1], &key, args[2]);
}

static enum err verify_each(char **args)
{
    struct note_verifier key;
    char path[PATH_SIZE];
    TRY(vkey_read(args[0], &key));
    while (fgets(path, sizeof(path), stdin)) {
        path[strcspn(path, "\n")] = '\0';
        (void)puts(verify_file(path, &key, NULL) == ERR_OK ? "good" : "bad");
    }
    return ERR_OK;
}

static enum err verify_witness(char **args)
{
    struct note_verifier key;
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r = {.details = NULL};
    uint64_t time;
    TRY(vkey_read(args[0], &key));
    TRY(file_read(args[1], &text));
    TRY(receipt_parse(buf_text(&text), text.len, &r));
    TRY(note_verify_cosignature(r.note, r.note_len, &key, &time));
    (void)printf("%" PRIu64 "\n", time);
    return ERR_OK;
}

static const struct {
    const char *name;
    int least, most; /* arguments */
    enum err (*run)(char **args);
} COMMANDS[] = {
    {"make", 1, 1, make},
    {"example", 0, 0, example},
    {"verify", 2, 3, verify},
    {"verify-each", 1, 1, verify_each},
    {"verify-witness", 2, 2, verify_witness},
};

int main(int argc, char **argv)
{
    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK)
        return 2;
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) != 0 || argc - 2 < COMMANDS[i].least ||
            argc - 2 > COMMANDS[i].most)
            continue;
        enum err e = COMMANDS[i].run(argv + 2);
        if (e != ERR_OK)
            (void)fprintf(stderr, "receipt_tool: %s\n", err_message(e));
        return e == ERR_OK ? 0 : 1;
    }
    (void)fprintf(stderr, "receipt_tool: what stands at the top of its source\n");
    return 2;
}
