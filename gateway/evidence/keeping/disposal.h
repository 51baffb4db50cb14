/* Destroying evidence: two people, time to think better of it, and nothing that half remains.
 *
 *      (none) --propose--> PROPOSED --approve, by another--> APPROVED --grace is over,
 *         ^                   |                                 |      no hold stands-->
 * SHREDDING
 *         +----- cancel ------+------------- cancel ------------+                           |
 *                                                                                    files
 * cleaned
 *                                                                                           v
 *                                                                                   DONE:
 * tombstone
 *
 * Only records owners. Whoever proposed does not approve, whatever roles they have. Until its
 * bytes are destroyed an artefact is what it was; a hold placed meanwhile, be it in the moment
 * of shredding, wins: each step runs inside the committer, where a hold is placed, too.
 *
 * Shredding is one commit: the header's slot is overwritten, names, digests and findings leave
 * the rows, the entries that tell the digest are erased from the log (their leaves stay), the
 * room it took is given back, and the tombstone is written and logged. From then on nothing
 * here opens it. What follows only cleans, in an order that a crash may cut anywhere, and is
 * taken up again by every tick until it is done: answers kept for clients that repeat
 * themselves, the write-ahead log, the sealed payload. docs/keeping.md says what this is worth,
 * and from when. */
#ifndef GATEWAY_EVIDENCE_KEEPING_DISPOSAL_H
#define GATEWAY_EVIDENCE_KEEPING_DISPOSAL_H

#include "gateway/evidence/rules/replay.h"
#include "storage/record_keeping.h"

#define STATUS_REASON_DISPOSED "disposed"

/* REFUSAL_CONFLICT: proposed already, held, refused or disposed of. */
MUST_USE enum err disposal_propose(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, const char *reason,
                                   struct replay *once, struct disposal_record *out);
/* REFUSAL_NOT_PERMITTED: by whoever proposed it; REFUSAL_CONFLICT: nothing is proposed, or a
 * hold stands. */
MUST_USE enum err disposal_approve(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, const char *reason,
                                   struct replay *once, struct disposal_record *out);
/* By any records owner. REFUSAL_CONFLICT: it is too late; REFUSAL_NOT_FOUND: nothing to cancel.
 */
MUST_USE enum err disposal_cancel(struct evidence *ev, const struct principal *p,
                                  const struct uuid *id, const char *reason);
MUST_USE enum err disposal_get(struct evidence *ev, const struct principal *p,
                               const struct uuid *id, struct disposal_record *out);

/* Destroys what is due and cleans up behind what was; a few at a time. Nothing is destroyed
 * while the clock has jumped ahead under the running gateway. */
void disposal_tick(struct evidence *ev);

/* --- for retention and the tests ---------------------------------------------------------- */

/* Inside a commit, permission asked before. `list`: nil, or the list that names it. */
struct disposal_order {
    const struct principal *p;
    enum role role;
    const char *reason, *policy;
    struct uuid list;
};
MUST_USE enum err disposal_propose_in(struct commit_tx *tx, const struct artefact_record *a,
                                      const struct disposal_order *order,
                                      struct disposal_record *out);
MUST_USE enum err disposal_approve_in(struct commit_tx *tx, struct evidence *ev,
                                      const struct artefact_record *a,
                                      const struct disposal_order *order,
                                      struct disposal_record *out);
/* The two halves. *shredded: false when a hold stands or it is not due. */
MUST_USE enum err disposal_shred(struct evidence *ev, const struct uuid *id, bool *shredded);
/* ERR_BUSY: a long reader is in the way of the write-ahead log; try again later. */
MUST_USE enum err disposal_clean(struct evidence *ev, const struct uuid *id);

#endif
