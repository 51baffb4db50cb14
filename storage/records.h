/* Records: one struct and a few verbs for each noun of the domain; the only place with SQL (storage/record_*.c).
 *
 * Texts are fixed arrays with named maxima, UTF-8, "" for absent. Times are microseconds (0 for absent).
 * find_* return ERR_NOT_FOUND. insert_* return ERR_EXISTS on a taken key, ERR_CONFLICT where what they refer to is not there,
 * ERR_TOO_LARGE beyond a maximum. A row that does not fit its record is ERR_CORRUPT. Functions that write want the writer.
 * Lists are filled from a cursor: `after` is the last id of the page before (nil: from the start), *n is at most `max`.
 */
#ifndef STORAGE_RECORDS_H
#define STORAGE_RECORDS_H

#include "gateway/base/buf.h"
#include "gateway/base/uuid.h"
#include "storage/db.h"

enum {
    ISSUER_MAX = 255, SUBJECT_MAX = 255, REFERENCE_MAX = 64, NAME_TEXT_MAX = 200, SHORT_TEXT_MAX = 40, REASON_MAX = 500,
    FILE_NAME_MAX = 255, DESCRIPTION_MAX = 1000, MEDIA_TYPE_MAX = 127, EVENT_ID_MAX = 64, PARTIES_MAX = 32, ASSIGNED_MAX = 16,
    DATE_TEXT = 10, NINO_MAX = 9, LINKS_MAX = 64, PAGE_MAX = 200,
};

struct person { /* issuer + subject */
    char issuer[ISSUER_MAX + 1];
    char subject[SUBJECT_MAX + 1];
};

/* --- claims ------------------------------------------------------------------------------- */
struct claim_record {
    struct uuid id;
    char external_reference[REFERENCE_MAX + 1]; /* unique */
    char benefit[SHORT_TEXT_MAX + 1];
    char stage[SHORT_TEXT_MAX + 1];
    bool special_rules;
    struct person claimant;
    char claimant_name[NAME_TEXT_MAX + 1];
    char claimant_born[DATE_TEXT + 1]; /* YYYY-MM-DD */
    char claimant_nino[NINO_MAX + 1];
    int64_t created_at, updated_at;
};
struct party_record {
    struct person person;
    char role[SHORT_TEXT_MAX + 1];  /* "representative", "health_professional", "assessor", ... */
    char kind[SHORT_TEXT_MAX + 1];  /* "appointee", "carer", "adviser", ... */
    char scope[SHORT_TEXT_MAX + 1]; /* "full", "evidence", ... */
    int64_t from, until;            /* 0: open */
};
struct claim_filter {
    const char *external_reference; /* NULL: any */
    const char *stage;
    const struct person *party;     /* claimant of it, or a party now valid; NULL: any */
    const char *assigned_to;        /* subject; NULL: any */
    bool urgent;                    /* those under special rules alone */
    int64_t now;
};
MUST_USE enum err claim_insert(struct db *db, const struct claim_record *c);
MUST_USE enum err claim_update(struct db *db, const struct claim_record *c); /* stage, special_rules, updated_at */
MUST_USE enum err claim_find(struct db *db, const struct uuid *id, struct claim_record *out);
MUST_USE enum err claim_find_reference(struct db *db, const char *external_reference, struct claim_record *out);
MUST_USE enum err claim_list(struct db *db, const struct claim_filter *f, const struct uuid *after, struct claim_record *out, size_t max, size_t *n); /* newest first */
MUST_USE enum err party_replace(struct db *db, const struct uuid *claim, const struct party_record *p, size_t n);
MUST_USE enum err party_list(struct db *db, const struct uuid *claim, struct party_record out[PARTIES_MAX], size_t *n);
MUST_USE enum err assigned_replace(struct db *db, const struct uuid *claim, const char *const *subjects, size_t n);
MUST_USE enum err assigned_list(struct db *db, const struct uuid *claim, char out[ASSIGNED_MAX][SUBJECT_MAX + 1], size_t *n);

