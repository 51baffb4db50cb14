#include "gateway/routes/view.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/inspection/findings.h"

#include <string.h>

void view_put_id(json_t *object, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_put_text(object, name, uuid_is_nil(id) ? NULL : text);
}

static void put_time_if(json_t *object, const char *name, int64_t micros)
{
    if (micros != 0)
        json_put_time(object, name, micros);
}

static void put_hex(json_t *object, const char *name, const uint8_t digest[32])
{
    char hex[HEX_SIZE(32)];
    hex_encode(digest, 32, hex);
    json_put_text(object, name, hex);
}

/* --- claims ------------------------------------------------------------------------------- */

static json_t *claim_party(const struct party_record *p)
{
    json_t *o = json_object();
    json_put_text(o, "subject", p->person.subject);
    json_put_text(o, "role", p->role);
    json_put_text_if(o, "kind", p->kind);
    json_put_text_if(o, "scope", p->scope);
    put_time_if(o, "from", p->from);
    put_time_if(o, "until", p->until);
    return o;
}

static void put_personal(json_t *o, const struct claim_view *v)
{
    json_t *claimant = json_object();
    json_put_text(claimant, "subject", v->record.claimant.subject);
    json_put_text_if(claimant, "name", v->record.claimant_name);
    json_put_text_if(claimant, "date_of_birth", v->record.claimant_born);
    json_put_text_if(claimant, "nino", v->record.claimant_nino);
    put_time_if(claimant, "died_at", v->died_at);
    json_put(o, "claimant", claimant);
    json_t *parties = json_array();
    for (size_t i = 0; i < v->n_parties; i++)
        (void)json_array_append_new(parties, claim_party(&v->parties[i]));
    json_put(o, "parties", parties);
    json_t *assigned = json_array();
    for (size_t i = 0; i < v->n_assigned && !v->yours; i++)
        (void)json_array_append_new(assigned, json_string(v->assigned[i]));
    if (v->yours)
        json_decref(assigned);
    else
        json_put(o, "assigned_to", assigned);
}

json_t *view_claim(const struct claim_view *v)
{
    json_t *o = json_object();
    view_put_id(o, "id", &v->record.id);
    json_put_text(o, "external_reference", v->record.external_reference);
    json_put_text(o, "benefit", v->record.benefit);
    json_put_text_if(o, "stage", v->record.stage);
    json_put_time(o, "created_at", v->record.created_at);
    json_put_time(o, "updated_at", v->record.updated_at);
    if (v->personal)
        put_personal(o, v);
    view_put_waiting(o, v);
    /* special rules mean a terminal illness: claimant and representative must not learn it here
     */
    if (v->special)
        json_put_bool(o, "special_rules", v->record.special_rules);
    return o;
}

/* --- artefacts ---------------------------------------------------------------------------- */

json_t *view_artefact(const struct artefact_record *a, bool mine)
{
    char hex[HEX_SIZE(32)];
    json_t *o = json_object();
    view_put_id(o, "id", &a->id);
    view_put_id(o, "claim", &a->claim);
    json_put_text(o, "kind", a->kind);
    json_put_text(o, "filename", a->filename);
    json_put_text(o, "description", a->description);
    json_put_text(o, "media_type", a->media_type);
    json_put_int(o, "size", (json_int_t)a->size);
    hex_encode(a->sha256, sizeof(a->sha256), hex);
    json_put_text(o, "sha256", a->status == ARTEFACT_DISPOSED ? NULL : hex);
    json_put_text(o, "status", artefact_status_name(a->status));
    json_put_text_if(o, "status_reason", a->status_reason);
    json_put_time(o, "received_at", a->received_at);
    json_t *by = json_object();
    json_put_text(by, "role", a->uploader_role);
    json_put_bool(by, "me", mine);
    json_put(o, "uploaded_by", by);
    view_put_id(o, "assessment", &a->assessment);
    put_time_if(o, "recording_started_at", a->recording_started_at);
    put_time_if(o, "recording_stopped_at", a->recording_stopped_at);
    return o;
}

