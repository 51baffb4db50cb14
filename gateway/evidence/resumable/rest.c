/* How a writer lets go of an upload, and how the next one goes on.
 *
 * Invariants: an upload is remembered from the commit of its rest until somebody goes on, and
 * at no other time: whatever fails in between leaves it to be read back (recover.c).
 */
#include "gateway/evidence/resumable/internal.h"

#include <stdio.h>

static struct upload *take_upload(struct resumable_writer *w)
{
    assert(w->held->writer == w);
    w->held->writer = NULL;
    stage_free(TAKE(w->stage));
    return TAKE(w->upload);
}

void writer_drop(struct resumable_writer *w)
{
    upload_free(take_upload(w));
}

void held_remember(struct held *h, const struct upload_record *r, struct upload_memory *m)
{
    held_forget(h);
    h->memory = *m;
    *m = (struct upload_memory){.sniffed = false};
    h->part = r->part;
    h->remembered = true;
}

static enum err rest_now(struct resumable_writer *w, struct upload *u, bool whole)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    AUTO_CLEAR(upload_memory_clear) struct upload_memory memory = {.sniffed = false};
    struct upload_record now = w->row.record;
    struct row_rest rest = {.record = &now, .sealed = &sealed, .whole = whole};
    TRY(upload_rest(u, &now, &sealed, &memory));
    bool same = w->came == 0 && now.length == w->recorded_length && !whole;
    if (!same)
        TRY(row_rest_commit(w->ev, &rest));
    w->row.record = now;
    w->recorded_length = now.length;
    w->came = 0;
    if (!whole)
        held_remember(w->held, &now, &memory);
    return ERR_OK;
}

enum err writer_rest(struct resumable_writer *w, bool whole)
{
    bool staged = w->stage != NULL;
    AUTO(upload_free) struct upload *u = take_upload(w);
    if (!u || staged)
        return ERR_OK; /* nothing has come of it */
    return rest_now(w, u, whole);
}

void writer_fail(struct resumable_writer *w, enum refusal why)
{
    writer_drop(w);
    held_forget(w->held);
    (void)snprintf(w->row.record.reason, sizeof(w->row.record.reason), "%s", refusal_name(why));
    if (row_end(w->ev, &w->row, UPLOAD_FAILED, NULL, NULL) != ERR_OK)
        return; /* it stays open, and will be refused once more */
}

void held_free_up(struct held *h)
{
    struct resumable_writer *w = h->writer;
    if (!w)
        return;
    if (w->doomed)
        writer_fail(w, (enum refusal)w->failure.detail);
    else if (writer_rest(w, false) != ERR_OK)
        held_forget(h); /* to be read back, then */
}

enum err writer_resume(struct resumable_writer *w)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    struct held *h = w->held;
    assert(h->remembered && w->upload);
    struct upload_record recorded = w->row.record;
    enum err e = row_sealed(w->ev, &h->id, &sealed);
    if (e == ERR_OK)
        e = upload_resume(w->upload, &recorded, &sealed, &h->memory);
    struct err_info why;
    err_save(e, &why);
    held_forget(h);
    return e == ERR_OK ? ERR_OK : err_restore(&why);
}
