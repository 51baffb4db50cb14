/* Who may do what: one table (permission.def), role x relation to the claim x artefact status x
 * harm flag x purpose.
 *
 * A row permits; what no row permits is denied. The table is also printed as a page of the docs
 * (docs/permissions.md, kept equal by a test). Denials: DENY_HIDDEN, the thing is not the
 * caller's and must look as if it did not exist (404); DENY_ROLE, no row of the caller's roles
 * has this action at all (403); DENY_PURPOSE, staff stated no or a wrong purpose (400);
 * DENY_STATUS, permitted in another status of the artefact only. The harm rule is asked before
 * the status, the purpose last.
 *
 * A question about "my claims" (claim.list without a claim) is asked with the relations that
 * the answer is narrowed to.
 */
#ifndef GATEWAY_AUTH_PERMISSION_H
#define GATEWAY_AUTH_PERMISSION_H

#include "gateway/auth/principal.h"

#define ACTION_TABLE(X)                                                                        \
    X(ACTION_CLAIM_CREATE, "claim.create")                                                     \
    X(ACTION_CLAIM_UPDATE, "claim.update")                                                     \
    X(ACTION_CLAIM_READ, "claim.read")                                                         \
    X(ACTION_CLAIM_LIST, "claim.list")                                                         \
    X(ACTION_CLAIM_PERSONAL, "claim.personal") /* sees name, date of birth, NINO */            \
    X(ACTION_CLAIM_HISTORY, "claim.history")                                                   \
    X(ACTION_CLAIM_BUNDLE, "claim.bundle") /* what goes in is asked for each artefact */       \
    X(ACTION_ARTEFACT_CREATE,                                                                  \
      "artefact.create") /* the kind's own role list narrows it further */                     \
    X(ACTION_ARTEFACT_LIST, "artefact.list")                                                   \
    X(ACTION_ARTEFACT_READ, "artefact.read") /* metadata and receipt */                        \
    X(ACTION_ARTEFACT_CONTENT, "artefact.content")                                             \
    X(ACTION_ARTEFACT_VIEW, "artefact.view") /* the safe view: rendered, not the original */   \
    X(ACTION_VIEW_RELEASE, "artefact.release_view") /* of what is infected */                  \
    X(ACTION_ARTEFACT_UNLOCK, "artefact.unlock") /* send the password that opens it */         \
    X(ACTION_ARTEFACT_LINK, "artefact.link")                                                   \
    X(ACTION_ARTEFACT_PROVENANCE, "artefact.provenance") /* every link it ever had */          \
    X(ACTION_REPORT_SEND, "report.send")   /* a medical report, of a claim or of none yet */   \
    X(ACTION_UNLINKED_LIST, "report.tray") /* those of none yet */                             \
    X(ACTION_ASSESSMENT_CREATE, "assessment.create")                                           \
    X(ACTION_ASSESSMENT_READ, "assessment.read")                                               \
    X(ACTION_CHOICE_NOTICE, "choice.notice")                                                   \
    X(ACTION_CHOICE_SET, "choice.set") /* opt_out, opt_in */                                   \
    X(ACTION_CHOICE_RECEIPT, "choice.receipt") /* of an event that somebody else recorded */   \
    X(ACTION_RECORDING_DECIDE, "recording.decide") /* let one out of quarantine */             \
    X(ACTION_RETRIEVALS_READ, "artefact.retrievals") /* who has retrieved it */                \
    X(ACTION_COPY_DELETED, "copy.confirm_deleted")   /* of one's own retrieval */              \
    X(ACTION_INCIDENT_READ, "incident.read")                                                   \
    X(ACTION_INCIDENT_REVIEW, "incident.review")                                               \
    X(ACTION_CONSENT_GIVE, "consent.give")                                                     \
    X(ACTION_CONSENT_READ, "consent.read")                                                     \
    X(ACTION_REQUEST_ASK, "request.ask") /* ask for evidence, change or withdraw that */       \
    X(ACTION_REQUEST_READ, "request.read")                                                     \
    X(ACTION_LEASE_TAKE, "lease.take")                                                         \
    X(ACTION_LEASE_OVERRIDE, "lease.override") /* somebody else's */                           \
    X(ACTION_CLAIM_AGE, "claim.age")           /* working-day clocks, ageing */                \
    X(ACTION_MESSAGE_READ, "message.read")     /* what was sent about a claim, and when */     \
    X(ACTION_AUDIT_READ, "audit.read")                                                         \
    X(ACTION_SAMPLE_DRAW, "sample.draw")                                                       \
    X(ACTION_SAMPLE_READ, "sample.read") /* what was drawn and announced, not its content */   \
    X(ACTION_STATISTICS_READ, "statistics.read")                                               \
    X(ACTION_HARM_RELEASE, "artefact.release_harm") /* and take that back */                   \
    X(ACTION_ARTEFACT_RESTRICT, "artefact.restrict")                                           \
    X(ACTION_ARTEFACT_UNRESTRICT, "artefact.unrestrict")                                       \
    X(ACTION_HOLD_PLACE, "hold.place")                                                         \
    X(ACTION_HOLD_LIFT, "hold.lift")                                                           \
    X(ACTION_ARTEFACT_DISPOSE, "artefact.dispose") /* propose, approve, cancel */              \
    X(ACTION_RETENTION_KEEP, "retention.keep") /* lists of what is due, the policy */          \
    X(ACTION_LOG_READ, "log.read") /* tiles and proofs beyond one's own receipts */

