/* Uploads that survive their connection.
 *
 * The sealed rest holds an upload's file key. When the upload has ended it must be gone from
 * the files, and so must every earlier one, or who comes by the intake key later opens the
 * artefact. secure_delete zeroes what is deleted or overwritten, but not what SQLite leaves
 * behind when it moves a row between pages to balance a tree. It moves only what a row keeps in
 * its own page; so the row begins with more padding than fits there, and what is sealed lies in
 * pages of its own (overflow pages), which never move and are zeroed when they are freed. What
 * is left is the write-ahead log, which db_checkpoint empties. A test changes and ends uploads
 * at random and searches the files.
 *
 * Invariants: only an upload that is OPEN or WHOLE has a rest, and only those and FINISHED ones
 * have words: they may name people, and what came to nothing is remembered without. A state
 * changes only from the one that the caller named.
 */
#include "storage/record.h"
#include "storage/sealed.h"

#include <string.h>

enum {
    PADDING = 4096,    /* no less than a page of the database: PRAGMA page_size */
    FORGET_ROWS = 1000 /* at once: nobody waits long behind it */
};

static const char *const state_names[] = {
    [UPLOAD_OPEN] = "open",
    [UPLOAD_WHOLE] = "whole",
    [UPLOAD_FINISHED] = "finished",
    [UPLOAD_USED] = "used",
    [UPLOAD_FAILED] = "failed",
    [UPLOAD_EXPIRED] = "expired",
    [UPLOAD_TERMINATED] = "terminated",
};
_Static_assert(ARRAY_LEN(state_names) == UPLOAD_STATE_COUNT, "a name for each state");

/* As the indexes have it: a query finds them by these very words. */
#define UNFINISHED "state IN ('open', 'whole')"
#define ENDED "state NOT IN ('open', 'whole')"

const char *upload_state_name(enum upload_state s)
{
    assert((unsigned)s < UPLOAD_STATE_COUNT);
    return state_names[s];
}

static bool is_unfinished(enum upload_state s)
{
    return s == UPLOAD_OPEN || s == UPLOAD_WHOLE;
}

#define COLUMNS                                                                                \
    "id, claim, owner_issuer, owner_subject, state, reason, length, received, part, chunks,"   \
    " is_part, is_final, artefact, created_at, updated_at, expires_at"

static void read_state(struct statement *s, enum upload_state *out)
{
    char name[SHORT_TEXT_MAX + 1];

    read_text(s, name, sizeof(name));
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *out = (enum upload_state)i;
            return;
        }
    }
    if (s->failed == ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "an upload has an unknown state");
}

static void read_upload(struct statement *s, void *record)
{
    struct upload_record *u = record;

    read_uuid(s, &u->id);
    read_uuid(s, &u->claim);
    read_person(s, &u->owner);
    read_state(s, &u->state);
    read_text(s, u->reason, sizeof(u->reason));
    u->length = read_int(s);
    u->offset = read_u64(s);
    read_uuid(s, &u->part);
    u->chunks = read_u64(s);
    u->is_part = read_bool(s);
    u->is_final = read_bool(s);
    read_uuid(s, &u->artefact);
    u->created_at = read_int(s);
    u->updated_at = read_int(s);
    u->expires_at = read_int(s);
}

/* --- the upload and what was said of it --------------------------------------------------- */
static enum err insert_upload(struct db *db, const struct upload_record *u)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "INSERT INTO uploads VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &u->id);
    bind_uuid_or_null(&s, &u->claim);
    bind_person(&s, &u->owner);
    bind_text(&s, upload_state_name(u->state));
    bind_text(&s, u->reason);
    bind_int(&s, u->length);
    bind_u64(&s, u->offset);
    bind_uuid_or_null(&s, &u->part);
    bind_u64(&s, u->chunks);
    bind_bool(&s, u->is_part);
    bind_bool(&s, u->is_final);
    bind_uuid_or_null(&s, &u->artefact);
    bind_int(&s, u->created_at);
    bind_int(&s, u->updated_at);
    bind_int(&s, u->expires_at);
    return statement_run(&s);
}

