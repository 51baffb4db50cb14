/* The commit queue.
 *
 * Invariants
 * - A job that got ERR_OK is durable and, unless it is `unlogged`, covered by a published
 * checkpoint. A job that failed before the commit has left nothing behind: its savepoint is
 * rolled back, its blob discarded.
 * - ERR_UNAVAILABLE after the commit is the one outcome in between: durable, not receipted. The
 * blob stays; the client repeats with its Idempotency-Key and finds what it sent.
 * - A waiter lives on the stack of the thread that waits. The committer owns it from the moment
 * it is queued until the semaphore is posted and never looks at it again after that.
 * - The lock covers the queue alone. It is never held while anything is read, written, signed
 * or run.
 *
 *     blob published -> queued -> (refused | folders synced) -> applied -> committed -> signed
 *               |                    |                             |                       |
 *               `--------------------`--- failed, blob discarded --`---------------> woken <'
 */
#include "storage/committer.h"

#include "gateway/base/log.h"
#include "storage/db_internal.h"
#include "storage/ledger_internal.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BATCH_MAX = 512, /* jobs of one transaction: bounds how long the last of them waits */
    EXIT_UNKNOWN_OUTCOME = 70, /* EX_SOFTWARE: the supervisor starts us anew, and opening finds
                                  out what is durable */
};

struct waiter {
    struct waiter *next;
    struct commit_job *job;
    bool failed;
    struct err_info result;
    sem_t done;
};

struct committer {
    struct ledger *ledger;
    struct blob_store *blobs;
    pthread_t thread;

    pthread_mutex_t lock; /* the queue and `stopping` */
    pthread_cond_t filled;
    struct waiter *first, **last;
    bool stopping;

    struct waiter *batch[BATCH_MAX]; /* the thread's */
    size_t n;
    struct blob_writer *published[BATCH_MAX];

    _Atomic uint64_t jobs, batches, failures, largest_batch;
};

/* --- one job of a batch ---------------------------------------------------------------- */

static void fail(struct waiter *w, enum err e)
{
    if (w->failed)
        return;
    w->failed = true;
    err_save(e, &w->result);
    if (w->job->blob != NULL)
        blob_discard(w->job->blob);
}

static void fail_all(struct committer *c, enum err e)
{
    struct err_info why;

    err_save(e, &why); /* discarding blobs may store other messages */
    for (size_t i = 0; i < c->n; i++)
        fail(c->batch[i], err_restore(&why));
}

static bool any_left(const struct committer *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (!c->batch[i]->failed)
            return true;
    }
    return false;
}

/* Counted first, so that who was woken finds itself counted. */
static void count(struct committer *c)
{
    uint64_t failures = 0;

    for (size_t i = 0; i < c->n; i++)
        failures += c->batch[i]->failed;
    atomic_fetch_add(&c->jobs, c->n);
    atomic_fetch_add(&c->failures, failures);
    atomic_fetch_add(&c->batches, 1);
    if (c->n > atomic_load(&c->largest_batch))
        atomic_store(&c->largest_batch, c->n);
}

static void wake(struct committer *c)
{
    count(c);
    for (size_t i = 0; i < c->n; i++)
        (void)sem_post(&c->batch[i]->done); /* cannot overflow: one post a waiter */
    c->n = 0;
}

static _Noreturn void stop_process(const char *what, enum err e)
{
    log_event(LOG_ERROR, "commit.unknown_outcome", log_str("step", what), log_err(e));
    _exit(EXIT_UNKNOWN_OUTCOME);
}

/* --- the steps of a batch -------------------------------------------------------------- */

/* What may not be committed now is refused before anything is made durable. */
static void refuse_unready(struct committer *c)
{
    bool refused = false;
    enum err e = ledger_batch_ready(c->ledger, &refused);
    struct err_info why;

    if (e == ERR_OK)
        return;
    err_save(e, &why);
    for (size_t i = 0; i < c->n; i++) {
        if (refused || !c->batch[i]->job->unlogged)
            fail(c->batch[i], err_restore(&why));
    }
}

/* Names of payloads first, durable before the record that speaks of them. */
static void keep_blobs(struct committer *c)
{
    size_t n = 0;
    enum err e;

    for (size_t i = 0; i < c->n; i++) {
        struct waiter *w = c->batch[i];

        if (!w->failed && w->job->blob != NULL)
            c->published[n++] = w->job->blob;
    }
    if (n == 0)
        return;
    e = blob_sync_folders(c->blobs, c->published, n);
    if (e != ERR_OK)
        stop_process("folder", e);
}

/* False when the database has given up the whole transaction. */
static bool apply_job(struct committer *c, struct commit_tx *tx, struct waiter *w)
{
    size_t mark = ledger_batch_mark(tx);
    enum err e = db_savepoint(tx->db);

    if (e == ERR_OK) {
        e = w->job->apply(tx, w->job->ctx);
        if (e == ERR_OK)
            e = db_savepoint_release(tx->db);
    }
    if (e == ERR_OK)
        return true;
    if (!db_in_transaction(tx->db)) {
        fail_all(c, e);
        return false;
    }
    fail(w, e);
    db_savepoint_rollback(tx->db);
    ledger_batch_forget(tx, mark);
    return db_in_transaction(tx->db);
}