/* --- artefacts ---------------------------------------------------------------------------- */
enum artefact_status { ARTEFACT_RECEIVING, ARTEFACT_QUARANTINED, ARTEFACT_AVAILABLE, ARTEFACT_COULD_NOT_SCAN, ARTEFACT_RESTRICTED, ARTEFACT_REFUSED, ARTEFACT_DISPOSED, ARTEFACT_STATUS_COUNT };
const char *artefact_status_name(enum artefact_status s); /* "available" */
MUST_USE enum err artefact_status_parse(const char *name, enum artefact_status *out);

struct artefact_record {
    struct uuid id, claim;              /* claim: the one it was sent to; nil: not known yet */
    char kind[SHORT_TEXT_MAX + 1];
    char filename[FILE_NAME_MAX + 1];
    char description[DESCRIPTION_MAX + 1];
    char media_type[MEDIA_TYPE_MAX + 1];
    uint64_t size, sealed_size;
    uint8_t sha256[32], sealed_sha256[32];
    enum artefact_status status;
    char status_reason[SHORT_TEXT_MAX + 1]; /* "not-inspected", "recording-no-notice", "opted-out", ... */
    bool harmful;                       /* the harm rule */
    struct person uploader;
    char uploader_role[SHORT_TEXT_MAX + 1];
    int64_t received_at;
    struct uuid assessment;             /* nil: none */
    int64_t recording_started_at, recording_stopped_at;
    uint64_t ledger_index;              /* of its upload entry */
};
struct artefact_filter {
    const char *kind;                   /* NULL: any */
    bool by_status;
    enum artefact_status status;
    bool hide_harmful;                  /* the harm rule: those are not there at all ... */
    const struct person *unless_uploader; /* ... except one's own; may be NULL */
    const struct person *refused_of;    /* refused ones are there for their uploader alone; NULL: for everybody */
    const struct person *only_uploader; /* NULL: anybody's */
};
MUST_USE enum err artefact_insert(struct db *db, const struct artefact_record *a);
MUST_USE enum err artefact_find(struct db *db, const struct uuid *id, struct artefact_record *out);
/* ERR_CONFLICT if it is not in `from` now. */
MUST_USE enum err artefact_status_change(struct db *db, const struct uuid *id, enum artefact_status from, enum artefact_status to, const char *reason);
/* Those sent to the claim and those linked to it, newest first; constant cost a page (index on claim, id). */
MUST_USE enum err artefact_list(struct db *db, const struct uuid *claim, const struct artefact_filter *f, const struct uuid *after, struct artefact_record *out, size_t max, size_t *n);
MUST_USE enum err artefact_list_assessment(struct db *db, const struct uuid *assessment, const struct uuid *after, struct artefact_record *out, size_t max, size_t *n); /* newest first */
/* All of them in id order, for scrub. */
MUST_USE enum err artefact_each(struct db *db, const struct uuid *after, struct artefact_record *out, size_t max, size_t *n);
/* Those with these bytes that stand linked to the claim, be it that they were sent to it (the link is theirs from the start), newest first. */
MUST_USE enum err artefact_list_same(struct db *db, const struct uuid *claim, const uint8_t sha256[32], struct artefact_record *out, size_t max, size_t *n);
/* Those with these bytes on whatever claim, oldest first. */
MUST_USE enum err artefact_list_bytes(struct db *db, const uint8_t sha256[32], struct artefact_record *out, size_t max, size_t *n);
MUST_USE enum err artefact_exists(struct db *db, const struct uuid *id, bool *out);

struct link_record {
    struct uuid artefact, claim;
    char reason[REASON_MAX + 1];
    struct person by;
    int64_t created_at, removed_at; /* 0: stands */
};
/* Every artefact has one for the claim it was sent to. Nothing is overwritten: a removed link stays as a row. */
MUST_USE enum err link_insert(struct db *db, const struct link_record *l); /* ERR_EXISTS if one stands, ERR_TOO_LARGE beyond LINKS_MAX */
MUST_USE enum err link_remove(struct db *db, const struct uuid *artefact, const struct uuid *claim, int64_t at);
/* Every one there ever was, those that stand first; *n is at most `max`. */
MUST_USE enum err link_history(struct db *db, const struct uuid *artefact, struct link_record *out, size_t max, size_t *n);
MUST_USE enum err link_list(struct db *db, const struct uuid *artefact, struct link_record out[LINKS_MAX], size_t *n); /* standing ones */