/* What was said of an upload may name people: sealed as values that pass. */
#define COLUMN_REQUEST "upload_words.request"
#define COLUMN_METADATA "upload_words.metadata"
#define COLUMN_CONCAT "upload_words.concat"

static enum err insert_words(struct db *db, const struct uuid *id, const struct upload_words *w)
{
    AUTO_CLEAR(statement_end) struct statement s;

    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "INSERT INTO upload_words(upload, request, metadata, concat, sealed)"
                        " VALUES(?, ?, ?, ?, 1)"));
    sealed_row_uuid(&row, id);
    bind_uuid(&s, id);
    bind_passing(&s, COLUMN_REQUEST, &row, w->request.data, w->request.len);
    bind_passing(&s, COLUMN_METADATA, &row, w->metadata.data, w->metadata.len);
    bind_passing(&s, COLUMN_CONCAT, &row, w->concat.data, w->concat.len);
    return statement_run(&s);
}

enum err upload_record_insert(struct db *db, const struct upload_record *u,
                              const struct upload_words *w)
{
    if (w->request.len > UPLOAD_REQUEST_MAX || w->metadata.len > UPLOAD_METADATA_MAX ||
        w->concat.len > UPLOAD_CONCAT_MAX)
        return err_set(ERR_TOO_LARGE, "too much was said of an upload");
    TRY(insert_upload(db, u));
    return insert_words(db, &u->id, w);
}

enum err upload_record_find(struct db *db, const struct uuid *id, struct upload_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM uploads WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_upload, out);
}

/* Those of older versions are plain: they go with their uploads. */
static void read_words(struct statement *s, bool sealed, const struct uuid *id,
                       const char *domain, struct buf *out)
{
    struct sealed_row row;

    sealed_row_uuid(&row, id);
    if (sealed)
        read_passing(s, domain, &row, out);
    else
        read_append(s, out);
}

enum err upload_record_words(struct db *db, const struct uuid *id, struct upload_words *out)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool sealed;

    TRY(statement_begin(
        &s, db, "SELECT sealed, request, metadata, concat FROM upload_words WHERE upload = ?"));
    bind_uuid(&s, id);
    TRY(statement_find(&s));
    sealed = read_bool(&s);
    read_words(&s, sealed, id, COLUMN_REQUEST, &out->request);
    read_words(&s, sealed, id, COLUMN_METADATA, &out->metadata);
    read_words(&s, sealed, id, COLUMN_CONCAT, &out->concat);
    return statement_read(&s);
}

/* --- the sealed rest ---------------------------------------------------------------------- */
static enum err put_rest(struct db *db, const struct uuid *id, const void *sealed, size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO upload_rests VALUES(?, zeroblob(?), ?)"
                        " ON CONFLICT(upload) DO UPDATE SET sealed = excluded.sealed"));
    bind_uuid(&s, id);
    bind_int(&s, PADDING);
    bind_blob(&s, sealed, len);
    return statement_run(&s);
}

static enum err drop_rest(struct db *db, const struct uuid *id)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM upload_rests WHERE upload = ?"));
    bind_uuid(&s, id);
    return statement_run(&s);
}

static enum err drop_words(struct db *db, const struct uuid *id)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM upload_words WHERE upload = ?"));
    bind_uuid(&s, id);
    return statement_run(&s);
}

static enum err not_changed(struct db *db, const struct uuid *id)
{
    struct upload_record now;

    TRY(upload_record_find(db, id, &now));
    return err_set(ERR_CONFLICT, "the upload is %s", upload_state_name(now.state));
}

static enum err move_on(struct db *db, const struct upload_record *u, bool *changed)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE uploads SET length = ?, received = ?, part = ?, chunks = ?,"
                        " updated_at = ?, expires_at = ? WHERE id = ? AND " UNFINISHED));
    bind_int(&s, u->length);
    bind_u64(&s, u->offset);
    bind_uuid_or_null(&s, &u->part);
    bind_u64(&s, u->chunks);
    bind_int(&s, u->updated_at);
    bind_int(&s, u->expires_at);
    bind_uuid(&s, &u->id);
    TRY(statement_run(&s));
    *changed = statement_changes(&s) > 0;
    return ERR_OK;
}

