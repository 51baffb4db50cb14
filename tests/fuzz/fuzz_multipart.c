/* layer: eg_http */
/* A Content-Type up to the first newline, then a form's body. However the body is cut, the sink
 * is told the same and the same is refused; what it is told keeps the promises of multipart.h;
 * and no octets come out that did not go in. */
#include "gateway/base/buf.h"
#include "gateway/http/fields.h"
#include "gateway/http/multipart.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct buf text;
    size_t octets, n_parts;
    bool open; /* a file's end is outstanding */
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void add(struct told *t, const char *mark, const void *data, size_t len)
{
    must(buf_append_str(&t->text, mark) == ERR_OK && buf_append(&t->text, data, len) == ERR_OK);
}

static enum err part_begin(void *ctx, const struct multipart_part *part, enum multipart_as *as)
{
    struct told *t = ctx;
    char clean[FIELD_NAME_MAX + 1];

    must(!t->open && part->name != NULL && ++t->n_parts <= MULTIPART_PARTS_MAX);
    must(strlen(part->name) < MULTIPART_HEAD_MAX);
    add(t, "\nname ", part->name, strlen(part->name));
    if (part->content_type != NULL)
        add(t, "\ntype ", part->content_type, strlen(part->content_type));
    if (part->filename != NULL) {
        add(t, "\nfile ", part->filename, strlen(part->filename));
        if (field_filename_clean(part->filename, clean, sizeof(clean)) == ERR_OK)
            must(strpbrk(clean, "/\\\r\n") == NULL);
    }
    *as = part->filename != NULL ? MULTIPART_FILE : MULTIPART_FIELD;
    t->open = *as == MULTIPART_FILE;
    if (t->open)
        add(t, "\ndata ", "", 0);
    return ERR_OK;
}

static enum err field(void *ctx, const char *name, const char *value)
{
    struct told *t = ctx;

    must(!t->open && strlen(value) <= MULTIPART_FIELD_MAX);
    add(t, "\nfield ", name, strlen(name));
    add(t, "\nvalue ", value, strlen(value));
    t->octets += strlen(value);
    return ERR_OK;
}

static enum err part_data(void *ctx, const void *data, size_t len)
{
    struct told *t = ctx;

    must(t->open && len > 0);
    add(t, "", data, len);
    t->octets += len;
    return ERR_OK;
}

static enum err part_end(void *ctx)
{
    struct told *t = ctx;

    must(t->open);
    t->open = false;
    add(t, "\nend", "", 0);
    return ERR_OK;
}

/* Pieces of `step` bytes; 0: of changing lengths that the input decides. */
static enum err parse(const char *boundary, const uint8_t *data, size_t size, size_t step,
                      struct told *t)
{
    const struct multipart_sink sink = {part_begin, field, part_data, part_end, t};
    AUTO(multipart_free) struct multipart *m = NULL;
    uint32_t dice = (uint32_t)size * 2654435761u + 1;

    must(multipart_new(boundary, &sink, &m) == ERR_OK);
    for (size_t at = 0, n; at < size; at += n) {
        uint8_t *piece;
        enum err e;

        dice = dice * 1664525u + 1013904223u + data[at];
        n = step > 0 ? step : 1 + (dice >> 16) % 47;
        n = n < size - at ? n : size - at;
        piece = malloc(n);
        must(piece != NULL);
        memcpy(piece, data + at, n);
        e = multipart_push(m, piece, n);
        free(piece);
        TRY(e);
    }
    return multipart_finish(m);
}

static void body_try(const char *boundary, const uint8_t *data, size_t size)
{
    const size_t steps[] = {size > 0 ? size : 1, 1, 2, 3, 7, 0};
    struct told first = {.n_parts = 0};
    struct err_info why = {.code = ERR_OK};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct told t = {.n_parts = 0};
        enum err e;

        buf_init(&t.text, 4 * size + 65536);
        e = parse(boundary, data, size, steps[i], &t);
        must(e == ERR_OK || e == ERR_INVALID || e == ERR_TOO_LARGE);
        must(t.octets <= size && (e != ERR_OK || !t.open));
        if (i == 0) {
            err_save(e, &why);
            first = t;
            continue;
        }
        must(e == why.code && strcmp(err_message(e), why.message) == 0);
        must(t.n_parts == first.n_parts && t.open == first.open);
        /* octets of a part that failed may have come in part */
        if (e == ERR_OK)
            must(t.text.len == first.text.len &&
                 (t.text.len == 0 || memcmp(t.text.data, first.text.data, t.text.len) == 0));
        buf_clear(&t.text);
    }
    buf_clear(&first.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    char type[1024], boundary[MULTIPART_BOUNDARY_MAX + 1];
    size_t len = line != NULL ? (size_t)(line - data) : 0;

    if (line == NULL || len >= sizeof(type) || memchr(data, '\0', len) != NULL)
        return 0;
    memcpy(type, data, len);
    type[len] = '\0';
    if (multipart_boundary(type, boundary) != ERR_OK)
        return 0;
    must(multipart_is_form(type));
    must(strlen(boundary) >= 1 && strpbrk(boundary, "\r\n\t\"\\;") == NULL);
    body_try(boundary, line + 1, size - len - 1);
    return 0;
}
