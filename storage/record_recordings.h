/* Who has read a recording, which copies are to be deleted, and what went wrong: see records.h
 * for the manner. */
#ifndef STORAGE_RECORD_RECORDINGS_H
#define STORAGE_RECORD_RECORDINGS_H

#include "storage/records.h"

struct retrieval_record {
    struct read_session_record session;
    int64_t deletion_requested_at, deletion_confirmed_at; /* 0: not */
};
/* The read sessions of an artefact, newest first; `actor` NULL: everybody's. */
MUST_USE enum err retrieval_list(struct db *db, const struct uuid *artefact,
                                 const struct person *actor, const struct uuid *after,
                                 struct retrieval_record *out, size_t max, size_t *n);
MUST_USE enum err retrieval_find(struct db *db, const struct uuid *session,
                                 struct retrieval_record *out);
/* Asks for the copies of all who have read it and were not asked yet, but for those who read
 * for this purpose; *n: how many. */
MUST_USE enum err deletion_request(struct db *db, const struct uuid *artefact,
                                   const char *but_purpose, int64_t at, uint64_t *n);
/* ERR_NOT_FOUND: not asked for, or confirmed already. */
MUST_USE enum err deletion_confirm(struct db *db, const struct uuid *session, int64_t at);

enum { INCIDENT_OUTCOME_MAX = REASON_MAX };
struct incident_record {
    struct uuid id;
    char kind[SHORT_TEXT_MAX + 1]; /* "recorded-against-opt-out" */
    struct uuid claim, assessment, artefact;
    char event_id[EVENT_ID_MAX + 1];
    int64_t raised_at;
    uint64_t ledger_index;
    int64_t reviewed_at; /* 0: nobody has yet */
    struct person reviewer;
    char outcome[INCIDENT_OUTCOME_MAX + 1];
};
MUST_USE enum err incident_insert(struct db *db, const struct incident_record *r);
MUST_USE enum err incident_find(struct db *db, const struct uuid *id,
                                struct incident_record *out);
/* Oldest first. */
MUST_USE enum err incident_list(struct db *db, bool open_only, const struct uuid *after,
                                struct incident_record *out, size_t max, size_t *n);
MUST_USE enum err incident_list_assessment(struct db *db, const struct uuid *assessment,
                                           struct incident_record *out, size_t max, size_t *n);
/* reviewed_at, reviewer, outcome. ERR_NOT_FOUND: there is none that waits. */
MUST_USE enum err incident_review(struct db *db, const struct incident_record *r);

#endif
