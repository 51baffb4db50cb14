/* The stream of a form: where its parts begin and end. What stands in a part's head is read in
 * multipart_head.c.
 *
 *     body      = [preamble CRLF] "--" boundary line *part close
 *     part      = head CRLF octets CRLF "--" boundary line
 *     line      = *blank CRLF          close = "--" *blank [CRLF epilogue]
 *
 *     PREAMBLE --delimiter--> AFTER --CRLF--> HEAD --empty line--> DATA --delimiter--> AFTER
 *                               \----"--"----> CLOSED --CRLF--> EPILOGUE
 *
 * Invariants: the delimiter is CRLF "--" boundary and holds one CR, its first byte. So a match
 * that fails can begin anew only at the byte that failed, and what was held back is a beginning
 * of the delimiter itself: `matched` is all the look-behind there is. The first boundary may
 * stand at the very start: there the CRLF counts as matched already. */
#include "gateway/http/chars.h"
#include "gateway/http/multipart_head.h"

#include <stdint.h>
#include <stdlib.h>

enum state {
    AT_PREAMBLE,
    AT_AFTER,   /* behind a delimiter, nothing else yet */
    AT_PADDING, /* blanks behind it */
    AT_LINE_END,
    AT_CLOSING, /* its first '-' */
    AT_HEAD,
    AT_DATA,
    AT_CLOSED,
    AT_CLOSED_END,
    AT_EPILOGUE,
    AT_FAILED,
};

struct multipart {
    struct multipart_sink sink;
    enum state state;
    char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1];
    size_t delimiter_len, matched;
    size_t n_parts, aside, padding;
    bool in_part; /* its end has not been told */
    enum multipart_as as;
    struct multipart_part part; /* points into head */
    char head[MULTIPART_HEAD_MAX + 1], field[MULTIPART_FIELD_MAX + 1];
    size_t head_len, field_len;
};

enum err multipart_new(const char *boundary, const struct multipart_sink *sink,
                       struct multipart **out)
{
    struct multipart *m = calloc(1, sizeof(*m));
    size_t len = strlen(boundary);

    assert(len >= 1 && len <= MULTIPART_BOUNDARY_MAX && strpbrk(boundary, "\r\n") == NULL);
    if (m == NULL)
        return err_set(ERR_NOMEM, "a form");
    m->sink = *sink;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, len + 1);
    m->delimiter_len = 4 + len;
    m->matched = 2;
    m->state = AT_PREAMBLE;
    *out = m;
    return ERR_OK;
}

void multipart_free(struct multipart *m)
{
    free(m);
}

/* ---- parts ---- */

static enum err aside_count(struct multipart *m, size_t len)
{
    m->aside += len;
    return m->aside > MULTIPART_ASIDE_MAX
               ? err_set(ERR_TOO_LARGE, "more than %d bytes outside the form's parts",
                         MULTIPART_ASIDE_MAX)
               : ERR_OK;
}

static enum err field_add(struct multipart *m, const void *data, size_t len)
{
    if (len > MULTIPART_FIELD_MAX - m->field_len)
        return err_set(ERR_TOO_LARGE, "a form's field of more than %d bytes",
                       MULTIPART_FIELD_MAX);
    memcpy(m->field + m->field_len, data, len);
    m->field_len += len;
    return ERR_OK;
}

/* Bytes that turned out not to be part of a delimiter. */
static enum err give(struct multipart *m, const void *data, size_t len)
{
    if (len == 0)
        return ERR_OK;
    if (m->state == AT_PREAMBLE)
        return aside_count(m, len);
    return m->as == MULTIPART_FIELD ? field_add(m, data, len)
                                    : m->sink.data(m->sink.ctx, data, len);
}

static enum err part_end(struct multipart *m)
{
    if (!m->in_part)
        return ERR_OK;
    m->in_part = false;
    if (m->as == MULTIPART_FILE)
        return m->sink.end(m->sink.ctx);
    if (memchr(m->field, '\0', m->field_len) != NULL)
        return err_set(ERR_INVALID, "a form's field with a NUL");
    m->field[m->field_len] = '\0';
    return m->sink.field(m->sink.ctx, m->part.name, m->field);
}

static enum err head_begin(struct multipart *m)
{
    TRY(part_end(m));
    if (m->n_parts == MULTIPART_PARTS_MAX)
        return err_set(ERR_TOO_LARGE, "a form of more than %d parts", MULTIPART_PARTS_MAX);
    m->n_parts++;
    m->head_len = 0;
    m->state = AT_HEAD;
    return ERR_OK;
}

static enum err data_begin(struct multipart *m)
{
    m->head[m->head_len - 2] = '\0'; /* without the empty line */
    TRY(multipart_head_parse(m->head, m->head_len - 2, &m->part));
    m->as = MULTIPART_FIELD;
    TRY(m->sink.begin(m->sink.ctx, &m->part, &m->as));
    m->in_part = true;
    m->field_len = 0;
    m->matched = 0;
    m->state = AT_DATA;
    return ERR_OK;
}

/* ---- one byte at a time, where there are few ---- */

static enum err after_byte(struct multipart *m, char c)
{
    if (c == '\r')
        m->state = AT_LINE_END;
    else if (c == '-' && m->state == AT_AFTER)
        m->state = AT_CLOSING;
    else if (char_is_space(c) && m->padding < MULTIPART_PADDING_MAX)
        m->state = AT_PADDING, m->padding++;
    else
        return err_set(ERR_INVALID, "a boundary that does not end its line");
    return ERR_OK;
}

