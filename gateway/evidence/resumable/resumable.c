/* The state machine of resumable.h: who may do what to an upload in which state.
 *
 * Every verb finds the record, takes the upload over (table.c), looks at the record
 * once more under its lock, acts, and leaves. What a verb changes is committed before it
 * returns; what it tells was read under the lock. */
#include "gateway/evidence/resumable/internal.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/rules/authority.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- where it stands ---------------------------------------------------------------------- */

/* Under the lock: an OPEN upload is remembered, as its record says. */
static enum err recall(struct evidence *ev, struct held *h, struct row *row)
{
    const struct upload_record *r = &row->record;
    bool known =
        h->remembered && uuid_equal(&h->part, &r->part) && h->memory.seal.chunks == r->chunks;
    return r->state != UPLOAD_OPEN || known ? ERR_OK : recover(ev, h, row);
}

/* What it has become, and that it was, is for who may still send to its claim. */
static enum err may_know(struct evidence *ev, const struct principal *p, const struct row *row)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record claim;
    if (row->record.state != UPLOAD_FINISHED)
        return ERR_OK;
    TRY(db_read_begin(ev->parts.db, &db));
    enum err e = authority_claim(db, &row->record.claim, p, ACTION_ARTEFACT_CREATE, &claim,
                                 NULL, NULL);
    return e == ERR_REFUSED ? refuse(REFUSAL_NOT_FOUND) : e;
}

static enum err find(struct evidence *ev, const struct principal *p, const struct uuid *id,
                     struct row *row)
{
    TRY(row_find(ev, p, id, row));
    return may_know(ev, p, row);
}

static enum err look(struct evidence *ev, const struct principal *p, struct held *h,
                     struct row *row)
{
    held_free_up(h);
    TRY(row_again(ev, row));
    TRY(row_is_there(&row->record));
    TRY(may_know(ev, p, row));
    return recall(ev, h, row);
}

enum err resumable_find(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        struct resumable_view *out)
{
    AUTO_CLEAR(row_clear) struct row row;
    struct held *h = NULL;
    uint64_t arrival;
    memset(out, 0, sizeof(*out));
    TRY(find(ev, p, id, &row));
    row_view(&row, out); /* of one that has ended: how */
    TRY(row_is_there(&row.record));
    TRY(held_take(ev->resumables, id, &h, &arrival));
    enum err e = look(ev, p, h, &row);
    if (e != ERR_REFUSED || err_detail(e) != REFUSAL_NOT_FOUND)
        row_view(&row, out);
    held_leave(ev->resumables, h);
    return e;
}

enum err resumable_look(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        struct resumable_view *out)
{
    AUTO_CLEAR(row_clear) struct row row;
    memset(out, 0, sizeof(*out));
    TRY(find(ev, p, id, &row));
    row_view(&row, out);
    return row_is_there(&row.record);
}

/* --- the answer to the last request, again ------------------------------------------------ */

static enum err artefact_again(struct db *db, const struct principal *p, const struct row *row,
                               struct upload_result *out)
{
    const struct upload_record *r = &row->record;
    struct duplicate d;
    uint64_t entry = 0;
    if (!row_is_duplicate(r, &entry))
        return artefact_find(db, &r->artefact, &out->artefact);
    TRY(duplicate_again(db, p, &r->artefact, &r->claim, &d));
    out->artefact = d.artefact;
    out->artefact.ledger_index = entry; /* of its own: the first one names who sent that */
    out->duplicate = true;
    out->others = !person_is(&d.artefact.uploader, p);
    out->linked_at = d.linked_at;
    return ERR_OK;
}

/* To whom a repeated upload_begin would give it. */
static enum err read_again(struct evidence *ev, const struct principal *p,
                           const struct row *row, struct upload_result *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record claim;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, &row->record.claim, p, ACTION_ARTEFACT_CREATE, &claim, NULL, NULL));
    return artefact_again(db, p, row, out);
}

enum err give_again(struct evidence *ev, const struct principal *p, const struct row *row,
                    struct upload_result *out)
{
    TRY(read_again(ev, p, row, out));
    out->repeated = true;
    return evidence_receipt(ev, out->artefact.ledger_index, &out->receipt);
}

