/* The parties of a claim: when one may act, and in what. Pure; authority.h asks.
 *
 * Scope: words separated by commas (spaces around them do not matter). They narrow what a
 * representative may do; without any, and with `all` or `full`, nothing is narrowed.
 *
 *     read        what the claim shows: evidence, history, assessments, consents
 *     upload      evidence of every kind that the role may send
 *     evidence    the same as read, upload
 *     choice      the recording choice and consents, where the table lets an appointee
 *     <a kind>    evidence of this kind (kinds.h)
 *
 * Whoever may do anything on a claim sees that it is there (reference, benefit, stage); whoever
 * may send sees what they sent. A word that is none of these gives nothing, and is refused when
 * it is registered.
 *
 * Time: a party acts from `from` until `until`. One appointee acts at a time: the one whose
 * appointment began last. Authority that was given before the claimant died ends with the
 * death; that of an appointee, a parent or a guardian from before the claimant's sixteenth
 * birthday ends with the birthday. Who is registered with a later beginning acts.
 */
#ifndef GATEWAY_EVIDENCE_RULES_PARTY_H
#define GATEWAY_EVIDENCE_RULES_PARTY_H

#include "gateway/auth/permission.h"
#include "gateway/evidence/rules/kinds.h"
#include "gateway/evidence/rules/refusal.h"

enum { CLAIMANT_OF_AGE = 16 }; /* years */

enum cover { COVER_READ = 1u << 0, COVER_SEND = 1u << 1, COVER_DECIDE = 1u << 2 };
enum { COVER_ALL = COVER_READ | COVER_SEND | COVER_DECIDE };

uint32_t scope_covers(const char *scope); /* bits of enum cover; COVER_SEND also for one kind */
bool scope_sends(const char *scope, const char *kind);
/* Whether authority that covers this is enough for the action. */
bool cover_permits(uint32_t covers, enum action action);

struct claim_life {    /* micros; 0: not known, or not yet */
    int64_t began_at;  /* of the claim: what is registered without a beginning began then */
    int64_t of_age_at; /* the claimant's sixteenth birthday */
    int64_t died_at;
};
/* The sixteenth birthday of a date of birth; 0 for "". */
int64_t claimant_of_age_at(const char *born);

bool party_represents(const struct party_record *p);
/* Whether parties[at] acts at this moment. */
bool party_acts(const struct party_record *parties, size_t n, size_t at,
                const struct claim_life *life, int64_t now);
/* What a registration may say: known scopes, an end after the beginning, and not two people who
 * are the appointee now. ERR_REFUSED invalid-request. */
MUST_USE enum err parties_check(const struct party_record *parties, size_t n,
                                const struct kinds *kinds, int64_t now);

#endif
