/* The strict head check: libmicrohttpd 0.9.75 accepts much that smuggles; we do not.
 *
 * Refused [400] with Connection: close: a header name that is not a token; a control character (or NUL, bare CR, LF) in a value or the target;
 * Content-Length, Transfer-Encoding, Host, Authorization, Content-Type, Range, If-Range, Content-Range, Idempotency-Key or X-HTTP-Method-Override more than once; Content-Length together with
 * Transfer-Encoding; Transfer-Encoding other than exactly `chunked`, or on HTTP/1.0; a Content-Length that is not 1 to 19 digits;
 * HTTP/1.1 without Host; a target that does not begin with '/' (or is not "*" for OPTIONS); folded headers (a value holding what was a line break).
 * Pure functions over a list of pairs, so that they can be tested and fuzzed without a socket.
 */
#ifndef GATEWAY_HTTP_HEAD_CHECK_H
#define GATEWAY_HTTP_HEAD_CHECK_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEAD_FIELDS_MAX = 96 };
struct head_field {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
struct head {
    const char *method, *target, *version;
    struct head_field fields[HEAD_FIELDS_MAX];
    size_t n_fields; /* more than HEAD_FIELDS_MAX: the caller answers 431 */
};
struct head_facts {
    bool chunked;
    int64_t content_length; /* -1: none */
};
/* ERR_INVALID with the reason. */
MUST_USE enum err head_check(const struct head *h, struct head_facts *out);
/* The same rules for the fields of a chunked body's trailer section; besides, what frames, routes, authorises or
 * describes the content may not stand there. */
MUST_USE enum err trailer_check(const struct head_field *fields, size_t n);

/* libmicrohttpd 0.9.75 takes a bare LF for a line's end, cuts a value at a NUL, joins a folded line to the *name*
 * of the header before it and skips spaces in the request line; none of it shows in the pairs. It parses in place, though:
 *
 *     METHOD\0TARGET\0VERSION\0\0 NAME\0 ...VALUE\0\0 NAME\0 ...VALUE\0\0 \0\0
 *
 * (CR and LF become a NUL each, so does a colon), so that the parts of an honest head lie exactly end to end.
 * `size` counts from the method's first byte to past the blank line. Only addresses and the padding between a
 * colon and a value are looked at. */
enum { HEAD_PADDING_MAX = 256 };
struct head_place {
    const char *target; /* where the library has it, not our copy */
    size_t target_len;
    size_t size;
};
MUST_USE enum err head_layout_check(const struct head *h, const struct head_place *place);
MUST_USE enum err trailer_layout_check(const struct head_field *fields, size_t n);

#endif
