/* How much may be stored: by one person, and to one claim; in bytes and in artefacts.
 *
 * Limits are for those who come in a matter of their own. A person's room is asked of
 * claimants, representatives and health professionals; a claim's room is what the claimant's
 * side (claimant, representatives) sends to it, and only they are asked for it. So nobody can
 * fill a claim for others: a doctor's report, the department's letters and a provider's
 * recordings find their place however much the claimant sent, and take up none of the
 * claimant's.
 *
 * Asked at the start with the stated length, while the bytes come, and decided inside the
 * commit, where the count is: of two uploads that race for the last place one gets it. A
 * duplicate (intake/duplicate.h) takes no room, and what is refused or disposed of later gives
 * its own back. A limit of 0 is none.
 *
 * What a person has begun over several requests and not finished (resumable/resumable.h) is
 * asked for as if it were there: its bytes, or those announced where they are more; of a
 * claim's room for those of this person that name the claim. Only the commit looks at what is
 * stored alone, so that what is all there never fails for what may never come.
 */
#ifndef GATEWAY_EVIDENCE_RULES_QUOTA_H
#define GATEWAY_EVIDENCE_RULES_QUOTA_H

#include "gateway/evidence/evidence.h"

struct quota_wish {
    enum role role; /* in which it is sent */
    const struct uuid *claim;
    uint64_t size;  /* 0: not known yet */
    uint64_t begun; /* bytes of it that are on record as begun: not asked for twice */
};
/* Is there room for one more? *left: how large it may be at the most. REFUSAL_QUOTA_EXCEEDED
 * says which limit it is. */
MUST_USE enum err quota_ask(struct evidence *ev, struct db *db, const struct principal *p,
                            const struct quota_wish *wish, uint64_t *left);
/* Inside the commit that stores it (uploader_role says in which role): asked again, and
 * counted. */
MUST_USE enum err quota_take(struct evidence *ev, struct db *db,
                             const struct artefact_record *a);
/* Inside the commit that refuses or disposes of it. */
MUST_USE enum err quota_give(struct db *db, const struct artefact_record *a);

#endif
