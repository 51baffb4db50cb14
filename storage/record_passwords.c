/* Invariant: a row is there exactly as long as something is still to be done for its artefact:
 * a password to come, or bytes to be removed. */
#include "storage/record_passwords.h"

#include "storage/record.h"

static void read_wait(struct statement *s, void *record)
{
    struct password_wait *w = record;
    uint64_t tries;

    read_uuid(s, &w->artefact);
    tries = read_u64(s);
    if (tries > UINT32_MAX && s->failed == ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "a wait for a password has impossible tries");
    w->tries = (unsigned)tries;
    w->expires_at = read_int(s);
    w->ended = read_int(s) != 0;
}

enum err password_wait_insert(struct db *db, const struct password_wait *w)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO passwords_awaited VALUES(?, ?, ?, ?)"));
    bind_uuid(&s, &w->artefact);
    bind_int(&s, w->tries);
    bind_int(&s, w->expires_at);
    bind_int(&s, w->ended);
    return statement_run(&s);
}

enum err password_wait_find(struct db *db, const struct uuid *artefact,
                            struct password_wait *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, tries, expires_at, ended FROM passwords_awaited"
                        " WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_wait, out);
}

enum err password_wait_change(struct db *db, const struct password_wait *w)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE passwords_awaited SET tries = ?, expires_at = ?, ended = ? WHERE artefact = ?"));
    bind_int(&s, w->tries);
    bind_int(&s, w->expires_at);
    bind_int(&s, w->ended);
    bind_uuid(&s, &w->artefact);
    return record_change(&s);
}

enum err password_wait_remove(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM passwords_awaited WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_change(&s);
}

enum err password_wait_list_over(struct db *db, int64_t now, struct password_wait *out,
                                 size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, tries, expires_at, ended FROM passwords_awaited"
                        " WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"));
    bind_int(&s, now);
    return record_page(&s, read_wait, out, sizeof(*out), max, n);
}
