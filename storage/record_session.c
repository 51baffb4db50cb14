/* Read sessions. Invariant: one is closed once, and what it served is written then and never
 * again. */
#include "storage/record.h"

enum err read_session_insert(struct db *db, const struct read_session_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO read_sessions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &r->id);
    bind_uuid(&s, &r->artefact);
    bind_person(&s, &r->actor);
    bind_text(&s, r->purpose);
    bind_int(&s, r->opened_at);
    bind_int(&s, r->expires_at);
    bind_int(&s, r->closed_at);
    bind_u64(&s, r->bytes_served);
    bind_u64(&s, r->ledger_index);
    return statement_run(&s);
}

enum err read_session_close(struct db *db, const struct uuid *id, int64_t at,
                            uint64_t bytes_served)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE read_sessions SET closed_at = ?, bytes_served = ? WHERE id = ? "
                        "AND closed_at = 0"));
    bind_int(&s, at);
    bind_u64(&s, bytes_served);
    bind_uuid(&s, id);
    return record_change(&s);
}

static void read_session(struct statement *s, void *record)
{
    struct read_session_record *r = record;

    read_uuid(s, &r->id);
    read_uuid(s, &r->artefact);
    read_person(s, &r->actor);
    read_text(s, r->purpose, sizeof(r->purpose));
    r->opened_at = read_int(s);
    r->expires_at = read_int(s);
    r->closed_at = read_int(s);
    r->bytes_served = read_u64(s);
    r->ledger_index = read_u64(s);
}

enum err read_session_list_open(struct db *db, struct read_session_record *out, size_t max,
                                size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT id, artefact, actor_issuer, actor_subject, purpose, opened_at, "
                        "expires_at, closed_at,"
                        " bytes_served, ledger_index FROM read_sessions WHERE closed_at = 0 "
                        "ORDER BY id LIMIT ?"));
    return record_page(&s, read_session, out, sizeof(*out), max, n);
}
