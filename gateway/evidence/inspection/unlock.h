/* Evidence that a password opens, and the call that brings the password.
 *
 *     upload, password-protected --> QUARANTINED, "password-protected" --the right one-->
 * AVAILABLE |     \--the right one, and it is infected--> REFUSED, or | RESTRICTED (policy)
 *                                      \--nobody sent it in time--> REFUSED
 *
 * The upload is refused in the words people know, and yet it is kept, sealed as it came, for
 * inspecting.password_wait_s; whoever sent it need not send it again. The password is used
 * once, in the memory of this process and of the inspector that opens the file with it; it
 * stands in no record, no log and no command line. What becomes available is the original, byte
 * for byte, which its readers open with the same password: we have it no more.
 *
 * What is REFUSED from here loses its key in that commit, and gives its room back
 * (rules/quota.h). Only a PDF waits; any other file with a password is refused at once. */
#ifndef GATEWAY_EVIDENCE_INSPECTION_UNLOCK_H
#define GATEWAY_EVIDENCE_INSPECTION_UNLOCK_H

#include "gateway/evidence/evidence.h"
#include "gateway/inspect/verdict.h"
#include "storage/record_passwords.h"

#define STATUS_REASON_PASSWORD "password-protected"
enum { UNLOCK_PASSWORD_MAX = 127 }; /* bytes: no PDF has a longer one */

struct unlock_result {
    struct artefact_record artefact; /* as it is now */
    struct buf receipt;              /* of what became of it; cleared by the caller */
};
/* REFUSAL_WRONG_PASSWORD; REFUSAL_CONTAINS_VIRUS (with its receipt); REFUSAL_CONFLICT: it does
 * not wait for one (any more); REFUSAL_TRY_AGAIN: it could not be looked at just now, and the
 * password has to come again. `password` is neither kept nor wiped. */
MUST_USE enum err artefact_unlock(struct evidence *ev, const struct principal *p,
                                  const struct uuid *id, const char *password,
                                  struct unlock_result *out);

/* --- for the intake --- */

bool unlock_awaited(const struct artefact_record *a);
/* By policy, what got this verdict may wait. */
bool unlock_may_wait(const struct evidence_config *config, const struct verdict *v);
/* Inside the commit that stores it, or that finds the same bytes waiting: then the count of
 * wrong ones begins anew, since whoever has the file learns nothing by trying. */
MUST_USE enum err unlock_wait(const struct evidence_config *config, struct db *db,
                              const struct artefact_record *a);
/* Ends what nobody sent a password for; removes what is left of what has ended. */
void unlock_tick(struct evidence *ev);

#endif
