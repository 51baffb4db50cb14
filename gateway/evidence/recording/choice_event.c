/* An event of the choice is recorded, and whatever it does to recordings happens in the same
 * transaction: none is available between the two. What the event means is asked of the table
 * (recording.h). */
#include "gateway/evidence/recording/choice.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/inspection/findings.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/recording/copies.h"
#include "gateway/evidence/recording/incident.h"
#include "gateway/evidence/rules/authority.h"
#include "gateway/evidence/rules/party.h"
#include "storage/record_people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct choice_act {
    struct evidence *ev;
    const struct principal *p;
    struct choice_event *event;
    struct replay *once;
    struct assessment_record assessment;
    struct claim_record claim;
    enum role role;
    struct choice_result *out;
};

static bool event_is(const struct choice_event *e, const char *name)
{
    return strcmp(e->event, name) == 0;
}

/* --- what was said ------------------------------------------------------------------------ */

static bool channel_known(const char *channel)
{
    static const char *const CHANNELS[] = {"", "web", "phone", "in_person", "post"};
    for (size_t i = 0; i < ARRAY_LEN(CHANNELS); i++) {
        if (strcmp(channel, CHANNELS[i]) == 0)
            return true;
    }
    return false;
}

static enum err event_check(const struct choice_event *e)
{
    if (!choice_event_known(e->event))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "event must be notice, opt_out or opt_in");
    if (!channel_known(e->channel))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "channel must be web, phone, in_person or post");
    if (e->effective_at > clock_now() + CHOICE_FUTURE_MAX_S * MICROS_PER_SECOND)
        return refuse_because(REFUSAL_INVALID_REQUEST, "effective_at lies in the future");
    return ERR_OK;
}

/* An assessor relays somebody's word, an appointee speaks for the claimant: unless it is said
 * whose word it is, the claimant's. */
static void behalf_default(struct choice_act *act)
{
    struct choice_event *e = act->event;
    if (!e->on_behalf_of[0] && !event_is(e, "notice") && act->role != ROLE_CLAIMANT)
        memcpy(e->on_behalf_of, act->claim.claimant.subject, sizeof(e->on_behalf_of));
}

/* The word of somebody who was the appointee when it took effect. */
static enum err behalf_check(const struct choice_act *act, struct db *db)
{
    const char *whose = act->event->on_behalf_of;
    struct claim_life life = {.began_at = act->claim.created_at,
                              .of_age_at = claimant_of_age_at(act->claim.claimant_born)};
    struct party_record parties[PARTIES_MAX];
    size_t n = 0;
    if (!whose[0] || strcmp(whose, act->claim.claimant.subject) == 0)
        return ERR_OK;
    TRY(party_list(db, &act->claim.id, parties, &n));
    for (size_t i = 0; i < n && act->role == ROLE_ASSESSOR; i++) {
        if (strcmp(parties[i].kind, "appointee") == 0 &&
            strcmp(parties[i].person.subject, whose) == 0 &&
            party_acts(parties, n, i, &life, act->event->effective_at))
            return ERR_OK;
    }
    return refuse_because(REFUSAL_INVALID_REQUEST,
                          "on_behalf_of wants the claimant, or the appointee whose word it is");
}

/* What the claimant had said by their death stands, and may still be relayed. */
static enum err death_check(const struct choice_act *act, struct db *db)
{
    int64_t died_at = 0;
    TRY(claim_death_find(db, &act->claim.id, &died_at));
    return died_at == 0 || act->event->effective_at <= died_at
               ? ERR_OK
               : refuse_because(REFUSAL_CONFLICT,
                                "the claimant has died: the choice stands as it was then");
}

/* A notice that the policy knows by its version reads as the policy says. */
static enum err notice_fill(const struct choice_act *act)
{
    struct choice_event *e = act->event;
    const struct notice *notice = kinds_notice(act->ev->parts.kinds, e->notice_version);
    if (!notice)
        return ERR_OK;
    if (e->has_notice_sha256 && memcmp(e->notice_sha256, notice->sha256, 32) != 0)
        return refuse_because(REFUSAL_CONFLICT, "the notice of that version reads otherwise");
    e->has_notice_sha256 = true;
    memcpy(e->notice_sha256, notice->sha256, sizeof(e->notice_sha256));
    return ERR_OK;
}

/* --- once --------------------------------------------------------------------------------- */

/* Events from before it was filled in have no `on_behalf_of`. */
static bool notice_same(const struct choice_event *known, const struct choice_event *e)
{
    return strcmp(known->notice_version, e->notice_version) == 0 &&
           (!e->has_notice_sha256 ||
            (known->has_notice_sha256 &&
             memcmp(known->notice_sha256, e->notice_sha256, sizeof(e->notice_sha256)) == 0));
}

