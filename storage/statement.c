/* Prepared statements are kept per connection and found by their text, so that a record
 * function is its SQL, its binds and its reads. Most of a commit's cost would else be parsing.
 *
 * Invariants: a cached statement is handed out only while it is reset; statement_end resets it
 * and drops its bindings, so that no pointer into a caller's memory outlives the call.
 */
#include "storage/statement.h"

#include "storage/db_internal.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((STATEMENT_SLOTS & (STATEMENT_SLOTS - 1)) == 0, "probing masks the hash");
_Static_assert(STATEMENTS_KEPT_MAX < STATEMENT_SLOTS, "probing ends at a free slot");

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* The slot that holds `sql`, or the free one where it would go. */
static struct statement_slot *slot_of(struct db *db, const char *sql, uint64_t hash)
{
    for (uint64_t i = hash;; i++) {
        struct statement_slot *slot = &db->slots[i & (STATEMENT_SLOTS - 1)];

        if (!slot->handle)
            return slot;
        if (slot->hash == hash && strcmp(sqlite3_sql(slot->handle), sql) == 0)
            return slot;
    }
}

enum err statement_begin(struct statement *s, struct db *db, const char *sql)
{
    uint64_t hash = hash_text(sql);
    struct statement_slot *slot = slot_of(db, sql, hash);
    bool keep = !slot->handle && db->kept < STATEMENTS_KEPT_MAX;
    int rc;

    *s = (struct statement){.db = db};
    if (slot->handle && !sqlite3_stmt_busy(slot->handle)) {
        s->handle = slot->handle;
        return ERR_OK;
    }
    rc = sqlite3_prepare_v3(db->handle, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0,
                            &s->handle, NULL);
    if (rc != SQLITE_OK)
        return db_error(db, rc, "preparing a statement");
    assert(s->handle); /* an empty statement is a programmer's error */
    s->owned = !keep;
    if (keep) {
        *slot = (struct statement_slot){.hash = hash, .handle = s->handle};
        db->kept++;
    }
    return ERR_OK;
}

void statement_end(struct statement *s)
{
    if (!s->handle)
        return;
    if (s->owned) {
        (void)sqlite3_finalize(s->handle);
    } else {
        (void)sqlite3_reset(s->handle); /* repeats the step's failure, which was reported */
        (void)sqlite3_clear_bindings(s->handle);
    }
    s->handle = NULL;
}

/* --- binding ------------------------------------------------------------------------------ */
static void bound(struct statement *s, int rc)
{
    assert(rc != SQLITE_RANGE && rc != SQLITE_MISUSE);
    if (rc != SQLITE_OK && s->failed == ERR_OK)
        s->failed = db_error(s->db, rc, "binding a value");
}

void bind_null(struct statement *s)
{
    bound(s, sqlite3_bind_null(s->handle, ++s->bound));
}

void bind_int(struct statement *s, int64_t value)
{
    bound(s, sqlite3_bind_int64(s->handle, ++s->bound, value));
}

void bind_u64(struct statement *s, uint64_t value)
{
    if (value > INT64_MAX && s->failed == ERR_OK)
        s->failed = err_set(ERR_TOO_LARGE, "a number does not fit the database");
    bind_int(s, (int64_t)(value & INT64_MAX));
}

void bind_bool(struct statement *s, bool value)
{
    bind_int(s, value);
}

void bind_text(struct statement *s, const char *text)
{
    bound(s, sqlite3_bind_text(s->handle, ++s->bound, text, -1, SQLITE_STATIC));
}

void bind_text_or_null(struct statement *s, const char *text)
{
    if (text && *text)
        bind_text(s, text);
    else
        bind_null(s);
}

void bind_blob(struct statement *s, const void *data, size_t len)
{
    /* A NULL pointer would bind a null. */
    bound(s, sqlite3_bind_blob64(s->handle, ++s->bound, data ? data : "", len, SQLITE_STATIC));
}

void bind_blob_copy(struct statement *s, const void *data, size_t len)
{
    bound(s, sqlite3_bind_blob64(s->handle, ++s->bound, data, len, SQLITE_TRANSIENT));
}

void bind_uuid(struct statement *s, const struct uuid *id)
{
    bind_blob(s, id->bytes, sizeof(id->bytes));
}

void bind_uuid_or_null(struct statement *s, const struct uuid *id)
{
    if (uuid_is_nil(id))
        bind_null(s);
    else
        bind_uuid(s, id);
}

