/* One use of a prepared, cached statement: bind in order, step, read columns in order.
 *
 *     AUTO_CLEAR(statement_end) struct statement s;
 *     TRY(statement_begin(&s, db, "SELECT size, name FROM things WHERE id = ?"));
 *     bind_uuid(&s, id);
 *     TRY(statement_find(&s));                    // ERR_NOT_FOUND without a row
 *     out->size = read_u64(&s);
 *     read_text(&s, out->name, sizeof(out->name));
 *     return statement_read(&s);                  // ERR_CORRUPT if a column did not fit
 *
 * Binding and reading stick to the first failure, which the next statement_* call returns; so
 * they need no check of their own. Texts and blobs are bound without a copy: they live until
 * statement_end. Statements are found again by their text, which may be composed, but only from
 * fixed pieces.
 */
#ifndef STORAGE_STATEMENT_H
#define STORAGE_STATEMENT_H

#include "gateway/base/buf.h"
#include "gateway/base/uuid.h"
#include "storage/db.h"

struct sqlite3_stmt;

struct statement {
    struct db *db;
    struct sqlite3_stmt *handle;
    bool owned; /* not from the cache: finalized at the end */
    int bound, column;
    enum err failed;
};

MUST_USE enum err statement_begin(struct statement *s, struct db *db, const char *sql);
void statement_end(struct statement *s); /* resets it; also after a failed begin */
DEFINE_AUTO_CLEAR(struct statement, statement_end);

void bind_null(struct statement *s);
void bind_int(struct statement *s, int64_t value);
void bind_u64(struct statement *s, uint64_t value); /* above INT64_MAX: ERR_TOO_LARGE */
void bind_bool(struct statement *s, bool value);
void bind_text(struct statement *s, const char *text);
void bind_text_or_null(struct statement *s, const char *text); /* NULL or "": null */
void bind_blob(struct statement *s, const void *data,
               size_t len); /* NULL with 0: an empty blob */
/* The one that copies: `data` need not outlive the call. */
void bind_blob_copy(struct statement *s, const void *data, size_t len);
void bind_uuid(struct statement *s, const struct uuid *id);
void bind_uuid_or_null(struct statement *s, const struct uuid *id); /* nil: null */
/* The cursor of a page: for `id < ?` and newest first, nil sorts above every id; for `id > ?`
 * it is below all anyway. */
void bind_before(struct statement *s, const struct uuid *after);

/* *row: there is one to read. */
MUST_USE enum err statement_step(struct statement *s, bool *row);
MUST_USE enum err statement_find(struct statement *s); /* the one row, else ERR_NOT_FOUND */
MUST_USE enum err
statement_run(struct statement *s); /* wants no row; a taken key: ERR_EXISTS */
/* Rows that the finished statement inserted, changed or deleted. */
uint64_t statement_changes(const struct statement *s);
/* Of the row that the finished statement inserted, in a table that has them. RETURNING would go
 * by way of a temporary table. */
int64_t statement_row_number(const struct statement *s);

int64_t read_int(struct statement *s); /* null: 0 */
uint64_t read_u64(struct statement *s);
bool read_bool(struct statement *s);
bool read_is_null(const struct statement *s); /* the next column, which stays the next */
void read_text(struct statement *s, char *out, size_t cap); /* null: "" */
void read_blob(struct statement *s, void *out, size_t len); /* exactly len bytes; null: zeros */
void read_uuid(struct statement *s, struct uuid *out);      /* null: nil */
void read_append(struct statement *s, struct buf *out);     /* a text or blob of any length */
void read_text_copy(struct statement *s, char **out);       /* heap, free(); null: NULL */
void read_skip(struct statement *s);
/* After the columns of a row: the first misfit as ERR_CORRUPT (a full buffer: its own error).
 */
MUST_USE enum err statement_read(struct statement *s);

#endif
