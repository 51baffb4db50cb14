/* From an answer to "received": the receipt is checked against what was read from the file,
 * then stored beside it. */
#ifndef GATEWAY_SEND_CONFIRM_H
#define GATEWAY_SEND_CONFIRM_H

#include "crypto/note.h"
#include "gateway/send/report.h"
#include "gateway/send/source.h"

#define RECEIPT_SUFFIX ".receipt"
enum { RECEIPTS_MAX = 99 }; /* of one file name: FILE.receipt, FILE.receipt.2, ... */

struct confirmation {
    const char *path;                /* the file's */
    const struct note_verifier *key; /* the log's; NULL: not given */
    const char *claim, *kind;
};
/* The JSON of a finished upload: fills result->artefact, verified and receipt, where the
 * receipt is stored, durable. `result` holds size and digest of what was sent. ERR_NOT_FOUND:
 * there is no artefact yet; ERR_CRYPTO: the receipt is not what it has to be; else the file
 * system's. */
MUST_USE enum err confirm(const struct confirmation *c, const void *body, size_t len,
                          struct result *result);
/* A receipt that an earlier run stored: of this claim and kind, good, and of these bytes, which
 * are read for it. Fills `result`. ERR_NOT_FOUND if there is none; ERR_CRYPTO if one is there
 * and no key to verify it: anybody may have written it. */
MUST_USE enum err confirm_earlier(const struct confirmation *c, struct source *s,
                                  struct result *result);

#endif