void bind_before(struct statement *s, const struct uuid *after)
{
    static const uint8_t above_all[sizeof(after->bytes) + 1] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };

    if (uuid_is_nil(after))
        bind_blob(s, above_all, sizeof(above_all));
    else
        bind_uuid(s, after);
}

/* --- stepping ----------------------------------------------------------------------------- */
enum err statement_step(struct statement *s, bool *row)
{
    int rc;

    *row = false;
    if (s->failed != ERR_OK)
        return s->failed;
    assert(s->bound == sqlite3_bind_parameter_count(s->handle));
    rc = sqlite3_step(s->handle);
    s->column = 0;
    *row = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        s->failed = db_error(s->db, rc, "database");
    return s->failed;
}

enum err statement_find(struct statement *s)
{
    bool row;

    TRY(statement_step(s, &row));
    return row ? ERR_OK : err_set(ERR_NOT_FOUND, "there is no such record");
}

enum err statement_run(struct statement *s)
{
    bool row;

    TRY(statement_step(s, &row));
    assert(!row);
    return ERR_OK;
}

uint64_t statement_changes(const struct statement *s)
{
    return (uint64_t)sqlite3_changes64(s->db->handle);
}

int64_t statement_row_number(const struct statement *s)
{
    return sqlite3_last_insert_rowid(s->db->handle);
}

/* --- reading ------------------------------------------------------------------------------ */
static void misfit(struct statement *s, const char *why)
{
    if (s->failed == ERR_OK)
        s->failed =
            err_set(ERR_CORRUPT, "%s %s", sqlite3_column_name(s->handle, s->column - 1), why);
}

/* The next column's bytes; *data is NULL for a null, never for an empty value. */
static size_t next_bytes(struct statement *s, const void **data)
{
    int column = s->column++;
    int type = sqlite3_column_type(s->handle, column);

    *data = NULL;
    if (type == SQLITE_NULL)
        return 0;
    if (type != SQLITE_TEXT && type != SQLITE_BLOB) {
        misfit(s, "has a foreign type");
        return 0;
    }
    *data = sqlite3_column_blob(s->handle, column);
    if (!*data)
        *data = "";
    return (size_t)sqlite3_column_bytes(s->handle, column);
}

int64_t read_int(struct statement *s)
{
    int column = s->column++;
    int type = sqlite3_column_type(s->handle, column);

    if (type != SQLITE_INTEGER && type != SQLITE_NULL)
        misfit(s, "is not a whole number");
    return sqlite3_column_int64(s->handle, column);
}

uint64_t read_u64(struct statement *s)
{
    int64_t value = read_int(s);

    if (value < 0)
        misfit(s, "is negative");
    return value < 0 ? 0 : (uint64_t)value;
}

bool read_bool(struct statement *s)
{
    return read_int(s) != 0;
}

bool read_is_null(const struct statement *s)
{
    return sqlite3_column_type(s->handle, s->column) == SQLITE_NULL;
}

void read_text(struct statement *s, char *out, size_t cap)
{
    const void *data;
    size_t len = next_bytes(s, &data);

    out[0] = '\0';
    if (!data)
        return;
    if (len >= cap || memchr(data, '\0', len)) {
        misfit(s, "is not a text of its length");
        return;
    }
    memcpy(out, data, len);
    out[len] = '\0';
}

void read_blob(struct statement *s, void *out, size_t len)
{
    const void *data;
    size_t have = next_bytes(s, &data);

    memset(out, 0, len);
    if (!data)
        return;
    if (have != len) {
        misfit(s, "has the wrong length");
        return;
    }
    memcpy(out, data, len);
}

void read_uuid(struct statement *s, struct uuid *out)
{
    read_blob(s, out->bytes, sizeof(out->bytes));
}

void read_append(struct statement *s, struct buf *out)
{
    const void *data;
    size_t len = next_bytes(s, &data);
    enum err e = buf_append(out, data ? data : "", len);

    if (e != ERR_OK && s->failed == ERR_OK)
        s->failed = e;
}

void read_text_copy(struct statement *s, char **out)
{
    const void *data;
    size_t len = next_bytes(s, &data);

    *out = NULL;
    if (!data)
        return;
    *out = strndup(data, len);
    if (!*out && s->failed == ERR_OK)
        s->failed = err_set(ERR_NOMEM, "out of memory for a column");
}

void read_skip(struct statement *s)
{
    s->column++;
}

enum err statement_read(struct statement *s)
{
    return s->failed;
}
