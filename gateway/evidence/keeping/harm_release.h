/* Releases from the harm rule: a named reviewer found that the claimant may see a piece of
 * evidence. A records owner, who is not that reviewer, puts it on record; from then on it is
 * there for the claimant's side like any other, with its whole history. A release can be
 * revoked: from then on nothing tells of it again. */
#ifndef GATEWAY_EVIDENCE_KEEPING_HARM_RELEASE_H
#define GATEWAY_EVIDENCE_KEEPING_HARM_RELEASE_H

#include "gateway/evidence/rules/replay.h"
#include "storage/record_audit.h"

/* REFUSAL_CONFLICT: it is not under the rule, or was released. reviewer: a person's name or
 * number, not the caller's own subject (REFUSAL_INVALID_REQUEST). */
MUST_USE enum err harm_release(struct evidence *ev, const struct principal *p,
                               const struct uuid *id, const char *reviewer, const char *reason,
                               struct replay *once, struct harm_release *out);
MUST_USE enum err harm_revoke(struct evidence *ev, const struct principal *p,
                              const struct uuid *id, const char *reason, struct replay *once,
                              struct harm_release *out);

#endif
