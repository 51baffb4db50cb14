/* The ledger: every disputable fact as an entry, and the Merkle tree over their leaves.
 *
 * Rows: ledger_entries(seq, time, leaf commitment, salt, details, and the columns action, claim, artefact, actor that are taken
 * from the details for look-ups), ledger_tiles (full tiles of 256 hashes by level), ledger_checkpoints (what was signed), ledger_cosignatures (what witnesses signed of it).
 * Erasing an entry sets salt, details and look-up columns to NULL; its leaf stays and the tree verifies.
 *
 * Order: leaves durable (commit), then signed, then published. The signer (the keeper) sees leaf hashes only, keeps its own
 * frontier and refuses what does not continue what it signed last.
 */
#ifndef STORAGE_LEDGER_H
#define STORAGE_LEDGER_H

#include "crypto/receipt.h"
#include "crypto/witness.h"
#include "gateway/base/json.h"
#include "gateway/base/uuid.h"
#include "storage/db.h"

struct ledger;
struct commit_tx;

/* Signs the tree of `first + n` leaves whose last n leaf hashes are given; root is what we computed. The answer may be a checkpoint of a larger tree
 * (another process signed more). n = 0 asks for the checkpoint signed last, whatever its size (ERR_NOT_FOUND: none yet). ERR_CONFLICT: it does not continue what was signed (message says what does not fit); *signed_size tells the size the signer stands at, so
 * that a signer that is merely behind (signed_size < first) can be given the leaves it lacks. */
struct ledger_signer {
    enum err (*sign)(void *ctx, uint64_t first, const struct merkle_hash *leaves, size_t n, const struct merkle_hash *root,
                     struct buf *note, uint64_t *signed_size);
    void *ctx;
};

/* Loads the edge of the tree, compares it with what the signer signed last, signs what is not signed yet. An inconsistency is
 * ERR_CONFLICT with a message for the operator; the ledger is then returned all the same (reads work), ledger_health keeps the error and nothing is signed or committed.
 * The same when the signer fails otherwise, but then the next batch tries again. Cost: the rows of the right edge, however long the log is. */
MUST_USE enum err ledger_open(struct db_pool *pool, const struct ledger_signer *signer, struct ledger **out);
void ledger_free(struct ledger *l);
DEFINE_AUTO(struct ledger, ledger_free);
MUST_USE enum err ledger_health(struct ledger *l); /* ERR_OK, or why nothing is signed */

struct ledger_ref { /* one appended entry */
    uint64_t index;
    int64_t time;
};

/* Inside a batch (storage/committer.h): appends an entry. `details` is a JSON object with at least "action"; "claim" and
 * "artefact" are indexed if present, "actor" (a text) is kept beside them. The function adds "v":1 and "time"; canonical form at most DETAILS_MAX. Borrowed. */
MUST_USE enum err ledger_append(struct commit_tx *tx, json_t *details, struct ledger_ref *out);
struct db *commit_db(struct commit_tx *tx); /* the writer, for the record functions */

/* The newest checkpoint note. */
MUST_USE enum err ledger_checkpoint(struct ledger *l, struct buf *note, uint64_t *size);
/* The receipt of an entry against the newest checkpoint. ERR_EXPIRED: its details were erased. */
MUST_USE enum err ledger_receipt(struct ledger *l, uint64_t index, struct buf *out);
/* The same against the newest cosigned checkpoint that covers the entry, its cosignatures appended: what others have seen is
 * worth more than what is a little newer. While there is none: ledger_receipt. */
MUST_USE enum err ledger_receipt_cosigned(struct ledger *l, uint64_t index, struct buf *out);
/* The newest cosigned checkpoint with its cosignatures. ERR_NOT_FOUND: none is cosigned. Another process may have stored them:
 * the rows are asked each time. */
MUST_USE enum err ledger_checkpoint_cosigned(struct ledger *l, struct buf *note, uint64_t *size);
/* Inside a batch: keeps what the witness (the name of its key) has signed of `note`, a checkpoint of this log without cosignatures;
 * an older one of the same checkpoint is replaced. ERR_CONFLICT: another checkpoint of this size is stored. */
MUST_USE enum err ledger_cosignature_put(struct commit_tx *tx, const struct buf *note, const char *witness, const struct cosignature *c);
/* Every cosignature that is kept, by size: its checkpoint's note with that one line behind it. Until fn returns an error. The note is
 * the caller's for the call. */
MUST_USE enum err ledger_cosignature_each(struct db *db, enum err (*fn)(void *ctx, uint64_t size, const char *witness, const struct buf *note), void *ctx);
/* The size of the newest checkpoint that this witness cosigned. ERR_NOT_FOUND */
MUST_USE enum err ledger_cosigned_size(struct db *db, const char *witness, uint64_t *size);
MUST_USE enum err ledger_inclusion(struct ledger *l, uint64_t index, uint64_t size, struct merkle_proof *out);
MUST_USE enum err ledger_consistency(struct ledger *l, uint64_t old_size, uint64_t size, struct merkle_proof *out);
/* Hashes of a (partial) tile; ERR_NOT_FOUND beyond the newest checkpoint. */
MUST_USE enum err ledger_tile(struct ledger *l, unsigned level, uint64_t index, unsigned width, struct merkle_hash out[256]);

struct ledger_entry {
    uint64_t index;
    int64_t time;
    char *details; /* JSON; NULL if erased. Freed by ledger_entry_clear */
};
void ledger_entry_clear(struct ledger_entry *e);
struct ledger_filter {
    const struct uuid *claim, *artefact; /* NULL: any */
    const char *actor, *action;
    int64_t from, to; /* from <= time < to; 0: open */
};
/* In order of index, after `after` (UINT64_MAX: from the start). Each is cleared by the caller. Quick for a claim or an artefact;
 * without either the entries are walked, ten million in some seconds. */
MUST_USE enum err ledger_query(struct db *db, const struct ledger_filter *f, uint64_t after, struct ledger_entry *out, size_t max, size_t *n);
/* Erases details and salt of an entry, and cuts its time to what the leaf says (secure_delete; the
 * caller truncates the WAL). What makes it lawful is an entry of its own, in the same transaction:
 * `order` (with "actor", "reason", ...; borrowed) is appended with action "entry.erased", "entry" and
 * "erased_action". ERR_NOT_FOUND: no such entry; ERR_EXISTS: erased already; ERR_CONFLICT: it is
 * itself such an order. */
#define LEDGER_ERASED "entry.erased"
MUST_USE enum err ledger_erase(struct commit_tx *tx, uint64_t index, json_t *order, struct ledger_ref *out);

/* The auditor's replay over all rows: recomputes every commitment and leaf, every full tile, the root, and compares with the newest checkpoint;
 * look-up columns against details; stored checkpoints against the roots of their sizes. *findings counts what is not lawful. report is called for each finding (kind: "erased", by an order in the log, is lawful, all else is not); progress may be NULL. */
struct ledger_finding {
    const char *kind; /* "erased", "unordered" (erased without an order), "commitment", "columns", "tile", "gap", "root" */
    uint64_t index;
    const char *message;
};
MUST_USE enum err ledger_replay(struct ledger *l, void (*report)(void *ctx, const struct ledger_finding *f), void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx, uint64_t *findings);

#endif
