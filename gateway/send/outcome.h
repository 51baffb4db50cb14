/* What became of a file, and the exit code that says so. */
#ifndef GATEWAY_SEND_OUTCOME_H
#define GATEWAY_SEND_OUTCOME_H

#include "gateway/base/error.h"

/* X(code, exit code, name in --json, what --help says) */
#define OUTCOME_TABLE(X)                                                                       \
    X(OUTCOME_RECEIVED, 0, "received", "every file was received")                              \
    X(OUTCOME_REFUSED, 1, "refused", "the service refused a file, for good")                   \
    X(OUTCOME_USAGE, 2, "usage", "wrong use")                                                  \
    X(OUTCOME_UNREACHABLE, 3, "unreachable",                                                   \
      "the service could not be reached in time: run again, it goes on where it was")          \
    X(OUTCOME_UNVERIFIED, 4, "unverified", "a receipt did not verify")                         \
    X(OUTCOME_LOCAL, 5, "local", "a local file could not be read or written")

enum outcome {
#define X(code, number, name, words) code = (number),
    OUTCOME_TABLE(X)
#undef X
};
enum { OUTCOME_COUNT = 6 };

const char *outcome_name(enum outcome o);
const char *outcome_words(enum outcome o);
/* Every function of this folder ends with an error of the kind that its outcome is made of:
 * ERR_REFUSED, ERR_CRYPTO, what the network does (ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_BUSY,
 * ERR_UNAUTHENTICATED); the rest is local. */
enum outcome outcome_of(enum err e);
/* Of several files: what a person has to look at first wins; 3 is left only where running again
 * is all that there is to do. */
enum outcome outcome_worse(enum outcome a, enum outcome b);

#endif
