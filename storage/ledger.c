/* The ledger: opening, health, and appending inside a batch.
 *
 * Invariants
 * - The edge is the tree of rows 0..size-1 that are committed. Leaves of a batch join it when
 * all its jobs have run, so that a job that is rolled back leaves no trace in it; if the commit
 * then fails, the edge is read anew.
 * - The tree that was signed last is a beginning of the edge. Whatever contradicts this stops
 * the ledger for good: it can still be read, but nothing is signed or committed until an
 * operator has looked.
 * - The note of a checkpoint is stored with the next batch (one fsync less for each). What a
 * crash loses of it, the signer still knows.
 */
#include "gateway/base/clock.h"
#include "storage/committer.h"
#include "storage/db_internal.h"
#include "storage/ledger_internal.h"
#include "storage/ledger_words.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_VERSION = 1, LEAVES_AT_FIRST = 1024 };

/* --- opening --------------------------------------------------------------------------- */
void ledger_free(struct ledger *l)
{
    if (l == NULL)
        return;
    ledger_snapshots_free(l);
    ledger_fresh_clear(&l->fresh);
    (void)pthread_mutex_destroy(&l->cache.lock);
    (void)pthread_mutex_destroy(&l->lock);
    free(l->leaves);
    free(l->edge);
    free(l);
}

static enum err ledger_new(struct db_pool *pool, const struct ledger_signer *signer,
                           struct ledger **out)
{
    struct ledger *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return ERR_NOMEM;
    l->pool = pool;
    l->signer = *signer;
    l->health.code = ERR_OK;
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_mutex_init(&l->cache.lock, NULL);
    ledger_fresh_init(&l->fresh);
    l->edge = malloc(sizeof(*l->edge));
    *out = l;
    if (l->edge == NULL)
        return ERR_NOMEM;
    tile_edge_init(l->edge);
    return ERR_OK;
}

/* The edge under the newest stored checkpoint: what was signed must still be there. */
static enum err load_signed(struct ledger *l, struct db *db, uint64_t rows)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct checkpoint c;
    struct merkle_hash root;
    size_t text_len;
    enum err e;

    buf_init(&note, NOTE_MAX);
    e = checkpoint_newest(db, &note);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(e);
    e = checkpoint_parse(buf_text(&note), note.len, &c, &text_len);
    if (e != ERR_OK)
        return ledger_refuse(l, "its newest checkpoint is damaged (%s)", err_message(e));
    if (c.size > rows)
        return ledger_refuse(l, "%llu entries were signed, %llu are left in the database",
                             (unsigned long long)c.size, (unsigned long long)rows);
    e = ledger_edge_load(db, c.size, l->edge);
    if (e == ERR_CORRUPT)
        return ledger_refuse(l, "%s", err_message(e));
    TRY(e);
    TRY(tile_edge_root(l->edge, &root));
    if (!equal_constant_time(root.bytes, c.root.bytes, sizeof(root.bytes)))
        return ledger_refuse(
            l,
            "the newest entries are not those that were signed at %llu: rows were changed "
            "(run the replay)",
            (unsigned long long)c.size);
    l->stored_size = c.size;
    return ledger_publish(l, &c, note.data, note.len);
}

/* Rows that are committed and not in the edge yet. */
static enum err take_in(struct ledger *l, struct db *db, uint64_t rows)
{
    enum err e = ledger_catch_up(l, db, rows);

    if (e == ERR_NOT_FOUND)
        return ledger_refuse(l, "entry %llu is not there, but later ones are",
                             (unsigned long long)tile_edge_size(l->edge));
    return e;
}

static enum err load(struct ledger *l)
{
    struct db *db;
    uint64_t rows;

    TRY(db_writer(l->pool, &db));
    TRY(rows_count(db, &rows));
    TRY(load_signed(l, db, rows));
    TRY(take_in(l, db, rows));
    return ledger_sign(l, db);
}

enum err ledger_open(struct db_pool *pool, const struct ledger_signer *signer,
                     struct ledger **out)
{
    AUTO(ledger_free) struct ledger *l = NULL;
    enum err e = ledger_new(pool, signer, &l);

