/* Invariant: whether a lease stands is asked of the clock inside the commit, so that of two who
 * want the same claim one gets it and the other is told. */
#include "gateway/evidence/claims/lease.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <string.h>

static bool permits(const struct principal *p, enum action action, uint32_t relations)
{
    struct access access = {
        .action = action, .relations = relations, .status = PERMISSION_NO_ARTEFACT};
    return permission_check(p, &access, NULL, NULL) == PERMIT;
}

enum err lease_look(struct db *db, const struct uuid *claim, const struct principal *p,
                    uint32_t relations, struct lease_view *out)
{
    memset(out, 0, sizeof(*out));
    enum err found = lease_find(db, claim, &out->record);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    out->stands = out->record.until > clock_now();
    out->mine = person_is(&out->record.owner, p);
    out->named = out->mine || permits(p, ACTION_LEASE_OVERRIDE, relations);
    return ERR_OK;
}

static enum err held(const struct lease_record *l)
{
    char until[TIME_TEXT_SIZE];
    time_format(l->until, until);
    return refuse_because(REFUSAL_CLAIM_LEASED, "held by another %s until %s",
                          strcmp(l->role, role_name(ROLE_CASE_MANAGER)) == 0 ? "case manager"
                                                                             : "assessor",
                          until);
}

enum err lease_lets_pass(struct db *db, const struct uuid *claim, const struct principal *p,
                         enum role role)
{
    struct lease_view v;
    TRY(lease_look(db, claim, p, REL_ANY, &v));
    bool blocked = v.stands && !v.mine && role == ROLE_ASSESSOR &&
                   strcmp(v.record.role, role_name(role)) == 0;
    return blocked ? held(&v.record) : ERR_OK;
}

/* --- the two acts ------------------------------------------------------------------------- */

struct lease_act {
    struct evidence *ev;
    const struct principal *p;
    struct lease_record wanted;
    struct lease_view *out;
};

static enum err lease_log(struct commit_tx *tx, const struct lease_act *act, enum role role,
                          const char *action, const struct lease_view *before)
{
    const struct lease_record *l = &act->wanted;
    AUTO(json_free) json_t *entry = entry_new(action, act->p, role);
    entry_claim(entry, &l->claim);
    json_put_text_if(entry, "reason", l->reason);
    if (l->until != 0)
        json_put_time(entry, "until", l->until);
    if (before->stands && !before->mine) {
        char owner[ACTOR_MAX];
        (void)snprintf(owner, sizeof(owner), "%s#%s", before->record.owner.issuer,
                       before->record.owner.subject);
        json_put_text(entry, "previous", owner);
    }
    struct ledger_ref ref;
    return entry_append(tx, entry, &ref);
}

static const char *taking(const struct lease_view *before)
{
    if (!before->stands)
        return "lease.taken";
    return before->mine ? "lease.renewed" : "lease.overridden";
}

static enum err take_apply(struct commit_tx *tx, void *ctx)
{
    struct lease_act *act = ctx;
    struct db *db = commit_db(tx);
    struct lease_record *l = &act->wanted;
    struct lease_view before;
    struct claim_record claim;
    uint32_t relations = 0;
    enum role role;
    TRY(authority_claim(db, &l->claim, act->p, ACTION_LEASE_TAKE, &claim, &relations, &role));
    TRY(lease_look(db, &l->claim, act->p, relations, &before));
    if (before.stands && !before.mine && !permits(act->p, ACTION_LEASE_OVERRIDE, relations))
        return held(&before.record);
    l->owner = person_of(act->p);
    (void)snprintf(l->role, sizeof(l->role), "%s", role_name(role));
    l->since = before.stands && before.mine ? before.record.since : clock_now();
    TRY(lease_put(db, l));
    TRY(lease_look(db, &l->claim, act->p, relations, act->out));
    return lease_log(tx, act, role, taking(&before), &before);
}

static enum err until_check(const struct evidence *ev, int64_t until)
{
    int64_t now = clock_now(), max = ev->config.deadlines.lease_max_s;
    if (until <= now)
        return refuse_because(REFUSAL_INVALID_REQUEST, "until lies in the past");
    if (until > now + max * MICROS_PER_SECOND)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a claim may be kept for at most %lld hours at a time",
                              (long long)(max / 3600));
    return ERR_OK;
}

enum err lease_take(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                    const char *reason, int64_t until, struct lease_view *out)
{
    struct lease_act act = {.ev = ev, .p = p, .out = out};
    act.wanted.claim = *claim;
    act.wanted.until = until;
    (void)snprintf(act.wanted.reason, sizeof(act.wanted.reason), "%s", reason);
    TRY(until_check(ev, until));
    return evidence_commit(ev, take_apply, &act, NULL);
}

static enum err release_apply(struct commit_tx *tx, void *ctx)
{
    struct lease_act *act = ctx;
    struct db *db = commit_db(tx);
    struct lease_view before;
    struct claim_record claim;
    uint32_t relations = 0;
    enum role role;
    TRY(authority_claim(db, &act->wanted.claim, act->p, ACTION_LEASE_TAKE, &claim, &relations,
                        &role));
    TRY(lease_look(db, &act->wanted.claim, act->p, relations, &before));
    if (!before.stands)
        return refuse(REFUSAL_NOT_FOUND);
    if (!before.mine && !permits(act->p, ACTION_LEASE_OVERRIDE, relations))
        return held(&before.record);
    TRY(lease_remove(db, &act->wanted.claim));
    return lease_log(tx, act, role, before.mine ? "lease.released" : "lease.overridden",
                     &before);
}

enum err lease_release(struct evidence *ev, const struct principal *p, const struct uuid *claim)
{
    struct lease_act act = {.ev = ev, .p = p};
    act.wanted.claim = *claim;
    return evidence_commit(ev, release_apply, &act, NULL);
}
