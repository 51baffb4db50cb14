/* A zip archive written front to back: entries stored as they are, nothing to seek to, nothing
 * kept but a line for each entry. Zip64 wherever a size, an offset or the number of entries
 * wants it (APPNOTE.TXT 6.3.10).
 *
 *     struct zip *z;
 *     zip_new(&z);
 *     zip_begin(z, &entry, out);      what has to be sent before the entry's bytes ...
 *     zip_bytes(z, data, len);        ... which the caller sends, and shows here, piece by
 * piece zip_end(z, out);                what has to be sent behind them while
 * (!zip_directory(z, out))  the end of the archive, in pieces
 *
 * The functions append to `out` and send nothing themselves. An archive that is not finished by
 * zip_directory has no directory: no tool takes it for a whole one. */
#ifndef GATEWAY_BASE_ZIP_H
#define GATEWAY_BASE_ZIP_H

#include "gateway/base/buf.h"

enum { ZIP_NAME_MAX = 255, ZIP_ENTRIES_MAX = 1 << 20, ZIP_PIECE_MAX = 64 * 1024 };

struct zip;
MUST_USE enum err zip_new(struct zip **out);
void zip_free(struct zip *z);
DEFINE_AUTO(struct zip, zip_free);

struct zip_entry {
    const char *name; /* UTF-8, "/" between folders, relative */
    uint64_t size;
    int64_t at; /* micros: its time, told in UTC with two seconds' precision */
};
/* The entry before has ended. ERR_TOO_LARGE: a name or a number of entries beyond the limits */
MUST_USE enum err zip_begin(struct zip *z, const struct zip_entry *e, struct buf *out);
void zip_bytes(struct zip *z, const void *data, size_t len);
/* ERR_CORRUPT: these were not as many bytes as announced */
MUST_USE enum err zip_end(struct zip *z, struct buf *out);
/* The next piece of the end, of at most about ZIP_PIECE_MAX bytes; *done: that was the last. */
MUST_USE enum err zip_directory(struct zip *z, struct buf *out, bool *done);
uint64_t zip_offset(const struct zip *z); /* bytes of the archive so far */

#endif
