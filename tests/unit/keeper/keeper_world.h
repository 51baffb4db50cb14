/* A folder with keys, a log of a few leaves held in memory, and a keeper to ask: what the tests
 * of this layer share. Each test runs in a process of its own (Check forks), so that a world is
 * made per test and its folder removed at its end. */
#ifndef TESTS_UNIT_KEEPER_KEEPER_WORLD_H
#define TESTS_UNIT_KEEPER_KEEPER_WORLD_H

#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/keeper/keeper.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORLD_LEAVES_MAX = 256, WORLD_PATH = 512, WORLD_SESSION_S = 900, WORLD_OPENS = 10000 };
#define WORLD_LOG "log.test.invalid/evidence"
#define ck_ok(expr)                                                                            \
    do {                                                                                       \
        enum err e_ = (expr);                                                                  \
        ck_assert_msg(e_ == ERR_OK, "%s: %s: %s", #expr, err_name(e_), err_message(e_));       \
    } while (0)
#define ck_err(expr, wanted)                                                                   \
    do {                                                                                       \
        enum err e_ = (expr);                                                                  \
        ck_assert_msg(e_ == (wanted), "%s: %s (%s), not %s", #expr, err_name(e_),              \
                      err_message(e_), #wanted);                                               \
    } while (0)

struct world {
    char dir[WORLD_PATH / 2], keys[WORLD_PATH], log_key[WORLD_PATH], state[WORLD_PATH];
    struct keeper_config config;
    char vkey[NOTE_VKEY_MAX], key_id[KEY_ID_SIZE];
    struct note_verifier log;
    struct age_recipient service, recovery;
    struct secret *recovery_identity;
    struct keeper *keeper;
    struct merkle_hash leaves[WORLD_LEAVES_MAX];
    size_t n;
};

static inline void world_make(struct world *w)
{
    memset(w, 0, sizeof(*w));
    ck_ok(crypto_init());
    secrets_allow_unlocked(true);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/eg-keeper-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w->dir));
    (void)snprintf(w->keys, sizeof(w->keys), "%s/keys", w->dir);
    (void)snprintf(w->log_key, sizeof(w->log_key), "%s/log.key", w->dir);
    (void)snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
    ck_assert_int_eq(mkdir(w->keys, 0700), 0);
    ck_ok(keeper_identity_create(w->keys, w->key_id, &w->service));
    ck_ok(keeper_log_key_create(w->log_key, WORLD_LOG, w->vkey));
    ck_ok(keeper_state_create(w->state));
    ck_ok(note_verifier_parse(w->vkey, strlen(w->vkey), &w->log));
    ck_ok(age_identity_generate(&w->recovery_identity, &w->recovery));
    w->config = (struct keeper_config){.keys_dir = w->keys,
                                       .log_key_file = w->log_key,
                                       .log_name = WORLD_LOG,
                                       .state_file = w->state,
                                       .read_session_s = WORLD_SESSION_S,
                                       .opens_per_second = WORLD_OPENS};
    keeper_set_program(KEEPER_TOOL);
}

static inline void world_start(struct world *w)
{
    ck_ok(keeper_start(&w->config, &w->keeper));
}

