/* Medical reports (SR1, DS1500): urgent, harmful, and half of them before their claim exists.
 *
 *     report_begin -> upload_write ... -> report_describe -> upload_finish
 *
 * A report is an artefact of kind medical_report that may belong to no claim yet; its bytes go
 * the road of every upload (intake/upload.h). The sender says whose it is, and may name the
 * claim. It is linked at once where a claim was named, or where one claim, and no other, has
 * the same National Insurance number, date of birth and surname. Else it waits on the tray: for
 * a claim that is registered with them, in whose very commit it is linked, or for a case
 * manager.
 *
 * A sender who did not name the claim is told that the report is linked, never to which one.
 * Every report is under the harm rule, whatever the table of kinds says.
 */
#ifndef GATEWAY_EVIDENCE_REPORTS_REPORT_H
#define GATEWAY_EVIDENCE_REPORTS_REPORT_H

#include "gateway/evidence/intake/upload.h"
#include "gateway/evidence/reading/artefact.h"
#include "gateway/evidence/reports/form.h"
#include "storage/record_reports.h"

#define REPORT_KIND "medical_report"
enum {
    REPORT_RESOURCE_MAX = 48 * 1024, /* bytes of what a sender's system said of it */
    REPORT_DOCUMENT_MAX = 64 * 1024, /* a form sent as JSON */
};

struct report_facts {
    char form[SHORT_TEXT_MAX + 1]; /* "sr1", "ds1500" */
    struct report_patient patient; /* name and date of birth, and what else is known */
    bool has_claim;
    struct uuid claim;
    const char *resource; /* given back to the sender as it is; NULL: none */
};

/* REFUSAL_NOT_PERMITTED for who sends no reports: before anything of one is looked at. */
MUST_USE enum err report_may_send(const struct principal *p);
/* Of `rq` media_type, length, digest, filename and idempotency_key count. */
MUST_USE enum err report_begin(struct evidence *ev, const struct principal *p,
                               const struct upload_request *rq, struct upload **out);
/* Once, before upload_finish, whose result then says `linked`. REFUSAL_CLAIM_NOT_FOUND. */
MUST_USE enum err report_describe(struct upload *u, const struct report_facts *facts);
/* What is around the bytes is refused: told to the log, unless it has been. Passes `e` on. */
MUST_USE enum err report_refused(struct upload *u, enum err e);

/* --- the tray ----------------------------------------------------------------------------- */

struct report_on_tray {
    struct artefact_record artefact;
    char form[SHORT_TEXT_MAX + 1];
    struct report_patient patient;
    int64_t waiting_us; /* since it came */
    bool overdue;       /* longer than policy.report_overdue */
};
/* Oldest first; rows by the caller (heap), at least `limit` of them. They hold personal values:
 * wipe them. */
MUST_USE enum err report_tray(struct evidence *ev, const struct principal *p,
                              const struct uuid *after, size_t limit,
                              struct report_on_tray *out, size_t *n);
/* Links one of them. REFUSAL_NOT_FOUND: there is no such report; REFUSAL_CONFLICT: it waits no
 * longer; REFUSAL_CLAIM_NOT_FOUND. */
MUST_USE enum err report_link(struct evidence *ev, const struct principal *p,
                              const struct uuid *id, const struct uuid *claim,
                              const char *reason, struct replay *once,
                              struct artefact_view *out);

/* --- reading ------------------------------------------------------------------------------ */

/* What the sender's system said of it, for the sender alone: appended to `resource` (let it
 * wipe). REFUSAL_NOT_FOUND: not theirs, or it came another way. */
MUST_USE enum err report_resource(struct evidence *ev, const struct principal *p,
                                  const struct uuid *id, struct artefact_record *artefact,
                                  struct buf *resource);
/* A form as a page to print, made anew each time from the original by a process that has no
 * keys; reading it is reading the original. REFUSAL_NOT_FOUND: it did not come as a form;
 * ERR_UNAVAILABLE: nobody here can render. */
struct report_print {
    struct artefact_record artefact;
    struct buf pdf; /* a secret one; cleared by the caller */
};
MUST_USE enum err report_print(struct evidence *ev, const struct principal *p,
                               const struct uuid *id, enum purpose stated,
                               struct report_print *out);

/* --- for the rooms of gateway/evidence/ --------------------------------------------------- */

struct upload;
/* Of a report's upload; in its commit, behind its artefact. */
MUST_USE enum err report_store(struct upload *u, struct commit_tx *tx);
/* A claim was registered: inside that commit. */
MUST_USE enum err report_claim_registered(struct commit_tx *tx,
                                          const struct claim_record *claim);
/* An artefact is being linked to a claim by another road: if it waits, it waits no longer. */
MUST_USE enum err report_linked(struct db *db, const struct uuid *artefact,
                                const struct uuid *claim);
/* Hides the claim from a sender who did not name it. */
MUST_USE enum err report_claim_hide(struct db *db, struct artefact_record *a);
/* What could not be matched by who received it, and claims from before: some of them. */
void report_tick(struct evidence *ev);

#endif
