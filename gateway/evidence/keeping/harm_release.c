/* Invariant: the record's flag is what every path of reading asks; nothing else is changed. */
#include "gateway/evidence/keeping/harm_release.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <string.h>

struct harm_act {
    const struct principal *p;
    struct harm_release *release;
};

static enum err harm_log(struct commit_tx *tx, const char *action, const struct harm_act *act,
                         const struct artefact_access *access)
{
    AUTO(json_free) json_t *entry = entry_new(action, act->p, access->role);
    bool released = act->release->revoked_at == 0;
    struct ledger_ref ref;
    entry_artefact(entry, &access->artefact);
    json_put_bool(entry, "harmful", true); /* what the entry tells of was under the rule */
    if (released)
        json_put_text(entry, "reviewer", act->release->reviewer);
    json_put_text(entry, "reason",
                  released ? act->release->reason : act->release->revoked_reason);
    return entry_append_linked(tx, entry, &access->artefact, &ref);
}

static enum err release_apply(struct commit_tx *tx, void *ctx)
{
    struct harm_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    TRY(authority_artefact(db, &act->release->artefact, act->p, ACTION_HARM_RELEASE,
                           PURPOSE_NONE, &access));
    if (!access.artefact.harmful)
        return refuse_because(REFUSAL_CONFLICT, "it is not under the harm rule");
    TRY(harm_release_insert(db, act->release));
    return harm_log(tx, "harm.released", act, &access);
}

enum err harm_release(struct evidence *ev, const struct principal *p, const struct uuid *id,
                      const char *reviewer, const char *reason, struct replay *once,
                      struct harm_release *out)
{
    struct harm_act act = {.p = p, .release = out};
    if (strcmp(reviewer, p->subject) == 0)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "the reviewer and who puts it on record are two people");
    *out = (struct harm_release){.artefact = *id, .at = clock_now(), .by = person_of(p)};
    (void)snprintf(out->reviewer, sizeof(out->reviewer), "%s", reviewer);
    (void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
    replay_needs(once, ACTION_HARM_RELEASE, NULL, id, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, release_apply, &act);
}

static enum err revoke_apply(struct commit_tx *tx, void *ctx)
{
    struct harm_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    TRY(authority_artefact(db, &act->release->artefact, act->p, ACTION_HARM_RELEASE,
                           PURPOSE_NONE, &access));
    enum err e = harm_release_revoke(db, act->release);
    if (e == ERR_NOT_FOUND)
        return refuse_because(REFUSAL_CONFLICT, "no release stands to be revoked");
    TRY(e);
    return harm_log(tx, "harm.revoked", act, &access);
}

enum err harm_revoke(struct evidence *ev, const struct principal *p, const struct uuid *id,
                     const char *reason, struct replay *once, struct harm_release *out)
{
    struct harm_act act = {.p = p, .release = out};
    *out = (struct harm_release){
        .artefact = *id, .revoked_at = clock_now(), .revoked_by = person_of(p)};
    (void)snprintf(out->revoked_reason, sizeof(out->revoked_reason), "%s", reason);
    replay_needs(once, ACTION_HARM_RELEASE, NULL, id, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, revoke_apply, &act);
}
