/* Bundles: what a claim has, as one zip archive that is made while it is sent: the byte-exact
 * originals, manifest.json (SHA-256 of each, order, pages, what is left out), the receipts and
 * an index.html to read first. docs/bundles.md is its description.
 *
 *     bundle_prepare   permission, and which items go in: nothing is opened yet
 *     bundle_open      the log has "bundle.opened" with the manifest's SHA-256
 *     bundle_read*     each item gets its own read session, named after the bundle, when its
 *                      turn comes; permission is asked again then, while it is read, and for
 *                      all of them before the archive's directory is written
 *     bundle_free      "bundle.closed" says what became of it
 *
 * What is no longer permitted ends the archive where it stands: it has no directory then, and
 * no tool takes it for a whole one. Nothing is ever left out of an archive that was begun.
 *
 * What goes to the claimant (their own copy, subject access) has nothing under the harm rule,
 * and nothing that tells of it. */
#ifndef GATEWAY_EVIDENCE_BUNDLES_BUNDLE_H
#define GATEWAY_EVIDENCE_BUNDLES_BUNDLE_H

#include "gateway/evidence/evidence.h"

enum {
    BUNDLE_ITEMS_MAX = 10000, /* of one bundle */
    BUNDLE_SELECT_MAX = 100,  /* named one by one */
    BUNDLES_MAX = 32,         /* being sent at once; rules/share.h for each person's part */
};

struct bundle_wish {
    struct uuid claim;
    enum purpose stated;      /* NONE: none was; claimants and appointees state none */
    const struct uuid *items; /* these, in this order; NULL: all, oldest first */
    size_t n_items;
};

struct bundle;
/* REFUSAL_NOT_FOUND, _NOT_AVAILABLE: one of the named items is not there, cannot be opened. */
MUST_USE enum err bundle_prepare(struct evidence *ev, const struct principal *p,
                                 const struct bundle_wish *wish, struct bundle **out);
/* Once. REFUSAL_QUOTA_EXCEEDED: too many of this person's are being sent. */
MUST_USE enum err bundle_open(struct bundle *b);
const struct uuid *bundle_id(const struct bundle *b);
/* Up to `cap` bytes of the archive; *len 0: it is whole. After an error it stays broken. */
MUST_USE enum err bundle_read(struct bundle *b, void *out, size_t cap, size_t *len);
void bundle_free(struct bundle *b);
DEFINE_AUTO(struct bundle, bundle_free);

#endif
