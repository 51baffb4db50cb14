/* Why: a request that two parsers understand differently is how bodies become requests. We are
 * the only parser a head passes, so whatever has more than one reading is refused.
 *
 * Invariant: a head that passes has exactly one length, one host, one credential and one media
 * type, and nothing in it can end a line when it is written to a log or to another protocol. */
#include "gateway/http/head_check.h"

#include "gateway/http/chars.h"

#include <string.h>

enum { METHOD_LEN_MAX = 32, LENGTH_DIGITS_MAX = 19 };

/* Fields of which a second one has no meaning, or two meanings. */
static const char *const single_fields[] = {
    "Content-Length",
    "Transfer-Encoding",
    "Host",
    "Authorization",
    "Content-Type",
    "Range",
    "If-Range",
    "Content-Range",
    "Idempotency-Key",
    "X-HTTP-Method-Override",
};

/* What a trailer may not say: framing, routing, authority, the reading of the content (RFC
 * 9110 6.5.1). */
static const char *const head_only_fields[] = {
    "Content-Length",
    "Transfer-Encoding",
    "Host",
    "Authorization",
    "Content-Type",
    "Content-Range",
    "Content-Encoding",
    "Range",
    "If-Range",
    "Idempotency-Key",
    "X-HTTP-Method-Override",
    "Connection",
    "Trailer",
    "TE",
    "Upgrade",
    "Expect",
    "Cookie",
    "Set-Cookie",
    "Cache-Control",
    "Content-Disposition",
    "Proxy-Authorization",
    "DPoP",
    "Forwarded",
};

static enum err name_check(const struct head_field *f)
{
    if (f->name_len == 0)
        return err_set(ERR_INVALID, "a header without a name");
    for (size_t i = 0; i < f->name_len; i++)
        if (!char_is_token(f->name[i]))
            return err_set(ERR_INVALID, "a header name that is not a token");
    return ERR_OK;
}

static enum err value_check(const struct head_field *f)
{
    for (size_t i = 0; i < f->value_len; i++) {
        unsigned char c = (unsigned char)f->value[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return err_set(ERR_INVALID, "a control character in a header value");
    }
    return ERR_OK;
}

static enum err request_line_check(const struct head *h)
{
    size_t len = strlen(h->method);

    if (len == 0 || len > METHOD_LEN_MAX || *skip_token(h->method) != '\0')
        return err_set(ERR_INVALID, "a method that is not a token");
    if (strcmp(h->version, "HTTP/1.1") != 0 && strcmp(h->version, "HTTP/1.0") != 0)
        return err_set(ERR_INVALID, "a protocol version other than HTTP/1.0 and HTTP/1.1");
    for (const char *p = h->target; *p != '\0'; p++)
        if (!char_is_visible(*p) || *p == '#')
            return err_set(ERR_INVALID, "a character in the target that must be encoded");
    if (h->target[0] != '/' &&
        (strcmp(h->target, "*") != 0 || strcmp(h->method, "OPTIONS") != 0))
        return err_set(ERR_INVALID, "a target that does not begin with a slash");
    return ERR_OK;
}

static const struct head_field *field_find(const struct head *h, const char *name,
                                           size_t *count)
{
    const struct head_field *first = NULL;

    *count = 0;
    for (size_t i = 0; i < h->n_fields; i++) {
        if (!text_is(h->fields[i].name, h->fields[i].name_len, name))
            continue;
        if (first == NULL)
            first = &h->fields[i];
        (*count)++;
    }
    return first;
}

static enum err singles_check(const struct head *h)
{
    for (size_t i = 0; i < ARRAY_LEN(single_fields); i++) {
        size_t count;

        (void)field_find(h, single_fields[i], &count);
        if (count > 1)
            return err_set(ERR_INVALID, "%s more than once", single_fields[i]);
    }
    return ERR_OK;
}

static enum err host_check(const struct head *h)
{
    size_t count;
    const struct head_field *host = field_find(h, "Host", &count);

    if (host == NULL)
        return strcmp(h->version, "HTTP/1.1") == 0
                   ? err_set(ERR_INVALID, "HTTP/1.1 without Host")
                   : ERR_OK;
    for (size_t i = 0; i < host->value_len; i++)
        if (!char_is_visible(host->value[i]) || strchr("/\\@,?#\"<>", host->value[i]) != NULL)
            return err_set(ERR_INVALID, "a malformed Host");
    return ERR_OK;
}

static enum err length_parse(const struct head_field *f, int64_t *out)
{
    int64_t length = 0;

