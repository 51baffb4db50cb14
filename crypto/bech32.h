/* Bech32 (BIP 173) as age uses it: no limit of 90 characters, and one fixed case per kind of
 * key. The human-readable part is given by the caller and compared exactly, so case cannot be
 * mixed. */
#ifndef CRYPTO_BECH32_H
#define CRYPTO_BECH32_H

#include "gateway/base/error.h"

#include <stdint.h>

enum { BECH32_DATA_MAX = 64, BECH32_PREFIX_MAX = 32 };

enum bech32_case { BECH32_LOWER, BECH32_UPPER };

/* Characters of the text without its NUL. */
size_t bech32_length(const char *prefix, size_t data_len);
/* out: bech32_length + 1 bytes. The prefix is in the wanted case already. */
void bech32_encode(enum bech32_case letters, const char *prefix, const void *data, size_t len,
                   char *out);
/* Exactly `out_len` bytes behind this prefix; checksum, case and padding bits checked:
 * ERR_INVALID. Nothing of the text is kept, in `out` neither on failure. */
MUST_USE enum err bech32_decode(enum bech32_case letters, const char *prefix, const char *text,
                                size_t len, void *out, size_t out_len);

#endif
