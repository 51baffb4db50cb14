/* A claim's history: what happened and who has read what, told from the log, subject to the
 * harm rule. */
#ifndef GATEWAY_EVIDENCE_CLAIMS_HISTORY_H
#define GATEWAY_EVIDENCE_CLAIMS_HISTORY_H

#include "gateway/base/json.h"
#include "gateway/evidence/evidence.h"

enum { HISTORY_PAGE_MAX = 200 };
/* A JSON array of events in order of time, after the entry `after` (UINT64_MAX: from the
 * start); *next is the cursor for the next page, UINT64_MAX when there is none. Staff see who;
 * claimants and parties see the role and whether it was themselves. */
MUST_USE enum err history_of_claim(struct evidence *ev, const struct principal *p,
                                   const struct uuid *claim, uint64_t after, size_t limit,
                                   json_t **events, uint64_t *next);

#endif
