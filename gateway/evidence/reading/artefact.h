/* Artefacts without their content: metadata, lists, links between an artefact and claims,
 * receipts. */
#ifndef GATEWAY_EVIDENCE_READING_ARTEFACT_H
#define GATEWAY_EVIDENCE_READING_ARTEFACT_H

#include "gateway/evidence/claims/waiting.h"
#include "gateway/evidence/rules/replay.h"
#include "storage/record_keeping.h"

struct artefact_view {
    struct artefact_record record;
    bool mine; /* the caller sent it */
    struct link_record links[LINKS_MAX];
    size_t n_links;
    bool inspected;
    struct inspection_record inspection; /* the newest */
    bool staff; /* the caller sees who decided what about it, and why */
    struct artefact_times times; /* staff's: when it could be considered, and was */
    bool hidden, held, disposing;
    struct restriction_record restriction; /* staff's; `hidden` */
    struct hold_record hold;
    struct disposal_record disposal; /* under way, or what is left of it */
};
MUST_USE enum err artefact_get(struct evidence *ev, const struct principal *p,
                               const struct uuid *id, struct artefact_view *out);
/* For who has asked already, in a transaction of theirs: the view of what `access` says. */
struct artefact_access;
MUST_USE enum err artefact_view_in(struct db *db, const struct principal *p,
                                   const struct artefact_access *access,
                                   struct artefact_view *out);
struct artefact_query {
    const char *kind; /* NULL: any */
    bool by_status;
    enum artefact_status status;
    struct uuid after;
    size_t limit;
};
/* Of one claim, newest first, the harm rule applied. Rows by the caller (heap), at least
 * q->limit of them. */
MUST_USE enum err artefact_find_all(struct evidence *ev, const struct principal *p,
                                    const struct uuid *claim, const struct artefact_query *q,
                                    struct artefact_record *out, size_t *n);
MUST_USE enum err artefact_receipt(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, struct buf *out);

/* Moves it from the wrong claim to the right one: both links change in one commit, for one
 * reason. REFUSAL_CONFLICT: it does not stand linked to `from`. */
MUST_USE enum err artefact_move(struct evidence *ev, const struct principal *p,
                                const struct uuid *id, const struct uuid *from,
                                const struct uuid *claim, const char *reason,
                                struct replay *once, struct artefact_view *out);
/* Links the artefact to a further claim, or takes such a link away (the one to the claim it was
 * sent to may be taken away once another stands: a move). Both claims' histories show it. */
MUST_USE enum err artefact_link(struct evidence *ev, const struct principal *p,
                                const struct uuid *id, const struct uuid *claim,
                                const char *reason, struct replay *once,
                                struct artefact_view *out);
MUST_USE enum err artefact_unlink(struct evidence *ev, const struct principal *p,
                                  const struct uuid *id, const struct uuid *claim,
                                  const char *reason);

#endif
