/* The text of an age header, parsed strictly.
 *
 *     header  = "age-encryption.org/v1" LF 1*stanza "--- " 43base64 LF
 *     stanza  = "-> " argument *(SP argument) LF *(64base64 LF) *63base64 LF
 *     argument = 1*VCHAR
 *
 * What is read here came from the database or from a stranger's file: every refusal is
 * ERR_CORRUPT. The text is kept twice: as it came, which the MAC covers, and cut into
 * NUL-terminated arguments.
 */
#include "crypto/age_header.h"

#include "gateway/base/encode.h"

#include <stdlib.h>
#include <string.h>

enum {
    BODY_COLUMNS = 64,
    BODY_LINE_BYTES = BODY_COLUMNS / 4 * 3,
    MAC_TEXT_SIZE = 43,
};

static const char version_line[] = "age-encryption.org/v1";
static const char stanza_mark[] = "-> ";
static const char mac_mark[] = "---";

struct cursor {
    char *at; /* in the copy that is cut up */
    char *end;
};

static MUST_USE enum err corrupt(const char *what)
{
    return err_set(ERR_CORRUPT, "age header: %s", what);
}

/* The next line, its newline replaced by a NUL. */
static MUST_USE enum err next_line(struct cursor *c, char **line, size_t *len)
{
    char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));

    if (newline == NULL)
        return corrupt("cut off, or too long");
    *newline = '\0';
    *line = c->at;
    *len = (size_t)(newline - c->at);
    c->at = newline + 1;
    return ERR_OK;
}

static bool starts_with(const struct cursor *c, const char *mark)
{
    size_t len = strlen(mark);

    return (size_t)(c->end - c->at) >= len && memcmp(c->at, mark, len) == 0;
}

static bool all_visible(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e)
            return false;
    }
    return len > 0;
}

static MUST_USE enum err parse_args(char *line, size_t len, struct age_stanza *out)
{
    char *end = line + len;

    for (char *at = line + strlen(stanza_mark);; at++) {
        char *space = memchr(at, ' ', (size_t)(end - at));
        char *stop = space != NULL ? space : end;

        if (!all_visible(at, (size_t)(stop - at)))
            return corrupt("an empty or unprintable argument");
        if (out->n_args == AGE_STANZA_ARGS_MAX)
            return corrupt("too many arguments");
        *stop = '\0';
        out->args[out->n_args++] = at;
        if (space == NULL)
            return ERR_OK;
        at = space;
    }
}

static MUST_USE enum err add_body_line(struct age_stanza *out, const char *line, size_t len)
{
    uint8_t bytes[BODY_LINE_BYTES];
    size_t n = 0;

    if (len > BODY_COLUMNS)
        return corrupt("a body line of more than 64 columns");
    if (base64_decode(BASE64_STANDARD_UNPADDED, line, len, bytes, sizeof(bytes), &n) != ERR_OK)
        return corrupt("a body that is not canonical base64");
    if (out->body_len + n > AGE_STANZA_BODY_MAX)
        return corrupt("a body that is too long");
    if (out->body_len + n <= sizeof(out->body))
        memcpy(out->body + out->body_len, bytes, n);
    out->body_len += n;
    return ERR_OK;
}

static MUST_USE enum err parse_stanza(struct cursor *c, struct age_stanza *out)
{
    char *line = NULL;
    size_t len = 0;

    TRY(next_line(c, &line, &len));
    TRY(parse_args(line, len, out));
    do {
        TRY(next_line(c, &line, &len));
        TRY(add_body_line(out, line, len));
    } while (len == BODY_COLUMNS);
    return ERR_OK;
}

static MUST_USE enum err parse_mac(struct cursor *c, uint8_t mac[32])
{
    size_t mark = strlen(mac_mark), len = 0, n = 0;
    char *line = NULL;

    TRY(next_line(c, &line, &len));
    if (len != mark + 1 + MAC_TEXT_SIZE || line[mark] != ' ')
        return corrupt("a MAC line of a wrong form");
    if (base64_decode(BASE64_STANDARD_UNPADDED, line + mark + 1, MAC_TEXT_SIZE, mac, 32, &n) !=
            ERR_OK ||
        n != 32)
        return corrupt("a MAC that is not canonical base64");
    return ERR_OK;
}

static MUST_USE enum err parse_version(struct cursor *c)
{
    char *line = NULL;
    size_t len = 0;

    TRY(next_line(c, &line, &len));
    if (len != sizeof(version_line) - 1 || memcmp(line, version_line, len) != 0)
        return corrupt("not age version 1");
    return ERR_OK;
}

static MUST_USE enum err parse_all(struct cursor *c, const char *begin, struct age_header *h)
{
    TRY(parse_version(c));
    while (starts_with(c, stanza_mark)) {
        if (h->n_stanzas == AGE_STANZAS_MAX)
            return corrupt("too many stanzas");
        TRY(parse_stanza(c, &h->stanzas[h->n_stanzas]));
        h->n_stanzas++;
    }
    if (h->n_stanzas == 0 || !starts_with(c, mac_mark))
        return corrupt("neither a stanza nor a MAC where one must be");
    h->maced_len = (size_t)(c->at - begin) + strlen(mac_mark);
    TRY(parse_mac(c, h->mac));
    h->header_len = (size_t)(c->at - begin);
    return ERR_OK;
}

enum err age_header_parse(const void *data, size_t len, struct age_header *out)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    size_t kept = len < AGE_HEADER_MAX ? len : AGE_HEADER_MAX;
    struct cursor c;

    if (kept == 0)
        return corrupt("empty");
    h.text = malloc(2 * kept);
    if (h.text == NULL)
        return ERR_NOMEM;
    memcpy(h.text, data, kept);
    memcpy(h.text + kept, data, kept);
    c = (struct cursor){.at = h.text + kept, .end = h.text + 2 * kept};
    TRY(parse_all(&c, h.text + kept, &h));
    *out = h;
    h.text = NULL; /* handed over */
    return ERR_OK;
}

void age_header_clear(struct age_header *h)
{
    free(h->text);
    *h = (struct age_header){0};
}
