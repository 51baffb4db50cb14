/* Evidence that is asked for, and what came of it.
 *
 *     open --- an upload names it ---> fulfilled   (takes more from whoever fulfilled it)
 *       \----- withdrawn by staff ---> withdrawn
 *
 * Who sees what: staff with a right to the claim see every request. The claimant's side sees
 * what is not under the harm rule, and the words of what is asked of them alone; a health
 * professional on the claim sees what is asked of health professionals. The words of a request
 * are about somebody's health: they stand in the database and in these views, never in the log
 * or in a message.
 */
#ifndef GATEWAY_EVIDENCE_CLAIMS_ASKING_H
#define GATEWAY_EVIDENCE_CLAIMS_ASKING_H

#include "gateway/evidence/claims/deadline.h"
#include "gateway/evidence/rules/replay.h"
#include "storage/record_requests.h"

struct asking_draft {
    char what[REQUEST_WHAT_MAX + 1];
    char kind[SHORT_TEXT_MAX + 1];      /* "": any; of a new one only */
    char from_role[SHORT_TEXT_MAX + 1]; /* of a new one only */
    bool functional;
    int64_t due;                            /* 0: none */
    bool has_what, has_functional, has_due; /* a change: which members came */
};
struct asking_view {
    struct request_record record;
    bool told;                                    /* the caller may read its words */
    struct request_item items[REQUEST_ITEMS_MAX]; /* those that the caller may see */
    size_t n_items;
    int32_t days_left; /* working days; of an open one with a due date */
    bool overdue;      /* open, and the time is over */
    bool late;         /* fulfilled after it */
};
struct asking_counts { /* of what the caller may see; withdrawn ones are not expected */
    size_t expected, received, open, overdue;
};

MUST_USE enum err asking_make(struct evidence *ev, const struct principal *p,
                              const struct uuid *claim, const struct asking_draft *draft,
                              struct replay *once, struct asking_view *out);
MUST_USE enum err asking_change(struct evidence *ev, const struct principal *p,
                                const struct uuid *claim, const struct uuid *id,
                                const struct asking_draft *draft, struct asking_view *out);
MUST_USE enum err asking_withdraw(struct evidence *ev, const struct principal *p,
                                  const struct uuid *claim, const struct uuid *id,
                                  struct asking_view *out);
/* All of a claim, newest first: at most REQUESTS_MAX. */
MUST_USE enum err asking_list(struct evidence *ev, const struct principal *p,
                              const struct uuid *claim, struct asking_view *out, size_t *n,
                              struct asking_counts *counts);

/* --- for the rooms of gateway/evidence/ --- */
MUST_USE enum err asking_count(struct db *db, const struct uuid *claim,
                               const struct principal *p, uint32_t relations,
                               struct asking_counts *out);

struct upload;
/* What an upload names: a request of this claim, still to be answered, by such a sender, of
 * this kind. Asked at the start and inside the commit; without a request, nothing. */
MUST_USE enum err upload_check_request(const struct upload *u, struct db *db);
/* Inside the commit: the artefact is what came of it. */
MUST_USE enum err upload_fulfil_request(struct upload *u, struct commit_tx *tx);

#endif
