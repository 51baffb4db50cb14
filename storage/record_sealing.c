/* The walk over all sealed columns, by one table of them.
 *
 *     not known ----(the last row was looked at)----> done under key X ----(key Y)----> not
 * known
 *
 * Invariants: a row is rewritten in one statement, so that no value is plain and sealed, or
 * lost; a table is noted as done in the transaction of its last rows; a sealed value that does
 * not open stops the walk rather than being dropped.
 *
 * Entries of the log have a walk of their own: what is plain there is a part of a text.
 * Values that pass (sealed.h) are only counted: they go by themselves.
 */
#include "storage/record_sealing.h"

#include "storage/db_internal.h"
#include "storage/ledger_words.h"
#include "storage/record.h"
#include "storage/sealing_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 300, CELL_TEXT_MAX = SUBJECT_MAX };

#define PART_LEDGER "ledger_entries"
#define PART_BLINDS "blind indexes"
#define COMPACTION_DUE                                                                         \
    "compaction due" /* a row of its own while pages may hold plain remains */

/* --- what is done ------------------------------------------------------------------------- */
static enum err is_done(struct db *db, const char *part, const uint8_t id[COLUMN_ID_SIZE],
                        bool *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT 1 FROM sealing WHERE part = ? AND key_id = ?"));
    bind_text(&s, part);
    bind_blob(&s, id, COLUMN_ID_SIZE);
    return statement_step(&s, out);
}

static enum err note_done(struct db *db, const char *part, const uint8_t id[COLUMN_ID_SIZE])
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO sealing VALUES(?, ?)"
                        " ON CONFLICT(part) DO UPDATE SET key_id = excluded.key_id"));
    bind_text(&s, part);
    bind_blob(&s, id, COLUMN_ID_SIZE);
    return statement_run(&s);
}

/* --- one row ------------------------------------------------------------------------------ */
struct cell {
    struct uuid id;
    int64_t number;
    char text[CELL_TEXT_MAX + 1];
};
struct row {
    struct cell keys[KEYS_MAX];
    struct sealed_row bound_to;
    struct buf plain[VALUES_MAX], sealed[VALUES_MAX];
};

static void row_init(struct row *r)
{
    memset(r, 0, sizeof(*r));
    for (size_t i = 0; i < VALUES_MAX; i++) {
        buf_init_secret(&r->plain[i], COLUMN_TEXT_MAX);
        buf_init(&r->sealed[i], COLUMN_TEXT_MAX + COLUMN_OVERHEAD_MAX);
    }
}

static void row_clear(struct row *r)
{
    for (size_t i = 0; i < VALUES_MAX; i++) {
        buf_clear(&r->plain[i]);
        buf_clear(&r->sealed[i]);
    }
}
DEFINE_AUTO_CLEAR(struct row, row_clear);

static size_t count_columns(const struct column columns[KEYS_MAX])
{
    size_t n = 0;

    while (n < KEYS_MAX && columns[n].name)
        n++;
    return n;
}

static const struct column *bound_columns(const struct part *p)
{
    return p->row[0].name ? p->row : p->keys;
}

/* "a, b, c" */
static void add_names(struct sql *q, const struct column columns[KEYS_MAX])
{
    for (size_t i = 0; i < count_columns(columns); i++) {
        sql_add(q, i > 0 ? ", " : "");
        sql_add(q, columns[i].name);
    }
}

/* "(a, b) > (?, ?)" */
static void add_comparison(struct sql *q, const struct part *p, const char *how)
{
    sql_add(q, " WHERE (");
    add_names(q, p->keys);
    sql_add(q, ") ");
    sql_add(q, how);
    sql_add(q, " (");
    for (size_t i = 0; i < count_columns(p->keys); i++)
        sql_add(q, i > 0 ? ", ?" : "?");
    sql_add(q, ")");
}

static void read_cell(struct statement *s, enum cell_type type, struct cell *out)
{
    if (type == CELL_UUID)
        read_uuid(s, &out->id);
    else if (type == CELL_NUMBER)
        out->number = read_int(s);
    else
        read_text(s, out->text, sizeof(out->text));
}

