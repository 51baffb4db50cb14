/* The request target, taken apart once: segments and query arguments, percent-decoded.
 * Decoding is ours and from the raw bytes, so that nothing is decoded twice and %2F in a
 * segment does not become a separator. */
#ifndef GATEWAY_HTTP_TARGET_H
#define GATEWAY_HTTP_TARGET_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { TARGET_SEGMENTS_MAX = 32, TARGET_ARGUMENTS_MAX = 64 };

struct target_argument {
    const char *name, *value;
};
struct target {
    char *storage;
    const char *path;                          /* raw, without the query */
    const char *segments[TARGET_SEGMENTS_MAX]; /* decoded; "/" alone has one, empty */
    const char *rests[TARGET_SEGMENTS_MAX];    /* decoded: this segment and all behind it */
    size_t n_segments;
    struct target_argument arguments[TARGET_ARGUMENTS_MAX];
    size_t n_arguments;
};

/* ERR_INVALID: a bad escape, %00, a control character, text that is not UTF-8, a segment "." or
 * ".." (also written with escapes, or behind an escaped separator), too many segments or
 * arguments. */
MUST_USE enum err target_parse(const char *raw, struct target *out);
void target_clear(struct target *t);
DEFINE_AUTO_CLEAR(struct target, target_clear);

#endif
