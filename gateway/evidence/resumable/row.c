/* The record of an upload over several requests: how it is found, told, and brought from one
 * state to the next. Every change is one transaction; where an entry is written, with it. */
#include "gateway/evidence/resumable/internal.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/log/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool row_is_unfinished(const struct upload_record *r)
{
    return r->state == UPLOAD_OPEN || r->state == UPLOAD_WHOLE;
}

static bool row_has_ended(const struct upload_record *r)
{
    return !row_is_unfinished(r) && r->state != UPLOAD_FINISHED;
}

/* --- how it was described ----------------------------------------------------------------- */

static void put_times(json_t *to, const struct upload_request *rq)
{
    if (rq->recording_started_at != 0)
        json_put_int(to, "recording_started_at", rq->recording_started_at);
    if (rq->recording_stopped_at != 0)
        json_put_int(to, "recording_stopped_at", rq->recording_stopped_at);
}

static enum err describe(const struct upload_request *rq, struct buf *out)
{
    AUTO(json_free) json_t *to = json_object();
    AUTO_FREE char *text = NULL;
    char id[UUID_TEXT_SIZE], digest[HEX_SIZE(SHA256_SIZE)];
    size_t len = 0;
    json_put_text_if(to, "kind", rq->kind);
    json_put_text_if(to, "filename", rq->filename);
    json_put_text_if(to, "description", rq->description);
    json_put_text_if(to, "media_type", rq->media_type);
    if (rq->has_digest) {
        hex_encode(rq->digest, SHA256_SIZE, digest);
        json_put_text(to, "sha256", digest);
    }
    if (rq->has_assessment) {
        uuid_format(&rq->assessment, id);
        json_put_text(to, "assessment", id);
    }
    if (rq->has_request) {
        uuid_format(&rq->request, id);
        json_put_text(to, "request", id);
    }
    put_times(to, rq);
    TRY(json_text(to, &text, &len));
    return buf_append(out, text, len);
}

static enum err read_texts(struct json_in *in, struct upload_request *rq)
{
    TRY(json_in_text(in, "kind", JSON_OPTIONAL, rq->kind, sizeof(rq->kind)));
    TRY(json_in_text(in, "filename", JSON_OPTIONAL, rq->filename, sizeof(rq->filename)));
    TRY(json_in_text(in, "description", JSON_OPTIONAL, rq->description,
                     sizeof(rq->description)));
    return json_in_text(in, "media_type", JSON_OPTIONAL, rq->media_type,
                        sizeof(rq->media_type));
}

static enum err read_request(struct json_in *in, struct upload_request *rq)
{
    char id[UUID_TEXT_SIZE];
    TRY(json_in_text(in, "request", JSON_OPTIONAL, id, sizeof(id)));
    rq->has_request = id[0] != 0;
    return rq->has_request ? uuid_parse(id, &rq->request) : ERR_OK;
}

static enum err read_coded(struct json_in *in, struct upload_request *rq)
{
    char digest[HEX_SIZE(SHA256_SIZE)], id[UUID_TEXT_SIZE];
    TRY(json_in_text(in, "sha256", JSON_OPTIONAL, digest, sizeof(digest)));
    TRY(json_in_text(in, "assessment", JSON_OPTIONAL, id, sizeof(id)));
    rq->has_digest = digest[0] != 0;
    rq->has_assessment = id[0] != 0;
    if (rq->has_digest)
        TRY(hex_decode(digest, strlen(digest), rq->digest, SHA256_SIZE));
    if (rq->has_assessment)
        TRY(uuid_parse(id, &rq->assessment));
    TRY(json_in_int(in, "recording_started_at", JSON_OPTIONAL, INT64_MIN, INT64_MAX,
                    &rq->recording_started_at));
    return json_in_int(in, "recording_stopped_at", JSON_OPTIONAL, INT64_MIN, INT64_MAX,
                       &rq->recording_stopped_at);
}

static enum err description_read(const struct buf *text, struct upload_request *rq)
{
    AUTO(json_free) json_t *from = NULL;
    struct json_in in;
    TRY(json_parse(text->data, text->len, &from));
    TRY(json_in_object(&in, from, "upload"));
    TRY(read_texts(&in, rq));
    TRY(read_coded(&in, rq));
    TRY(read_request(&in, rq));
    return json_in_done(&in);
}

