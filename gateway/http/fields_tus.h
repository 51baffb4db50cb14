/* The header fields of tus 1.0.0: parsers and the one writer it needs, strict and without
 * allocation. Malformed: ERR_INVALID.
 *
 *     Upload-Offset, Upload-Length    1*DIGIT
 *     Upload-Metadata                 pair *( "," pair ), pair = key [ " " [ base64 ] ]
 *     Upload-Checksum                 algorithm " " base64
 *     Upload-Concat                   "partial" / "final;" url *( " " url )
 *     Upload-Expires                  IMF-fixdate (RFC 9110 5.6.7)
 */
#ifndef GATEWAY_HTTP_FIELDS_TUS_H
#define GATEWAY_HTTP_FIELDS_TUS_H

#include "gateway/base/error.h"
#include "gateway/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TUS_METADATA_MAX = 4096, /* the whole value */
    TUS_PAIRS_MAX = 32,
    TUS_CONCAT_MAX = 8192,
    TUS_URLS_MAX = 64,
    TUS_DATE_SIZE = 32,
};

/* Up to INT64_MAX; no sign, no space. */
MUST_USE enum err tus_number_parse(const char *value, int64_t *out);

struct tus_pair { /* borrows the header's text; the value is still base64, "" for none */
    const char *key, *value;
    size_t key_len, value_len;
};
/* Keys are visible ASCII and differ; every value can be decoded. A comma may be followed by
 * spaces. ERR_INVALID also for more than TUS_PAIRS_MAX pairs or TUS_METADATA_MAX characters. */
MUST_USE enum err tus_metadata_parse(const char *value, struct tus_pair out[TUS_PAIRS_MAX],
                                     size_t *n);
/* The value as a C string; ERR_TOO_LARGE if it needs more than cap, ERR_INVALID with a NUL. */
MUST_USE enum err tus_pair_text(const struct tus_pair *pair, char *out, size_t cap);

enum tus_algorithm { TUS_SHA1, TUS_SHA256 };
#define TUS_ALGORITHMS "sha1,sha256" /* as Tus-Checksum-Algorithm lists them */
/* ERR_UNSUPPORTED: another algorithm. Of SHA-1 20 bytes are filled. */
MUST_USE enum err tus_checksum_parse(const char *value, enum tus_algorithm *algorithm,
                                     uint8_t digest[32]);

struct tus_url { /* borrows the header's text */
    const char *at;
    size_t len;
};
struct tus_concat {
    bool final;
    struct tus_url urls[TUS_URLS_MAX]; /* of a final one: at least one */
    size_t n;
};
MUST_USE enum err tus_concat_parse(const char *value, struct tus_concat *out);
/* The id at the end of a URL (absolute or relative, neither query nor fragment) whose path
 * before it ends in `collection`, as in "uploads/". */
MUST_USE enum err tus_url_id(const struct tus_url *url, const char *collection,
                             struct uuid *out);

/* "Wed, 25 Jun 2014 16:00:00 GMT"; cut to seconds. */
void tus_date_write(int64_t micros, char out[TUS_DATE_SIZE]);

#endif