static bool event_same(const struct choice_event *known, const struct choice_event *e)
{
    return strcmp(known->event, e->event) == 0 && known->effective_at == e->effective_at &&
           notice_same(known, e) && strcmp(known->channel, e->channel) == 0 &&
           (!known->on_behalf_of[0] || strcmp(known->on_behalf_of, e->on_behalf_of) == 0);
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

/* --- what it does to recordings ----------------------------------------------------------- */

static enum err restrict_one(struct choice_act *act, struct commit_tx *tx,
                             const struct artefact_record *a, enum artefact_status after)
{
    TRY(artefact_status_change(commit_db(tx), &a->id, a->status, after,
                               STATUS_REASON_OPTED_OUT));
    AUTO(json_free) json_t *entry = entry_new("recording.restricted", act->p, act->role);
    entry_artefact(entry, a);
    json_put_text(entry, "reason", STATUS_REASON_OPTED_OUT);
    json_put_text(entry, "event_id", act->event->event_id);
    struct ledger_ref ref;
    TRY(entry_append_linked(tx, entry, a, &ref));
    act->out->restricted += !a->harmful; /* the harm rule holds for counts as well */
    return ERR_OK;
}

/* It has sound from when the claimant had opted out, and it is here. */
static bool is_against(const struct choice_event *e, const struct artefact_record *a)
{
    return a->status != ARTEFACT_REFUSED && a->status != ARTEFACT_DISPOSED &&
           e->effective_at < a->recording_stopped_at;
}

static enum err opt_out_meets(struct choice_act *act, struct commit_tx *tx,
                              const struct artefact_record *a)
{
    enum recording_state state = recording_state_of(a->status), next;
    bool meets = recording_next(state, RECORDING_OPT_OUT, RECORDING_REFUSED, &next);
    if (meets && next != state)
        TRY(restrict_one(act, tx, a, recording_status(next)));
    if (meets)
        TRY(copies_request(tx, act->p, act->role, a, act->event->event_id));
    return is_against(act->event, a) ? incident_raise(tx, act->p, act->role, a, act->event)
                                     : ERR_OK;
}

/* Every recording that is there, however many artefacts name the assessment. Other evidence
 * that names it (a report, a letter) is not the choice's to restrict. */
static enum err opt_out_meets_all(struct choice_act *act, struct commit_tx *tx)
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
            if (choice_decides(act->ev, &page[i]))
                TRY(opt_out_meets(act, tx, &page[i]));
            after = page[i].id;
        }
    }
    return ERR_OK;
}

/* --- the record --------------------------------------------------------------------------- */

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
    if (e->has_notice_sha256)
        entry_hex(entry, "notice_sha256", e->notice_sha256);
    json_put_text(entry, "authority", e->authority);
    entry_hex(entry, "policy_sha256", e->policy);
    json_put_text_if(entry, "on_behalf_of", e->on_behalf_of);
    struct ledger_ref ref;
    TRY(entry_append(tx, entry, &ref));
    act->event->ledger_index = ref.index;
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

/* The claimant's own, the appointee's, or somebody's word relayed. */
static const char *authority_name(const struct choice_act *act)
{
    if (act->role == ROLE_REPRESENTATIVE)
        return "appointee";
    if (act->role == ROLE_CLAIMANT || event_is(act->event, "notice"))
        return role_name(act->role);
    return "relay";
}

static void event_fill(struct choice_act *act)
{
    struct choice_event *e = act->event;
    e->recorded_at = clock_now();
    e->by = person_of(act->p);
    (void)snprintf(e->by_role, sizeof(e->by_role), "%s", role_name(act->role));
    (void)snprintf(e->authority, sizeof(e->authority), "%s", authority_name(act));
    memcpy(e->policy, act->ev->parts.kinds->sha256, sizeof(e->policy));
}