static void append_link(json_t *links, const struct uuid *claim, const char *reason,
                        int64_t since)
{
    json_t *link = json_object();
    view_put_id(link, "claim", claim);
    json_put_text_if(link, "reason", reason);
    json_put_time(link, "since", since);
    (void)json_array_append_new(links, link);
}

static void put_figure_if(json_t *o, const char *name, int64_t figure)
{
    if (figure > 0)
        json_put_int(o, name, figure);
}

static json_t *view_inspection(const struct inspection_record *r)
{
    json_t *o = json_object();
    json_put_text(o, "outcome", r->outcome);
    json_put_text(o, "reason", strcmp(r->reason, "none") == 0 ? NULL : r->reason);
    json_put_time(o, "inspected_at", r->at);
    json_put_text(o, "engine", r->engine);
    json_put_text(o, "signatures", r->signatures);
    put_time_if(o, "signatures_at", r->signatures_at * MICROS_PER_SECOND);
    json_put_text_if(o, "virus", r->virus);
    json_put_text_if(o, "type", r->type);
    json_put(o, "flags", findings_flags(r->flags));
    put_figure_if(o, "pages", r->pages);
    put_figure_if(o, "width", r->width);
    put_figure_if(o, "height", r->height);
    put_figure_if(o, "members", r->members);
    put_figure_if(o, "duration_ms", r->duration_ms);
    put_figure_if(o, "channels", r->channels);
    put_figure_if(o, "sample_rate", r->sample_rate);
    return o;
}

json_t *view_artefact_whole(const struct artefact_view *v)
{
    json_t *o = view_artefact(&v->record, v->mine), *links = json_array();
    for (size_t i = 0; i < v->n_links; i++)
        append_link(links, &v->links[i].claim, v->links[i].reason, v->links[i].created_at);
    json_put(o, "links", links);
    json_put(o, "inspection", v->inspected ? view_inspection(&v->inspection) : json_null());
    if (v->staff)
        json_put(o, "times", view_times(&v->times));
    if (v->hidden)
        json_put(o, "restriction", view_restriction(&v->restriction));
    if (v->held)
        json_put(o, "hold", view_hold(&v->hold));
    if (v->disposing)
        json_put(o, "disposal", view_disposal(&v->disposal, v->staff));
    return o;
}

json_t *view_upload(const struct upload_result *r)
{
    const struct artefact_record *a = &r->artefact;
    json_t *o = view_artefact(a, !r->others), *links = json_array();
    if (!uuid_is_nil(&a->claim))
        append_link(links, &a->claim, "", r->duplicate ? r->linked_at : a->received_at);
    json_put(o, "links", links);
    if (r->duplicate)
        view_put_id(o, "duplicate_of", &a->id);
    return o;
}

json_t *view_awaited(const struct uuid *artefact, int64_t until)
{
    char id[UUID_TEXT_SIZE], path[64];
    json_t *o = json_object();
    uuid_format(artefact, id);
    (void)snprintf(path, sizeof(path), "/v1/artefacts/%s/password", id);
    json_put_text(o, "send_to", path);
    json_put_time(o, "until", until);
    return o;
}

/* --- assessments, choices, consents ------------------------------------------------------- */

json_t *view_choice_event(const struct choice_event *e)
{
    json_t *o = json_object();
    json_put_text(o, "event_id", e->event_id);
    json_put_text(o, "event", e->event);
    json_put_time(o, "effective_at", e->effective_at);
    json_put_time(o, "recorded_at", e->recorded_at);
    json_put_text_if(o, "channel", e->channel);
    json_put_text_if(o, "notice_version", e->notice_version);
    json_put_text_if(o, "on_behalf_of", e->on_behalf_of);
    json_put_text(o, "by_role", e->by_role);
    json_put_text_if(o, "authority", e->authority);
    if (e->has_notice_sha256)
        put_hex(o, "notice_sha256", e->notice_sha256);
    if (e->authority[0]) /* those from before say neither */
        put_hex(o, "policy_sha256", e->policy);
    json_put_int(o, "entry", (json_int_t)e->ledger_index);
    return o;
}