void result_begin(struct upload_result *out)
{
    memset(out, 0, sizeof(*out));
    buf_init(&out->receipt, RECEIPT_MAX);
}

enum err resumable_result(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          struct upload_result *out)
{
    AUTO_CLEAR(row_clear) struct row row;
    result_begin(out);
    TRY(row_find(ev, p, id, &row));
    TRY(row_is_there(&row.record));
    if (row.record.state != UPLOAD_FINISHED)
        return err_set(ERR_NOT_FOUND, "the upload has not become evidence yet");
    return give_again(ev, p, &row, out);
}

/* --- open --------------------------------------------------------------------------------- */

static enum err length_told(struct resumable_writer *w)
{
    struct upload_record *r = &w->row.record;
    int64_t told = w->piece.length;
    if (told < 0)
        return ERR_OK;
    if ((r->length >= 0 && r->length != told) || (uint64_t)told < r->offset)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the upload has another length");
    r->length = w->row.rq.length = told;
    return ERR_OK;
}

/* Room, share and rules; then the bytes' way in. */
static enum err writer_admit(struct resumable_writer *w)
{
    const struct upload_record *r = &w->row.record;
    struct upload_record recorded = *r;
    recorded.length = w->recorded_length;
    const struct upload_standing standing = {.session = r->id,
                                             .is_part = r->is_part,
                                             .have = r->offset,
                                             .begun = upload_begun(&recorded)};
    TRY(upload_prepare(w->ev, &w->principal, &w->row.rq, &standing, &w->upload));
    TRY(upload_admit(w->upload));
    if (w->piece.checksum == CHECKSUM_NONE)
        return writer_resume(w);
    return stage_begin(w->ev, w->upload->sealer, &w->piece, &w->stage);
}

/* Nothing is kept of a recording that was opted out of, but what the log says: also not what
 * had come when the choice was made. */
static enum err open_refused(struct resumable_writer *w, enum err e)
{
    struct upload_record *r = &w->row.record;
    struct err_info why;
    err_save(e, &why);
    r->length = w->recorded_length; /* nothing was changed */
    if (why.code != ERR_REFUSED || why.detail != REFUSAL_RECORDING_OPTED_OUT)
        return err_restore(&why);
    held_forget(w->held);
    (void)snprintf(r->reason, sizeof(r->reason), "%s", refusal_name(why.detail));
    enum err ended = row_end(w->ev, &w->row, UPLOAD_FAILED, NULL, NULL);
    (void)ended; /* it stays open, and will be refused once more */
    return err_restore(&why);
}

static enum err open_held(struct resumable_writer *w)
{
    const struct upload_record *r = &w->row.record;
    TRY(look(w->ev, &w->principal, w->held, &w->row));
    if (r->is_final)
        return refuse(REFUSAL_UPLOAD_FINAL);
    if (w->piece.offset != r->offset) /* before the length, which may follow from it */
        return refuse(REFUSAL_OFFSET_MISMATCH);
    w->recorded_length = r->length;
    enum err e = length_told(w);
    if (e == ERR_OK && r->state == UPLOAD_OPEN)
        e = writer_admit(w);
    if (e != ERR_OK)
        return open_refused(w, e);
    w->held->writer = w;
    return ERR_OK;
}

enum err resumable_open(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        const struct resumable_piece *piece, struct resumable_view *view,
                        struct resumable_writer **out)
{
    AUTO(resumable_free) struct resumable_writer *w = calloc(1, sizeof(*w));
    memset(view, 0, sizeof(*view));
    if (!w)
        return err_set(ERR_NOMEM, "a writer");
    w->ev = ev;
    w->principal = *p;
    w->piece = *piece;
    TRY(find(ev, p, id, &w->row));
    row_view(&w->row, view);
    TRY(row_is_there(&w->row.record));
    TRY(held_take(ev->resumables, id, &w->held, &w->arrival));
    enum err e = open_held(w);
    row_view(&w->row, view);
    held_unlock(w->held);
    if (e == ERR_OK)
        *out = TAKE(w);
    return e;
}

