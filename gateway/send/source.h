/* The file that is sent: read once from its start to its end, hashed as it is read, and watched
 * for changes. One sender at a time: it is locked while it is open. */
#ifndef GATEWAY_SEND_SOURCE_H
#define GATEWAY_SEND_SOURCE_H

#include "crypto/digest.h"

#include <sys/types.h>

struct source {
    const char *path; /* borrowed */
    int fd;           /* -1: closed */
    uint64_t size;
    int64_t mtime_ns;
    dev_t dev;
    ino_t ino;
    struct sha256 hash;
    uint64_t hashed; /* the first bytes of the file, which are in `hash` */
};
/* A regular file with something in it. ERR_INVALID: it is neither; ERR_BUSY: another sender has
 * it. Closed by source_close in any case. */
MUST_USE enum err source_open(const char *path, struct source *s);
void source_close(struct source *s);
DEFINE_AUTO_CLEAR(struct source, source_close);

/* Up to `cap` bytes from `offset`, at least one before the end of the file; what was not hashed
 * yet is. `offset` is at most `hashed`. ERR_CONFLICT: the file has become shorter. */
MUST_USE enum err source_read(struct source *s, uint64_t offset, void *out, size_t cap,
                              size_t *got);
/* Reads on until `offset` is hashed. */
MUST_USE enum err source_hash_to(struct source *s, uint64_t offset);
/* Of the first `hashed` bytes. */
MUST_USE enum err source_digest(const struct source *s, uint8_t out[SHA256_SIZE]);
/* ERR_CONFLICT if what stands under its name is not what was opened, or was written to. */
MUST_USE enum err source_unchanged(const struct source *s);

#endif
