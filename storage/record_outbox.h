/* The outbox: messages to people and systems, written in the transaction of what they tell of,
 * and what became of each. And where people want to be reached. Manners as in storage/records.h.
 *
 *     waiting --> sending --> sent --> delivered       (webhook: sent is the end)
 *        ^           |          \----> failed          (told so later)
 *        \-- again --+---> failed                      (refused, or tried often enough)
 *                    \---> dropped                     (nobody may be told any more)
 *
 * A message is marked as sending before its bytes leave, until a time: what is found so behind
 * it may have gone out before a crash, and is asked about or sent again under the same id.
 */
#ifndef STORAGE_RECORD_OUTBOX_H
#define STORAGE_RECORD_OUTBOX_H

#include "storage/records.h"

enum {
    ADDRESS_MAX = 500, CONTACTS_MAX = 32, MESSAGE_DETAIL_MAX = 80, MESSAGE_STEPS_MAX = 64, PROVIDER_ID_MAX = 64,
};

/* What is told of. X(code, name) */
#define MESSAGE_EVENT_TABLE(X)                                                                                   \
    X(MESSAGE_ARTEFACT_RECEIVED, "artefact_received")                                                             \
    X(MESSAGE_ARTEFACT_AVAILABLE, "artefact_available")                                                           \
    X(MESSAGE_ARTEFACT_REFUSED, "artefact_refused")     /* after it had been received */                          \
    X(MESSAGE_EVIDENCE_REQUESTED, "evidence_requested")                                                           \
    X(MESSAGE_REQUEST_DUE_SOON, "request_due_soon")                                                               \
    X(MESSAGE_CHOICE_RECORDED, "recording_choice_recorded")

enum message_event {
#define X(code, name) code,
    MESSAGE_EVENT_TABLE(X)
#undef X
        MESSAGE_EVENT_COUNT
};
enum message_channel { MESSAGE_WEBHOOK, MESSAGE_SMS, MESSAGE_EMAIL, MESSAGE_LETTER, MESSAGE_CHANNEL_COUNT };
const char *message_event_name(enum message_event e);
const char *message_channel_name(enum message_channel c); /* "webhook", "sms", "email", "letter" */
MUST_USE enum err message_event_parse(const char *name, enum message_event *out);
MUST_USE enum err message_channel_parse(const char *name, enum message_channel *out);

enum message_state { MESSAGE_WAITING, MESSAGE_SENDING, MESSAGE_SENT, MESSAGE_DELIVERED, MESSAGE_FAILED, MESSAGE_DROPPED, MESSAGE_STATE_COUNT };
const char *message_state_name(enum message_state s);

struct message_record {
    struct uuid id, claim;
    enum message_event event;
    enum message_channel channel;
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
/* Whose time has come, by it: those of the webhook, or all others. */
MUST_USE enum err message_list_due(struct db *db, bool webhook, int64_t now, struct message_record *out, size_t max, size_t *n);
MUST_USE enum err message_list(struct db *db, const struct uuid *claim, const struct uuid *after, struct message_record *out, size_t max, size_t *n); /* newest first */
/* state, attempts, next_at, provider_id; a step with it unless `step` is NULL. ERR_CONFLICT if it is not in `from`. */
MUST_USE enum err message_change(struct db *db, const struct message_record *m, enum message_state from, const struct message_step *step);
MUST_USE enum err message_steps(struct db *db, const struct uuid *id, struct message_step out[MESSAGE_STEPS_MAX], size_t *n); /* the first of them */
MUST_USE enum err message_waiting(struct db *db, uint64_t *n, int64_t *oldest); /* not sent yet; 0: none */

struct contact_record {
    struct uuid claim;
    struct person person;
    enum message_channel channel;      /* not the webhook */
    char address[ADDRESS_MAX + 1];     /* number, mail address, or lines of a letter */
};
MUST_USE enum err contact_replace(struct db *db, const struct uuid *claim, const struct contact_record *c, size_t n);
MUST_USE enum err contact_list(struct db *db, const struct uuid *claim, struct contact_record out[CONTACTS_MAX], size_t *n);
MUST_USE enum err contact_find(struct db *db, const struct uuid *claim, const struct person *person, enum message_channel channel, struct contact_record *out);

#endif
