/* What the rooms of the ledger and the committer share; nobody else includes it.
 *
 *     ledger.c         open and free, health, appending inside a batch, the verbs of a batch
 *     ledger_sign.c    the talk with the signer, publishing
 *     ledger_rows.c    the rows: entries, tiles, checkpoints
 *     ledger_fresh.c   entries just appended, for their receipts
 *     ledger_nodes.c   hashes of the tree: edge, cache of full tiles, rows
 *     ledger_cosign.c  what witnesses signed
 *     ledger_read.c    receipts, proofs, tiles, look-ups
 *     ledger_replay.c  the auditor's replay
 *
 * Threads: the edge, what is known of the signer and what a batch collects belong to the
 * committer's thread (before the committer starts: to whoever opened the ledger). Everybody
 * else reads the published snapshot, which never changes once it is published, and holds a
 * reference while it does; the lock is held for an exchange of pointers only.
 */
#ifndef STORAGE_LEDGER_INTERNAL_H
#define STORAGE_LEDGER_INTERNAL_H

#include "crypto/tile.h"
#include "storage/ledger.h"

#include <pthread.h>

enum {
    SIGN_LEAVES_MAX = 4096, /* leaves handed to the signer in one call */
    SIGN_ROUNDS_MAX =
        64, /* answers without progress (others sign at the same time) until we give up */
    SNAPSHOTS_KEPT_MAX =
        4, /* spare snapshots: one is 260 KB, and fresh pages cost more than copying */
    /* Full tiles in memory, 9 KB each. Those above the leaves are few and serve 256 times as
     * many proofs: they have slots of their own, enough for all of a log of 12 million entries.
     */
    TILE_CACHE_LEAVES = 64,
    TILE_CACHE_SLOTS = TILE_CACHE_LEAVES + 192,
    ROWS_AT_ONCE = 4096, /* rows read in one go */
    FRESH_SLOTS = 1024,  /* entries kept for their receipts: more than wait at once */
};

/* --- the tree as published: immutable, counted
 * -------------------------------------------------- */
struct ledger_snapshot {
    struct ledger_snapshot *next; /* among the spare ones */
    unsigned references;          /* under the ledger's lock */
    struct checkpoint checkpoint;
    struct buf note;
    struct tile_edge edge;
};

struct tile_name {
    unsigned level;
    uint64_t index;
    uint64_t last_used; /* 0: there is none */
};
struct tile_cache {
    pthread_mutex_t lock;
    uint64_t clock;
    struct tile_name names[TILE_CACHE_SLOTS]; /* apart: they are searched */
    struct tile_stored tiles[TILE_CACHE_SLOTS];
};

/* --- entries just appended (ledger_fresh.c)
 * ------------------------------------------------------- */
struct fresh_entry {
    uint64_t index;
    int64_t time;
    uint8_t salt[LEAF_SALT_SIZE];
    char *details; /* owned; NULL: an empty slot */
    size_t details_len;
};
struct ledger_fresh {
    pthread_mutex_t lock;
    struct fresh_entry slots[FRESH_SLOTS];
};

struct ledger {
    struct db_pool *pool;
    struct ledger_signer signer;

    /* The committer's. */
    struct tile_edge *edge;             /* over the committed rows that we know of */
    struct merkle_frontier signer_tree; /* where the signer stands, as far as we know */
    bool signer_known;                  /* signer_tree says something */
    uint64_t published_size;            /* equals the edge's: nothing waits for a signature */
    uint64_t stored_size;               /* of the newest row of ledger_checkpoints */
    uint64_t leaves_first;              /* index of leaves[0] */
    struct merkle_hash
        *leaves; /* of the latest batch: spares reading them back for the signer */
    size_t n_leaves, cap_leaves;

    pthread_mutex_t lock;              /* the rest, but for the cache, which has its own */
    struct ledger_snapshot *published; /* NULL until something was signed */
    struct ledger_snapshot *spare;
    unsigned n_spare;
    struct err_info health;
    bool refused; /* inconsistent: never signs or commits again */