/* An upload that came to nothing has no words any more. */
static enum err row_understand(struct row *row)
{
    if (row->words.request.len == 0 && row_has_ended(&row->record))
        return ERR_OK;
    if (description_read(&row->words.request, &row->rq) != ERR_OK)
        return err_set(ERR_CORRUPT, "the description of an upload cannot be read");
    return ERR_OK;
}

/* What could not be read back is not taken. */
enum err row_describe(const struct upload_request *rq, struct buf *out)
{
    struct upload_request again = {.length = -1};
    if (describe(rq, out) != ERR_OK || description_read(out, &again) != ERR_OK)
        return refuse(REFUSAL_INVALID_REQUEST);
    return ERR_OK;
}

/* --- finding it --------------------------------------------------------------------------- */

void row_init(struct row *row)
{
    memset(row, 0, sizeof(*row));
    buf_init(&row->words.request, UPLOAD_REQUEST_MAX);
    buf_init(&row->words.metadata, UPLOAD_METADATA_MAX);
    buf_init(&row->words.concat, UPLOAD_CONCAT_MAX);
}

void row_clear(struct row *row)
{
    buf_clear(&row->words.request);
    buf_clear(&row->words.metadata);
    buf_clear(&row->words.concat);
}

static enum err row_read(struct evidence *ev, const struct principal *p, const struct uuid *id,
                         struct row *row)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(ev->parts.db, &db));
    enum err e = upload_record_find(db, id, &row->record);
    bool foreign = e == ERR_OK && p && !person_is(&row->record.owner, p);
    if (e == ERR_NOT_FOUND || foreign)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(e);
    e = upload_record_words(db, id, &row->words);
    return e == ERR_NOT_FOUND && row_has_ended(&row->record) ? ERR_OK : e;
}

static enum err row_load(struct evidence *ev, const struct principal *p, const struct uuid *id,
                         struct row *row)
{
    row_init(row);
    TRY(row_read(ev, p, id, row));
    TRY(row_understand(row));
    row->rq.claim = row->record.claim;
    row->rq.length = row->record.length;
    return ERR_OK;
}

enum err row_find(struct evidence *ev, const struct principal *p, const struct uuid *id,
                  struct row *row)
{
    return row_load(ev, p, id, row);
}

enum err row_get(struct evidence *ev, const struct uuid *id, struct row *row)
{
    return row_load(ev, NULL, id, row);
}

enum err row_again(struct evidence *ev, struct row *row)
{
    struct uuid id = row->record.id;
    row_clear(row);
    return row_load(ev, NULL, &id, row);
}

enum err row_sealed(struct evidence *ev, const struct uuid *id, struct buf *sealed)
{
    AUTO(db_read_end) struct db *db = NULL;
    buf_init(sealed, UPLOAD_REST_MAX);
    TRY(db_read_begin(ev->parts.db, &db));
    return upload_record_sealed(db, id, sealed);
}

void row_view(const struct row *row, struct resumable_view *view)
{
    view->record = row->record;
    (void)snprintf(view->kind, sizeof(view->kind), "%s", row->rq.kind);
    (void)snprintf(view->metadata, sizeof(view->metadata), "%s",
                   buf_text(&row->words.metadata));
    (void)snprintf(view->concat, sizeof(view->concat), "%s", buf_text(&row->words.concat));
}

enum err row_is_there(const struct upload_record *r)
{
    if (r->state == UPLOAD_FINISHED)
        return ERR_OK;
    bool there = row_is_unfinished(r) && clock_now() < r->expires_at;
    return there ? ERR_OK : refuse(REFUSAL_UPLOAD_GONE);
}

/* --- entries ------------------------------------------------------------------------------ */

