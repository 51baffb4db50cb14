/* Medical reports: what is kept of one beside its artefact, and by which value it finds the
 * claim that it belongs to. Conventions as in records.h.
 *
 * `subject` is a blind index over who the patient is (made by the caller): nothing of it can be
 * read back. `sealed` is what the sender said of the patient, sealed; its meaning is the
 * caller's. */
#ifndef STORAGE_RECORD_REPORTS_H
#define STORAGE_RECORD_REPORTS_H

#include "storage/records.h"

enum { REPORT_SUBJECT_SIZE = 32, REPORT_SEALED_MAX = 64 * 1024 };

struct report_subject {
    bool known; /* false: nothing was stated that could be matched, or nobody could yet */
    uint8_t blind[REPORT_SUBJECT_SIZE];
};
struct report_record {
    struct uuid artefact;
    char form[SHORT_TEXT_MAX + 1]; /* "sr1", "ds1500" */
    bool named;                    /* its sender named the claim */
    bool waiting;                  /* it belongs to no claim yet: it is on the tray */
    bool unmatched;                /* nobody who could has looked for its claim yet */
    struct report_subject subject;
};
MUST_USE enum err report_insert(struct db *db, const struct report_record *r,
                                const void *sealed, size_t len);
MUST_USE enum err report_find(struct db *db, const struct uuid *artefact,
                              struct report_record *out);
MUST_USE enum err report_sealed(struct db *db, const struct uuid *artefact, struct buf *out);
/* It waits no longer, and its artefact is of this claim from now on, if it was of none.
 * ERR_CONFLICT: it does not wait. */
MUST_USE enum err report_settle(struct db *db, const struct uuid *artefact,
                                const struct uuid *claim);
/* What is looked for by its subject from now on. */
MUST_USE enum err report_subject_set(struct db *db, const struct uuid *artefact,
                                     const struct report_subject *subject);
/* When the artefact is disposed of: subject and sealed value go, the row stays. The bytes are
 * out of the files after a commit and db_checkpoint. No such row: ERR_OK. */
MUST_USE enum err report_forget(struct db *db, const struct uuid *artefact);

/* The tray: those that wait and can still be had, oldest first. `after` as in records.h. */
struct report_waiting {
    struct report_record report;
    struct artefact_record artefact;
};
MUST_USE enum err report_list_waiting(struct db *db, const struct uuid *after,
                                      struct report_waiting *out, size_t max, size_t *n);
/* Those that wait for this subject, oldest first. */
MUST_USE enum err report_list_subject(struct db *db, const uint8_t subject[REPORT_SUBJECT_SIZE],
                                      struct uuid *out, size_t max, size_t *n);
/* Those that wait and that nobody has looked for a claim for. */
MUST_USE enum err report_list_unmatched(struct db *db, struct uuid *out, size_t max, size_t *n);

/* Of each claim that can be found so. ERR_EXISTS: it has one. */
MUST_USE enum err claim_subject_insert(struct db *db, const struct uuid *claim,
                                       const uint8_t subject[REPORT_SUBJECT_SIZE]);
MUST_USE enum err claim_subject_list(struct db *db, const uint8_t subject[REPORT_SUBJECT_SIZE],
                                     struct uuid *out, size_t max, size_t *n);
/* ERR_NOT_FOUND: it cannot be found so. */
MUST_USE enum err claim_subject_find(struct db *db, const struct uuid *claim,
                                     uint8_t out[REPORT_SUBJECT_SIZE]);
/* Claims (in id order) that have none yet. */
MUST_USE enum err claim_subject_missing(struct db *db, const struct uuid *after,
                                        struct uuid *out, size_t max, size_t *n);

#endif
