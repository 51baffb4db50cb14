/* Who has retrieved an artefact, and the copies that are to be deleted since it was restricted
 * by an opt-out: requested of everybody who read it but for the claimant's own side, confirmed
 * by the retriever, each in the log. */
#ifndef GATEWAY_EVIDENCE_RECORDING_COPIES_H
#define GATEWAY_EVIDENCE_RECORDING_COPIES_H

#include "gateway/evidence/evidence.h"
#include "gateway/evidence/rules/replay.h"
#include "storage/ledger.h"
#include "storage/record_recordings.h"

enum { RETRIEVALS_PAGE_MAX = 100 };
/* Case managers, records owners and auditors see everybody's; an assessor sees their own. */
struct retrievals_view {
    struct artefact_record artefact; /* its SHA-256 is what they all retrieved */
    struct retrieval_record rows[RETRIEVALS_PAGE_MAX];
    size_t n;
};
MUST_USE enum err retrievals_get(struct evidence *ev, const struct principal *p,
                                 const struct uuid *artefact, const struct uuid *after,
                                 size_t limit, struct retrievals_view *out);
/* "I have deleted what I had of it." REFUSAL_NOT_FOUND: no session of the caller's;
 * REFUSAL_CONFLICT: nobody asked for it. Said again, it stands as it was said first. */
MUST_USE enum err copy_deleted(struct evidence *ev, const struct principal *p,
                               const struct uuid *artefact, const struct uuid *session,
                               struct replay *once, struct retrieval_record *out);

/* Inside a commit: asks all who have read it (deletion_request) and tells the log, if there was
 * anybody to ask. */
MUST_USE enum err copies_request(struct commit_tx *tx, const struct principal *p,
                                 enum role role, const struct artefact_record *a,
                                 const char *event_id);

#endif
