/* Invariants: a request is closed in the commit of what closes it; whoever may not see one is
 * answered as if it did not exist, also where an upload names it. */
#include "gateway/evidence/claims/asking.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/intake/upload_internal.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- who sees what ------------------------------------------------------------------------ */

static bool is_own_side(const char *role)
{
    return strcmp(role, role_name(ROLE_CLAIMANT)) == 0 ||
           strcmp(role, role_name(ROLE_REPRESENTATIVE)) == 0;
}

struct asking_viewer {
    bool staff, own_side;
};

static struct asking_viewer viewer_of(const struct principal *p, uint32_t relations)
{
    const uint32_t own = REL_CLAIMANT | REL_APPOINTEE | REL_REPRESENTATIVE;
    return (struct asking_viewer){.staff = permission_sees_harmful(p, relations),
                                  .own_side = (relations & own) != 0};
}

static bool sees(struct asking_viewer v, const struct request_record *r)
{
    if (v.staff)
        return true;
    if (v.own_side)
        return !r->harmful;
    return strcmp(r->from_role, role_name(ROLE_HEALTH_PROFESSIONAL)) == 0;
}

static bool reads_words(struct asking_viewer v, const struct request_record *r)
{
    return v.staff || !v.own_side || is_own_side(r->from_role);
}

/* --- views -------------------------------------------------------------------------------- */

static enum err items_fill(struct db *db, const struct principal *p, struct asking_view *v)
{
    struct request_item all[REQUEST_ITEMS_MAX];
    size_t n = 0;
    v->n_items = 0;
    TRY(request_item_list(db, &v->record.id, all, &n));
    for (size_t i = 0; i < n; i++) {
        struct artefact_access access;
        enum err e = authority_artefact(db, &all[i].artefact, p, ACTION_ARTEFACT_READ,
                                        PURPOSE_NONE, &access);
        if (e == ERR_OK)
            v->items[v->n_items++] = all[i];
        else if (e != ERR_REFUSED)
            return e;
    }
    return ERR_OK;
}

static enum nation nation_of(struct evidence *ev, struct db *db, const struct uuid *claim)
{
    struct claim_clock clock = {.nation = ""};
    if (claim_clock_find(db, claim, &clock) != ERR_OK)
        clock.nation[0] = 0;
    return deadline_nation(&ev->config.deadlines, clock.nation);
}

static enum err view_fill(struct evidence *ev, struct db *db, const struct principal *p,
                          struct asking_viewer viewer, struct asking_view *v)
{
    const struct request_record *r = &v->record;
    int64_t now = clock_now();
    v->told = reads_words(viewer, r);
    v->overdue = r->state == REQUEST_OPEN && r->due != 0 && now >= r->due;
    v->late = r->state == REQUEST_FULFILLED && r->due != 0 && r->closed_at >= r->due;
    if (r->due != 0)
        v->days_left =
            deadline_left(ev->parts.calendar, nation_of(ev, db, &r->claim), r->due, now);
    return items_fill(db, p, v);
}

static void count_one(const struct request_record *r, int64_t now, struct asking_counts *c)
{
    bool open = r->state == REQUEST_OPEN;
    c->expected += r->state != REQUEST_WITHDRAWN;
    c->received += r->state == REQUEST_FULFILLED;
    c->open += open;
    c->overdue += open && r->due != 0 && now >= r->due;
}

enum err asking_list(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                     struct asking_view *out, size_t *n, struct asking_counts *counts)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct request_record *all = calloc(REQUESTS_MAX, sizeof(*all));
    struct claim_record record;
    uint32_t relations = 0;
    size_t found = 0;
    *n = 0;
    *counts = (struct asking_counts){.expected = 0};
    if (!all)
        return err_set(ERR_NOMEM, "requests");
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, claim, p, ACTION_REQUEST_READ, &record, &relations, NULL));
    struct asking_viewer viewer = viewer_of(p, relations);
    TRY(request_list(db, claim, all, REQUESTS_MAX, &found));
    for (size_t i = 0; i < found; i++) {
        if (!sees(viewer, &all[i]))
            continue;
        out[*n].record = all[i];
        TRY(view_fill(ev, db, p, viewer, &out[(*n)++]));
        count_one(&all[i], clock_now(), counts);
    }
    return ERR_OK;
}