/* --- write -------------------------------------------------------------------------------- */

bool refusal_is_for_good(const struct err_info *why)
{
    return why->code == ERR_REFUSED && why->detail != REFUSAL_STORAGE_FULL &&
           why->detail != REFUSAL_QUOTA_EXCEEDED && why->detail != REFUSAL_TRY_AGAIN &&
           why->detail != REFUSAL_KEY_BUSY;
}

/* A refusal of what came dooms the upload; trouble leaves it to be read back. */
static enum err note_failure(struct resumable_writer *w, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    w->doomed = refusal_is_for_good(&why);
    if (w->doomed || e != ERR_REFUSED)
        w->failure = why;
    if (e != ERR_REFUSED) {
        stage_free(TAKE(w->stage));
        upload_free(TAKE(w->upload));
    }
    return err_restore(&why);
}

static enum err write_fitting(struct resumable_writer *w, const void *data, size_t len)
{
    enum err e = ERR_OK;
    if (w->stage)
        e = upload_check_size(w->upload, w->row.record.offset + w->came + len);
    if (e == ERR_OK)
        e = w->stage ? stage_write(w->stage, data, len) : upload_write(w->upload, data, len);
    if (e != ERR_OK)
        return note_failure(w, e);
    w->came += len;
    return ERR_OK;
}

static enum err write_held(struct resumable_writer *w, const void *data, size_t len)
{
    const struct upload_record *r = &w->row.record;
    uint64_t room = UINT64_MAX;
    if (w->failure.code != ERR_OK)
        return err_restore(&w->failure);
    if (!w->upload || r->length >= 0)
        room = (uint64_t)r->length - r->offset - w->came;
    size_t fits = len < room ? len : (size_t)room;
    if (fits > 0)
        TRY(write_fitting(w, data, fits));
    return fits == len ? ERR_OK
                       : refuse_because(REFUSAL_INVALID_REQUEST,
                                        "there are more bytes than were announced");
}

enum err resumable_write(struct resumable_writer *w, const void *data, size_t len)
{
    if (held_overtaken(w->held, w->arrival))
        return refuse(REFUSAL_UPLOAD_LOCKED);
    held_lock(w->held);
    enum err e =
        w->held->writer == w ? write_held(w, data, len) : refuse(REFUSAL_UPLOAD_LOCKED);
    held_unlock(w->held);
    return e;
}

void resumable_expect_digest(struct resumable_writer *w, const uint8_t sha256[32])
{
    w->has_digest = true;
    memcpy(w->digest, sha256, sizeof(w->digest));
}

/* --- close -------------------------------------------------------------------------------- */

static enum err pass_on(void *ctx, const void *data, size_t len)
{
    struct resumable_writer *w = ctx;
    return upload_write(w->upload, data, len);
}

/* The piece was right: now it moves the offset. */
static enum err unstage(struct resumable_writer *w)
{
    AUTO(stage_free) struct stage *s = TAKE(w->stage);
    enum err e = stage_verified(s);
    if (e != ERR_OK) {
        struct err_info why;
        err_save(e, &why);
        writer_drop(w);
        return err_restore(&why);
    }
    e = writer_resume(w);
    if (e == ERR_OK)
        e = stage_read(s, pass_on, w);
    return e == ERR_OK ? ERR_OK : note_failure(w, e);
}

static enum err finish_also(struct commit_tx *tx, struct upload *u, void *ctx)
{
    struct upload_record r = *(const struct upload_record *)ctx;
    if (u->is_duplicate)
        row_mark_duplicate(&r, u->duplicate.entry);
    return row_finished(tx, &r, &u->artefact);
}

/* What has become of it is what the database says. */
static enum err finish_failed(struct resumable_writer *w, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    if (row_again(w->ev, &w->row) == ERR_OK && w->row.record.state == UPLOAD_OPEN &&
        refusal_is_for_good(&why))
        writer_fail(w, (enum refusal)why.detail);
    else
        writer_drop(w);
    return err_restore(&why);
}

