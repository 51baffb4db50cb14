/* Records of retention: when live interest in a claim ended, how long each kind is kept from
 * then on, what is due, and the lists that two people sign. Conventions as in
 * storage/records.h. */
#ifndef STORAGE_RECORD_RETENTION_H
#define STORAGE_RECORD_RETENTION_H

#include "storage/records.h"

/* --- live interest ------------------------------------------------------------------------ */
/* ended_at 0: it is alive (again). The first end counts until it is alive again. */
MUST_USE enum err interest_set(struct db *db, const struct uuid *claim, int64_t ended_at);
MUST_USE enum err interest_find(struct db *db, const struct uuid *claim, int64_t *ended_at);

/* --- the retention in force --------------------------------------------------------------- */
struct retention_row {
    char kind[SHORT_TEXT_MAX + 1];
    int64_t seconds;                 /* after live interest ended; 0: kept */
    char policy[SHORT_TEXT_MAX + 1]; /* version of the file that said so */
    uint8_t sha256[32];              /* of that file */
    int64_t since;
};
MUST_USE enum err retention_put(struct db *db, const struct retention_row *r);
MUST_USE enum err retention_find(struct db *db, const char *kind, struct retention_row *out);
MUST_USE enum err retention_list(struct db *db, struct retention_row *out, size_t max,
                                 size_t *n);

struct shortening_record { /* what a policy file wants and one person proposed */
    uint8_t sha256[32];
    char reason[REASON_MAX + 1];
    struct person by;
    int64_t at;
};
MUST_USE enum err shortening_insert(struct db *db, const struct shortening_record *s);
MUST_USE enum err shortening_find(struct db *db, const uint8_t sha256[32],
                                  struct shortening_record *out);
MUST_USE enum err shortening_remove(struct db *db, const uint8_t sha256[32]);

/* --- what is due -------------------------------------------------------------------------- */
struct due_record {
    struct uuid artefact, claim; /* claim: the one whose interest ended last */
    char kind[SHORT_TEXT_MAX + 1];
    uint64_t size;
    int64_t received_at, ended_at, due_since;
    bool held, proposed; /* a hold stands; its disposal is under way */
};
/* Those whose kind's retention, counted from the end of live interest in the last of all claims
 * they stand linked to, was over at `at`, by id behind `after`. One that is linked to a claim
 * in which interest is alive, or to none, is not due. Held ones and those under way are told,
 * too. */
struct due_question {
    int64_t at;
    const char *kind;            /* NULL: of every kind, by what is in force */
    int64_t seconds;             /* else: as if this were in force */
    const struct uuid *artefact; /* of this one alone; NULL: of all */
    struct uuid after;
};
MUST_USE enum err retention_due(struct db *db, const struct due_question *q,
                                struct due_record *out, size_t max, size_t *n);

/* --- lists -------------------------------------------------------------------------------- */
enum list_state { LIST_DRAWN, LIST_PROPOSED, LIST_APPROVED, LIST_DROPPED, LIST_STATE_COUNT };
const char *list_state_name(enum list_state s);
struct list_record {
    struct uuid id;
    enum list_state state;
    char policy[SHORT_TEXT_MAX + 1];
    uint8_t policy_sha256[32];
    uint64_t items;
    char drawn_by[ISSUER_MAX + SUBJECT_MAX + 2]; /* "<issuer>#<subject>", "local#<uid>" */
    int64_t drawn_at;
    struct person proposed_by, approved_by;
    int64_t proposed_at, approved_at;
};
MUST_USE enum err list_insert(struct db *db, const struct list_record *l);
MUST_USE enum err list_find(struct db *db, const struct uuid *id, struct list_record *out);
MUST_USE enum err list_newest(struct db *db, struct list_record *out, size_t max, size_t *n);
/* state, proposed_*, approved_*. ERR_CONFLICT if it is not in `from`. */
MUST_USE enum err list_change(struct db *db, const struct list_record *l, enum list_state from);
MUST_USE enum err list_item_insert(struct db *db, const struct uuid *list,
                                   const struct uuid *artefact, int64_t due_since);
MUST_USE enum err list_items(struct db *db, const struct uuid *list, const struct uuid *after,
                             struct uuid *out, size_t max, size_t *n);

#endif
