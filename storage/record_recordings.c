/* Retrievals are the read sessions themselves; beside one stands the deletion of its copy.
 * Invariants: a deletion is asked for once and confirmed once; an incident is reviewed once. */
#include "storage/record_recordings.h"

#include "storage/record.h"
#include "storage/sealed.h"

#define RETRIEVAL                                                                              \
    "SELECT s.id, s.artefact, s.actor_issuer, s.actor_subject, s.purpose, s.opened_at,"        \
    " s.expires_at, s.closed_at, s.bytes_served, s.ledger_index, d.requested_at,"              \
    " d.confirmed_at FROM read_sessions s LEFT JOIN copy_deletions d ON d.session = s.id"
#define INCIDENT                                                                               \
    "SELECT id, kind, claim, assessment, artefact, event_id, raised_at, ledger_index,"         \
    " reviewed_at, reviewer_issuer, reviewer_subject, outcome FROM incidents"

static void read_retrieval(struct statement *s, void *record)
{
    struct retrieval_record *r = record;

    read_uuid(s, &r->session.id);
    read_uuid(s, &r->session.artefact);
    read_person(s, &r->session.actor);
    read_text(s, r->session.purpose, sizeof(r->session.purpose));
    r->session.opened_at = read_int(s);
    r->session.expires_at = read_int(s);
    r->session.closed_at = read_int(s);
    r->session.bytes_served = read_u64(s);
    r->session.ledger_index = read_u64(s);
    r->deletion_requested_at = read_int(s);
    r->deletion_confirmed_at = read_int(s);
}

enum err retrieval_list(struct db *db, const struct uuid *artefact, const struct person *actor,
                        const struct uuid *after, struct retrieval_record *out, size_t max,
                        size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        actor ? RETRIEVAL " WHERE s.artefact = ? AND s.id < ?"
                                          " AND s.actor_issuer = ? AND s.actor_subject = ?"
                                          " ORDER BY s.id DESC LIMIT ?"
                              : RETRIEVAL " WHERE s.artefact = ? AND s.id < ?"
                                          " ORDER BY s.id DESC LIMIT ?"));
    bind_uuid(&s, artefact);
    bind_before(&s, after);
    if (actor)
        bind_person(&s, actor);
    return record_page(&s, read_retrieval, out, sizeof(*out), max, n);
}

enum err retrieval_find(struct db *db, const struct uuid *session, struct retrieval_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, RETRIEVAL " WHERE s.id = ?"));
    bind_uuid(&s, session);
    return record_find(&s, read_retrieval, out);
}

enum err deletion_request(struct db *db, const struct uuid *artefact, const char *but_purpose,
                          int64_t at, uint64_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO copy_deletions SELECT s.id, ?, 0 FROM read_sessions s WHERE s.artefact = ?"
        " AND s.purpose <> ? AND NOT EXISTS"
        " (SELECT 1 FROM copy_deletions d WHERE d.session = s.id)"));
    bind_int(&s, at);
    bind_uuid(&s, artefact);
    bind_text(&s, but_purpose);
    TRY(statement_run(&s));
    *n = statement_changes(&s);
    return ERR_OK;
}

enum err deletion_confirm(struct db *db, const struct uuid *session, int64_t at)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE copy_deletions SET confirmed_at = ? WHERE session = ? AND confirmed_at = 0"));
    bind_int(&s, at);
    bind_uuid(&s, session);
    return record_change(&s);
}

/* --- incidents ---------------------------------------------------------------------------- */

#define COLUMN_OUTCOME "incidents.outcome"

enum err incident_insert(struct db *db, const struct incident_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "INSERT INTO incidents VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    sealed_row_uuid(&row, &r->id);
    bind_uuid(&s, &r->id);
    bind_text(&s, r->kind);
    bind_uuid(&s, &r->claim);
    bind_uuid(&s, &r->assessment);
    bind_uuid(&s, &r->artefact);
    bind_text(&s, r->event_id);
    bind_int(&s, r->raised_at);
    bind_u64(&s, r->ledger_index);
    bind_int(&s, r->reviewed_at);
    bind_person(&s, &r->reviewer);
    bind_sealed(&s, COLUMN_OUTCOME, &row, r->outcome);
    return statement_run(&s);
}

static void read_incident(struct statement *s, void *record)
{
    struct incident_record *r = record;
    struct sealed_row row;

    read_uuid(s, &r->id);
    sealed_row_uuid(&row, &r->id);
    read_text(s, r->kind, sizeof(r->kind));
    read_uuid(s, &r->claim);
    read_uuid(s, &r->assessment);
    read_uuid(s, &r->artefact);
    read_text(s, r->event_id, sizeof(r->event_id));
    r->raised_at = read_int(s);
    r->ledger_index = read_u64(s);
    r->reviewed_at = read_int(s);
    read_person(s, &r->reviewer);
    read_sealed(s, COLUMN_OUTCOME, &row, r->outcome, sizeof(r->outcome));
}

enum err incident_find(struct db *db, const struct uuid *id, struct incident_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, INCIDENT " WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_incident, out);
}

enum err incident_list(struct db *db, bool open_only, const struct uuid *after,
                       struct incident_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        open_only ? INCIDENT
                            " WHERE reviewed_at = 0 AND id > ? ORDER BY id LIMIT ?"
                                  : INCIDENT " WHERE id > ? ORDER BY id LIMIT ?"));
    bind_uuid(&s, after);
    return record_page(&s, read_incident, out, sizeof(*out), max, n);
}

enum err incident_list_assessment(struct db *db, const struct uuid *assessment,
                                  struct incident_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, INCIDENT " WHERE assessment = ? ORDER BY id LIMIT ?"));
    bind_uuid(&s, assessment);
    return record_page(&s, read_incident, out, sizeof(*out), max, n);
}

enum err incident_review(struct db *db, const struct incident_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "UPDATE incidents SET reviewed_at = ?, reviewer_issuer = ?,"
                        " reviewer_subject = ?, outcome = ? WHERE id = ? AND reviewed_at = 0"));
    sealed_row_uuid(&row, &r->id);
    bind_int(&s, r->reviewed_at);
    bind_person(&s, &r->reviewer);
    bind_sealed(&s, COLUMN_OUTCOME, &row, r->outcome);
    bind_uuid(&s, &r->id);
    return record_change(&s);
}
