/* The thread that inspects what is due, one after the other, and what is recent when the
 * signatures have changed.
 *
 * Invariants: while the scanner is away nothing is tried but one, now and then; no attempt is
 * counted against an artefact for that. What was begun when the stop comes is left as it was.
 */
#include "gateway/evidence/inspection/rescan_internal.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/inspection/inspecting.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    DUE_PAGE = 16,
    RECENT_PAGE = 16,
    WATCH_S = 60,             /* signatures are looked at so often, or more often */
    KEY_LOST_S = 6 * 60 * 60, /* what nobody can open is not tried all the time */
};

struct rescan {
    struct rescan_parts parts;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic bool stopping;
    unsigned pause_s; /* 0: the scanner was there last time */
    int64_t watched_ms;
    char signatures[VERDICT_ENGINE_MAX + 1]; /* with which all that is recent was looked at */
    bool cleared; /* rows have gone whose keys may stand in the write-ahead log */
    _Atomic uint64_t done, rescanned, found;
};

/* --- what is due -------------------------------------------------------------------------- */

struct due_act {
    struct rescan *r;
    struct inspection_due due;
    struct artefact_record artefact;
    struct buf sealed;
    struct verdict verdict;
};

static void report(const char *event, const struct uuid *id, const char *outcome, enum err e)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    if (e == ERR_OK)
        log_event(LOG_INFO, event, log_str("artefact", text), log_str("outcome", outcome));
    else
        log_event(LOG_WARN, event, log_str("artefact", text), log_err(e));
}

static enum err due_find(struct due_act *act)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(act->r->parts.db, &db));
    TRY(artefact_find(db, &act->due.artefact, &act->artefact));
    return inspection_due_sealed(db, &act->due.artefact, &act->sealed);
}

static enum err due_inspect(struct due_act *act)
{
    const struct rescan_parts *parts = &act->r->parts;
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {0};
    TRY(due_find(act));
    TRY(blob_open(parts->blobs, &act->due.artefact, &blob));
    enum err e = due_key_open(parts->intake_key, &act->due.artefact, &act->sealed, key);
    if (e == ERR_OK)
        e = rescan_read(parts, &act->artefact, blob, key, &act->r->stopping, &act->verdict);
    sodium_memzero(key, sizeof(key));
    return e;
}

static enum err later_apply(struct commit_tx *tx, void *ctx)
{
    struct due_act *act = ctx;
    return inspection_due_later(commit_db(tx), &act->due);
}

static void due_later(struct due_act *act, int64_t seconds)
{
    act->due.next_at = clock_now() + seconds * MICROS_PER_SECOND;
    enum err e = rescan_commit(&act->r->parts, later_apply, act, true);
    if (e != ERR_OK)
        report("inspection.not_put_off", &act->due.artefact, "", e);
}

static int64_t back_off(const struct rescan *r, unsigned attempts)
{
    int64_t wait = r->parts.policy.retry_s;
    for (unsigned i = 1; i < attempts && wait < r->parts.policy.retry_max_s; i++)
        wait *= 2;
    return wait < r->parts.policy.retry_max_s ? wait : r->parts.policy.retry_max_s;
}

static enum err due_commit(struct due_act *act)
{
    struct rescan *r = act->r;
    struct judging j = {.parts = &r->parts,
                        .actor = RESCAN_ACTOR,
                        .id = act->due.artefact,
                        .due = true,
                        .verdict = &act->verdict,
                        .attempts = act->due.attempts};
    TRY(rescan_commit(&r->parts, judging_apply, &j, false));
    atomic_fetch_add(&r->done, 1);
    atomic_fetch_add(&r->found, act->verdict.outcome == INSPECT_VIRUS);
    r->cleared = true;
    return ERR_OK;
}

