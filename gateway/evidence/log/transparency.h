/* The log as others see it: the checkpoint for everybody, proofs and tiles for whom the
 * permission table lets (C2SP tlog-tiles: restricted by default). */
#ifndef GATEWAY_EVIDENCE_LOG_TRANSPARENCY_H
#define GATEWAY_EVIDENCE_LOG_TRANSPARENCY_H

#include "gateway/evidence/evidence.h"

/* The newest checkpoint, with the cosignatures that it has; `cosigned`: the newest one that has
 * any, else REFUSAL_NOT_FOUND. */
MUST_USE enum err transparency_checkpoint(struct evidence *ev, bool cosigned, struct buf *note);

struct log_proof {
    uint64_t size; /* of the tree proved against; in: 0 for the newest */
    struct merkle_proof proof;
    struct buf checkpoint; /* the newest; buf_init by the caller */
};
/* Inclusion of entry `leaf`, or consistency with the tree of `from` entries; beyond the log:
 * REFUSAL_INVALID_REQUEST. */
MUST_USE enum err transparency_inclusion(struct evidence *ev, const struct principal *p,
                                         uint64_t leaf, struct log_proof *inout);
MUST_USE enum err transparency_consistency(struct evidence *ev, const struct principal *p,
                                           uint64_t from, struct log_proof *inout);
/* The hashes of the tile at a path as tlog-tiles spells it ("0/x001/067.p/5");
 * REFUSAL_NOT_FOUND. */
MUST_USE enum err transparency_tile(struct evidence *ev, const struct principal *p,
                                    const char *path, struct merkle_hash out[256],
                                    unsigned *width);

#endif
