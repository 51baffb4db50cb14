/* Consents given and withdrawn. Invariant: events are appended, never changed; `position` is
 * the order in which they were recorded. */
#include "storage/record.h"

#define COLUMNS                                                                                \
    "event_id, claim, purpose, decision, statement_version, effective_at, recorded_at,"        \
    " by_issuer, by_subject, by_role, ledger_index"

enum err consent_insert(struct db *db, const struct consent_record *c)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO consent_events SELECT ?1, 1 + coalesce(max(position), 0), "
                        "?2, ?3, ?4, ?5, ?6, ?7,"
                        " ?8, ?9, ?10, ?11 FROM consent_events WHERE claim = ?1"));
    bind_uuid(&s, &c->claim);
    bind_text(&s, c->event_id);
    bind_text(&s, c->purpose);
    bind_text(&s, c->decision);
    bind_text(&s, c->statement_version);
    bind_int(&s, c->effective_at);
    bind_int(&s, c->recorded_at);
    bind_person(&s, &c->by);
    bind_text(&s, c->by_role);
    bind_u64(&s, c->ledger_index);
    return statement_run(&s);
}

static void read_consent(struct statement *s, void *record)
{
    struct consent_record *c = record;

    read_text(s, c->event_id, sizeof(c->event_id));
    read_uuid(s, &c->claim);
    read_text(s, c->purpose, sizeof(c->purpose));
    read_text(s, c->decision, sizeof(c->decision));
    read_text(s, c->statement_version, sizeof(c->statement_version));
    c->effective_at = read_int(s);
    c->recorded_at = read_int(s);
    read_person(s, &c->by);
    read_text(s, c->by_role, sizeof(c->by_role));
    c->ledger_index = read_u64(s);
}

enum err consent_find(struct db *db, const struct uuid *claim, const char *event_id,
                      struct consent_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT " COLUMNS " FROM consent_events WHERE claim = ? AND event_id = ?"));
    bind_uuid(&s, claim);
    bind_text(&s, event_id);
    return record_find(&s, read_consent, out);
}

enum err consent_list(struct db *db, const struct uuid *claim, struct consent_record *out,
                      size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS
                        " FROM consent_events WHERE claim = ? ORDER BY position LIMIT ?"));
    bind_uuid(&s, claim);
    return record_page(&s, read_consent, out, sizeof(*out), max, n);
}
