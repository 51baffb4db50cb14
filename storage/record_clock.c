/* The clocks: of a claim, from its registration to its end, and of an artefact, from when it
 * could first be considered to when somebody first opened it.
 *
 * Invariants: of an artefact's times the first stands; the clocks that run are found by an
 * index in the order in which they are urgent, however many have ended.
 */
#include "storage/record_requests.h"

#include "storage/record.h"

#define COLUMNS "claim, nation, special_rules, started_at, ended_at"

enum err claim_clock_put(struct db *db, const struct claim_clock *c)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "REPLACE INTO claim_clocks VALUES(?, ?, ?, ?, ?)"));
    bind_uuid(&s, &c->claim);
    bind_text(&s, c->nation);
    bind_bool(&s, c->special_rules);
    bind_int(&s, c->started_at);
    bind_int(&s, c->ended_at);
    return statement_run(&s);
}

static void read_clock(struct statement *s, void *record)
{
    struct claim_clock *c = record;

    read_uuid(s, &c->claim);
    read_text(s, c->nation, sizeof(c->nation));
    c->special_rules = read_bool(s);
    c->started_at = read_int(s);
    c->ended_at = read_int(s);
}

enum err claim_clock_find(struct db *db, const struct uuid *claim, struct claim_clock *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM claim_clocks WHERE claim = ?"));
    bind_uuid(&s, claim);
    return record_find(&s, read_clock, out);
}

/* One urgency; from behind a clock of it. */
static enum err list_of(struct db *db, bool special_rules, int64_t before,
                        const struct claim_clock *from, struct claim_clock *out, size_t max,
                        size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM claim_clocks WHERE ended_at = 0 AND"
                        " special_rules = ? AND (started_at, claim) > (?, ?) AND"
                        " started_at < ? ORDER BY started_at, claim LIMIT ?"));
    bind_bool(&s, special_rules);
    bind_int(&s, from->started_at);
    bind_uuid(&s, &from->claim);
    bind_int(&s, before);
    return record_page(&s, read_clock, out, sizeof(*out), max, n);
}

enum err claim_clock_list(struct db *db, int64_t before, const struct uuid *after,
                          struct claim_clock *out, size_t max, size_t *n)
{
    struct claim_clock from = {.special_rules = true}, start = {.started_at = 0};
    size_t more = 0;

    if (!uuid_is_nil(after))
        TRY(claim_clock_find(db, after, &from));
    *n = 0;
    if (from.special_rules)
        TRY(list_of(db, true, before, &from, out, max, n));
    if (*n < max)
        TRY(list_of(db, false, before, from.special_rules ? &start : &from, out + *n, max - *n,
                    &more));
    *n += more;
    return ERR_OK;
}

/* --- artefacts ------------------------------------------------------------------------------
 */
enum err artefact_available_note(struct db *db, const struct uuid *artefact, int64_t at)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT OR IGNORE INTO artefact_times VALUES(?, ?)"));
    bind_uuid(&s, artefact);
    bind_int(&s, at);
    return statement_run(&s);
}

enum err artefact_opened_note(struct db *db, const struct uuid *artefact,
                              const struct artefact_opened *o)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT OR IGNORE INTO artefact_openings VALUES(?, ?, ?)"));
    bind_uuid(&s, artefact);
    bind_text(&s, o->role);
    bind_int(&s, o->at);
    return statement_run(&s);
}

enum err artefact_available_find(struct db *db, const struct uuid *artefact, int64_t *at)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool row = false;

    *at = 0;
    TRY(statement_begin(&s, db, "SELECT available_at FROM artefact_times WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_step(&s, &row));
    if (!row)
        return ERR_OK;
    *at = read_int(&s);
    return statement_read(&s);
}

static void read_opened(struct statement *s, void *record)
{
    struct artefact_opened *o = record;

    read_text(s, o->role, sizeof(o->role));
    o->at = read_int(s);
}

enum err artefact_opened_list(struct db *db, const struct uuid *artefact,
                              struct artefact_opened out[OPENED_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT role, at FROM artefact_openings WHERE artefact = ? ORDER BY at, role"));
    bind_uuid(&s, artefact);
    return record_list(&s, read_opened, out, sizeof(out[0]), OPENED_MAX, n);
}