/* The key that was kept is none any more: whoever holds an identity may still open it. */
static void due_without_key(struct due_act *act, enum err e)
{
    struct rescan *r = act->r;
    struct rescan_result result = {.skipped = true};
    report("inspection.key_lost", &act->due.artefact, "", e);
    if (!r->parts.intake_only)
        e = rescan_artefact(&r->parts, &act->due.artefact, RESCAN_ACTOR, &r->stopping, &result);
    if (e != ERR_OK || result.skipped || findings_may_pass(&result.verdict, 1))
        due_later(act, KEY_LOST_S);
}

/* false: the scanner is away, the others need not be tried now. */
static bool due_one(struct due_act *act)
{
    struct rescan *r = act->r;
    enum err e = due_inspect(act);
    if (e == ERR_BUSY && atomic_load(&r->stopping))
        return false;
    if (e == ERR_CORRUPT && act->verdict.outcome == INSPECT_NONE) {
        due_without_key(act, e);
        return true;
    }
    if (e == ERR_OK && findings_scanner_away(&act->verdict))
        return false;
    act->due.attempts++;
    bool again = e != ERR_OK || findings_may_pass(&act->verdict, act->due.attempts);
    if (!again)
        e = due_commit(act);
    if (again || e != ERR_OK)
        due_later(act, back_off(r, act->due.attempts));
    report("inspection.done_later", &act->due.artefact,
           inspect_outcome_name(act->verdict.outcome), e);
    return true;
}

static enum err due_page(struct rescan *r, struct inspection_due *page, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    *n = 0;
    TRY(db_read_begin(r->parts.db, &db));
    return inspection_due_list(db, clock_now(), page, DUE_PAGE, n);
}

static unsigned longer_pause(const struct rescan *r)
{
    const struct inspection_policy *policy = &r->parts.policy;
    unsigned longer = r->pause_s == 0 ? policy->retry_s : r->pause_s * 2;
    return longer < policy->retry_max_s ? longer : policy->retry_max_s;
}

/* true: there may be more at once. */
static bool due_round(struct rescan *r)
{
    struct inspection_due page[DUE_PAGE];
    size_t n = 0;
    enum err e = due_page(r, page, &n);
    if (e != ERR_OK)
        log_event(LOG_WARN, "inspection.due", log_err(e));
    for (size_t i = 0; i < n && !atomic_load(&r->stopping); i++) {
        AUTO_FREE struct due_act *act = calloc(1, sizeof(*act));
        if (!act)
            return false;
        *act = (struct due_act){.r = r, .due = page[i]};
        buf_init(&act->sealed, INSPECTION_KEY_MAX);
        bool there = due_one(act);
        buf_clear(&act->sealed);
        r->pause_s = there ? 0 : longer_pause(r);
        if (!there)
            return false;
    }
    return n == DUE_PAGE;
}

/* What was sealed is in no page any more; nor shall it stay in the write-ahead log. */
static void sweep_keys(struct rescan *r)
{
    if (r->cleared && db_checkpoint(r->parts.db) == ERR_OK)
        r->cleared = false;
}

/* --- what is recent, when signatures change ----------------------------------------------- */

static bool is_older(struct db *db, const struct artefact_record *a, const char *signatures)
{
    struct inspection_record last;
    return inspection_find(db, &a->id, &last) == ERR_OK &&
           strcmp(last.signatures, signatures) != 0;
}

/* Fills `ids` with those of the page that were looked at with other signatures. */
static enum err recent_page(struct rescan *r, const char *signatures, struct uuid *after,
                            struct uuid ids[RECENT_PAGE], size_t *n_ids, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct artefact_record *page = calloc(RECENT_PAGE, sizeof(*page));
    *n = *n_ids = 0;
    if (!page)
        return err_set(ERR_NOMEM, "artefacts");
    TRY(db_read_begin(r->parts.db, &db));
    TRY(artefact_each(db, after, page, RECENT_PAGE, n));
    for (size_t i = 0; i < *n; i++) {
        *after = page[i].id;
        if (is_older(db, &page[i], signatures))
            ids[(*n_ids)++] = page[i].id;
    }
    return ERR_OK;
}

