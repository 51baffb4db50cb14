/* What is due, as lists that two people sign. Invariants: an item is on the road of disposal.h
 * only behind a signature; each step asks again whether it is due and whether a hold stands, so
 * that a list is never the reason to destroy what has changed since it was drawn. */
#include "gateway/evidence/keeping/retention.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/keeping/disposal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_REASON "retention"

struct list_act {
    struct evidence *ev;
    const struct principal *p;
    enum role role;
    struct uuid id;
    const char *reason;
    struct list_record *out;
    size_t left;
};

static enum err permitted(struct list_act *act)
{
    struct access access = {.action = ACTION_RETENTION_KEEP,
                            .relations = REL_ANY,
                            .status = PERMISSION_NO_ARTEFACT};
    return authority_refuse(permission_check(act->p, &access, &act->role, NULL),
                            REFUSAL_NOT_FOUND);
}

static enum err list_log(struct commit_tx *tx, const char *action, const struct principal *p,
                         enum role role, const char *actor, const struct list_record *l,
                         const char *reason)
{
    AUTO(json_free) json_t *entry = entry_new(action, p, role);
    char id[UUID_TEXT_SIZE];
    struct ledger_ref ref;
    uuid_format(&l->id, id);
    if (actor)
        json_put_text(entry, "actor", actor);
    json_put_text(entry, "list", id);
    json_put_int(entry, "items", (json_int_t)l->items);
    json_put_text_if(entry, "policy", l->policy);
    entry_hex(entry, "kinds_sha256", l->policy_sha256);
    json_put_text_if(entry, "reason", reason);
    return ledger_append(tx, entry, &ref);
}

/* --- drawing up --------------------------------------------------------------------------- */

static enum err due_items(struct db *db, struct due_record *due, size_t *n)
{
    struct due_question q = {.at = clock_now()};
    size_t found = RETENTION_LIST_MAX, kept = 0;
    while (kept < RETENTION_LIST_MAX && found == RETENTION_LIST_MAX) {
        struct due_record *page = due + RETENTION_LIST_MAX;
        TRY(retention_due(db, &q, page, RETENTION_LIST_MAX, &found));
        for (size_t i = 0; i < found && kept < RETENTION_LIST_MAX; i++) {
            q.after = page[i].artefact;
            if (!page[i].held && !page[i].proposed)
                due[kept++] = page[i];
        }
    }
    *n = kept;
    return kept > 0 ? ERR_OK : err_set(ERR_NOT_FOUND, "nothing is due");
}

enum err retention_draw_in(struct commit_tx *tx, const char *actor, const struct kinds *kinds,
                           struct list_record *out)
{
    struct db *db = commit_db(tx);
    AUTO_FREE struct due_record *due = calloc(2 * (size_t)RETENTION_LIST_MAX, sizeof(*due));
    size_t n = 0;
    if (!due)
        return err_set(ERR_NOMEM, "what is due");
    TRY(due_items(db, due, &n));
    *out = (struct list_record){.id = uuid_new(), .state = LIST_DRAWN, .items = n};
    memcpy(out->policy, kinds->version, sizeof(out->policy));
    memcpy(out->policy_sha256, kinds->sha256, sizeof(out->policy_sha256));
    (void)snprintf(out->drawn_by, sizeof(out->drawn_by), "%s", actor);
    out->drawn_at = clock_now();
    TRY(list_insert(db, out));
    for (size_t i = 0; i < n; i++)
        TRY(list_item_insert(db, &out->id, &due[i].artefact, due[i].due_since));
    return list_log(tx, "retention.drawn", NULL, ROLE_OPERATOR, actor, out, NULL);
}

/* --- signing ------------------------------------------------------------------------------ */

/* A refusal leaves this item out, and the list goes on without it. */
static enum err one_signed(enum err e, size_t *left)
{
    if (e == ERR_REFUSED) {
        ++*left;
        return ERR_OK;
    }
    return e;
}