static void bind_keys(struct statement *s, const struct part *p, const struct row *r)
{
    for (size_t i = 0; i < count_columns(p->keys); i++) {
        if (p->keys[i].type == CELL_UUID)
            bind_uuid(s, &r->keys[i].id);
        else if (p->keys[i].type == CELL_NUMBER)
            bind_int(s, r->keys[i].number);
        else
            bind_text(s, r->keys[i].text);
    }
}

static void bound_add(struct sealed_row *to, enum cell_type type, const struct cell *cell)
{
    if (type == CELL_UUID)
        sealed_row_add_uuid(to, &cell->id);
    else if (type == CELL_NUMBER)
        sealed_row_add_number(to, (uint64_t)cell->number);
    else
        sealed_row_add_text(to, cell->text);
}

static void read_values(struct statement *s, const struct part *p, struct row *r)
{
    for (size_t i = 0; i < VALUES_MAX && p->values[i].sealed; i++) {
        buf_reset(&r->plain[i]);
        buf_reset(&r->sealed[i]);
        if (p->values[i].plain)
            read_append(s, &r->plain[i]);
        read_append(s, &r->sealed[i]);
    }
}

static void compose_next(const struct part *p, bool first, struct sql *q)
{
    sql_add(q, "SELECT ");
    add_names(q, p->keys);
    sql_add(q, ", ");
    add_names(q, bound_columns(p));
    for (size_t i = 0; i < VALUES_MAX && p->values[i].sealed; i++) {
        sql_add(q, ", ");
        sql_add(q, p->values[i].plain ? p->values[i].plain : "");
        sql_add(q, p->values[i].plain ? ", " : "");
        sql_add(q, p->values[i].sealed);
    }
    sql_add(q, " FROM ");
    sql_add(q, p->table);
    if (!first)
        add_comparison(q, p, ">");
    sql_add(q, " ORDER BY ");
    add_names(q, p->keys);
    sql_add(q, " LIMIT 1");
}

/* The first row behind `r` (first: of all), which it replaces. ERR_NOT_FOUND at the end. */
static enum err next_row(struct db *db, const struct part *p, bool first, struct row *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    const struct column *bound = bound_columns(p);
    struct sql q = {.len = 0};

    compose_next(p, first, &q);
    TRY(statement_begin(&s, db, q.text));
    if (!first)
        bind_keys(&s, p, r);
    TRY(statement_find(&s));
    for (size_t i = 0; i < count_columns(p->keys); i++)
        read_cell(&s, p->keys[i].type, &r->keys[i]);
    r->bound_to.len = 0;
    for (size_t i = 0; i < count_columns(bound); i++) {
        struct cell cell = {.number = 0};

        read_cell(&s, bound[i].type, &cell);
        bound_add(&r->bound_to, bound[i].type, &cell);
    }
    read_values(&s, p, r);
    return statement_read(&s);
}

/* --- sealing it anew ---------------------------------------------------------------------- */
struct walk {
    struct db *db;
    struct column_keys *keys;
    uint8_t id[COLUMN_ID_SIZE];
    struct sealing *told;
};

static bool is_current(const struct walk *w, const struct buf *sealed)
{
    return sealed->len == 0 || (sealed->len >= COLUMN_HEAD_SIZE &&
                                memcmp(sealed->data + 1, w->id, COLUMN_ID_SIZE) == 0);
}

/* The plain text of a value that is to be sealed, into `plain`. */
static enum err value_open(const struct walk *w, const char *domain,
                           const struct sealed_row *row, const struct buf *sealed,
                           struct buf *plain)
{
    if (sealed->len == 0)
        return ERR_OK;
    buf_reset(plain);
    enum err e =
        column_open(w->keys, domain, row->bytes, row->len, sealed->data, sealed->len, plain);

    return e == ERR_NOT_FOUND ? err_set(ERR_CORRUPT, "%s", err_message(e)) : e;
}

static enum err row_write(struct walk *w, const struct part *p, const struct row *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sql q = {.len = 0};

    sql_add(&q, "UPDATE ");
    sql_add(&q, p->table);
    sql_add(&q, " SET ");
    for (size_t i = 0; i < VALUES_MAX && p->values[i].sealed; i++) {
        sql_add(&q, i > 0 ? ", " : "");
        sql_add(&q, p->values[i].sealed);
        sql_add(&q, " = ?");
        if (p->values[i].plain) {
            sql_add(&q, ", ");
            sql_add(&q, p->values[i].plain);
            sql_add(&q, " = ''");
        }
    }
    add_comparison(&q, p, "=");
    TRY(statement_begin(&s, w->db, q.text));
    for (size_t i = 0; i < VALUES_MAX && p->values[i].sealed; i++)
        bind_sealed_bytes(&s, p->values[i].domain, &r->bound_to, r->plain[i].data,
                          r->plain[i].len);
    bind_keys(&s, p, r);
    return statement_run(&s);
}