MUST_USE enum err header_put(struct db *db, const struct uuid *artefact, const char *key_id, const void *header, size_t len); /* insert or replace */
MUST_USE enum err header_get(struct db *db, const struct uuid *artefact, struct buf *out);
MUST_USE enum err header_list_key(struct db *db, const char *key_id, const struct uuid *after, struct uuid *out, size_t max, size_t *n); /* for rotation */
MUST_USE enum err header_count_key(struct db *db, const char *key_id, uint64_t *out);
MUST_USE enum err header_remove(struct db *db, const struct uuid *artefact); /* zeroed; then commit and db_checkpoint */

/* --- assessments, choices, consents ------------------------------------------------------- */
struct assessment_record {
    struct uuid id, claim;
    char channel[SHORT_TEXT_MAX + 1];
    char provider[NAME_TEXT_MAX + 1];
    int64_t scheduled_at, created_at;
    struct person created_by;
};
struct choice_event {
    char event_id[EVENT_ID_MAX + 1];
    struct uuid assessment;
    char event[SHORT_TEXT_MAX + 1]; /* "notice", "opt_out", "opt_in" */
    char channel[SHORT_TEXT_MAX + 1];
    char notice_version[SHORT_TEXT_MAX + 1];
    int64_t effective_at, recorded_at;
    struct person by;
    char by_role[SHORT_TEXT_MAX + 1];
    char on_behalf_of[SUBJECT_MAX + 1];
    uint64_t ledger_index;
    char authority[SHORT_TEXT_MAX + 1]; /* acted under: "claimant", "appointee", "relay", ... */
    bool has_notice_sha256;
    uint8_t notice_sha256[32];          /* of the notice that was shown */
    uint8_t policy[32];                 /* the kinds table in force; zeros: not kept */
};
enum { CHOICE_EVENTS_MAX = 200 };
MUST_USE enum err assessment_insert(struct db *db, const struct assessment_record *a);
MUST_USE enum err assessment_find(struct db *db, const struct uuid *id, struct assessment_record *out);
MUST_USE enum err assessment_list(struct db *db, const struct uuid *claim, struct assessment_record *out, size_t max, size_t *n); /* newest first */
/* (assessment, event_id) taken: ERR_EXISTS; beyond CHOICE_EVENTS_MAX, so that a choice is never judged by a part of its events: ERR_TOO_LARGE */
MUST_USE enum err choice_insert(struct db *db, const struct choice_event *e);
MUST_USE enum err choice_find(struct db *db, const struct uuid *assessment, const char *event_id, struct choice_event *out);
MUST_USE enum err choice_list(struct db *db, const struct uuid *assessment, struct choice_event *out, size_t max, size_t *n); /* as recorded */

struct consent_record {
    char event_id[EVENT_ID_MAX + 1];
    struct uuid claim;
    char purpose[SHORT_TEXT_MAX + 1];
    char decision[SHORT_TEXT_MAX + 1];
    char statement_version[SHORT_TEXT_MAX + 1];
    int64_t effective_at, recorded_at;
    struct person by;
    char by_role[SHORT_TEXT_MAX + 1];
    uint64_t ledger_index;
};
MUST_USE enum err consent_insert(struct db *db, const struct consent_record *c);
MUST_USE enum err consent_find(struct db *db, const struct uuid *claim, const char *event_id, struct consent_record *out);
MUST_USE enum err consent_list(struct db *db, const struct uuid *claim, struct consent_record *out, size_t max, size_t *n);

/* --- uploads that survive their connection ------------------------------------------------ */
enum { UPLOAD_METADATA_MAX = 4096, UPLOAD_CONCAT_MAX = 8192, UPLOAD_REQUEST_MAX = 8192, UPLOAD_REST_MAX = 66 * 1024 };
enum upload_state { UPLOAD_OPEN, UPLOAD_WHOLE, UPLOAD_FINISHED, UPLOAD_USED, UPLOAD_FAILED, UPLOAD_EXPIRED, UPLOAD_TERMINATED, UPLOAD_STATE_COUNT };
const char *upload_state_name(enum upload_state s); /* "open", "whole", ... */

