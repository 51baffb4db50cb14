/* Evidence asked for, what came of it, and the lease on a claim.
 *
 * Invariants: a request is changed and closed from OPEN alone, and closed for good; its items
 * are appended, never taken away. A claim has at most one lease; one whose time is over stays
 * as a row until the next takes its place, and counts for nothing: the reader asks the clock.
 */
#include "storage/record_requests.h"

#include "storage/record.h"
#include "storage/sealed.h"

#include <string.h>

#define COLUMNS                                                                                \
    "id, claim, what, kind, from_role, functional, harmful, due, state, asked_at, closed_at,"  \
    " by_issuer, by_subject, by_role, fulfilled_issuer, fulfilled_subject"

#define COLUMN_WHAT "evidence_requests.what"
#define COLUMN_REASON "claim_leases.reason"

static const char *const state_names[REQUEST_STATE_COUNT] = {"open", "fulfilled", "withdrawn"};

const char *request_state_name(enum request_state s)
{
    assert((unsigned)s < REQUEST_STATE_COUNT);
    return state_names[s];
}

static void read_state(struct statement *s, enum request_state *out)
{
    char name[SHORT_TEXT_MAX + 1];
    unsigned i = 0;

    read_text(s, name, sizeof(name));
    while (i < REQUEST_STATE_COUNT && strcmp(name, state_names[i]) != 0)
        i++;
    if (s->failed == ERR_OK && i == REQUEST_STATE_COUNT)
        s->failed = err_set(ERR_CORRUPT, "a request has an unknown state");
    *out = i < REQUEST_STATE_COUNT ? (enum request_state)i : REQUEST_WITHDRAWN;
}

static void read_request(struct statement *s, void *record)
{
    struct request_record *r = record;
    struct sealed_row row;

    read_uuid(s, &r->id);
    read_uuid(s, &r->claim);
    sealed_row_uuid(&row, &r->id);
    read_sealed(s, COLUMN_WHAT, &row, r->what, sizeof(r->what));
    read_text(s, r->kind, sizeof(r->kind));
    read_text(s, r->from_role, sizeof(r->from_role));
    r->functional = read_bool(s);
    r->harmful = read_bool(s);
    r->due = read_int(s);
    read_state(s, &r->state);
    r->asked_at = read_int(s);
    r->closed_at = read_int(s);
    read_person(s, &r->by);
    read_text(s, r->by_role, sizeof(r->by_role));
    read_person(s, &r->fulfilled_by);
}

enum err request_insert(struct db *db, const struct request_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO evidence_requests SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11,"
        " ?12, ?13, '', '', 0 WHERE (SELECT count(*) FROM evidence_requests WHERE claim = ?2)"
        " < ?14 OR EXISTS (SELECT 1 FROM evidence_requests WHERE id = ?1)"));
    bind_uuid(&s, &r->id);
    bind_uuid(&s, &r->claim);
    sealed_row_uuid(&row, &r->id);
    bind_sealed(&s, COLUMN_WHAT, &row, r->what);
    bind_text(&s, r->kind);
    bind_text(&s, r->from_role);
    bind_bool(&s, r->functional);
    bind_bool(&s, r->harmful);
    bind_int(&s, r->due);
    bind_text(&s, request_state_name(r->state));
    bind_int(&s, r->asked_at);
    bind_person(&s, &r->by);
    bind_text(&s, r->by_role);
    bind_int(&s, REQUESTS_MAX);
    TRY(statement_run(&s));
    return statement_changes(&s) > 0
               ? ERR_OK
               : err_set(ERR_TOO_LARGE, "a claim has at most %d requests", REQUESTS_MAX);
}

enum err request_find(struct db *db, const struct uuid *id, struct request_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM evidence_requests WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_request, out);
}

static enum err changed(struct statement *s)
{
    TRY(statement_run(s));
    return statement_changes(s) > 0 ? ERR_OK : err_set(ERR_CONFLICT, "this request is closed");
}

enum err request_change(struct db *db, const struct request_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "UPDATE evidence_requests SET what = ?1, functional = ?2,"
                        " told = CASE WHEN due = ?3 THEN told ELSE 0 END, due = ?3"
                        " WHERE id = ?4 AND state = 'open'"));
    sealed_row_uuid(&row, &r->id);
    bind_sealed(&s, COLUMN_WHAT, &row, r->what);
    bind_bool(&s, r->functional);
    bind_int(&s, r->due);
    bind_uuid(&s, &r->id);
    return changed(&s);
}

