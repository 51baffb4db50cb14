/* The monthly statistics as JSON and CSV. The JSON has fractions alone; the CSV adds a rounded
 * column for people who read it in a spreadsheet. */
#include "gateway/evidence/log/statistics.h"
#include "gateway/base/clock.h"
#include "gateway/routes/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CSV_MAX = 4 * 1024 * 1024, ROUNDED_MAX = 32 };

/* --- JSON --------------------------------------------------------------------------------- */

static json_t *windows_view(const struct statistics *s)
{
    json_t *windows = json_object();
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        json_t *window = json_object();
        json_put_time(window, "from", s->from[w]);
        json_put_time(window, "to", s->to);
        json_put(windows, window_name((enum window)w), window);
    }
    return windows;
}

static json_t *measure_view(const struct measure *m)
{
    json_t *body = json_object();
    json_put_text(body, "name", m->name);
    json_put_text_if(body, "of", m->of);
    json_put_text(body, "unit", m->unit);
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        json_t *fraction = json_object();
        json_put_int(fraction, "numerator", (json_int_t)m->in[w].numerator);
        json_put_int(fraction, "denominator", (json_int_t)m->in[w].denominator);
        json_put(body, window_name((enum window)w), fraction);
    }
    return body;
}

static json_t *statistics_view(const struct statistics *s)
{
    json_t *body = json_object(), *list = json_array();
    char month[8];
    month_format(s->month, month);
    json_put_text(body, "month", month);
    json_put(body, "windows", windows_view(s));
    json_put_int(body, "erased_entries", (json_int_t)s->erased);
    for (size_t i = 0; i < s->n; i++)
        (void)json_array_append_new(list, measure_view(&s->measures[i]));
    json_put(body, "measures", list);
    return body;
}

/* --- CSV ---------------------------------------------------------------------------------- */

/* numerator * scale / (denominator * divide), half up, with so many of its digits as decimals.
 */
static void rounded(const struct fraction *f, uint64_t scale, uint64_t divide, unsigned digits,
                    char out[ROUNDED_MAX])
{
    uint64_t d = f->denominator * divide;
    *out = 0;
    if (d == 0)
        return;
    uint64_t rest = f->numerator % d * scale;
    uint64_t value = f->numerator / d * scale + rest / d + (rest % d >= d - rest % d);
    uint64_t unit = digits == 2 ? 100 : 1000;
    (void)snprintf(out, ROUNDED_MAX, "%" PRIu64 ".%0*" PRIu64, value / unit, (int)digits,
                   value % unit);
}

/* Percent with two decimals, or seconds with three. */
static void value_of(const struct measure *m, enum window w, char out[ROUNDED_MAX])
{
    if (strcmp(m->unit, "share") == 0)
        rounded(&m->in[w], 10000, 1, 2, out);
    else
        rounded(&m->in[w], 1, 1000, 3, out); /* thousandths of a second */
}

/* What comes from outside is quoted, and begins no formula. */
static enum err put_cell(struct buf *out, const char *text)
{
    TRY(buf_append_str(out, "\""));
    if (*text && strchr("=+-@\t\r", *text))
        TRY(buf_append_str(out, "'"));
    for (; *text; text++) {
        if (*text == '"')
            TRY(buf_append_str(out, "\""));
        TRY(buf_append(out, text, 1));
    }
    return buf_append_str(out, "\"");
}

static enum err put_line(struct buf *out, const struct statistics *s, const struct measure *m,
                         enum window w)
{
    char month[8], from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE], value[ROUNDED_MAX];
    month_format(s->month, month);
    time_format(s->from[w], from);
    time_format(s->to, to);
    value_of(m, w, value);
    TRY(buf_printf(out, "%s,%s,", month, m->name));
    TRY(put_cell(out, m->of));
    return buf_printf(out, ",%s,%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%s\r\n", m->unit,
                      window_name(w), from, to, m->in[w].numerator, m->in[w].denominator,
                      value);
}

static enum err csv_write(struct buf *out, const struct statistics *s)
{
    TRY(buf_append_str(out, "month,name,of,unit,window,from,to,numerator,denominator,"
                            "percent_or_mean_seconds\r\n"));
    for (size_t i = 0; i < s->n; i++) {
        for (unsigned w = 0; w < WINDOW_COUNT; w++)
            TRY(put_line(out, s, &s->measures[i], (enum window)w));
    }
    return ERR_OK;
}

static enum err reply_csv(struct http_exchange *x, const struct statistics *s)
{
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, CSV_MAX);
    TRY(csv_write(&out, s));
    http_reply_header(x, "Cache-Control", "no-store");
    http_reply_bytes(x, 200, "text/csv; charset=utf-8", out.data, out.len);
    return ERR_OK;
}

/* --- the call ----------------------------------------------------------------------------- */

static enum err format_wanted(struct http_exchange *x, bool *csv)
{
    const char *format = http_query(x, "format");
    const char *accept = http_header(x, "Accept");
    *csv = format ? strcmp(format, "csv") == 0
                  : accept && strncmp(accept, "text/csv", strlen("text/csv")) == 0;
    if (format && !*csv && strcmp(format, "json") != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "format may be json or csv");
    return ERR_OK;
}

static enum err get_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"month", "format", NULL};
    AUTO_CLEAR(statistics_clear) struct statistics s = {.n = 0};
    const char *month = http_query(x, "month");
    int32_t wanted = 0;
    bool csv = false;
    TRY(api_query_known(x, KNOWN));
    TRY(format_wanted(x, &csv));
    if (!month)
        return refuse_because(REFUSAL_INVALID_REQUEST, "say month=2026-11");
    TRY(month_parse(month, &wanted));
    TRY(statistics_get(api_of(x)->evidence, p, wanted, &s));
    if (csv)
        return reply_csv(x, &s);
    http_reply_json(x, 200, statistics_view(&s));
    return ERR_OK;
}
const struct api_call STATISTICS_GET = {get_run};
