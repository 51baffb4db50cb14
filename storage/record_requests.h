/* Records of what is waited for: evidence asked for, the lease on a claim, the claim's clock,
 * and when an artefact came to those who consider it. Manners as in storage/records.h.
 */
#ifndef STORAGE_RECORD_REQUESTS_H
#define STORAGE_RECORD_REQUESTS_H

#include "storage/records.h"

enum { REQUEST_WHAT_MAX = 1000, REQUESTS_MAX = 200, REQUEST_ITEMS_MAX = 64, OPENED_MAX = 16 };

/* --- evidence asked for --------------------------------------------------------------------- */
enum request_state { REQUEST_OPEN, REQUEST_FULFILLED, REQUEST_WITHDRAWN, REQUEST_STATE_COUNT };
const char *request_state_name(enum request_state s); /* "open", "fulfilled", "withdrawn" */

struct request_record {
    struct uuid id, claim;
    char what[REQUEST_WHAT_MAX + 1];
    char kind[SHORT_TEXT_MAX + 1];      /* "": any */
    char from_role[SHORT_TEXT_MAX + 1]; /* "claimant", "health_professional", ... */
    bool functional;
    bool harmful; /* the claimant's side must not know that it was asked for */
    int64_t due;  /* 0: none */
    enum request_state state;
    int64_t asked_at, closed_at; /* closed: fulfilled or withdrawn; 0: open */
    struct person by;
    char by_role[SHORT_TEXT_MAX + 1];
    struct person fulfilled_by; /* who sent the first item */
};
struct request_item {
    struct uuid artefact;
    int64_t at;
};
/* ERR_TOO_LARGE beyond REQUESTS_MAX for a claim: a view always shows all of them. */
MUST_USE enum err request_insert(struct db *db, const struct request_record *r);
MUST_USE enum err request_find(struct db *db, const struct uuid *id, struct request_record *out);
/* what, functional, due of an open one; a new `due` is told of again. ERR_CONFLICT: not open */
MUST_USE enum err request_change(struct db *db, const struct request_record *r);
/* state, closed_at, fulfilled_by. ERR_CONFLICT: not open */
MUST_USE enum err request_close(struct db *db, const struct request_record *r);
MUST_USE enum err request_list(struct db *db, const struct uuid *claim, struct request_record *out, size_t max, size_t *n); /* newest first */
/* Open ones whose time comes before `before` and of which nobody was told yet, by it. */
MUST_USE enum err request_due_list(struct db *db, int64_t before, struct request_record *out, size_t max, size_t *n);
MUST_USE enum err request_due_told(struct db *db, const struct uuid *id);

/* ERR_EXISTS: it stands there; ERR_TOO_LARGE beyond REQUEST_ITEMS_MAX */
MUST_USE enum err request_item_insert(struct db *db, const struct uuid *request, const struct request_item *i);
MUST_USE enum err request_item_list(struct db *db, const struct uuid *request, struct request_item out[REQUEST_ITEMS_MAX], size_t *n); /* as they came */

/* --- the lease ------------------------------------------------------------------------------ */
struct lease_record {
    struct uuid claim;
    struct person owner;
    char role[SHORT_TEXT_MAX + 1];
    char reason[REASON_MAX + 1];
    int64_t since, until;
};
MUST_USE enum err lease_put(struct db *db, const struct lease_record *l); /* insert or replace */
MUST_USE enum err lease_find(struct db *db, const struct uuid *claim, struct lease_record *out); /* also one whose time is over */
MUST_USE enum err lease_remove(struct db *db, const struct uuid *claim);

/* --- the claim's clock ---------------------------------------------------------------------- */
struct claim_clock {
    struct uuid claim;
    char nation[SHORT_TEXT_MAX + 1]; /* "": the default */
    bool special_rules;
    int64_t started_at, ended_at; /* 0: it runs */
};
MUST_USE enum err claim_clock_put(struct db *db, const struct claim_clock *c); /* insert or replace */
MUST_USE enum err claim_clock_find(struct db *db, const struct uuid *claim, struct claim_clock *out);
/* Those that run since before `before`: the special rules first, then the oldest. `after`: a claim; nil: from the start. */
MUST_USE enum err claim_clock_list(struct db *db, int64_t before, const struct uuid *after, struct claim_clock *out, size_t max, size_t *n);

/* --- when an artefact came to those who consider it ----------------------------------------- */
struct artefact_opened {
    char role[SHORT_TEXT_MAX + 1];
    int64_t at;
};
/* The first time counts; later ones change nothing. */
MUST_USE enum err artefact_available_note(struct db *db, const struct uuid *artefact, int64_t at);
MUST_USE enum err artefact_opened_note(struct db *db, const struct uuid *artefact, const struct artefact_opened *o);
MUST_USE enum err artefact_available_find(struct db *db, const struct uuid *artefact, int64_t *at); /* 0: never */
MUST_USE enum err artefact_opened_list(struct db *db, const struct uuid *artefact, struct artefact_opened out[OPENED_MAX], size_t *n);

#endif
