/* Inspection of what is stored: what could not be inspected when it came, and what is looked at
 * again because the scanner knows more now.
 *
 * What is due is read with the key that was sealed for it, so that it needs no identity and
 * goes on after a restart. Everything else is opened by the keeper, after an entry
 * "inspection.opened" with purpose "rescan"; no log entry, no key.
 *
 * An outcome is committed with its status and an entry "inspection.done". A rescan never makes
 * anything available that a rule other than the inspection keeps back, and releases nothing
 * that was found infected before.
 */
#ifndef GATEWAY_EVIDENCE_INSPECTION_RESCAN_H
#define GATEWAY_EVIDENCE_INSPECTION_RESCAN_H

#include "gateway/evidence/evidence.h"
#include "gateway/evidence/inspection/findings.h"
#include "gateway/evidence/reading/opener.h"

#define RESCAN_ACTOR "evidence-gateway#rescan" /* of what the gateway opens by itself */

struct rescan_parts { /* borrowed */
    struct db_pool *db;
    struct ledger *ledger;
    struct committer *committer;
    struct blob_store *blobs;
    struct keeper *keeper;
    const struct kinds *kinds;
    struct inspectors *inspectors;
    struct opener_pool *openers;
    const struct secret *intake_key; /* NULL: only by the keeper */
    struct inspection_policy policy;
    struct telling_policy telling;
    bool intake_only; /* its keeper opens nothing */
};

struct rescan_result {
    struct verdict verdict;
    enum artefact_status before, after;
    bool skipped; /* nothing of it is to be opened, or it has gone */
};
/* One stored artefact by way of the keeper; `actor` stands in the entries. What could not be
 * scanned for trouble that may pass changes nothing. */
MUST_USE enum err rescan_artefact(const struct rescan_parts *parts, const struct uuid *id,
                                  const char *actor, const _Atomic bool *stop,
                                  struct rescan_result *out);
/* The id that sorts before all that are made from `micros` on. */
struct uuid rescan_since(int64_t micros);

struct rescan;
/* The thread that does what is due, and what is recent when signatures change. */
MUST_USE enum err rescan_start(const struct rescan_parts *parts, struct rescan **out);
void rescan_stop(struct rescan *r); /* what it is at is left for the next start */

struct rescan_stats {
    uint64_t due, done, rescanned, found;
    int64_t oldest; /* since when the oldest waits; 0: none */
};
MUST_USE enum err rescan_stats(struct rescan *r, struct rescan_stats *out);

#endif