enum err request_close(struct db *db, const struct request_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    assert(r->state != REQUEST_OPEN);
    TRY(statement_begin(&s, db,
                        "UPDATE evidence_requests SET state = ?, closed_at = ?,"
                        " fulfilled_issuer = ?, fulfilled_subject = ?"
                        " WHERE id = ? AND state = 'open'"));
    bind_text(&s, request_state_name(r->state));
    bind_int(&s, r->closed_at);
    bind_person(&s, &r->fulfilled_by);
    bind_uuid(&s, &r->id);
    return changed(&s);
}

enum err request_list(struct db *db, const struct uuid *claim, struct request_record *out,
                      size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS
                        " FROM evidence_requests WHERE claim = ? ORDER BY id DESC LIMIT ?"));
    bind_uuid(&s, claim);
    return record_page(&s, read_request, out, sizeof(*out), max, n);
}

enum err request_due_list(struct db *db, int64_t before, struct request_record *out, size_t max,
                          size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM evidence_requests WHERE state = 'open' AND"
                        " told = 0 AND due > 0 AND due < ? ORDER BY due LIMIT ?"));
    bind_int(&s, before);
    return record_page(&s, read_request, out, sizeof(*out), max, n);
}

enum err request_due_told(struct db *db, const struct uuid *id)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "UPDATE evidence_requests SET told = 1 WHERE id = ?"));
    bind_uuid(&s, id);
    return record_change(&s);
}

/* --- what came of it ------------------------------------------------------------------------
 */
enum err request_item_insert(struct db *db, const struct uuid *request,
                             const struct request_item *i)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO request_items SELECT ?1, ?2, ?3 WHERE"
                        " (SELECT count(*) FROM request_items WHERE request = ?1) < ?4"));
    bind_uuid(&s, request);
    bind_uuid(&s, &i->artefact);
    bind_int(&s, i->at);
    bind_int(&s, REQUEST_ITEMS_MAX);
    TRY(statement_run(&s));
    return statement_changes(&s) > 0
               ? ERR_OK
               : err_set(ERR_TOO_LARGE, "a request has at most %d items", REQUEST_ITEMS_MAX);
}

static void read_item(struct statement *s, void *record)
{
    struct request_item *i = record;

    read_uuid(s, &i->artefact);
    i->at = read_int(s);
}

enum err request_item_list(struct db *db, const struct uuid *request,
                           struct request_item out[REQUEST_ITEMS_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT artefact, at FROM request_items WHERE request = ? ORDER BY artefact"));
    bind_uuid(&s, request);
    return record_list(&s, read_item, out, sizeof(out[0]), REQUEST_ITEMS_MAX, n);
}

/* --- the lease ------------------------------------------------------------------------------
 */
enum err lease_put(struct db *db, const struct lease_record *l)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db, "REPLACE INTO claim_leases VALUES(?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &l->claim);
    bind_person(&s, &l->owner);
    bind_text(&s, l->role);
    sealed_row_uuid(&row, &l->claim);
    bind_sealed(&s, COLUMN_REASON, &row, l->reason);
    bind_int(&s, l->since);
    bind_int(&s, l->until);
    return statement_run(&s);
}

static void read_lease(struct statement *s, void *record)
{
    struct lease_record *l = record;
    struct sealed_row row;

    read_uuid(s, &l->claim);
    read_person(s, &l->owner);
    read_text(s, l->role, sizeof(l->role));
    sealed_row_uuid(&row, &l->claim);
    read_sealed(s, COLUMN_REASON, &row, l->reason, sizeof(l->reason));
    l->since = read_int(s);
    l->until = read_int(s);
}

enum err lease_find(struct db *db, const struct uuid *claim, struct lease_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT claim, owner_issuer, owner_subject, role, reason, since, until"
                        " FROM claim_leases WHERE claim = ?"));
    bind_uuid(&s, claim);
    return record_find(&s, read_lease, out);
}

enum err lease_remove(struct db *db, const struct uuid *claim)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM claim_leases WHERE claim = ?"));
    bind_uuid(&s, claim);
    return record_change(&s);
}
