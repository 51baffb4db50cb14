/* What time does to uploads: those that nobody came back to expire, what is left of those that
 * ended is removed, and after a while they are forgotten. */
#include "gateway/evidence/resumable/internal.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <stdlib.h>

enum {
    DUE_PAGE = 64,         /* expired in one tick */
    SWEEP_EVERY_S = 600,   /* parts and forgotten rows */
    ORPHAN_AGE_S = 60 * 60 /* a part without a record may belong to a running commit */
};

static void report(enum err e)
{
    if (e != ERR_OK)
        log_event(LOG_WARN, "uploads.sweep_failed", log_err(e));
}

/* --- expiry ------------------------------------------------------------------------------- */

static enum err expire_held(struct evidence *ev, struct held *h)
{
    AUTO_CLEAR(row_clear) struct row row;
    TRY(row_get(ev, &h->id, &row));
    if (!row_is_unfinished(&row.record) || row.record.expires_at > clock_now())
        return ERR_OK; /* somebody came back meanwhile */
    held_forget(h);
    return row_end(ev, &row, UPLOAD_EXPIRED, "upload.expired", NULL);
}

static enum err expire(struct evidence *ev, const struct uuid *id)
{
    struct held *h = held_take_idle(ev->resumables, id);
    if (!h)
        return ERR_OK; /* somebody is at it */
    enum err e = expire_held(ev, h);
    held_leave(ev->resumables, h);
    return e;
}

static enum err expire_due(struct evidence *ev)
{
    AUTO_FREE struct upload_record *due = calloc(DUE_PAGE, sizeof(*due));
    AUTO(db_read_end) struct db *db = NULL;
    size_t n = 0;
    if (!due)
        return err_set(ERR_NOMEM, "expired uploads");
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(upload_record_due(db, clock_now(), due, DUE_PAGE, &n));
    db_read_end(TAKE(db)); /* nobody waits for a commit with a snapshot in hand */
    for (size_t i = 0; i < n; i++)
        report(expire(ev, &due[i].id)); /* one that cannot end keeps none of the others */
    return ERR_OK;
}

/* --- what is left over -------------------------------------------------------------------- */

struct part_sweep {
    struct evidence *ev;
    int64_t before;
};

static enum err sweep_part(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    struct part_sweep *s = ctx;
    AUTO(db_read_end) struct db *db = NULL;
    bool known = true;
    (void)size;
    if (mtime > s->before)
        return ERR_OK;
    TRY(db_read_begin(s->ev->parts.db, &db));
    TRY(upload_record_has_part(db, id, &known));
    if (known)
        return ERR_OK;
    enum err e = blob_part_remove(s->ev->parts.blobs, id);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err forget(struct commit_tx *tx, void *ctx)
{
    struct evidence *ev = ctx;
    int64_t memory = ev->config.upload_memory_s * MICROS_PER_SECOND;
    return upload_record_forget(commit_db(tx), clock_now() - memory);
}

static enum err sweep(struct evidence *ev)
{
    struct part_sweep s = {.ev = ev, .before = clock_now() - ORPHAN_AGE_S * MICROS_PER_SECOND};
    int64_t now = clock_steady_ms();
    if (ev->parts_swept_ms != 0 && now < ev->parts_swept_ms + SWEEP_EVERY_S * 1000)
        return ERR_OK;
    ev->parts_swept_ms = now;
    TRY(blob_part_each(ev->parts.blobs, sweep_part, &s));
    return evidence_keep(ev, forget, ev);
}

void resumable_tick(struct evidence *ev)
{
    report(expire_due(ev));
    report(sweep(ev));
}
