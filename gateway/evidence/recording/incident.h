/* Incidents: what must not have happened, raised by the gateway itself at the moment it comes
 * to light, in the log and on a list until a records owner has looked into it.
 *
 *     recorded-against-opt-out   a recording is here that has sound from after an opt-out's
 *                                effect: the opt-out was effective before, and recorded after
 *
 * An artefact raises one of a kind. Nothing is undone by a review: the recording stays
 * restricted. */
#ifndef GATEWAY_EVIDENCE_RECORDING_INCIDENT_H
#define GATEWAY_EVIDENCE_RECORDING_INCIDENT_H

#include "gateway/evidence/evidence.h"
#include "gateway/evidence/rules/replay.h"
#include "storage/ledger.h"
#include "storage/record_recordings.h"

#define INCIDENT_AGAINST_OPT_OUT "recorded-against-opt-out"
enum { INCIDENTS_PAGE_MAX = 100 };

/* Oldest first. */
MUST_USE enum err incident_get_all(struct evidence *ev, const struct principal *p,
                                   bool open_only, const struct uuid *after,
                                   struct incident_record *out, size_t max, size_t *n);
/* REFUSAL_CONFLICT: it was reviewed before. */
MUST_USE enum err incident_close(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, const char *outcome,
                                 struct replay *once, struct incident_record *out);

/* Inside a commit: raises it for this recording, unless it was raised before. */
MUST_USE enum err incident_raise(struct commit_tx *tx, const struct principal *p,
                                 enum role role, const struct artefact_record *a,
                                 const struct choice_event *event);

#endif
