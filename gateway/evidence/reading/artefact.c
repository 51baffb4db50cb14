#include "gateway/evidence/reading/artefact.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/reports/report.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool may_read_claim(struct db *db, const struct principal *p, const struct uuid *id)
{
    struct claim_record claim;
    return authority_claim(db, id, p, ACTION_CLAIM_READ, &claim, NULL, NULL) == ERR_OK;
}

static bool is_staff(enum role r)
{
    return r != ROLE_CLAIMANT && r != ROLE_REPRESENTATIVE && r != ROLE_HEALTH_PROFESSIONAL;
}

static enum err found_if(enum err e, bool *found)
{
    *found = e == ERR_OK;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* What staff decided is staff's to see; that it is gone is everybody's. */
static enum err keeping_fill(struct db *db, struct artefact_view *v)
{
    const struct uuid *id = &v->record.id;
    if (v->staff || v->record.status == ARTEFACT_DISPOSED)
        TRY(found_if(disposal_find(db, id, &v->disposal), &v->disposing));
    if (!v->staff)
        return ERR_OK;
    TRY(found_if(restriction_find(db, id, &v->restriction), &v->hidden));
    return found_if(hold_find(db, id, &v->hold), &v->held);
}

/* Only links to claims the caller may read are shown, and what staff wrote about them to staff:
 * a moved letter does not tell whose claim it strayed to. If the claim it was sent to is not
 * among them, the first that is stands in its place. */
static enum err view_fill(struct db *db, const struct principal *p, enum role role,
                          struct artefact_view *v)
{
    size_t all = 0, kept = 0;
    bool sent_to_shown = false;
    v->mine = person_is(&v->record.uploader, p);
    TRY(link_list(db, &v->record.id, v->links, &all));
    for (size_t i = 0; i < all; i++) {
        if (!may_read_claim(db, p, &v->links[i].claim))
            continue;
        v->links[kept] = v->links[i];
        if (!is_staff(role))
            v->links[kept].reason[0] = 0;
        sent_to_shown = sent_to_shown || uuid_equal(&v->links[kept].claim, &v->record.claim);
        kept++;
    }
    v->n_links = kept;
    if (!sent_to_shown && !v->mine && kept > 0)
        v->record.claim = v->links[0].claim;
    if (!sent_to_shown && v->mine)
        TRY(report_claim_hide(db, &v->record));
    v->staff = is_staff(role);
    if (v->staff)
        TRY(waiting_times(db, &v->record.id, &v->times));
    TRY(keeping_fill(db, v));
    return found_if(inspection_find(db, &v->record.id, &v->inspection), &v->inspected);
}

enum err artefact_view_in(struct db *db, const struct principal *p,
                          const struct artefact_access *access, struct artefact_view *out)
{
    out->record = access->artefact;
    return view_fill(db, p, access->role, out);
}

static enum err reach(struct db *db, const struct principal *p, const struct uuid *id,
                      enum action action, struct artefact_access *out)
{
    return authority_artefact(db, id, p, action, PURPOSE_NONE, out);
}

enum err artefact_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                      struct artefact_view *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(reach(db, p, id, ACTION_ARTEFACT_READ, &access));
    out->record = access.artefact;
    TRY(view_fill(db, p, access.role, out));
    return out->staff ? waiting_aim(ev, db, &access.artefact, &out->times) : ERR_OK;
}

/* A receipt names who sent what to which claim, and cannot be shown in part. Besides the sender
 * it is for those who may read that claim, and if they are not staff only when it came from
 * the claimant's own side. */
static bool may_hold_receipt(struct db *db, const struct principal *p,
                             const struct artefact_access *access)
{
    const struct artefact_record *a = &access->artefact;
    bool own_side = strcmp(a->uploader_role, role_name(ROLE_CLAIMANT)) == 0 ||
                    strcmp(a->uploader_role, role_name(ROLE_REPRESENTATIVE)) == 0;
    if (person_is(&a->uploader, p))
        return true;
    if (uuid_is_nil(&a->claim))
        return is_staff(access->role);
    return (is_staff(access->role) || own_side) && may_read_claim(db, p, &a->claim);
}

