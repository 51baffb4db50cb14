/* The inspection of one upload: begun with its first block, fed from the one pass over the
 * bytes, its verdict there before the commit. Of an upload that went on after a pause, what
 * came before has passed by: it is read back under its own key at the end.
 *
 * Also what is kept of an artefact that nobody could inspect yet: the payload key, sealed under
 * the intake key for this artefact (crypto/wrap.h):
 *
 *     payload key[32]     context: "evidence-gateway/inspection-due/1" | artefact id[16]
 */
#ifndef GATEWAY_EVIDENCE_INSPECTION_INSPECTING_H
#define GATEWAY_EVIDENCE_INSPECTION_INSPECTING_H

#include "gateway/evidence/inspection/findings.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/reading/payload.h"
#include "gateway/inspect/inspection.h"

struct upload;
struct inspecting;

/* After the sealing of a fresh payload has begun: its bytes go to an inspector, too. Without
 * inspection, nothing. */
MUST_USE enum err inspecting_watch(struct upload *u);
/* The bytes of this part went past before this process looked; they are to be read back. */
MUST_USE enum err inspecting_later(struct upload *u, const struct uuid *part);
/* At the end, before the record: waits for the verdict. Refuses what is infected (unless the
 * policy keeps it), wants a password (unless it may wait for it), cannot be
 * read or is of another type. */
MUST_USE enum err inspecting_verdict(struct upload *u);
/* Before the file key goes, the artefact's id being known: seals what an inspection that is due
 * will need. */
MUST_USE enum err inspecting_seal(struct upload *u);
/* Inside the commit: status and reason; the recording choice is asked after it. */
void inspecting_status(const struct upload *u, struct artefact_record *a);
void inspecting_entry(const struct upload *u, json_t *entry); /* of the upload or its refusal */
MUST_USE enum err inspecting_store(const struct upload *u, struct db *db);
/* After the commit: one that is due need not wait for the next round. */
void inspecting_free(struct upload *u);

/* --- shared with rescan.c --- */
MUST_USE enum err due_key_seal(const struct secret *intake_key, const struct uuid *artefact,
                               const uint8_t key[AGE_PAYLOAD_KEY_SIZE], struct buf *out);
/* ERR_CORRUPT: not this artefact's, or of an intake key that is gone. */
MUST_USE enum err due_key_open(const struct secret *intake_key, const struct uuid *artefact,
                               const struct buf *sealed, uint8_t key[AGE_PAYLOAD_KEY_SIZE]);
/* A whole payload through an inspector. With `stop` it may take its time; set meanwhile:
 * ERR_BUSY. */
MUST_USE enum err inspect_payload(struct inspectors *inspectors, struct payload *p,
                                  const char *type, const _Atomic bool *stop,
                                  struct verdict *out);

/* The same of a PDF that the password opens (inspection_begin_locked). */
MUST_USE enum err inspect_locked(struct inspectors *inspectors, struct payload *p,
                                 const char *type, const char *password, struct verdict *out);

#endif
