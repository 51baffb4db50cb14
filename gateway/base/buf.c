/* Bounded buffers and the reader of our own byte formats.
 *
 * Invariants of a buf: len <= max; data is NULL (then cap and len are 0) or holds cap bytes
 * with cap > len and data[len] == 0. A failed append leaves the content as it was. With `wipe`
 * set no byte of content is given back to the heap uncleansed: it grows by copy, never by
 * realloc. */
#include "gateway/base/buf.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 64 };

void buf_init(struct buf *b, size_t max)
{
    assert(max < SIZE_MAX / 2);
    *b = (struct buf){.max = max};
}

void buf_init_secret(struct buf *b, size_t max)
{
    buf_init(b, max);
    b->wipe = true;
}

void buf_clear(struct buf *b)
{
    if (b->data != NULL && b->wipe)
        sodium_memzero(b->data, b->cap);
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void buf_reset(struct buf *b)
{
    if (b->data == NULL)
        return;
    if (b->wipe)
        sodium_memzero(b->data, b->cap);
    b->len = 0;
    b->data[0] = 0;
}

static uint8_t *move_secret(struct buf *b, size_t cap)
{
    uint8_t *grown = malloc(cap);

    if (grown == NULL || b->data == NULL)
        return grown;
    memcpy(grown, b->data, b->len);
    sodium_memzero(b->data, b->cap);
    free(b->data);
    return grown;
}

/* Makes room for `more` bytes and the terminator. */
static MUST_USE enum err reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
    uint8_t *grown;

    assert(b->len <= b->max);
    if (more > b->max - b->len)
        return err_set(ERR_TOO_LARGE, "more than %zu bytes", b->max);
    if (b->data != NULL && b->len + more < b->cap)
        return ERR_OK;
    while (cap <= b->len + more)
        cap *= 2; /* max < SIZE_MAX / 2, so this cannot wrap before it is enough */
    if (cap > b->max + 1)
        cap = b->max + 1;
    grown = b->wipe ? move_secret(b, cap) : realloc(b->data, cap);
    if (grown == NULL)
        return ERR_NOMEM;
    b->data = grown;
    b->cap = cap;
    b->data[b->len] = 0;
    return ERR_OK;
}

enum err buf_append(struct buf *b, const void *data, size_t len)
{
    TRY(reserve(b, len));
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
    return ERR_OK;
}

enum err buf_append_str(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

enum err buf_append_byte(struct buf *b, uint8_t byte)
{
    return buf_append(b, &byte, 1);
}

static MUST_USE PRINTF_LIKE(2, 0) enum err
    append_format(struct buf *b, const char *fmt, va_list measure, va_list args)
{
    int len = vsnprintf(NULL, 0, fmt, measure);

    if (len < 0)
        return err_set(ERR_INVALID, "a format could not be written");
    TRY(reserve(b, (size_t)len));
    len = vsnprintf((char *)b->data + b->len, b->cap - b->len, fmt, args);
    assert(len >= 0 && (size_t)len < b->cap - b->len);
    b->len += (size_t)len;
    return ERR_OK;
}

enum err buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list measure, args;
    enum err e;

    va_start(measure, fmt);
    va_start(args, fmt);
    e = append_format(b, fmt, measure, args);
    va_end(args);
    va_end(measure);
    return e;
}

static MUST_USE enum err append_number(struct buf *b, uint64_t v, size_t width)
{
    uint8_t bytes[8];

    assert(width <= sizeof(bytes));
    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
    return buf_append(b, bytes, width);
}

enum err buf_append_u16(struct buf *b, uint16_t v)
{
    return append_number(b, v, sizeof(v));
}

enum err buf_append_u32(struct buf *b, uint32_t v)
{
    return append_number(b, v, sizeof(v));
}

enum err buf_append_u64(struct buf *b, uint64_t v)
{
    return append_number(b, v, sizeof(v));
}

enum err buf_append_blob(struct buf *b, const void *data, size_t len)
{
    if (len > UINT32_MAX)
        return err_set(ERR_TOO_LARGE, "a byte string of more than 32 bits of length");
    if (len > SIZE_MAX - sizeof(uint32_t))
        return ERR_TOO_LARGE;
    TRY(reserve(b, len + sizeof(uint32_t))); /* all or nothing */
    TRY(buf_append_u32(b, (uint32_t)len));
    return buf_append(b, data, len);
}

const char *buf_text(const struct buf *b)
{
    return b->data == NULL ? "" : (const char *)b->data;
}

void reader_init(struct reader *r, const void *data, size_t len)
{
    *r = (struct reader){.at = data, .left = len};
}

enum err reader_bytes(struct reader *r, size_t len, const uint8_t **out)
{
    if (len > r->left)
        return err_set(ERR_INVALID, "the bytes end early");
    *out = r->at;
    if (len > 0)
        r->at += len;
    r->left -= len;
    return ERR_OK;
}

static MUST_USE enum err read_number(struct reader *r, size_t width, uint64_t *out)
{
    const uint8_t *bytes;

    TRY(reader_bytes(r, width, &bytes));
    *out = 0;
    for (size_t i = 0; i < width; i++)
        *out = *out << 8 | bytes[i];
    return ERR_OK;
}

enum err reader_u8(struct reader *r, uint8_t *out)
{
    uint64_t v;

    TRY(read_number(r, sizeof(*out), &v));
    *out = (uint8_t)v;
    return ERR_OK;
}

enum err reader_u16(struct reader *r, uint16_t *out)
{
    uint64_t v;

    TRY(read_number(r, sizeof(*out), &v));
    *out = (uint16_t)v;
    return ERR_OK;
}

enum err reader_u32(struct reader *r, uint32_t *out)
{
    uint64_t v;

    TRY(read_number(r, sizeof(*out), &v));
    *out = (uint32_t)v;
    return ERR_OK;
}

enum err reader_u64(struct reader *r, uint64_t *out)
{
    return read_number(r, sizeof(*out), out);
}

enum err reader_blob(struct reader *r, size_t max, const uint8_t **out, size_t *len)
{
    struct reader ahead = *r; /* moved on only when all of it is there */
    uint32_t n;

    TRY(reader_u32(&ahead, &n));
    if (n > max)
        return err_set(ERR_INVALID, "a byte string of more than %zu bytes", max);
    TRY(reader_bytes(&ahead, n, out));
    *len = n;
    *r = ahead;
    return ERR_OK;
}

enum err reader_text(struct reader *r, char *out, size_t cap)
{
    struct reader ahead = *r;
    const uint8_t *bytes;
    size_t len;

    assert(cap > 0);
    TRY(reader_blob(&ahead, cap - 1, &bytes, &len));
    if (len > 0 && memchr(bytes, 0, len) != NULL)
        return err_set(ERR_INVALID, "a NUL inside a text");
    if (len > 0)
        memcpy(out, bytes, len);
    out[len] = '\0';
    *r = ahead;
    return ERR_OK;
}

enum err reader_end(const struct reader *r)
{
    return r->left == 0 ? ERR_OK : err_set(ERR_INVALID, "%zu bytes too many", r->left);
}
