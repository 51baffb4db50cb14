/* How long to wait, and when to give up: exponential back-off with jitter, never less than the
 * service asks for, and an end when trouble has lasted for as long as was allowed without
 * anything going forward. Times are those of a steady clock, in milliseconds; nothing here
 * looks at a clock. */
#ifndef GATEWAY_SEND_PATIENCE_H
#define GATEWAY_SEND_PATIENCE_H

#include "gateway/base/error.h"

#include <stdint.h>

enum { PATIENCE_FIRST_MS = 500, PATIENCE_LONGEST_MS = 30000 };

struct patience {
    int64_t allowed_ms;
    int64_t since_ms;  /* of the first trouble since the last progress; -1: none */
    unsigned attempts; /* since then */
};
void patience_begin(struct patience *p, int64_t allowed_ms);
void patience_progress(struct patience *p);
/* Something went wrong: the time runs from now on, or from the trouble before. What is left of
 * it; 0 at its end. */
int64_t patience_trouble(struct patience *p, int64_t now_ms);
/* The same, and the wait before the next attempt. `asked_ms` is what the service wants
 * (Retry-After), -1 for nothing; `dice` a random number. ERR_TIMEOUT: there is no next attempt.
 */
MUST_USE enum err patience_next(struct patience *p, int64_t now_ms, int64_t asked_ms,
                                uint32_t dice, int64_t *wait_ms);
/* Retry-After: seconds, or a date (RFC 9110, 10.2.3) held against the wall clock's `now_s`. -1
 * if it is neither. */
int64_t retry_after_ms(const char *value, int64_t now_s);

#endif
