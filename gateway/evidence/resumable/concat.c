/* Parts put together: each is read back with its own key and goes through the ordinary intake
 * as one payload. One transaction makes the artefact, the record of the final upload, and the
 * parts USED; until then they are WHOLE, and trouble of ours may be asked for again. A refusal
 * of the whole is theirs, as it is the end of any other upload: or a short request would have
 * gigabytes read back and sealed again and again. For the same reason one person has one
 * concatenation at a time. */
#include "gateway/evidence/resumable/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct concatenation {
    struct evidence *ev;
    const struct principal *principal;
    const struct resumable_request *rq;
    const char *concat;
    const struct creation_key *key;
    struct row final;
    struct upload_record parts[RESUMABLE_PARTS_MAX];
    size_t n;
    int64_t length;
};

static void concatenation_free(struct concatenation *c)
{
    row_clear(&c->final);
    free(c);
}
DEFINE_AUTO(struct concatenation, concatenation_free);

/* --- the parts ---------------------------------------------------------------------------- */

static enum err part_check(const struct concatenation *c, const struct upload_record *r)
{
    TRY(row_is_there(r));
    if (!r->is_part)
        return refuse_because(REFUSAL_INVALID_REQUEST, "one of the uploads is no part");
    if (r->state != UPLOAD_WHOLE)
        return refuse_because(REFUSAL_INVALID_REQUEST, "one of the parts is not all there");
    if (!uuid_is_nil(&r->claim) && !uuid_equal(&r->claim, &c->rq->upload.claim))
        return refuse_because(REFUSAL_INVALID_REQUEST, "one of the parts is of another claim");
    for (size_t i = 0; i < c->n; i++) {
        if (uuid_equal(&c->parts[i].id, &r->id))
            return refuse_because(REFUSAL_INVALID_REQUEST, "one of the parts stands twice");
    }
    return ERR_OK;
}

static enum err part_add(struct concatenation *c, const struct uuid *id)
{
    AUTO_CLEAR(row_clear) struct row row;
    TRY(row_find(c->ev, c->principal, id, &row));
    TRY(part_check(c, &row.record));
    if (__builtin_add_overflow(c->length, (int64_t)row.record.offset, &c->length))
        return refuse(REFUSAL_FILE_TOO_LARGE);
    c->parts[c->n++] = row.record;
    return ERR_OK;
}

static enum err parts_find(struct concatenation *c, const struct uuid *parts, size_t n)
{
    if (n == 0 || n > RESUMABLE_PARTS_MAX)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "an upload is put together from 1 to %d parts",
                              RESUMABLE_PARTS_MAX);
    for (size_t i = 0; i < n; i++)
        TRY(part_add(c, &parts[i]));
    return ERR_OK;
}

static enum err pass_on(void *ctx, const void *data, size_t len)
{
    return upload_write(ctx, data, len);
}

static enum err part_write(struct concatenation *c, const struct upload_record *r,
                           struct upload *u)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    AUTO_CLEAR(buf_clear) struct buf plain;
    uint64_t size = 0;
    buf_init_secret(&plain, REST_MAX);
    TRY(row_sealed(c->ev, &r->id, &sealed));
    TRY(rest_open(c->ev, r, &sealed, &plain));
    TRY(read_back(c->ev, r, &plain, pass_on, u, &size));
    return size == r->offset ? ERR_OK
                             : err_set(ERR_CORRUPT, "a part is not as long as its record says");
}

/* --- as one ------------------------------------------------------------------------------- */

static enum err part_use(struct db *db, struct upload_record *r, int64_t now)
{
    r->state = UPLOAD_USED;
    r->updated_at = now;
    enum err e = upload_record_change(db, r, UPLOAD_WHOLE);
    return e == ERR_CONFLICT || e == ERR_NOT_FOUND
               ? refuse_because(REFUSAL_CONFLICT, "one of the parts has ended meanwhile")
               : e;
}

static enum err concatenate_also(struct commit_tx *tx, struct upload *u, void *ctx)
{
    struct concatenation *c = ctx;
    struct upload_record *r = &c->final.record;
    struct db *db = commit_db(tx);
    if (u->is_duplicate)
        row_mark_duplicate(r, u->duplicate.entry);
    r->artefact = u->artefact.id;
    TRY(upload_record_insert(db, r, &c->final.words));
    for (size_t i = 0; i < c->n; i++)
        TRY(part_use(db, &c->parts[i], r->updated_at));
    return creation_key_keep(c->key, db, &r->id);
}