struct upload_record {
    struct uuid id, claim;          /* claim: nil while a part of a concatenation does not name it */
    struct person owner;
    enum upload_state state;
    char reason[SHORT_TEXT_MAX + 1]; /* FAILED: name of the refusal */
    int64_t length;                 /* -1: not told yet */
    uint64_t offset;                /* durable bytes */
    struct uuid part;               /* the blob part that holds the whole chunks; nil: none yet */
    uint64_t chunks;                /* sealed ones in it; the rest of `offset` is in the sealed rest */
    bool is_part, is_final;         /* concatenation */
    struct uuid artefact;           /* FINISHED */
    int64_t created_at, updated_at, expires_at;
};
/* `request`: how the sender described it (JSON); `metadata`, `concat`: header values as supplied. */
struct upload_words {
    struct buf request, metadata, concat;
};
MUST_USE enum err upload_record_insert(struct db *db, const struct upload_record *u, const struct upload_words *w);
MUST_USE enum err upload_record_find(struct db *db, const struct uuid *id, struct upload_record *out);
MUST_USE enum err upload_record_words(struct db *db, const struct uuid *id, struct upload_words *out);
/* length, offset, part, chunks, updated_at, expires_at, and what is sealed apart: file key and the bytes behind the last whole chunk. */
MUST_USE enum err upload_record_rest(struct db *db, const struct upload_record *u, const void *sealed, size_t len); /* ERR_CONFLICT if not OPEN or WHOLE */
MUST_USE enum err upload_record_sealed(struct db *db, const struct uuid *id, struct buf *out);
/* state, reason, artefact, updated_at; the sealed rest goes where the state is not OPEN or WHOLE, the words where it is not FINISHED either. ERR_CONFLICT if it is not in `from`. */
MUST_USE enum err upload_record_change(struct db *db, const struct upload_record *u, enum upload_state from);
MUST_USE enum err upload_record_due(struct db *db, int64_t now, struct upload_record *out, size_t max, size_t *n); /* OPEN or WHOLE, expired by the clock */
MUST_USE enum err upload_record_forget(struct db *db, int64_t before); /* rows of ended ones that were not touched since; some of them: call it again later */
MUST_USE enum err upload_record_count_open(struct db *db, const struct person *owner, uint64_t *out); /* OPEN and WHOLE */
MUST_USE enum err upload_record_count(struct db *db, const struct person *owner, uint64_t *out);      /* in every state */
/* Bytes that this person's OPEN and WHOLE ones have or have announced, whichever is more; `claim`: of those to this claim alone, NULL: of all. */
MUST_USE enum err upload_record_pending(struct db *db, const struct person *owner, const struct uuid *claim, uint64_t *out);
MUST_USE enum err upload_record_has_part(struct db *db, const struct uuid *part, bool *out); /* an OPEN or WHOLE one stands on this blob part */

/* --- usage: what a person and a claim have stored ----------------------------------------- */
enum usage_scope { USAGE_PERSON, USAGE_CLAIM };
struct usage {
    uint64_t artefacts, bytes;
};
/* `key`: "<issuer>#<subject>" or the text of the id of the claim it was sent to. Bytes of plaintext. No row is no usage; a count never falls below 0. */
MUST_USE enum err usage_find(struct db *db, enum usage_scope scope, const char *key, struct usage *out);
MUST_USE enum err usage_add(struct db *db, enum usage_scope scope, const char *key, int64_t artefacts, int64_t bytes);

