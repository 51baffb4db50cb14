/* File names as they come in and go out (RFC 6266, RFC 8187).
 *
 * A name is only ever shown and given back, never used as a path; it is cleaned all the same,
 * for it will be a path on the reader's machine. Invariant: what field_filename_clean accepts
 * is UTF-8 without a separator, a control character or a character that reorders the line. */
#include "gateway/http/fields.h"

#include "gateway/base/encode.h"
#include "gateway/http/chars.h"

#include <string.h>

enum { PARAMETER_NAME_MAX = 32, PARAMETER_VALUE_MAX = FIELD_NAME_MAX * 3 + 16 };

static size_t decode_one(const unsigned char *p, uint32_t *out)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fU);
    *out = c;
    return n;
}

/* Controls, line separators, and marks that change the direction of what follows. */
static bool is_deceptive(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static enum err characters_check(const char *name, size_t len)
{
    if (!utf8_valid(name, len))
        return err_set(ERR_INVALID, "a file name that is not UTF-8");
    for (size_t i = 0; i < len;) {
        uint32_t c;

        i += decode_one((const unsigned char *)name + i, &c);
        if (is_deceptive(c))
            return err_set(ERR_INVALID, "a file name with a control or direction character");
    }
    return ERR_OK;
}

/* Cuts folders and a drive letter, then blanks at both ends. */
static void last_segment(const char **name, size_t *len)
{
    const char *p = *name, *end = p + *len;

    for (const char *q = p; q < end; q++)
        if (*q == '/' || *q == '\\')
            p = q + 1;
    for (;;) { /* "a:b:c" too: cleaning a clean name must change nothing */
        if (p < end && *p == ' ')
            p++;
        else if (end - p >= 2 && char_is_alpha(p[0]) && p[1] == ':')
            p += 2;
        else
            break;
    }
    while (end > p && end[-1] == ' ')
        end--;
    *name = p;
    *len = (size_t)(end - p);
}

enum err field_filename_clean(const char *name, char *out, size_t cap)
{
    size_t len = strlen(name);

    assert(cap > 0);
    out[0] = '\0';
    if (len == 0)
        return ERR_OK;
    TRY(characters_check(name, len));
    last_segment(&name, &len);
    if (len == 0 || (len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0))
        return err_set(ERR_INVALID, "a file name that names no file");
    if (len >= cap || len > FIELD_NAME_MAX)
        return err_set(ERR_INVALID, "a file name of more than %zu bytes",
                       cap - 1 < FIELD_NAME_MAX ? cap - 1 : (size_t)FIELD_NAME_MAX);
    memcpy(out, name, len);
    out[len] = '\0';
    return ERR_OK;
}

/* A backslash only escapes a quote or itself: browsers send "C:\dir\x.pdf" unescaped. */
static enum err quoted_parse(const char **at, char *out, size_t cap)
{
    const char *p = *at + 1;
    size_t n = 0;

    while (*p != '"') {
        if (p[0] == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        if (*p == '\0')
            return err_set(ERR_INVALID, "an unfinished quoted string");
        if (n + 1 >= cap)
            return err_set(ERR_INVALID, "a parameter that is too long");
        out[n++] = *p++;
    }
    out[n] = '\0';
    *at = p + 1;
    return ERR_OK;
}

static enum err token_parse(const char **at, char *out, size_t cap)
{
    const char *end = skip_token(*at);
    size_t len = (size_t)(end - *at);

    if (len == 0)
        return err_set(ERR_INVALID, "a token is missing");
    if (len >= cap)
        return err_set(ERR_INVALID, "a parameter that is too long");
    memcpy(out, *at, len);
    out[len] = '\0';
    *at = end;
    return ERR_OK;
}

struct parameter {
    char name[PARAMETER_NAME_MAX];
    char value[PARAMETER_VALUE_MAX];
};

/* `; name=value`, *at on the semicolon. An empty parameter leaves name "". */
static enum err parameter_parse(const char **at, struct parameter *out)
{
    const char *p = skip_spaces(*at + 1);

    out->name[0] = '\0';
    out->value[0] = '\0';
    if (*p != '\0' && *p != ';') {
        TRY(token_parse(&p, out->name, sizeof(out->name)));
        p = skip_spaces(p);
        if (*p != '=')
            return err_set(ERR_INVALID, "a parameter without a value");
        p = skip_spaces(p + 1);
        if (*p == '"')
            TRY(quoted_parse(&p, out->value, sizeof(out->value)));
        else
            TRY(token_parse(&p, out->value, sizeof(out->value)));
        p = skip_spaces(p);
    }
    *at = p;
    return ERR_OK;
}

/* UTF-8'language'percent-encoded */
static enum err extended_decode(const char *value, char *out, size_t cap)
{
    const char *text;

    if (strncasecmp(value, "UTF-8'", 6) != 0)
        return err_set(ERR_INVALID, "a filename* that is not UTF-8");
    text = strchr(value + 6, '\'');
    if (text == NULL)
        return err_set(ERR_INVALID, "a malformed filename*");
    text++;
    return percent_decode(text, strlen(text), false, out, cap);
}

static enum err name_take(struct parameter *p, bool extended, bool *have, char *raw, size_t cap)
{
    if (*have)
        return err_set(ERR_INVALID, "%s more than once", p->name);
    *have = true;
    if (extended)
        return extended_decode(p->value, raw, cap);
    assert(strlen(p->value) < cap);
    memcpy(raw, p->value, strlen(p->value) + 1);
    return ERR_OK;
}

enum err field_disposition_filename(const char *value, char *out, size_t cap)
{
    char plain[PARAMETER_VALUE_MAX] = "", wide[PARAMETER_VALUE_MAX] = "";
    bool have_plain = false, have_wide = false;
    struct parameter param;
    const char *p;

    assert(cap > 0);
    out[0] = '\0';
    if (value == NULL)
        return ERR_OK;
    p = skip_spaces(value);
    TRY(token_parse(&p, param.name, sizeof(param.name)));
    p = skip_spaces(p);
    while (*p == ';') {
        TRY(parameter_parse(&p, &param));
        if (strcasecmp(param.name, "filename") == 0)
            TRY(name_take(&param, false, &have_plain, plain, sizeof(plain)));
        else if (strcasecmp(param.name, "filename*") == 0)
            TRY(name_take(&param, true, &have_wide, wide, sizeof(wide)));
    }
    if (*p != '\0')
        return err_set(ERR_INVALID, "a malformed Content-Disposition");
    return field_filename_clean(have_wide ? wide : plain, out, cap);
}

/* What an old client sees: one underscore for every character that could be misread. */
static enum err ascii_fallback(const char *name, char *out, size_t cap)
{
    size_t n = 0;

    for (const char *p = name; *p != '\0'; p++) {
        if (((unsigned char)*p & 0xc0) == 0x80)
            continue;
        if (n + 1 >= cap)
            return err_set(ERR_TOO_LARGE, "a file name that is too long");
        out[n++] = (*p >= 0x20 && *p < 0x7f && strchr("\"\\%/", *p) == NULL) ? *p : '_';
    }
    out[n] = '\0';
    return ERR_OK;
}

enum err field_disposition_write(const char *filename, char *out, size_t cap)
{
    static const char head[] = "attachment; filename=\"", middle[] = "\"; filename*=UTF-8''";
    char *p = out, *end = out + cap;

    assert(utf8_valid(filename, strlen(filename)));
    if (cap <= sizeof(head) + sizeof(middle))
        return err_set(ERR_TOO_LARGE, "no room for a Content-Disposition");
    memcpy(p, head, sizeof(head) - 1);
    p += sizeof(head) - 1;
    TRY(ascii_fallback(filename, p, (size_t)(end - p)));
    p += strlen(p);
    if ((size_t)(end - p) <= sizeof(middle))
        return err_set(ERR_TOO_LARGE, "a file name that is too long");
    memcpy(p, middle, sizeof(middle) - 1);
    p += sizeof(middle) - 1;
    return percent_encode(filename, p, (size_t)(end - p));
}