static enum err final_row(struct concatenation *c)
{
    struct upload_record *r = &c->final.record;
    TRY(creation_row(c->ev, c->principal, c->rq, c->concat, &c->final));
    r->state = UPLOAD_FINISHED;
    r->is_final = true;
    r->length = c->length;
    r->offset = (uint64_t)c->length;
    return ERR_OK;
}

static enum err store(struct concatenation *c, struct upload *u, struct upload_result *result)
{
    u->session = c->final.record.id;
    u->also = concatenate_also;
    u->also_ctx = c;
    for (size_t i = 0; i < c->n; i++)
        TRY(part_write(c, &c->parts[i], u));
    return upload_finish(u, result);
}

static void parts_remove(struct concatenation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        enum err e = blob_part_remove(c->ev->parts.blobs, &c->parts[i].part);
        (void)e; /* then the sweep of parts takes it */
    }
}

static void part_fail(struct concatenation *c, const struct uuid *id, enum refusal why)
{
    AUTO_CLEAR(row_clear) struct row row;
    if (row_find(c->ev, c->principal, id, &row) != ERR_OK || row.record.state != UPLOAD_WHOLE)
        return; /* it has ended meanwhile */
    (void)snprintf(row.record.reason, sizeof(row.record.reason), "%s", refusal_name(why));
    enum err e = row_end(c->ev, &row, UPLOAD_FAILED, NULL, NULL);
    (void)e; /* it stays whole, and will be refused once more */
}

/* That a part was used or given up meanwhile is nothing against the others. */
static enum err store_failed(struct concatenation *c, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    bool doomed = refusal_is_for_good(&why) && why.detail != REFUSAL_CONFLICT;
    for (size_t i = 0; doomed && i < c->n; i++)
        part_fail(c, &c->parts[i].id, (enum refusal)why.detail);
    return err_restore(&why);
}

static enum err concatenate_now(struct concatenation *c, const struct uuid *parts, size_t n,
                                struct upload_result *result)
{
    AUTO(upload_free) struct upload *u = NULL;
    struct upload_request rq = c->rq->upload;
    TRY(parts_find(c, parts, n));
    TRY(final_row(c));
    rq.length = c->length;
    rq.idempotency_key[0] = 0; /* it stands for the upload, not for the artefact */
    const struct upload_standing standing = {.begun = (uint64_t)c->length};
    TRY(upload_prepare(c->ev, c->principal, &rq, &standing, &u));
    TRY(upload_admit_whole(u));
    enum err e = store(c, u, result);
    if (e != ERR_OK)
        return store_failed(c, e);
    parts_remove(c);
    return ERR_OK;
}

static enum err concatenate(struct concatenation *c, const struct uuid *parts, size_t n,
                            struct upload_result *result)
{
    struct running_ticket ticket;
    enum err e = running_take(c->ev->running, c->principal, RUNNING_CONCATENATION, &ticket);
    if (e == ERR_REFUSED)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED, "parts of yours are being put together "
                                                      "already - wait for that to end");
    TRY(e);
    e = concatenate_now(c, parts, n, result);
    running_give(c->ev->running, &ticket);
    return e;
}

enum err resumable_concatenate(struct evidence *ev, const struct principal *p,
                               const struct resumable_request *rq, const char *concat,
                               const struct uuid *parts, size_t n, struct resumable_view *view,
                               struct upload_result *result)
{
    AUTO_CLEAR(creation_key_clear) struct creation_key key = {.held = false};
    AUTO(concatenation_free) struct concatenation *c = calloc(1, sizeof(*c));
    memset(view, 0, sizeof(*view));
    result_begin(result);
    if (!c)
        return err_set(ERR_NOMEM, "a concatenation");
    *c = (struct concatenation){
        .ev = ev, .principal = p, .rq = rq, .concat = concat, .key = &key};
    row_init(&c->final);
    TRY(creation_key_begin(ev, p, rq, concat, &key));
    if (uuid_is_nil(&key.known)) {
        TRY(concatenate(c, parts, n, result));
        row_view(&c->final, view);
        return ERR_OK;
    }
    TRY(creation_known(ev, p, &key.known, &c->final));
    row_view(&c->final, view);
    return give_again(ev, p, &c->final, result);
}
