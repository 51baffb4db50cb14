/* A database, a signer, a ledger and its committer for a test. The signer is a real one: it
 * keeps its own frontier, signs with a fresh key, and refuses what does not continue what it
 * signed last. Its state lies in shared memory, two slots, so that it outlives a killed child
 * as the keeper's state file would. */
#ifndef TESTS_UNIT_STORAGE_LEDGER_WORLD_H
#define TESTS_UNIT_STORAGE_LEDGER_WORLD_H

#include "crypto/tile.h"
#include "storage/committer.h"
#include "tests/support/columns.h"
#include "tests/unit/storage/scratch.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { READERS = 4 };

struct signer_slot {
    struct merkle_frontier tree;
    size_t note_len; /* 0: nothing was signed */
    char note[NOTE_MAX];
};
struct test_signer {
    struct note_signer key;
    pthread_mutex_t lock;
    _Atomic int fail; /* enum err of every call; ERR_OK: none */
    _Atomic unsigned calls;
    _Atomic int now; /* the valid slot */
    struct signer_slot slots[2];
};

struct world {
    struct scratch dir;
    struct db_pool *pool;
    struct blob_store *blobs;
    struct test_signer *signer;
    struct ledger *ledger;
    struct committer *committer;
};

static inline enum err signer_extend(struct test_signer *s, struct signer_slot *next,
                                     const struct merkle_hash *leaves, size_t n,
                                     const struct merkle_hash *root)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct checkpoint c = {.size = 0};

    buf_init(&note, NOTE_MAX);
    for (size_t i = 0; i < n; i++)
        TRY(merkle_frontier_append(&next->tree, &leaves[i]));
    TRY(merkle_frontier_root(&next->tree, &c.root));
    if (memcmp(c.root.bytes, root->bytes, sizeof(c.root.bytes)) != 0)
        return err_set(ERR_CONFLICT, "the root is another");
    (void)snprintf(c.origin, sizeof(c.origin), "%s", s->key.verifier.name);
    c.size = next->tree.size;
    TRY(checkpoint_sign(&s->key, &c, &note));
    memcpy(next->note, note.data, note.len);
    next->note_len = note.len;
    return ERR_OK;
}

static inline enum err signer_answer(struct test_signer *s, uint64_t first,
                                     const struct merkle_hash *leaves, size_t n,
                                     const struct merkle_hash *root, struct buf *note,
                                     uint64_t *signed_size)
{
    const struct signer_slot *now = &s->slots[s->now];
    struct signer_slot *next = &s->slots[!s->now];

    *signed_size = now->tree.size;
    if (n == 0)
        return now->note_len == 0 ? err_set(ERR_NOT_FOUND, "nothing was signed")
                                  : buf_append(note, now->note, now->note_len);
    if (first != now->tree.size)
        return err_set(ERR_CONFLICT, "it does not continue");
    *next = *now;
    TRY(signer_extend(s, next, leaves, n, root));
    s->now = !s->now;
    return buf_append(note, next->note, next->note_len);
}

static inline enum err test_sign(void *ctx, uint64_t first, const struct merkle_hash *leaves,
                                 size_t n, const struct merkle_hash *root, struct buf *note,
                                 uint64_t *signed_size)
{
    struct test_signer *s = ctx;
    enum err e;

    ck_assert_uint_le(n, 4096);
    s->calls++;
    if (s->fail != ERR_OK)
        return err_set((enum err)s->fail, "the signer is out of order");
    pthread_mutex_lock(&s->lock);
    e = signer_answer(s, first, leaves, n, root, note, signed_size);
    pthread_mutex_unlock(&s->lock);
    return e;
}

