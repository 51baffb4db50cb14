/* What staff hide, and what the law holds.
 *
 *     available, quarantined, could_not_scan --restrict--> restricted --lift--> what it was
 *
 * A case manager or a records owner hides an artefact at once: no read, no sample, no export,
 * and a running download stops. A records owner lets it go again, and then it is judged anew: a
 * recording that the claimant opted out of stays restricted whoever hid it first, one without
 * proof of notice goes into quarantine, and what was found infected meanwhile stays. What an
 * opt-out or an inspection restricted is not lifted here at all.
 *
 * A legal hold blocks disposal and nothing else. A case manager or a records owner places it, a
 * records owner lifts it; a disposal that was waiting behind it gets its grace period again. */
#ifndef GATEWAY_EVIDENCE_KEEPING_KEEPING_H
#define GATEWAY_EVIDENCE_KEEPING_KEEPING_H

#include "gateway/evidence/rules/replay.h"
#include "storage/record_keeping.h"

#define STATUS_REASON_HIDDEN "hidden"

/* REFUSAL_CONFLICT where it is restricted already, refused or disposed of. */
MUST_USE enum err restriction_make(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, const char *reason,
                                   struct replay *once, struct restriction_record *out);
/* *after: what it is now. REFUSAL_CONFLICT where it is not staff's restriction, or must stay.
 */
MUST_USE enum err restriction_lift(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, const char *reason,
                                   enum artefact_status *after);

/* Placing it again with another reason replaces the reason; the log keeps both. *existed: it
 * stood already. REFUSAL_CONFLICT: it is disposed of, or was never stored. */
MUST_USE enum err hold_place(struct evidence *ev, const struct principal *p,
                             const struct uuid *id, const char *reason, bool *existed,
                             struct hold_record *out);
/* REFUSAL_NOT_FOUND: none stands. */
MUST_USE enum err hold_lift(struct evidence *ev, const struct principal *p,
                            const struct uuid *id, const char *reason);

#endif
