/* Calls that may be sent twice. A creating call that brings an Idempotency-Key has its answer
 * kept in the very transaction of its effect, and the same call gets it again:
 *
 *     replay_begin --- on record, same call ---> replay_again      the first answer
 *          |   \------ on record, another -----> REFUSAL_KEY_REUSED
 *          |    \----- still running ----------> REFUSAL_KEY_BUSY
 *          new: the domain's act runs through replay_commit, with whom the answer may be shown
 * to (replay_needs) and what it is (replay_keeps)
 *
 * A key is one client's; call and payload are in the fingerprint. Refusals and faults are not
 * kept: nothing came of them, so the call is tried anew. Keys of uploads are in the same record
 * (intake/upload.h), so that a key that made a claim is reused for a file no more than the
 * other way round. A key is remembered for policy.idempotency_ttl.
 */
#ifndef GATEWAY_EVIDENCE_RULES_REPLAY_H
#define GATEWAY_EVIDENCE_RULES_REPLAY_H

#include "gateway/base/json.h"
#include "gateway/evidence/evidence.h"

enum { REPLAY_LOCATION_MAX = 95, REPLAY_NEEDS_MAX = 2 };

/* An answer as the adapter words it: kept and given again, not understood here. */
struct replay_answer {
    int status;
    char location[REPLAY_LOCATION_MAX + 1]; /* of what was made; "" for none */
    json_t *body;                           /* a new reference */
    bool receipted; /* the receipt of this entry belongs to it, proved anew each time */
    uint64_t entry;
};
void replay_answer_clear(struct replay_answer *a);
DEFINE_AUTO_CLEAR(struct replay_answer, replay_answer_clear);

struct replay;
/* `call` (which one, of what) and `payload` make the fingerprint, byte by byte. */
MUST_USE enum err replay_begin(struct evidence *ev, const struct principal *p, const char *key,
                               const struct buf *call, const struct buf *payload,
                               struct replay **out);
void replay_free(struct replay *r);
DEFINE_AUTO(struct replay, replay_free);
bool replay_is_known(const struct replay *r);
/* The first answer, if the caller may still see what it shows: else what a foreign or missing
 * thing is answered with. `receipt` stays empty where there is none. */
MUST_USE enum err replay_again(struct replay *r, struct replay_answer *out,
                               struct buf *receipt);
/* How the answer is made from what the act has filled; called inside the commit, so it looks at
 * `ctx` and nothing else. For r NULL these do nothing. */
void replay_keeps(struct replay *r, enum err (*answer)(void *ctx, struct replay_answer *out),
                  void *ctx);

/* --- for the rooms of gateway/evidence/ --- */

/* What the caller has to be permitted whenever the answer is given again: this action on this
 * claim or artefact, or by role alone (both NULL). `hidden` is how a thing that is not theirs
 * is called. At most REPLAY_NEEDS_MAX; may be said inside the commit. */
void replay_needs(struct replay *r, enum action action, const struct uuid *claim,
                  const struct uuid *artefact, enum refusal hidden);
/* evidence_commit, and the answer kept with it. r NULL: without a key. */
MUST_USE enum err replay_commit(struct evidence *ev, struct replay *r,
                                enum err (*apply)(struct commit_tx *, void *), void *ctx);

#endif