static enum err rescan_one(struct rescan *r, const struct uuid *id)
{
    struct rescan_result result;
    TRY(rescan_artefact(&r->parts, id, RESCAN_ACTOR, &r->stopping, &result));
    if (findings_scanner_away(&result.verdict))
        return err_set(ERR_UNAVAILABLE, "the scanner went away");
    atomic_fetch_add(&r->rescanned, !result.skipped);
    atomic_fetch_add(&r->found, result.verdict.outcome == INSPECT_VIRUS);
    return ERR_OK;
}

static enum err rescan_recent(struct rescan *r, const char *signatures)
{
    int64_t from = clock_now() - r->parts.policy.rescan_recent_s * MICROS_PER_SECOND;
    struct uuid after = rescan_since(from), ids[RECENT_PAGE];
    size_t n_ids = 0, n = RECENT_PAGE;
    while (n == RECENT_PAGE && !atomic_load(&r->stopping)) {
        TRY(recent_page(r, signatures, &after, ids, &n_ids, &n));
        for (size_t i = 0; i < n_ids && !atomic_load(&r->stopping); i++) {
            enum err e = rescan_one(r, &ids[i]);
            if (e != ERR_OK)
                report("rescan.failed", &ids[i], "", e);
            if (e == ERR_UNAVAILABLE)
                return e;
        }
    }
    return ERR_OK;
}

static void watch_signatures(struct rescan *r)
{
    struct inspectors_health health;
    int64_t now = clock_steady_ms();
    bool wanted = r->parts.policy.rescan_recent_s > 0 && !r->parts.intake_only;
    unsigned every =
        r->parts.policy.retry_max_s < WATCH_S ? r->parts.policy.retry_max_s : WATCH_S;
    if (r->watched_ms != 0 && now - r->watched_ms < (int64_t)every * 1000)
        return;
    r->watched_ms = now;
    inspectors_health(r->parts.inspectors,
                      &health); /* also tries it, before an upload has to */
    if (!wanted || !health.good || !health.signatures[0] ||
        strcmp(health.signatures, r->signatures) == 0)
        return;
    log_event(LOG_INFO, "rescan.signatures", log_str("signatures", health.signatures));
    if (rescan_recent(r, health.signatures) == ERR_OK)
        memcpy(r->signatures, health.signatures, sizeof(r->signatures));
}

/* --- the thread --------------------------------------------------------------------------- */

static void wait_a_while(struct rescan *r)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += r->pause_s > 0 ? r->pause_s : 1;
    pthread_mutex_lock(&r->lock);
    while (!atomic_load(&r->stopping) &&
           pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&r->lock);
}

static void *run(void *arg)
{
    struct rescan *r = arg;
    while (!atomic_load(&r->stopping)) {
        if (due_round(r))
            continue;
        sweep_keys(r);
        watch_signatures(r);
        wait_a_while(r);
    }
    return NULL;
}

enum err rescan_start(const struct rescan_parts *parts, struct rescan **out)
{
    struct rescan *r = calloc(1, sizeof(*r));
    pthread_condattr_t steady;
    if (!r)
        return err_set(ERR_NOMEM, "the inspection of what is due");
    r->parts = *parts;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&r->thread, NULL, run, r) == 0) {
        *out = r;
        return ERR_OK;
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    free(r);
    return err_set(ERR_UNAVAILABLE, "no thread for the inspection of what is due");
}

void rescan_stop(struct rescan *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    atomic_store(&r->stopping, true);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    free(r);
}

enum err rescan_stats(struct rescan *r, struct rescan_stats *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    *out = (struct rescan_stats){.done = atomic_load(&r->done),
                                 .rescanned = atomic_load(&r->rescanned),
                                 .found = atomic_load(&r->found)};
    TRY(db_read_begin(r->parts.db, &db));
    return inspection_due_count(db, &out->due, &out->oldest);
}
