/* What is due is worked out from the links that stand now and the ends that were told: nothing
 * is kept that could go stale. Walks from the claims in which interest ended longest ago, by
 * the index of those. */
#include "storage/record_retention.h"

#include "storage/record.h"

#include <string.h>

/* --- live interest ------------------------------------------------------------------------ */
enum err interest_set(struct db *db, const struct uuid *claim, int64_t ended_at)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        ended_at
                            ? "INSERT INTO live_interest VALUES(?, ?) ON CONFLICT DO NOTHING"
                            : "DELETE FROM live_interest WHERE claim = ?"));
    bind_uuid(&s, claim);
    if (ended_at)
        bind_int(&s, ended_at);
    return statement_run(&s);
}

enum err interest_find(struct db *db, const struct uuid *claim, int64_t *ended_at)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT ended_at FROM live_interest WHERE claim = ?"));
    bind_uuid(&s, claim);
    TRY(statement_find(&s));
    *ended_at = read_int(&s);
    return statement_read(&s);
}

/* --- the retention in force --------------------------------------------------------------- */
enum err retention_put(struct db *db, const struct retention_row *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT OR REPLACE INTO retention VALUES(?, ?, ?, ?, ?)"));
    bind_text(&s, r->kind);
    bind_int(&s, r->seconds);
    bind_text(&s, r->policy);
    bind_blob(&s, r->sha256, sizeof(r->sha256));
    bind_int(&s, r->since);
    return statement_run(&s);
}

static void read_retention(struct statement *s, void *record)
{
    struct retention_row *r = record;

    read_text(s, r->kind, sizeof(r->kind));
    r->seconds = read_int(s);
    read_text(s, r->policy, sizeof(r->policy));
    read_blob(s, r->sha256, sizeof(r->sha256));
    r->since = read_int(s);
}

enum err retention_find(struct db *db, const char *kind, struct retention_row *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT kind, seconds, policy, sha256, since FROM retention WHERE kind = ?"));
    bind_text(&s, kind);
    return record_find(&s, read_retention, out);
}

enum err retention_list(struct db *db, struct retention_row *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT kind, seconds, policy, sha256, since FROM retention ORDER BY kind LIMIT ?"));
    return record_page(&s, read_retention, out, sizeof(*out), max, n);
}

enum err shortening_insert(struct db *db, const struct shortening_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO retention_shortenings VALUES(?, ?, ?, ?, ?)"));
    bind_blob(&s, r->sha256, sizeof(r->sha256));
    bind_text(&s, r->reason);
    bind_person(&s, &r->by);
    bind_int(&s, r->at);
    return statement_run(&s);
}

static void read_shortening(struct statement *s, void *record)
{
    struct shortening_record *r = record;

    read_blob(s, r->sha256, sizeof(r->sha256));
    read_text(s, r->reason, sizeof(r->reason));
    read_person(s, &r->by);
    r->at = read_int(s);
}

enum err shortening_find(struct db *db, const uint8_t sha256[32], struct shortening_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT sha256, reason, proposed_issuer, proposed_subject, proposed_at"
                        " FROM retention_shortenings WHERE sha256 = ?"));
    bind_blob(&s, sha256, 32);
    return record_find(&s, read_shortening, out);
}

enum err shortening_remove(struct db *db, const uint8_t sha256[32])
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM retention_shortenings WHERE sha256 = ?"));
    bind_blob(&s, sha256, 32);
    return record_change(&s);
}

/* --- what is due -------------------------------------------------------------------------- */
static void read_due(struct statement *s, void *record)
{
    struct due_record *d = record;

    read_uuid(s, &d->artefact);
    read_uuid(s, &d->claim);
    read_text(s, d->kind, sizeof(d->kind));
    d->size = read_u64(s);
    d->received_at = read_int(s);
    d->ended_at = read_int(s);
    d->due_since = read_int(s);
    d->held = read_bool(s);
    d->proposed = read_bool(s);
}

/* With max(), SQLite takes the other columns from the row that has it. */
static void add_due(struct sql *q, const struct due_question *d)
{
    sql_add(q, "SELECT a.id, e.claim, a.kind, a.size, a.received_at, max(e.ended_at),"
               " max(e.ended_at) + r.seconds * 1000000,"
               " EXISTS(SELECT 1 FROM holds h WHERE h.artefact = a.id),"
               " EXISTS(SELECT 1 FROM disposals d WHERE d.artefact = a.id)");
    sql_add(q, d->artefact ? " FROM artefacts a"
                           : " FROM live_interest i CROSS JOIN artefact_links k"
                             " ON k.claim = i.claim AND k.removal = 0"
                             " CROSS JOIN artefacts a ON a.id = k.artefact");
    sql_add(q, d->kind ? " JOIN (SELECT ?3 AS kind, ?4 AS seconds) r ON r.kind = a.kind"
                       : " JOIN retention r ON r.kind = a.kind");
    sql_add(q, " JOIN artefact_links l ON l.artefact = a.id AND l.removal = 0"
               " JOIN live_interest e ON e.claim = l.claim WHERE r.seconds > 0"
               " AND a.status NOT IN ('refused', 'disposed')");
    sql_add(q, d->artefact ? " AND a.id = ?2" : " AND i.ended_at <= ?1 AND a.id > ?2");
    sql_add(q, " AND NOT EXISTS(SELECT 1 FROM artefact_links o WHERE o.artefact = a.id"
               " AND o.removal = 0 AND NOT EXISTS(SELECT 1 FROM live_interest x"
               " WHERE x.claim = o.claim))"
               " GROUP BY a.id HAVING max(e.ended_at) + r.seconds * 1000000 <= ?1"
               " ORDER BY a.id LIMIT ");
    sql_add(q, d->kind ? "?5" : "?3");
}