    struct tile_cache cache;
    struct ledger_fresh fresh;
};

/* --- a batch, in this order (storage/committer.c)
 * ------------------------------------------------- */
struct commit_tx {
    struct ledger *ledger;
    struct db *db;
    uint64_t stored; /* the checkpoint that this transaction stores */
};
/* ERR_OK, or ERR_UNAVAILABLE: why nothing that wants a receipt may be committed now. Tries to
 * sign what a failed signature left behind. *refused: nothing at all may be committed. */
MUST_USE enum err ledger_batch_ready(struct ledger *l, bool *refused);
/* Begins the transaction, takes in what another process appended, stores the newest checkpoint.
 */
MUST_USE enum err ledger_batch_begin(struct ledger *l, struct commit_tx *tx);
size_t ledger_batch_mark(const struct commit_tx *tx); /* before a job ... */
void ledger_batch_forget(struct commit_tx *tx,
                         size_t mark); /* ... whose savepoint was rolled back */
/* Writes the tiles and commits. An error: rolled back, nothing has happened; but *unknown:
 * nobody knows what has happened, and the caller stops the process. */
MUST_USE enum err ledger_batch_commit(struct commit_tx *tx, bool *unknown);
void ledger_batch_abort(struct commit_tx *tx);
/* Signs and publishes what is not signed yet; ERR_OK at once when there is nothing. */
MUST_USE enum err ledger_batch_sign(struct ledger *l);

/* --- signing and publishing (ledger_sign.c)
 * ------------------------------------------------------- */
/* Has the edge signed, in as many calls as it takes, and publishes it. Keeps what went wrong as
 * the ledger's health. */
MUST_USE enum err ledger_sign(struct ledger *l, struct db *db);
/* The edge under this checkpoint of its size. */
MUST_USE enum err ledger_publish(struct ledger *l, const struct checkpoint *c, const void *note,
                                 size_t len);
