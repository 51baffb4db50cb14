/* Content-Disposition and Content-Type of a part, and the boundary in the Content-Type of the
 * whole.
 *
 * Values are unescaped where they stand: writing never overtakes reading, for every escape is
 * longer than what it means. Other header fields say nothing that a form needs and are passed
 * over, but for a Content-Transfer-Encoding that would change the bytes (deprecated by RFC 7578
 * 4.7): that one is refused, not ignored. */
#include "gateway/http/multipart_head.h"

#include "gateway/http/chars.h"

static const char form_type[] = "multipart/form-data";

/* ---- parameters ---- */

static char *blanks_skip(char *p)
{
    while (char_is_space(*p))
        p++;
    return p;
}

static char *token_skip(char *p)
{
    while (char_is_token(*p))
        p++;
    return p;
}

/* The three escapes of a browser, 0 for anything else. */
static char browser_escape(const char *p)
{
    if (strncmp(p, "%22", 3) == 0)
        return '"';
    if (strncmp(p, "%0D", 3) == 0)
        return '\r';
    return strncmp(p, "%0A", 3) == 0 ? '\n' : '\0';
}

/* *at on the opening quote; behind the closing one afterwards. */
static enum err quoted_value(char **at, char **out)
{
    char *from = *at + 1, *to = from;

    *out = to;
    while (*from != '"') {
        char meant = browser_escape(from);

        if (*from == '\0')
            return err_set(ERR_INVALID, "a quoted name that does not end");
        if (meant != '\0') {
            *to++ = meant;
            from += 3;
            continue;
        }
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from++;
    }
    *to = '\0';
    *at = from + 1;
    return ERR_OK;
}

/* *at on the value, behind its '=', which makes room for the terminator. */
static enum err token_value(char **at, char **out)
{
    char *from = *at, *end = token_skip(from);
    size_t len = (size_t)(end - from);

    if (len == 0)
        return err_set(ERR_INVALID, "a parameter without a value");
    memmove(from - 1, from, len);
    from[len - 1] = '\0';
    *out = from - 1;
    *at = end;
    return ERR_OK;
}

struct parameter {
    const char *name;
    size_t name_len; /* 0: nothing stood between two semicolons */
    char *value;
};

/* `; name=value`, *at on the semicolon; on the next one or the end afterwards. */
static enum err parameter_next(char **at, struct parameter *out)
{
    char *p = blanks_skip(*at + 1);

    *out = (struct parameter){.name = p};
    if (*p != '\0' && *p != ';') {
        p = token_skip(p);
        out->name_len = (size_t)(p - out->name);
        if (out->name_len == 0 || *p++ != '=')
            return err_set(ERR_INVALID, "a malformed parameter");
        if (*p == '"')
            TRY(quoted_value(&p, &out->value));
        else
            TRY(token_value(&p, &out->value));
        p = blanks_skip(p);
    }
    if (*p != '\0' && *p != ';')
        return err_set(ERR_INVALID, "text behind a parameter");
    *at = p;
    return ERR_OK;
}

static bool parameter_is(const struct parameter *p, const char *name)
{
    return text_is(p->name, p->name_len, name);
}

/* ---- the head of a part ---- */

static enum err take_once(const char **out, const char *value, const char *what)
{
    if (*out != NULL)
        return err_set(ERR_INVALID, "a part that states its %s twice", what);
    *out = value;
    return ERR_OK;
}

static enum err disposition_parse(char *value, struct multipart_part *out)
{
    char *at = token_skip(value);

    if (!text_is(value, (size_t)(at - value), "form-data"))
        return err_set(ERR_INVALID, "a part that is not form-data");
    at = blanks_skip(at);
    if (*at != '\0' && *at != ';')
        return err_set(ERR_INVALID, "a malformed Content-Disposition");
    while (*at == ';') {
        struct parameter p;

        TRY(parameter_next(&at, &p));
        if (parameter_is(&p, "name"))
            TRY(take_once(&out->name, p.value, "name"));
        else if (parameter_is(&p, "filename"))
            TRY(take_once(&out->filename, p.value, "file name"));
    }
    return out->name != NULL ? ERR_OK : err_set(ERR_INVALID, "a part without a name");
}

static enum err content_type_check(const char *value)
{
    return strncasecmp(value, "multipart/", 10) == 0
               ? err_set(ERR_INVALID,
                         "a multipart body inside a form: send each file by itself")
               : ERR_OK;
}

