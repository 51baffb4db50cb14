/* Each call is one commit, and every rule is asked inside it: a hold and the destruction that
 * it blocks run one after the other, never beside each other. */
#include "gateway/evidence/keeping/keeping.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/inspection/findings.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/recording/choice.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keeping_act {
    struct evidence *ev;
    const struct principal *p;
    struct uuid id;
    const char *reason;
    struct restriction_record *restriction;
    struct hold_record *hold;
    bool *existed;
    enum artefact_status *after;
};

static enum err reach(const struct keeping_act *act, struct db *db, enum action action,
                      struct artefact_access *out)
{
    return authority_artefact(db, &act->id, act->p, action, PURPOSE_NONE, out);
}

static enum err keeping_log(struct commit_tx *tx, const struct keeping_act *act,
                            const struct artefact_access *access, const char *action,
                            const char *status)
{
    AUTO(json_free) json_t *entry = entry_new(action, act->p, access->role);
    struct ledger_ref ref;
    entry_artefact(entry, &access->artefact);
    json_put_text_if(entry, "reason", act->reason);
    if (status)
        json_put_text(entry, "status", status);
    return entry_append_linked(tx, entry, &access->artefact, &ref);
}

/* --- restriction -------------------------------------------------------------------------- */

static bool restrictable(enum artefact_status s)
{
    return s == ARTEFACT_AVAILABLE || s == ARTEFACT_QUARANTINED || s == ARTEFACT_COULD_NOT_SCAN;
}

static enum err restrict_apply(struct commit_tx *tx, void *ctx)
{
    struct keeping_act *act = ctx;
    struct restriction_record *r = act->restriction;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    TRY(reach(act, db, ACTION_ARTEFACT_RESTRICT, &access));
    const struct artefact_record *a = &access.artefact;
    if (!restrictable(a->status))
        return refuse_because(REFUSAL_CONFLICT, "it is %s: there is nothing to hide",
                              artefact_status_name(a->status));
    *r = (struct restriction_record){.artefact = a->id, .before = a->status};
    memcpy(r->before_reason, a->status_reason, sizeof(r->before_reason));
    (void)snprintf(r->reason, sizeof(r->reason), "%s", act->reason);
    r->by = person_of(act->p);
    r->at = clock_now();
    TRY(restriction_insert(db, r));
    TRY(artefact_status_change(db, &a->id, a->status, ARTEFACT_RESTRICTED,
                               STATUS_REASON_HIDDEN));
    return keeping_log(tx, act, &access, "restriction.made",
                       artefact_status_name(ARTEFACT_RESTRICTED));
}

enum err restriction_make(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          const char *reason, struct replay *once,
                          struct restriction_record *out)
{
    struct keeping_act act = {
        .ev = ev, .p = p, .id = *id, .reason = reason, .restriction = out};
    replay_needs(once, ACTION_ARTEFACT_RESTRICT, NULL, id, REFUSAL_NOT_FOUND);
    enum err e = replay_commit(ev, once, restrict_apply, &act);
    retrieve_access_changed(ev);
    return e;
}

struct verdict_now { /* what it becomes when nobody hides it any more */
    enum artefact_status status;
    char reason[SHORT_TEXT_MAX + 1];
};

static bool is_recording(const struct keeping_act *act, const struct artefact_record *a)
{
    const struct kind *kind = kinds_find(act->ev->parts.kinds, a->kind);
    return !kind || kind->recording; /* a kind that is no longer known is taken for one */
}

/* A recording has to fit its stated times, too. */
static enum err clean_meanwhile(const struct keeping_act *act, const struct artefact_record *a,
                                const struct inspection_record *found, struct verdict_now *now)
{
    const struct inspection_policy *policy = &act->ev->config.inspecting;
    AUTO_FREE struct verdict *v = calloc(1, sizeof(*v));
    struct finding_rules rules = {
        .recording = is_recording(act, a),
        .tolerance_us = policy->interval_tolerance_s * MICROS_PER_SECOND,
        .shortfall_us = policy->interval_shortfall_s * MICROS_PER_SECOND,
    };
    if (!v)
        return err_set(ERR_NOMEM, "a verdict");
    v->outcome = INSPECT_CLEAN;
    v->duration_ms = found->duration_ms;
    findings_status(v, FINDINGS_ATTEMPTS, a, &rules, &now->status, now->reason);
    return ERR_OK;
}