enum err retention_due(struct db *db, const struct due_question *d, struct due_record *out,
                       size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sql q = {.len = 0};

    add_due(&q, d);
    TRY(statement_begin(&s, db, q.text));
    bind_int(&s, d->at);
    bind_uuid(&s, d->artefact ? d->artefact : &d->after);
    if (d->kind) {
        bind_text(&s, d->kind);
        bind_int(&s, d->seconds);
    }
    return record_page(&s, read_due, out, sizeof(*out), max, n);
}

/* --- lists -------------------------------------------------------------------------------- */
static const char *const state_names[] = {
    [LIST_DRAWN] = "drawn",
    [LIST_PROPOSED] = "proposed",
    [LIST_APPROVED] = "approved",
    [LIST_DROPPED] = "dropped",
};
_Static_assert(ARRAY_LEN(state_names) == LIST_STATE_COUNT, "a name for each state");

const char *list_state_name(enum list_state s)
{
    assert((unsigned)s < LIST_STATE_COUNT);
    return state_names[s];
}

enum err list_insert(struct db *db, const struct list_record *l)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "INSERT INTO disposal_lists VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &l->id);
    bind_text(&s, list_state_name(l->state));
    bind_text(&s, l->policy);
    bind_blob(&s, l->policy_sha256, sizeof(l->policy_sha256));
    bind_u64(&s, l->items);
    bind_text(&s, l->drawn_by);
    bind_int(&s, l->drawn_at);
    bind_person(&s, &l->proposed_by);
    bind_int(&s, l->proposed_at);
    bind_person(&s, &l->approved_by);
    bind_int(&s, l->approved_at);
    return statement_run(&s);
}

static void read_list(struct statement *s, void *record)
{
    struct list_record *l = record;
    char name[SHORT_TEXT_MAX + 1];
    bool known = false;

    read_uuid(s, &l->id);
    read_text(s, name, sizeof(name));
    for (unsigned i = 0; i < LIST_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            l->state = (enum list_state)i;
            known = true;
        }
    }
    if (!known && s->failed == ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "a list has an unknown state");
    read_text(s, l->policy, sizeof(l->policy));
    read_blob(s, l->policy_sha256, sizeof(l->policy_sha256));
    l->items = read_u64(s);
    read_text(s, l->drawn_by, sizeof(l->drawn_by));
    l->drawn_at = read_int(s);
    read_person(s, &l->proposed_by);
    l->proposed_at = read_int(s);
    read_person(s, &l->approved_by);
    l->approved_at = read_int(s);
}

#define LIST_COLUMNS                                                                           \
    "id, state, policy, policy_sha256, items, drawn_by, drawn_at, proposed_issuer,"            \
    " proposed_subject, proposed_at, approved_issuer, approved_subject, approved_at"

enum err list_find(struct db *db, const struct uuid *id, struct list_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " LIST_COLUMNS " FROM disposal_lists WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_list, out);
}

enum err list_newest(struct db *db, struct list_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT " LIST_COLUMNS " FROM disposal_lists ORDER BY id DESC LIMIT ?"));
    return record_page(&s, read_list, out, sizeof(*out), max, n);
}

enum err list_change(struct db *db, const struct list_record *l, enum list_state from)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE disposal_lists SET state = ?, proposed_issuer = ?, proposed_subject = ?,"
        " proposed_at = ?, approved_issuer = ?, approved_subject = ?, approved_at = ?"
        " WHERE id = ? AND state = ?"));
    bind_text(&s, list_state_name(l->state));
    bind_person(&s, &l->proposed_by);
    bind_int(&s, l->proposed_at);
    bind_person(&s, &l->approved_by);
    bind_int(&s, l->approved_at);
    bind_uuid(&s, &l->id);
    bind_text(&s, list_state_name(from));
    TRY(statement_run(&s));
    return statement_changes(&s) > 0
               ? ERR_OK
               : err_set(ERR_CONFLICT, "the list is no longer %s", list_state_name(from));
}

enum err list_item_insert(struct db *db, const struct uuid *list, const struct uuid *artefact,
                          int64_t due_since)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO disposal_list_items VALUES(?, ?, ?)"));
    bind_uuid(&s, list);
    bind_uuid(&s, artefact);
    bind_int(&s, due_since);
    return statement_run(&s);
}

static void read_id(struct statement *s, void *record)
{
    read_uuid(s, record);
}

enum err list_items(struct db *db, const struct uuid *list, const struct uuid *after,
                    struct uuid *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact FROM disposal_list_items WHERE list = ? AND"
                        " artefact > ? ORDER BY artefact LIMIT ?"));
    bind_uuid(&s, list);
    bind_uuid(&s, after);
    return record_page(&s, read_id, out, sizeof(*out), max, n);
}
