/* The rows of the ledger: entries, full tiles, checkpoints. The only SQL of the tree.
 *
 * Invariants: seq is the index of the leaf, from 0, without a gap; a tile row is written once,
 * in the transaction that writes the row of its last leaf. Erasing takes salt, details and
 * look-up columns, and cuts the time to what the leaf says of it. */
#include "gateway/base/clock.h"
#include "storage/committer.h"
#include "storage/ledger_internal.h"
#include "storage/ledger_words.h"
#include "storage/statement.h"

#include <string.h>

enum { LEAF_VERSION = 1 };
_Static_assert(LEAF_SIZE == 1 + 8 + SHA256_SIZE, "the leaf as crypto/receipt.h draws it");

void leaf_of_row(int64_t time, const uint8_t commitment[SHA256_SIZE], struct leaf *out)
{
    uint64_t seconds = (uint64_t)(time / MICROS_PER_SECOND);

    seconds -= seconds % LEAF_TIME_GRAIN;
    out->bytes[0] = LEAF_VERSION;
    for (int i = 8; i > 0; i--, seconds >>= 8)
        out->bytes[i] = (uint8_t)seconds;
    memcpy(out->bytes + 9, commitment, SHA256_SIZE);
}

/* A row that we are about to write for the first time: to a job, "exists" would mean something
 * of its own. */
static enum err unheard_of(enum err e)
{
    return e == ERR_EXISTS ? err_set(ERR_CORRUPT, "the log: %s", err_message(e)) : e;
}

enum err rows_count(struct db *db, uint64_t *size)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT coalesce(max(seq) + 1, 0) FROM ledger_entries"));
    TRY(statement_find(&s));
    *size = read_u64(&s);
    return statement_read(&s);
}

enum err entry_insert(struct db *db, const struct entry_new *e)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO ledger_entries(seq, time, commitment, salt, details, sealed, action,"
        " claim, artefact, actor) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_u64(&s, e->index);
    bind_int(&s, e->time);
    bind_blob(&s, e->commitment, SHA256_SIZE);
    bind_blob(&s, e->salt, LEAF_SALT_SIZE);
    bind_details(&s, e->index, e->rest ? e->rest : e->details, e->rest ? e->details : NULL);
    bind_text(&s, e->action);
    bind_uuid_or_null(&s, &e->claim);
    bind_uuid_or_null(&s, &e->artefact);
    bind_text_or_null(&s, e->actor);
    return unheard_of(statement_run(&s));
}

enum err entry_read(struct db *db, uint64_t index, struct entry_row *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT seq, time, commitment, salt, details, sealed FROM "
                        "ledger_entries WHERE seq = ?"));
    bind_u64(&s, index);
    TRY(statement_find(&s));
    out->index = read_u64(&s);
    out->time = read_int(&s);
    read_blob(&s, out->commitment, sizeof(out->commitment));
    out->has_salt = !read_is_null(&s);
    read_blob(&s, out->salt, sizeof(out->salt));
    out->has_details = !read_is_null(&s);
    read_details(&s, out->index, &out->details, &out->is_whole, NULL);
    return statement_read(&s);
}

enum err rows_leaf_hashes(struct db *db, uint64_t first, size_t max, struct merkle_hash *out,
                          size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool row;

    *n = 0;
    TRY(statement_begin(&s, db,
                        "SELECT seq, time, commitment FROM ledger_entries WHERE seq >= ?"
                        " ORDER BY seq LIMIT ?"));
    bind_u64(&s, first);
    bind_u64(&s, max);
    for (;;) {
        uint8_t commitment[SHA256_SIZE];
        struct leaf leaf;
        uint64_t seq;
        int64_t time;

        TRY(statement_step(&s, &row));
        if (!row)
            return ERR_OK;
        seq = read_u64(&s);
        time = read_int(&s);
        read_blob(&s, commitment, sizeof(commitment));
        TRY(statement_read(&s));
        if (seq != first + *n)
            return ERR_OK; /* a gap: the caller misses what it counted on */
        leaf_of_row(time, commitment, &leaf);
        TRY(merkle_leaf_hash(leaf.bytes, sizeof(leaf.bytes), &out[(*n)++]));
    }
}

enum err tile_insert(struct db *db, unsigned level, uint64_t index,
                     const struct merkle_hash nodes[TILE_NODES])
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "INSERT INTO ledger_tiles(level, idx, middle, hashes) VALUES(?, ?, ?, ?)"));
    bind_int(&s, level);
    bind_u64(&s, index);
    bind_blob(&s, nodes + TILE_MIDDLE_AT, sizeof(((struct tile_stored *)0)->middle));
    bind_blob(&s, nodes, TILE_BYTES);
    return unheard_of(statement_run(&s));
}

static enum err tile_find(struct statement *s, unsigned level, uint64_t index)
{
    bool row;

    bind_int(s, level);
    bind_u64(s, index);
    TRY(statement_step(s, &row));
    if (!row)
        return err_set(ERR_CORRUPT, "tile %llu of level %u of the log is not there",
                       (unsigned long long)index, level);
    return ERR_OK;
}

enum err tile_read(struct db *db, unsigned level, uint64_t index, struct tile_stored *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT middle, hashes FROM ledger_tiles WHERE level = ? AND idx = ?"));
    TRY(tile_find(&s, level, index));
    read_blob(&s, out->middle, sizeof(out->middle));
    read_blob(&s, out->hashes, sizeof(out->hashes));
    return statement_read(&s);
}

enum err tile_read_middle(struct db *db, unsigned level, uint64_t index,
                          struct merkle_hash out[TILE_MIDDLE_WIDTH])
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT middle FROM ledger_tiles WHERE level = ? AND idx = ?"));
    TRY(tile_find(&s, level, index));
    read_blob(&s, out, TILE_MIDDLE_WIDTH * sizeof(*out));
    return statement_read(&s);
}

enum err checkpoint_insert(struct db *db, const struct checkpoint *c, const struct buf *note)
{
    AUTO_CLEAR(statement_end) struct statement s;

    /* Another process may have stored the same one. */
    TRY(statement_begin(
        &s, db,
        "INSERT OR IGNORE INTO ledger_checkpoints(size, note, signed_at) VALUES(?, ?, ?)"));
    bind_u64(&s, c->size);
    bind_text(&s, buf_text(note));
    bind_int(&s, clock_now());
    return statement_run(&s);
}

enum err checkpoint_newest(struct db *db, struct buf *note)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT note FROM ledger_checkpoints ORDER BY size DESC LIMIT 1"));
    TRY(statement_find(&s));
    read_append(&s, note);
    return statement_read(&s);
}