enum action {
#define X(action, name) action,
    ACTION_TABLE(X)
#undef X
        ACTION_COUNT
};
const char *action_name(enum action a);

/* How the caller stands to the claim (or to the artefact's claims). Several may hold at once:
 * bits. */
enum relation {
    REL_ANY = 1u << 0,       /* always set */
    REL_CLAIMANT = 1u << 1,  /* the claim is the caller's own */
    REL_APPOINTEE = 1u << 2, /* a party of kind appointee whose authority is valid now */
    REL_PARTY = 1u << 3,     /* another party (not an assessor) whose authority is valid now */
    REL_ASSIGNED = 1u << 4, /* the claim is assigned to the caller, or names them as assessor */
    REL_UPLOADER = 1u << 5, /* the artefact is the caller's own upload */
    REL_REPRESENTATIVE = 1u << 6, /* appointee or party who acts for the claimant: the harm
                                     rule binds */
    REL_SAMPLED = 1u << 7, /* the artefact is in a sample that the caller may read now */
    REL_BOUND = 1u << 8, /* of the claimant's side, but their authority does not cover this (or
                            no more): permits nothing, and the harm rule binds */
};

enum purpose {
    PURPOSE_NONE,
    PURPOSE_DECISION,
    PURPOSE_ASSESSMENT,
    PURPOSE_APPEAL,
    PURPOSE_AUDIT,
    PURPOSE_SUBJECT_ACCESS,
    PURPOSE_OWN,
    PURPOSE_COUNT
};
const char *purpose_name(enum purpose p); /* "decision"; PURPOSE_OWN: "own" (what claimants and
                                             uploaders read for) */
MUST_USE enum err purpose_parse(const char *name,
                                enum purpose *out); /* not "own": nobody states it */

struct access {
    enum action action;
    uint32_t relations; /* bits of enum relation; REL_ANY is implied */
    unsigned status;    /* enum artefact_status of storage/records.h; PERMISSION_NO_ARTEFACT */
    bool harmful;
    enum purpose purpose; /* as stated; PURPOSE_NONE when none was */
};
enum { PERMISSION_NO_ARTEFACT = 31 };

enum permission { PERMIT, DENY_ROLE, DENY_HIDDEN, DENY_PURPOSE, DENY_STATUS };

struct permission_options {
    bool assessors_any_claim; /* policy: assessors reach claims that are not assigned to them */
};
void permission_configure(const struct permission_options *o); /* once, at start */

/* *role_used: the role under which it is permitted (for the log); *purpose_used: the stated
 * one, or PURPOSE_OWN. Both may be NULL. */
enum permission permission_check(const struct principal *p, const struct access *a,
                                 enum role *role_used, enum purpose *purpose_used);
/* True if some row of the caller's roles lets them see harmful artefacts of claims they stand
 * so to. Lists use it. */
bool permission_sees_harmful(const struct principal *p, uint32_t relations);
/* Prints the table as Markdown. */
struct buf;
MUST_USE enum err permission_print(struct buf *out);

#endif