    if (f->value_len == 0 || f->value_len > LENGTH_DIGITS_MAX)
        return err_set(ERR_INVALID, "a Content-Length that is not 1 to 19 digits");
    for (size_t i = 0; i < f->value_len; i++) {
        if (!char_is_digit(f->value[i]))
            return err_set(ERR_INVALID, "a Content-Length that is not 1 to 19 digits");
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, f->value[i] - '0', &length))
            return err_set(ERR_INVALID, "a Content-Length out of range");
    }
    *out = length;
    return ERR_OK;
}

static enum err framing_check(const struct head *h, struct head_facts *out)
{
    size_t count;
    const struct head_field *length = field_find(h, "Content-Length", &count);
    const struct head_field *coding = field_find(h, "Transfer-Encoding", &count);

    *out = (struct head_facts){.chunked = false, .content_length = -1};
    if (length != NULL && coding != NULL)
        return err_set(ERR_INVALID, "Content-Length together with Transfer-Encoding");
    if (length != NULL)
        return length_parse(length, &out->content_length);
    if (coding == NULL)
        return ERR_OK;
    if (coding->value_len != strlen("chunked") || memcmp(coding->value, "chunked", 7) != 0)
        return err_set(ERR_INVALID, "a Transfer-Encoding other than chunked");
    if (strcmp(h->version, "HTTP/1.1") != 0)
        return err_set(ERR_INVALID, "Transfer-Encoding on HTTP/1.0");
    out->chunked = true;
    return ERR_OK;
}

enum err head_check(const struct head *h, struct head_facts *out)
{
    assert(h->n_fields <= HEAD_FIELDS_MAX);
    TRY(request_line_check(h));
    for (size_t i = 0; i < h->n_fields; i++) {
        TRY(name_check(&h->fields[i]));
        TRY(value_check(&h->fields[i]));
    }
    TRY(singles_check(h));
    TRY(host_check(h));
    return framing_check(h, out);
}

enum err trailer_check(const struct head_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        TRY(name_check(&fields[i]));
        TRY(value_check(&fields[i]));
        for (size_t k = 0; k < ARRAY_LEN(head_only_fields); k++)
            if (text_is(fields[i].name, fields[i].name_len, head_only_fields[k]))
                return err_set(ERR_INVALID, "%s in a trailer", head_only_fields[k]);
    }
    return ERR_OK;
}

/* Position arithmetic on addresses: a folded header lies elsewhere in the pool, where comparing
 * pointers would not be defined. */
static uintptr_t at(const char *p)
{
    return (uintptr_t)p;
}

static bool field_in_place(const struct head_field *f)
{
    uintptr_t colon = at(f->name) + f->name_len;

    if (at(f->value) <= colon || at(f->value) - colon > HEAD_PADDING_MAX)
        return false;
    for (const char *p = f->name + f->name_len + 1; p < f->value; p++)
        if (!char_is_space(*p))
            return false;
    return true;
}

enum err head_layout_check(const struct head *h, const struct head_place *place)
{
    uintptr_t next;

    if (at(place->target) != at(h->method) + strlen(h->method) + 1 ||
        at(h->version) != at(place->target) + place->target_len + 1)
        return err_set(ERR_INVALID, "a request line with stray characters");
    next = at(h->version) + strlen(h->version) + 2;
    for (size_t i = 0; i < h->n_fields; i++) {
        const struct head_field *f = &h->fields[i];

        if (at(f->name) != next || !field_in_place(f))
            return err_set(ERR_INVALID, "a line that does not end in CRLF, or a folded one");
        next = at(f->value) + f->value_len + 2;
    }
    if (at(h->method) + place->size != next + 2)
        return err_set(ERR_INVALID, "a line that does not end in CRLF, or a folded one");
    return ERR_OK;
}

enum err trailer_layout_check(const struct head_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!field_in_place(&fields[i]))
            return err_set(ERR_INVALID, "a folded trailer");
        if (i > 0 &&
            at(fields[i].name) != at(fields[i - 1].value) + fields[i - 1].value_len + 2)
            return err_set(ERR_INVALID, "a trailer line that does not end in CRLF");
    }
    return ERR_OK;
}