static enum err item_sign(struct list_act *act, struct commit_tx *tx, const struct uuid *id,
                          bool approval)
{
    struct db *db = commit_db(tx);
    struct disposal_record d;
    struct artefact_access access;
    bool due = false;
    struct disposal_order order = {.p = act->p,
                                   .role = act->role,
                                   .reason = act->reason,
                                   .policy = act->out->policy,
                                   .list = act->out->id};
    TRY(authority_artefact(db, id, act->p, ACTION_ARTEFACT_DISPOSE, PURPOSE_NONE, &access));
    TRY(retention_still_due(db, id, &due));
    if (!due)
        return refuse_because(REFUSAL_CONFLICT, "it is no longer due");
    if (!approval)
        return disposal_propose_in(tx, &access.artefact, &order, &d);
    enum err found = disposal_find(db, id, &d);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && !uuid_equal(&d.list, &act->out->id)))
        return refuse_because(REFUSAL_CONFLICT, "it was taken off the list");
    TRY(found);
    return disposal_approve_in(tx, act->ev, &access.artefact, &order, &d);
}

static enum err items_sign(struct list_act *act, struct commit_tx *tx, bool approval)
{
    AUTO_FREE struct uuid *items = calloc(RETENTION_LIST_MAX, sizeof(*items));
    struct uuid from = {{0}};
    size_t n = 0;
    if (!items)
        return err_set(ERR_NOMEM, "the items of a list");
    TRY(list_items(commit_db(tx), &act->out->id, &from, items, RETENTION_LIST_MAX, &n));
    for (size_t i = 0; i < n; i++)
        TRY(one_signed(item_sign(act, tx, &items[i], approval), &act->left));
    return ERR_OK;
}

static enum err list_propose(struct list_act *act, struct commit_tx *tx)
{
    act->out->state = LIST_PROPOSED;
    act->out->proposed_by = person_of(act->p);
    act->out->proposed_at = clock_now();
    TRY(list_change(commit_db(tx), act->out, LIST_DRAWN));
    TRY(items_sign(act, tx, false));
    return list_log(tx, "retention.list_proposed", act->p, act->role, NULL, act->out,
                    act->reason);
}

static enum err list_approve(struct list_act *act, struct commit_tx *tx)
{
    if (person_is(&act->out->proposed_by, act->p))
        return refuse_because(REFUSAL_NOT_PERMITTED,
                              "whoever proposed a list does not approve it");
    act->out->state = LIST_APPROVED;
    act->out->approved_by = person_of(act->p);
    act->out->approved_at = clock_now();
    TRY(list_change(commit_db(tx), act->out, LIST_PROPOSED));
    TRY(items_sign(act, tx, true));
    return list_log(tx, "retention.list_approved", act->p, act->role, NULL, act->out,
                    act->reason);
}

static enum err reach(struct list_act *act, struct db *db)
{
    TRY(permitted(act));
    enum err found = list_find(db, &act->id, act->out);
    return found == ERR_NOT_FOUND ? refuse(REFUSAL_NOT_FOUND) : found;
}

static enum err sign_apply(struct commit_tx *tx, void *ctx)
{
    struct list_act *act = ctx;
    act->left = 0;
    TRY(reach(act, commit_db(tx)));
    if (act->out->state == LIST_DRAWN)
        return list_propose(act, tx);
    if (act->out->state == LIST_PROPOSED)
        return list_approve(act, tx);
    return refuse_because(REFUSAL_CONFLICT, "the list is %s already",
                          list_state_name(act->out->state));
}

enum err retention_sign(struct evidence *ev, const struct principal *p, const struct uuid *list,
                        struct replay *once, struct list_record *out, size_t *left)
{
    struct list_act act = {.ev = ev, .p = p, .id = *list, .reason = LIST_REASON, .out = out};
    replay_needs(once, ACTION_RETENTION_KEEP, NULL, NULL, REFUSAL_NOT_FOUND);
    TRY(replay_commit(ev, once, sign_apply, &act));
    *left = act.left;
    return ERR_OK;
}

