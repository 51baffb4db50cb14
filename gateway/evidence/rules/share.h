/* How many things each person has running now, so that nobody takes up all there is. */
#ifndef GATEWAY_EVIDENCE_RULES_SHARE_H
#define GATEWAY_EVIDENCE_RULES_SHARE_H

#include "gateway/auth/principal.h"

#include <stddef.h>

enum { SHARE_PARTS = 4 }; /* nobody has more than one part in so many, but one at least */

struct share;
struct share_ticket { /* what was taken; giving it back cannot fail */
    uint8_t hash[32];
};
MUST_USE enum err share_new(size_t all, struct share **out);
void share_free(struct share *s);
/* REFUSAL_QUOTA_EXCEEDED: this person's share is used up; ERR_BUSY: everything is. */
MUST_USE enum err share_take(struct share *s, const struct principal *p,
                             struct share_ticket *out);
void share_give(struct share *s, const struct share_ticket *ticket);

#endif
