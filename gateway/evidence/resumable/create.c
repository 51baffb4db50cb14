/* How an upload over several requests begins. The key of its bytes is made with it and kept in
 * its record, so that every byte that comes can be opened again, also by the process after this
 * one.
 *
 * An Idempotency-Key stands for the upload, not for the artefact: it is remembered with the
 * upload's id in the transaction that makes it. */
#include "gateway/evidence/resumable/internal.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/log/entry.h"

#include <stdlib.h>
#include <string.h>

/* --- Idempotency-Keys --------------------------------------------------------------------- */

static enum err key_fingerprint(const struct resumable_request *rq, const char *concat,
                                uint8_t out[SHA256_SIZE])
{
    static const char what[] = "upload over several requests";
    const struct upload_request *u = &rq->upload;
    const void *parts[] = {what,
                           &u->claim,
                           u->kind,
                           &u->assessment,
                           &u->recording_started_at,
                           &u->recording_stopped_at,
                           &u->length,
                           rq->metadata,
                           concat,
                           &u->request};
    const size_t lens[] = {sizeof(what),
                           sizeof(u->claim),
                           strlen(u->kind) + 1,
                           sizeof(u->assessment),
                           sizeof(u->recording_started_at),
                           sizeof(u->recording_stopped_at),
                           sizeof(u->length),
                           strlen(rq->metadata) + 1,
                           strlen(concat) + 1,
                           u->has_request ? sizeof(u->request) : 0};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

static enum err key_find(struct creation_key *key)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct person me = person_of(key->principal);
    struct idempotency_record r;
    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    TRY(db_read_begin(key->ev->parts.db, &db));
    enum err e = idempotency_find(db, &me, key->text, clock_now(), &r, &answer);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(e);
    if (!equal_constant_time(r.fingerprint, key->fingerprint, sizeof(r.fingerprint)) ||
        uuid_parse(buf_text(&answer), &key->known) != ERR_OK)
        return refuse(REFUSAL_KEY_REUSED);
    return ERR_OK;
}

enum err creation_key_begin(struct evidence *ev, const struct principal *p,
                            const struct resumable_request *rq, const char *concat,
                            struct creation_key *key)
{
    *key = (struct creation_key){.ev = ev, .principal = p, .text = rq->upload.idempotency_key};
    if (!key->text[0])
        return ERR_OK;
    TRY(key_fingerprint(rq, concat, key->fingerprint));
    TRY(running_take(ev->running, p, key->text, &key->ticket));
    key->held = true;
    return key_find(key);
}

enum err creation_key_keep(const struct creation_key *key, struct db *db, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    if (!key->held)
        return ERR_OK;
    struct idempotency_record r = {
        .client = person_of(key->principal),
        .status = 201,
        .expires_at = clock_now() + key->ev->config.idempotency_ttl_s * MICROS_PER_SECOND,
    };
    memcpy(r.key, key->text, strlen(key->text) + 1);
    memcpy(r.fingerprint, key->fingerprint, sizeof(r.fingerprint));
    uuid_format(id, text);
    enum err e = idempotency_insert(db, &r, text, strlen(text));
    return e == ERR_EXISTS ? refuse(REFUSAL_KEY_BUSY) : e; /* by another process */
}

void creation_key_clear(struct creation_key *key)
{
    if (key->held)
        running_give(key->ev->running, &key->ticket);
    key->held = false;
}

enum err creation_known(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        struct row *row)
{
    enum err e = row_find(ev, p, id, row);
    if (e == ERR_REFUSED)
        return refuse(REFUSAL_UPLOAD_GONE); /* forgotten */
    TRY(e);
    return row_is_there(&row->record);
}

/* --- the record --------------------------------------------------------------------------- */

enum err creation_row(struct evidence *ev, const struct principal *p,
                      const struct resumable_request *rq, const char *concat, struct row *row)
{
    struct upload_record *r = &row->record;
    row_init(row);
    r->id = uuid_new();
    r->claim = rq->upload.claim;
    r->owner = person_of(p);
    r->state = UPLOAD_OPEN;
    r->length = rq->upload.length;
    r->is_part = rq->is_part;
    row->rq = rq->upload;
    row_touch(ev, r);
    r->created_at = r->updated_at;
    TRY(row_describe(&rq->upload, &row->words.request));
    TRY(buf_append_str(&row->words.metadata, rq->metadata));
    return buf_append_str(&row->words.concat, concat);
}

