/* Connections to the metadata database: how they are opened, pooled, and put in order.
 *
 * Invariants
 * - One connection is in one thread's hands at a time (NOMUTEX); the pool's lock guards only
 *   who has which.
 * - A reader is inside a transaction from db_read_begin to db_read_end: one snapshot, never
 *   written through.
 * - The writer begins IMMEDIATE, so that it never finds itself unable to write in
 *   mid-transaction.
 * - No page is mapped (mmap_size 0): a read error is then an error, not a SIGBUS for the whole
 *   process.
 * - Nothing plain leaves the database file and its WAL: temporary tables live in memory,
 *   deleted content is zeroed, and db_checkpoint empties the WAL.
 */
#include "storage/db.h"

#include "gateway/base/clock.h"
#include "storage/db_internal.h"
#include "storage/sealed.h"
#include "storage/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READERS_MAX = 64,
    BUSY_TIMEOUT_MS = 5000,   /* for another process's transaction */
    READER_TIMEOUT_MS = 5000, /* for a free reader */
    INTEGRITY_LINES = 5,      /* findings that quick_check collects; the first is reported */
};

/* The page caches: 8 MiB for the writer, 1 MiB for each reader, out of the gateway's 64. The
 * WAL is copied back every 4,000 pages (16 MiB), so that a busy page is written once for many
 * commits. */
#define PRAGMAS_ALL                                                                            \
    "PRAGMA synchronous = FULL;"                                                               \
    "PRAGMA foreign_keys = ON;"                                                                \
    "PRAGMA secure_delete = ON;"                                                               \
    "PRAGMA temp_store = MEMORY;"                                                              \
    "PRAGMA trusted_schema = OFF;"                                                             \
    "PRAGMA cell_size_check = ON;"                                                             \
    "PRAGMA mmap_size = 0;"                                                                    \
    "PRAGMA wal_autocheckpoint = 4000;"                                                        \
    "PRAGMA journal_size_limit = 67108864;"
#define PRAGMAS_WRITER PRAGMAS_ALL "PRAGMA cache_size = -8192;"
#define PRAGMAS_READER PRAGMAS_ALL "PRAGMA cache_size = -1024; PRAGMA query_only = ON;"

struct db_pool {
    char *path;
    struct db *writer;
    struct db **readers;
    size_t n_readers;
    struct db_columns columns; /* set once, before anybody reads or writes */
    pthread_mutex_t lock;
    pthread_cond_t freed;
};

struct db_columns *db_columns_of(struct db_pool *p)
{
    return &p->columns;
}

/* --- errors ------------------------------------------------------------------------------- */
static enum err code_of_constraint(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_ROWID:
        return ERR_EXISTS;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return ERR_CONFLICT;
    default:
        return ERR_INTERNAL; /* a record function let through what the schema refuses */
    }
}

static enum err code_of_io(const struct db *db)
{
    switch (db->handle ? sqlite3_system_errno(db->handle) : 0) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    default:
        return ERR_IO;
    }
}

static enum err code_of(const struct db *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return code_of_constraint(rc);
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_TOOBIG:
        return ERR_TOO_LARGE;
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return ERR_DENIED;
    case SQLITE_IOERR:
        return rc == SQLITE_IOERR_NOMEM ? ERR_NOMEM : code_of_io(db);
    case SQLITE_CANTOPEN:
        return ERR_IO;
    default:
        return ERR_INTERNAL;
    }
}

enum err db_error(struct db *db, int rc, const char *what)
{
    int extended = db->handle ? sqlite3_extended_errcode(db->handle) : rc;

    if ((extended & 0xff) != (rc & 0xff))
        extended = rc; /* not the connection's own failure */
    return err_set(code_of(db, extended), "%s: %s", what,
                   db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
}

bool db_in_transaction(const struct db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

/* --- one connection ----------------------------------------------------------------------- */
/* SQLite's own memory statistics take a global lock at every allocation: switched off. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                         0); /* refused if somebody was first: harmless */
}

static void connection_free(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < ARRAY_LEN(db->slots); i++)
        (void)sqlite3_finalize(db->slots[i].handle);
    (void)sqlite3_close(db->handle);
    free(db);
}
DEFINE_AUTO(struct db, connection_free);

static enum err execute(struct db *db, const char *sql, const char *what)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, what);
}