static enum err line_end_byte(struct multipart *m, char c)
{
    return c == '\n' ? head_begin(m) : err_set(ERR_INVALID, "a line that ends in a bare CR");
}

static enum err closing_byte(struct multipart *m, char c)
{
    if (c != '-')
        return err_set(ERR_INVALID, "a boundary that does not end its line");
    m->padding = 0;
    m->aside = 0;
    m->state = AT_CLOSED;
    return part_end(m);
}

static enum err closed_byte(struct multipart *m, char c)
{
    if (m->state == AT_CLOSED_END && c == '\n')
        m->state = AT_EPILOGUE;
    else if (m->state == AT_CLOSED && c == '\r')
        m->state = AT_CLOSED_END;
    else if (m->state == AT_CLOSED && char_is_space(c) && m->padding < MULTIPART_PADDING_MAX)
        m->padding++;
    else
        return err_set(ERR_INVALID, "a last boundary that does not end its line");
    return ERR_OK;
}

static enum err head_byte(struct multipart *m, char c)
{
    size_t n = m->head_len;

    if (n == MULTIPART_HEAD_MAX)
        return err_set(ERR_TOO_LARGE, "a part's header of more than %d bytes",
                       MULTIPART_HEAD_MAX);
    if (c == '\n' && (n == 0 || m->head[n - 1] != '\r'))
        return err_set(ERR_INVALID, "a header line that ends in a bare LF");
    m->head[m->head_len++] = c;
    n++;
    if (c == '\n' && (n == 2 || m->head[n - 3] == '\n'))
        return data_begin(m);
    return ERR_OK;
}

static enum err one_byte(struct multipart *m, char c)
{
    switch (m->state) {
    case AT_AFTER:
    case AT_PADDING:
        return after_byte(m, c);
    case AT_LINE_END:
        return line_end_byte(m, c);
    case AT_CLOSING:
        return closing_byte(m, c);
    case AT_CLOSED:
    case AT_CLOSED_END:
        return closed_byte(m, c);
    case AT_HEAD:
        return head_byte(m, c);
    case AT_PREAMBLE:
    case AT_DATA:
    case AT_EPILOGUE:
    case AT_FAILED:
        break;
    }
    assert(!"a state whose bytes come in runs");
    return err_set(ERR_INTERNAL, "a form's state");
}

/* ---- runs ---- */

/* How much of the delimiter the end of a run already is. */
static size_t tail_match(const struct multipart *m, const char *data, size_t len)
{
    size_t window = len < m->delimiter_len - 1 ? len : m->delimiter_len - 1;
    const char *cr = memrchr(data + len - window, '\r', window);
    size_t tail = cr != NULL ? (size_t)(data + len - cr) : 0;

    return tail > 0 && memcmp(cr, m->delimiter, tail) == 0 ? tail : 0;
}

/* Goes on with a delimiter that an earlier run began. */
static enum err match_on(struct multipart *m, const char *data, size_t len, size_t *used)
{
    while (m->matched > 0 && m->matched < m->delimiter_len && *used < len) {
        if (data[*used] == m->delimiter[m->matched]) {
            m->matched++;
            (*used)++;
        } else {
            size_t held = m->matched;

            m->matched = 0;
            TRY(give(m, m->delimiter, held));
        }
    }
    return ERR_OK;
}

static void delimiter_found(struct multipart *m)
{
    m->matched = 0;
    m->padding = 0;
    m->state = AT_AFTER;
}

/* In the preamble or in a part's octets: up to and with the next delimiter. */
static enum err run(struct multipart *m, const char *data, size_t len, size_t *used)
{
    const char *found;
    size_t left, keep;

    TRY(match_on(m, data, len, used));
    data += *used;
    left = len - *used;
    if (m->matched == m->delimiter_len) {
        delimiter_found(m);
        return ERR_OK;
    }
    if (left == 0)
        return ERR_OK;
    found = memmem(data, left, m->delimiter, m->delimiter_len);
    if (found != NULL) {
        TRY(give(m, data, (size_t)(found - data)));
        *used += (size_t)(found - data) + m->delimiter_len;
        delimiter_found(m);
        return ERR_OK;
    }
    keep = tail_match(m, data, left);
    TRY(give(m, data, left - keep));
    m->matched = keep;
    *used = len;
    return ERR_OK;
}

static enum err step(struct multipart *m, const char *data, size_t len, size_t *used)
{
    assert(m->state != AT_FAILED && "nothing is pushed behind an error");
    if (m->state == AT_PREAMBLE || m->state == AT_DATA)
        return run(m, data, len, used);
    if (m->state == AT_EPILOGUE) {
        *used = len;
        return aside_count(m, len);
    }
    *used = 1;
    return one_byte(m, data[0]);
}

enum err multipart_push(struct multipart *m, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        size_t used = 0;
        enum err e = step(m, p, len, &used);

        if (e != ERR_OK) {
            m->state = AT_FAILED;
            return e;
        }
        p += used;
        len -= used;
    }
    return ERR_OK;
}

enum err multipart_finish(const struct multipart *m)
{
    assert(m->state != AT_FAILED && "a failed form is not finished");
    if (m->state == AT_CLOSED || m->state == AT_EPILOGUE)
        return ERR_OK;
    return m->n_parts == 0 && m->state == AT_PREAMBLE
               ? err_set(ERR_INVALID, "a form in which its boundary does not come")
               : err_set(ERR_INVALID, "a form that breaks off before its last boundary");
}