static enum err transfer_check(const char *value)
{
    return strcasecmp(value, "binary") == 0 || strcasecmp(value, "8bit") == 0 ||
                   strcasecmp(value, "7bit") == 0
               ? ERR_OK
               : err_set(ERR_INVALID, "a part with a Content-Transfer-Encoding");
}

struct seen {
    const char *disposition, *transfer;
};

/* One line without its CRLF, NUL-terminated. */
static enum err line_parse(char *line, struct seen *seen, struct multipart_part *out)
{
    char *name_end = token_skip(line), *value = blanks_skip(name_end + (*name_end == ':'));
    size_t name_len = (size_t)(name_end - line);

    if (name_len == 0 || *name_end != ':')
        return err_set(ERR_INVALID, "a malformed header line of a part");
    for (char *end = value + strlen(value); end > value && char_is_space(end[-1]); end--)
        end[-1] = '\0';
    if (text_is(line, name_len, "Content-Disposition")) {
        TRY(take_once(&seen->disposition, value, "Content-Disposition"));
        return disposition_parse(value, out);
    }
    if (text_is(line, name_len, "Content-Type")) {
        TRY(take_once(&out->content_type, value, "Content-Type"));
        return content_type_check(value);
    }
    if (text_is(line, name_len, "Content-Transfer-Encoding")) {
        TRY(take_once(&seen->transfer, value, "Content-Transfer-Encoding"));
        return transfer_check(value);
    }
    return ERR_OK;
}

static enum err octets_check(const char *head, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)head[i];
        bool line_end = c == '\r' ? head[i + 1] == '\n' : c == '\n' && i > 0;

        if ((c < 0x20 && c != '\t' && !line_end) || c == 0x7f)
            return err_set(ERR_INVALID, "a part's header with a control character");
    }
    return ERR_OK;
}

enum err multipart_head_parse(char *head, size_t len, struct multipart_part *out)
{
    struct seen seen = {.disposition = NULL};
    char *line = head;

    *out = (struct multipart_part){.name = NULL};
    assert(head[len] == '\0');
    TRY(octets_check(head, len));
    while (*line != '\0') {
        char *end = strstr(line, "\r\n");

        assert(end != NULL && "whole lines");
        *end = '\0';
        TRY(line_parse(line, &seen, out));
        line = end + 2;
    }
    return seen.disposition != NULL
               ? ERR_OK
               : err_set(ERR_INVALID, "a part without Content-Disposition");
}

/* ---- the whole body's Content-Type ---- */

bool multipart_is_form(const char *content_type)
{
    const char *start, *end;

    if (content_type == NULL)
        return false;
    start = skip_spaces(content_type);
    end = skip_token(start);
    if (*end != '/')
        return false;
    end = skip_token(end + 1);
    return text_is(start, (size_t)(end - start), form_type);
}

static bool is_boundary_char(char c)
{
    return char_is_digit(c) || char_is_alpha(c) ||
           (c != '\0' && strchr("'()+_,-./:=? ", c) != NULL);
}

static enum err boundary_take(const char *value, char out[MULTIPART_BOUNDARY_MAX + 1])
{
    size_t len = strlen(value);

    if (out[0] != '\0')
        return err_set(ERR_INVALID, "a form with two boundaries");
    if (len == 0 || len > MULTIPART_BOUNDARY_MAX || value[len - 1] == ' ')
        return err_set(ERR_INVALID, "a boundary must be 1 to %d characters",
                       MULTIPART_BOUNDARY_MAX);
    for (size_t i = 0; i < len; i++)
        if (!is_boundary_char(value[i]))
            return err_set(ERR_INVALID, "a boundary with a character that it cannot have");
    memcpy(out, value, len + 1);
    return ERR_OK;
}

enum { FORM_TYPE_MAX = 512 };

enum err multipart_boundary(const char *content_type, char out[MULTIPART_BOUNDARY_MAX + 1])
{
    char copy[FORM_TYPE_MAX], *at;
    size_t len = strlen(content_type);

    out[0] = '\0';
    if (!multipart_is_form(content_type) || len >= sizeof(copy))
        return err_set(ERR_INVALID, "not a form's Content-Type");
    memcpy(copy, content_type, len + 1);
    at = token_skip(blanks_skip(copy));
    at = blanks_skip(token_skip(at + 1));
    while (*at == ';') {
        struct parameter p;

        TRY(parameter_next(&at, &p));
        if (parameter_is(&p, "boundary"))
            TRY(boundary_take(p.value, out));
    }
    if (*at != '\0')
        return err_set(ERR_INVALID, "not a form's Content-Type");
    return out[0] != '\0' ? ERR_OK
                          : err_set(ERR_INVALID, "a form's Content-Type needs a boundary");
}