static void harden(sqlite3 *handle)
{
    (void)sqlite3_extended_result_codes(handle, 1);
    (void)sqlite3_busy_timeout(handle, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
}

static enum err connect(struct db_pool *pool, const char *pragmas, struct db **out)
{
    AUTO(connection_free) struct db *db = calloc(1, sizeof(*db));
    int rc;

    if (!db)
        return err_set(ERR_NOMEM, "out of memory for a database connection");
    db->pool = pool;
    rc = sqlite3_open_v2(pool->path, &db->handle,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                         NULL);
    if (rc != SQLITE_OK)
        return db_error(db, rc, "opening the database");
    harden(db->handle);
    TRY(execute(db, pragmas, "setting up the database"));
    *out = TAKE(db);
    return ERR_OK;
}

static enum err use_wal(struct db *db)
{
    AUTO_CLEAR(statement_end) struct statement s;
    char mode[16];

    TRY(statement_begin(&s, db, "PRAGMA journal_mode = WAL"));
    TRY(statement_find(&s));
    read_text(&s, mode, sizeof(mode));
    TRY(statement_read(&s));
    if (strcmp(mode, "wal") != 0)
        return err_set(ERR_UNSUPPORTED, "the database cannot use a write-ahead log here");
    return ERR_OK;
}

/* --- the pool ----------------------------------------------------------------------------- */
/* An existing file is left alone; a new one is ours alone from its first moment. */
static enum err create_file(const char *path)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0 || errno == EEXIST)
        return ERR_OK;
    return err_errno("creating the database");
}

static enum err require_file(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return err_errno("opening the database");
    return S_ISREG(st.st_mode) ? ERR_OK
                               : err_set(ERR_INVALID, "the database is not a regular file");
}

/* Makes the names of the database and of its WAL durable. */
static enum err sync_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    AUTO_FD int fd = -1;

    if (len >= sizeof(parent))
        return err_set(ERR_TOO_LARGE, "the database's path is too long");
    memcpy(parent, path, len);
    parent[len] = '\0';
    fd = open(len ? parent : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno("opening the database's folder");
    return fsync(fd) == 0 ? ERR_OK : err_errno("syncing the database's folder");
}

static enum err pool_new(const char *path, unsigned readers, struct db_pool **out)
{
    AUTO(db_pool_free) struct db_pool *p = calloc(1, sizeof(*p));
    pthread_condattr_t attr;

    if (!p)
        return err_set(ERR_NOMEM, "out of memory for the database");
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->freed, &attr);
    (void)pthread_condattr_destroy(&attr);
    p->path = strdup(path);
    p->readers = calloc(readers, sizeof(struct db *));
    if (!p->path || !p->readers)
        return err_set(ERR_NOMEM, "out of memory for the database");
    *out = TAKE(p);
    return ERR_OK;
}

enum err db_pool_open(const char *path, bool create, unsigned readers, struct db_pool **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO(db_pool_free) struct db_pool *p = NULL;

    if (readers == 0 || readers > READERS_MAX)
        return err_set(ERR_INVALID, "the number of database readers is 1 to %d", READERS_MAX);
    (void)pthread_once(&once, configure_library);
    if (create)
        TRY(create_file(path));
    TRY(require_file(path));
    TRY(pool_new(path, readers, &p));
    assert(p);
    TRY(connect(p, PRAGMAS_WRITER, &p->writer));
    TRY(use_wal(p->writer));
    TRY(schema_migrate(p->writer));
    if (create)
        TRY(sync_parent(path));
    for (; p->n_readers < readers; p->n_readers++)
        TRY(connect(p, PRAGMAS_READER, &p->readers[p->n_readers]));
    *out = TAKE(p);
    return ERR_OK;
}

void db_pool_free(struct db_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_readers; i++) {
        assert(!p->readers[i]->taken);
        connection_free(p->readers[i]);
    }
    free(p->readers);
    connection_free(
        p->writer); /* last: as the last connection it empties and removes the WAL */
    (void)pthread_cond_destroy(&p->freed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->path);
    free(p);
}

/* --- readers ------------------------------------------------------------------------------ */
static struct db *free_reader(struct db_pool *p)
{
    for (size_t i = 0; i < p->n_readers; i++) {
        if (!p->readers[i]->taken)
            return p->readers[i];
    }
    return NULL;
}

static void deadline_in(int ms, struct timespec *out)
{
    (void)clock_gettime(CLOCK_MONOTONIC, out);
    out->tv_sec += ms / 1000;
    out->tv_nsec += (long)(ms % 1000) * 1000000L;
    if (out->tv_nsec >= 1000000000L) {
        out->tv_sec++;
        out->tv_nsec -= 1000000000L;
    }
}

