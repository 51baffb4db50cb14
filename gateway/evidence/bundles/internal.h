/* What the files of this room share: the plan (which items, by which names) and the texts made
 * from it. Not for others. */
#ifndef GATEWAY_EVIDENCE_BUNDLES_INTERNAL_H
#define GATEWAY_EVIDENCE_BUNDLES_INTERNAL_H

#include "gateway/evidence/bundles/bundle.h"
#include "gateway/evidence/rules/authority.h"

enum { BUNDLE_PATH_MAX = 200, BUNDLE_TEXT_MAX = 32 << 20 };

struct bundle_item {
    struct uuid id, assessment;
    unsigned number;     /* from 1, without a gap, documents before audio */
    unsigned first_page; /* 0: its pages are not known */
    unsigned pages;
    bool audio, receipt;
    uint64_t size, ledger_index;
    uint8_t sha256[32];
    int64_t received_at, duration_ms;
    char kind[SHORT_TEXT_MAX + 1], role[SHORT_TEXT_MAX + 1];
    char media_type[MEDIA_TYPE_MAX + 1];
    char filename[FILE_NAME_MAX + 1];
};
struct bundle_left { /* what is there and does not go in */
    struct uuid id;
    char kind[SHORT_TEXT_MAX + 1], filename[FILE_NAME_MAX + 1];
    char status[SHORT_TEXT_MAX + 1], reason[SHORT_TEXT_MAX + 1];
};
struct bundle_plan {
    struct uuid id, claim;
    char external_reference[REFERENCE_MAX + 1];
    enum purpose purpose;
    enum role role;
    bool for_claimant; /* the harm rule holds, and staff's reasons are not told */
    int64_t made_at;
    struct bundle_item *items;
    size_t n_items, room;
    struct bundle_left *left;
    size_t n_left, left_room;
    unsigned pages;
    uint64_t size; /* of all items */
};

/* Of what `access` permits. plan: all zeros; cleared by the caller, after a failure, too. */
MUST_USE enum err bundle_plan_make(struct db *db, const struct principal *p,
                                   const struct bundle_wish *wish,
                                   const struct claim_access *access, struct bundle_plan *plan);
void bundle_plan_clear(struct bundle_plan *plan);
/* Whether the item may go in now: claim, link, artefact. ERR_REFUSED if not. */
MUST_USE enum err bundle_item_check(struct db *db, const struct principal *p,
                                    enum purpose stated, const struct bundle_plan *plan,
                                    const struct uuid *artefact);

/* "documents/0001_2026-11-22_further-evidence_letter.pdf": safe on every system, and its
 * extension is the type's. */
void bundle_item_path(const struct bundle_item *i, char out[BUNDLE_PATH_MAX]);
void bundle_receipt_path(const struct bundle_item *i, char out[BUNDLE_PATH_MAX]);

MUST_USE enum err bundle_manifest_write(const struct bundle_plan *plan, struct buf *out);
MUST_USE enum err bundle_page_write(const struct bundle_plan *plan, struct buf *out);

#endif
