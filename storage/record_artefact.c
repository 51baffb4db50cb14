/* Artefacts: what is known about each piece of evidence.
 *
 * Invariants: a row is written once; of its columns only status and status_reason ever change,
 * and only from a state the caller named. Whether a harmful one is there for somebody is
 * decided inside the query, so that neither a list nor a page's length tells of it.
 */
#include "storage/record.h"
#include "storage/record_requests.h"
#include "storage/sealed.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"

#include <string.h>

static const char *const status_names[] = {
    [ARTEFACT_RECEIVING] = "receiving",   [ARTEFACT_QUARANTINED] = "quarantined",
    [ARTEFACT_AVAILABLE] = "available",   [ARTEFACT_COULD_NOT_SCAN] = "could_not_scan",
    [ARTEFACT_RESTRICTED] = "restricted", [ARTEFACT_REFUSED] = "refused",
    [ARTEFACT_DISPOSED] = "disposed",
};
_Static_assert(ARRAY_LEN(status_names) == ARTEFACT_STATUS_COUNT, "a name for each status");

const char *artefact_status_name(enum artefact_status s)
{
    assert((unsigned)s < ARTEFACT_STATUS_COUNT);
    return status_names[s];
}

enum err artefact_status_parse(const char *name, enum artefact_status *out)
{
    for (size_t i = 0; i < ARRAY_LEN(status_names); i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *out = (enum artefact_status)i;
            return ERR_OK;
        }
    }
    return err_set(ERR_INVALID, "there is no such status");
}

#define COLUMNS "a.id, " COLUMNS_BUT_ID
#define COLUMNS_BUT_ID                                                                         \
    "a.claim, a.kind, a.status, a.status_reason, a.harmful, a.filename, a.sealed_filename,"    \
    " a.description, a.sealed_description, a.media_type, a.size, a.sealed_size, a.sha256, "    \
    "a.sealed_sha256, a.uploader_issuer,"                                                      \
    " a.uploader_subject, a.uploader_role, a.received_at, a.assessment,"                       \
    " a.recording_started_at, a.recording_stopped_at, a.ledger_index"

static void read_status(struct statement *s, enum artefact_status *out)
{
    char name[SHORT_TEXT_MAX + 1];

    read_text(s, name, sizeof(name));
    if (s->failed == ERR_OK && artefact_status_parse(name, out) != ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "an artefact has an unknown status");
}

#define COLUMN_FILENAME "artefacts.filename"
#define COLUMN_DESCRIPTION "artefacts.description"

static void read_artefact(struct statement *s, void *record)
{
    struct artefact_record *a = record;
    struct sealed_row row;

    read_uuid(s, &a->id);
    sealed_row_uuid(&row, &a->id);
    read_uuid(s, &a->claim);
    read_text(s, a->kind, sizeof(a->kind));
    read_status(s, &a->status);
    read_text(s, a->status_reason, sizeof(a->status_reason));
    a->harmful = read_bool(s);
    read_either(s, COLUMN_FILENAME, &row, a->filename, sizeof(a->filename));
    read_either(s, COLUMN_DESCRIPTION, &row, a->description, sizeof(a->description));
    read_text(s, a->media_type, sizeof(a->media_type));
    a->size = read_u64(s);
    a->sealed_size = read_u64(s);
    read_blob(s, a->sha256, sizeof(a->sha256));
    read_blob(s, a->sealed_sha256, sizeof(a->sealed_sha256));
    read_person(s, &a->uploader);
    read_text(s, a->uploader_role, sizeof(a->uploader_role));
    a->received_at = read_int(s);
    read_uuid(s, &a->assessment);
    a->recording_started_at = read_int(s);
    a->recording_stopped_at = read_int(s);
    a->ledger_index = read_u64(s);
}

static enum err insert_row(struct db *db, const struct artefact_record *a)
{
    AUTO_CLEAR(statement_end) struct statement s;

