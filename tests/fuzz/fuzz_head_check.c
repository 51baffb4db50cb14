/* layer: eg_http */
/* A head as bytes, split as a lenient library would: what head_check lets through must hold
 * what its header promises, and head_layout_check must not read outside the bytes. The target
 * of an accepted head goes on to target_parse. */
#include "gateway/http/head_check.h"
#include "gateway/http/target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const struct head *h, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n_fields; i++)
        n += strcasecmp(h->fields[i].name, name) == 0;
    return n;
}

static void promises_hold(const struct head *h, const struct head_facts *facts)
{
    assert(count(h, "Content-Length") + count(h, "Transfer-Encoding") <= 1);
    assert(count(h, "Host") <= 1 && count(h, "Authorization") <= 1);
    assert(facts->chunked == (count(h, "Transfer-Encoding") == 1));
    assert((facts->content_length >= 0) == (count(h, "Content-Length") == 1));
    for (size_t i = 0; i < h->n_fields; i++)
        assert(strpbrk(h->fields[i].value, "\r\n") == NULL);
    assert(strpbrk(h->target, "\r\n ") == NULL);
}

static void target_try(const char *raw)
{
    struct target t;

    if (target_parse(raw, &t) == ERR_OK)
        for (size_t i = 0; i < t.n_segments; i++)
            assert(strcmp(t.segments[i], "..") != 0 && strpbrk(t.segments[i], "\r\n") == NULL);
    target_clear(&t);
}

/* Cuts one line off *p; every CRLF, LF and NUL ends one. */
static char *line_cut(char **p, char *end)
{
    char *line = *p, *stop = line;

    if (line >= end)
        return NULL;
    while (stop < end && *stop != '\n' && *stop != '\0')
        stop++;
    *p = stop + 1;
    if (stop < end)
        *stop = '\0';
    if (stop > line && stop[-1] == '\r')
        stop[-1] = '\0';
    return line;
}

static void fields_cut(struct head *h, char *p, char *end)
{
    char *line;

    while ((line = line_cut(&p, end)) != NULL && *line != '\0' &&
           h->n_fields < HEAD_FIELDS_MAX) {
        char *colon = strchr(line, ':');
        struct head_field *f = &h->fields[h->n_fields];

        if (colon == NULL)
            continue;
        *colon++ = '\0';
        colon += strspn(colon, " \t");
        *f = (struct head_field){
            .name = line, .name_len = strlen(line), .value = colon, .value_len = strlen(colon)};
        h->n_fields++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = malloc(size + 1);
    AUTO_FREE struct head *h = calloc(1, sizeof(*h));
    struct head_facts facts;
    struct head_place place;
    char *p = text, *line;

    assert(text != NULL && h != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    line = line_cut(&p, text + size);
    if (line == NULL)
        return 0;
    h->method = line;
    h->target = strchr(line, ' ');
    h->version = strrchr(line, ' ');
    if (h->target == NULL || h->target == h->version)
        return 0;
    *strrchr(line, ' ') = '\0';
    *strchr(line, ' ') = '\0';
    h->target++;
    h->version++;
    fields_cut(h, p, text + size);
    if (head_check(h, &facts) == ERR_OK) {
        promises_hold(h, &facts);
        target_try(h->target);
    }
    place =
        (struct head_place){.target = h->target, .target_len = strlen(h->target), .size = size};
    if (head_layout_check(h, &place) == ERR_OK)
        assert(h->n_fields == 0 || h->fields[0].name > h->version);
    if (trailer_check(h->fields, h->n_fields) == ERR_OK)
        assert(count(h, "Authorization") == 0);
    return 0;
}