static enum err row_bring(struct walk *w, const struct part *p, struct row *r)
{
    bool plain = false, old = false;

    for (size_t i = 0; i < VALUES_MAX && p->values[i].sealed; i++) {
        plain = plain || r->plain[i].len > 0;
        old = old || !is_current(w, &r->sealed[i]);
    }
    if (!plain && !old)
        return ERR_OK;
    for (size_t i = 0; i < VALUES_MAX && p->values[i].sealed; i++)
        TRY(value_open(w, p->values[i].domain, &r->bound_to, &r->sealed[i], &r->plain[i]));
    TRY(row_write(w, p, r));
    w->told->rows++;
    w->told->plain += plain;
    return ERR_OK;
}

/* --- the log ------------------------------------------------------------------------------ */
struct entry {
    uint64_t seq;
    struct buf details, sealed;
};

static enum err next_entry(struct db *db, int64_t after, struct entry *e)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT seq, details, sealed FROM ledger_entries"
                        " WHERE seq > ? AND details IS NOT NULL ORDER BY seq LIMIT 1"));
    bind_int(&s, after);
    TRY(statement_find(&s));
    e->seq = read_u64(&s);
    buf_reset(&e->details);
    buf_reset(&e->sealed);
    read_append(&s, &e->details);
    read_append(&s, &e->sealed);
    return statement_read(&s);
}

/* `rest`: what is left plain. */
static enum err entry_write(struct walk *w, uint64_t seq, const char *rest, const char *whole)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, w->db,
                        "UPDATE ledger_entries SET details = ?, sealed = ? WHERE seq = ?"));
    bind_details(&s, seq, rest, whole);
    bind_u64(&s, seq);
    TRY(statement_run(&s));
    w->told->rows++;
    return ERR_OK;
}

static enum err entry_bring(struct walk *w, struct entry *e)
{
    AUTO_CLEAR(buf_clear) struct buf whole;
    AUTO(json_free) json_t *details = NULL;
    AUTO_FREE char *rest = NULL;
    struct sealed_row row;

    sealed_row_number(&row, e->seq);
    buf_init_secret(&whole, DETAILS_MAX);
    if (e->sealed.len > 0 && is_current(w, &e->sealed))
        return ERR_OK;
    if (e->sealed.len > 0) {
        TRY(value_open(w, LEDGER_DETAILS, &row, &e->sealed, &whole));
        return entry_write(w, e->seq, buf_text(&e->details), buf_text(&whole));
    }
    if (json_parse(e->details.data, e->details.len, &details) != ERR_OK)
        return ERR_OK; /* damaged: `log verify` says so */
    TRY(words_left_out(details, &rest));
    if (rest == NULL)
        return ERR_OK;
    w->told->plain++;
    return entry_write(w, e->seq, rest, buf_text(&e->details));
}

/* --- batches ------------------------------------------------------------------------------ */
struct place { /* where a walk stands */
    const struct part *part;
    struct row row;
    struct entry entry;
    int64_t after;
    bool begun, ended;
};

static enum err step(struct walk *w, struct place *at)
{
    enum err e = at->part ? next_row(w->db, at->part, !at->begun, &at->row)
                          : next_entry(w->db, at->after, &at->entry);

    at->ended = e == ERR_NOT_FOUND;
    at->begun = true;
    if (at->ended)
        return ERR_OK;
    TRY(e);
    at->after = (int64_t)at->entry.seq;
    return at->part ? row_bring(w, at->part, &at->row) : entry_bring(w, &at->entry);
}

static enum err batch(struct walk *w, struct place *at, const char *name)
{
    enum err e = ERR_OK;

