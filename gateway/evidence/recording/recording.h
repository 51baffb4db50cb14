/* The recording choice and the recording as two machines: pure, over events and states. The
 * tables stand in machine.def; docs/recording.md is printed from them.
 *
 * The choice at a moment is the machine run over the events effective by then in order of their
 * effect, so that the order in which they were recorded does not matter; of one moment's events
 * a notice comes first and an opt-out last.
 *
 * A recording [started, stopped] against the events on record (recording_verdict):
 *   OPTED_OUT   opted out at its start, or an opt-out became effective before its end, or
 *               the claimant is opted out now
 *   UNPROVED    no notice was effective at its start
 *   ALLOWED     else
 *
 * Invariant: no order of events ever ends with a recording that is available and an opt-out
 * effective at or before its start (that no opt-in had taken back by then).
 */
#ifndef GATEWAY_EVIDENCE_RECORDING_RECORDING_H
#define GATEWAY_EVIDENCE_RECORDING_RECORDING_H

#include "gateway/base/buf.h"
#include "storage/records.h"

/* --- the choice --------------------------------------------------------------------------- */

enum choice_state {
    CHOICE_NO_NOTICE,
    CHOICE_NOTICED,
    CHOICE_OPTED_OUT,
    CHOICE_OPTED_OUT_UNTOLD /* without a notice: shown as opted_out */
};
const char *choice_state_name(enum choice_state s); /* "no_notice", "noticed", "opted_out" */
static inline bool choice_is_out(enum choice_state s)
{
    return s == CHOICE_OPTED_OUT || s == CHOICE_OPTED_OUT_UNTOLD;
}
bool choice_event_known(const char *name); /* "notice", "opt_out", "opt_in" */

/* Over events in any order. `at` INT64_MAX: now and for ever. */
enum choice_state choice_state_at(const struct choice_event *events, size_t n, int64_t at);

/* --- the recording ------------------------------------------------------------------------ */

enum recording_verdict { RECORDING_ALLOWED, RECORDING_QUARANTINED, RECORDING_REFUSED };
enum recording_verdict recording_verdict(const struct choice_event *events, size_t n,
                                         int64_t started, int64_t stopped);

enum recording_state { /* of an artefact, but for the first, by its status */
                       RECORDING_EXPECTED,
                       RECORDING_RECEIVING,
                       RECORDING_IN_QUARANTINE,
                       RECORDING_AVAILABLE,
                       RECORDING_COULD_NOT_SCAN,
                       RECORDING_RESTRICTED,
                       RECORDING_WAS_REFUSED,
                       RECORDING_DISPOSED,
                       RECORDING_STATE_COUNT
};
enum recording_act {
    RECORDING_START,    /* the upload begins */
    RECORDING_COMMIT,   /* it is made durable, and its inspection found nothing */
    RECORDING_CLEAR,    /* a later inspection found nothing */
    RECORDING_DECIDE,   /* a records owner lets it out of quarantine */
    RECORDING_OPT_OUT,  /* an opt-out is recorded */
    RECORDING_OPT_IN,   /* an opt-in is recorded */
    RECORDING_HIDE,     /* staff or an inspection restrict it */
    RECORDING_LIFT,     /* a records owner takes such a restriction back */
    RECORDING_RETRIEVE, /* somebody reads it */
    RECORDING_DISPOSE,
    RECORDING_ACT_COUNT
};
enum recording_state recording_state_of(enum artefact_status s);
enum artefact_status recording_status(enum recording_state s); /* not of EXPECTED */

/* *next: what becomes of it. False: this does not happen to a recording in that state, which
 * stays as it is. */
bool recording_next(enum recording_state state, enum recording_act act,
                    enum recording_verdict verdict, enum recording_state *next);

/* docs/recording.md */
MUST_USE enum err recording_print(struct buf *out);

#endif
