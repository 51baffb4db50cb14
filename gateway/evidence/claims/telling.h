/* What is told to whom: messages are written to the outbox in the very commit of what they tell
 * of, and sent by gateway/notify/.
 *
 * A message says that something happened, on which claim, and when; by when something is due.
 * It has no file name, no kind, no reason, no word of anybody's.
 *
 *     the webhook (the department's own system)   everything, by ids
 *     people, where they want to be reached       what they may see: the claimant and who acts
 *                                                 for them now; never of evidence under the
 * harm rule. Health professionals: what is asked of them
 *
 * Whether a person may be told is asked when the message is written, and again when it is sent.
 */
#ifndef GATEWAY_EVIDENCE_CLAIMS_TELLING_H
#define GATEWAY_EVIDENCE_CLAIMS_TELLING_H

#include "storage/record_outbox.h"

struct evidence;
struct principal;

struct telling_policy {
    bool webhook;
    uint8_t channels[MESSAGE_EVENT_COUNT]; /* by event: bits of enum message_channel */
};

struct telling {
    enum message_event event;
    struct uuid claim, about;
    bool harmful;
    bool own_side;     /* the claimant's side is told ... */
    bool professional; /* ... or the health professionals on the claim */
    int64_t due;
};
/* Inside a commit. */
MUST_USE enum err telling_write(const struct telling_policy *p, struct db *db,
                                const struct telling *t);
/* Of an artefact that came, or whose status changed from `before`: whatever there is to tell.
 */
MUST_USE enum err telling_received(const struct telling_policy *p, struct db *db,
                                   const struct artefact_record *a);
MUST_USE enum err telling_status(const struct telling_policy *p, struct db *db,
                                 const struct artefact_record *before,
                                 enum artefact_status after);
/* Every few seconds: requests that have become due soon. */
void telling_tick(struct evidence *ev);
/* Before it is sent: whether its receiver may still be told. */
MUST_USE enum err telling_stands(struct db *db, const struct message_record *m, bool *out);

/* --- where people want to be reached, and what was sent ------------------------------------
 */
MUST_USE enum err contacts_set(struct evidence *ev, const struct principal *p,
                               const struct uuid *claim, struct contact_record *contacts,
                               size_t n);
MUST_USE enum err contacts_get(struct evidence *ev, const struct principal *p,
                               const struct uuid *claim, struct contact_record *out, size_t *n);
struct message_view {
    struct message_record record;
    struct message_step steps[MESSAGE_STEPS_MAX];
    size_t n_steps;
};
/* Newest first. Rows by the caller (heap), at least `limit` of them. */
MUST_USE enum err messages_list(struct evidence *ev, const struct principal *p,
                                const struct uuid *claim, const struct uuid *after,
                                size_t limit, struct message_view *out, size_t *n);

#endif
