/* A claim kept by one member of staff while evidence is awaited.
 *
 * While a lease stands, nobody else takes one (REFUSAL_CLAIM_LEASED says in which role it is
 * held and until when), and no other assessor begins an assessment of the claim. It blocks
 * nothing else: no reading, no evidence, nothing of the claimant's side. It ends by itself at
 * its time, when its owner gives it up, or when a case manager takes it over or ends it, which
 * the log says with whose it was.
 */
#ifndef GATEWAY_EVIDENCE_CLAIMS_LEASE_H
#define GATEWAY_EVIDENCE_CLAIMS_LEASE_H

#include "gateway/evidence/evidence.h"
#include "storage/record_requests.h"

struct lease_view {
    struct lease_record record;
    bool stands, mine;
    bool named; /* the caller may know who holds it */
};

/* until: in the future, and not later than the setting lets it be. The owner's own is renewed.
 */
MUST_USE enum err lease_take(struct evidence *ev, const struct principal *p,
                             const struct uuid *claim, const char *reason, int64_t until,
                             struct lease_view *out);
/* REFUSAL_NOT_FOUND where none stands. */
MUST_USE enum err lease_release(struct evidence *ev, const struct principal *p,
                                const struct uuid *claim);

/* --- for the rooms of gateway/evidence/ --- */
MUST_USE enum err lease_look(struct db *db, const struct uuid *claim, const struct principal *p,
                             uint32_t relations, struct lease_view *out);
/* Refuses an assessor while another holds the claim. */
MUST_USE enum err lease_lets_pass(struct db *db, const struct uuid *claim,
                                  const struct principal *p, enum role role);

#endif