/* What came of its inspection while it was hidden: then its status was not touched. */
static enum err inspected_meanwhile(const struct keeping_act *act, struct db *db,
                                    const struct artefact_record *a, struct verdict_now *now)
{
    struct inspection_record newest;
    AUTO_CLEAR(buf_clear) struct buf waits;
    buf_init(&waits, INSPECTION_KEY_MAX);
    enum err found = inspection_find(db, &a->id, &newest);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    if (strcmp(newest.outcome, inspect_outcome_name(INSPECT_VIRUS)) == 0)
        return refuse_because(REFUSAL_CONFLICT, "it was found infected");
    bool waited = now->status == ARTEFACT_QUARANTINED &&
                  strcmp(now->reason, STATUS_REASON_NOT_INSPECTED) == 0;
    enum err due = waited ? inspection_due_sealed(db, &a->id, &waits) : ERR_OK;
    if (due != ERR_NOT_FOUND)
        return due;
    if (strcmp(newest.outcome, inspect_outcome_name(INSPECT_CLEAN)) == 0)
        return clean_meanwhile(act, a, &newest, now);
    now->status = ARTEFACT_COULD_NOT_SCAN;
    (void)snprintf(now->reason, sizeof(now->reason), "%s", newest.reason);
    return ERR_OK;
}

/* An opt-out that came while it was hidden found it restricted already. It counts as it would
 * have on any other day: an opt-in behind it does not give the recording back. */
static enum err opted_out_since(struct db *db, const struct artefact_record *a, bool *out)
{
    AUTO_FREE struct choice_event *events = calloc(CHOICE_EVENTS_MAX, sizeof(*events));
    size_t n = 0;
    if (!events)
        return err_set(ERR_NOMEM, "choice events");
    TRY(choice_list(db, &a->assessment, events, CHOICE_EVENTS_MAX, &n));
    for (size_t i = 0; i < n; i++)
        *out = *out || (strcmp(events[i].event, "opt_out") == 0 &&
                        events[i].recorded_at >= a->received_at);
    return ERR_OK;
}

/* The invariant of the recording choice: no order of events releases what was opted out of. */
static enum err choice_now(const struct keeping_act *act, struct db *db,
                           const struct artefact_record *a, struct verdict_now *now)
{
    enum recording_verdict verdict;
    if (!is_recording(act, a) || uuid_is_nil(&a->assessment))
        return ERR_OK;
    TRY(choice_judge(db, &a->assessment, a->recording_started_at, a->recording_stopped_at,
                     &verdict));
    bool out = verdict == RECORDING_REFUSED;
    TRY(opted_out_since(db, a, &out));
    if (out)
        return refuse_because(REFUSAL_CONFLICT,
                              "the claimant opted out of this recording: it stays restricted");
    if (verdict == RECORDING_QUARANTINED && now->status == ARTEFACT_AVAILABLE) {
        now->status = ARTEFACT_QUARANTINED;
        (void)snprintf(now->reason, sizeof(now->reason), "%s", STATUS_REASON_NO_NOTICE);
    }
    return ERR_OK;
}

