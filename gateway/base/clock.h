/* Time: a wall clock that a test can replace, and a steady clock for deadlines.
 * Wall time is microseconds since 1970-01-01T00:00:00Z (int64_t); text is RFC 3339 in UTC. */
#ifndef GATEWAY_BASE_CLOCK_H
#define GATEWAY_BASE_CLOCK_H

#include "gateway/base/error.h"

#include <stdint.h>

enum { TIME_TEXT_SIZE = 28 }; /* "2026-11-22T05:03:09.123456Z" and its NUL */
#define MICROS_PER_SECOND INT64_C(1000000)

int64_t clock_now(void);                     /* wall, microseconds */
int64_t clock_now_seconds(void);             /* wall, whole seconds */
int64_t clock_steady_ms(void);               /* CLOCK_MONOTONIC */
void clock_replace(int64_t (*now_us)(void)); /* tests; NULL restores the real clock */

void time_format(int64_t micros, char out[TIME_TEXT_SIZE]); /* always 6 decimals and Z */
/* RFC 3339: any offset, 0 to 9 decimals (cut to micros), years 1970..9999, no leap second. */
MUST_USE enum err time_parse(const char *text, int64_t *micros);
/* A calendar date YYYY-MM-DD, checked. */
MUST_USE enum err date_check(const char *text);

#endif
