/* Idempotency keys of requests that are running now, by client and key. */
#ifndef GATEWAY_EVIDENCE_RULES_RUNNING_H
#define GATEWAY_EVIDENCE_RULES_RUNNING_H

#include "gateway/auth/principal.h"

#include <stddef.h>

struct running_keys;
MUST_USE enum err running_new(size_t max, struct running_keys **out);
void running_free(struct running_keys *r);
struct running_ticket { /* what was taken; giving it back cannot fail */
    uint8_t hash[32];
};
/* REFUSAL_KEY_BUSY if it runs already; ERR_BUSY when the table is full. */
MUST_USE enum err running_take(struct running_keys *r, const struct principal *p,
                               const char *key, struct running_ticket *out);
void running_give(struct running_keys *r, const struct running_ticket *ticket);

#endif