struct creation {
    struct evidence *ev;
    struct row row;
    struct buf sealed;
    struct upload *upload;
    json_t *entry; /* NULL: of a part */
    const struct creation_key *key;
};

/* Where the count is: of many at once none sees the others before. */
static enum err creation_limits(struct creation *c, struct db *db)
{
    const struct upload_record *r = &c->row.record;
    uint64_t open = 0, all = 0;
    TRY(upload_record_count_open(db, &r->owner, &open));
    if (open >= c->ev->config.open_uploads_per_person)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                              "too many uploads of yours are unfinished - end one first");
    TRY(upload_record_count(db, &r->owner, &all));
    if (all >= c->ev->config.upload_records_per_person)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                              "too many uploads of yours have begun and ended - try again when "
                              "older ones are forgotten");
    return upload_check_quota(c->upload, db, upload_begun(r));
}

static enum err creation_apply(struct commit_tx *tx, void *ctx)
{
    struct creation *c = ctx;
    struct db *db = commit_db(tx);
    struct upload_record *r = &c->row.record;
    struct ledger_ref ref;
    TRY(creation_limits(c, db));
    TRY(upload_record_insert(db, r, &c->row.words));
    TRY(upload_record_rest(db, r, c->sealed.data, c->sealed.len));
    TRY(creation_key_keep(c->key, db, &r->id));
    return c->entry ? entry_append(tx, c->entry, &ref) : ERR_OK;
}

/* A fresh key, and a name for the part that will hold what it seals. */
static enum err creation_rest(struct creation *c)
{
    AUTO_CLEAR(buf_clear) struct buf plain;
    buf_init(&c->sealed, UPLOAD_REST_MAX);
    TRY(rest_new(&plain));
    c->row.record.part = uuid_new();
    return rest_seal(c->ev, &c->row.record, &plain, &c->sealed);
}

static void creation_entry(struct creation *c, const struct upload *u)
{
    c->entry = row_entry(c->ev, &c->row, "upload.started", &u->principal, u->role);
    if (c->row.record.length >= 0)
        json_put_int(c->entry, "length", c->row.record.length);
    if (c->row.rq.has_assessment)
        row_entry_assessment(c->entry, &c->row.rq.assessment);
}

/* This process knows that nothing was sealed yet. */
static enum err creation_remember(struct evidence *ev, const struct upload_record *r)
{
    AUTO_CLEAR(upload_memory_clear) struct upload_memory nothing = {.sniffed = false};
    struct held *h = NULL;
    uint64_t arrival;
    TRY(held_take(ev->resumables, &r->id, &h, &arrival));
    held_remember(h, r, &nothing);
    held_leave(ev->resumables, h);
    return ERR_OK;
}

static enum err create(struct creation *c, const struct principal *p,
                       const struct resumable_request *rq, struct resumable_view *out)
{
    AUTO(upload_free) struct upload *u = NULL;
    const struct upload_standing nothing = {.is_part = rq->is_part};
    TRY(upload_prepare(c->ev, p, &rq->upload, &nothing, &u));
    c->upload = u;
    TRY(creation_row(c->ev, p, rq, rq->is_part ? "partial" : "", &c->row));
    TRY(creation_rest(c));
    if (!rq->is_part)
        creation_entry(c, u);
    enum err e = c->entry ? evidence_commit(c->ev, creation_apply, c, NULL)
                          : evidence_keep(c->ev, creation_apply, c);
    if (e != ERR_OK)
        return upload_refused(u, e);
    row_view(&c->row, out);
    return creation_remember(c->ev, &c->row.record);
}

enum err resumable_create(struct evidence *ev, const struct principal *p,
                          const struct resumable_request *rq, struct resumable_view *out)
{
    AUTO_CLEAR(creation_key_clear) struct creation_key key;
    struct creation c = {.ev = ev, .key = &key};
    memset(out, 0, sizeof(*out));
    row_init(&c.row);
    enum err e = creation_key_begin(ev, p, rq, "", &key);
    if (e == ERR_OK && !uuid_is_nil(&key.known)) {
        e = creation_known(ev, p, &key.known, &c.row);
        row_view(&c.row, out);
    } else if (e == ERR_OK) {
        e = create(&c, p, rq, out);
    }
    row_clear(&c.row);
    buf_clear(&c.sealed);
    json_decref(c.entry);
    return e;
}
