/* The commit queue: one committer serves everybody who waits.
 *
 * A job is a function that re-checks its rules and writes its records inside the transaction. The thread that brings it publishes
 * its blob and queues. The committer takes all jobs that wait, syncs the folders of their blobs once, runs each job in a savepoint of one transaction (a job that fails is rolled back alone and gets its own error),
 * extends the tree, commits once (durable), asks the signer for one checkpoint, publishes it and wakes each.
 * Blob data is flushed by the job's own thread before (in parallel by nature).
 *
 * Nobody who queues holds a lock. A job's `apply` runs on the committer's thread: it must not block on anything but the database.
 * A failed fsync or commit of unknown outcome stops the process (never acknowledge, never retry).
 */
#ifndef STORAGE_COMMITTER_H
#define STORAGE_COMMITTER_H

#include "storage/blob.h"
#include "storage/ledger.h"

struct committer;

struct commit_job {
    enum err (*apply)(struct commit_tx *tx, void *ctx);
    void *ctx;
    struct blob_writer *blob; /* flushed; NULL: none. Discarded if the job fails; still owned by the caller */
    bool unlogged;            /* pure housekeeping: no checkpoint is waited for */
};

MUST_USE enum err committer_start(struct db_pool *pool, struct ledger *ledger, struct blob_store *blobs, struct committer **out);
/* Blocks until the job is durable and covered by a published checkpoint, or has failed (its error and message are the calling
 * thread's). ERR_UNAVAILABLE when the ledger refuses to sign or the committer stops. */
MUST_USE enum err committer_run(struct committer *c, struct commit_job *job);
void committer_stop(struct committer *c); /* finishes what waits, refuses the rest, frees */
DEFINE_AUTO(struct committer, committer_stop);

struct committer_stats {
    uint64_t jobs, batches, failures, largest_batch;
};
void committer_stats(const struct committer *c, struct committer_stats *out);

#endif
