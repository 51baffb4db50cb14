/* Structured field values (RFC 8941), as far as we read any: a field that is one item.
 *
 * A field that is not what it should be is ignored whole, as if it were not there: ERR_INVALID
 * says so. Parameters are read strictly and passed over. A field that was sent more than once
 * is a list and no item: the caller counts.
 */
#ifndef GATEWAY_HTTP_FIELDS_STRUCTURED_H
#define GATEWAY_HTTP_FIELDS_STRUCTURED_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define STRUCTURED_INTEGER_MAX INT64_C(999999999999999) /* 15 digits */

enum structured_kind {
    STRUCTURED_INTEGER,
    STRUCTURED_DECIMAL,
    STRUCTURED_STRING,
    STRUCTURED_TOKEN,
    STRUCTURED_BYTES,
    STRUCTURED_BOOLEAN,
};
struct structured_item {
    enum structured_kind kind;
    int64_t integer; /* STRUCTURED_INTEGER */
    bool boolean;    /* STRUCTURED_BOOLEAN */
};

MUST_USE enum err structured_item_parse(const char *value, struct structured_item *out);
/* Both: ERR_INVALID also for an item of another kind. */
MUST_USE enum err structured_boolean(const char *value, bool *out);
MUST_USE enum err structured_integer(const char *value, int64_t *out);

#endif