    struct sealed_row row;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO artefacts(id, claim, kind, status, status_reason, harmful, filename,"
        " description, sealed_filename, sealed_description, media_type, size, sealed_size,"
        " sha256, sealed_sha256, uploader_issuer, uploader_subject, uploader_role,"
        " received_at, assessment, recording_started_at, recording_stopped_at, ledger_index)"
        " VALUES(?, ?, ?, ?, ?, ?, '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    sealed_row_uuid(&row, &a->id);
    bind_uuid(&s, &a->id);
    bind_uuid_or_null(&s, &a->claim);
    bind_text(&s, a->kind);
    bind_text(&s, artefact_status_name(a->status));
    bind_text(&s, a->status_reason);
    bind_bool(&s, a->harmful);
    bind_sealed(&s, COLUMN_FILENAME, &row, a->filename);
    bind_sealed(&s, COLUMN_DESCRIPTION, &row, a->description);
    bind_text(&s, a->media_type);
    bind_u64(&s, a->size);
    bind_u64(&s, a->sealed_size);
    bind_blob(&s, a->sha256, sizeof(a->sha256));
    bind_blob(&s, a->sealed_sha256, sizeof(a->sealed_sha256));
    bind_person(&s, &a->uploader);
    bind_text(&s, a->uploader_role);
    bind_int(&s, a->received_at);
    bind_uuid_or_null(&s, &a->assessment);
    bind_int(&s, a->recording_started_at);
    bind_int(&s, a->recording_stopped_at);
    bind_u64(&s, a->ledger_index);
    return statement_run(&s);
}

/* Whatever makes it available, the first time is kept. */
static enum err note_available(struct db *db, const struct uuid *id, enum artefact_status s,
                               int64_t at)
{
    return s == ARTEFACT_AVAILABLE ? artefact_available_note(db, id, at) : ERR_OK;
}

enum err artefact_insert(struct db *db, const struct artefact_record *a)
{
    TRY(insert_row(db, a));
    return note_available(db, &a->id, a->status, a->received_at);
}

enum err artefact_find(struct db *db, const struct uuid *id, struct artefact_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM artefacts a WHERE a.id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_artefact, out);
}

enum err artefact_exists(struct db *db, const struct uuid *id, bool *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT 1 FROM artefacts WHERE id = ?"));
    bind_uuid(&s, id);
    return statement_step(&s, out);
}

static enum err change_from(struct db *db, const struct uuid *id, enum artefact_status from,
                            enum artefact_status to, const char *reason, bool *changed)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE artefacts SET status = ?, status_reason = ? WHERE id = ? AND status = ?"));
    bind_text(&s, artefact_status_name(to));
    bind_text(&s, reason);
    bind_uuid(&s, id);
    bind_text(&s, artefact_status_name(from));
    TRY(statement_run(&s));
    *changed = statement_changes(&s) > 0;
    return ERR_OK;
}

enum err artefact_status_change(struct db *db, const struct uuid *id, enum artefact_status from,
                                enum artefact_status to, const char *reason)
{
    bool changed, there;

    TRY(change_from(db, id, from, to, reason, &changed));
    if (changed)
        return note_available(db, id, to, clock_now());
    TRY(artefact_exists(db, id, &there));
    return there ? err_set(ERR_CONFLICT, "the artefact is no longer %s",
                           artefact_status_name(from))
                 : err_set(ERR_NOT_FOUND, "there is no such artefact");
}

/* --- lists -------------------------------------------------------------------------------- */
static void add_conditions(struct sql *q, const struct artefact_filter *f)
{
    if (f->kind)
        sql_add(q, " AND a.kind = ?");
    if (f->by_status)
        sql_add(q, " AND a.status = ?");
    if (f->hide_harmful && f->unless_uploader)
        sql_add(q,
                " AND (a.harmful = 0 OR (a.uploader_issuer = ? AND a.uploader_subject = ?))");
    else if (f->hide_harmful)
        sql_add(q, " AND a.harmful = 0");
    if (f->refused_of)
        sql_add(q, " AND (a.status <> 'refused' OR (a.uploader_issuer = ? AND "
                   "a.uploader_subject = ?))");
    if (f->only_uploader)
        sql_add(q, " AND a.uploader_issuer = ? AND a.uploader_subject = ?");
}

