/* The outbox: messages to people and systems, written in the transaction of what they tell of,
 * and what became of each. And where people want to be reached. Manners as in storage/records.h.
 *
 *     waiting --> sending --> sent --> delivered       (webhook: sent is the end)
 *        ^           |          \----> failed          (told so later)
 *        \-- again --+---> failed                      (refused, or tried often enough)
 *                    \---> dropped                     (nobody may be told any more)
 *
 * A message is marked as sending before its bytes leave: what is found so after a crash may have
 * gone out, and is asked about or sent again under the same id.
 */
#ifndef STORAGE_RECORD_OUTBOX_H
#define STORAGE_RECORD_OUTBOX_H

#include "storage/records.h"

enum {
    ADDRESS_MAX = 500, CONTACTS_MAX = 32, MESSAGE_DETAIL_MAX = 80, MESSAGE_STEPS_MAX = 64, PROVIDER_ID_MAX = 64,
};

enum message_state { MESSAGE_WAITING, MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_DELIVERED, MESSAGE_FAILED, MESSAGE_DROPPED, MESSAGE_STATE_COUNT };
const char *message_state_name(enum message_state s);

struct message_record {
    struct uuid id, claim;
    char event[SHORT_TEXT_MAX + 1];    /* "artefact_received", ... */
    char channel[SHORT_TEXT_MAX + 1];  /* "webhook", "sms", "email", "letter" */
    struct person to;                  /* of a webhook: nobody */
    struct uuid about;                 /* artefact, request or assessment */
    bool harmful;                      /* of evidence under the harm rule when it was written */
    int64_t occurred_at, due;          /* due: of a request; 0: none */
    enum message_state state;
    unsigned attempts;
    int64_t next_at;                   /* when it is looked at again; 0: never */
    char provider_id[PROVIDER_ID_MAX + 1];
};
struct message_step { /* the ledger of delivery: appended, never changed */
    int64_t at;
    char what[SHORT_TEXT_MAX + 1];     /* "received", "sent", "failed", "resent", "delivered", "dropped" */
    char detail[MESSAGE_DETAIL_MAX + 1];
};
MUST_USE enum err message_insert(struct db *db, const struct message_record *m); /* with its first step */
MUST_USE enum err message_find(struct db *db, const struct uuid *id, struct message_record *out);
MUST_USE enum err message_list_due(struct db *db, int64_t now, struct message_record *out, size_t max, size_t *n); /* whose time has come, by it */
MUST_USE enum err message_list(struct db *db, const struct uuid *claim, const struct uuid *after, struct message_record *out, size_t max, size_t *n); /* newest first */
/* state, attempts, next_at, provider_id; a step with it unless `step` is NULL. ERR_CONFLICT if it is not in `from`. */
MUST_USE enum err message_change(struct db *db, const struct message_record *m, enum message_state from, const struct message_step *step);
MUST_USE enum err message_steps(struct db *db, const struct uuid *id, struct message_step out[MESSAGE_STEPS_MAX], size_t *n); /* the first of them */
/* Those that were being sent when the process ended: their time has come now. */
MUST_USE enum err message_resume(struct db *db, int64_t now);
MUST_USE enum err message_waiting(struct db *db, uint64_t *n, int64_t *oldest); /* not sent yet; 0: none */

struct contact_record {
    struct uuid claim;
    struct person person;
    char channel[SHORT_TEXT_MAX + 1];
    char address[ADDRESS_MAX + 1];     /* number, mail address, or lines of a letter */
};
MUST_USE enum err contact_replace(struct db *db, const struct uuid *claim, const struct contact_record *c, size_t n);
MUST_USE enum err contact_list(struct db *db, const struct uuid *claim, struct contact_record out[CONTACTS_MAX], size_t *n);
MUST_USE enum err contact_find(struct db *db, const struct uuid *claim, const struct person *person, const char *channel, struct contact_record *out);

#endif
