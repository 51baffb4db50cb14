/* Samples for an audit: drawn by lot from what came in between two times, frozen, announced.
 *
 *     drawn ---- policy.audit_notice ----> readable by the named auditor ----
 * policy.audit_reading | | "audit.sampled" in the log, with the hashes of population and sample
 * closed
 *
 * The population is what is available at that moment; what is restricted, in quarantine,
 * refused or disposed is counted by its status and not drawn. Harmful evidence is in it:
 * auditors see it. Evidence that is restricted later stays in the sample and is no longer
 * readable. Content is read for purpose=audit by way of an open sample alone
 * (rules/authority.h), and never by who sent it.
 */
#ifndef GATEWAY_EVIDENCE_LOG_SAMPLE_H
#define GATEWAY_EVIDENCE_LOG_SAMPLE_H

#include "gateway/evidence/rules/replay.h"
#include "storage/record_audit.h"

enum { SAMPLE_SIZE_MAX = 1000, SAMPLE_POPULATION_MAX = 100000, SAMPLE_STRATA_COUNT = 3 };
#define SAMPLE_POPULATION_TEXT_MAX                                                             \
    ((size_t)SAMPLE_POPULATION_MAX * (UUID_TEXT_SIZE + STRATUM_MAX + 1))

struct audit_sample {
    struct audit_sample_record record;
    struct audit_sample_item *items; /* record.sample_count; freed by audit_sample_clear */
};
void audit_sample_clear(struct audit_sample *s);
DEFINE_AUTO_CLEAR(struct audit_sample, audit_sample_clear);

/* record: from, to, kind, size, seed, strata (names of STRATUM_TABLE, comma between) and reader
 * (empty: who draws) are the caller's; the rest is told. REFUSAL_INVALID_REQUEST: nothing to
 * draw from, or a population beyond SAMPLE_POPULATION_MAX; REFUSAL_CONFLICT: evidence in the
 * sample stopped being available while it was drawn. */
MUST_USE enum err audit_sample_create(struct evidence *ev, const struct principal *p,
                                      struct replay *once, struct audit_sample *inout);
/* Those who may be audited see what was drawn, too: that is the announcement. */
MUST_USE enum err audit_sample_get(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, struct audit_sample *out);
MUST_USE enum err audit_sample_get_population(struct evidence *ev, const struct principal *p,
                                              const struct uuid *id, struct buf *out);
/* Newest first, without their items. */
MUST_USE enum err audit_sample_get_all(struct evidence *ev, const struct principal *p,
                                       const struct uuid *after,
                                       struct audit_sample_record *out, size_t max, size_t *n);

#endif
