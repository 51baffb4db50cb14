/* The auditor's replay: everything that can be recomputed from the rows is, and what differs is
 * reported.
 *
 *     row        details + salt -> commitment              "commitment", or "erased" by an
 *                                                          order in the log, or "unordered"
 *                details -> the columns for look-ups       "columns"
 *     rows       seq without a gap                         "gap"
 *     leaves     -> full tiles, as the rows have them      "tile"
 *                -> the root at every stored checkpoint, and at the newest one in memory "root"
 *
 * Invariants: nothing that was written by the log is trusted but the checkpoints, and of those
 * the newest came from the signer. Rows are read in short snapshots, so that a replay of hours
 * does not keep the WAL from being copied back; an entry may lawfully be erased meanwhile. A
 * missing row ends the recomputing of the tree (its leaf is unknown), not the checking of rows.
 */
#include "gateway/base/clock.h"
#include "storage/db_internal.h"
#include "storage/ledger_internal.h"
#include "storage/ledger_words.h"
#include "storage/statement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FINDING_MESSAGE_MAX = 160 };

struct replay {
    struct ledger *ledger;
    void (*report)(void *ctx, const struct ledger_finding *f);
    void *ctx;
    uint64_t findings;
    struct ledger_snapshot *newest; /* NULL: nothing is published */
    struct tile_edge *edge;         /* recomputed */
    bool broken;                    /* the tree cannot be recomputed any further */
    struct db *db;                  /* of the present piece */
    struct erase_orders orders;     /* as the present piece's snapshot has them */
    uint64_t next, end;             /* rows */
};

struct full_row { /* texts keep their memory from row to row */
    struct entry_row entry;
    struct buf rest;             /* what stands beside sealed details; else empty */
    struct buf action, actor;    /* empty when null */
    struct uuid claim, artefact; /* nil when null */
};

