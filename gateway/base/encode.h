/* Text encodings, strict both ways: hex, base64 (RFC 4648 section 4), base64url without padding (section 5), percent (RFC 3986).
 * Decoders refuse what is not canonical: foreign characters, wrong padding, non-zero trailing bits. */
#ifndef GATEWAY_BASE_ENCODE_H
#define GATEWAY_BASE_ENCODE_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define BASE64_SIZE(n) ((((n) + 2) / 3) * 4 + 1)
#define HEX_SIZE(n) ((n) * 2 + 1)

void hex_encode(const void *data, size_t len, char *out); /* out: HEX_SIZE(len), lower case */
/* Lower case only, of exactly that length. */
MUST_USE enum err hex_decode(const char *text, size_t text_len, void *out, size_t out_len);

enum base64_kind { BASE64_STANDARD, BASE64_STANDARD_UNPADDED, BASE64_URL_UNPADDED };
/* Returns the length written without the NUL; out: BASE64_SIZE(len). */
size_t base64_encode(enum base64_kind kind, const void *data, size_t len, char *out);
MUST_USE enum err base64_decode(enum base64_kind kind, const char *text, size_t text_len, void *out, size_t cap, size_t *out_len);

/* Decodes %XX (and '+' as a space if asked for) into out; a bad escape or a NUL: ERR_INVALID. */
MUST_USE enum err percent_decode(const char *text, size_t len, bool plus_is_space, char *out, size_t cap);
/* Encodes everything but RFC 3986 unreserved characters: good for a query argument and for an RFC
 * 8187 value alike. */
MUST_USE enum err percent_encode(const char *text, char *out, size_t cap);

/* The length of the well-formed code point at text[0] (1 to 4), 0 if it is not one; len > 0. */
size_t utf8_step(const char *text, size_t len);
bool utf8_valid(const char *text, size_t len); /* no surrogates, no overlong forms, up to U+10FFFF */

#endif
