/* The claimant's death. Invariant: a claim has one row at the most; what was told before stands
 * in the log. */
#include "storage/record_people.h"

#include "storage/record.h"

enum err claim_death_put(struct db *db, const struct uuid *claim, int64_t died_at,
                         int64_t recorded_at)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT OR REPLACE INTO claim_deaths VALUES(?, ?, ?)"));
    bind_uuid(&s, claim);
    bind_int(&s, died_at);
    bind_int(&s, recorded_at);
    return statement_run(&s);
}

enum err claim_death_remove(struct db *db, const struct uuid *claim)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM claim_deaths WHERE claim = ?"));
    bind_uuid(&s, claim);
    return statement_run(&s);
}

enum err claim_death_find(struct db *db, const struct uuid *claim, int64_t *died_at)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool row = false;

    *died_at = 0;
    TRY(statement_begin(&s, db, "SELECT died_at FROM claim_deaths WHERE claim = ?"));
    bind_uuid(&s, claim);
    TRY(statement_step(&s, &row));
    if (!row)
        return ERR_OK;
    *died_at = read_int(&s);
    return statement_read(&s);
}
