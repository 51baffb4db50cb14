/* How refusals reach the log: by the scribe, behind the answer, and not without end. */
#ifndef GATEWAY_EVIDENCE_LOG_DENIAL_H
#define GATEWAY_EVIDENCE_LOG_DENIAL_H

#include "gateway/base/json.h"
#include "gateway/evidence/evidence.h"

/* The first of the caller's roles: what an entry says when no row of the table permitted. */
enum role denial_role(const struct principal *p);
/* An entry for this refusal, or NULL if it was only counted (flood.h) or memory is out. The
 * caller adds what is allowed to be kept and gives it to denial_note. */
json_t *denial_new(struct evidence *ev, const struct principal *p, const char *action,
                   enum refusal why);
/* The same for what is no refusal but may come as often; `reason` is a constant of the program.
 */
json_t *denial_entry(struct evidence *ev, const struct principal *p, const char *action,
                     const char *reason);
void denial_note(struct evidence *ev, json_t *entry); /* steals; NULL allowed */
/* The same at once, for who is to have a receipt; an entry without an index is noted. */
MUST_USE enum err denial_commit(struct evidence *ev, json_t *entry, uint64_t *index);
/* Tells the log what was counted: of the windows that are over, or of all. */
void denial_flush(struct evidence *ev, bool all);

#endif
