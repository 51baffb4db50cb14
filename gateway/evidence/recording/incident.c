#include "gateway/evidence/recording/incident.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/recording/choice.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err incident_get_all(struct evidence *ev, const struct principal *p, bool open_only,
                          const struct uuid *after, struct incident_record *out, size_t max,
                          size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(authority_role(p, ACTION_INCIDENT_READ, NULL));
    TRY(db_read_begin(ev->parts.db, &db));
    return incident_list(db, open_only, after, out, max, n);
}

static void put_id(json_t *entry, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_put_text(entry, name, text);
}

static enum err incident_log(struct commit_tx *tx, const char *action,
                             const struct principal *p, enum role role,
                             const struct artefact_record *a, struct incident_record *r)
{
    AUTO(json_free) json_t *entry = entry_new(action, p, role);
    struct ledger_ref ref;
    entry_artefact(entry, a);
    put_id(entry, "incident", &r->id);
    put_id(entry, "assessment", &r->assessment);
    json_put_text(entry, "reason", r->kind);
    json_put_text(entry, "event_id", r->event_id);
    json_put_text_if(entry, "outcome", r->outcome);
    TRY(entry_append_linked(tx, entry, a, &ref));
    if (r->reviewed_at == 0)
        r->ledger_index = ref.index;
    return ERR_OK;
}

static enum err raised_before(struct db *db, const struct artefact_record *a, bool *out)
{
    AUTO_FREE struct incident_record *page = calloc(RECORDINGS_MAX, sizeof(*page));
    size_t n = 0;
    *out = false;
    if (!page)
        return err_set(ERR_NOMEM, "incidents");
    TRY(incident_list_assessment(db, &a->assessment, page, RECORDINGS_MAX, &n));
    for (size_t i = 0; i < n; i++)
        *out = *out || uuid_equal(&page[i].artefact, &a->id);
    return ERR_OK;
}

enum err incident_raise(struct commit_tx *tx, const struct principal *p, enum role role,
                        const struct artefact_record *a, const struct choice_event *event)
{
    bool before = false;
    TRY(raised_before(commit_db(tx), a, &before));
    if (before)
        return ERR_OK;
    struct incident_record r = {.id = uuid_new(),
                                .kind = INCIDENT_AGAINST_OPT_OUT,
                                .claim = a->claim,
                                .assessment = event->assessment,
                                .artefact = a->id,
                                .raised_at = clock_now()};
    memcpy(r.event_id, event->event_id, sizeof(r.event_id));
    TRY(incident_log(tx, "incident.raised", p, role, a, &r));
    return incident_insert(commit_db(tx), &r);
}

struct review_act {
    const struct principal *p;
    struct uuid id;
    const char *outcome;
    struct incident_record *out;
};

static enum err review_apply(struct commit_tx *tx, void *ctx)
{
    struct review_act *act = ctx;
    struct db *db = commit_db(tx);
    struct incident_record *r = act->out;
    struct artefact_record artefact;
    enum role role;
    TRY(authority_role(act->p, ACTION_INCIDENT_REVIEW, &role));
    enum err found = incident_find(db, &act->id, r);
    if (found == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(found);
    if (r->reviewed_at != 0)
        return refuse_because(REFUSAL_CONFLICT, "this incident was reviewed before");
    TRY(artefact_find(db, &r->artefact, &artefact));
    r->reviewed_at = clock_now();
    r->reviewer = person_of(act->p);
    (void)snprintf(r->outcome, sizeof(r->outcome), "%s", act->outcome);
    TRY(incident_review(db, r));
    return incident_log(tx, "incident.reviewed", act->p, role, &artefact, r);
}

enum err incident_close(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        const char *outcome, struct replay *once, struct incident_record *out)
{
    struct review_act act = {.p = p, .id = *id, .outcome = outcome, .out = out};
    replay_needs(once, ACTION_INCIDENT_REVIEW, NULL, NULL, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, review_apply, &act);
}