static struct db *take_reader(struct db_pool *p)
{
    struct timespec deadline;
    struct db *db;

    deadline_in(READER_TIMEOUT_MS, &deadline);
    (void)pthread_mutex_lock(&p->lock);
    while (!(db = free_reader(p))) {
        if (pthread_cond_timedwait(&p->freed, &p->lock, &deadline) == ETIMEDOUT) {
            db = free_reader(p);
            break;
        }
    }
    if (db)
        db->taken = true;
    (void)pthread_mutex_unlock(&p->lock);
    return db;
}

static void give_back(struct db *db)
{
    struct db_pool *p = db->pool;

    (void)pthread_mutex_lock(&p->lock);
    assert(db->taken);
    db->taken = false;
    (void)pthread_cond_signal(&p->freed);
    (void)pthread_mutex_unlock(&p->lock);
}

static enum err run(struct db *db, const char *sql)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    return statement_run(&s);
}

/* For the ways out that cannot report: a failure here is reported by the next use of the
 * connection. */
static void run_quietly(struct db *db, const char *sql)
{
    if (run(db, sql) != ERR_OK)
        return;
}

enum err db_read_begin(struct db_pool *p, struct db **out)
{
    struct db *db = take_reader(p);
    enum err e;

    if (!db)
        return err_set(ERR_BUSY, "all database readers are taken");
    e = run(db, "BEGIN");
    if (e != ERR_OK) {
        give_back(db);
        return e;
    }
    *out = db;
    return ERR_OK;
}

void db_read_end(struct db *db)
{
    if (!db)
        return;
    if (db_in_transaction(db))
        run_quietly(db, "COMMIT");
    if (db_in_transaction(db))
        run_quietly(db, "ROLLBACK");
    give_back(db);
}

/* --- the writer --------------------------------------------------------------------------- */
enum err db_writer(struct db_pool *p, struct db **out)
{
    *out = p->writer;
    return ERR_OK;
}

enum err db_begin(struct db *db)
{
    return run(db, "BEGIN IMMEDIATE");
}

enum err db_commit(struct db *db)
{
    return run(db, "COMMIT");
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db))
        run_quietly(db, "ROLLBACK");
}

enum err db_savepoint(struct db *db)
{
    return run(db, "SAVEPOINT job");
}

enum err db_savepoint_release(struct db *db)
{
    return run(db, "RELEASE job");
}

void db_savepoint_rollback(struct db *db)
{
    if (!db_in_transaction(db))
        return; /* SQLite rolled everything back itself */
    run_quietly(db, "ROLLBACK TO job");
    run_quietly(db, "RELEASE job");
}

/* --- upkeep ------------------------------------------------------------------------------- */
/* On a connection of its own: any thread may ask, whatever the writer is doing. */
enum err db_checkpoint(struct db_pool *p)
{
    AUTO(connection_free) struct db *db = NULL;
    int rc;

    TRY(connect(p, PRAGMAS_ALL, &db));
    rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, "emptying the write-ahead log");
}

static enum err quick_check(struct db *db)
{
    AUTO_CLEAR(statement_end) struct statement s;
    char finding[ERR_MESSAGE_MAX] = "";
    AUTO_FREE char *text = NULL;

    _Static_assert(INTEGRITY_LINES == 5, "spelt out below");
    TRY(statement_begin(&s, db, "PRAGMA quick_check(5)"));
    TRY(statement_find(&s));
    read_text_copy(&s, &text);
    TRY(statement_read(&s));
    (void)snprintf(finding, sizeof(finding), "%s", text ? text : "");
    if (strcmp(finding, "ok") != 0)
        return err_set(ERR_CORRUPT, "the database is damaged: %s", finding);
    return ERR_OK;
}

static enum err foreign_key_check(struct db *db)
{
    AUTO_CLEAR(statement_end) struct statement s;
    char table[64];
    bool row;

    TRY(statement_begin(&s, db, "PRAGMA foreign_key_check"));
    TRY(statement_step(&s, &row));
    if (!row)
        return ERR_OK;
    read_text(&s, table, sizeof(table));
    TRY(statement_read(&s));
    return err_set(ERR_CORRUPT,
                   "the database is damaged: %s refers to a record that is not there", table);
}

enum err db_integrity(struct db_pool *p)
{
    AUTO(connection_free) struct db *db = NULL;

    TRY(connect(p, PRAGMAS_READER, &db));
    TRY(quick_check(db));
    return foreign_key_check(db);
}