static enum err event_append(struct choice_act *act, struct commit_tx *tx)
{
    AUTO_FREE struct choice_event *events = NULL;
    struct db *db = commit_db(tx);
    size_t n = 0;
    TRY(behalf_check(act, db));
    TRY(notice_fill(act));
    TRY(death_check(act, db));
    TRY(choice_events_load(db, &act->event->assessment, &events, &n));
    TRY(room_for(act->event, events, n));
    event_fill(act);
    TRY(event_log(act, tx));
    TRY(choice_insert(db, act->event));
    const struct telling told = {.event = MESSAGE_CHOICE_RECORDED,
                                 .claim = act->assessment.claim,
                                 .about = act->event->assessment,
                                 .own_side = true};
    TRY(telling_write(&act->ev->config.telling, db, &told));
    return event_is(act->event, "opt_out") ? opt_out_meets_all(act, tx) : ERR_OK;
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
    TRY(claim_find(db, &act->assessment.claim, &act->claim));
    replay_needs(act->once, action, &act->assessment.claim, NULL, REFUSAL_NOT_FOUND);
    behalf_default(act);
    TRY(event_repeated(act, db));
    if (!act->out->repeated)
        TRY(event_append(act, tx));
    AUTO_FREE struct choice_event *events = NULL;
    size_t n = 0;
    TRY(choice_events_load(db, &act->event->assessment, &events, &n));
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
    retrieve_access_changed(ev); /* before the answer: what is read from now on is asked for */
    return evidence_receipt(ev, event->ledger_index, &out->receipt);
}

/* --- receipts ----------------------------------------------------------------------------- */

enum err choice_receipt(struct evidence *ev, const struct principal *p,
                        const struct uuid *assessment, const char *event_id, struct buf *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct assessment_record record;
    struct choice_event event;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(assessment_reach(db, assessment, p, ACTION_ASSESSMENT_READ, &record, NULL));
    enum err found = choice_find(db, assessment, event_id, &event);
    if (found == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(found);
    if (!person_is(&event.by, p))
        TRY(assessment_reach(db, assessment, p, ACTION_CHOICE_RECEIPT, &record, NULL));
    return evidence_unsigned(
        ledger_receipt_cosigned(ev->parts.ledger, event.ledger_index, out));
}

/* --- out of quarantine -------------------------------------------------------------------- */

struct decide_act {
    struct evidence *ev;
    const struct principal *p;
    struct uuid id;
    const char *reason;
    struct artefact_record *out;
};

static enum err decide_log(struct commit_tx *tx, const struct decide_act *act, enum role role,
                           const struct artefact_record *after)
{
    AUTO(json_free) json_t *entry = entry_new("recording.decided", act->p, role);
    struct ledger_ref ref;
    entry_artefact(entry, after);
    json_put_text(entry, "reason", act->reason);
    json_put_text(entry, "status", artefact_status_name(after->status));
    return entry_append_linked(tx, entry, after, &ref);
}

/* The decision is about the notice; that a file is clean is nobody's to decide. */
static enum err inspected_check(const struct decide_act *act, struct db *db)
{
    struct inspection_record newest;
    if (!act->ev->config.inspection)
        return ERR_OK;
    enum err found = inspection_find(db, &act->id, &newest);
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    bool clean =
        found == ERR_OK && strcmp(newest.outcome, inspect_outcome_name(INSPECT_CLEAN)) == 0;
    return clean ? ERR_OK : refuse_because(REFUSAL_CONFLICT, "it was not inspected yet");
}

static enum err decide_apply(struct commit_tx *tx, void *ctx)
{
    struct decide_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    enum recording_verdict verdict;
    enum recording_state next;
    TRY(authority_artefact(db, &act->id, act->p, ACTION_RECORDING_DECIDE, PURPOSE_NONE,
                           &access));
    *act->out = access.artefact;
    struct artefact_record *a = act->out;
    if (!choice_decides(act->ev, a) || a->status != ARTEFACT_QUARANTINED ||
        strcmp(a->status_reason, STATUS_REASON_NOT_INSPECTED) == 0)
        return refuse_because(REFUSAL_CONFLICT, "it does not wait for a decision");
    TRY(inspected_check(act, db));
    TRY(choice_judge(db, &a->assessment, a->recording_started_at, a->recording_stopped_at,
                     &verdict));
    if (!recording_next(RECORDING_IN_QUARANTINE, RECORDING_DECIDE, verdict, &next))
        return err_set(ERR_INTERNAL, "the table has no decision");
    a->status = recording_status(next);
    (void)snprintf(a->status_reason, sizeof(a->status_reason), "%s",
                   next == RECORDING_RESTRICTED ? STATUS_REASON_OPTED_OUT : "");
    const struct artefact_record before = access.artefact;
    TRY(artefact_status_change(db, &a->id, ARTEFACT_QUARANTINED, a->status, a->status_reason));
    TRY(telling_status(&act->ev->config.telling, db, &before, a->status));
    return decide_log(tx, act, access.role, a);
}

enum err recording_decide(struct evidence *ev, const struct principal *p,
                          const struct uuid *artefact, const char *reason, struct replay *once,
                          struct artefact_record *out)
{
    struct decide_act act = {.ev = ev, .p = p, .id = *artefact, .reason = reason, .out = out};
    replay_needs(once, ACTION_RECORDING_DECIDE, NULL, artefact, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, decide_apply, &act);
}
