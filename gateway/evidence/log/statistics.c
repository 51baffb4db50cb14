/* Sums the counts of the months into windows. Invariants: nothing is rounded here, and each
 * window of a measure is the sum of its months. */
#include "gateway/evidence/log/statistics.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNTS_MAX = 20000,  /* months x what of, of one sort */
    MEASURES_MAX = 1000, /* rows of the answer */
    FIRST_MONTH = 1970 * 12,
    LAST_MONTH = 9999 * 12 + 11,
    MONTHS_3 = 3,
    MONTHS_12 = 12,
};

/* whole: the denominator is what all rows of the sort come to. */
static const struct {
    const char *name, *unit;
    bool whole;
} SORTS[MONTHLY_COUNT] = {
    [MONTHLY_UPLOADS] = {"uploads.outcome", "share", true},
    [MONTHLY_COULD_NOT_SCAN] = {"uploads.could_not_scan", "share", false},
    [MONTHLY_TO_AVAILABLE] = {"time.receipt_to_available", "microseconds", false},
    [MONTHLY_WITHIN_A_DAY] = {"available.within_24_hours", "share", false},
    [MONTHLY_TO_OPENING] = {"time.available_to_first_opening", "microseconds", false},
    [MONTHLY_OPTED_OUT] = {"assessments.opted_out", "share", false},
    [MONTHLY_RESTRICTED] = {"recordings.restricted", "share", false},
    [MONTHLY_READS] = {"reads.purpose", "share", true},
    [MONTHLY_REQUESTS] = {"requests.fulfilled_in_time", "share", false},
};

const char *window_name(enum window w)
{
    static const char *const NAMES[WINDOW_COUNT] = {"month", "rolling_3", "rolling_12",
                                                    "cumulative"};
    assert(w < WINDOW_COUNT);
    return NAMES[w];
}

void statistics_clear(struct statistics *s)
{
    free(s->measures);
    s->measures = NULL;
}

/* --- months ------------------------------------------------------------------------------- */

enum err month_parse(const char *text, int32_t *out)
{
    char date[DATE_TEXT + 1];
    if (strlen(text) != strlen("2026-11"))
        return err_set(ERR_INVALID, "a month is written as 2026-11");
    (void)snprintf(date, sizeof(date), "%s-01", text);
    if (date_check(date) != ERR_OK)
        return err_set(ERR_INVALID, "a month is written as 2026-11");
    *out = (int32_t)(strtol(date, NULL, 10) * MONTHS_12 + strtol(date + 5, NULL, 10) - 1);
    return *out >= FIRST_MONTH && *out < LAST_MONTH
               ? ERR_OK
               : err_set(ERR_INVALID, "a month is written as 2026-11");
}

void month_format(int32_t month, char out[8])
{
    assert(month >= FIRST_MONTH && month <= LAST_MONTH);
    (void)snprintf(out, 8, "%04u-%02u", (unsigned)month / MONTHS_12 % 10000,
                   (unsigned)month % MONTHS_12 + 1);
}

static enum err month_begins(int32_t month, int64_t *out)
{
    char text[8], time[TIME_TEXT_SIZE];
    if (month < FIRST_MONTH)
        month = FIRST_MONTH;
    month_format(month, text);
    (void)snprintf(time, sizeof(time), "%s-01T00:00:00Z", text);
    return time_parse(time, out);
}

static bool in_window(enum window w, int32_t month, int32_t of)
{
    static const int32_t LENGTHS[WINDOW_COUNT] = {1, MONTHS_3, MONTHS_12, LAST_MONTH};
    return of <= month && of > month - LENGTHS[w];
}

static enum err windows_of(struct statistics *s)
{
    TRY(month_begins(s->month, &s->from[WINDOW_MONTH]));
    TRY(month_begins(s->month - MONTHS_3 + 1, &s->from[WINDOW_ROLLING_3]));
    TRY(month_begins(s->month - MONTHS_12 + 1, &s->from[WINDOW_ROLLING_12]));
    s->from[WINDOW_CUMULATIVE] = 0;
    return month_begins(s->month + 1, &s->to);
}

/* --- sums --------------------------------------------------------------------------------- */

static enum err measure_for(struct statistics *s, enum monthly sort, const char *of,
                            struct measure **out)
{
    for (size_t i = 0; i < s->n; i++) {
        *out = &s->measures[i];
        if ((*out)->name == SORTS[sort].name && strcmp((*out)->of, of) == 0)
            return ERR_OK;
    }
    if (s->n == MEASURES_MAX)
        return err_set(ERR_TOO_LARGE, "more than %d measures", MEASURES_MAX);
    *out = &s->measures[s->n++];
    **out = (struct measure){.name = SORTS[sort].name, .unit = SORTS[sort].unit};
    (void)snprintf((*out)->of, sizeof((*out)->of), "%s", of);
    return ERR_OK;
}

static enum err sort_sum(struct statistics *s, enum monthly sort,
                         const struct month_count *counts, size_t n)
{
    struct fraction all[WINDOW_COUNT] = {{0}};
    struct measure *m = NULL;
    size_t first = s->n;
    if (!SORTS[sort].whole && n == 0)
        return measure_for(s, sort, "", &m); /* nothing yet is told, too */
    for (size_t i = 0; i < n; i++) {
        TRY(measure_for(s, sort, counts[i].of, &m));
        for (unsigned w = 0; w < WINDOW_COUNT; w++) {
            if (!in_window((enum window)w, s->month, counts[i].month))
                continue;
            m->in[w].numerator += counts[i].numerator;
            m->in[w].denominator += counts[i].denominator;
            all[w].denominator += counts[i].numerator;
        }
    }
    for (size_t i = first; SORTS[sort].whole && i < s->n; i++) {
        for (unsigned w = 0; w < WINDOW_COUNT; w++)
            s->measures[i].in[w].denominator = all[w].denominator;
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct measure *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->of, y->of);
}

static enum err sums_read(struct db *db, struct statistics *s)
{
    AUTO_FREE struct month_count *counts = calloc(COUNTS_MAX, sizeof(*counts));
    if (!counts)
        return err_set(ERR_NOMEM, "statistics");
    for (unsigned sort = 0; sort < MONTHLY_COUNT; sort++) {
        size_t n = 0;
        TRY(monthly_counts(db, (enum monthly)sort, s->to, counts, COUNTS_MAX, &n));
        TRY(sort_sum(s, (enum monthly)sort, counts, n));
    }
    qsort(s->measures, s->n, sizeof(*s->measures), by_name);
    return erased_count(db, &s->erased);
}

enum err statistics_get(struct evidence *ev, const struct principal *p, int32_t month,
                        struct statistics *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    *out = (struct statistics){.month = month};
    TRY(authority_role(p, ACTION_STATISTICS_READ, NULL));
    TRY(windows_of(out));
    if (out->from[WINDOW_MONTH] > clock_now())
        return refuse_because(REFUSAL_INVALID_REQUEST, "that month has not begun");
    out->measures = calloc(MEASURES_MAX, sizeof(*out->measures));
    if (!out->measures)
        return err_set(ERR_NOMEM, "statistics");
    TRY(db_read_begin(ev->parts.db, &db));
    return sums_read(db, out);
}