/* Nothing is signed or committed from now on. Returns ERR_CONFLICT. */
MUST_USE enum err ledger_refuse(struct ledger *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Appends the leaves of the rows up to `size` to the edge. ERR_NOT_FOUND: there are not so
 * many. */
MUST_USE enum err ledger_catch_up(struct ledger *l, struct db *db, uint64_t size);
struct ledger_snapshot *ledger_snapshot_take(struct ledger *l); /* NULL: nothing is published */
void ledger_snapshot_give(struct ledger *l, struct ledger_snapshot *s); /* NULL allowed */
void ledger_snapshots_free(struct ledger *l);

/* --- hashes (ledger_nodes.c)
 * ---------------------------------------------------------------------- */
/* Where proofs read: the edge, else full tiles. With db NULL a connection is borrowed when it
 * is first needed. */
struct ledger_nodes {
    struct ledger *ledger;
    const struct tile_edge *edge;
    struct db *db;
    bool borrowed;
    struct tile_name held; /* the tile read last: a proof wants eight nodes of each */
    struct tile_stored tile;
};
MUST_USE enum err ledger_node(void *nodes, unsigned level, uint64_t index,
                              struct merkle_hash *out); /* a merkle_get */
/* The hashes of a full tile that is not in the edge. */
MUST_USE enum err ledger_full_tile(struct ledger_nodes *n, unsigned level, uint64_t index,
                                   struct merkle_hash out[TILE_WIDTH]);
void ledger_nodes_clear(struct ledger_nodes *n);
DEFINE_AUTO_CLEAR(struct ledger_nodes, ledger_nodes_clear);
MUST_USE enum err ledger_frontier(struct ledger_nodes *n, uint64_t size,
                                  struct merkle_frontier *out);
/* The right edge of the tree of `size` leaves out of the rows: at most 255 of each tile level.
 */
MUST_USE enum err ledger_edge_load(struct db *db, uint64_t size, struct tile_edge *edge);

/* --- rows (ledger_rows.c)
 * ------------------------------------------------------------------------- */
struct entry_new {
    uint64_t index;
    int64_t time;
    const uint8_t *commitment; /* SHA256_SIZE */
    const uint8_t *salt;       /* LEAF_SALT_SIZE */
    const char *details;
    const char *rest;            /* without free words, which are sealed; NULL: there are none */
    const char *action, *actor;  /* actor: NULL for none */
    struct uuid claim, artefact; /* nil for none */
};
struct entry_row { /* details keeps its memory from row to row */
    uint64_t index;
    int64_t time;
    uint8_t commitment[SHA256_SIZE];
    uint8_t salt[LEAF_SALT_SIZE];
    struct buf details;
    bool has_salt, has_details;
    bool is_whole; /* details are what was committed to: no free words are out of our reach */
};
void leaf_of_row(int64_t time, const uint8_t commitment[SHA256_SIZE], struct leaf *out);
MUST_USE enum err rows_count(struct db *db, uint64_t *size); /* the highest seq and one */
MUST_USE enum err entry_insert(struct db *db, const struct entry_new *e);
MUST_USE enum err entry_read(struct db *db, uint64_t index,
                             struct entry_row *out); /* details initialised */
/* Leaf hashes of the rows from `first` on without a gap: *n <= max of them. */
MUST_USE enum err rows_leaf_hashes(struct db *db, uint64_t first, size_t max,
                                   struct merkle_hash *out, size_t *n);
MUST_USE enum err tile_insert(struct db *db, unsigned level, uint64_t index,
                              const struct merkle_hash nodes[TILE_NODES]);
/* ERR_CORRUPT when it is not there. */
MUST_USE enum err tile_read(struct db *db, unsigned level, uint64_t index,
                            struct tile_stored *out);
/* A page of the database, where the whole tile takes three. */
MUST_USE enum err tile_read_middle(struct db *db, unsigned level, uint64_t index,
                                   struct merkle_hash out[TILE_MIDDLE_WIDTH]);
MUST_USE enum err checkpoint_insert(struct db *db, const struct checkpoint *c,
                                    const struct buf *note);
MUST_USE enum err checkpoint_newest(struct db *db, struct buf *note); /* ERR_NOT_FOUND: none */

void ledger_fresh_init(struct ledger_fresh *f);
void ledger_fresh_clear(struct ledger_fresh *f);
/* Steals `details`, the canonical text of the entry. */
void ledger_fresh_keep(struct ledger_fresh *f, const struct entry_new *e, char *details,
                       size_t len);
/* The entries first .. first + n - 1 are not written after all. */
void ledger_fresh_drop(struct ledger_fresh *f, uint64_t first, size_t n);
/* Takes it out: out->details (initialised, empty) gets its text. False: read the row. */
bool ledger_fresh_take(struct ledger_fresh *f, uint64_t index, struct entry_row *out);

/* --- cosignatures (ledger_cosign.c)
 * --------------------------------------------------------------- */
/* The newest cosigned checkpoint of at most `most` leaves, taken apart, and its note with the
 * cosignatures. ERR_NOT_FOUND: there is none. */
MUST_USE enum err cosigned_newest(struct db *db, uint64_t most, struct checkpoint *out,
                                  struct buf *note);

/* --- orders to erase (ledger_erase.c) ---------------------------------------------------- */
struct erase_orders {  /* of one snapshot; zero-initialised */
    uint64_t *entries; /* sorted */
    size_t n;
    bool loaded;
};
/* Whether the log orders the erasure of this entry; loads the orders of db's snapshot when
 * first asked. */
MUST_USE enum err erase_ordered(struct erase_orders *o, struct db *db, uint64_t index,
                                bool *out);
void erase_orders_clear(struct erase_orders *o);

#endif