enum err artefact_receipt(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          struct buf *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(reach(db, p, id, ACTION_ARTEFACT_READ, &access));
    if (!may_hold_receipt(db, p, &access))
        return refuse(REFUSAL_NOT_PERMITTED);
    enum err e = ledger_receipt_cosigned(ev->parts.ledger, access.artefact.ledger_index, out);
    if (e == ERR_EXPIRED)
        return refuse_because(REFUSAL_NOT_AVAILABLE,
                              "what this receipt tells was erased; one that somebody kept "
                              "goes on verifying");
    return evidence_unsigned(e);
}

/* Senders who only know the claim's id see what they sent themselves, and nothing else. */
static bool only_own(const struct principal *p, uint32_t relations)
{
    uint32_t without_upload = relations & ~(uint32_t)REL_UPLOADER;
    struct access others = {.action = ACTION_ARTEFACT_READ,
                            .relations = without_upload,
                            .status = ARTEFACT_AVAILABLE};
    return permission_check(p, &others, NULL, NULL) != PERMIT;
}

static bool sees_refused(const struct principal *p, uint32_t relations)
{
    struct access refused_one = {.action = ACTION_ARTEFACT_READ,
                                 .relations = relations & ~(uint32_t)REL_UPLOADER,
                                 .status = ARTEFACT_REFUSED};
    return permission_check(p, &refused_one, NULL, NULL) == PERMIT;
}

enum err artefact_find_all(struct evidence *ev, const struct principal *p,
                           const struct uuid *claim, const struct artefact_query *q,
                           struct artefact_record *out, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record record;
    uint32_t relations = 0;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, claim, p, ACTION_ARTEFACT_LIST, &record, &relations, NULL));
    struct person me = person_of(p);
    struct artefact_filter filter = {
        .kind = q->kind,
        .by_status = q->by_status,
        .status = q->status,
        .hide_harmful = !permission_sees_harmful(p, relations),
        .unless_uploader = authority_sees_own_harmful(p, relations) ? &me : NULL,
        .refused_of = sees_refused(p, relations) ? NULL : &me,
        .only_uploader = only_own(p, relations) ? &me : NULL,
    };
    return artefact_list(db, claim, &filter, &q->after, out, q->limit, n);
}

/* --- links -------------------------------------------------------------------------------- */

struct link_act {
    const struct principal *p;
    struct uuid artefact, claim;
    const struct uuid *from; /* moved from there; NULL: only linked */
    const char *reason;
    struct artefact_view *out;
};

/* One entry for each claim concerned, so that both histories show it: those that it stands
 * linked to now, and the one it was taken from. */
static enum err link_log(struct commit_tx *tx, const char *action, const struct link_act *act,
                         const struct artefact_access *access, const struct uuid *claim,
                         bool removed)
{
    AUTO(json_free) json_t *entry = entry_new(action, act->p, access->role);
    char linked[UUID_TEXT_SIZE];
    struct ledger_ref ref;
    uuid_format(claim, linked);
    entry_artefact(entry, &access->artefact);
    json_put_text(entry, "linked_claim", linked);
    json_put_text_if(entry, "reason", act->reason);
    TRY(entry_append_linked(tx, entry, &access->artefact, &ref));
    if (!removed)
        return ERR_OK;
    entry_claim(entry, claim);
    return entry_append(tx, entry, &ref);
}

