/* Medical reports: what is kept of one beside its artefact, and by which value it finds the
 * claim that it belongs to. Conventions as in records.h.
 *
 * A subject is a text that says who the patient is, made alike by the caller. It is kept as a
 * blind index alone (sealed.h): nothing of it can be read back. Details are what the sender
 * said of the patient, sealed; their meaning is the caller's. Where there are no keys to blind
 * with, a report waits unmatched and a claim has no row, for who has them.
 */
#ifndef STORAGE_RECORD_REPORTS_H
#define STORAGE_RECORD_REPORTS_H

#include "storage/records.h"

enum { REPORT_DETAILS_MAX = 64 * 1024 };

struct report_record {
    struct uuid artefact;
    char form[SHORT_TEXT_MAX + 1]; /* "sr1", "ds1500" */
    bool named;                    /* its sender named the claim */
    bool waiting;                  /* it belongs to no claim yet: it is on the tray */
    bool unmatched;                /* nobody who could has looked for its claim yet */
};
/* `subject`: "" for none. */
MUST_USE enum err report_insert(struct db *db, const struct report_record *r,
                                const char *subject, const void *details, size_t len);
MUST_USE enum err report_find(struct db *db, const struct uuid *artefact,
                              struct report_record *out);
/* Appends nothing where they cannot be read. */
MUST_USE enum err report_details(struct db *db, const struct uuid *artefact, struct buf *out);
/* It waits no longer, and its artefact is of this claim from now on, if it was of none.
 * ERR_CONFLICT: it does not wait. */
MUST_USE enum err report_settle(struct db *db, const struct uuid *artefact,
                                const struct uuid *claim);
/* By what it is looked for from now on. */
MUST_USE enum err report_subject_set(struct db *db, const struct uuid *artefact,
                                     const char *subject);
/* When the artefact is disposed of: subject and details go, the row stays. The bytes are out of
 * the files after a commit and db_checkpoint. No such row: ERR_OK. */
MUST_USE enum err report_forget(struct db *db, const struct uuid *artefact);

/* The tray: those that wait and can still be had, oldest first. */
struct report_waiting {
    struct report_record report;
    struct artefact_record artefact;
};
MUST_USE enum err report_list_waiting(struct db *db, const struct uuid *after,
                                      struct report_waiting *out, size_t max, size_t *n);
/* Those that wait for this subject; none without keys. */
MUST_USE enum err report_list_subject(struct db *db, const char *subject, struct uuid *out,
                                      size_t max, size_t *n);
/* Every one that waits is looked at again: claims can be found that could not before. */
MUST_USE enum err report_unmatch_waiting(struct db *db);
/* Those that nobody has looked for a claim for. */
MUST_USE enum err report_list_unmatched(struct db *db, struct uuid *out, size_t max, size_t *n);

/* How a claim is found; `subject` "" for one that cannot be. Without keys nothing is written.
 */
MUST_USE enum err claim_subject_set(struct db *db, const struct uuid *claim,
                                    const char *subject);
MUST_USE enum err claim_subject_list(struct db *db, const char *subject, struct uuid *out,
                                     size_t max, size_t *n); /* none without keys */
/* Claims that nothing is known of in this way, in id order. */
MUST_USE enum err claim_subject_missing(struct db *db, const struct uuid *after,
                                        struct uuid *out, size_t max, size_t *n);

#endif