    if (e == ERR_OK)
        e = load(l);
    /* Reads work without a signature, and somebody must be able to find out what is wrong. */
    if (e == ERR_OK || ledger_health(l) != ERR_OK)
        *out = TAKE(l);
    return e;
}

enum err ledger_health(struct ledger *l)
{
    struct err_info health;

    pthread_mutex_lock(&l->lock);
    health = l->health;
    pthread_mutex_unlock(&l->lock);
    return err_restore(&health);
}

/* --- appending ------------------------------------------------------------------------- */
struct db *commit_db(struct commit_tx *tx)
{
    return tx->db;
}

static enum err leaves_push(struct ledger *l, const struct merkle_hash *leaf)
{
    if (l->n_leaves == l->cap_leaves) {
        size_t cap = l->cap_leaves == 0 ? LEAVES_AT_FIRST : l->cap_leaves * 2;
        struct merkle_hash *more = reallocarray(l->leaves, cap, sizeof(*more));

        if (more == NULL)
            return ERR_NOMEM;
        l->leaves = more;
        l->cap_leaves = cap;
    }
    l->leaves[l->n_leaves++] = *leaf;
    return ERR_OK;
}

static enum err column_uuid(const json_t *details, const char *name, struct uuid *out)
{
    const char *text = json_string_value(json_object_get(details, name));

    memset(out, 0, sizeof(*out));
    return text == NULL ? ERR_OK : uuid_parse(text, out);
}

static enum err columns_of(const json_t *details, struct entry_new *e)
{
    e->action = json_string_value(json_object_get(details, "action"));
    e->actor = json_string_value(json_object_get(details, "actor"));
    if (e->action == NULL)
        return err_set(ERR_INVALID, "an entry of the log without an action");
    TRY(column_uuid(details, "claim", &e->claim));
    return column_uuid(details, "artefact", &e->artefact);
}

enum err ledger_append(struct commit_tx *tx, json_t *details, struct ledger_ref *out)
{
    struct ledger *l = tx->ledger;
    struct entry_new row = {.index = l->leaves_first + l->n_leaves, .time = clock_now()};
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *rest = NULL;
    uint8_t salt[LEAF_SALT_SIZE];
    struct merkle_hash hash;
    struct leaf leaf;
    size_t len;

    TRY(columns_of(details, &row));
    json_put_int(details, "v", ENTRY_VERSION);
    json_put_time(details, "time", row.time);
    TRY(json_canonical(details, &text, &len));
    randombytes_buf(salt, sizeof(salt));
    TRY(leaf_make(row.time, salt, text, len, &leaf));
    TRY(merkle_leaf_hash(leaf.bytes, sizeof(leaf.bytes), &hash));
    row.commitment = leaf.bytes + LEAF_SIZE - SHA256_SIZE;
    row.salt = salt;
    row.details = text;
    TRY(words_left_out(details, &rest));
    row.rest = rest;
    TRY(entry_insert(tx->db, &row));
    TRY(leaves_push(l, &hash));
    ledger_fresh_keep(&l->fresh, &row, TAKE(text), len);
    *out = (struct ledger_ref){.index = row.index, .time = row.time};
    return ERR_OK;
}

/* --- a batch --------------------------------------------------------------------------- */
static bool is_refused(struct ledger *l)
{
    bool refused;

    pthread_mutex_lock(&l->lock);
    refused = l->refused;
    pthread_mutex_unlock(&l->lock);
    return refused;
}

static bool all_signed(const struct ledger *l)
{
    return l->signer_known && l->published_size == tile_edge_size(l->edge);
}

static enum err not_ready(struct ledger *l)
{
    enum err e = ledger_health(l);

    return err_set(ERR_UNAVAILABLE, "the log cannot be signed: %s", err_message(e));
}

enum err ledger_batch_ready(struct ledger *l, bool *refused)
{
    struct db *db;

