/* Claims as the claims system registers them, and who sees which. */
#ifndef GATEWAY_EVIDENCE_CLAIMS_CLAIM_H
#define GATEWAY_EVIDENCE_CLAIMS_CLAIM_H

#include "gateway/evidence/claims/waiting.h"
#include "gateway/evidence/rules/replay.h"

struct claim_draft { /* what a registration or a change says */
    struct claim_record
        record; /* external_reference, benefit, stage, special_rules, claimant */
    struct party_record parties[PARTIES_MAX];
    size_t n_parties;
    char assigned[ASSIGNED_MAX][SUBJECT_MAX + 1];
    size_t n_assigned;
    char nation[SHORT_TEXT_MAX + 1]; /* whose bank holidays count; "": the default */
    bool has_nation, has_stage, has_special_rules, has_parties,
        has_assigned; /* PATCH: which members came */
    bool has_death;   /* PATCH: the claimant died then; died_at 0: it was not so */
    int64_t died_at;
};
struct claim_view {
    struct claim_record record;
    struct claim_waiting waiting;
    bool personal;   /* name, date of birth, NINO may be shown to this caller */
    bool yours;      /* the caller is the claimant */
    int64_t died_at; /* the claimant's death; 0: none on record */
    bool urgent;     /* among the first of a list of work */
    bool special; /* the caller may know of the special rules (whoever sees harmful evidence) */
    struct party_record parties[PARTIES_MAX];
    size_t n_parties;
    char assigned[ASSIGNED_MAX][SUBJECT_MAX + 1];
    size_t n_assigned;
};

/* NINO as domain.md has it: upper-cased, spaces removed, prefix and suffix rules. ERR_REFUSED
 * invalid-request. */
MUST_USE enum err nino_clean(const char *text, char out[NINO_MAX + 1]);

/* *existed: the external_reference was on record: nothing changed, its id is given (200).
 * `once`: the caller's Idempotency-Key; NULL without one, here and with every call that makes
 * something. */
MUST_USE enum err claim_register(struct evidence *ev, const struct principal *p,
                                 const struct claim_draft *draft, struct replay *once,
                                 struct claim_view *out, bool *existed);
MUST_USE enum err claim_change(struct evidence *ev, const struct principal *p,
                               const struct uuid *id, const struct claim_draft *draft,
                               struct claim_view *out);
MUST_USE enum err claim_get(struct evidence *ev, const struct principal *p,
                            const struct uuid *id, struct claim_view *out);

/* Work comes in the order of its urgency: of a list that is narrowed to what is assigned to
 * the caller, the claims under special rules come first, newest first, then the others. Who may
 * not know of the special rules of a claim gets it among the others. Every other list is newest
 * first. */
struct claim_query {
    const char *external_reference, *stage; /* NULL: any */
    bool assigned_to_me;
    bool ageing; /* only those past the threshold: special rules first, then the oldest */
    struct uuid after;
    bool behind_urgent; /* `after` is one of the others: the urgent ones were all told */
    size_t limit;
};
/* Records only those the caller may read: parties see their own, staff what the table lets
 * them. *n rows of claim_view (heap array by the caller). */
MUST_USE enum err claim_find_ageing(struct evidence *ev, const struct principal *p,
                                    const struct claim_query *q, struct claim_view *out,
                                    size_t *n);
MUST_USE enum err claim_find_all(struct evidence *ev, const struct principal *p,
                                 const struct claim_query *q, struct claim_view *out,
                                 size_t *n);

#endif