static enum err draw_apply(struct commit_tx *tx, void *ctx)
{
    struct list_act *act = ctx;
    char actor[ACTOR_MAX];
    TRY(permitted(act));
    actor_text(act->p, actor);
    enum err drawn = retention_draw_in(tx, actor, act->ev->parts.kinds, act->out);
    if (drawn == ERR_NOT_FOUND)
        return refuse_because(REFUSAL_CONFLICT, "nothing is due");
    TRY(drawn);
    return list_propose(act, tx);
}

enum err retention_draw(struct evidence *ev, const struct principal *p, const char *reason,
                        struct replay *once, struct list_record *out)
{
    struct list_act act = {.ev = ev, .p = p, .reason = reason, .out = out};
    replay_needs(once, ACTION_RETENTION_KEEP, NULL, NULL, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, draw_apply, &act);
}

/* --- dropping ----------------------------------------------------------------------------- */

static enum err item_drop(struct list_act *act, struct db *db, const struct uuid *id)
{
    struct disposal_record d;
    enum err found = disposal_find(db, id, &d);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    bool open = d.state == DISPOSAL_PROPOSED || d.state == DISPOSAL_APPROVED;
    return open && uuid_equal(&d.list, &act->out->id) ? disposal_remove(db, id) : ERR_OK;
}

static enum err drop_apply(struct commit_tx *tx, void *ctx)
{
    struct list_act *act = ctx;
    struct db *db = commit_db(tx);
    AUTO_FREE struct uuid *items = calloc(RETENTION_LIST_MAX, sizeof(*items));
    struct uuid from = {{0}};
    size_t n = 0;
    if (!items)
        return err_set(ERR_NOMEM, "the items of a list");
    TRY(reach(act, db));
    enum list_state before = act->out->state;
    if (before == LIST_DROPPED)
        return refuse_because(REFUSAL_CONFLICT, "the list is dropped already");
    TRY(list_items(db, &act->id, &from, items, RETENTION_LIST_MAX, &n));
    for (size_t i = 0; i < n; i++)
        TRY(item_drop(act, db, &items[i]));
    act->out->state = LIST_DROPPED;
    TRY(list_change(db, act->out, before));
    return list_log(tx, "retention.list_dropped", act->p, act->role, NULL, act->out,
                    act->reason);
}

enum err retention_drop(struct evidence *ev, const struct principal *p, const struct uuid *list,
                        const char *reason)
{
    struct list_record l;
    struct list_act act = {.ev = ev, .p = p, .id = *list, .reason = reason, .out = &l};
    return evidence_commit(ev, drop_apply, &act, NULL);
}

/* --- looking ------------------------------------------------------------------------------ */

static enum err items_seen(struct db *db, const struct principal *p, struct list_view *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n; i++) {
        bool seen = false;
        TRY(retention_may_see(db, p, &v->items[i], &seen));
        if (seen)
            v->items[kept++] = v->items[i];
    }
    v->list.items = v->n = kept;
    return ERR_OK;
}

enum err retention_list_get(struct evidence *ev, const struct principal *p,
                            const struct uuid *id, struct list_view *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct list_act act = {.ev = ev, .p = p, .id = *id, .out = &out->list};
    struct uuid from = {{0}};
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(reach(&act, db));
    TRY(list_items(db, id, &from, out->items, RETENTION_LIST_MAX, &out->n));
    return items_seen(db, p, out);
}

enum err retention_lists(struct evidence *ev, const struct principal *p,
                         struct list_record *out, size_t max, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct list_act act = {.ev = ev, .p = p};
    TRY(permitted(&act));
    TRY(db_read_begin(ev->parts.db, &db));
    return list_newest(db, out, max, n);
}
