/* One statement for each sort of count; each has the end of the report's month (?1) and yields
 * month, what of, numerator, denominator. Invariant: times are compared as microseconds, and
 * cut into months of UTC by SQLite's calendar. */
#include "storage/record_statistics.h"
#include "storage/record.h"

#define MONTH(time)                                                                            \
    "CAST(strftime('%Y', (" time ") / 1000000, 'unixepoch') AS INTEGER) * 12 +"                \
    " CAST(strftime('%m', (" time ") / 1000000, 'unixepoch') AS INTEGER) - 1"
#define MEMBER(name) "coalesce(json_extract(details, '$." name "'), '-')"
#define GROUPED " GROUP BY 1, 2 ORDER BY 1, 2"

static const char *const SQL[MONTHLY_COUNT] = {
    /* What was counted instead of logged one by one is added up. */
    [MONTHLY_UPLOADS] = "SELECT " MONTH(
        "time") ", CASE action WHEN 'upload.committed'"
                " THEN 'received/' || " MEMBER("kind") " ELSE 'refused/' || " MEMBER(
                    "reason") " END, sum(coalesce(json_extract(details, '$.count'), 1)), 0 "
                              "FROM ledger_entries"
                              " WHERE (action IN ('upload.committed', 'upload.refused') OR "
                              "(action ="
                              " 'refusals.counted' AND json_extract(details, '$.of') = "
                              "'upload.refused'))"
                              " AND time < ?1" GROUPED,
    [MONTHLY_COULD_NOT_SCAN] =
        "SELECT " MONTH("time") ", '', sum(" MEMBER("status") " = 'could_not_scan' OR " MEMBER(
            "status_reason") " = 'not-inspected'), count(*) FROM ledger_entries"
                             " WHERE action = 'upload.committed' AND time < ?1" GROUPED,
    [MONTHLY_TO_AVAILABLE] =
        "SELECT " MONTH("t.available_at") ", '', sum(max(t.available_at - a.received_at, 0)),"
                                          " count(*) FROM artefact_times t JOIN artefacts a ON "
                                          "a.id = t.artefact"
                                          " WHERE t.available_at < ?1" GROUPED,
    [MONTHLY_WITHIN_A_DAY] = "SELECT " MONTH(
        "a.received_at") ", '', sum(t.available_at IS NOT NULL AND"
                         " t.available_at < ?1 AND t.available_at - a.received_at <= "
                         "86400000000), count(*)"
                         " FROM artefacts a LEFT JOIN artefact_times t ON t.artefact = a.id"
                         " WHERE a.received_at < ?1 AND a.status <> 'refused'" GROUPED,
    [MONTHLY_TO_OPENING] = "SELECT " MONTH(
        "o.at") ", o.role, sum(max(o.at - t.available_at, 0)), count(*)"
                " FROM artefact_openings o JOIN artefact_times t ON t.artefact = o.artefact"
                " WHERE o.at < ?1" GROUPED,
    [MONTHLY_OPTED_OUT] = "SELECT " MONTH(
        "noticed") ", '', sum(EXISTS (SELECT 1 FROM choice_events o"
                   " WHERE o.assessment = first.assessment AND o.event = 'opt_out'"
                   " AND o.recorded_at < ?1)), count(*) FROM (SELECT assessment, "
                   "min(recorded_at)"
                   " AS noticed FROM choice_events WHERE event = 'notice' GROUP BY assessment) "
                   "AS first"
                   " WHERE noticed < ?1" GROUPED,
    [MONTHLY_RESTRICTED] = "SELECT " MONTH(
        "a.received_at") ", '', sum(EXISTS (SELECT 1 FROM ledger_entries l"
                         " WHERE l.artefact = a.id AND +l.action = 'recording.restricted'"
                         " AND +l.time < ?1)), count(*) FROM artefacts a WHERE a.assessment IS "
                         "NOT NULL"
                         " AND +a.received_at < ?1" GROUPED,
    /* A session has an entry for each claim the artefact stands linked to. */
    [MONTHLY_READS] = "SELECT " MONTH("time") ", " MEMBER(
        "purpose") ", count(DISTINCT json_extract(details, '$.session')), 0 FROM ledger_entries"
                   " WHERE action = 'read.opened' AND time < ?1" GROUPED,
    [MONTHLY_REQUESTS] = "SELECT " MONTH(
        "due") ", '', sum(state = 'fulfilled' AND closed_at <= due AND"
               " closed_at < ?1), count(*) FROM evidence_requests WHERE due > 0 AND due < ?1"
               " AND state <> 'withdrawn'" GROUPED,
};

static void read_count(struct statement *s, void *record)
{
    struct month_count *c = record;

    c->month = (int32_t)read_int(s);
    read_text(s, c->of, sizeof(c->of));
    c->numerator = read_u64(s);
    c->denominator = read_u64(s);
}

enum err monthly_counts(struct db *db, enum monthly what, int64_t until,
                        struct month_count *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool more;

    assert(what < MONTHLY_COUNT);
    TRY(statement_begin(&s, db, SQL[what]));
    bind_int(&s, until);
    TRY(record_list(&s, read_count, out, sizeof(*out), max, n));
    if (*n < max)
        return ERR_OK;
    TRY(statement_step(&s, &more));
    return more ? err_set(ERR_TOO_LARGE, "more than %zu counts", max) : ERR_OK;
}

enum err erased_count(struct db *db, uint64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT count(*) FROM ledger_entries WHERE action = 'entry.erased'"));
    TRY(statement_find(&s));
    *out = read_u64(&s);
    return statement_read(&s);
}
