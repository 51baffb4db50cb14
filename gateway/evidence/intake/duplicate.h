/* The same file again: identical bytes of the same kind, about the same assessment and times,
 * sent to a claim where they are already. Nothing is stored twice; the sender gets the artefact
 * that is there, and a receipt of an entry of its own ("upload.duplicate").
 *
 * Only for a sender who may see the one that is there, as it is: what is harmful, restricted,
 * refused, disposed of or somebody's whose evidence they cannot see is no duplicate to them, or
 * the answer would tell of it. One that could not be scanned may be sent again, to be scanned
 * again.
 */
#ifndef GATEWAY_EVIDENCE_INTAKE_DUPLICATE_H
#define GATEWAY_EVIDENCE_INTAKE_DUPLICATE_H

#include "gateway/evidence/evidence.h"
#include "storage/ledger.h"

struct duplicate {
    struct artefact_record
        artefact;      /* the one that is there; claim: the one it was sent to now */
    int64_t linked_at; /* since when it stands there */
    uint64_t entry;    /* of duplicate_log */
};
/* Inside the commit of `sent`: the oldest one that it repeats. ERR_NOT_FOUND: it is new. */
MUST_USE enum err duplicate_find(struct db *db, const struct principal *p,
                                 const struct artefact_record *sent, struct duplicate *out);
/* `session`: of the upload over several requests that it was; nil: none. */
MUST_USE enum err duplicate_log(struct commit_tx *tx, const struct principal *p, enum role role,
                                const struct uuid *session, struct duplicate *d);
/* Whether the caller may still be told of it: when an answer is given again. REFUSAL_NOT_FOUND
 */
MUST_USE enum err duplicate_again(struct db *db, const struct principal *p,
                                  const struct uuid *artefact, const struct uuid *claim,
                                  struct duplicate *out);

#endif
