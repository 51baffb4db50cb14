/* The monthly statistics: exact numerators and denominators for a month, the three and the
 * twelve months that end with it, and all time up to its end (docs/statistics.md). */
#ifndef GATEWAY_EVIDENCE_LOG_STATISTICS_H
#define GATEWAY_EVIDENCE_LOG_STATISTICS_H

#include "gateway/evidence/evidence.h"
#include "storage/record_statistics.h"

enum window {
    WINDOW_MONTH,
    WINDOW_ROLLING_3,
    WINDOW_ROLLING_12,
    WINDOW_CUMULATIVE,
    WINDOW_COUNT
};
const char *window_name(enum window w);

struct fraction {
    uint64_t numerator, denominator;
};
struct measure {
    const char *name, *unit; /* "share"; "microseconds": a sum, of so many */
    char of[COUNT_NAME_MAX + 1];
    struct fraction in[WINDOW_COUNT];
};
struct statistics {
    int32_t month;                  /* as month_count has it */
    int64_t from[WINDOW_COUNT], to; /* micros */
    uint64_t erased;                /* entries of the log that no longer count */
    struct measure *measures;
    size_t n;
};
void statistics_clear(struct statistics *s);
DEFINE_AUTO_CLEAR(struct statistics, statistics_clear);

/* "2026-11"; ERR_INVALID. */
MUST_USE enum err month_parse(const char *text, int32_t *out);
void month_format(int32_t month, char out[8]);
/* REFUSAL_NOT_PERMITTED; REFUSAL_INVALID_REQUEST: a month that has not begun. */
MUST_USE enum err statistics_get(struct evidence *ev, const struct principal *p, int32_t month,
                                 struct statistics *out);

#endif
