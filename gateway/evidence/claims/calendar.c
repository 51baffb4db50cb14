/* Days are counted by arithmetic, holidays by a search in the sorted table: a claim of ten
 * years costs what one of ten days does.
 *
 * Invariant: `holidays` is sorted, without repeats, and holds weekdays only, so that a range's
 * working days are its weekdays less the table's entries in it. */
#include "gateway/evidence/claims/calendar.h"

#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/evidence/claims/bank_holidays_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALENDAR_FILE_MAX = 256 * 1024, DIVISION_MAX = 64, TITLE_MAX = 200, HOUR_S = 3600 };
#define DAY_US (INT64_C(86400) * MICROS_PER_SECOND)

/* --- days --------------------------------------------------------------------------------- */

/* Of the text of an instant in UTC. */
static enum err instant(const char *date, const char *time, int64_t *out)
{
    char text[TIME_TEXT_SIZE];
    (void)snprintf(text, sizeof(text), "%.10sT%.8sZ", date, time);
    return time_parse(text, out);
}

static int32_t utc_day(int64_t micros)
{
    return (int32_t)((micros >= 0 ? micros : micros - (DAY_US - 1)) / DAY_US);
}

/* Monday is 0. */
static int weekday(int32_t day)
{
    int w = (day + 3) % 7; /* 1970-01-01 was a Thursday */
    return w < 0 ? w + 7 : w;
}

/* 01:00 UTC on the last Sunday of the month whose 31st is given. */
static int64_t clock_change(const char *year, const char *last_day)
{
    char date[DATE_TEXT_SIZE];
    int64_t at = 0;
    (void)snprintf(date, sizeof(date), "%.4s-%.5s", year, last_day);
    enum err e = instant(date, "01:00:00", &at);
    assert(e == ERR_OK);
    return at - (weekday(utc_day(at)) + 1) % 7 * DAY_US;
}

static int64_t ahead(int64_t micros)
{
    char text[TIME_TEXT_SIZE];
    if (micros < 0)
        return 0;
    time_format(micros, text);
    bool summer = micros >= clock_change(text, "03-31") && micros < clock_change(text, "10-31");
    return summer ? HOUR_S * MICROS_PER_SECOND : 0;
}

int32_t day_of(int64_t micros)
{
    return utc_day(micros + ahead(micros));
}

/* The clock never changes at midnight, so the hour before tells what holds. */
int64_t day_begins(int32_t day)
{
    int64_t utc = day * DAY_US;
    return utc - ahead(utc - HOUR_S * MICROS_PER_SECOND);
}

void day_format(int32_t day, char out[DATE_TEXT_SIZE])
{
    char text[TIME_TEXT_SIZE];
    time_format(day * DAY_US, text);
    memcpy(out, text, DATE_TEXT_SIZE - 1);
    out[DATE_TEXT_SIZE - 1] = 0;
}

enum err day_parse(const char *text, int32_t *out)
{
    int64_t at = 0;
    TRY(date_check(text));
    TRY(instant(text, "00:00:00", &at));
    *out = utc_day(at);
    return ERR_OK;
}

/* --- nations ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *division;
} NATIONS[NATION_COUNT] = {
    [NATION_ENGLAND_AND_WALES] = {"england_and_wales", "england-and-wales"},
    [NATION_SCOTLAND] = {"scotland", "scotland"},
    [NATION_NORTHERN_IRELAND] = {"northern_ireland", "northern-ireland"},
};

const char *nation_name(enum nation n)
{
    assert((unsigned)n < NATION_COUNT);
    return NATIONS[n].name;
}

enum err nation_parse(const char *name, enum nation *out)
{
    for (unsigned i = 0; i < NATION_COUNT; i++) {
        if (strcmp(NATIONS[i].name, name) == 0) {
            *out = (enum nation)i;
            return ERR_OK;
        }
    }
    return err_set(ERR_INVALID, "a nation is england_and_wales, scotland or northern_ireland");
}

/* --- the table ---------------------------------------------------------------------------- */

