/* Assessments, made and read; choice_event.c records the events, and what follows from them is
 * decided by the tables of recording.h. */
#include "gateway/evidence/recording/choice.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/claims/lease.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------------ */

enum err choice_events_load(struct db *db, const struct uuid *assessment,
                            struct choice_event **out, size_t *n)
{
    *out = calloc(CHOICE_EVENTS_MAX, sizeof(**out));
    if (!*out)
        return err_set(ERR_NOMEM, "choice events");
    enum err e = choice_list(db, assessment, *out, CHOICE_EVENTS_MAX, n);
    if (e != ERR_OK) {
        free(*out);
        *out = NULL;
    }
    return e;
}

enum err choice_judge(struct db *db, const struct uuid *assessment, int64_t started,
                      int64_t stopped, enum recording_verdict *out)
{
    AUTO_FREE struct choice_event *events = NULL;
    size_t n = 0;
    TRY(choice_events_load(db, assessment, &events, &n));
    *out = recording_verdict(events, n, started, stopped);
    return ERR_OK;
}

void assessment_view_clear(struct assessment_view *v)
{
    free(v->events);
    free(v->recordings);
    free(v->incidents);
    v->events = NULL;
    v->recordings = NULL;
    v->incidents = NULL;
}

/* Finds the assessment and asks for the action on its claim; foreign and missing look alike. */
enum err assessment_reach(struct db *db, const struct uuid *id, const struct principal *p,
                          enum action action, struct assessment_record *out, enum role *role)
{
    enum err found = assessment_find(db, id, out);
    if (found == ERR_NOT_FOUND) {
        memset(out, 0, sizeof(*out)); /* the nil claim: same road, same answer */
        found = ERR_OK;
    }
    TRY(found);
    struct claim_record claim;
    enum err reach = authority_claim(db, &out->claim, p, action, &claim, NULL, role);
    if (reach == ERR_REFUSED && err_detail(reach) == REFUSAL_CLAIM_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    return reach;
}

/* A kind that is no longer in the table is taken for one. */
bool choice_decides(const struct evidence *ev, const struct artefact_record *a)
{
    const struct kind *kind = kinds_find(ev->parts.kinds, a->kind);
    return !kind || kind->recording;
}

enum err choice_room(struct evidence *ev, struct db *db, const struct uuid *assessment)
{
    AUTO_FREE struct artefact_record *page = calloc(RECORDINGS_MAX, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = RECORDINGS_MAX, recordings = 0;
    if (!page)
        return err_set(ERR_NOMEM, "recordings");
    while (n == RECORDINGS_MAX && recordings < RECORDINGS_MAX) {
        TRY(artefact_list_assessment(db, assessment, &after, page, RECORDINGS_MAX, &n));
        for (size_t i = 0; i < n; i++) {
            recordings += choice_decides(ev, &page[i]);
            after = page[i].id;
        }
    }
    return recordings < RECORDINGS_MAX
               ? ERR_OK
               : refuse_because(REFUSAL_QUOTA_EXCEEDED,
                                "an assessment has at most %d recordings", RECORDINGS_MAX);
}

/* A recording that was moved to another claim is that claim's: who sees this assessment need
 * not see it. */
static enum err may_see(struct db *db, const struct principal *p,
                        const struct artefact_record *a, bool *out)
{
    struct access access = {
        .action = ACTION_ARTEFACT_READ, .status = a->status, .harmful = a->harmful};
    TRY(authority_on_artefact(db, a, p, clock_now(), &access.relations));
    *out = permission_check(p, &access, NULL, NULL) == PERMIT;
    return ERR_OK;
}

/* The recordings of a page that the caller may see are moved to its front. */
static enum err recordings_keep(struct evidence *ev, struct db *db, const struct principal *p,
                                struct artefact_record *list, size_t *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        bool seen = false;
        if (choice_decides(ev, &list[i]))
            TRY(may_see(db, p, &list[i], &seen));
        if (seen)
            list[kept++] = list[i];
    }
    *n = kept;
    return ERR_OK;
}

static enum err recordings_load(struct evidence *ev, struct db *db, const struct principal *p,
                                struct assessment_view *out)
{
    AUTO_FREE struct artefact_record *page = calloc(RECORDINGS_MAX, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = RECORDINGS_MAX;
    out->recordings = calloc(RECORDINGS_MAX, sizeof(*out->recordings));
    if (!page || !out->recordings)
        return err_set(ERR_NOMEM, "recordings");
    while (n == RECORDINGS_MAX && out->n_recordings < RECORDINGS_MAX) {
        TRY(artefact_list_assessment(db, &out->record.id, &after, page, RECORDINGS_MAX, &n));
        size_t kept = n, room = RECORDINGS_MAX - out->n_recordings;
        if (n > 0)
            after = page[n - 1].id;
        TRY(recordings_keep(ev, db, p, page, &kept));
        kept = kept < room ? kept : room;
        memcpy(out->recordings + out->n_recordings, page, kept * sizeof(*page));
        out->n_recordings += kept;
    }
    return ERR_OK;
}

/* Of the recordings that the caller sees. */
static enum err incidents_load(struct db *db, struct assessment_view *out)
{
    size_t n = 0;
    out->incidents = calloc(RECORDINGS_MAX, sizeof(*out->incidents));
    if (!out->incidents)
        return err_set(ERR_NOMEM, "incidents");
    TRY(incident_list_assessment(db, &out->record.id, out->incidents, RECORDINGS_MAX, &n));
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < out->n_recordings; k++)
            seen = seen || uuid_equal(&out->recordings[k].id, &out->incidents[i].artefact);
        if (seen)
            out->incidents[out->n_incidents++] = out->incidents[i];
    }
    return ERR_OK;
}

enum err assessment_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        struct assessment_view *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    memset(out, 0, sizeof(*out));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(assessment_reach(db, id, p, ACTION_ASSESSMENT_READ, &out->record, NULL));
    TRY(choice_events_load(db, id, &out->events, &out->n_events));
    out->choice = choice_state_at(out->events, out->n_events, INT64_MAX);
    TRY(recordings_load(ev, db, p, out));
    return incidents_load(db, out);
}

/* --- a new assessment --------------------------------------------------------------------- */

struct create_act {
    const struct principal *p;
    struct assessment_record *record;
};

static enum err create_apply(struct commit_tx *tx, void *ctx)
{
    struct create_act *act = ctx;
    struct claim_record claim;
    enum role role;
    TRY(authority_claim(commit_db(tx), &act->record->claim, act->p, ACTION_ASSESSMENT_CREATE,
                        &claim, NULL, &role));
    TRY(lease_lets_pass(commit_db(tx), &act->record->claim, act->p, role));
    TRY(assessment_insert(commit_db(tx), act->record));
    AUTO(json_free) json_t *entry = entry_new("assessment.created", act->p, role);
    char id[UUID_TEXT_SIZE];
    uuid_format(&act->record->id, id);
    entry_claim(entry, &act->record->claim);
    json_put_text(entry, "assessment", id);
    struct ledger_ref ref;
    return entry_append(tx, entry, &ref);
}

enum err assessment_create(struct evidence *ev, const struct principal *p,
                           const struct uuid *claim, struct replay *once,
                           struct assessment_record *inout)
{
    inout->id = uuid_new();
    inout->claim = *claim;
    inout->created_at = clock_now();
    inout->created_by = person_of(p);
    struct create_act act = {.p = p, .record = inout};
    replay_needs(once, ACTION_ASSESSMENT_CREATE, claim, NULL, REFUSAL_CLAIM_NOT_FOUND);
    return replay_commit(ev, once, create_apply, &act);
}
