/* A receipt as people hold it: a text, a log's key that is a file or its text, and the evidence
 * it is said to be about. What `evidence-gateway verify` and `evidence-send` ask alike. */
#ifndef CRYPTO_RECEIPT_CHECK_H
#define CRYPTO_RECEIPT_CHECK_H

#include "crypto/digest.h"
#include "crypto/receipt.h"
#include "gateway/base/json.h"

/* A file that holds the key of a log or a witness, or the key's text itself. */
MUST_USE enum err note_verifier_read(const char *text_or_file, struct note_verifier *out);
/* Takes the text apart and verifies it: every step of receipt_verify. ERR_CRYPTO with the
 * reason, also for what is no receipt; what is in `out` then is not to be believed. Without a
 * key (NULL) it is only taken apart. A line's end that a tool added is passed over. */
MUST_USE enum err receipt_check(const char *text, size_t len, const struct note_verifier *key,
                                struct receipt *out);
/* The entry is of a file with this digest, else ERR_CRYPTO. `details` are the parsed ones. */
MUST_USE enum err receipt_check_digest(const json_t *details,
                                       const uint8_t sha256[SHA256_SIZE]);

#endif