/* The last link stays: what belongs to no claim is found by nobody. */
static enum err take_away(struct commit_tx *tx, const struct link_act *act,
                          const struct artefact_access *access, const struct uuid *claim,
                          enum refusal absent)
{
    struct db *db = commit_db(tx);
    AUTO_FREE struct link_record *links = calloc(LINKS_MAX, sizeof(*links));
    size_t n = 0;
    bool stands = false;
    if (!links)
        return err_set(ERR_NOMEM, "links");
    TRY(link_list(db, &act->artefact, links, &n));
    for (size_t i = 0; i < n; i++)
        stands = stands || uuid_equal(&links[i].claim, claim);
    if (!stands)
        return refuse_because(absent, "it is not linked to that claim");
    if (n == 1)
        return refuse_because(REFUSAL_CONFLICT,
                              "it is its last link: link it to the right claim first");
    TRY(link_remove(db, &act->artefact, claim, clock_now()));
    return link_log(tx, "link.removed", act, access, claim, true);
}

static enum err link_apply(struct commit_tx *tx, void *ctx)
{
    struct link_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    struct claim_record claim;
    if (act->from && uuid_equal(act->from, &act->claim))
        return refuse_because(REFUSAL_CONFLICT, "a move is to another claim");
    TRY(authority_artefact(db, &act->artefact, act->p, ACTION_ARTEFACT_LINK, PURPOSE_NONE,
                           &access));
    TRY(authority_claim(db, &act->claim, act->p, ACTION_CLAIM_READ, &claim, NULL, NULL));
    struct link_record link = {
        .artefact = act->artefact, .claim = act->claim, .created_at = clock_now()};
    link.by = person_of(act->p);
    TRY(report_linked(db, &act->artefact, &act->claim));
    (void)snprintf(link.reason, sizeof(link.reason), "%s", act->reason);
    enum err made = link_insert(db, &link);
    if (made == ERR_EXISTS)
        return refuse_because(REFUSAL_CONFLICT, "it is linked to this claim already");
    if (made == ERR_TOO_LARGE)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED, "it is linked to %d claims already",
                              LINKS_MAX);
    TRY(made);
    TRY(link_log(tx, "link.made", act, &access, &act->claim, false));
    if (act->from)
        TRY(take_away(tx, act, &access, act->from, REFUSAL_CONFLICT));
    act->out->record = access.artefact;
    return view_fill(db, act->p, access.role, act->out);
}

static enum err link_commit(struct evidence *ev, struct link_act *act, struct replay *once)
{
    replay_needs(once, ACTION_ARTEFACT_LINK, NULL, &act->artefact, REFUSAL_NOT_FOUND);
    replay_needs(once, ACTION_CLAIM_READ, &act->claim, NULL, REFUSAL_CLAIM_NOT_FOUND);
    return replay_commit(ev, once, link_apply, act);
}

enum err artefact_link(struct evidence *ev, const struct principal *p, const struct uuid *id,
                       const struct uuid *claim, const char *reason, struct replay *once,
                       struct artefact_view *out)
{
    struct link_act act = {
        .p = p, .artefact = *id, .claim = *claim, .reason = reason, .out = out};
    return link_commit(ev, &act, once);
}

enum err artefact_move(struct evidence *ev, const struct principal *p, const struct uuid *id,
                       const struct uuid *from, const struct uuid *claim, const char *reason,
                       struct replay *once, struct artefact_view *out)
{
    struct link_act act = {
        .p = p, .artefact = *id, .claim = *claim, .from = from, .reason = reason, .out = out};
    enum err e = link_commit(ev, &act, once);
    retrieve_access_changed(ev);
    return e;
}

static enum err unlink_apply(struct commit_tx *tx, void *ctx)
{
    struct link_act *act = ctx;
    struct artefact_access access;
    TRY(authority_artefact(commit_db(tx), &act->artefact, act->p, ACTION_ARTEFACT_LINK,
                           PURPOSE_NONE, &access));
    return take_away(tx, act, &access, &act->claim, REFUSAL_NOT_FOUND);
}

enum err artefact_unlink(struct evidence *ev, const struct principal *p, const struct uuid *id,
                         const struct uuid *claim, const char *reason)
{
    struct link_act act = {.p = p, .artefact = *id, .claim = *claim, .reason = reason};
    enum err e = evidence_commit(ev, unlink_apply, &act, NULL);
    retrieve_access_changed(ev);
    return e;
}