/* --- idempotency keys --------------------------------------------------------------------- */
enum { IDEMPOTENCY_KEY_MAX = 128, IDEMPOTENCY_ANSWER_MAX = 65536 };
struct idempotency_record {
    struct person client;
    char key[IDEMPOTENCY_KEY_MAX + 1];
    uint8_t fingerprint[32]; /* of route and payload */
    int status;
    int64_t expires_at;
};
/* A key that is expired by the clock is free. */
MUST_USE enum err idempotency_insert(struct db *db, const struct idempotency_record *r, const void *answer, size_t len);
MUST_USE enum err idempotency_find(struct db *db, const struct person *client, const char *key, int64_t now, struct idempotency_record *out, struct buf *answer);
MUST_USE enum err idempotency_sweep(struct db *db, int64_t now); /* some of the expired; call it again later */

/* --- read sessions ------------------------------------------------------------------------ */
struct read_session_record {
    struct uuid id, artefact;
    struct person actor;
    char purpose[SHORT_TEXT_MAX + 1];
    int64_t opened_at, expires_at, closed_at; /* 0: open */
    uint64_t bytes_served;
    uint64_t ledger_index;                    /* of its opening entry */
};
MUST_USE enum err read_session_insert(struct db *db, const struct read_session_record *r);
MUST_USE enum err read_session_close(struct db *db, const struct uuid *id, int64_t at, uint64_t bytes_served); /* ERR_NOT_FOUND if closed */
MUST_USE enum err read_session_list_open(struct db *db, struct read_session_record *out, size_t max, size_t *n);

/* --- inspections -------------------------------------------------------------------------- */
enum { INSPECTION_NAME_MAX = 63, INSPECTION_VIRUS_MAX = 127, INSPECTION_PEAKS_MAX = 1000, INSPECTION_KEY_MAX = 256 };
struct inspection_record {          /* what one look at an artefact found */
    struct uuid artefact;
    unsigned attempt;               /* from 1; told by inspection_insert */
    int64_t at;
    char outcome[SHORT_TEXT_MAX + 1], reason[SHORT_TEXT_MAX + 1]; /* "clean", ...; "none", "scanner-unreachable", ... */
    char virus[INSPECTION_VIRUS_MAX + 1];
    char engine[INSPECTION_NAME_MAX + 1], signatures[INSPECTION_NAME_MAX + 1];
    int64_t signatures_at;
    char type[MEDIA_TYPE_MAX + 1];  /* what the bytes are */
    uint32_t flags, pages, width, height, members;
    int64_t duration_ms;
    uint32_t channels, sample_rate;
};
MUST_USE enum err inspection_insert(struct db *db, struct inspection_record *r);
MUST_USE enum err inspection_find(struct db *db, const struct uuid *artefact, struct inspection_record *out); /* the newest */
MUST_USE enum err waveform_put(struct db *db, const struct uuid *artefact, const uint16_t *peaks, size_t n); /* insert or replace */
MUST_USE enum err waveform_find(struct db *db, const struct uuid *artefact, uint16_t out[INSPECTION_PEAKS_MAX], size_t *n);

struct inspection_due { /* one that nobody could inspect yet */
    struct uuid artefact;
    unsigned attempts;
    int64_t since, next_at;
};
/* `sealed`: what it takes to read it back. It is gone from the files after inspection_due_remove, a commit and db_checkpoint. */
MUST_USE enum err inspection_due_insert(struct db *db, const struct inspection_due *d, const void *sealed, size_t len);
MUST_USE enum err inspection_due_list(struct db *db, int64_t now, struct inspection_due *out, size_t max, size_t *n); /* whose time has come, by it */
MUST_USE enum err inspection_due_sealed(struct db *db, const struct uuid *artefact, struct buf *out);
MUST_USE enum err inspection_due_later(struct db *db, const struct inspection_due *d); /* attempts, next_at */
MUST_USE enum err inspection_due_remove(struct db *db, const struct uuid *artefact); /* ERR_NOT_FOUND if absent */
MUST_USE enum err inspection_due_count(struct db *db, uint64_t *n, int64_t *oldest); /* 0: none */

struct view_release {
    struct uuid artefact;
    int64_t at;
    struct person by;
    char reason[REASON_MAX + 1];
};
MUST_USE enum err view_release_insert(struct db *db, const struct view_release *r);
MUST_USE enum err view_release_find(struct db *db, const struct uuid *artefact, struct view_release *out);

#endif