enum err asking_count(struct db *db, const struct uuid *claim, const struct principal *p,
                      uint32_t relations, struct asking_counts *out)
{
    AUTO_FREE struct request_record *all = calloc(REQUESTS_MAX, sizeof(*all));
    struct asking_viewer viewer = viewer_of(p, relations);
    size_t found = 0;
    *out = (struct asking_counts){.expected = 0};
    if (!all)
        return err_set(ERR_NOMEM, "requests");
    TRY(request_list(db, claim, all, REQUESTS_MAX, &found));
    for (size_t i = 0; i < found; i++) {
        if (sees(viewer, &all[i]))
            count_one(&all[i], clock_now(), out);
    }
    return ERR_OK;
}

/* --- asking, changing, withdrawing -------------------------------------------------------- */

struct asking_act {
    struct evidence *ev;
    const struct principal *p;
    const struct asking_draft *draft;
    struct uuid claim, id;
    struct asking_view *out;
};

static enum err asking_log(struct commit_tx *tx, const struct request_record *r,
                           const char *action, const struct principal *p, enum role role)
{
    char id[UUID_TEXT_SIZE];
    AUTO(json_free) json_t *entry = entry_new(action, p, role);
    uuid_format(&r->id, id);
    entry_claim(entry, &r->claim);
    json_put_text(entry, "request", id);
    json_put_text_if(entry, "kind", r->kind);
    json_put_text(entry, "from_role", r->from_role);
    json_put_bool(entry, "functional", r->functional);
    json_put_bool(entry, "harmful", r->harmful);
    if (r->due != 0)
        json_put_time(entry, "due", r->due);
    struct ledger_ref ref;
    return entry_append(tx, entry, &ref);
}

/* Nobody is asked for what they could not send. */
static enum err draft_check(struct evidence *ev, struct request_record *r)
{
    enum role from;
    if (role_parse(r->from_role, &from) != ERR_OK ||
        (from != ROLE_CLAIMANT && from != ROLE_REPRESENTATIVE &&
         from != ROLE_HEALTH_PROFESSIONAL && from != ROLE_ASSESSOR))
        return refuse_because(
            REFUSAL_INVALID_REQUEST,
            "from_role is claimant, representative, health_professional or assessor");
    if (!r->kind[0])
        return ERR_OK;
    const struct kind *kind = kinds_find(ev->parts.kinds, r->kind);
    if (!kind)
        return refuse_because(REFUSAL_INVALID_REQUEST, "there is no such kind of evidence");
    if (!(kind->roles & 1u << from))
        return refuse_because(REFUSAL_INVALID_REQUEST, "a %s cannot send this kind",
                              role_name(from));
    r->harmful = kind->harmful;
    return ERR_OK;
}

static enum err due_check(int64_t due)
{
    return due != 0 && due <= clock_now()
               ? refuse_because(REFUSAL_INVALID_REQUEST, "due lies in the past")
               : ERR_OK;
}

