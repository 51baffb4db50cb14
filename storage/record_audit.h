/* What auditors ask of the records: the log by any combination of filters, samples drawn by
 * lot, releases from the harm rule. Conventions as in storage/records.h.
 */
#ifndef STORAGE_RECORD_AUDIT_H
#define STORAGE_RECORD_AUDIT_H

#include "storage/ledger.h"
#include "storage/records.h"

/* --- the log ------------------------------------------------------------------------------ */

struct audit_place { /* of an entry in the order of the answers: time, then number */
    int64_t time;
    uint64_t entry;
};
/* Entries that every given filter fits, in order of time and number, behind `after` (NULL: from
 * the start). Erased ones have no details and fit no filter but times. Each is cleared by the
 * caller. Every combination is a search in an index; within one claim or artefact the entries
 * are sorted. */
MUST_USE enum err audit_entries(struct db *db, const struct ledger_filter *f,
                                const struct audit_place *after, struct ledger_entry *out,
                                size_t max, size_t *n);

/* --- samples ------------------------------------------------------------------------------ */

enum { SAMPLE_SEED_MAX = 64, SAMPLE_STRATA_MAX = 80, STRATUM_MAX = 160, EXCLUDED_MAX = 300 };

struct audit_sample_record {
    struct uuid id;
    int64_t drawn_at;
    struct person by, reader;
    int64_t readable_from, readable_until; /* from <= now < until */
    int64_t from, to;                      /* of the population: from <= received_at < to */
    char kind[SHORT_TEXT_MAX + 1];         /* "": all */
    uint64_t size;                         /* as asked for */
    char seed[SAMPLE_SEED_MAX + 1];
    char strata[SAMPLE_STRATA_MAX + 1]; /* "kind,month" */
    uint64_t population_count, sample_count;
    uint8_t population_sha256[32], sample_sha256[32];
    char excluded[EXCLUDED_MAX + 1]; /* JSON: status -> how many were left out for it */
    uint64_t ledger_index;
};
struct audit_sample_item {
    struct uuid artefact;
    char stratum[STRATUM_MAX + 1];
};
/* An artefact that came in between two times. */
struct audit_candidate {
    struct uuid id;
    int64_t received_at;
    enum artefact_status status;
    char kind[SHORT_TEXT_MAX + 1], uploader_role[SHORT_TEXT_MAX + 1];
};
/* In order of receipt, behind `after` (its received_at and id; NULL: from the start). */
MUST_USE enum err audit_candidates(struct db *db, int64_t from, int64_t to,
                                   const struct audit_candidate *after,
                                   struct audit_candidate *out, size_t max, size_t *n);
MUST_USE enum err audit_sample_insert(struct db *db, const struct audit_sample_record *r,
                                      const void *population, size_t len,
                                      const struct audit_sample_item *items, size_t n);
MUST_USE enum err audit_sample_find(struct db *db, const struct uuid *id,
                                    struct audit_sample_record *out);
MUST_USE enum err audit_sample_list(struct db *db, const struct uuid *after,
                                    struct audit_sample_record *out, size_t max,
                                    size_t *n); /* newest first */
MUST_USE enum err audit_sample_items(struct db *db, const struct uuid *id,
                                     struct audit_sample_item *out, size_t max, size_t *n);
MUST_USE enum err audit_sample_population(struct db *db, const struct uuid *id,
                                          struct buf *out);
/* Whether some sample lets this reader read the artefact at `now`. */
MUST_USE enum err audit_sample_open(struct db *db, const struct uuid *artefact,
                                    const struct person *reader, int64_t now, bool *out);

/* --- the harm rule ------------------------------------------------------------------------ */

struct harm_release {
    struct uuid artefact;
    int64_t at;
    struct person by;
    char reviewer[NAME_TEXT_MAX + 1];
    char reason[REASON_MAX + 1];
    int64_t revoked_at; /* 0: it stands */
    struct person revoked_by;
    char revoked_reason[REASON_MAX + 1];
};
/* The artefact is no longer harmful. ERR_CONFLICT if it is not now. */
MUST_USE enum err harm_release_insert(struct db *db, const struct harm_release *r);
/* And is again. ERR_NOT_FOUND: nothing stands to be revoked. */
MUST_USE enum err harm_release_revoke(struct db *db, const struct harm_release *r);
/* The newest, whether it stands or not. */
MUST_USE enum err harm_release_find(struct db *db, const struct uuid *artefact,
                                    struct harm_release *out);

#endif
