/* An entry's checksum is not known before its bytes have passed, so it follows them in a data
 * descriptor; its size is known, and stands in the local header, too, for readers that cannot
 * seek. Bits, once for the whole archive: 3 (descriptor), 11 (names are UTF-8).
 *
 *     local header   PK\3\4  version flags method time date 0(crc) size size name-len extra-len
 *                    name [zip64 extra]
 *     descriptor     PK\7\8  crc size size           sizes of 8 bytes where the header is zip64
 *     directory      PK\1\2  for each entry, with its offset
 *     end            [zip64 end, zip64 locator] PK\5\6
 *
 * Little-endian throughout. Invariant: `offset` is the sum of what was appended to `out` and
 * what passed by zip_bytes. */
#include "gateway/base/zip.h"

#include "gateway/base/clock.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum {
    LOCAL_HEADER = 0x04034b50,
    DESCRIPTOR = 0x08074b50,
    DIRECTORY_ENTRY = 0x02014b50,
    ZIP64_END = 0x06064b50,
    ZIP64_LOCATOR = 0x07064b50,
    DIRECTORY_END = 0x06054b50,
    VERSION_PLAIN = 20,
    VERSION_ZIP64 = 45,
    MADE_ON_UNIX = 3 << 8 | VERSION_ZIP64,
    FLAGS = 1 << 3 | 1 << 11,
    STORED = 0,
    EXTRA_ZIP64 = 1,
    MAX16 = 0xffff,
};
#define MAX32 UINT32_C(0xffffffff)
#define PLAIN_FILE (UINT32_C(0100444) << 16) /* a regular file that everybody may read */

struct line { /* what the directory says of an entry */
    char *name;
    uint64_t size, offset;
    uint32_t crc, stamp; /* date << 16 | time, as DOS had them */
};
struct zip {
    struct line *lines;
    size_t n, room, told; /* told: how many of them the directory has */
    uint64_t offset, passed, directory;
    bool open;
};

enum err zip_new(struct zip **out)
{
    *out = calloc(1, sizeof(**out));
    return *out ? ERR_OK : err_set(ERR_NOMEM, "an archive");
}

void zip_free(struct zip *z)
{
    if (!z)
        return;
    for (size_t i = 0; i < z->n; i++)
        free(z->lines[i].name);
    free(z->lines);
    free(z);
}

uint64_t zip_offset(const struct zip *z)
{
    return z->offset;
}

/* --- little-endian ------------------------------------------------------------------------ */

static enum err put(struct buf *out, uint64_t value, size_t bytes)
{
    uint8_t text[8];
    for (size_t i = 0; i < bytes; i++)
        text[i] = (uint8_t)(value >> (8 * i));
    return buf_append(out, text, bytes);
}

struct field {
    uint64_t value;
    size_t bytes;
};

static enum err put_all(struct buf *out, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        TRY(put(out, fields[i].value, fields[i].bytes));
    return ERR_OK;
}

#define PUT(out, ...)                                                                          \
    put_all(out, (const struct field[]){__VA_ARGS__},                                          \
            ARRAY_LEN(((const struct field[]){__VA_ARGS__})))

static uint64_t capped(uint64_t value)
{
    return value < MAX32 ? value : MAX32;
}

/* --- entries ------------------------------------------------------------------------------ */

/* DOS knows the years 1980 to 2107. */
static uint32_t stamp_of(int64_t micros)
{
    struct tm t;
    time_t seconds = (time_t)(micros / MICROS_PER_SECOND);
    if (!gmtime_r(&seconds, &t) || t.tm_year < 80 || t.tm_year > 207)
        return 1u << 21 | 1u << 16; /* 1980-01-01 */
    uint32_t date =
        (uint32_t)(t.tm_year - 80) << 9 | (uint32_t)(t.tm_mon + 1) << 5 | (uint32_t)t.tm_mday;
    uint32_t time =
        (uint32_t)t.tm_hour << 11 | (uint32_t)t.tm_min << 5 | (uint32_t)t.tm_sec / 2;
    return date << 16 | time;
}

static enum err line_add(struct zip *z, const struct zip_entry *e)
{
    enum { FIRST_ROOM = 16 };
    if (z->n == ZIP_ENTRIES_MAX || strlen(e->name) > ZIP_NAME_MAX)
        return err_set(ERR_TOO_LARGE, "an archive has at most %d entries, with names of %d",
                       ZIP_ENTRIES_MAX, ZIP_NAME_MAX);
    if (z->n == z->room) {
        size_t room = z->room ? z->room * 2 : FIRST_ROOM;
        struct line *more = reallocarray(z->lines, room, sizeof(*more));
        if (!more)
            return err_set(ERR_NOMEM, "an archive's directory");
        z->lines = more;
        z->room = room;
    }
    struct line *l = &z->lines[z->n];
    *l = (struct line){.name = strdup(e->name),
                       .size = e->size,
                       .offset = z->offset,
                       .crc = (uint32_t)crc32(0, NULL, 0),
                       .stamp = stamp_of(e->at)};
    if (!l->name)
        return err_set(ERR_NOMEM, "an archive's directory");
    z->n++;
    return ERR_OK;
}

