/* Records of keeping: what staff hide, what the law holds, what is to be destroyed and what
 * was. Conventions as in storage/records.h. */
#ifndef STORAGE_RECORD_KEEPING_H
#define STORAGE_RECORD_KEEPING_H

#include "storage/records.h"

/* --- restriction by staff ----------------------------------------------------------------- */
struct restriction_record { /* while it stands; the log has those that ended */
    struct uuid artefact;
    enum artefact_status before; /* it goes back to this, if nothing stands against it */
    char before_reason[SHORT_TEXT_MAX + 1];
    char reason[REASON_MAX + 1];
    struct person by;
    int64_t at;
};
MUST_USE enum err restriction_insert(struct db *db, const struct restriction_record *r);
MUST_USE enum err restriction_find(struct db *db, const struct uuid *artefact,
                                   struct restriction_record *out);
MUST_USE enum err restriction_remove(struct db *db, const struct uuid *artefact);

/* --- legal hold --------------------------------------------------------------------------- */
struct hold_record { /* while it stands */
    struct uuid artefact;
    char reason[REASON_MAX + 1];
    struct person by;
    int64_t at;
};
MUST_USE enum err hold_put(struct db *db, const struct hold_record *h); /* insert or replace */
MUST_USE enum err hold_find(struct db *db, const struct uuid *artefact,
                            struct hold_record *out);
MUST_USE enum err hold_remove(struct db *db, const struct uuid *artefact);

/* --- disposal ----------------------------------------------------------------------------- */
enum disposal_state { /* the diagram stands in gateway/evidence/keeping/disposal.h */
                      DISPOSAL_PROPOSED,
                      DISPOSAL_APPROVED,
                      DISPOSAL_SHREDDING, /* the header is gone; files are still to be cleaned
                                           */
                      DISPOSAL_DONE,
                      DISPOSAL_STATE_COUNT
};
const char *disposal_state_name(enum disposal_state s); /* "proposed", ... */

struct disposal_record { /* and at its end the tombstone */
    struct uuid artefact;
    enum disposal_state state;
    struct uuid list; /* of the retention; nil: proposed by itself */
    char reason[REASON_MAX + 1];
    char policy[SHORT_TEXT_MAX + 1]; /* version of the policy in force */
    struct person proposed_by, approved_by;
    int64_t proposed_at, approved_at, due_at, shredded_at, finished_at;
    int64_t backups_until;  /* from then on no backup holds a header that opens it */
    uint64_t upload_entry;  /* in the log: what is left of the digest is its leaf */
    uint8_t commitment[32]; /* of that entry; zeros until it is shredded */
};
MUST_USE enum err disposal_insert(struct db *db, const struct disposal_record *d);
MUST_USE enum err disposal_find(struct db *db, const struct uuid *artefact,
                                struct disposal_record *out);
/* All but artefact, list, reason, proposed_*. ERR_CONFLICT if it is not in `from`. */
MUST_USE enum err disposal_change(struct db *db, const struct disposal_record *d,
                                  enum disposal_state from);
/* Only PROPOSED and APPROVED ones; ERR_NOT_FOUND. */
MUST_USE enum err disposal_remove(struct db *db, const struct uuid *artefact);
/* Those that wait for work: SHREDDING ones, and APPROVED ones with due_at <= now on which no
 * hold stands, the longest due first. */
MUST_USE enum err disposal_list_due(struct db *db, int64_t now, struct disposal_record *out,
                                    size_t max, size_t *n);

/* --- destroying --------------------------------------------------------------------------- */
/* Inside the commit that destroys: header, names, digests, findings, the outline of the sound,
 * what waits to be inspected, releases, restriction. Status and reason are set. What is left is
 * who sent what kind of thing when, and how large it was. */
MUST_USE enum err artefact_shred(struct db *db, const struct uuid *artefact,
                                 const char *reason);
/* What else repeats its name, kept for clients that come back: what was said of its upload, and
 * answers that show it (rows of idempotency_keys). Found by a reader, removed by the writer; at
 * most `max` at a time. An answer that nobody can open any more is none. */
MUST_USE enum err trace_list_uploads(struct db *db, const struct uuid *artefact,
                                     struct uuid *out, size_t max, size_t *n);
MUST_USE enum err trace_remove_upload(struct db *db, const struct uuid *upload);
MUST_USE enum err trace_list_answers(struct db *db, const struct uuid *artefact, int64_t *out,
                                     size_t max, size_t *n);
MUST_USE enum err trace_remove_answer(struct db *db, int64_t row);
/* The leaf's commitment of an entry of the log. */
MUST_USE enum err ledger_commitment(struct db *db, uint64_t index, uint8_t out[32]);

#endif
