/* The two writes (assessment, event) and the read; what follows from events is decided by the
 * tables of recording.h. */
#include "gateway/evidence/choice.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/authority.h"
#include "gateway/evidence/entry.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool event_is(const struct choice_event *e, const char *name)
{
    return strcmp(e->event, name) == 0;
}

/* --- reading ------------------------------------------------------------------------------ */

static enum err events_load(struct db *db, const struct uuid *assessment,
                            struct choice_event **out, size_t *n)
{
    *out = calloc(CHOICE_EVENTS_MAX, sizeof(**out));
    if (!*out)
        return err_set(ERR_NOMEM, "choice events");
    enum err e = choice_list(db, assessment, *out, CHOICE_EVENTS_MAX, n);
    if (e != ERR_OK) {
        free(*out);
        *out = NULL;
    }
    return e;
}

enum err choice_judge(struct db *db, const struct uuid *assessment, int64_t started,
                      int64_t stopped, enum recording_verdict *out)
{
    AUTO_FREE struct choice_event *events = NULL;
    size_t n = 0;
    TRY(events_load(db, assessment, &events, &n));
    *out = recording_verdict(events, n, started, stopped);
    return ERR_OK;
}

void assessment_view_clear(struct assessment_view *v)
{
    free(v->events);
    free(v->recordings);
    v->events = NULL;
    v->recordings = NULL;
}

/* Finds the assessment and asks for the action on its claim; foreign and missing look alike. */
static enum err assessment_reach(struct db *db, const struct uuid *id,
                                 const struct principal *p, enum action action,
                                 struct assessment_record *out, enum role *role)
{
    enum err found = assessment_find(db, id, out);
    if (found == ERR_NOT_FOUND) {
        memset(out, 0, sizeof(*out)); /* the nil claim: same road, same answer */
        found = ERR_OK;
    }
    TRY(found);
    struct claim_record claim;
    enum err reach = authority_claim(db, &out->claim, p, action, &claim, NULL, role);
    if (reach == ERR_REFUSED && err_detail(reach) == REFUSAL_CLAIM_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    return reach;
}

/* A kind that is no longer in the table is taken for one. */
static bool is_recording(const struct evidence *ev, const struct artefact_record *a)
{
    const struct kind *kind = kinds_find(ev->parts.kinds, a->kind);
    return !kind || kind->recording;
}

enum err choice_room(struct evidence *ev, struct db *db, const struct uuid *assessment)
{
    AUTO_FREE struct artefact_record *page = calloc(RECORDINGS_MAX, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = RECORDINGS_MAX, recordings = 0;
    if (!page)
        return err_set(ERR_NOMEM, "recordings");
    while (n == RECORDINGS_MAX && recordings < RECORDINGS_MAX) {
        TRY(artefact_list_assessment(db, assessment, &after, page, RECORDINGS_MAX, &n));
        for (size_t i = 0; i < n; i++) {
            recordings += is_recording(ev, &page[i]);
            after = page[i].id;
        }
    }
    return recordings < RECORDINGS_MAX
               ? ERR_OK
               : refuse_because(REFUSAL_QUOTA_EXCEEDED,
                                "an assessment has at most %d recordings", RECORDINGS_MAX);
}

/* A recording that was moved to another claim is that claim's: who sees this assessment need
 * not see it. */
static enum err may_see(struct db *db, const struct principal *p,
                        const struct artefact_record *a, bool *out)
{
    struct access access = {
        .action = ACTION_ARTEFACT_READ, .status = a->status, .harmful = a->harmful};
    TRY(authority_on_artefact(db, a, p, clock_now(), &access.relations));
    *out = permission_check(p, &access, NULL, NULL) == PERMIT;
    return ERR_OK;
}

/* The recordings of a page that the caller may see are moved to its front. */
static enum err recordings_keep(struct evidence *ev, struct db *db, const struct principal *p,
                                struct artefact_record *list, size_t *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        bool seen = false;
        if (is_recording(ev, &list[i]))
            TRY(may_see(db, p, &list[i], &seen));
        if (seen)
            list[kept++] = list[i];
    }
    *n = kept;
    return ERR_OK;
}

static enum err recordings_load(struct evidence *ev, struct db *db, const struct principal *p,
                                struct assessment_view *out)
{
    AUTO_FREE struct artefact_record *page = calloc(RECORDINGS_MAX, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = RECORDINGS_MAX;
    out->recordings = calloc(RECORDINGS_MAX, sizeof(*out->recordings));
    if (!page || !out->recordings)
        return err_set(ERR_NOMEM, "recordings");
    while (n == RECORDINGS_MAX && out->n_recordings < RECORDINGS_MAX) {
        TRY(artefact_list_assessment(db, &out->record.id, &after, page, RECORDINGS_MAX, &n));
        size_t kept = n, room = RECORDINGS_MAX - out->n_recordings;
        if (n > 0)
            after = page[n - 1].id;
        TRY(recordings_keep(ev, db, p, page, &kept));
        kept = kept < room ? kept : room;
        memcpy(out->recordings + out->n_recordings, page, kept * sizeof(*page));
        out->n_recordings += kept;
    }
    return ERR_OK;
}

enum err assessment_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        struct assessment_view *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    memset(out, 0, sizeof(*out));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(assessment_reach(db, id, p, ACTION_ASSESSMENT_READ, &out->record, NULL));
    TRY(events_load(db, id, &out->events, &out->n_events));
    out->choice = choice_state_at(out->events, out->n_events, INT64_MAX);
    return recordings_load(ev, db, p, out);
}

/* --- a new assessment --------------------------------------------------------------------- */

struct create_act {
    const struct principal *p;
    struct assessment_record *record;
};

static enum err create_apply(struct commit_tx *tx, void *ctx)
{
    struct create_act *act = ctx;
    struct claim_record claim;
    enum role role;
    TRY(authority_claim(commit_db(tx), &act->record->claim, act->p, ACTION_ASSESSMENT_CREATE,
                        &claim, NULL, &role));
    TRY(lease_lets_pass(commit_db(tx), &act->record->claim, act->p, role));
    TRY(assessment_insert(commit_db(tx), act->record));
    AUTO(json_free) json_t *entry = entry_new("assessment.created", act->p, role);
    char id[UUID_TEXT_SIZE];
    uuid_format(&act->record->id, id);
    entry_claim(entry, &act->record->claim);
    json_put_text(entry, "assessment", id);
    struct ledger_ref ref;
    return ledger_append(tx, entry, &ref);
}

enum err assessment_create(struct evidence *ev, const struct principal *p,
                           const struct uuid *claim, struct replay *once,
                           struct assessment_record *inout)
{
    inout->id = uuid_new();
    inout->claim = *claim;
    inout->created_at = clock_now();
    inout->created_by = person_of(p);
    struct create_act act = {.p = p, .record = inout};
    replay_needs(once, ACTION_ASSESSMENT_CREATE, claim, NULL, REFUSAL_CLAIM_NOT_FOUND);
    return replay_commit(ev, once, create_apply, &act);
}

/* --- an event of the choice --------------------------------------------------------------- */

struct choice_act {
    struct evidence *ev;
    const struct principal *p;
    struct choice_event *event;
    struct replay *once;
    struct assessment_record assessment;
    enum role role;
    struct choice_result *out;
};

static enum err event_check(const struct choice_event *e)
{
    if (!event_is(e, "notice") && !event_is(e, "opt_out") && !event_is(e, "opt_in"))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "event must be notice, opt_out or opt_in");
    if (e->effective_at > clock_now() + CHOICE_FUTURE_MAX_S * MICROS_PER_SECOND)
        return refuse_because(REFUSAL_INVALID_REQUEST, "effective_at lies in the future");
    return ERR_OK;
}

