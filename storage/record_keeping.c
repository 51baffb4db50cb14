/* Restrictions, holds and disposals.
 *
 * Invariants: a disposal's state changes only from one that the caller named; nothing that is
 * being shredded, or was, is removed again: its row is the tombstone. Whether a hold stands is
 * asked in the query that looks for what is due, and again by whoever destroys, in the very
 * transaction.
 */
#include "storage/record_keeping.h"

#include "storage/record.h"
#include "storage/sealed.h"

#include <string.h>

static const char *const state_names[] = {
    [DISPOSAL_PROPOSED] = "proposed",
    [DISPOSAL_APPROVED] = "approved",
    [DISPOSAL_SHREDDING] = "shredding",
    [DISPOSAL_DONE] = "done",
};
_Static_assert(ARRAY_LEN(state_names) == DISPOSAL_STATE_COUNT, "a name for each state");

const char *disposal_state_name(enum disposal_state s)
{
    assert((unsigned)s < DISPOSAL_STATE_COUNT);
    return state_names[s];
}

/* What staff write may name people: sealed, each in its row. */
#define COLUMN_RESTRICTION "restrictions.reason"
#define COLUMN_HOLD "holds.reason"
#define COLUMN_DISPOSAL "disposals.reason"

static void bind_reason(struct statement *s, const char *column, const struct uuid *artefact,
                        const char *reason)
{
    struct sealed_row row;

    sealed_row_uuid(&row, artefact);
    bind_sealed(s, column, &row, reason);
}

static void read_reason(struct statement *s, const char *column, const struct uuid *artefact,
                        char out[REASON_MAX + 1])
{
    struct sealed_row row;

    sealed_row_uuid(&row, artefact);
    read_sealed(s, column, &row, out, REASON_MAX + 1);
}

static enum err remove_of(struct db *db, const char *sql, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    bind_uuid(&s, artefact);
    return statement_run(&s);
}

static enum err remove_one(struct db *db, const char *sql, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    bind_uuid(&s, artefact);
    return record_change(&s);
}

/* --- restriction by staff ----------------------------------------------------------------- */
enum err restriction_insert(struct db *db, const struct restriction_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO restrictions VALUES(?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &r->artefact);
    bind_text(&s, artefact_status_name(r->before));
    bind_text(&s, r->before_reason);
    bind_reason(&s, COLUMN_RESTRICTION, &r->artefact, r->reason);
    bind_person(&s, &r->by);
    bind_int(&s, r->at);
    return statement_run(&s);
}

static void read_restriction(struct statement *s, void *record)
{
    struct restriction_record *r = record;
    char status[SHORT_TEXT_MAX + 1];

    read_uuid(s, &r->artefact);
    read_text(s, status, sizeof(status));
    if (s->failed == ERR_OK && artefact_status_parse(status, &r->before) != ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "a restriction has an unknown status");
    read_text(s, r->before_reason, sizeof(r->before_reason));
    read_reason(s, COLUMN_RESTRICTION, &r->artefact, r->reason);
    read_person(s, &r->by);
    r->at = read_int(s);
}

enum err restriction_find(struct db *db, const struct uuid *artefact,
                          struct restriction_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, before, before_reason, reason, by_issuer, by_subject,"
                        " at FROM restrictions WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_restriction, out);
}

enum err restriction_remove(struct db *db, const struct uuid *artefact)
{
    return remove_one(db, "DELETE FROM restrictions WHERE artefact = ?", artefact);
}

/* --- legal hold --------------------------------------------------------------------------- */
enum err hold_put(struct db *db, const struct hold_record *h)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT OR REPLACE INTO holds VALUES(?, ?, ?, ?, ?)"));
    bind_uuid(&s, &h->artefact);
    bind_reason(&s, COLUMN_HOLD, &h->artefact, h->reason);
    bind_person(&s, &h->by);
    bind_int(&s, h->at);
    return statement_run(&s);
}

