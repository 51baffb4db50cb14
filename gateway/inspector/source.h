/* The bytes of one artefact, once, in order: from a pipe, or (tests, fuzzers) from memory. */
#ifndef GATEWAY_INSPECTOR_SOURCE_H
#define GATEWAY_INSPECTOR_SOURCE_H

#include "gateway/base/buf.h"
#include "gateway/inspect/sniff.h"

enum { SOURCE_HELD_MAX = 256 << 20, SOURCE_PIECE = 64 * 1024 };

struct source {
    int fd;              /* -1: from memory */
    const uint8_t *left; /* of what is in memory */
    size_t n_left;
    uint64_t taken;  /* so far */
    struct buf head; /* read ahead, for whoever wants to know the type */
    size_t head_at;  /* taken of it */
    uint8_t *held;   /* its address space, once asked for */
    size_t held_room;
    bool failed; /* reading did: what came is not all */
};

void source_from_pipe(struct source *s, int fd);
void source_from_memory(struct source *s, const void *data, size_t len);
void source_clear(struct source *s);
DEFINE_AUTO_CLEAR(struct source, source_clear);

/* The first bytes, at most SNIFF_HEAD_MAX of them; they are read again afterwards. */
MUST_USE enum err source_peek(struct source *s, const uint8_t **head, size_t *len);
/* Up to `cap` bytes; *len 0 is the end. */
MUST_USE enum err source_read(struct source *s, void *data, size_t cap, size_t *len);
/* All of it, for what needs to jump about; owned by the source. ERR_TOO_LARGE beyond `max`,
 * which is at most SOURCE_HELD_MAX. */
MUST_USE enum err source_hold(struct source *s, size_t max, const uint8_t **data, size_t *len);
#endif
