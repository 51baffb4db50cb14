/* Upload-Metadata of tus 1.0.0: "name base64,name base64". */
#ifndef GATEWAY_SEND_METADATA_H
#define GATEWAY_SEND_METADATA_H

#include "gateway/base/buf.h"

enum { METADATA_MAX = 4096 };

struct metadata_pair {
    const char *name;
    const char *value; /* UTF-8; NULL or "": left out */
};
/* Appends the header's value. ERR_INVALID: a value is not UTF-8 or has control characters, or
 * all of it is longer than METADATA_MAX. */
MUST_USE enum err metadata_encode(const struct metadata_pair *pairs, size_t n, struct buf *out);

#endif
