/* The policy: when live interest ends, what is in force, and how it becomes shorter. Lists are
 * retention_list.c's. */
#include "gateway/evidence/keeping/retention.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DUE_PAGE = 64 };

enum err retention_stage(struct evidence *ev, struct db *db, const struct uuid *claim,
                         const char *stage)
{
    const char *closed = ev->config.keeping.closed_stage;
    return interest_set(db, claim, closed && strcmp(stage, closed) == 0 ? clock_now() : 0);
}

/* --- what is in force --------------------------------------------------------------------- */

/* 0 is for ever. */
static bool is_shorter(int64_t a, int64_t b)
{
    return a != b && a != 0 && (b == 0 || a < b);
}

static enum err row_put(struct db *db, const struct kinds *kinds, const struct kind *k)
{
    struct retention_row row = {.seconds = k->retention_s, .since = clock_now()};
    memcpy(row.kind, k->name, sizeof(row.kind));
    memcpy(row.policy, kinds->version, sizeof(row.policy));
    memcpy(row.sha256, kinds->sha256, sizeof(row.sha256));
    return retention_put(db, &row);
}

struct policy_act {
    struct evidence *ev;
    const struct principal *p;
    const uint8_t *sha256;
    const char *reason;
};

static json_t *policy_entry(const struct policy_act *act, const char *action, enum role role)
{
    const struct kinds *kinds = act->ev->parts.kinds;
    json_t *entry = entry_new(action, act->p, role);
    json_put_text_if(entry, "policy", kinds->version);
    entry_hex(entry, "kinds_sha256", kinds->sha256);
    json_put_text_if(entry, "reason", act->reason);
    return entry;
}

/* Puts what is longer (or, `shorter`, what is shorter) and adds it to `changed`; what the file
 * wants and does not get goes to `wanted`. */
static enum err policy_put(struct db *db, const struct kinds *kinds, bool shorter,
                           json_t *changed, json_t *wanted)
{
    for (size_t i = 0; i < kinds->n; i++) {
        const struct kind *k = &kinds->rows[i];
        struct retention_row now;
        enum err known = retention_find(db, k->name, &now);
        if (known != ERR_NOT_FOUND)
            TRY(known);
        bool is_new = known == ERR_NOT_FOUND;
        if (!is_new && now.seconds == k->retention_s)
            continue;
        if (!is_new && is_shorter(k->retention_s, now.seconds) && !shorter) {
            json_put_int(wanted, k->name, k->retention_s);
            continue;
        }
        TRY(row_put(db, kinds, k));
        json_put_int(changed, k->name, k->retention_s);
    }
    return ERR_OK;
}

static enum err adopt_apply(struct commit_tx *tx, void *ctx)
{
    const struct policy_act *act = ctx;
    AUTO(json_free) json_t *entry = policy_entry(act, "retention.policy", ROLE_OPERATOR);
    AUTO(json_free) json_t *changed = json_object();
    AUTO(json_free) json_t *wanted = json_object();
    struct ledger_ref ref;
    TRY(policy_put(commit_db(tx), act->ev->parts.kinds, false, changed, wanted));
    if (json_object_size(changed) + json_object_size(wanted) == 0)
        return ERR_OK;
    json_put(entry, "in_force", json_incref(changed));
    json_put(entry, "wanted_shorter", json_incref(wanted));
    return ledger_append(tx, entry, &ref);
}

enum err retention_adopt(struct evidence *ev)
{
    struct policy_act act = {.ev = ev};
    return evidence_commit(ev, adopt_apply, &act, NULL);
}

/* --- looking ------------------------------------------------------------------------------ */

static enum err permitted(const struct principal *p, enum role *role)
{
    struct access access = {.action = ACTION_RETENTION_KEEP,
                            .relations = REL_ANY,
                            .status = PERMISSION_NO_ARTEFACT};
    return authority_refuse(permission_check(p, &access, role, NULL), REFUSAL_NOT_FOUND);
}

static enum err policy_read(struct evidence *ev, struct db *db, struct retention_policy *out)
{
    const struct kinds *kinds = ev->parts.kinds;
    struct retention_row rows[KINDS_MAX];
    memset(out, 0, sizeof(*out));
    memcpy(out->version, kinds->version, sizeof(out->version));
    memcpy(out->sha256, kinds->sha256, sizeof(out->sha256));
    TRY(retention_list(db, rows, KINDS_MAX, &out->n));
    for (size_t i = 0; i < out->n; i++) {
        struct retention_view *v = &out->kinds[i];
        const struct kind *k = kinds_find(kinds, rows[i].kind);
        v->in_force = rows[i];
        v->wanted = k && is_shorter(k->retention_s, rows[i].seconds);
        v->wanted_s = v->wanted ? k->retention_s : 0;
    }
    enum err found = shortening_find(db, kinds->sha256, &out->proposal);
    out->proposed = found == ERR_OK;
    return found == ERR_NOT_FOUND ? ERR_OK : found;
}

enum err retention_get(struct evidence *ev, const struct principal *p,
                       struct retention_policy *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    enum role role;
    TRY(permitted(p, &role));
    TRY(db_read_begin(ev->parts.db, &db));
    return policy_read(ev, db, out);
}

/* --- shortening --------------------------------------------------------------------------- */