static PRINTF_LIKE(4, 5) void report(struct replay *r, const char *kind, uint64_t index,
                                     const char *fmt, ...)
{
    char message[FINDING_MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    if (strcmp(kind, "erased") != 0)
        r->findings++;
    r->report(r->ctx,
              &(struct ledger_finding){.kind = kind, .index = index, .message = message});
}

/* --- one row --------------------------------------------------------------------------- */
static bool same_text(const struct buf *column, const json_t *details, const char *name)
{
    const char *text = json_string_value(json_object_get(details, name));

    return strcmp(buf_text(column), text == NULL ? "" : text) == 0;
}

static bool same_uuid(const struct uuid *column, const json_t *details, const char *name)
{
    const char *text = json_string_value(json_object_get(details, name));
    struct uuid id = {{0}};

    if (text != NULL && uuid_parse(text, &id) != ERR_OK)
        return false;
    return uuid_equal(column, &id);
}

static bool same_time(int64_t column, const json_t *details)
{
    const char *text = json_string_value(json_object_get(details, "time"));
    int64_t time;

    return text != NULL && time_parse(text, &time) == ERR_OK && time == column;
}

/* What look-ups see of an entry with free words is the rest of what was committed to. */
static bool same_rest(const struct full_row *row, const json_t *details)
{
    AUTO_FREE char *rest = NULL;

    if (row->rest.len == 0)
        return true;
    return words_left_out(details, &rest) == ERR_OK && rest != NULL &&
           strcmp(rest, buf_text(&row->rest)) == 0;
}

static void check_columns(struct replay *r, const struct full_row *row)
{
    const struct entry_row *e = &row->entry;
    AUTO(json_free) json_t *details = NULL;

    if (json_parse(e->details.data, e->details.len, &details) != ERR_OK)
        report(r, "columns", e->index, "its details are not JSON");
    else if (!same_text(&row->action, details, "action") ||
             !same_text(&row->actor, details, "actor") ||
             !same_uuid(&row->claim, details, "claim") ||
             !same_uuid(&row->artefact, details, "artefact") || !same_rest(row, details))
        report(r, "columns", e->index, "its look-up columns are not what its details say");
    else if (!same_time(e->time, details))
        report(r, "columns", e->index, "its time is not what its details say");
}

static enum err check_erased(struct replay *r, const struct full_row *row)
{
    bool ordered = false;

    TRY(erase_ordered(&r->orders, r->db, row->entry.index, &ordered));
    if (row->action.len != 0 || row->actor.len != 0 || !uuid_is_nil(&row->claim) ||
        !uuid_is_nil(&row->artefact))
        report(r, "columns", row->entry.index,
               "it was erased, but its look-up columns were not");
    if (ordered)
        report(r, "erased", row->entry.index, "its details were erased by an order in the log");
    else
        report(r, "unordered", row->entry.index,
               "its details are gone, and no entry orders that");
    return ERR_OK;
}

static enum err check_row(struct replay *r, const struct full_row *row)
{
    const struct entry_row *e = &row->entry;
    uint8_t commitment[SHA256_SIZE];

    if (!e->has_details && !e->has_salt)
        return check_erased(r, row);
    if (e->has_details && !e->is_whole)
        return err_set(ERR_UNAVAILABLE,
                       "entry %llu has free words, and there is no column key to open them",
                       (unsigned long long)e->index);
    if (!e->has_details || !e->has_salt) {
        report(r, "commitment", e->index, "only one of details and salt is there");
        return ERR_OK;
    }
    TRY(hmac_sha256(e->salt, sizeof(e->salt), buf_text(&e->details), e->details.len,
                    commitment));
    if (memcmp(commitment, e->commitment, sizeof(commitment)) != 0)
        report(r, "commitment", e->index, "its details are not what was committed to");
    check_columns(r, row);
    return ERR_OK;
}

/* --- the tree -------------------------------------------------------------------------- */
static enum err check_tile(void *ctx, unsigned level, uint64_t index,
                           const struct merkle_hash *nodes)
{
    struct replay *r = ctx;
    struct tile_stored stored;
    enum err e = tile_read(r->db, level, index, &stored);

    if (e == ERR_CORRUPT)
        report(r, "tile", index, "level %u: %s", level, err_message(e));
    else if (e != ERR_OK)
        return e;
    else if (memcmp(stored.hashes, nodes, sizeof(stored.hashes)) != 0 ||
             memcmp(stored.middle, nodes + TILE_MIDDLE_AT, sizeof(stored.middle)) != 0)
        report(r, "tile", index, "level %u: the stored tile is not what the entries make",
               level);
    return ERR_OK;
}

static enum err check_root(struct replay *r, const char *whose, const struct checkpoint *c)
{
    struct merkle_hash root;

    TRY(tile_edge_root(r->edge, &root));
    if (memcmp(root.bytes, c->root.bytes, sizeof(root.bytes)) != 0)
        report(r, "root", c->size,
               "the entries do not make the root of the %s checkpoint of this size", whose);
    return ERR_OK;
}

/* A row of ledger_checkpoints. */
static enum err check_stored(struct replay *r, uint64_t size, const struct buf *note)
{
    struct checkpoint c;
    size_t text_len;

    if (checkpoint_parse(buf_text(note), note->len, &c, &text_len) != ERR_OK ||
        c.size != size) {
        report(r, "root", size, "the stored checkpoint of this size is damaged");
        return ERR_OK;
    }
    return check_root(r, "stored", &c);
}

static void check_gap(struct replay *r, uint64_t index)
{
    if (index == r->next)
        return;
    report(r, "gap", r->next, "entries %" PRIu64 " to %" PRIu64 " are not there", r->next,
           index - 1);
    r->broken = true;
}

static enum err check_leaf(struct replay *r, const struct entry_row *e)
{
    struct merkle_hash hash;
    struct leaf leaf;

    if (r->broken)
        return ERR_OK;
    leaf_of_row(e->time, e->commitment, &leaf);
    TRY(merkle_leaf_hash(leaf.bytes, sizeof(leaf.bytes), &hash));
    TRY(tile_edge_append(r->edge, &hash, check_tile, r));
    if (r->newest != NULL && r->newest->checkpoint.size == tile_edge_size(r->edge))
        return check_root(r, "newest", &r->newest->checkpoint);
    return ERR_OK;
}

/* --- reading --------------------------------------------------------------------------- */
struct stored { /* walks the stored checkpoints beside the rows */
    struct statement s;
    bool row;
    uint64_t size;
    struct buf note;
};

static enum err stored_next(struct stored *c)
{
    TRY(statement_step(&c->s, &c->row));
    if (!c->row)
        return ERR_OK;
    c->size = read_u64(&c->s);
    buf_reset(&c->note);
    read_append(&c->s, &c->note);
    return statement_read(&c->s);
}

static enum err stored_begin(struct replay *r, struct stored *c)
{
    TRY(statement_begin(
        &c->s, r->db,
        "SELECT size, note FROM ledger_checkpoints WHERE size > ? ORDER BY size"));
    bind_u64(&c->s, r->next);
    return stored_next(c);
}

static enum err full_row_read(struct statement *s, struct full_row *row)
{
    struct entry_row *e = &row->entry;

    e->index = read_u64(s);
    e->time = read_int(s);
    read_blob(s, e->commitment, sizeof(e->commitment));
    e->has_salt = !read_is_null(s);
    read_blob(s, e->salt, sizeof(e->salt));
    e->has_details = !read_is_null(s);
    read_details(s, e->index, &e->details, &e->is_whole, &row->rest);
    buf_reset(&row->action);
    read_append(s, &row->action);
    buf_reset(&row->actor);
    read_append(s, &row->actor);
    read_uuid(s, &row->claim);
    read_uuid(s, &row->artefact);
    return statement_read(s);
}

static enum err replay_row(struct replay *r, const struct full_row *row, struct stored *c)
{
    check_gap(r, row->entry.index);
    TRY(check_row(r, row));
    TRY(check_leaf(r, &row->entry));
    r->next = row->entry.index + 1;
    while (c->row && c->size <= r->next) {
        if (!r->broken)
            TRY(check_stored(r, c->size, &c->note));
        TRY(stored_next(c));
    }
    return ERR_OK;
}

static enum err replay_rows(struct replay *r, struct full_row *row, struct stored *c,
                            uint64_t *read)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool more;

    TRY(statement_begin(
        &s, r->db,
        "SELECT seq, time, commitment, salt, details, sealed, action, actor, claim, artefact"
        " FROM ledger_entries WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?"));
    bind_u64(&s, r->next);
    bind_u64(&s, r->end);
    bind_int(&s, ROWS_AT_ONCE);
    for (*read = 0;; (*read)++) {
        enum err e;

        TRY(statement_step(&s, &more));
        if (!more)
            return ERR_OK;
        e = full_row_read(&s, row);
        if (e == ERR_CORRUPT || e == ERR_TOO_LARGE) {
            report(r, "commitment", row->entry.index, "the row is damaged: %s", err_message(e));
            r->broken = true;
            r->next = row->entry.index + 1;
            return ERR_OK; /* a statement that misread is over; the next piece goes on behind */
        }
        TRY(e);
        TRY(replay_row(r, row, c));
    }
}