static void bind_conditions(struct statement *s, const struct artefact_filter *f)
{
    if (f->kind)
        bind_text(s, f->kind);
    if (f->by_status)
        bind_text(s, artefact_status_name(f->status));
    if (f->hide_harmful && f->unless_uploader)
        bind_person(s, f->unless_uploader);
    if (f->refused_of)
        bind_person(s, f->refused_of);
    if (f->only_uploader)
        bind_person(s, f->only_uploader);
}

enum err artefact_list(struct db *db, const struct uuid *claim, const struct artefact_filter *f,
                       const struct uuid *after, struct artefact_record *out, size_t max,
                       size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sql q = {.len = 0};

    sql_add(&q, "SELECT " COLUMNS
                " FROM artefact_links l CROSS JOIN artefacts a ON a.id = l.artefact"
                " WHERE l.claim = ? AND l.artefact < ? AND l.removal = 0");
    add_conditions(&q, f);
    sql_add(&q, " ORDER BY l.artefact DESC LIMIT ?");
    TRY(statement_begin(&s, db, q.text));
    bind_uuid(&s, claim);
    bind_before(&s, after);
    bind_conditions(&s, f);
    return record_page(&s, read_artefact, out, sizeof(*out), max, n);
}

/* Two walks, each along its own index and newest first, that meet in one list: a claim's own
 * artefacts by their digest, and the few that were linked to it from elsewhere. */
enum err artefact_list_same(struct db *db, const struct uuid *claim, const uint8_t sha256[32],
                            struct artefact_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT " COLUMNS " FROM artefacts a WHERE a.claim = ?1 AND a.sha256 = ?2"
        " AND EXISTS(SELECT 1 FROM artefact_links l WHERE l.claim = ?1 AND l.artefact = a.id"
        " AND l.removal = 0)"
        " UNION ALL SELECT l.artefact, " COLUMNS_BUT_ID
        " FROM artefact_links l CROSS JOIN artefacts a ON a.id = l.artefact"
        " WHERE l.claim = ?1 AND l.elsewhere = 1 AND l.removal = 0 AND a.sha256 = ?2"
        " ORDER BY 1 DESC LIMIT ?3"));
    bind_uuid(&s, claim);
    bind_blob(&s, sha256, SHA256_SIZE);
    return record_page(&s, read_artefact, out, sizeof(*out), max, n);
}

enum err artefact_list_bytes(struct db *db, const uint8_t sha256[32],
                             struct artefact_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT " COLUMNS " FROM artefacts a WHERE a.sha256 = ? ORDER BY a.id LIMIT ?"));
    bind_blob(&s, sha256, SHA256_SIZE);
    return record_page(&s, read_artefact, out, sizeof(*out), max, n);
}

enum err artefact_list_assessment(struct db *db, const struct uuid *assessment,
                                  const struct uuid *after, struct artefact_record *out,
                                  size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT " COLUMNS
        " FROM artefacts a WHERE a.assessment = ? AND a.id < ? ORDER BY a.id DESC LIMIT ?"));
    bind_uuid(&s, assessment);
    bind_before(&s, after);
    return record_page(&s, read_artefact, out, sizeof(*out), max, n);
}

enum err artefact_each(struct db *db, const struct uuid *after, struct artefact_record *out,
                       size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT " COLUMNS " FROM artefacts a WHERE a.id > ? ORDER BY a.id LIMIT ?"));
    bind_uuid(&s, after);
    return record_page(&s, read_artefact, out, sizeof(*out), max, n);
}
