#include "gateway/evidence/recording/copies.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <string.h>

/* An assessor knows what they read themselves; whom else it was given to is the department's to
 * follow up. */
static bool sees_everybodys(enum role role)
{
    return role != ROLE_ASSESSOR;
}

enum err retrievals_get(struct evidence *ev, const struct principal *p,
                        const struct uuid *artefact, const struct uuid *after, size_t limit,
                        struct retrievals_view *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    struct person me = person_of(p);
    assert(limit <= RETRIEVALS_PAGE_MAX);
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_artefact(db, artefact, p, ACTION_RETRIEVALS_READ, PURPOSE_NONE, &access));
    out->artefact = access.artefact;
    return retrieval_list(db, artefact, sees_everybodys(access.role) ? NULL : &me, after,
                          out->rows, limit, &out->n);
}

enum err copies_request(struct commit_tx *tx, const struct principal *p, enum role role,
                        const struct artefact_record *a, const char *event_id)
{
    uint64_t asked = 0;
    struct ledger_ref ref;
    TRY(deletion_request(commit_db(tx), &a->id, purpose_name(PURPOSE_OWN), clock_now(),
                         &asked));
    if (asked == 0)
        return ERR_OK;
    AUTO(json_free) json_t *entry = entry_new("copy.deletion_requested", p, role);
    entry_artefact(entry, a);
    entry_hex(entry, "sha256", a->sha256);
    json_put_text(entry, "event_id", event_id);
    json_put_int(entry, "count", (json_int_t)asked);
    return entry_append_linked(tx, entry, a, &ref);
}

struct deleted_act {
    const struct principal *p;
    struct uuid artefact, session;
    struct retrieval_record *out;
};

static enum err deleted_log(struct commit_tx *tx, const struct deleted_act *act,
                            const struct artefact_access *access)
{
    AUTO(json_free) json_t *entry = entry_new("copy.deletion_confirmed", act->p, access->role);
    char id[UUID_TEXT_SIZE];
    struct ledger_ref ref;
    uuid_format(&act->session, id);
    entry_artefact(entry, &access->artefact);
    entry_hex(entry, "sha256", access->artefact.sha256);
    json_put_text(entry, "session", id);
    return entry_append_linked(tx, entry, &access->artefact, &ref);
}

static enum err deleted_apply(struct commit_tx *tx, void *ctx)
{
    struct deleted_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    TRY(authority_artefact(db, &act->artefact, act->p, ACTION_COPY_DELETED, PURPOSE_NONE,
                           &access));
    enum err found = retrieval_find(db, &act->session, act->out);
    if (found == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(found);
    if (!uuid_equal(&act->out->session.artefact, &act->artefact) ||
        !person_is(&act->out->session.actor, act->p))
        return refuse(REFUSAL_NOT_FOUND);
    if (act->out->deletion_requested_at == 0)
        return refuse_because(REFUSAL_CONFLICT, "nobody asked for its deletion");
    if (act->out->deletion_confirmed_at != 0)
        return ERR_OK;
    act->out->deletion_confirmed_at = clock_now();
    TRY(deletion_confirm(db, &act->session, act->out->deletion_confirmed_at));
    return deleted_log(tx, act, &access);
}

enum err copy_deleted(struct evidence *ev, const struct principal *p,
                      const struct uuid *artefact, const struct uuid *session,
                      struct replay *once, struct retrieval_record *out)
{
    struct deleted_act act = {.p = p, .artefact = *artefact, .session = *session, .out = out};
    replay_needs(once, ACTION_COPY_DELETED, NULL, artefact, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, deleted_apply, &act);
}
