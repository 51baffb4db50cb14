/* Counts by month, for the monthly statistics: docs/statistics.md says what each means. */
#ifndef STORAGE_RECORD_STATISTICS_H
#define STORAGE_RECORD_STATISTICS_H

#include "storage/records.h"

enum { COUNT_NAME_MAX = 160 };

enum monthly { /* which counts */
               MONTHLY_UPLOADS,
               MONTHLY_COULD_NOT_SCAN,
               MONTHLY_TO_AVAILABLE,
               MONTHLY_WITHIN_A_DAY,
               MONTHLY_TO_OPENING,
               MONTHLY_OPTED_OUT,
               MONTHLY_RESTRICTED,
               MONTHLY_READS,
               MONTHLY_REQUESTS,
               MONTHLY_COUNT
};
struct month_count {
    int32_t month; /* year * 12 + month of the year - 1, in UTC */
    char of[COUNT_NAME_MAX + 1];
    uint64_t numerator, denominator;
};
/* Every month and kind of thing before `until`, by month. Cost: what the tables and the log
 * have of it, once. ERR_TOO_LARGE beyond `max`. */
MUST_USE enum err monthly_counts(struct db *db, enum monthly what, int64_t until,
                                 struct month_count *out, size_t max, size_t *n);
MUST_USE enum err erased_count(struct db *db, uint64_t *out); /* entries without details */

#endif
