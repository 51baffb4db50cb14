/* The road to destruction: proposal, approval, cancelling. Shredding is shred.c's. */
#include "gateway/evidence/keeping/disposal.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"
#include "storage/record_retention.h"

#include <stdio.h>
#include <string.h>

struct disposal_act {
    struct evidence *ev;
    const struct principal *p;
    struct uuid id;
    const char *reason;
    struct disposal_record *out;
};

static enum err reach(const struct disposal_act *act, struct db *db,
                      struct artefact_access *out)
{
    return authority_artefact(db, &act->id, act->p, ACTION_ARTEFACT_DISPOSE, PURPOSE_NONE, out);
}

static enum err refuse_held(struct db *db, const struct uuid *artefact)
{
    struct hold_record hold;
    enum err found = hold_find(db, artefact, &hold);
    if (found == ERR_OK)
        return refuse_because(REFUSAL_CONFLICT, "a legal hold stands on it");
    return found == ERR_NOT_FOUND ? ERR_OK : found;
}

static enum err disposal_log(struct commit_tx *tx, const char *action,
                             const struct disposal_order *order,
                             const struct artefact_record *a, const struct disposal_record *d)
{
    AUTO(json_free) json_t *entry = entry_new(action, order->p, order->role);
    struct ledger_ref ref;
    entry_artefact(entry, a);
    json_put_text_if(entry, "reason", order->reason);
    if (!uuid_is_nil(&order->list)) {
        char list[UUID_TEXT_SIZE];
        uuid_format(&order->list, list);
        json_put_text(entry, "list", list);
    }
    if (d && d->due_at != 0)
        json_put_time(entry, "due_at", d->due_at);
    return entry_append_linked(tx, entry, a, &ref);
}

/* --- proposal ----------------------------------------------------------------------------- */

static bool disposable(enum artefact_status s)
{
    return s != ARTEFACT_RECEIVING && s != ARTEFACT_REFUSED && s != ARTEFACT_DISPOSED;
}

enum err disposal_propose_in(struct commit_tx *tx, const struct artefact_record *a,
                             const struct disposal_order *order, struct disposal_record *out)
{
    struct db *db = commit_db(tx);
    if (!disposable(a->status))
        return refuse_because(REFUSAL_CONFLICT, "it is %s: there is nothing to dispose of",
                              artefact_status_name(a->status));
    TRY(refuse_held(db, &a->id));
    *out = (struct disposal_record){.artefact = a->id,
                                    .state = DISPOSAL_PROPOSED,
                                    .list = order->list,
                                    .proposed_by = person_of(order->p),
                                    .proposed_at = clock_now(),
                                    .upload_entry = a->ledger_index};
    (void)snprintf(out->reason, sizeof(out->reason), "%s", order->reason);
    (void)snprintf(out->policy, sizeof(out->policy), "%s", order->policy);
    enum err made = disposal_insert(db, out);
    if (made == ERR_EXISTS)
        return refuse_because(REFUSAL_CONFLICT, "its disposal is proposed already");
    TRY(made);
    return disposal_log(tx, "disposal.proposed", order, a, out);
}

static enum err propose_apply(struct commit_tx *tx, void *ctx)
{
    struct disposal_act *act = ctx;
    struct artefact_access access;
    struct retention_row row = {.policy = ""};
    TRY(reach(act, commit_db(tx), &access));
    enum err known = retention_find(commit_db(tx), access.artefact.kind, &row);
    if (known != ERR_NOT_FOUND)
        TRY(known);
    struct disposal_order order = {
        .p = act->p, .role = access.role, .reason = act->reason, .policy = row.policy};
    return disposal_propose_in(tx, &access.artefact, &order, act->out);
}

enum err disposal_propose(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          const char *reason, struct replay *once, struct disposal_record *out)
{
    struct disposal_act act = {.ev = ev, .p = p, .id = *id, .reason = reason, .out = out};
    replay_needs(once, ACTION_ARTEFACT_DISPOSE, NULL, id, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, propose_apply, &act);
}

/* --- approval ----------------------------------------------------------------------------- */

enum err disposal_approve_in(struct commit_tx *tx, struct evidence *ev,
                             const struct artefact_record *a,
                             const struct disposal_order *order, struct disposal_record *out)
{
    struct db *db = commit_db(tx);
    enum err found = disposal_find(db, &a->id, out);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && out->state != DISPOSAL_PROPOSED))
        return refuse_because(REFUSAL_CONFLICT, "no disposal of it waits for approval");
    TRY(found);
    if (person_is(&out->proposed_by, order->p))
        return refuse_because(REFUSAL_NOT_PERMITTED,
                              "whoever proposed a disposal does not approve it");
    TRY(refuse_held(db, &a->id));
    out->state = DISPOSAL_APPROVED;
    out->approved_by = person_of(order->p);
    out->approved_at = clock_now();
    out->due_at = out->approved_at + ev->config.keeping.grace_s * MICROS_PER_SECOND;
    TRY(disposal_change(db, out, DISPOSAL_PROPOSED));
    return disposal_log(tx, "disposal.approved", order, a, out);
}

static enum err approve_apply(struct commit_tx *tx, void *ctx)
{
    struct disposal_act *act = ctx;
    struct artefact_access access;
    TRY(reach(act, commit_db(tx), &access));
    struct disposal_order order = {.p = act->p, .role = access.role, .reason = act->reason};
    return disposal_approve_in(tx, act->ev, &access.artefact, &order, act->out);
}

enum err disposal_approve(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          const char *reason, struct replay *once, struct disposal_record *out)
{
    struct disposal_act act = {.ev = ev, .p = p, .id = *id, .reason = reason, .out = out};
    replay_needs(once, ACTION_ARTEFACT_DISPOSE, NULL, id, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, approve_apply, &act);
}

/* --- cancelling, looking ------------------------------------------------------------------ */

static enum err cancel_apply(struct commit_tx *tx, void *ctx)
{
    struct disposal_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    struct disposal_record d;
    TRY(reach(act, db, &access));
    enum err found = disposal_find(db, &act->id, &d);
    if (found == ERR_NOT_FOUND)
        return refuse_because(REFUSAL_NOT_FOUND, "no disposal of it is proposed");
    TRY(found);
    if (d.state != DISPOSAL_PROPOSED && d.state != DISPOSAL_APPROVED)
        return refuse_because(REFUSAL_CONFLICT, "it is destroyed: that cannot be taken back");
    TRY(disposal_remove(db, &act->id));
    struct disposal_order order = {
        .p = act->p, .role = access.role, .reason = act->reason, .list = d.list};
    return disposal_log(tx, "disposal.cancelled", &order, &access.artefact, NULL);
}

enum err disposal_cancel(struct evidence *ev, const struct principal *p, const struct uuid *id,
                         const char *reason)
{
    struct disposal_act act = {.ev = ev, .p = p, .id = *id, .reason = reason};
    return evidence_commit(ev, cancel_apply, &act, NULL);
}

enum err disposal_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                      struct disposal_record *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct disposal_act act = {.ev = ev, .p = p, .id = *id};
    struct artefact_access access;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(reach(&act, db, &access));
    enum err found = disposal_find(db, id, out);
    return found == ERR_NOT_FOUND ? refuse(REFUSAL_NOT_FOUND) : found;
}
