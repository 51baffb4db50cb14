/* The log as auditors ask for it. Invariant: each combination of filters has one index that it
 * is meant to use, the narrowest of those that fit; a plus keeps the planner from the others.
 */
#include "storage/record_audit.h"

#include "storage/ledger_words.h"
#include "storage/record.h"

/* Which index leads: an artefact's or a claim's entries are few; then who did what. */
enum lead { LEAD_ARTEFACT, LEAD_CLAIM, LEAD_ACTOR, LEAD_ACTION, LEAD_TIME };

static enum lead lead_of(const struct ledger_filter *f)
{
    if (f->artefact)
        return LEAD_ARTEFACT;
    if (f->claim)
        return LEAD_CLAIM;
    if (f->actor)
        return LEAD_ACTOR;
    return f->action ? LEAD_ACTION : LEAD_TIME;
}

static void compose(const struct ledger_filter *f, bool after, struct sql *q)
{
    enum lead lead = lead_of(f);
    bool few = lead == LEAD_ARTEFACT || lead == LEAD_CLAIM;

    sql_add(q, "SELECT seq, time, details, sealed FROM ledger_entries WHERE ");
    sql_add(q, few ? "+time >= ?" : "time >= ?");
    if (f->to != 0)
        sql_add(q, few ? " AND +time < ?" : " AND time < ?");
    if (after)
        sql_add(q, " AND (+time > ? OR (+time = ? AND +seq > ?))");
    if (f->artefact)
        sql_add(q, " AND artefact = ?");
    if (f->claim)
        sql_add(q, lead == LEAD_CLAIM ? " AND claim = ?" : " AND +claim = ?");
    if (f->actor)
        sql_add(q, lead == LEAD_ACTOR ? " AND actor = ?" : " AND +actor = ?");
    if (f->action)
        sql_add(q, few ? " AND +action = ?" : " AND action = ?");
    sql_add(q, " ORDER BY time, seq LIMIT ?");
}

/* What comes behind a place begins with its time. */
static int64_t earliest(const struct ledger_filter *f, const struct audit_place *after)
{
    return after && after->time > f->from ? after->time : f->from;
}

static void bind_question(struct statement *s, const struct ledger_filter *f,
                          const struct audit_place *after)
{
    bind_int(s, earliest(f, after));
    if (f->to != 0)
        bind_int(s, f->to);
    if (after) {
        bind_int(s, after->time);
        bind_int(s, after->time);
        bind_u64(s, after->entry);
    }
    if (f->artefact)
        bind_uuid(s, f->artefact);
    if (f->claim)
        bind_uuid(s, f->claim);
    if (f->actor)
        bind_text(s, f->actor);
    if (f->action)
        bind_text(s, f->action);
}

static void read_entry(struct statement *s, void *record)
{
    struct ledger_entry *e = record;

    e->index = read_u64(s);
    e->time = read_int(s);
    read_details_copy(s, e->index, &e->details);
}

enum err audit_entries(struct db *db, const struct ledger_filter *f,
                       const struct audit_place *after, struct ledger_entry *out, size_t max,
                       size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sql q = {.len = 0};
    struct err_info outcome;

    *n = 0;
    compose(f, after != NULL, &q);
    TRY(statement_begin(&s, db, q.text));
    bind_question(&s, f, after);
    err_save(record_page(&s, read_entry, out, sizeof(*out), max, n), &outcome);
    if (outcome.code == ERR_OK)
        return ERR_OK;
    for (size_t i = 0; i < *n; i++)
        ledger_entry_clear(&out[i]);
    *n = 0;
    return err_restore(&outcome);
}

/* --- the harm rule ------------------------------------------------------------------------ */

static enum err harmful_set(struct db *db, const struct uuid *artefact, bool harmful)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE artefacts SET harmful = ?1 WHERE id = ?2 AND harmful <> ?1"));
    bind_bool(&s, harmful);
    bind_uuid(&s, artefact);
    TRY(statement_run(&s));
    return statement_changes(&s) > 0 ? ERR_OK : err_set(ERR_CONFLICT, "it is so already");
}

#define COLUMN_REVIEWER "harm_releases.reviewer"
#define COLUMN_REASON "harm_releases.reason"
#define COLUMN_REVOKED "harm_releases.revoked_reason"

static void row_of(struct sealed_row *row, const struct harm_release *r)
{
    sealed_row_uuid(row, &r->artefact);
    sealed_row_add_number(row, (uint64_t)r->at);
}

enum err harm_release_insert(struct db *db, const struct harm_release *r)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};
    struct sealed_row row;

    TRY(harmful_set(db, &r->artefact, false));
    TRY(statement_begin(&s, db,
                        "INSERT INTO harm_releases(artefact, at, by_issuer, by_subject,"
                        " reviewer, reason, revoked_at, revoked_issuer, revoked_subject,"
                        " revoked_reason) VALUES(?, ?, ?, ?, ?, ?, 0, '', '', NULL)"));
    row_of(&row, r);
    bind_uuid(&s, &r->artefact);
    bind_int(&s, r->at);
    bind_person(&s, &r->by);
    bind_sealed(&s, COLUMN_REVIEWER, &row, r->reviewer);
    bind_sealed(&s, COLUMN_REASON, &row, r->reason);
    return statement_run(&s);
}

/* Which release it is that stands is not known here: the artefact is the row. */
enum err harm_release_revoke(struct db *db, const struct harm_release *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "UPDATE harm_releases SET revoked_at = ?, revoked_issuer = ?,"
                        " revoked_subject = ?, revoked_reason = ?"
                        " WHERE artefact = ? AND revoked_at = 0"));
    sealed_row_uuid(&row, &r->artefact);
    bind_int(&s, r->revoked_at);
    bind_person(&s, &r->revoked_by);
    bind_sealed(&s, COLUMN_REVOKED, &row, r->revoked_reason);
    bind_uuid(&s, &r->artefact);
    TRY(record_change(&s));
    return harmful_set(db, &r->artefact, true);
}

static void read_release(struct statement *s, void *record)
{
    struct harm_release *r = record;
    struct sealed_row row;

    read_uuid(s, &r->artefact);
    r->at = read_int(s);
    read_person(s, &r->by);
    row_of(&row, r);
    read_sealed(s, COLUMN_REVIEWER, &row, r->reviewer, sizeof(r->reviewer));
    read_sealed(s, COLUMN_REASON, &row, r->reason, sizeof(r->reason));
    r->revoked_at = read_int(s);
    read_person(s, &r->revoked_by);
    sealed_row_uuid(&row, &r->artefact);
    read_sealed(s, COLUMN_REVOKED, &row, r->revoked_reason, sizeof(r->revoked_reason));
}

enum err harm_release_find(struct db *db, const struct uuid *artefact, struct harm_release *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, at, by_issuer, by_subject, reviewer, reason,"
                        " revoked_at, revoked_issuer, revoked_subject, revoked_reason"
                        " FROM harm_releases WHERE artefact = ? ORDER BY at DESC LIMIT 1"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_release, out);
}