static enum err make_apply(struct commit_tx *tx, void *ctx)
{
    struct asking_act *act = ctx;
    struct request_record *r = &act->out->record;
    struct db *db = commit_db(tx);
    struct claim_record claim;
    uint32_t relations = 0;
    enum role role;
    TRY(authority_claim(db, &act->claim, act->p, ACTION_REQUEST_ASK, &claim, &relations,
                        &role));
    r->asked_at = clock_now();
    (void)snprintf(r->by_role, sizeof(r->by_role), "%s", role_name(role));
    enum err e = request_insert(db, r);
    if (e == ERR_TOO_LARGE)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED, "a claim has at most %d requests",
                              REQUESTS_MAX);
    TRY(e);
    TRY(view_fill(act->ev, db, act->p, viewer_of(act->p, relations), act->out));
    const struct telling told = {
        .event = MESSAGE_EVIDENCE_REQUESTED,
        .claim = r->claim,
        .about = r->id,
        .harmful = r->harmful,
        .own_side = is_own_side(r->from_role),
        .professional = strcmp(r->from_role, role_name(ROLE_HEALTH_PROFESSIONAL)) == 0,
        .due = r->due};
    TRY(telling_write(&act->ev->config.telling, db, &told));
    return asking_log(tx, r, "request.made", act->p, role);
}

enum err asking_make(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                     const struct asking_draft *draft, struct replay *once,
                     struct asking_view *out)
{
    struct asking_act act = {.ev = ev, .p = p, .draft = draft, .claim = *claim, .out = out};
    struct request_record *r = &out->record;
    memset(out, 0, sizeof(*out));
    r->id = uuid_new();
    r->claim = *claim;
    memcpy(r->what, draft->what, sizeof(r->what));
    memcpy(r->kind, draft->kind, sizeof(r->kind));
    memcpy(r->from_role, draft->from_role, sizeof(r->from_role));
    r->functional = draft->functional;
    r->due = draft->due;
    r->by = person_of(p);
    TRY(draft_check(ev, r));
    TRY(due_check(r->due));
    replay_needs(once, ACTION_REQUEST_ASK, claim, NULL, REFUSAL_CLAIM_NOT_FOUND);
    return replay_commit(ev, once, make_apply, &act);
}

/* Whoever asked, or any case manager. */
static enum err reach(struct asking_act *act, struct db *db, uint32_t *relations,
                      enum role *role)
{
    struct request_record *r = &act->out->record;
    struct claim_record claim;
    TRY(authority_claim(db, &act->claim, act->p, ACTION_REQUEST_ASK, &claim, relations, role));
    enum err found = request_find(db, &act->id, r);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && !uuid_equal(&r->claim, &act->claim)))
        return refuse(REFUSAL_NOT_FOUND);
    TRY(found);
    if (*role != ROLE_CASE_MANAGER && !person_is(&r->by, act->p))
        return refuse_because(REFUSAL_NOT_PERMITTED, "this was asked for by somebody else");
    return r->state == REQUEST_OPEN ? ERR_OK : refuse(REFUSAL_REQUEST_CLOSED);
}

static enum err change_apply(struct commit_tx *tx, void *ctx)
{
    struct asking_act *act = ctx;
    const struct asking_draft *d = act->draft;
    struct request_record *r = &act->out->record;
    struct db *db = commit_db(tx);
    uint32_t relations = 0;
    enum role role;
    TRY(reach(act, db, &relations, &role));
    if (d->has_what)
        memcpy(r->what, d->what, sizeof(r->what));
    if (d->has_functional)
        r->functional = d->functional;
    if (d->has_due)
        r->due = d->due;
    TRY(request_change(db, r));
    TRY(view_fill(act->ev, db, act->p, viewer_of(act->p, relations), act->out));
    return asking_log(tx, r, "request.changed", act->p, role);
}

enum err asking_change(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                       const struct uuid *id, const struct asking_draft *draft,
                       struct asking_view *out)
{
    struct asking_act act = {
        .ev = ev, .p = p, .draft = draft, .claim = *claim, .id = *id, .out = out};
    memset(out, 0, sizeof(*out));
    if (draft->has_due)
        TRY(due_check(draft->due));
    return evidence_commit(ev, change_apply, &act, NULL);
}