static bool event_same(const struct choice_event *a, const struct choice_event *b)
{
    return strcmp(a->event, b->event) == 0 && a->effective_at == b->effective_at &&
           strcmp(a->notice_version, b->notice_version) == 0 &&
           strcmp(a->channel, b->channel) == 0 && strcmp(a->on_behalf_of, b->on_behalf_of) == 0;
}

/* The same event again by whoever recorded it is harmless; another one under its id is not, and
 * somebody else's receipt, which names its actor, is not given out. */
static enum err event_repeated(struct choice_act *act, struct db *db)
{
    struct choice_event known;
    enum err found = choice_find(db, &act->event->assessment, act->event->event_id, &known);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    if (!event_same(&known, act->event) || !person_is(&known.by, act->p))
        return refuse_because(REFUSAL_CONFLICT,
                              "this event_id is on record with other content");
    act->out->repeated = true;
    *act->event = known;
    return ERR_OK;
}

static enum err event_log(struct choice_act *act, struct commit_tx *tx)
{
    const struct choice_event *e = act->event;
    char action[SHORT_TEXT_MAX + 16], id[UUID_TEXT_SIZE];
    (void)snprintf(action, sizeof(action), "choice.%s", e->event);
    AUTO(json_free) json_t *entry = entry_new(action, act->p, act->role);
    uuid_format(&e->assessment, id);
    entry_claim(entry, &act->assessment.claim);
    json_put_text(entry, "assessment", id);
    json_put_text(entry, "event_id", e->event_id);
    json_put_time(entry, "effective_at", e->effective_at);
    json_put_text_if(entry, "channel", e->channel);
    json_put_text_if(entry, "notice_version", e->notice_version);
    json_put_text_if(entry, "on_behalf_of", e->on_behalf_of);
    struct ledger_ref ref;
    TRY(ledger_append(tx, entry, &ref));
    act->event->ledger_index = ref.index;
    return ERR_OK;
}

