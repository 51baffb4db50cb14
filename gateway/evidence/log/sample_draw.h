/* Drawing by lot so that a stranger can do it again: docs/audit.md has it byte by byte.
 *
 *     rank      SHA-256(seed || ":" || id), id as 36 lower-case characters
 *     share     of a stratum of N_h among N, for a sample of n: n * N_h / N, its whole part
 * first; what is left over goes one by one to the largest remainders, among equal ones to the
 * stratum whose name is first in order of bytes drawn     the lowest ranks of each stratum;
 * strata in order of their names
 *
 * Pure: no database, no clock.
 */
#ifndef GATEWAY_EVIDENCE_LOG_SAMPLE_DRAW_H
#define GATEWAY_EVIDENCE_LOG_SAMPLE_DRAW_H

#include "storage/record_audit.h"

struct sample_member {
    struct audit_sample_item item;
    uint8_t rank[32];
};
/* Sorts `all` (by stratum, then rank) and writes the drawn ones to out, which has room for the
 * smaller of n and size. */
MUST_USE enum err sample_draw(struct sample_member *all, size_t n, uint64_t size,
                              const char *seed, struct audit_sample_item *out, size_t *drawn);
/* The text that is hashed: a line "<id> <stratum>\n" for each, in the order given. */
MUST_USE enum err sample_text(const struct audit_sample_item *item, struct buf *out);

#endif