json_t *view_incident(const struct incident_record *r, bool staff)
{
    json_t *o = json_object();
    view_put_id(o, "id", &r->id);
    json_put_text(o, "kind", r->kind);
    view_put_id(o, "claim", &r->claim);
    view_put_id(o, "assessment", &r->assessment);
    view_put_id(o, "artefact", &r->artefact);
    json_put_text(o, "event_id", r->event_id);
    json_put_time(o, "raised_at", r->raised_at);
    put_time_if(o, "reviewed_at", r->reviewed_at);
    if (staff && r->reviewed_at != 0) {
        json_put_text(o, "reviewed_by", r->reviewer.subject);
        json_put_text(o, "outcome", r->outcome);
    }
    return o;
}

json_t *view_retrieval(const struct retrieval_record *r)
{
    json_t *o = json_object(), *by = json_object();
    view_put_id(o, "session", &r->session.id);
    json_put_text(by, "issuer", r->session.actor.issuer);
    json_put_text(by, "subject", r->session.actor.subject);
    json_put(o, "by", by);
    json_put_text(o, "purpose", r->session.purpose);
    json_put_time(o, "opened_at", r->session.opened_at);
    put_time_if(o, "closed_at", r->session.closed_at);
    json_put_int(o, "served", (json_int_t)r->session.bytes_served);
    put_time_if(o, "deletion_requested_at", r->deletion_requested_at);
    put_time_if(o, "deletion_confirmed_at", r->deletion_confirmed_at);
    return o;
}

json_t *view_assessment_new(const struct assessment_record *a)
{
    json_t *o = json_object();
    view_put_id(o, "id", &a->id);
    view_put_id(o, "claim", &a->claim);
    json_put_text_if(o, "channel", a->channel);
    json_put_text_if(o, "provider", a->provider);
    put_time_if(o, "scheduled_at", a->scheduled_at);
    json_put_text(o, "choice", choice_state_name(CHOICE_NO_NOTICE));
    return o;
}

json_t *view_assessment(const struct assessment_view *v, const struct principal *p)
{
    json_t *o = view_assessment_new(&v->record);
    json_put_text(o, "choice", choice_state_name(v->choice));
    json_t *history = json_array();
    for (size_t i = 0; i < v->n_events; i++)
        (void)json_array_append_new(history, view_choice_event(&v->events[i]));
    json_put(o, "history", history);
    json_t *recordings = json_array();
    for (size_t i = 0; i < v->n_recordings; i++) {
        const struct artefact_record *a = &v->recordings[i];
        bool mine = strcmp(a->uploader.issuer, p->issuer) == 0 &&
                    strcmp(a->uploader.subject, p->subject) == 0;
        (void)json_array_append_new(recordings, view_artefact(a, mine));
    }
    json_put(o, "recordings", recordings);
    json_t *incidents = json_array();
    for (size_t i = 0; i < v->n_incidents; i++)
        (void)json_array_append_new(incidents, view_incident(&v->incidents[i], false));
    json_put(o, "incidents", incidents);
    return o;
}

json_t *view_consent(const struct consent_record *c)
{
    json_t *o = json_object();
    json_put_text(o, "event_id", c->event_id);
    view_put_id(o, "claim", &c->claim);
    json_put_text(o, "purpose", c->purpose);
    json_put_text(o, "decision", c->decision);
    json_put_text(o, "statement_version", c->statement_version);
    json_put_time(o, "effective_at", c->effective_at);
    json_put_time(o, "recorded_at", c->recorded_at);
    json_put_text(o, "by_role", c->by_role);
    return o;
}
