/* What is read from the ledger while it grows: the checkpoint, receipts, proofs, tiles,
 * look-ups.
 *
 * Invariant: one answer is made from one published snapshot: proof, checkpoint and size belong
 * together. No lock is held while rows are read. */
#include "storage/db_internal.h"
#include "storage/ledger_internal.h"
#include "storage/ledger_words.h"
#include "storage/statement.h"

#include <stdlib.h>
#include <string.h>

/* --- the snapshot ---------------------------------------------------------------------- */
struct view { /* a snapshot held, and where its hashes come from */
    struct ledger *ledger;
    struct ledger_snapshot *snapshot;
    struct ledger_nodes nodes;
};

static void view_clear(struct view *v)
{
    ledger_nodes_clear(&v->nodes);
    ledger_snapshot_give(v->ledger, v->snapshot);
}
DEFINE_AUTO_CLEAR(struct view, view_clear);

static enum err view_init(struct view *v, struct ledger *l)
{
    *v = (struct view){.ledger = l, .snapshot = ledger_snapshot_take(l)};
    if (v->snapshot == NULL)
        return err_set(ERR_NOT_FOUND, "nothing was signed yet");
    v->nodes = (struct ledger_nodes){.ledger = l, .edge = &v->snapshot->edge};
    return ERR_OK;
}

static enum err within(const struct view *v, uint64_t size)
{
    if (size > v->snapshot->checkpoint.size)
        return err_set(ERR_NOT_FOUND, "the log is not that long");
    return ERR_OK;
}

enum err ledger_checkpoint(struct ledger *l, struct buf *note, uint64_t *size)
{
    AUTO_CLEAR(view_clear) struct view v;

    TRY(view_init(&v, l));
    TRY(buf_append(note, v.snapshot->note.data, v.snapshot->note.len));
    *size = v.snapshot->checkpoint.size;
    return ERR_OK;
}

enum err ledger_checkpoint_cosigned(struct ledger *l, struct buf *note, uint64_t *size)
{
    AUTO_CLEAR(view_clear) struct view v;
    struct checkpoint c;

    TRY(view_init(&v, l));
    TRY(db_read_begin(l->pool, &v.nodes.db));
    v.nodes.borrowed = true;
    TRY(cosigned_newest(v.nodes.db, v.snapshot->checkpoint.size, &c, note));
    *size = c.size;
    return ERR_OK;
}

/* --- proofs ---------------------------------------------------------------------------- */
enum err ledger_inclusion(struct ledger *l, uint64_t index, uint64_t size,
                          struct merkle_proof *out)
{
    AUTO_CLEAR(view_clear) struct view v;

    TRY(view_init(&v, l));
    TRY(within(&v, size));
    return merkle_inclusion(index, size, ledger_node, &v.nodes, out);
}

enum err ledger_consistency(struct ledger *l, uint64_t old_size, uint64_t size,
                            struct merkle_proof *out)
{
    AUTO_CLEAR(view_clear) struct view v;

    TRY(view_init(&v, l));
    TRY(within(&v, size));
    return merkle_consistency(old_size, size, ledger_node, &v.nodes, out);
}

enum err ledger_tile(struct ledger *l, unsigned level, uint64_t index, unsigned width,
                     struct merkle_hash out[TILE_WIDTH])
{
    AUTO_CLEAR(view_clear) struct view v;
    const struct merkle_hash *partial;
    uint64_t hashes, current;
    unsigned n;

    if (width == 0 || width > TILE_WIDTH)
        return err_set(ERR_INVALID, "a tile has 1 to %d hashes", TILE_WIDTH);
    TRY(view_init(&v, l));
    if (level >= TILE_LEVELS)
        return err_set(ERR_NOT_FOUND, "the log has no such tile level");
    hashes = v.snapshot->checkpoint.size >> (TILE_HEIGHT * level);
    if (index < hashes / TILE_WIDTH)
        return ledger_full_tile(&v.nodes, level, index, out);
    partial = tile_edge_partial(&v.snapshot->edge, level, &current, &n);
    if (index != current || width > n)
        return err_set(ERR_NOT_FOUND, "the log is not that long");
    memcpy(out, partial, width * sizeof(*out));
    return ERR_OK;
}

/* --- receipts -------------------------------------------------------------------------- */
/* The leaf as the row makes it, if it is the one in the tree. */
static enum err leaf_checked(struct view *v, const struct entry_row *row, struct leaf *out)
{
    struct merkle_hash hash, in_tree;

    TRY(leaf_make(row->time, row->salt, buf_text(&row->details), row->details.len, out));
    TRY(merkle_leaf_hash(out->bytes, sizeof(out->bytes), &hash));
    TRY(ledger_node(&v->nodes, 0, row->index, &in_tree));
    if (!equal_constant_time(hash.bytes, in_tree.bytes, sizeof(hash.bytes)))
        return err_set(ERR_CORRUPT, "entry %llu of the log is not what was logged",
                       (unsigned long long)row->index);
    return ERR_OK;
}

static enum err receipt_of(struct view *v, const struct entry_row *row, uint64_t size,
                           const struct buf *note, struct buf *out)
{
    struct merkle_proof proof;
    struct leaf leaf;

    if (!row->has_details || !row->has_salt)
        return err_set(ERR_EXPIRED, "the details of this entry were erased");
    if (!row->is_whole)
        return err_set(ERR_UNAVAILABLE, "an entry with free words is not opened here");
    TRY(leaf_checked(v, row, &leaf));
    TRY(merkle_inclusion(row->index, size, ledger_node, &v->nodes, &proof));
    return receipt_format(&leaf, row->salt, buf_text(&row->details), row->details.len,
                          row->index, &proof, buf_text(note), note->len, out);
}

