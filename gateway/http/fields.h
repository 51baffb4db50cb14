/* Parsers and writers of single HTTP header fields, strict and without allocation.
 *   Range (RFC 9110 14.2), If-Range (strong ETag only), Content-Disposition (RFC 6266, 8187), Repr-Digest / Content-Digest /
 *   Want-Repr-Digest (RFC 9530), Idempotency-Key (structured string), media types (RFC 9110 8.3).
 */
#ifndef GATEWAY_HTTP_FIELDS_H
#define GATEWAY_HTTP_FIELDS_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { FIELD_NAME_MAX = 255, FIELD_RANGES_MAX = 8, FIELD_KEY_MAX = 128 };

struct field_range {
    uint64_t first, last; /* inclusive */
};
enum range_outcome { RANGE_NONE, RANGE_OK, RANGE_UNSATISFIABLE };
/* Against a representation of `size` bytes. A malformed or non-bytes Range is ignored (RANGE_NONE, RFC 9110 14.2). Overlapping and adjacent
 * ranges are coalesced; more than FIELD_RANGES_MAX: RANGE_NONE (the whole is sent). */
enum range_outcome field_range_parse(const char *value, uint64_t size, struct field_range out[FIELD_RANGES_MAX], size_t *n);
/* True if `value` (If-Range) is exactly the strong entity tag. A date or a weak tag is false. */
bool field_if_range(const char *value, const char *etag);
/* If-None-Match: list or *; weak comparison. */
bool field_etag_matches(const char *value, const char *etag);

/* The file name a sender states: filename* wins over filename; UTF-8 only; path parts are cut to the last segment of / and \;
 * refused as ERR_INVALID: control characters, bidirectional overrides, NUL, longer than cap, "." and "..". No name: out = "". */
MUST_USE enum err field_disposition_filename(const char *value, char *out, size_t cap);
/* The same rules for a bare name (query, JSON, form). */
MUST_USE enum err field_filename_clean(const char *name, char *out, size_t cap);
/* attachment; filename="ascii"; filename*=UTF-8''... */
MUST_USE enum err field_disposition_write(const char *filename, char *out, size_t cap);

/* sha-256=:base64: among others. Unknown algorithms are passed over; present is false if no sha-256 is there. Malformed: ERR_INVALID. */
MUST_USE enum err field_digest_parse(const char *value, bool *present, uint8_t sha256[32]);
void field_digest_write(const uint8_t sha256[32], char out[80]);
/* Want-Repr-Digest: false only if it says sha-256=0. Algorithms that are not ours are passed over, a malformed value is ignored. */
bool field_digest_wanted(const char *value);
/* A structured string "..." (RFC 8941) or a bare token, 1..FIELD_KEY_MAX visible characters. */
MUST_USE enum err field_key_parse(const char *value, char out[FIELD_KEY_MAX + 1]);
/* "type/subtype" lower-cased without parameters. */
MUST_USE enum err field_media_type(const char *value, char *out, size_t cap);

#endif
