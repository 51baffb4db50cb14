/* The scribe writes entries that nobody waits for: denied reads, refused uploads, read sessions
 * that closed. A denial must take no longer than an answer about a missing thing, so it may not
 * wait for a commit. Bounded: past SCRIBE_MAX waiting entries new ones are counted as dropped
 * (a metric an operator is warned of).
 */
#ifndef GATEWAY_EVIDENCE_LOG_SCRIBE_H
#define GATEWAY_EVIDENCE_LOG_SCRIBE_H

#include "gateway/base/json.h"
#include "storage/committer.h"

enum { SCRIBE_MAX = 4096, SCRIBE_BATCH = 128 };

struct scribe;
MUST_USE enum err scribe_start(struct committer *committer, struct scribe **out);
void scribe_stop(struct scribe *s);                /* writes what is left, frees */
void scribe_note(struct scribe *s, json_t *entry); /* steals; NULL counts as dropped */
uint64_t scribe_dropped(const struct scribe *s);

#endif
