/* What the files of rescan.h share: rescan.c (one artefact), rescan_worker.c (the thread). */
#ifndef GATEWAY_EVIDENCE_INSPECTION_RESCAN_INTERNAL_H
#define GATEWAY_EVIDENCE_INSPECTION_RESCAN_INTERNAL_H

#include "gateway/evidence/inspection/rescan.h"

struct judging { /* a verdict becomes record, status and entry */
    const struct rescan_parts *parts;
    const char *actor;
    struct uuid id;
    bool due; /* it has to be one that is still due; its row goes in any case */
    const struct verdict *verdict;
    unsigned attempts;
    struct artefact_record artefact; /* as it was */
    enum artefact_status after;
    char reason[SHORT_TEXT_MAX + 1];
};
MUST_USE enum err judging_apply(struct commit_tx *tx, void *ctx);

MUST_USE enum err rescan_commit(const struct rescan_parts *parts,
                                enum err (*apply)(struct commit_tx *, void *), void *ctx,
                                bool unlogged);
/* The whole of it through an inspector. */
MUST_USE enum err rescan_read(const struct rescan_parts *parts, const struct artefact_record *a,
                              const struct blob_reader *blob, const uint8_t *key,
                              const _Atomic bool *stop, struct verdict *out);

#endif
