/* Wall time, steady time, and RFC 3339 without the C library's locale or time zone.
 *
 * The calendar is the proleptic Gregorian one, counted in days from 1970-01-01 with years that
 * begin in March, so that the leap day is the last of its year. */
#include "gateway/base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, EPOCH_SHIFT = 719468 };
enum { YEAR_FIRST = 1970, YEAR_LAST = 9999 };

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z: what four digits of a year can hold. */
static const int64_t text_min = INT64_C(-62167219200000000);
static const int64_t text_max = INT64_C(253402300799999999);

typedef int64_t now_fn(void);
static _Atomic(now_fn *) replaced;

int64_t clock_now(void)
{
    now_fn *now = atomic_load(&replaced);
    struct timespec ts;

    if (now != NULL)
        return now();
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    assert(rc == 0);
    (void)rc;
    return (int64_t)ts.tv_sec * MICROS_PER_SECOND + ts.tv_nsec / 1000;
}

int64_t clock_now_seconds(void)
{
    return clock_now() / MICROS_PER_SECOND;
}

int64_t clock_steady_ms(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_MONOTONIC, &ts);

    assert(rc == 0);
    (void)rc;
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_replace(int64_t (*now_us)(void))
{
    atomic_store(&replaced, now_us);
}

static int64_t days_of_date(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return (int64_t)era * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT;
}

static void date_of_days(int64_t days, int *year, int *month, int *day)
{
    int64_t shifted = days + EPOCH_SHIFT;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int doe = (int)(shifted - era * DAYS_PER_ERA);
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;

    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int)(yoe + era * 400) + (*month <= 2 ? 1 : 0);
}

/* Writes `width` decimal digits. */
static char *put_digits(char *at, int64_t v, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return at + width;
}

void time_format(int64_t micros, char out[TIME_TEXT_SIZE])
{
    int64_t t = micros < text_min ? text_min : micros > text_max ? text_max : micros;
    int64_t day_us = SECONDS_PER_DAY * MICROS_PER_SECOND;
    int64_t days = (t >= 0 ? t : t - (day_us - 1)) / day_us;
    int64_t rest = t - days * day_us;
    int64_t secs = rest / MICROS_PER_SECOND;
    int year, month, day;
    char *at = out;

    date_of_days(days, &year, &month, &day);
    at = put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, secs / 3600, 2);
    *at++ = ':';
    at = put_digits(at, secs / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, secs % 60, 2);
    *at++ = '.';
    at = put_digits(at, rest % MICROS_PER_SECOND, 6);
    *at++ = 'Z';
    *at = '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `width` digits between min and max; moves *at behind them. */
static bool take_digits(const char **at, int width, int min, int max, int *out)
{
    int v = 0;

    for (int i = 0; i < width; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        v = v * 10 + (**at - '0');
    }
    *out = v;
    return v >= min && v <= max;
}

static bool take_char(const char **at, char upper)
{
    char c = **at;

    if (c != upper && !(upper >= 'A' && upper <= 'Z' && c == upper + ('a' - 'A')))
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool take_date(const char **at, int year_min, int64_t *days)
{
    int year, month, day;

    if (!take_digits(at, 4, year_min, YEAR_LAST, &year) || !take_char(at, '-') ||
        !take_digits(at, 2, 1, 12, &month) || !take_char(at, '-') ||
        !take_digits(at, 2, 1, days_in_month(year, month), &day))
        return false;
    *days = days_of_date(year, month, day);
    return true;
}

/* hh:mm:ss and 0 to 9 decimals, cut to microseconds. */
static bool take_time(const char **at, int64_t *micros)
{
    int hour, minute, second, n = 0;
    int64_t fraction = 0;

    if (!take_digits(at, 2, 0, 23, &hour) || !take_char(at, ':') ||
        !take_digits(at, 2, 0, 59, &minute) || !take_char(at, ':') ||
        !take_digits(at, 2, 0, 59, &second))
        return false;
    if (take_char(at, '.')) {
        for (; is_digit(**at); (*at)++, n++) {
            if (n < 6)
                fraction = fraction * 10 + (**at - '0');
        }
        if (n == 0 || n > 9)
            return false;
    }
    for (; n < 6; n++)
        fraction *= 10;
    *micros = ((int64_t)hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + fraction;
    return true;
}

static bool take_offset(const char **at, int *seconds)
{
    int sign, hours, minutes;

    *seconds = 0;
    if (take_char(at, 'Z'))
        return true;
    if (take_char(at, '+'))
        sign = 1;
    else if (take_char(at, '-'))
        sign = -1;
    else
        return false;
    if (!take_digits(at, 2, 0, 23, &hours) || !take_char(at, ':') ||
        !take_digits(at, 2, 0, 59, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

enum err time_parse(const char *text, int64_t *micros)
{
    const char *at = text;
    int64_t days, of_day, t;
    int offset;

    if (!take_date(&at, YEAR_FIRST, &days) || !take_char(&at, 'T') ||
        !take_time(&at, &of_day) || !take_offset(&at, &offset) || *at != '\0')
        return err_set(ERR_INVALID, "not a time of RFC 3339");
    t = (days * SECONDS_PER_DAY - offset) * MICROS_PER_SECOND + of_day;
    if (t < 0 || t > text_max)
        return err_set(ERR_INVALID, "a time outside the years 1970 to 9999");
    *micros = t;
    return ERR_OK;
}

enum err date_check(const char *text)
{
    const char *at = text;
    int64_t days;

    if (!take_date(&at, 1, &days) || *at != '\0')
        return err_set(ERR_INVALID, "not a calendar date");
    return ERR_OK;
}