static bool apply_all(struct committer *c, struct commit_tx *tx)
{
    for (size_t i = 0; i < c->n; i++) {
        if (!c->batch[i]->failed && !apply_job(c, tx, c->batch[i]))
            return false;
    }
    return any_left(c);
}

/* True when the jobs that have not failed are durable. */
static bool commit_batch(struct committer *c)
{
    struct commit_tx tx;
    bool unknown = false;
    enum err e = ledger_batch_begin(c->ledger, &tx);

    if (e != ERR_OK) {
        fail_all(c, e);
        return false;
    }
    if (!apply_all(c, &tx)) {
        ledger_batch_abort(&tx);
        fail_all(c, err_set(ERR_INTERNAL, "the transaction was given up"));
        return false;
    }
    e = ledger_batch_commit(&tx, &unknown);
    if (unknown)
        stop_process("commit", e);
    if (e != ERR_OK)
        fail_all(c, e);
    return e == ERR_OK;
}

/* The blobs stay: their records are durable. */
static void withhold_receipts(struct committer *c, enum err e)
{
    struct err_info why;

    err_save(
        err_set(ERR_UNAVAILABLE, "stored, but no receipt could be signed: %s", err_message(e)),
        &why);
    for (size_t i = 0; i < c->n; i++) {
        struct waiter *w = c->batch[i];

        if (w->failed || w->job->unlogged)
            continue;
        w->failed = true;
        w->result = why;
    }
}

static bool all_unlogged(const struct committer *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (!c->batch[i]->failed && !c->batch[i]->job->unlogged)
            return false;
    }
    return true;
}

static void run_batch(struct committer *c)
{
    refuse_unready(c);
    keep_blobs(c);
    if (any_left(c) && commit_batch(c)) {
        /* Also for jobs without an entry of their own: what they have found may be an entry of
         * this very batch. */
        enum err e = ledger_batch_sign(c->ledger);
        if (e != ERR_OK && !all_unlogged(c))
            withhold_receipts(c, e);
    }
    wake(c);
}

/* --- the thread ------------------------------------------------------------------------ */

/* Blocks until something waits; 0 when it is time to end. */
static size_t take_batch(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->first == NULL && !c->stopping)
        pthread_cond_wait(&c->filled, &c->lock);
    while (c->first != NULL && c->n < BATCH_MAX) {
        c->batch[c->n++] = c->first;
        c->first = c->first->next;
    }
    if (c->first == NULL)
        c->last = &c->first;
    pthread_mutex_unlock(&c->lock);
    return c->n;
}

static void *committer_main(void *arg)
{
    struct committer *c = arg;

    (void)pthread_setname_np(pthread_self(), "committer");
    while (take_batch(c) > 0)
        run_batch(c);
    return NULL;
}

enum err committer_start(struct db_pool *pool, struct ledger *ledger, struct blob_store *blobs,
                         struct committer **out)
{
    struct committer *c = calloc(1, sizeof(*c));

    assert(pool == ledger->pool); /* one transaction holds the records and their entries */
    if (c == NULL)
        return ERR_NOMEM;
    c->ledger = ledger;
    c->blobs = blobs;
    c->last = &c->first;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->filled, NULL);
    errno = pthread_create(&c->thread, NULL, committer_main, c);
    if (errno != 0) {
        enum err e = err_errno("the committer's thread");

        free(c);
        return e;
    }
    *out = c;
    return ERR_OK;
}

static bool enqueue(struct committer *c, struct waiter *w)
{
    bool stopping;

    pthread_mutex_lock(&c->lock);
    stopping = c->stopping;
    if (!stopping) {
        if (c->first ==
            NULL) /* under the lock: whoever is served may see to it that c is freed */
            pthread_cond_signal(&c->filled);
        *c->last = w;
        c->last = &w->next;
    }
    pthread_mutex_unlock(&c->lock);
    return !stopping;
}

/* Before it is queued, on the caller's own thread: making a name costs the file system as much
 * as a row costs the database, and there is one committer for everybody. */
static enum err publish_blob(struct committer *c, struct waiter *w)
{
    enum err e = w->job->blob == NULL ? ERR_OK : blob_publish(w->job->blob);

    if (e == ERR_OK)
        return ERR_OK;
    fail(w, e);
    atomic_fetch_add(&c->jobs, 1);
    atomic_fetch_add(&c->failures, 1);
    return err_restore(&w->result);
}

enum err committer_run(struct committer *c, struct commit_job *job)
{
    struct waiter w = {.job = job};

    assert(job->apply != NULL);
    TRY(publish_blob(c, &w));
    if (sem_init(&w.done, 0, 0) != 0) {
        fail(&w, err_errno("semaphore"));
        return err_restore(&w.result);
    }
    if (enqueue(c, &w)) {
        while (sem_wait(&w.done) != 0)
            assert(errno == EINTR);
    } else {
        fail(&w, err_set(ERR_UNAVAILABLE, "the gateway is stopping"));
    }
    (void)sem_destroy(&w.done);
    return w.failed ? err_restore(&w.result) : ERR_OK;
}

void committer_stop(struct committer *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_mutex_unlock(&c->lock);
    pthread_cond_signal(&c->filled);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_cond_destroy(&c->filled);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void committer_stats(const struct committer *c, struct committer_stats *out)
{
    out->jobs = atomic_load(&c->jobs);
    out->batches = atomic_load(&c->batches);
    out->failures = atomic_load(&c->failures);
    out->largest_batch = atomic_load(&c->largest_batch);
}
