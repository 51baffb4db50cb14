/* One thread takes what waits, up to SCRIBE_BATCH at once, and appends it in one job. If the
 * job fails (disk full, the log refuses to sign) the entries stay and are tried again every
 * second; at the stop a last attempt is made. */
#include "gateway/evidence/log/scribe.h"

#include "gateway/base/log.h"
#include "gateway/evidence/log/entry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct scribe {
    struct committer *committer;
    pthread_mutex_t lock;
    pthread_cond_t more;
    json_t *waiting[SCRIBE_MAX]; /* a ring */
    size_t first, n;
    bool stopping;
    pthread_t thread;
    _Atomic uint64_t dropped;
};

struct page {
    json_t *entries[SCRIBE_BATCH];
    size_t n, hopeless;
};

/* An entry that the log will never take must not hold up those behind it for ever. */
static bool is_hopeless(enum err e)
{
    return e == ERR_INVALID || e == ERR_TOO_LARGE;
}

static enum err append_page(struct commit_tx *tx, void *ctx)
{
    struct page *page = ctx;
    page->hopeless = 0;
    for (size_t i = 0; i < page->n; i++) {
        struct ledger_ref ref;
        enum err e = entry_append(tx, page->entries[i], &ref);
        if (is_hopeless(e))
            page->hopeless++;
        else
            TRY(e);
    }
    return ERR_OK;
}

/* Takes a page off the ring; false when stopped and empty. Waits while there is nothing to do.
 */
static bool take_page(struct scribe *s, struct page *page)
{
    pthread_mutex_lock(&s->lock);
    while (s->n == 0 && !s->stopping)
        pthread_cond_wait(&s->more, &s->lock);
    page->n = s->n < SCRIBE_BATCH ? s->n : SCRIBE_BATCH;
    for (size_t i = 0; i < page->n; i++)
        page->entries[i] = s->waiting[(s->first + i) % SCRIBE_MAX];
    s->first = (s->first + page->n) % SCRIBE_MAX;
    s->n -= page->n;
    pthread_mutex_unlock(&s->lock);
    return page->n > 0;
}

/* Waits a second, or until the stop: true when stopping. */
static bool pause_a_second(struct scribe *s)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && pthread_cond_timedwait(&s->more, &s->lock, &until) == 0) {
    }
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static void write_page(struct scribe *s, struct page *page)
{
    struct commit_job job = {.apply = append_page, .ctx = page};
    enum err e = committer_run(s->committer, &job);
    while (e != ERR_OK && !pause_a_second(s))
        e = committer_run(s->committer, &job);
    size_t dropped = e != ERR_OK ? page->n : page->hopeless;
    if (dropped > 0) {
        atomic_fetch_add(&s->dropped, dropped);
        log_event(LOG_ERROR, "scribe.dropped", log_err(e),
                  log_int("entries", (int64_t)dropped));
    }
    for (size_t i = 0; i < page->n; i++)
        json_decref(page->entries[i]);
}

static void *scribe_run(void *arg)
{
    struct scribe *s = arg;
    struct page page = {.n = 0};
    while (take_page(s, &page))
        write_page(s, &page);
    return NULL;
}

enum err scribe_start(struct committer *committer, struct scribe **out)
{
    struct scribe *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(ERR_NOMEM, "scribe");
    s->committer = committer;
    pthread_condattr_t steady; /* a wall clock set back must not hold up a pause */
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->more, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&s->thread, NULL, scribe_run, s) != 0) {
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->more);
        free(s);
        return err_set(ERR_UNAVAILABLE, "cannot start the scribe's thread");
    }
    *out = s;
    return ERR_OK;
}

void scribe_stop(struct scribe *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->more);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->more);
    free(s);
}

void scribe_note(struct scribe *s, json_t *entry)
{
    pthread_mutex_lock(&s->lock);
    bool kept = entry && s->n < SCRIBE_MAX;
    if (kept) {
        s->waiting[(s->first + s->n) % SCRIBE_MAX] = entry;
        s->n++;
        pthread_cond_signal(&s->more);
    }
    pthread_mutex_unlock(&s->lock);
    if (!kept) {
        atomic_fetch_add(&s->dropped, 1);
        json_decref(entry);
    }
}

uint64_t scribe_dropped(const struct scribe *s)
{
    return atomic_load(&s->dropped);
}