static void read_hold(struct statement *s, void *record)
{
    struct hold_record *h = record;

    read_uuid(s, &h->artefact);
    read_reason(s, COLUMN_HOLD, &h->artefact, h->reason);
    read_person(s, &h->by);
    h->at = read_int(s);
}

enum err hold_find(struct db *db, const struct uuid *artefact, struct hold_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT artefact, reason, by_issuer, by_subject, at FROM holds WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_hold, out);
}

enum err hold_remove(struct db *db, const struct uuid *artefact)
{
    return remove_one(db, "DELETE FROM holds WHERE artefact = ?", artefact);
}

/* --- disposal ----------------------------------------------------------------------------- */
#define COLUMNS                                                                                \
    "d.artefact, d.state, d.list, d.reason, d.policy, d.proposed_issuer, d.proposed_subject,"  \
    " d.proposed_at, d.approved_issuer, d.approved_subject, d.approved_at, d.due_at,"          \
    " d.shredded_at, d.finished_at, d.backups_until, d.upload_entry, d.commitment"

enum err disposal_insert(struct db *db, const struct disposal_record *d)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO disposals VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                        " ?, ?, ?)"));
    bind_uuid(&s, &d->artefact);
    bind_text(&s, disposal_state_name(d->state));
    bind_uuid_or_null(&s, &d->list);
    bind_reason(&s, COLUMN_DISPOSAL, &d->artefact, d->reason);
    bind_text(&s, d->policy);
    bind_person(&s, &d->proposed_by);
    bind_int(&s, d->proposed_at);
    bind_person(&s, &d->approved_by);
    bind_int(&s, d->approved_at);
    bind_int(&s, d->due_at);
    bind_int(&s, d->shredded_at);
    bind_int(&s, d->finished_at);
    bind_int(&s, d->backups_until);
    bind_u64(&s, d->upload_entry);
    bind_blob(&s, d->commitment, sizeof(d->commitment));
    return statement_run(&s);
}

static void read_state(struct statement *s, enum disposal_state *out)
{
    char name[SHORT_TEXT_MAX + 1];

    read_text(s, name, sizeof(name));
    for (unsigned i = 0; i < DISPOSAL_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *out = (enum disposal_state)i;
            return;
        }
    }
    if (s->failed == ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "a disposal has an unknown state");
}

static void read_disposal(struct statement *s, void *record)
{
    struct disposal_record *d = record;

    read_uuid(s, &d->artefact);
    read_state(s, &d->state);
    read_uuid(s, &d->list);
    read_reason(s, COLUMN_DISPOSAL, &d->artefact, d->reason);
    read_text(s, d->policy, sizeof(d->policy));
    read_person(s, &d->proposed_by);
    d->proposed_at = read_int(s);
    read_person(s, &d->approved_by);
    d->approved_at = read_int(s);
    d->due_at = read_int(s);
    d->shredded_at = read_int(s);
    d->finished_at = read_int(s);
    d->backups_until = read_int(s);
    d->upload_entry = read_u64(s);
    read_blob(s, d->commitment, sizeof(d->commitment));
}

enum err disposal_find(struct db *db, const struct uuid *artefact, struct disposal_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM disposals d WHERE d.artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_disposal, out);
}

enum err disposal_change(struct db *db, const struct disposal_record *d,
                         enum disposal_state from)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE disposals SET state = ?, policy = ?, approved_issuer = ?, approved_subject = ?,"
        " approved_at = ?, due_at = ?, shredded_at = ?, finished_at = ?, backups_until = ?,"
        " upload_entry = ?, commitment = ? WHERE artefact = ? AND state = ?"));
    bind_text(&s, disposal_state_name(d->state));
    bind_text(&s, d->policy);
    bind_person(&s, &d->approved_by);
    bind_int(&s, d->approved_at);
    bind_int(&s, d->due_at);
    bind_int(&s, d->shredded_at);
    bind_int(&s, d->finished_at);
    bind_int(&s, d->backups_until);
    bind_u64(&s, d->upload_entry);
    bind_blob(&s, d->commitment, sizeof(d->commitment));
    bind_uuid(&s, &d->artefact);
    bind_text(&s, disposal_state_name(from));
    TRY(statement_run(&s));
    return statement_changes(&s) > 0 ? ERR_OK
                                     : err_set(ERR_CONFLICT, "the disposal is no longer %s",
                                               disposal_state_name(from));
}