/* One piece: at most ROWS_AT_ONCE rows of one snapshot of the database. */
static enum err replay_piece(struct replay *r, struct full_row *row, struct buf *note,
                             bool *more)
{
    uint64_t read, before = r->next;
    struct stored c = {.row = false, .note = *note};
    enum err e;

    TRY(db_read_begin(r->ledger->pool, &r->db));
    e = stored_begin(r, &c);
    if (e == ERR_OK)
        e = replay_rows(r, row, &c, &read);
    statement_end(&c.s);
    *note = c.note; /* its memory goes on to the next piece */
    erase_orders_clear(&r->orders);
    db_read_end(TAKE(r->db));
    *more = r->next > before && r->next < r->end;
    return e;
}

/* --- the whole ------------------------------------------------------------------------- */
/* Tiles that no entry makes, and checkpoints of more entries than there are. */
static enum err check_counts(struct replay *r, struct db *db)
{
    AUTO_CLEAR(statement_end) struct statement s;
    uint64_t rows, tiles, beyond, expected = 0;

    TRY(rows_count(db, &rows));
    for (unsigned shift = TILE_HEIGHT; shift < 64; shift += TILE_HEIGHT)
        expected += rows >> shift;
    TRY(statement_begin(&s, db,
                        "SELECT (SELECT count(*) FROM ledger_tiles),"
                        " (SELECT count(*) FROM ledger_checkpoints WHERE size > ?)"));
    bind_u64(&s, rows);
    TRY(statement_find(&s));
    tiles = read_u64(&s);
    beyond = read_u64(&s);
    TRY(statement_read(&s));
    if (tiles > expected)
        report(r, "tile", 0, "%" PRIu64 " tiles are stored, the entries make %" PRIu64, tiles,
               expected);
    if (beyond > 0)
        report(r, "root", rows, "%" PRIu64 " checkpoints are of more entries than there are",
               beyond);
    return ERR_OK;
}

static enum err replay_begin(struct replay *r)
{
    AUTO(db_read_end) struct db *db = NULL;

    TRY(db_read_begin(r->ledger->pool, &db));
    TRY(rows_count(db, &r->end));
    TRY(check_counts(r, db));
    if (r->newest != NULL && r->newest->checkpoint.size > r->end)
        report(r, "gap", r->end, "%" PRIu64 " entries were signed, %" PRIu64 " are there",
               r->newest->checkpoint.size, r->end);
    return ERR_OK;
}

static enum err replay_all(struct replay *r, struct full_row *row,
                           void (*progress)(void *ctx, uint64_t done, uint64_t all))
{
    AUTO_CLEAR(buf_clear) struct buf note;
    bool more = true;

    buf_init(&note, NOTE_MAX);
    TRY(replay_begin(r));
    for (more = r->end > 0; more;) {
        TRY(replay_piece(r, row, &note, &more));
        if (progress != NULL)
            progress(r->ctx, r->next, r->end);
    }
    return ERR_OK;
}

enum err ledger_replay(struct ledger *l,
                       void (*report_to)(void *ctx, const struct ledger_finding *f),
                       void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx,
                       uint64_t *findings)
{
    AUTO_FREE struct tile_edge *edge = malloc(sizeof(*edge));
    struct replay r = {.ledger = l, .report = report_to, .ctx = ctx, .edge = edge};
    struct full_row row = {.entry.index = 0};
    enum err e;

    if (edge == NULL)
        return ERR_NOMEM;
    tile_edge_init(edge);
    buf_init(&row.entry.details, DETAILS_MAX);
    buf_init(&row.rest, DETAILS_MAX);
    buf_init(&row.action, DETAILS_MAX);
    buf_init(&row.actor, DETAILS_MAX);
    r.newest = ledger_snapshot_take(l); /* before the rows are counted: they are there */
    e = replay_all(&r, &row, progress);
    ledger_snapshot_give(l, r.newest);
    buf_clear(&row.entry.details);
    buf_clear(&row.rest);
    buf_clear(&row.action);
    buf_clear(&row.actor);
    *findings = r.findings;
    return e;
}