static enum err withdraw_apply(struct commit_tx *tx, void *ctx)
{
    struct asking_act *act = ctx;
    struct request_record *r = &act->out->record;
    struct db *db = commit_db(tx);
    uint32_t relations = 0;
    enum role role;
    TRY(reach(act, db, &relations, &role));
    r->state = REQUEST_WITHDRAWN;
    r->closed_at = clock_now();
    TRY(request_close(db, r));
    TRY(view_fill(act->ev, db, act->p, viewer_of(act->p, relations), act->out));
    return asking_log(tx, r, "request.withdrawn", act->p, role);
}

enum err asking_withdraw(struct evidence *ev, const struct principal *p,
                         const struct uuid *claim, const struct uuid *id,
                         struct asking_view *out)
{
    struct asking_act act = {.ev = ev, .p = p, .claim = *claim, .id = *id, .out = out};
    memset(out, 0, sizeof(*out));
    return evidence_commit(ev, withdraw_apply, &act, NULL);
}

/* --- what an upload answers --------------------------------------------------------------- */

/* What comes by post is entered by a case manager, whoever was asked. */
static bool role_fits(const struct request_record *r, enum role role)
{
    if (role == ROLE_CASE_MANAGER || strcmp(r->from_role, role_name(role)) == 0)
        return true;
    return is_own_side(r->from_role) && is_own_side(role_name(role));
}

static enum err request_of(const struct upload *u, struct db *db, struct request_record *out)
{
    enum err found = request_find(db, &u->rq.request, out);
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    if (found == ERR_NOT_FOUND || !uuid_equal(&out->claim, &u->rq.claim) ||
        !role_fits(out, u->role))
        return refuse_because(REFUSAL_INVALID_REQUEST, "this claim has no such request");
    return ERR_OK;
}

enum err upload_check_request(const struct upload *u, struct db *db)
{
    struct request_record r;
    if (!u->rq.has_request)
        return ERR_OK;
    TRY(request_of(u, db, &r));
    if (r.kind[0] && u->kind && strcmp(r.kind, u->kind->name) != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "this request is for evidence of another kind");
    bool more = r.state == REQUEST_FULFILLED && person_is(&r.fulfilled_by, &u->principal);
    return r.state == REQUEST_OPEN || more ? ERR_OK : refuse(REFUSAL_REQUEST_CLOSED);
}

static enum err fulfilled_log(struct upload *u, struct commit_tx *tx,
                              const struct request_record *r, bool late)
{
    char id[UUID_TEXT_SIZE];
    AUTO(json_free) json_t *entry = entry_new("request.fulfilled", &u->principal, u->role);
    uuid_format(&r->id, id);
    entry_artefact(entry, &u->artefact);
    entry_claim(entry, &r->claim); /* a duplicate may have been sent to another */
    json_put_text(entry, "request", id);
    json_put_bool(entry, "late", late);
    if (r->harmful)
        json_put_bool(entry, "harmful", true);
    struct ledger_ref ref;
    return entry_append(tx, entry, &ref);
}

enum err upload_fulfil_request(struct upload *u, struct commit_tx *tx)
{
    struct db *db = commit_db(tx);
    struct request_record r;
    struct request_item item = {.artefact = u->artefact.id, .at = clock_now()};
    if (!u->rq.has_request)
        return ERR_OK;
    TRY(upload_check_request(u, db));
    TRY(request_of(u, db, &r));
    enum err e = request_item_insert(db, &r.id, &item);
    if (e == ERR_EXISTS)
        return ERR_OK; /* the same again */
    if (e == ERR_TOO_LARGE)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED, "a request takes at most %d items",
                              REQUEST_ITEMS_MAX);
    TRY(e);
    if (r.state == REQUEST_OPEN) {
        r.state = REQUEST_FULFILLED;
        r.closed_at = item.at;
        r.fulfilled_by = person_of(&u->principal);
        TRY(request_close(db, &r));
    }
    return fulfilled_log(u, tx, &r, r.due != 0 && item.at >= r.due);
}