json_t *row_entry(struct evidence *ev, const struct row *row, const char *action,
                  const struct principal *p, enum role role)
{
    const struct upload_record *r = &row->record;
    const struct kind *k = kinds_find(ev->parts.kinds, row->rq.kind);
    json_t *entry = entry_new(action, p, role);
    if (!p) {
        char owner[ACTOR_MAX];
        (void)snprintf(owner, sizeof(owner), "%s#%s", r->owner.issuer, r->owner.subject);
        json_put_text(entry, "owner", owner);
    }
    entry_upload(entry, &r->id);
    if (!uuid_is_nil(&r->claim))
        entry_claim(entry, &r->claim);
    json_put_text_if(entry, "kind", row->rq.kind);
    json_put_bool(entry, "harmful", k ? k->harmful : true);
    json_put_text_if(entry, "reason", r->reason);
    return entry;
}

void row_entry_assessment(json_t *entry, const struct uuid *assessment)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(assessment, id);
    json_put_text(entry, "assessment", id);
}

/* --- changes ------------------------------------------------------------------------------ */

void row_touch(struct evidence *ev, struct upload_record *r)
{
    r->updated_at = clock_now();
    r->expires_at = r->updated_at + ev->config.upload_expiry_s * MICROS_PER_SECOND;
}

static enum err rest_apply(struct commit_tx *tx, void *ctx)
{
    struct row_rest *rest = ctx;
    struct db *db = commit_db(tx);
    TRY(upload_record_rest(db, rest->record, rest->sealed->data, rest->sealed->len));
    if (!rest->whole)
        return ERR_OK;
    struct upload_record whole = *rest->record;
    whole.state = UPLOAD_WHOLE;
    return upload_record_change(db, &whole, UPLOAD_OPEN);
}

enum err row_rest_commit(struct evidence *ev, struct row_rest *rest)
{
    row_touch(ev, rest->record);
    TRY(evidence_keep(ev, rest_apply, rest));
    if (rest->whole)
        rest->record->state = UPLOAD_WHOLE;
    return ERR_OK;
}

struct ending {
    struct upload_record record; /* as it will be */
    enum upload_state from;
    json_t *entry; /* NULL: none */
};

static enum err end_apply(struct commit_tx *tx, void *ctx)
{
    struct ending *ending = ctx;
    struct ledger_ref ref;
    TRY(upload_record_change(commit_db(tx), &ending->record, ending->from));
    return ending->entry ? entry_append(tx, ending->entry, &ref) : ERR_OK;
}

enum err row_end(struct evidence *ev, struct row *row, enum upload_state to, const char *action,
                 const struct principal *p)
{
    AUTO(json_free) json_t *entry = NULL;
    struct ending ending = {.record = row->record, .from = row->record.state};
    ending.record.state = to;
    ending.record.updated_at = clock_now();
    if (action && !row->record.is_part) { /* a part's beginning had none either */
        entry = row_entry(ev, row, action, p, p ? denial_role(p) : ROLE_CLAIMANT);
        json_put_int(entry, "size", (json_int_t)row->record.offset);
        ending.entry = entry;
    }
    TRY(entry ? evidence_commit(ev, end_apply, &ending, NULL)
              : evidence_keep(ev, end_apply, &ending));
    row->record = ending.record;
    if (uuid_is_nil(&row->record.part))
        return ERR_OK;
    enum err removed = blob_part_remove(ev->parts.blobs, &row->record.part);
    return removed == ERR_NOT_FOUND ? ERR_OK : removed;
}

/* Its record has no other place for it: a FINISHED upload has no reason else. */
#define DUPLICATE_REASON "duplicate "

void row_mark_duplicate(struct upload_record *r, uint64_t entry)
{
    (void)snprintf(r->reason, sizeof(r->reason), DUPLICATE_REASON "%" PRIu64, entry);
}

bool row_is_duplicate(const struct upload_record *r, uint64_t *entry)
{
    return sscanf(r->reason, DUPLICATE_REASON "%" SCNu64, entry) == 1;
}

enum err row_finished(struct commit_tx *tx, struct upload_record *r,
                      const struct artefact_record *a)
{
    r->length = (int64_t)a->size;
    r->offset = a->size;
    r->updated_at = clock_now();
    TRY(upload_record_rest(commit_db(tx), r, NULL, 0));
    r->state = UPLOAD_FINISHED;
    r->artefact = a->id;
    return upload_record_change(commit_db(tx), r, UPLOAD_OPEN);
}
