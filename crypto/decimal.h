/* The decimals of the log's text formats: ASCII digits, no sign, no leading zero except in "0".
 */
#ifndef CRYPTO_DECIMAL_H
#define CRYPTO_DECIMAL_H

#include "gateway/base/error.h"

#include <stdint.h>

/* All of text[0..len); anything else, or a value above `max`: ERR_INVALID. */
MUST_USE enum err decimal_parse(const char *text, size_t len, uint64_t max, uint64_t *out);

#endif
