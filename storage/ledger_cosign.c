/* What witnesses have signed of our checkpoints.
 *
 * Invariants
 * - A cosignature is kept under the very checkpoint that was cosigned: the stored note is
 * compared with the one that the witness saw, in the transaction that stores the cosignature.
 * - Whoever puts one here has verified it with the witness's key (crypto/witness.h); these rows
 * know no keys.
 * - Rows may be written by another process: readers ask the table each time. It is one step at
 * the right end of its key.
 */
#include "gateway/base/clock.h"
#include "storage/ledger_internal.h"
#include "storage/statement.h"

#include <string.h>

enum {
    COSIGNATURES_MAX = NOTE_SIGNATURES_MAX - 1
}; /* a note has room for, beside the log's own */

/* --- writing --------------------------------------------------------------------------- */
static enum err checkpoint_read(struct db *db, uint64_t size, struct buf *note)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT note FROM ledger_checkpoints WHERE size = ?"));
    bind_u64(&s, size);
    TRY(statement_find(&s));
    read_append(&s, note);
    return statement_read(&s);
}

static enum err checkpoint_keep(struct db *db, const struct checkpoint *c,
                                const struct buf *note)
{
    AUTO_CLEAR(buf_clear) struct buf stored;

    buf_init(&stored, NOTE_MAX);
    TRY(checkpoint_insert(db, c, note));
    TRY(checkpoint_read(db, c->size, &stored));
    if (stored.len != note->len || memcmp(stored.data, note->data, note->len) != 0)
        return err_set(ERR_CONFLICT, "another checkpoint of %llu entries is stored",
                       (unsigned long long)c->size);
    return ERR_OK;
}

enum err ledger_cosignature_put(struct commit_tx *tx, const struct buf *note,
                                const char *witness, const struct cosignature *c)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};
    struct checkpoint checkpoint;
    size_t text_len;

    if (c->time > INT64_MAX / MICROS_PER_SECOND)
        return err_set(ERR_INVALID, "the time of a cosignature is out of range");
    TRY(checkpoint_parse(buf_text(note), note->len, &checkpoint, &text_len));
    TRY(checkpoint_keep(commit_db(tx), &checkpoint, note));
    TRY(statement_begin(
        &s, commit_db(tx),
        "INSERT INTO ledger_cosignatures(size, witness, line, cosigned_at) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(size, witness) DO UPDATE"
        " SET line = excluded.line, cosigned_at = excluded.cosigned_at"));
    bind_u64(&s, checkpoint.size);
    bind_text(&s, witness);
    bind_text(&s, c->line);
    bind_int(&s, (int64_t)c->time * MICROS_PER_SECOND);
    return statement_run(&s);
}

/* --- reading --------------------------------------------------------------------------- */
static enum err cosigned_size(struct db *db, uint64_t most, uint64_t *size)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT size FROM ledger_cosignatures WHERE size <= ?"
                        " ORDER BY size DESC LIMIT 1"));
    bind_u64(&s, most);
    TRY(statement_find(&s));
    *size = read_u64(&s);
    return statement_read(&s);
}

static enum err lines_append(struct db *db, uint64_t size, struct buf *note)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool row;

    TRY(statement_begin(&s, db,
                        "SELECT line FROM ledger_cosignatures WHERE size = ?"
                        " ORDER BY witness LIMIT ?"));
    bind_u64(&s, size);
    bind_int(&s, COSIGNATURES_MAX);
    for (;;) {
        TRY(statement_step(&s, &row));
        if (!row)
            return ERR_OK;
        read_append(&s, note);
        TRY(statement_read(&s));
    }
}

enum err cosigned_newest(struct db *db, uint64_t most, struct checkpoint *out, struct buf *note)
{
    uint64_t size;
    size_t text_len;

    TRY(cosigned_size(db, most, &size));
    enum err e = checkpoint_read(db, size, note);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    TRY(lines_append(db, size, note));
    if (e != ERR_OK || checkpoint_parse(buf_text(note), note->len, out, &text_len) != ERR_OK ||
        out->size != size)
        return err_set(ERR_CORRUPT, "the cosigned checkpoint of %llu is damaged",
                       (unsigned long long)size);
    return ERR_OK;
}

/* A witness that takes part signed one of the newest: the walk back is short. */
enum err ledger_cosigned_size(struct db *db, const char *witness, uint64_t *size)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT size FROM ledger_cosignatures WHERE witness = ?"
                        " ORDER BY size DESC LIMIT 1"));
    bind_text(&s, witness);
    TRY(statement_find(&s));
    *size = read_u64(&s);
    return statement_read(&s);
}

static enum err cosignature_read(struct statement *s, uint64_t *size, char *witness, size_t cap,
                                 struct buf *note)
{
    *size = read_u64(s);
    read_text(s, witness, cap);
    read_append(s, note);
    read_append(s, note);
    return statement_read(s);
}

enum err ledger_cosignature_each(struct db *db,
                                 enum err (*fn)(void *ctx, uint64_t size, const char *witness,
                                                const struct buf *note),
                                 void *ctx)
{
    AUTO_CLEAR(statement_end) struct statement s;
    AUTO_CLEAR(buf_clear) struct buf note;
    char witness[NOTE_NAME_MAX + 1];
    uint64_t size;
    bool row;

    buf_init(&note, NOTE_MAX);
    TRY(statement_begin(&s, db,
                        "SELECT c.size, c.witness, p.note, c.line"
                        " FROM ledger_cosignatures c JOIN ledger_checkpoints p USING(size)"
                        " ORDER BY c.size, c.witness"));
    for (;;) {
        TRY(statement_step(&s, &row));
        if (!row)
            return ERR_OK;
        buf_reset(&note);
        TRY(cosignature_read(&s, &size, witness, sizeof(witness), &note));
        TRY(fn(ctx, size, witness, &note));
    }
}
