/* What a claim waits for, as each caller may see it: evidence asked for, how old it is, who
 * keeps it; and the times at which its evidence could be considered and was. */
#ifndef GATEWAY_EVIDENCE_CLAIMS_WAITING_H
#define GATEWAY_EVIDENCE_CLAIMS_WAITING_H

#include "gateway/evidence/claims/asking.h"
#include "gateway/evidence/claims/lease.h"

struct claim_waiting {
    bool counted, aged, kept; /* which of these the caller sees */
    struct asking_counts counts;
    struct claim_age age;
    char nation[SHORT_TEXT_MAX + 1]; /* that the claim names; "": the default */
    struct lease_view lease;
};
struct artefact_times {   /* staff's */
    int64_t available_at; /* 0: never */
    struct artefact_opened opened[OPENED_MAX];
    size_t n_opened;
    int64_t aim; /* of an assessment's report: by when it was hoped for; 0: none */
    bool within_aim;
};

/* --- for the rooms of gateway/evidence/ --- */
MUST_USE enum err waiting_fill(struct evidence *ev, struct db *db,
                               const struct claim_record *claim, const struct principal *p,
                               uint32_t relations, struct claim_waiting *out);
/* Inside the commit of a claim's registration or change: its clock goes with it. `nation`: NULL
 * leaves the one on record. */
MUST_USE enum err waiting_clock(struct evidence *ev, struct db *db,
                                const struct claim_record *claim, const char *nation);
/* The instant before which a claim must have started to be ageing perhaps. */
int64_t waiting_since(struct evidence *ev);
/* Inside the commit of an opening: of those who have to consider the evidence the first counts.
 */
MUST_USE enum err waiting_opened(struct db *db, const struct uuid *artefact, enum role role);
MUST_USE enum err waiting_times(struct db *db, const struct uuid *artefact,
                                struct artefact_times *out);
/* Whether an assessment's report came within the aim; fills that part. */
MUST_USE enum err waiting_aim(struct evidence *ev, struct db *db,
                              const struct artefact_record *a, struct artefact_times *out);

#endif
