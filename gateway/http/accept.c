/* A list of media ranges with weights. Malformed members end the reading: what could be read
 * counts no more, and the caller gets the document that everybody gets. */
#include "gateway/http/accept.h"

#include "gateway/http/chars.h"

enum { WEIGHT_ONE = 1000 };

/* qvalue: 0[.ddd] or 1[.000], in thousandths; -1 if it is none. */
static int weight_parse(const char **at)
{
    const char *p = *at;
    int weight, digit = WEIGHT_ONE / 10;

    if (*p != '0' && *p != '1')
        return -1;
    weight = (*p++ - '0') * WEIGHT_ONE;
    if (*p == '.')
        for (p++; char_is_digit(*p) && digit > 0; p++, digit /= 10)
            weight += (*p - '0') * digit;
    *at = p;
    return weight <= WEIGHT_ONE ? weight : -1;
}

static const char *value_skip(const char *p)
{
    if (*p != '"')
        return skip_token(p);
    for (p++; *p != '"'; p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        if (*p == '\0')
            return p;
    }
    return p + 1;
}

/* Parameters of one range: *weight is its q. False if they cannot be read. */
static bool parameters_read(const char **at, int *weight)
{
    const char *p = skip_spaces(*at);

    *weight = WEIGHT_ONE;
    while (*p == ';') {
        const char *name = skip_spaces(p + 1);

        p = skip_token(name);
        if (text_is(name, (size_t)(p - name), "q") && *p == '=') {
            p++;
            *weight = weight_parse(&p);
            if (*weight < 0)
                return false;
        } else if (*p == '=') {
            p = value_skip(p + 1);
        }
        p = skip_spaces(p);
    }
    *at = p;
    return *p == '\0' || *p == ',';
}

bool accept_wants_html(const char *value)
{
    int html = 0, json = 0;

    for (const char *p = value != NULL ? value : ""; *p != '\0';) {
        const char *range = skip_spaces(p);
        int weight;

        p = skip_token(range);
        if (*p == '/')
            p = skip_token(p + 1);
        size_t len = (size_t)(p - range);

        if (!parameters_read(&p, &weight))
            return false;
        if (text_is(range, len, "text/html"))
            html = weight;
        else if (text_is(range, len, "application/json"))
            json = weight;
        if (*p == ',')
            p++;
    }
    return html > 0 && html > json;
}
