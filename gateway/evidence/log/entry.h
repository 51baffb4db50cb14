/* What the log is told: the details of an entry, as a JSON object whose canonical form is
 * committed to.
 *
 * Every entry has action, and where they apply actor ("<issuer>#<subject>"), role, claim,
 * artefact, kind, harmful. docs/log.md lists the actions with their further members.
 */
#ifndef GATEWAY_EVIDENCE_LOG_ENTRY_H
#define GATEWAY_EVIDENCE_LOG_ENTRY_H

#include "gateway/auth/principal.h"
#include "gateway/base/json.h"
#include "storage/ledger.h"
#include "storage/records.h"

/* NULL when memory is out: ledger_append reports it. `p` may be NULL for what the gateway does
 * by itself. */
json_t *entry_new(const char *action, const struct principal *p, enum role role);
void entry_claim(json_t *entry, const struct uuid *claim);   /* nil: nothing */
void entry_upload(json_t *entry, const struct uuid *upload); /* over several requests */
void entry_bundle(json_t *entry, const struct uuid *bundle); /* nil: nothing */
void entry_artefact(json_t *entry,
                    const struct artefact_record *a); /* id, claim, kind, harmful */
/* Appends an entry, as every room does. Where a representative acts on the claim it names, the
 * entry says for whom: `on_behalf_of`, the claimant's subject. */
MUST_USE enum err entry_append(struct commit_tx *tx, json_t *entry, struct ledger_ref *out);
/* Appends an entry about an artefact once for each claim it stands linked to, so that each of
 * their histories, and no other, shows it. *out is the first; its `claim` is the one it was
 * sent to, if that link stands. */
MUST_USE enum err entry_append_linked(struct commit_tx *tx, json_t *entry,
                                      const struct artefact_record *a, struct ledger_ref *out);
void entry_hex(json_t *entry, const char *name, const uint8_t digest[32]);

#endif
