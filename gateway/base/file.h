/* Whole small files: read up to a maximum, made, replaced. */
#ifndef GATEWAY_BASE_FILE_H
#define GATEWAY_BASE_FILE_H

#include "gateway/base/buf.h"

#include <sys/types.h>

/* A whole file; "-" is standard input. ERR_TOO_LARGE past the buffer's maximum. */
MUST_USE enum err file_read(const char *path, struct buf *out);
/* Makes it (ERR_EXISTS) with exactly this mode, durable; nothing is left behind on failure. */
MUST_USE enum err file_create(const char *path, mode_t mode, const void *data, size_t len);
/* Makes it or takes the place of what is there, in one step and durable: whoever opens it sees
 * the old content or the new one, also after a crash. */
MUST_USE enum err file_replace(const char *path, mode_t mode, const void *data, size_t len);
/* Names that were made or removed in the folder of this file are durable. */
MUST_USE enum err file_folder_flush(const char *path);

#endif
