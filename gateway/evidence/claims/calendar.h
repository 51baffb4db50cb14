/* Working days: what the department's clocks run on. Pure but for the reading of the table.
 *
 * A day is a number: days since 1970-01-01, in London's calendar. Working days are Monday to
 * Friday without the bank holidays of a nation. Those come from a file in the shape of GOV.UK's
 * bank-holidays.json (config/bank-holidays.json is the one that ships), so that a new one is a
 * change of data. Outside the years of the file only weekends are known: calendar_knows says
 * so.
 *
 * London's clock: UTC, and an hour ahead from the last Sunday of March to the last of October,
 * each at 01:00 UTC (the rule since 1996).
 */
#ifndef GATEWAY_EVIDENCE_CLAIMS_CALENDAR_H
#define GATEWAY_EVIDENCE_CLAIMS_CALENDAR_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOLIDAYS_MAX = 400, DATE_TEXT_SIZE = 11 }; /* "2026-11-22" and its NUL */

enum nation {
    NATION_ENGLAND_AND_WALES,
    NATION_SCOTLAND,
    NATION_NORTHERN_IRELAND,
    NATION_COUNT
};
const char *nation_name(enum nation n); /* "england_and_wales", ... */
MUST_USE enum err nation_parse(const char *name, enum nation *out);

struct calendar_nation {
    int32_t holidays[HOLIDAYS_MAX]; /* rising; those on weekends are left out */
    size_t n;
    int32_t first, last; /* the years of the file: 1 January and 31 December */
};
struct calendar {
    struct calendar_nation nations[NATION_COUNT];
};

/* "": the table that was built in. ERR_INVALID names the division and the event. */
MUST_USE enum err calendar_load(const char *path, struct calendar *out);
MUST_USE enum err calendar_read(const void *json, size_t len, struct calendar *out);

int32_t day_of(int64_t micros);  /* the day it is in London at this instant */
int64_t day_begins(int32_t day); /* London's midnight at its beginning, as an instant */
void day_format(int32_t day, char out[DATE_TEXT_SIZE]);
MUST_USE enum err day_parse(const char *text, int32_t *out); /* YYYY-MM-DD */

/* In these `c` may be NULL: only weekends are known. */
bool calendar_knows(const struct calendar *c, enum nation n, int32_t day);
bool calendar_works(const struct calendar *c, enum nation n, int32_t day);
/* The n-th working day behind `day`, which does not count itself; n >= 0 (0: `day`, or the next
 * working day where it is none). */
int32_t calendar_add(const struct calendar *c, enum nation n, int32_t day, unsigned working);
/* Working days behind `from` up to and with `to`; negative when `to` lies before `from`. */
int32_t calendar_between(const struct calendar *c, enum nation n, int32_t from, int32_t to);

#endif