static enum err shortening_ask(const struct policy_act *act, struct db *db, enum role *role,
                               bool *proposed, struct shortening_record *out)
{
    struct retention_policy policy;
    bool shortens = false;
    TRY(permitted(act->p, role));
    TRY(policy_read(act->ev, db, &policy));
    if (memcmp(policy.sha256, act->sha256, sizeof(policy.sha256)) != 0)
        return refuse_because(REFUSAL_CONFLICT, "the gateway runs by another policy file");
    for (size_t i = 0; i < policy.n; i++)
        shortens = shortens || policy.kinds[i].wanted;
    if (!shortens)
        return refuse_because(REFUSAL_CONFLICT, "the policy file shortens nothing");
    *proposed = policy.proposed;
    *out = policy.proposal;
    return ERR_OK;
}

static enum err shorten_propose_apply(struct commit_tx *tx, void *ctx)
{
    const struct policy_act *act = ctx;
    struct shortening_record r;
    struct ledger_ref ref;
    enum role role;
    bool proposed;
    TRY(shortening_ask(act, commit_db(tx), &role, &proposed, &r));
    if (proposed)
        return refuse_because(REFUSAL_CONFLICT, "it is proposed already");
    memset(&r, 0, sizeof(r));
    memcpy(r.sha256, act->sha256, sizeof(r.sha256));
    (void)snprintf(r.reason, sizeof(r.reason), "%s", act->reason);
    r.by = person_of(act->p);
    r.at = clock_now();
    TRY(shortening_insert(commit_db(tx), &r));
    AUTO(json_free) json_t *entry = policy_entry(act, "retention.shortening_proposed", role);
    return ledger_append(tx, entry, &ref);
}

enum err retention_shorten_propose(struct evidence *ev, const struct principal *p,
                                   const uint8_t sha256[32], const char *reason,
                                   struct replay *once)
{
    struct policy_act act = {.ev = ev, .p = p, .sha256 = sha256, .reason = reason};
    replay_needs(once, ACTION_RETENTION_KEEP, NULL, NULL, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, shorten_propose_apply, &act);
}

static enum err shorten_approve_apply(struct commit_tx *tx, void *ctx)
{
    const struct policy_act *act = ctx;
    struct db *db = commit_db(tx);
    struct shortening_record r;
    struct ledger_ref ref;
    enum role role;
    bool proposed;
    TRY(shortening_ask(act, db, &role, &proposed, &r));
    if (!proposed)
        return refuse_because(REFUSAL_CONFLICT, "nobody has proposed it");
    if (person_is(&r.by, act->p))
        return refuse_because(REFUSAL_NOT_PERMITTED,
                              "whoever proposed a shorter retention does not approve it");
    AUTO(json_free) json_t *entry = policy_entry(act, "retention.shortened", role);
    AUTO(json_free) json_t *changed = json_object();
    TRY(policy_put(db, act->ev->parts.kinds, true, changed, changed));
    TRY(shortening_remove(db, act->sha256));
    json_put(entry, "in_force", json_incref(changed));
    return ledger_append(tx, entry, &ref);
}

enum err retention_shorten_approve(struct evidence *ev, const struct principal *p,
                                   const uint8_t sha256[32], struct replay *once)
{
    struct policy_act act = {.ev = ev, .p = p, .sha256 = sha256, .reason = ""};
    replay_needs(once, ACTION_RETENTION_KEEP, NULL, NULL, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, shorten_approve_apply, &act);
}

/* --- the dry run -------------------------------------------------------------------------- */

/* A records owner may be somebody's representative, too: then the harm rule binds. */
enum err retention_may_see(struct db *db, const struct principal *p, const struct uuid *id,
                           bool *out)
{
    struct artefact_access access;
    enum err e = authority_artefact(db, id, p, ACTION_ARTEFACT_READ, PURPOSE_NONE, &access);
    *out = e == ERR_OK;
    return e == ERR_REFUSED ? ERR_OK : e;
}

/* Pages are filled with what is shown. */
static enum err due_seen(struct db *db, const struct principal *p, struct due_question *q,
                         struct due_record *out, size_t max, size_t *n)
{
    AUTO_FREE struct due_record *page = calloc(DUE_PAGE, sizeof(*page));
    size_t found = DUE_PAGE;
    if (!page)
        return err_set(ERR_NOMEM, "what is due");
    for (*n = 0; *n < max && found == DUE_PAGE;) {
        TRY(retention_due(db, q, page, DUE_PAGE, &found));
        for (size_t i = 0; i < found && *n < max; i++) {
            bool seen = false;
            q->after = page[i].artefact;
            TRY(retention_may_see(db, p, &page[i].artefact, &seen));
            if (seen)
                out[(*n)++] = page[i];
        }
    }
    return ERR_OK;
}

enum err retention_look(struct evidence *ev, const struct principal *p, bool wanted,
                        const char *kind, int64_t at, const struct uuid *after,
                        struct due_record *out, size_t max, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct due_question q = {.at = at, .after = *after};
    enum role role;
    TRY(permitted(p, &role));
    if (wanted) {
        const struct kind *k = kind ? kinds_find(ev->parts.kinds, kind) : NULL;
        if (!k)
            return refuse_because(REFUSAL_INVALID_REQUEST,
                                  "policy=wanted is asked for one kind of the policy file");
        q.kind = k->name;
        q.seconds = k->retention_s;
    }
    TRY(db_read_begin(ev->parts.db, &db));
    return due_seen(db, p, &q, out, max, n);
}

enum err retention_still_due(struct db *db, const struct uuid *artefact, bool *out)
{
    struct due_question q = {.at = clock_now(), .artefact = artefact};
    struct due_record due;
    size_t n = 0;
    TRY(retention_due(db, &q, &due, 1, &n));
    *out = n > 0;
    return ERR_OK;
}