static inline void world_restart(struct world *w)
{
    keeper_stop(w->keeper);
    w->keeper = NULL;
    world_start(w);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void world_end(struct world *w)
{
    keeper_stop(w->keeper);
    secret_free(w->recovery_identity);
    (void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void world_reader(struct world *w)
{
    world_make(w);
    world_start(w);
}

/* --- the log --------------------------------------------------------------------------------
 */
static inline struct merkle_hash some_leaf(unsigned number)
{
    struct merkle_hash h;

    ck_ok(merkle_leaf_hash(&number, sizeof(number), &h));
    return h;
}

static inline enum err world_node(void *ctx, unsigned level, uint64_t index,
                                  struct merkle_hash *out)
{
    const struct world *w = ctx;
    struct merkle_hash left, right;

    if (level == 0) {
        *out = w->leaves[index];
        return ERR_OK;
    }
    TRY(world_node(ctx, level - 1, 2 * index, &left));
    TRY(world_node(ctx, level - 1, 2 * index + 1, &right));
    return merkle_node_hash(&left, &right, out);
}

/* The root of the first `size` leaves. */
static inline struct merkle_hash world_root(const struct world *w, size_t size)
{
    struct merkle_frontier f = {0};
    struct merkle_hash root;

    for (size_t i = 0; i < size; i++)
        ck_ok(merkle_frontier_append(&f, &w->leaves[i]));
    ck_ok(merkle_frontier_root(&f, &root));
    return root;
}

/* Asks for leaves [first, first + n) of the world's log. */
static inline enum err world_sign(struct world *w, size_t first, size_t n, struct buf *note,
                                  uint64_t *size)
{
    struct merkle_hash root = world_root(w, first + n);

    return keeper_sign(w->keeper, first, w->leaves + first, n, &root, note, size);
}

static inline void world_append(struct world *w, size_t n)
{
    ck_assert(w->n + n <= WORLD_LEAVES_MAX);
    for (size_t i = 0; i < n; i++, w->n++)
        w->leaves[w->n] = some_leaf((unsigned)w->n);
}

/* Is the note good, and of this size and of our leaves? */
static inline void check_note(const struct world *w, const struct buf *note, uint64_t size)
{
    struct merkle_hash root = world_root(w, (size_t)size);
    struct checkpoint c;
    size_t text_len;

    ck_ok(note_verify(buf_text(note), note->len, &w->log));
    ck_ok(checkpoint_parse(buf_text(note), note->len, &c, &text_len));
    ck_assert_uint_eq(c.size, size);
    ck_assert_mem_eq(c.root.bytes, root.bytes, sizeof(root.bytes));
    ck_assert_str_eq(c.origin, WORLD_LOG);
}

/* Appends an entry with these details, has it signed, and gives its receipt. Takes over
 * `details`. */
static inline void world_entry(struct world *w, json_t *details, struct buf *receipt)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    AUTO_FREE char *text = NULL;
    uint8_t salt[LEAF_SALT_SIZE];
    struct merkle_proof proof;
    struct leaf leaf;
    uint64_t size;
    size_t len;

    buf_init(&note, NOTE_MAX);
    buf_reset(receipt);
    ck_ok(json_canonical(details, &text, &len));
    json_free(details);
    randombytes_buf(salt, sizeof(salt));
    ck_ok(leaf_make(clock_now(), salt, text, len, &leaf));
    ck_assert(w->n < WORLD_LEAVES_MAX);
    ck_ok(merkle_leaf_hash(leaf.bytes, sizeof(leaf.bytes), &w->leaves[w->n++]));
    ck_ok(world_sign(w, w->n - 1, 1, &note, &size));
    ck_assert_uint_eq(size, w->n);
    ck_ok(merkle_inclusion(w->n - 1, w->n, world_node, w, &proof));
    ck_ok(receipt_format(&leaf, salt, text, len, w->n - 1, &proof, buf_text(&note), note.len,
                         receipt));
}

static inline json_t *opened_details(const struct uuid *artefact)
{
    json_t *details = json_object();
    char id[UUID_TEXT_SIZE];

    uuid_format(artefact, id);
    json_put_text(details, "action", "read.opened");
    json_put_text(details, "artefact", id);
    json_put_text(details, "actor", "https://issuer.test.invalid#pat");
    json_put_text(details, "purpose", "claim-assessment");
    json_put_text(details, "status", "available");
    json_put_int(details, "v", 1);
    json_put_time(details, "time", clock_now());
    return details;
}

/* --- an artefact ----------------------------------------------------------------------------
 */
struct sealed {
    struct uuid id;
    uint8_t file_key[AGE_FILE_KEY_SIZE], nonce[AGE_NONCE_SIZE];
    struct buf header;
};

static inline void sealed_make(const struct world *w, struct sealed *a)
{
    a->id = uuid_new();
    randombytes_buf(a->file_key, sizeof(a->file_key));
    randombytes_buf(a->nonce, sizeof(a->nonce));
    buf_init(&a->header, AGE_HEADER_MAX);
    ck_ok(age_header_seal(a->file_key, &a->id, &w->service, &w->recovery, &a->header));
}

static inline void sealed_clear(struct sealed *a)
{
    buf_clear(&a->header);
}

static inline enum err world_open(struct world *w, const struct sealed *a,
                                  const struct buf *receipt, uint8_t key[AGE_PAYLOAD_KEY_SIZE])
{
    struct keeper_opening o = {.receipt = buf_text(receipt),
                               .receipt_len = receipt->len,
                               .header = a->header.data,
                               .header_len = a->header.len,
                               .artefact = a->id};

    memcpy(o.nonce, a->nonce, sizeof(o.nonce));
    return keeper_open(w->keeper, &o, key);
}

#endif