enum err disposal_remove(struct db *db, const struct uuid *artefact)
{
    return remove_one(
        db, "DELETE FROM disposals WHERE artefact = ? AND state IN ('proposed', 'approved')",
        artefact);
}

enum err disposal_list_due(struct db *db, int64_t now, struct disposal_record *out, size_t max,
                           size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT " COLUMNS " FROM disposals d WHERE d.state IN ('approved', 'shredding')"
        " AND d.due_at <= ? AND (d.state = 'shredding' OR NOT EXISTS(SELECT 1 FROM holds h"
        " WHERE h.artefact = d.artefact)) ORDER BY d.due_at LIMIT ?"));
    bind_int(&s, now);
    return record_page(&s, read_disposal, out, sizeof(*out), max, n);
}

/* --- destroying --------------------------------------------------------------------------- */
static enum err names_empty(struct db *db, const struct uuid *artefact, const char *reason)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE artefacts SET status = 'disposed', status_reason = ?, filename = '',"
        " description = '', sealed_filename = NULL, sealed_description = NULL,"
        " sha256 = zeroblob(32), sealed_sha256 = zeroblob(32) WHERE id = ?"));
    bind_text(&s, reason);
    bind_uuid(&s, artefact);
    return record_change(&s);
}

enum err artefact_shred(struct db *db, const struct uuid *artefact, const char *reason)
{
    static const char *const REST[] = {
        "DELETE FROM inspection_keys WHERE artefact = ?",
        "DELETE FROM inspections_due WHERE artefact = ?",
        "DELETE FROM inspections WHERE artefact = ?",
        "DELETE FROM waveforms WHERE artefact = ?",
        "DELETE FROM view_releases WHERE artefact = ?",
        "DELETE FROM passwords_awaited WHERE artefact = ?",
        "UPDATE medical_reports SET details = NULL, subject = NULL, waiting = 0, unmatched = 0"
        " WHERE artefact = ?",
        "DELETE FROM restrictions WHERE artefact = ?",
    };
    enum err e = header_remove(db, artefact);

    if (e != ERR_NOT_FOUND) /* one that was refused has none */
        TRY(e);
    TRY(names_empty(db, artefact, reason));
    for (size_t i = 0; i < ARRAY_LEN(REST); i++)
        TRY(remove_of(db, REST[i], artefact));
    return ERR_OK;
}

static void read_id(struct statement *s, void *record)
{
    read_uuid(s, record);
}

enum err trace_list_uploads(struct db *db, const struct uuid *artefact, struct uuid *out,
                            size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT w.upload FROM uploads u CROSS JOIN upload_words w"
                        " ON w.upload = u.id WHERE u.artefact = ? LIMIT ?"));
    bind_uuid(&s, artefact);
    return record_page(&s, read_id, out, sizeof(*out), max, n);
}

enum err trace_remove_upload(struct db *db, const struct uuid *upload)
{
    return remove_of(db, "DELETE FROM upload_words WHERE upload = ?", upload);
}

enum err trace_remove_answer(struct db *db, int64_t row)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM idempotency_keys WHERE rowid = ?"));
    bind_int(&s, row);
    return statement_run(&s);
}

enum err ledger_commitment(struct db *db, uint64_t index, uint8_t out[32])
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT commitment FROM ledger_entries WHERE seq = ?"));
    bind_u64(&s, index);
    TRY(statement_find(&s));
    read_blob(&s, out, 32);
    return statement_read(&s);
}
