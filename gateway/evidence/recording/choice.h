/* The recording choice of an assessment: its events, and what they do to recordings. The two
 * machines themselves are recording.h.
 *
 * Events are appended, never changed; repeats by event_id are harmless. An opt-out restricts
 * every recording of the assessment that is already there (artefacts of a kind that is a
 * recording, whichever else name the assessment), stops their running reads and asks those who
 * had retrieved one to delete their copies (copies.h); where a recording has sound from after
 * the opt-out's effect, an incident is raised (incident.h). An opt-in releases nothing by
 * itself. An assessment takes RECORDINGS_MAX recordings. The committer runs one transaction
 * after the other, so of an upload and an opt-out one comes first, and either order ends
 * without an available recording.
 *
 * Who: the claimant, the appointee, an assessor who relays the claimant's or the appointee's
 * word (`on_behalf_of` says whose; the claimant's if it does not say). What becomes effective
 * after the claimant's death is not taken.
 */
#ifndef GATEWAY_EVIDENCE_RECORDING_CHOICE_H
#define GATEWAY_EVIDENCE_RECORDING_CHOICE_H

#include "gateway/evidence/recording/recording.h"
#include "gateway/evidence/rules/replay.h"
#include "storage/record_recordings.h"

/* --- assessments --- */
struct assessment_view {
    struct assessment_record record;
    enum choice_state choice;
    struct choice_event *events; /* heap: assessment_view_clear */
    size_t n_events;
    struct artefact_record *recordings; /* those that the caller may see, newest first */
    size_t n_recordings;
    struct incident_record *incidents; /* of those, oldest first */
    size_t n_incidents;
};
void assessment_view_clear(struct assessment_view *v);
DEFINE_AUTO_CLEAR(struct assessment_view, assessment_view_clear);

enum { ASSESSMENTS_MAX = 100, RECORDINGS_MAX = 64 };
/* Fills id, claim, created_*. */
MUST_USE enum err assessment_create(struct evidence *ev, const struct principal *p,
                                    const struct uuid *claim, struct replay *once,
                                    struct assessment_record *inout);
MUST_USE enum err assessment_get(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, struct assessment_view *out);

/* An assessment takes CHOICE_CHANGES_MAX events; past that only an opt-out that changes
 * something, so that nobody can use the room up and an opt-out always finds a place
 * (REFUSAL_QUOTA_EXCEEDED for the rest). */
enum { CHOICE_CHANGES_MAX = 150 };
_Static_assert((int)CHOICE_CHANGES_MAX < (int)CHOICE_EVENTS_MAX, "room for the last opt-out");
/* effective_at may lie CHOICE_FUTURE_MAX_S in the future at the most (clocks differ). */
enum { CHOICE_FUTURE_MAX_S = 300 };
struct choice_result {
    enum choice_state state;
    bool repeated;     /* this event_id was on record with the same content: nothing new */
    size_t restricted; /* recordings that this event restricted, but for harmful ones */
    struct buf receipt;
};
/* event: event_id, assessment, event, channel, notice_version, notice_sha256, effective_at,
 * on_behalf_of are the caller's; the rest is filled. The same event_id with other content, or
 * of somebody else: REFUSAL_CONFLICT; so is one that became effective after the claimant's
 * death. */
MUST_USE enum err choice_record(struct evidence *ev, const struct principal *p,
                                struct choice_event *event, struct replay *once,
                                struct choice_result *out);

/* The receipt of one of its events: of one's own, or by ACTION_CHOICE_RECEIPT.
 * REFUSAL_NOT_FOUND without such an event. */
MUST_USE enum err choice_receipt(struct evidence *ev, const struct principal *p,
                                 const struct uuid *assessment, const char *event_id,
                                 struct buf *out);

/* A records owner lets a recording without proof of notice out of quarantine, by name and with
 * a reason: it is judged anew. REFUSAL_CONFLICT where it does not wait for that. */
MUST_USE enum err recording_decide(struct evidence *ev, const struct principal *p,
                                   const struct uuid *artefact, const char *reason,
                                   struct replay *once, struct artefact_record *out);

/* Inside a commit, or before: is there room for one more recording (REFUSAL_QUOTA_EXCEEDED)? */
MUST_USE enum err choice_room(struct evidence *ev, struct db *db,
                              const struct uuid *assessment);
/* Inside a commit: the verdict on a recording of this assessment now. */
MUST_USE enum err choice_judge(struct db *db, const struct uuid *assessment, int64_t started,
                               int64_t stopped, enum recording_verdict *out);

/* --- for the rooms of gateway/evidence/ --- */
/* Finds the assessment and asks for the action on its claim; foreign and missing look alike. */
MUST_USE enum err assessment_reach(struct db *db, const struct uuid *id,
                                   const struct principal *p, enum action action,
                                   struct assessment_record *out, enum role *role);
/* All of them, on the heap. */
MUST_USE enum err choice_events_load(struct db *db, const struct uuid *assessment,
                                     struct choice_event **out, size_t *n);
/* Whether the choice decides about it: a recording, or of a kind that is no longer known. */
bool choice_decides(const struct evidence *ev, const struct artefact_record *a);

#endif