enum err upload_record_rest(struct db *db, const struct upload_record *u, const void *sealed,
                            size_t len)
{
    bool changed;

    if (len > UPLOAD_REST_MAX)
        return err_set(ERR_TOO_LARGE, "the sealed rest of an upload is too large");
    TRY(move_on(db, u, &changed));
    if (!changed)
        return not_changed(db, &u->id);
    return len > 0 ? put_rest(db, &u->id, sealed, len) : drop_rest(db, &u->id);
}

enum err upload_record_sealed(struct db *db, const struct uuid *id, struct buf *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT sealed FROM upload_rests WHERE upload = ?"));
    bind_uuid(&s, id);
    TRY(statement_find(&s));
    read_append(&s, out);
    return statement_read(&s);
}

/* --- states ------------------------------------------------------------------------------- */
static enum err change_from(struct db *db, const struct upload_record *u,
                            enum upload_state from, bool *changed)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE uploads SET state = ?, reason = ?, artefact = ?, updated_at = ?"
                        " WHERE id = ? AND state = ?"));
    bind_text(&s, upload_state_name(u->state));
    bind_text(&s, u->reason);
    bind_uuid_or_null(&s, &u->artefact);
    bind_int(&s, u->updated_at);
    bind_uuid(&s, &u->id);
    bind_text(&s, upload_state_name(from));
    TRY(statement_run(&s));
    *changed = statement_changes(&s) > 0;
    return ERR_OK;
}

enum err upload_record_change(struct db *db, const struct upload_record *u,
                              enum upload_state from)
{
    bool changed;

    TRY(change_from(db, u, from, &changed));
    if (!changed)
        return not_changed(db, &u->id);
    if (is_unfinished(u->state))
        return ERR_OK;
    TRY(drop_rest(db, &u->id));
    return u->state == UPLOAD_FINISHED ? ERR_OK : drop_words(db, &u->id);
}

/* --- lists -------------------------------------------------------------------------------- */
enum err upload_record_due(struct db *db, int64_t now, struct upload_record *out, size_t max,
                           size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM uploads WHERE " UNFINISHED
                        " AND expires_at <= ? ORDER BY expires_at LIMIT ?"));
    bind_int(&s, now);
    return record_page(&s, read_upload, out, sizeof(*out), max, n);
}

/* The words go with the row. */
enum err upload_record_forget(struct db *db, int64_t before)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE " ENDED
                        " AND updated_at < ? ORDER BY updated_at LIMIT ?)"));
    bind_int(&s, before);
    bind_int(&s, FORGET_ROWS);
    return statement_run(&s);
}

enum err upload_record_count_open(struct db *db, const struct person *owner, uint64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT count(*) FROM uploads WHERE owner_issuer = ? AND"
                        " owner_subject = ? AND " UNFINISHED));
    bind_person(&s, owner);
    TRY(statement_find(&s));
    *out = read_u64(&s);
    return statement_read(&s);
}

enum err upload_record_count(struct db *db, const struct person *owner, uint64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT count(*) FROM uploads WHERE owner_issuer = ? AND"
                        " owner_subject = ?"));
    bind_person(&s, owner);
    TRY(statement_find(&s));
    *out = read_u64(&s);
    return statement_read(&s);
}

/* No sum overflows: real numbers beyond 2^63 are as good as that. */
enum err upload_record_pending(struct db *db, const struct person *owner,
                               const struct uuid *claim, uint64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT CAST(total(max(length, received)) AS INTEGER) FROM uploads"
                        " WHERE owner_issuer = ?1 AND owner_subject = ?2 AND " UNFINISHED
                        " AND (?3 IS NULL OR claim = ?3)"));
    bind_person(&s, owner);
    bind_uuid_or_null(&s, claim ? claim : &(struct uuid){{0}});
    TRY(statement_find(&s));
    *out = read_u64(&s);
    return statement_read(&s);
}

enum err upload_record_has_part(struct db *db, const struct uuid *part, bool *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT 1 FROM uploads WHERE part = ? AND " UNFINISHED));
    bind_uuid(&s, part);
    return statement_step(&s, out);
}
