/* The metadata database: SQLite in WAL mode, synchronous FULL, secure_delete, foreign keys.
 *
 * One writer (the committer's connection; BEGIN IMMEDIATE, so that a second process, an administrator's
 * command, may write between two batches) and a pool of readers. `struct db` is one connection with its prepared
 * statements, used by one thread at a time; record functions take it and do not care which it is.
 * All SQL stands in storage/.
 */
#ifndef STORAGE_DB_H
#define STORAGE_DB_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct db;
struct db_pool;

/* Opens (create: makes an empty one, 0600), checks the schema version, migrates upwards in one transaction; a
 * database newer than the program: ERR_UNSUPPORTED. */
MUST_USE enum err db_pool_open(const char *path, bool create, unsigned readers, struct db_pool **out);
void db_pool_free(struct db_pool *p);
DEFINE_AUTO(struct db_pool, db_pool_free);

/* A reader's snapshot: blocks while all are taken (ERR_BUSY after 5 s). db_read_end gives it back (NULL allowed). */
MUST_USE enum err db_read_begin(struct db_pool *p, struct db **out);
void db_read_end(struct db *db);
DEFINE_AUTO(struct db, db_read_end);

/* The single writer. Only the committer and offline commands use these. */
MUST_USE enum err db_writer(struct db_pool *p, struct db **out); /* borrowed */
MUST_USE enum err db_begin(struct db *db);
MUST_USE enum err db_commit(struct db *db); /* ERR_IO: the outcome is unknown */
void db_rollback(struct db *db);
MUST_USE enum err db_savepoint(struct db *db);
MUST_USE enum err db_savepoint_release(struct db *db);
void db_savepoint_rollback(struct db *db);
/* TRUNCATE checkpoint: after a disposal, so that nothing destroyed stays in the WAL. Any thread, outside its transactions;
 * ERR_BUSY while a long reader is in the way: try again later. */
MUST_USE enum err db_checkpoint(struct db_pool *p);
MUST_USE enum err db_integrity(struct db_pool *p); /* PRAGMA quick_check, foreign keys; ERR_CORRUPT says what */

#endif