static enum err lift_apply(struct commit_tx *tx, void *ctx)
{
    struct keeping_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    struct restriction_record r;
    struct verdict_now now;
    TRY(reach(act, db, ACTION_ARTEFACT_UNRESTRICT, &access));
    const struct artefact_record *a = &access.artefact;
    enum err found = restriction_find(db, &act->id, &r);
    if (found == ERR_NOT_FOUND)
        return refuse_because(REFUSAL_CONFLICT, a->status == ARTEFACT_RESTRICTED
                                                    ? "it was not staff who restricted it"
                                                    : "it is not restricted");
    TRY(found);
    now.status = r.before;
    memcpy(now.reason, r.before_reason, sizeof(now.reason));
    TRY(inspected_meanwhile(act, db, a, &now));
    TRY(choice_now(act, db, a, &now));
    TRY(restriction_remove(db, &act->id));
    TRY(artefact_status_change(db, &act->id, ARTEFACT_RESTRICTED, now.status, now.reason));
    *act->after = now.status;
    return keeping_log(tx, act, &access, "restriction.lifted",
                       artefact_status_name(now.status));
}

enum err restriction_lift(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          const char *reason, enum artefact_status *after)
{
    struct keeping_act act = {.ev = ev, .p = p, .id = *id, .reason = reason, .after = after};
    return evidence_commit(ev, lift_apply, &act, NULL);
}

/* --- legal hold --------------------------------------------------------------------------- */

static bool holdable(enum artefact_status s)
{
    return s != ARTEFACT_RECEIVING && s != ARTEFACT_REFUSED && s != ARTEFACT_DISPOSED;
}

static enum err place_apply(struct commit_tx *tx, void *ctx)
{
    struct keeping_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    TRY(reach(act, db, ACTION_HOLD_PLACE, &access));
    if (!holdable(access.artefact.status))
        return refuse_because(REFUSAL_CONFLICT, "it is %s: there is nothing to hold",
                              artefact_status_name(access.artefact.status));
    enum err found = hold_find(db, &act->id, act->hold);
    *act->existed = found == ERR_OK;
    if (found != ERR_NOT_FOUND)
        TRY(found);
    if (*act->existed && strcmp(act->hold->reason, act->reason) == 0)
        return ERR_OK; /* said twice */
    *act->hold = (struct hold_record){.artefact = act->id, .at = clock_now()};
    (void)snprintf(act->hold->reason, sizeof(act->hold->reason), "%s", act->reason);
    act->hold->by = person_of(act->p);
    TRY(hold_put(db, act->hold));
    return keeping_log(tx, act, &access, "hold.placed", NULL);
}

enum err hold_place(struct evidence *ev, const struct principal *p, const struct uuid *id,
                    const char *reason, bool *existed, struct hold_record *out)
{
    struct keeping_act act = {
        .ev = ev, .p = p, .id = *id, .reason = reason, .existed = existed, .hold = out};
    return evidence_commit(ev, place_apply, &act, NULL);
}

/* Whoever meant to destroy it has the grace period again: they may know better by now. */
static enum err grace_again(const struct keeping_act *act, struct db *db)
{
    struct disposal_record d;
    enum err found = disposal_find(db, &act->id, &d);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && d.state != DISPOSAL_APPROVED))
        return ERR_OK;
    TRY(found);
    int64_t due = clock_now() + act->ev->config.keeping.grace_s * MICROS_PER_SECOND;
    d.due_at = due > d.due_at ? due : d.due_at;
    return disposal_change(db, &d, DISPOSAL_APPROVED);
}

static enum err hold_lift_apply(struct commit_tx *tx, void *ctx)
{
    struct keeping_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    TRY(reach(act, db, ACTION_HOLD_LIFT, &access));
    enum err gone = hold_remove(db, &act->id);
    if (gone == ERR_NOT_FOUND)
        return refuse_because(REFUSAL_NOT_FOUND, "no hold stands on it");
    TRY(gone);
    TRY(grace_again(act, db));
    return keeping_log(tx, act, &access, "hold.lifted", NULL);
}

enum err hold_lift(struct evidence *ev, const struct principal *p, const struct uuid *id,
                   const char *reason)
{
    struct keeping_act act = {.ev = ev, .p = p, .id = *id, .reason = reason};
    return evidence_commit(ev, hold_lift_apply, &act, NULL);
}