    *refused = is_refused(l);
    if (*refused)
        return not_ready(l);
    if (all_signed(l))
        return ERR_OK;
    TRY(db_writer(l->pool, &db));
    if (ledger_sign(l, db) == ERR_OK)
        return ERR_OK;
    *refused = is_refused(l);
    return not_ready(l);
}

static enum err batch_prepare(struct commit_tx *tx)
{
    struct ledger *l = tx->ledger;
    uint64_t rows;

    TRY(rows_count(tx->db, &rows));
    if (rows < tile_edge_size(l->edge))
        return ledger_refuse(l, "%llu entries were written, %llu are left in the database",
                             (unsigned long long)tile_edge_size(l->edge),
                             (unsigned long long)rows);
    TRY(take_in(l, tx->db, rows));
    l->leaves_first = rows;
    l->n_leaves = 0;
    if (l->published_size == l->stored_size)
        return ERR_OK;
    TRY(checkpoint_insert(tx->db, &l->published->checkpoint, &l->published->note));
    tx->stored = l->published_size;
    return ERR_OK;
}

enum err ledger_batch_begin(struct ledger *l, struct commit_tx *tx)
{
    enum err e;

    *tx = (struct commit_tx){.ledger = l, .stored = l->stored_size};
    TRY(db_writer(l->pool, &tx->db));
    TRY(db_begin(tx->db));
    e = batch_prepare(tx);
    if (e != ERR_OK)
        ledger_batch_abort(tx);
    return e == ERR_CONFLICT ? not_ready(l) : e;
}

size_t ledger_batch_mark(const struct commit_tx *tx)
{
    return tx->ledger->n_leaves;
}

void ledger_batch_forget(struct commit_tx *tx, size_t mark)
{
    struct ledger *l = tx->ledger;

    assert(mark <= l->n_leaves);
    ledger_fresh_drop(&l->fresh, l->leaves_first + mark, l->n_leaves - mark);
    l->n_leaves = mark;
}

void ledger_batch_abort(struct commit_tx *tx)
{
    db_rollback(tx->db);
    ledger_batch_forget(tx, 0);
}

static enum err write_tile(void *ctx, unsigned level, uint64_t index,
                           const struct merkle_hash *nodes)
{
    return tile_insert(ctx, level, index, nodes);
}

/* A rollback is certain when SQLite says why it did not even finish writing: full, locked, a
 * deferred constraint. After a failed write or fsync the commit may yet be found in the WAL. */
static bool outcome_known(const struct db *db)
{
    int rc = sqlite3_errcode(db->handle) & 0xff;

    return rc == SQLITE_FULL || rc == SQLITE_BUSY || rc == SQLITE_CONSTRAINT;
}

static enum err extend_tree(struct commit_tx *tx)
{
    struct ledger *l = tx->ledger;

    assert(tile_edge_size(l->edge) == l->leaves_first);
    for (size_t i = 0; i < l->n_leaves; i++)
        TRY(tile_edge_append(l->edge, &l->leaves[i], write_tile, tx->db));
    return ERR_OK;
}

enum err ledger_batch_commit(struct commit_tx *tx, bool *unknown)
{
    struct ledger *l = tx->ledger;
    struct err_info why;
    enum err e = extend_tree(tx);

    *unknown = false;
    if (e == ERR_OK) {
        e = db_commit(tx->db);
        *unknown = e != ERR_OK && !outcome_known(tx->db);
    }
    if (e == ERR_OK) {
        l->stored_size = tx->stored;
        return ERR_OK;
    }
    if (*unknown)
        return e;
    err_save(e, &why);
    ledger_batch_abort(tx);
    if (ledger_edge_load(tx->db, l->leaves_first, l->edge) != ERR_OK)
        *unknown = true; /* the tree is lost, and with it what we could sign */
    return err_restore(&why);
}

enum err ledger_batch_sign(struct ledger *l)
{
    struct db *db;

    if (all_signed(l))
        return ERR_OK;
    TRY(db_writer(l->pool, &db));
    return ledger_sign(l, db);
}
