/* What a connection is made of: for the files of storage/ that prepare statements, and nobody
 * else. */
#ifndef STORAGE_DB_INTERNAL_H
#define STORAGE_DB_INTERNAL_H

#include "storage/db.h"

#include <sqlite3.h>

/* Distinct statements kept prepared by a connection; a power of two. One more than fits is
 * prepared for its one use. */
enum { STATEMENT_SLOTS = 512, STATEMENTS_KEPT_MAX = 256 };

struct statement_slot {
    uint64_t hash; /* of the SQL text */
    sqlite3_stmt *handle;
};

struct db {
    sqlite3 *handle;
    struct db_pool *pool;
    bool taken; /* readers: in somebody's hands; under the pool's lock */
    size_t kept;
    struct statement_slot
        slots[STATEMENT_SLOTS]; /* by hash, linear probing, nothing is ever taken out */
};

/* The keys of the pool's personal columns (storage/sealed.h). */
struct db_columns;
struct db_columns *db_columns_of(struct db_pool *p);

/* The failure that the connection has just reported, as one of ours; "<what>: <SQLite's words>"
 * (never a value). */
MUST_USE enum err db_error(struct db *db, int rc, const char *what);
/* False after SQLite itself rolled the whole transaction back (a full disk, an input or output
 * error): the savepoints are gone with it and so is everything the batch wrote. */
bool db_in_transaction(const struct db *db);

/* storage/schema.c: brings the connected database up to this program's version, in one
 * transaction. */
MUST_USE enum err schema_migrate(struct db *db);
/* What the schema's `PRAGMA user_version` says when it is up to date, and the `application_id`.
 */
enum { SCHEMA_VERSION = 13, SCHEMA_APPLICATION_ID = 0x45474154 /* "EGAT" */ };

#endif