static bool is_large(const struct line *l)
{
    return l->size >= MAX32;
}

static enum err local_header(const struct line *l, struct buf *out)
{
    bool large = is_large(l);
    TRY(PUT(out, {LOCAL_HEADER, 4}, {large ? VERSION_ZIP64 : VERSION_PLAIN, 2}, {FLAGS, 2},
            {STORED, 2}, {l->stamp, 4}, {0, 4}, {capped(l->size), 4}, {capped(l->size), 4},
            {strlen(l->name), 2}, {large ? 20 : 0, 2}));
    TRY(buf_append_str(out, l->name));
    return large ? PUT(out, {EXTRA_ZIP64, 2}, {16, 2}, {l->size, 8}, {l->size, 8}) : ERR_OK;
}

enum err zip_begin(struct zip *z, const struct zip_entry *e, struct buf *out)
{
    size_t before = out->len;
    assert(!z->open && z->told == 0 && z->directory == 0);
    TRY(line_add(z, e));
    assert(z->lines);
    TRY(local_header(&z->lines[z->n - 1], out));
    z->offset += out->len - before;
    z->passed = 0;
    z->open = true;
    return ERR_OK;
}

void zip_bytes(struct zip *z, const void *data, size_t len)
{
    struct line *l = &z->lines[z->n - 1];
    const uint8_t *at = data;
    assert(z->open);
    z->passed += len;
    z->offset += len;
    while (len > 0) {
        uInt some = len < INT_MAX ? (uInt)len : INT_MAX;
        l->crc = (uint32_t)crc32(l->crc, at, some);
        at += some;
        len -= some;
    }
}

enum err zip_end(struct zip *z, struct buf *out)
{
    assert(z->open && z->lines);
    const struct line *l = &z->lines[z->n - 1];
    size_t before = out->len, width = is_large(l) ? 8 : 4;
    if (z->passed != l->size)
        return err_set(ERR_CORRUPT, "an entry has not the size that was announced");
    TRY(PUT(out, {DESCRIPTOR, 4}, {l->crc, 4}, {l->size, width}, {l->size, width}));
    z->offset += out->len - before;
    z->open = false;
    return ERR_OK;
}

/* --- the end ------------------------------------------------------------------------------ */

/* The zip64 extra holds those of size, size and offset that the line itself has no room for. */
static enum err directory_line(const struct line *l, struct buf *out)
{
    bool large = is_large(l), far = l->offset >= MAX32;
    size_t extra = (large ? 16u : 0u) + (far ? 8u : 0u);
    TRY(PUT(out, {DIRECTORY_ENTRY, 4}, {MADE_ON_UNIX, 2},
            {large || far ? VERSION_ZIP64 : VERSION_PLAIN, 2}, {FLAGS, 2}, {STORED, 2},
            {l->stamp, 4}, {l->crc, 4}, {capped(l->size), 4}, {capped(l->size), 4},
            {strlen(l->name), 2}, {extra ? extra + 4 : 0, 2}, {0, 2}, {0, 2}, {0, 2},
            {PLAIN_FILE, 4}, {capped(l->offset), 4}));
    TRY(buf_append_str(out, l->name));
    if (extra == 0)
        return ERR_OK;
    TRY(PUT(out, {EXTRA_ZIP64, 2}, {extra, 2}));
    if (large)
        TRY(PUT(out, {l->size, 8}, {l->size, 8}));
    return far ? PUT(out, {l->offset, 8}) : ERR_OK;
}

static enum err archive_end(const struct zip *z, uint64_t end, struct buf *out)
{
    uint64_t length = end - z->directory, n = z->n;
    if (n >= MAX16 || length >= MAX32 || z->directory >= MAX32) {
        TRY(PUT(out, {ZIP64_END, 4}, {44, 8}, {MADE_ON_UNIX, 2}, {VERSION_ZIP64, 2}, {0, 4},
                {0, 4}, {n, 8}, {n, 8}, {length, 8}, {z->directory, 8}));
        TRY(PUT(out, {ZIP64_LOCATOR, 4}, {0, 4}, {end, 8}, {1, 4}));
    }
    uint64_t count = n < MAX16 ? n : MAX16;
    return PUT(out, {DIRECTORY_END, 4}, {0, 2}, {0, 2}, {count, 2}, {count, 2},
               {capped(length), 4}, {capped(z->directory), 4}, {0, 2});
}

enum err zip_directory(struct zip *z, struct buf *out, bool *done)
{
    size_t before = out->len;
    assert(!z->open);
    if (z->told == 0)
        z->directory = z->offset;
    while (z->told < z->n && out->len - before < ZIP_PIECE_MAX - 2 * ZIP_NAME_MAX) {
        TRY(directory_line(&z->lines[z->told], out));
        z->told++;
    }
    z->offset += out->len - before;
    *done = z->told == z->n;
    if (!*done)
        return ERR_OK;
    before = out->len;
    TRY(archive_end(z, z->offset, out));
    z->offset += out->len - before;
    return ERR_OK;
}