static int order(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static enum err event_read(json_t *value, struct calendar_nation *out)
{
    struct json_in in;
    char title[TITLE_MAX + 1], date[DATE_TEXT_SIZE], notes[TITLE_MAX + 1];
    bool bunting;
    int32_t day = 0;
    TRY(json_in_object(&in, value, "events[]"));
    TRY(json_in_text(&in, "title", JSON_REQUIRED, title, sizeof(title)));
    TRY(json_in_text(&in, "date", JSON_REQUIRED, date, sizeof(date)));
    TRY(json_in_text(&in, "notes", JSON_OPTIONAL, notes, sizeof(notes)));
    TRY(json_in_bool(&in, "bunting", JSON_OPTIONAL, &bunting));
    TRY(json_in_done(&in));
    TRY(day_parse(date, &day));
    if (weekday(day) < 5)
        out->holidays[out->n++] = day;
    return ERR_OK;
}

/* The table speaks for the whole of the years it begins and ends in. */
static enum err years_of(struct calendar_nation *nation)
{
    char date[DATE_TEXT_SIZE];
    if (nation->n == 0)
        return err_set(ERR_INVALID, "bank holidays: a division without events");
    day_format(nation->holidays[0], date);
    memcpy(date + 5, "01-01", 5);
    TRY(day_parse(date, &nation->first));
    day_format(nation->holidays[nation->n - 1], date);
    memcpy(date + 5, "12-31", 5);
    return day_parse(date, &nation->last);
}

static enum err division_read(json_t *value, const char *division, struct calendar_nation *out)
{
    struct json_in in;
    char named[DIVISION_MAX + 1];
    json_t *events = NULL;
    TRY(json_in_object(&in, value, division));
    TRY(json_in_text(&in, "division", JSON_REQUIRED, named, sizeof(named)));
    TRY(json_in_array(&in, "events", JSON_REQUIRED, HOLIDAYS_MAX, &events));
    TRY(json_in_done(&in));
    if (strcmp(named, division) != 0)
        return err_set(ERR_INVALID, "bank holidays: %s is called otherwise inside", division);
    for (size_t i = 0; i < json_array_size(events); i++)
        TRY(event_read(json_array_get(events, i), out));
    qsort(out->holidays, out->n, sizeof(out->holidays[0]), order);
    for (size_t i = 1; i < out->n; i++) {
        if (out->holidays[i] == out->holidays[i - 1])
            return err_set(ERR_INVALID, "bank holidays: %s has a day twice", division);
    }
    return years_of(out);
}

enum err calendar_read(const void *json, size_t len, struct calendar *out)
{
    AUTO(json_free) json_t *root = NULL;
    struct json_in in;
    memset(out, 0, sizeof(*out));
    TRY(json_parse(json, len, &root));
    TRY(json_in_object(&in, root, "bank holidays"));
    for (unsigned i = 0; i < NATION_COUNT; i++) {
        json_t *value = NULL;
        TRY(json_in_child(&in, NATIONS[i].division, JSON_REQUIRED, &value));
        TRY(division_read(value, NATIONS[i].division, &out->nations[i]));
    }
    return json_in_done(&in);
}

enum err calendar_load(const char *path, struct calendar *out)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    if (!path || !*path)
        return calendar_read(bank_holidays_text, sizeof(bank_holidays_text), out);
    buf_init(&text, CALENDAR_FILE_MAX);
    TRY(file_read(path, &text));
    return calendar_read(text.data, text.len, out);
}

/* --- counting ----------------------------------------------------------------------------- */

/* Entries of the table that are not behind `day`. */
static int32_t holidays_to(const struct calendar *c, enum nation n, int32_t day)
{
    size_t low = 0, high = c ? c->nations[n].n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->nations[n].holidays[middle] <= day)
            low = middle + 1;
        else
            high = middle;
    }
    return (int32_t)low;
}

/* Weekdays from some fixed Monday up to and with `day`. */
static int32_t weekdays_to(int32_t day)
{
    int32_t since = day - weekday(day); /* the Monday of its week, a multiple of 7 from -3 */
    int32_t weeks = (since + 3) / 7;
    int w = weekday(day) + 1;
    return weeks * 5 + (w < 5 ? w : 5);
}

static int32_t working_to(const struct calendar *c, enum nation n, int32_t day)
{
    return weekdays_to(day) - holidays_to(c, n, day);
}

bool calendar_knows(const struct calendar *c, enum nation n, int32_t day)
{
    return c && day >= c->nations[n].first && day <= c->nations[n].last;
}

bool calendar_works(const struct calendar *c, enum nation n, int32_t day)
{
    return working_to(c, n, day) != working_to(c, n, day - 1);
}

int32_t calendar_between(const struct calendar *c, enum nation n, int32_t from, int32_t to)
{
    return working_to(c, n, to) - working_to(c, n, from);
}

int32_t calendar_add(const struct calendar *c, enum nation n, int32_t day, unsigned working)
{
    while (working == 0 && !calendar_works(c, n, day))
        day++;
    while (working > 0)
        working -= calendar_works(c, n, ++day);
    return day;
}