/* The newest cosigned checkpoint that is one of this tree. */
static enum err cosigned_checked(struct view *v, uint64_t *size, struct buf *note)
{
    struct merkle_frontier tree;
    struct merkle_hash root;
    struct checkpoint c;

    TRY(cosigned_newest(v->nodes.db, v->snapshot->checkpoint.size, &c, note));
    TRY(ledger_frontier(&v->nodes, c.size, &tree));
    TRY(merkle_frontier_root(&tree, &root));
    if (!equal_constant_time(root.bytes, c.root.bytes, sizeof(root.bytes)))
        return err_set(ERR_CORRUPT, "the cosigned checkpoint of %llu is not of this log",
                       (unsigned long long)c.size);
    *size = c.size;
    return ERR_OK;
}

static enum err receipt_find(struct view *v, uint64_t index, bool cosigned,
                             struct entry_row *row, struct buf *note, struct buf *out)
{
    const struct ledger_snapshot *s = v->snapshot;
    uint64_t size = 0;

    if (!cosigned && ledger_fresh_take(&v->ledger->fresh, index, row))
        return receipt_of(v, row, s->checkpoint.size, &s->note, out); /* no row is read */
    TRY(db_read_begin(v->ledger->pool, &v->nodes.db));
    v->nodes.borrowed = true;
    TRY(entry_read(v->nodes.db, index, row));
    enum err e = cosigned ? cosigned_checked(v, &size, note) : ERR_NOT_FOUND;
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (index >= size) /* none is cosigned, or none that covers the entry */
        return receipt_of(v, row, s->checkpoint.size, &s->note, out);
    return receipt_of(v, row, size, note, out);
}

static enum err receipt(struct ledger *l, uint64_t index, bool cosigned, struct buf *out)
{
    AUTO_CLEAR(view_clear) struct view v;
    AUTO_CLEAR(buf_clear) struct buf note;
    struct entry_row row = {.index = 0};
    enum err e;

    buf_init(&note, NOTE_MAX);
    TRY(view_init(&v, l));
    if (index >= v.snapshot->checkpoint.size)
        return err_set(ERR_NOT_FOUND, "there is no such entry in the log");
    buf_init(&row.details, DETAILS_MAX);
    e = receipt_find(&v, index, cosigned, &row, &note, out);
    buf_clear(&row.details);
    return e;
}

enum err ledger_receipt(struct ledger *l, uint64_t index, struct buf *out)
{
    return receipt(l, index, false, out);
}

enum err ledger_receipt_cosigned(struct ledger *l, uint64_t index, struct buf *out)
{
    return receipt(l, index, true, out);
}

/* --- look-ups -------------------------------------------------------------------------- */
void ledger_entry_clear(struct ledger_entry *e)
{
    free(e->details);
    e->details = NULL;
}

enum { QUERY_SQL_MAX = 512 };

struct query {
    char sql[QUERY_SQL_MAX];
    size_t len;
};

static void add(struct query *q, bool wanted, const char *piece)
{
    size_t len = strlen(piece);

    if (!wanted)
        return;
    assert(q->len + len < sizeof(q->sql));
    memcpy(q->sql + q->len, piece, len + 1);
    q->len += len;
}

/* An index for an artefact or a claim, the artefact's before the claim's: a plus keeps the
 * planner from a column's. Whoever names neither walks the log. */
static void compose(const struct ledger_filter *f, struct query *q)
{
    add(q, true, "SELECT seq, time, details, sealed FROM ledger_entries WHERE seq > ?");
    add(q, f->artefact != NULL, " AND artefact = ?");
    add(q, f->claim != NULL, f->artefact != NULL ? " AND +claim = ?" : " AND claim = ?");
    add(q, f->actor != NULL, " AND actor = ?");
    add(q, f->action != NULL, " AND action = ?");
    add(q, f->from != 0, " AND time >= ?");
    add(q, f->to != 0, " AND time < ?");
    add(q, true, " ORDER BY seq LIMIT ?");
}

static void bind_filter(struct statement *s, const struct ledger_filter *f, uint64_t after,
                        size_t max)
{
    if (after == UINT64_MAX)
        bind_int(s, -1);
    else
        bind_u64(s, after);
    if (f->artefact != NULL)
        bind_uuid(s, f->artefact);
    if (f->claim != NULL)
        bind_uuid(s, f->claim);
    if (f->actor != NULL)
        bind_text(s, f->actor);
    if (f->action != NULL)
        bind_text(s, f->action);
    if (f->from != 0)
        bind_int(s, f->from);
    if (f->to != 0)
        bind_int(s, f->to);
    bind_u64(s, max);
}

static enum err read_entries(struct statement *s, struct ledger_entry *out, size_t *n)
{
    bool row;

    for (;;) {
        struct ledger_entry *e = &out[*n];

        TRY(statement_step(s, &row));
        if (!row)
            return ERR_OK;
        *e = (struct ledger_entry){.index = read_u64(s)};
        e->time = read_int(s);
        read_details_copy(s, e->index, &e->details);
        (*n)++;
        TRY(statement_read(s));
    }
}

enum err ledger_query(struct db *db, const struct ledger_filter *f, uint64_t after,
                      struct ledger_entry *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct query q = {.len = 0};
    enum err e;

    *n = 0;
    compose(f, &q);
    TRY(statement_begin(&s, db, q.sql));
    bind_filter(&s, f, after, max);
    e = read_entries(&s, out, n);
    if (e != ERR_OK) {
        for (size_t i = 0; i < *n; i++)
            ledger_entry_clear(&out[i]);
        *n = 0;
    }
    return e;
}
