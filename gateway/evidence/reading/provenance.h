/* Where a piece of evidence has been: every link it ever had, with who made it and took it
 * away, when and why, and where else the same bytes came in. Staff's, as far as they may see
 * the claims and the artefacts concerned. */
#ifndef GATEWAY_EVIDENCE_READING_PROVENANCE_H
#define GATEWAY_EVIDENCE_READING_PROVENANCE_H

#include "gateway/evidence/evidence.h"

enum { PROVENANCE_LINKS_MAX = 256, PROVENANCE_SAME_MAX = 64 };

struct provenance_link {
    struct link_record link;
    char made_by[ISSUER_MAX + SUBJECT_MAX + 2]; /* "<issuer>#<subject>" */
    char removed_by[ISSUER_MAX + SUBJECT_MAX + 2], removed_reason[REASON_MAX + 1];
};
struct provenance_same { /* an artefact with the same bytes, on one of its claims */
    struct uuid artefact, claim;
    char kind[SHORT_TEXT_MAX + 1];
    enum artefact_status status;
    int64_t received_at;
};
struct provenance {
    struct provenance_link links[PROVENANCE_LINKS_MAX]; /* in the order they were made */
    size_t n_links;
    struct provenance_same same[PROVENANCE_SAME_MAX]; /* oldest first */
    size_t n_same;
    bool more; /* there is more of either than fits */
};
MUST_USE enum err provenance_get(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, struct provenance *out);

#endif
