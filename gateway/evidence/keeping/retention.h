/* How long evidence is kept, and how what is due goes.
 *
 * The policy file (rules/kinds.h) says for each kind how long it is kept after live interest
 * ended. Live interest in a claim ends when the claims system says that it is in the closed
 * stage, and begins again when it says another; an artefact is due when the time is over for
 * the last of all claims it stands linked to. One that is linked to a claim that is alive, or
 * to none, is never due.
 *
 * In force is the longest that the file ever said: longer takes effect at the start that reads
 * it; shorter only after one records owner proposed and another agreed, by the digest of the
 * very file. What is due is destroyed by list: drawn up, proposed by one records owner,
 * approved by another, each item then on the road of disposal.h with its grace period. A claim
 * that comes alive again, or a hold, takes its items off that road at any moment. */
#ifndef GATEWAY_EVIDENCE_KEEPING_RETENTION_H
#define GATEWAY_EVIDENCE_KEEPING_RETENTION_H

#include "gateway/evidence/rules/replay.h"
#include "storage/record_retention.h"

enum { RETENTION_LIST_MAX = 500 }; /* items of one list; another takes the rest */

/* Inside the commit that changes a claim's stage. */
MUST_USE enum err retention_stage(struct evidence *ev, struct db *db, const struct uuid *claim,
                                  const char *stage);
/* At the start: what the file says longer, or says of a new kind, is in force from now on. */
MUST_USE enum err retention_adopt(struct evidence *ev);

struct retention_view { /* of one kind */
    struct retention_row in_force;
    bool wanted; /* the file says it shorter */
    int64_t wanted_s;
};
struct retention_policy {
    char version[SHORT_TEXT_MAX + 1]; /* of the file */
    uint8_t sha256[32];
    struct retention_view kinds[KINDS_MAX];
    size_t n;
    bool proposed; /* somebody proposed that the shorter ones be in force */
    struct shortening_record proposal;
};
MUST_USE enum err retention_get(struct evidence *ev, const struct principal *p,
                                struct retention_policy *out);
/* `sha256` names the file that was read. REFUSAL_CONFLICT: it is another one, it shortens
 * nothing, or (propose) it is proposed already. */
MUST_USE enum err retention_shorten_propose(struct evidence *ev, const struct principal *p,
                                            const uint8_t sha256[32], const char *reason,
                                            struct replay *once);
/* REFUSAL_NOT_PERMITTED: by whoever proposed it. */
MUST_USE enum err retention_shorten_approve(struct evidence *ev, const struct principal *p,
                                            const uint8_t sha256[32], struct replay *once);

/* A dry run: what would go at `at`, held ones and those under way marked. Changes nothing. With
 * `wanted` and a kind: as if what the file wants were in force. */
MUST_USE enum err retention_look(struct evidence *ev, const struct principal *p, bool wanted,
                                 const char *kind, int64_t at, const struct uuid *after,
                                 struct due_record *out, size_t max, size_t *n);
/* Draws up what is due now, neither held nor under way, and proposes it. REFUSAL_CONFLICT:
 * nothing is due. */
MUST_USE enum err retention_draw(struct evidence *ev, const struct principal *p,
                                 const char *reason, struct replay *once,
                                 struct list_record *out);
/* The next signature: a drawn list is proposed by it, a proposed one approved, by another
 * person (REFUSAL_NOT_PERMITTED). Items that are no longer due, or held, are left out: *left.
 */
MUST_USE enum err retention_sign(struct evidence *ev, const struct principal *p,
                                 const struct uuid *list, struct replay *once,
                                 struct list_record *out, size_t *left);
/* All items whose bytes are not destroyed yet are kept. */
MUST_USE enum err retention_drop(struct evidence *ev, const struct principal *p,
                                 const struct uuid *list, const char *reason);
struct list_view {
    struct list_record list;
    struct uuid items[RETENTION_LIST_MAX];
    size_t n;
};
MUST_USE enum err retention_list_get(struct evidence *ev, const struct principal *p,
                                     const struct uuid *id, struct list_view *out);
MUST_USE enum err retention_lists(struct evidence *ev, const struct principal *p,
                                  struct list_record *out, size_t max, size_t *n);

/* For the command: inside its own commit. No disposal begins: nobody has signed. ERR_NOT_FOUND:
 * nothing is due. */
MUST_USE enum err retention_draw_in(struct commit_tx *tx, const char *actor,
                                    const struct kinds *kinds, struct list_record *out);
/* What the caller may not see of a list or a dry run is not there. */
MUST_USE enum err retention_may_see(struct db *db, const struct principal *p,
                                    const struct uuid *id, bool *out);
/* Is it due still (inside a commit)? */
MUST_USE enum err retention_still_due(struct db *db, const struct uuid *artefact, bool *out);

#endif