    TRY(db_begin(w->db));
    for (unsigned i = 0; e == ERR_OK && !at->ended && i < ROWS_AT_ONCE; i++)
        e = step(w, at);
    if (e == ERR_OK && w->told->plain > 0)
        e = note_done(w->db, COMPACTION_DUE, w->id);
    if (e == ERR_OK && at->ended)
        e = note_done(w->db, name, w->id);
    if (e == ERR_OK)
        e = db_commit(w->db);
    if (e != ERR_OK) {
        struct err_info why;

        err_save(e, &why);
        db_rollback(w->db);
        return err_restore(&why);
    }
    return ERR_OK;
}

/* `part` NULL: the log. */
static enum err part_walk(struct walk *w, const struct part *part, const char *name)
{
    struct place at = {.part = part, .after = -1};
    bool done = false;
    enum err e = ERR_OK;

    TRY(is_done(w->db, name, w->id, &done));
    if (done)
        return ERR_OK;
    row_init(&at.row);
    buf_init(&at.entry.details, DETAILS_MAX);
    buf_init(&at.entry.sealed, DETAILS_MAX + COLUMN_OVERHEAD_MAX);
    while (e == ERR_OK && !at.ended)
        e = batch(w, &at, name);
    row_clear(&at.row);
    buf_clear(&at.entry.details);
    buf_clear(&at.entry.sealed);
    return e;
}

static enum err execute(struct db *db, const char *sql)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    return statement_run(&s);
}

/* Indexes cannot be made anew from what is stored: whoever made them makes them again, under
 * the active key, out of claims and reports (gateway/evidence/reports/match.c). */
static enum err blinds_drop(struct walk *w)
{
    bool done = false;

    TRY(is_done(w->db, PART_BLINDS, w->id, &done));
    if (done)
        return ERR_OK;
    TRY(db_begin(w->db));
    enum err e = execute(w->db, "DELETE FROM claim_subjects");
    if (e == ERR_OK)
        e = execute(w->db, "UPDATE medical_reports SET unmatched = 1, subject = NULL"
                           " WHERE waiting = 1 AND subject IS NOT NULL");
    if (e == ERR_OK)
        e = note_done(w->db, PART_BLINDS, w->id);
    if (e == ERR_OK)
        return db_commit(w->db);
    db_rollback(w->db);
    return e;
}

/* The copy that VACUUM makes would lie in memory, as all that is temporary here does: for once
 * it is a file beside the database, without a name from the moment it is opened. */
static enum err compact(struct db *db)
{
    char folder[PATH_MAX];
    char *slash;
    int rc;

    (void)snprintf(folder, sizeof(folder), "%s", sqlite3_db_filename(db->handle, "main"));
    slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    sqlite3_temp_directory = sqlite3_mprintf("%s", slash == folder ? "/" : folder);
    rc =
        sqlite3_exec(db->handle, "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY",
                     NULL, NULL, NULL);
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = NULL;
    return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, "compacting the database");
}

/* Also when an earlier start sealed and was stopped before it came to this. */
static enum err compact_if_due(struct db *db)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};
    bool due = false;

    TRY(statement_begin(&s, db, "SELECT 1 FROM sealing WHERE part = '" COMPACTION_DUE "'"));
    TRY(statement_step(&s, &due));
    if (!due)
        return ERR_OK;
    statement_end(&s); /* a statement that stands would be in the way */
    TRY(compact(db));
    return execute(db, "DELETE FROM sealing WHERE part = '" COMPACTION_DUE "'");
}

enum err sealing_catch_up(struct db_pool *pool, struct sealing *out)
{
    struct walk w = {.keys = db_columns_of(pool)->personal, .told = out};

    *out = (struct sealing){.rows = 0};
    if (!column_keys_can_open(w.keys))
        return err_set(ERR_UNAVAILABLE, "there is no column key to seal anew with");
    TRY(db_writer(pool, &w.db));
    column_keys_id(w.keys, column_keys_count(w.keys) - 1, w.id);
    for (size_t i = 0; i < SEALED_PARTS_COUNT; i++)
        TRY(part_walk(&w, &SEALED_PARTS[i], SEALED_PARTS[i].name));
    TRY(part_walk(&w, NULL, PART_LEDGER));
    TRY(blinds_drop(&w));
    TRY(compact_if_due(w.db));
    return out->rows > 0 ? db_checkpoint(pool) : ERR_OK;
}

enum err sealing_done(struct db *db, const uint8_t id[COLUMN_ID_SIZE], bool *out)
{
    return is_done(db, PART_BLINDS, id, out); /* the last of all */
}