static enum err finish(struct resumable_writer *w, struct upload_result *result)
{
    struct upload_record recorded = w->row.record;
    struct upload *u = w->upload;
    u->also = finish_also;
    u->also_ctx = &recorded;
    if (w->has_digest)
        upload_expect_digest(u, w->digest);
    enum err e = upload_finish(u, result);
    if (e != ERR_OK)
        return finish_failed(w, e);
    writer_drop(w);
    return row_again(w->ev, &w->row);
}

static enum err is_all(const struct resumable_writer *w, enum resumable_end end, bool *out)
{
    const struct upload_record *r = &w->row.record;
    bool known = r->length >= 0, reached = known && r->offset + w->came == (uint64_t)r->length;
    *out = end == RESUMABLE_LAST || (end == RESUMABLE_BY_LENGTH && reached);
    if (end == RESUMABLE_LAST && known && !reached)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "there are fewer bytes than were announced");
    return ERR_OK;
}

static enum err close_open(struct resumable_writer *w, enum resumable_end end,
                           struct upload_result *result)
{
    bool all = false;
    if (w->stage)
        TRY(unstage(w));
    TRY(is_all(w, end, &all));
    if (all && !w->row.record.is_part)
        return finish(w, result);
    if (all)
        w->row.record.length = (int64_t)(w->row.record.offset + w->came);
    return writer_rest(w, all);
}

static enum err close_held(struct resumable_writer *w, enum resumable_end end,
                           struct upload_result *result)
{
    if (w->failure.code != ERR_OK)
        return err_restore(&w->failure); /* resumable_free lets go */
    if (w->row.record.state == UPLOAD_OPEN)
        return close_open(w, end, result);
    bool finished = w->row.record.state == UPLOAD_FINISHED; /* else WHOLE: a part is there */
    if (!finished)
        return ERR_OK;
    TRY(give_again(w->ev, &w->principal, &w->row, result));
    return upload_result_refused(w->ev, result);
}

/* Whatever happened: the upload is let go, as far as it came. */
static void let_go(struct resumable_writer *w)
{
    if (w->held->writer != w)
        return;
    held_free_up(w->held);
}

enum err resumable_close(struct resumable_writer *w, enum resumable_end end,
                         struct resumable_view *view, struct upload_result *result)
{
    struct err_info outcome;
    result_begin(result);
    held_lock(w->held);
    enum err e =
        w->held->writer == w ? close_held(w, end, result) : refuse(REFUSAL_UPLOAD_LOCKED);
    err_save(e, &outcome);
    let_go(w);
    row_view(&w->row, view);
    held_unlock(w->held);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

void resumable_free(struct resumable_writer *w)
{
    if (!w)
        return;
    if (w->held) {
        held_lock(w->held);
        let_go(w);
        stage_free(w->stage);
        upload_free(w->upload); /* of one that was never at it */
        held_leave(w->ev->resumables, w->held);
    }
    row_clear(&w->row);
    free(w);
}

/* --- given up ----------------------------------------------------------------------------- */

static enum err terminate_held(struct evidence *ev, const struct principal *p, struct held *h,
                               struct row *row)
{
    if (h->writer)
        writer_drop(h->writer);
    held_forget(h);
    TRY(row_again(ev, row));
    TRY(row_is_there(&row->record));
    if (row->record.state == UPLOAD_FINISHED)
        return refuse_because(REFUSAL_CONFLICT, "the upload has become evidence");
    return row_end(ev, row, UPLOAD_TERMINATED, "upload.terminated", p);
}

enum err resumable_terminate(struct evidence *ev, const struct principal *p,
                             const struct uuid *id)
{
    AUTO_CLEAR(row_clear) struct row row;
    struct held *h = NULL;
    uint64_t arrival;
    TRY(row_find(ev, p, id, &row));
    TRY(row_is_there(&row.record));
    if (row.record.state == UPLOAD_FINISHED)
        return refuse_because(REFUSAL_CONFLICT, "the upload has become evidence");
    TRY(held_take(ev->resumables, id, &h, &arrival));
    enum err e = terminate_held(ev, p, h, &row);
    held_leave(ev->resumables, h);
    return e;
}