static bool restrictable(enum artefact_status s)
{
    return s == ARTEFACT_AVAILABLE || s == ARTEFACT_QUARANTINED || s == ARTEFACT_COULD_NOT_SCAN;
}

static enum err restrict_one(struct choice_act *act, struct commit_tx *tx,
                             const struct artefact_record *a)
{
    TRY(artefact_status_change(commit_db(tx), &a->id, a->status, ARTEFACT_RESTRICTED,
                               "opted-out"));
    AUTO(json_free) json_t *entry = entry_new("recording.restricted", act->p, act->role);
    entry_artefact(entry, a);
    json_put_text(entry, "reason", "opted-out");
    json_put_text(entry, "event_id", act->event->event_id);
    struct ledger_ref ref;
    TRY(entry_append_linked(tx, entry, a, &ref));
    act->out->restricted += !a->harmful; /* the harm rule holds for counts as well */
    return ERR_OK;
}

/* Every recording that is there, however many artefacts name the assessment. Other evidence
 * that names it (a report, a letter) is not the choice's to restrict. */
static enum err restrict_recordings(struct choice_act *act, struct commit_tx *tx)
{
    AUTO_FREE struct artefact_record *page = calloc(RECORDINGS_MAX, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = RECORDINGS_MAX;
    if (!page)
        return err_set(ERR_NOMEM, "recordings");
    while (n == RECORDINGS_MAX) {
        TRY(artefact_list_assessment(commit_db(tx), &act->event->assessment, &after, page,
                                     RECORDINGS_MAX, &n));
        for (size_t i = 0; i < n; i++) {
            if (is_recording(act->ev, &page[i]) && restrictable(page[i].status))
                TRY(restrict_one(act, tx, &page[i]));
            after = page[i].id;
        }
    }
    return ERR_OK;
}

static enum err room_for(const struct choice_event *e, const struct choice_event *events,
                         size_t n)
{
    bool changes =
        event_is(e, "opt_out") && !choice_is_out(choice_state_at(events, n, INT64_MAX));
    if (n < CHOICE_CHANGES_MAX || changes)
        return ERR_OK;
    return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                          "the choice was changed too often; only an opt-out is taken now");
}

static enum err event_append(struct choice_act *act, struct commit_tx *tx)
{
    AUTO_FREE struct choice_event *events = NULL;
    size_t n = 0;
    TRY(events_load(commit_db(tx), &act->event->assessment, &events, &n));
    TRY(room_for(act->event, events, n));
    act->event->recorded_at = clock_now();
    act->event->by = person_of(act->p);
    (void)snprintf(act->event->by_role, sizeof(act->event->by_role), "%s",
                   role_name(act->role));
    TRY(event_log(act, tx));
    TRY(choice_insert(commit_db(tx), act->event));
    return event_is(act->event, "opt_out") ? restrict_recordings(act, tx) : ERR_OK;
}

static enum err choice_apply(struct commit_tx *tx, void *ctx)
{
    struct choice_act *act = ctx;
    struct db *db = commit_db(tx);
    act->out->repeated = false;
    act->out->restricted = 0;
    enum action action =
        event_is(act->event, "notice") ? ACTION_CHOICE_NOTICE : ACTION_CHOICE_SET;
    TRY(assessment_reach(db, &act->event->assessment, act->p, action, &act->assessment,
                         &act->role));
    replay_needs(act->once, action, &act->assessment.claim, NULL, REFUSAL_NOT_FOUND);
    TRY(event_repeated(act, db));
    if (!act->out->repeated)
        TRY(event_append(act, tx));
    AUTO_FREE struct choice_event *events = NULL;
    size_t n = 0;
    TRY(events_load(db, &act->event->assessment, &events, &n));
    act->out->state = choice_state_at(events, n, INT64_MAX);
    return ERR_OK;
}

enum err choice_record(struct evidence *ev, const struct principal *p,
                       struct choice_event *event, struct replay *once,
                       struct choice_result *out)
{
    TRY(event_check(event));
    struct choice_act act = {.ev = ev, .p = p, .event = event, .once = once, .out = out};
    TRY(replay_commit(ev, once, choice_apply, &act));
    return evidence_receipt(ev, event->ledger_index, &out->receipt);
}
