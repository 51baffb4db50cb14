/* A growing byte buffer with a maximum: nothing that grows from input grows without a named limit.
 * `data` is NUL-terminated one byte past `len` at all times once something was appended, so that
 * text can be used as a C string. Wiped when cleared if `wipe` is set. */
#ifndef GATEWAY_BASE_BUF_H
#define GATEWAY_BASE_BUF_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; /* len never exceeds it: ERR_TOO_LARGE */
    bool wipe;  /* cleansed before memory is given back (also when it grows) */
};

void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max); /* sets `wipe` */
void buf_clear(struct buf *b);                   /* frees; keeps max and wipe; may be used again */
void buf_reset(struct buf *b);                   /* len = 0, memory kept */
MUST_USE enum err buf_append(struct buf *b, const void *data, size_t len);
MUST_USE enum err buf_append_str(struct buf *b, const char *text);
MUST_USE enum err buf_append_byte(struct buf *b, uint8_t byte);
MUST_USE enum err buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Big-endian integers, for our own byte formats. */
MUST_USE enum err buf_append_u16(struct buf *b, uint16_t v);
MUST_USE enum err buf_append_u32(struct buf *b, uint32_t v);
MUST_USE enum err buf_append_u64(struct buf *b, uint64_t v);
/* Length-prefixed (u32) byte string. */
MUST_USE enum err buf_append_blob(struct buf *b, const void *data, size_t len);
const char *buf_text(const struct buf *b); /* "" when empty */
DEFINE_AUTO_CLEAR(struct buf, buf_clear);

/* A reader over somebody else's bytes: each take_* fails with ERR_INVALID past the end. */
struct reader {
    const uint8_t *at;
    size_t left;
};
void reader_init(struct reader *r, const void *data, size_t len);
MUST_USE enum err reader_bytes(struct reader *r, size_t len, const uint8_t **out);
MUST_USE enum err reader_u8(struct reader *r, uint8_t *out);
MUST_USE enum err reader_u16(struct reader *r, uint16_t *out);
MUST_USE enum err reader_u32(struct reader *r, uint32_t *out);
MUST_USE enum err reader_u64(struct reader *r, uint64_t *out);
/* A length-prefixed (u32) byte string of at most `max` bytes; points into the input. */
MUST_USE enum err reader_blob(struct reader *r, size_t max, const uint8_t **out, size_t *len);
/* The same copied into `out` as a C string (no NUL inside), `cap` includes the terminator. */
MUST_USE enum err reader_text(struct reader *r, char *out, size_t cap);
MUST_USE enum err reader_end(const struct reader *r); /* ERR_INVALID if bytes are left */

#endif