static inline struct test_signer *signer_new(void)
{
    struct test_signer *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(s, MAP_FAILED);
    ok(crypto_init());
    ok(note_signer_generate("log.example", &s->key));
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static inline uint64_t signer_size(const struct test_signer *s)
{
    return s->slots[s->now].tree.size;
}

static inline void signer_free(struct test_signer *s)
{
    note_signer_clear(&s->key);
    munmap(s, sizeof(*s));
}

/* --- the world ------------------------------------------------------------------------- */
static inline enum err world_open_ledger(struct world *w)
{
    struct ledger_signer signer = {.sign = test_sign, .ctx = w->signer};

    ok(db_pool_open(scratch_path(&w->dir, "db"), true, READERS, &w->pool));
    columns_for_tests(w->pool);
    return ledger_open(w->pool, &signer, &w->ledger);
}

static inline void world_start(struct world *w)
{
    ok(committer_start(w->pool, w->ledger, w->blobs, &w->committer));
}

static inline void world_close(struct world *w)
{
    committer_stop(w->committer);
    ledger_free(w->ledger);
    db_pool_free(w->pool);
    w->committer = NULL;
    w->ledger = NULL;
    w->pool = NULL;
}

static inline void world_begin(struct world *w)
{
    *w = (struct world){.dir = scratch_new(), .signer = signer_new()};
    ok(blob_store_open_fs(scratch_path(&w->dir, "store"), &w->blobs));
    ok(world_open_ledger(w));
    world_start(w);
}

/* A second process on the same files. */
static inline void world_beside(struct world *w, const struct world *first)
{
    *w = (struct world){.dir = first->dir, .signer = first->signer, .blobs = first->blobs};
    ok(world_open_ledger(w));
    world_start(w);
}

static inline void world_reopen(struct world *w)
{
    world_close(w);
    ok(world_open_ledger(w));
    world_start(w);
}

static inline void world_end(struct world *w)
{
    world_close(w);
    blob_store_free(w->blobs);
    signer_free(w->signer);
    scratch_remove(&w->dir);
}

/* As somebody with the database file in hands. */
static inline void world_sql(struct world *w, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;

    ck_assert_int_eq(sqlite3_open(scratch_path(&w->dir, "db"), &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK, "%s: %s", sql, error);
    ck_assert_int_gt(sqlite3_total_changes(db), 0);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* --- jobs ------------------------------------------------------------------------------ */
struct entry_job {
    const char *action, *actor;
    struct uuid claim, artefact;
    size_t n; /* entries; 0: one */
    enum err result;
    struct ledger_ref ref; /* the first */
};

static inline json_t *entry_details(const struct entry_job *j)
{
    json_t *details = json_object();
    char text[UUID_TEXT_SIZE];

    json_put_text(details, "action", j->action == NULL ? "test.happened" : j->action);
    if (j->actor != NULL)
        json_put_text(details, "actor", j->actor);
    uuid_format(&j->claim, text);
    if (!uuid_is_nil(&j->claim))
        json_put_text(details, "claim", text);
    uuid_format(&j->artefact, text);
    if (!uuid_is_nil(&j->artefact))
        json_put_text(details, "artefact", text);
    return details;
}

static inline enum err entry_apply(struct commit_tx *tx, void *ctx)
{
    struct entry_job *j = ctx;

    for (size_t i = 0; i < (j->n == 0 ? 1 : j->n); i++) {
        AUTO(json_free) json_t *details = entry_details(j);
        struct ledger_ref ref;

        TRY(ledger_append(tx, details, &ref));
        if (i == 0)
            j->ref = ref;
    }
    return j->result == ERR_OK ? ERR_OK
                               : err_set_detail(j->result, 7, "the job does not want to");
}

static inline enum err world_run(struct world *w, struct entry_job *j)
{
    struct commit_job job = {.apply = entry_apply, .ctx = j};

    return committer_run(w->committer, &job);
}

static inline uint64_t world_append(struct world *w, size_t n)
{
    struct entry_job j = {.n = n};

    ok(world_run(w, &j));
    return j.ref.index;
}

/* --- what must hold -------------------------------------------------------------------- */
static inline void world_checkpoint(struct world *w, struct checkpoint *c)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint64_t size;
    size_t text_len;

    buf_init(&note, NOTE_MAX);
    ok(ledger_checkpoint(w->ledger, &note, &size));
    ok(note_verify(buf_text(&note), note.len, &w->signer->key.verifier));
    ok(checkpoint_parse(buf_text(&note), note.len, c, &text_len));
    ck_assert_uint_eq(c->size, size);
}

/* The receipt of the entry, verified; its details are the caller's. */
static inline json_t *world_receipt(struct world *w, uint64_t index)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r = {.index = 0};
    json_t *details = NULL;

    buf_init(&text, RECEIPT_MAX);
    ok(ledger_receipt(w->ledger, index, &text));
    ok(receipt_parse(buf_text(&text), text.len, &r));
    ok(receipt_verify(&r, &w->signer->key.verifier));
    ck_assert_uint_eq(r.index, index);
    ok(json_parse(r.details, r.details_len, &details));
    return details;
}

static inline void world_receipted(struct world *w, uint64_t index)
{
    json_free(world_receipt(w, index));
}

#endif
