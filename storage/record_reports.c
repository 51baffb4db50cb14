/* Medical reports and the subjects by which they and claims find each other. Invariants: a
 * report that waits has no link that was made by way of here; its artefact's claim is written
 * once, when it stops waiting, and never overwritten. */
#include "storage/record_reports.h"

#include "storage/record.h"
#include "storage/sealed.h"

#include <string.h>

#define REPORT "r.artefact, r.form, r.named, r.waiting, r.unmatched"
#define SUBJECT "subject.identity" /* reports and claims match: one domain */
#define DETAILS "medical_reports.details"

enum err report_insert(struct db *db, const struct report_record *r, const char *subject,
                       const void *details, size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};
    struct sealed_row row;

    if (len > REPORT_DETAILS_MAX)
        return err_set(ERR_TOO_LARGE, "what is said of a report");
    sealed_row_uuid(&row, &r->artefact);
    TRY(statement_begin(&s, db, "INSERT INTO medical_reports VALUES(?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &r->artefact);
    bind_text(&s, r->form);
    bind_bool(&s, r->named);
    bind_bool(&s, r->waiting);
    bind_bool(&s, r->unmatched);
    bind_blind(&s, SUBJECT, subject);
    bind_sealed_bytes(&s, DETAILS, &row, details, len);
    return statement_run(&s);
}

static void read_report(struct statement *s, void *record)
{
    struct report_record *r = record;

    read_uuid(s, &r->artefact);
    read_text(s, r->form, sizeof(r->form));
    r->named = read_bool(s);
    r->waiting = read_bool(s);
    r->unmatched = read_bool(s);
}

enum err report_find(struct db *db, const struct uuid *artefact, struct report_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " REPORT " FROM medical_reports r WHERE r.artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_report, out);
}

enum err report_details(struct db *db, const struct uuid *artefact, struct buf *out)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    sealed_row_uuid(&row, artefact);
    TRY(statement_begin(&s, db, "SELECT details FROM medical_reports WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    read_sealed_append(&s, DETAILS, &row, out);
    return statement_read(&s);
}

static enum err stop_waiting(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE medical_reports SET waiting = 0, unmatched = 0"
                        " WHERE artefact = ? AND waiting = 1"));
    bind_uuid(&s, artefact);
    TRY(statement_run(&s));
    return statement_changes(&s) == 1 ? ERR_OK
                                      : err_set(ERR_CONFLICT, "the report does not wait");
}

enum err report_settle(struct db *db, const struct uuid *artefact, const struct uuid *claim)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};

    TRY(stop_waiting(db, artefact));
    TRY(statement_begin(&s, db,
                        "UPDATE artefacts SET claim = ? WHERE id = ? AND claim IS NULL"));
    bind_uuid(&s, claim);
    bind_uuid(&s, artefact);
    return statement_run(&s);
}

enum err report_subject_set(struct db *db, const struct uuid *artefact, const char *subject)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "UPDATE medical_reports SET subject = ?, unmatched = 0 WHERE artefact = ?"));
    bind_blind(&s, SUBJECT, subject);
    bind_uuid(&s, artefact);
    return record_change(&s);
}

enum err report_forget(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE medical_reports SET subject = NULL, waiting = 0, unmatched = 0,"
                        " details = NULL WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return statement_run(&s);
}

enum err report_unmatch_waiting(struct db *db)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "UPDATE medical_reports SET unmatched = 1 WHERE waiting = 1"));
    return statement_run(&s);
}

/* --- lists -------------------------------------------------------------------------------- */

static void read_waiting(struct statement *s, void *record)
{
    struct report_waiting *w = record;

    read_report(s, &w->report);
}

enum err report_list_waiting(struct db *db, const struct uuid *after,
                             struct report_waiting *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " REPORT " FROM medical_reports r"
                        " CROSS JOIN artefacts a ON a.id = r.artefact"
                        " WHERE r.waiting = 1 AND r.artefact > ?"
                        " AND a.status NOT IN ('refused', 'disposed')"
                        " ORDER BY r.artefact LIMIT ?"));
    bind_uuid(&s, after);
    TRY(record_page(&s, read_waiting, out, sizeof(*out), max, n));
    for (size_t i = 0; i < *n; i++)
        TRY(artefact_find(db, &out[i].report.artefact, &out[i].artefact));
    return ERR_OK;
}

static void read_id(struct statement *s, void *record)
{
    read_uuid(s, record);
}

/* What was sealed under an older key is found as well. */
static enum err list_blind(struct db *db, const char *sql, const char *subject,
                           struct uuid *out, size_t max, size_t *n)
{
    struct blinds blinds = {.n = 0};

    *n = 0;
    if (!subject[0] || !db_can_open(db))
        return ERR_OK;
    TRY(blinds_of(db, SUBJECT, subject, &blinds));
    for (size_t i = 0; i < blinds.n && *n < max; i++) {
        AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};
        size_t found = 0;

        TRY(statement_begin(&s, db, sql));
        bind_blob(&s, blinds.index[i], sizeof(blinds.index[i]));
        TRY(record_page(&s, read_id, out + *n, sizeof(*out), max - *n, &found));
        *n += found;
    }
    return ERR_OK;
}

enum err report_list_subject(struct db *db, const char *subject, struct uuid *out, size_t max,
                             size_t *n)
{
    return list_blind(db,
                      "SELECT artefact FROM medical_reports WHERE subject = ? AND waiting = 1"
                      " ORDER BY artefact LIMIT ?",
                      subject, out, max, n);
}

enum err report_list_unmatched(struct db *db, struct uuid *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact FROM medical_reports WHERE unmatched = 1"
                        " ORDER BY artefact LIMIT ?"));
    return record_page(&s, read_id, out, sizeof(*out), max, n);
}

/* --- claims ------------------------------------------------------------------------------- */

enum err claim_subject_set(struct db *db, const struct uuid *claim, const char *subject)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};

    if (!db_can_open(db))
        return ERR_OK;
    TRY(statement_begin(&s, db, "INSERT OR REPLACE INTO claim_subjects VALUES(?, ?)"));
    bind_uuid(&s, claim);
    bind_blind(&s, SUBJECT, subject);
    return statement_run(&s);
}

enum err claim_subject_list(struct db *db, const char *subject, struct uuid *out, size_t max,
                            size_t *n)
{
    return list_blind(db,
                      "SELECT claim FROM claim_subjects WHERE subject = ? ORDER BY claim"
                      " LIMIT ?",
                      subject, out, max, n);
}

enum err claim_subject_missing(struct db *db, const struct uuid *after, struct uuid *out,
                               size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT c.id FROM claims c WHERE c.id > ? AND NOT EXISTS"
        " (SELECT 1 FROM claim_subjects x WHERE x.claim = c.id) ORDER BY c.id LIMIT ?"));
    bind_uuid(&s, after);
    return record_page(&s, read_id, out, sizeof(*out), max, n);
}
