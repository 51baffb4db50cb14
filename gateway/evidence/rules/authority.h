/* How a caller stands to a claim: claimant, appointee, other party, assigned staff, uploader.
 * Authority has a beginning and an end and is asked when an act starts and again inside its
 * commit. */
#ifndef GATEWAY_EVIDENCE_RULES_AUTHORITY_H
#define GATEWAY_EVIDENCE_RULES_AUTHORITY_H

#include "gateway/evidence/evidence.h"

/* bits of enum relation for this action; `now` in micros decides about ended authority. A
 * representative whose scope does not cover the action, and a claimant who died, are REL_BOUND
 * (party.h). */
MUST_USE enum err authority_for(struct db *db, const struct claim_record *claim,
                                const struct principal *p, enum action action, int64_t now,
                                uint32_t *relations);
/* The same for reading evidence. */
MUST_USE enum err authority_on_claim(struct db *db, const struct claim_record *claim,
                                     const struct principal *p, int64_t now,
                                     uint32_t *relations);
/* A representative, who may send: evidence of this kind as well (REFUSAL_NOT_PERMITTED)? */
MUST_USE enum err authority_sends_kind(struct db *db, const struct uuid *claim,
                                       const struct principal *p, const char *kind);
/* For reading, over all claims the artefact stands linked to; REL_UPLOADER for one's own,
 * REL_SAMPLED for what an open sample has of somebody else's. */
MUST_USE enum err authority_on_artefact(struct db *db, const struct artefact_record *a,
                                        const struct principal *p, int64_t now,
                                        uint32_t *relations);

/* Finds the claim and asks the permission table: REFUSAL_CLAIM_NOT_FOUND for a missing and for
 * a foreign one alike, REFUSAL_NOT_PERMITTED for a role without the action. *role and
 * *relations may be NULL. */
MUST_USE enum err authority_claim(struct db *db, const struct uuid *id,
                                  const struct principal *p, enum action action,
                                  struct claim_record *claim, uint32_t *relations,
                                  enum role *role);
/* The same for what is done with a claim for a stated purpose (REFUSAL_PURPOSE_REQUIRED). On a
 * refusal *out has the claim if there is one, else all zeros. */
struct claim_access {
    struct claim_record claim;
    uint32_t relations;
    enum role role;
    enum purpose purpose;
};
MUST_USE enum err authority_claim_for(struct db *db, const struct uuid *id,
                                      const struct principal *p, enum action action,
                                      enum purpose stated, struct claim_access *out);
/* The same for an artefact, with status, harm rule and purpose (REFUSAL_NOT_FOUND,
 * _NOT_PERMITTED, _PURPOSE_REQUIRED, _NOT_AVAILABLE). */
struct artefact_access {
    struct artefact_record artefact;
    uint32_t relations;
    enum role role;
    enum purpose purpose;
};
MUST_USE enum err authority_artefact(struct db *db, const struct uuid *id,
                                     const struct principal *p, enum action action,
                                     enum purpose stated, struct artefact_access *out);
/* For what is about no claim and no artefact: REFUSAL_NOT_PERMITTED. *role may be NULL. */
MUST_USE enum err authority_role(const struct principal *p, enum action action,
                                 enum role *role);
/* Whether a harmful artefact that the caller sent themselves is there for them: by the role
 * they come with, never as claimant or representative. Lists and histories ask. */
bool authority_sees_own_harmful(const struct principal *p, uint32_t relations);
/* What a verdict of the table tells the caller; `hidden` is how a thing that is not theirs is
 * called. */
MUST_USE enum err authority_refuse(enum permission v, enum refusal hidden);

#endif
