/* Consents: append-only records of a decision, who made it, on what statement, with a receipt.
 * A withdrawal is another record. */
#ifndef GATEWAY_EVIDENCE_CLAIMS_CONSENT_H
#define GATEWAY_EVIDENCE_CLAIMS_CONSENT_H

#include "gateway/evidence/rules/replay.h"

struct consent_result {
    bool repeated;
    struct buf receipt;
};
/* A claim takes CONSENT_CHANGES_MAX decisions; past that only one that takes a consent back, so
 * that nobody can use the room up and a withdrawal always finds a place
 * (REFUSAL_QUOTA_EXCEEDED for the rest). */
enum { CONSENTS_MAX = 400, CONSENT_CHANGES_MAX = CONSENTS_MAX / 2 };
/* decision: "given" or "withdrawn" ("granted" and "refused" are taken as well). The caller
 * gives event_id, claim, purpose, decision, statement_version, effective_at. The same event_id
 * with other content, or of somebody else: REFUSAL_CONFLICT. */
MUST_USE enum err consent_record_decision(struct evidence *ev, const struct principal *p,
                                          struct consent_record *consent, struct replay *once,
                                          struct consent_result *out);
MUST_USE enum err consent_get_all(struct evidence *ev, const struct principal *p,
                                  const struct uuid *claim, struct consent_record *out,
                                  size_t max, size_t *n);

#endif
