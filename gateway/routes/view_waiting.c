/* What is waited for, in JSON: age, lease, expected against received, requests. */
#include "gateway/routes/view.h"

#include "gateway/base/clock.h"

#include <string.h>

static void put_due(json_t *o, int64_t due)
{
    char date[DATE_TEXT_SIZE];
    day_format(day_of(due - 1), date); /* its last day in London */
    json_put_time(o, "due", due);
    json_put_text(o, "due_on", date);
}

static json_t *view_age(const struct claim_age *a)
{
    json_t *o = json_object();
    json_put_text(o, "nation", nation_name(a->nation));
    json_put_int(o, "days", a->days);
    json_put_int(o, "working_days", a->working_days);
    put_due(o, a->due);
    json_put_bool(o, "overdue", a->overdue);
    json_put_bool(o, "ageing", a->ageing);
    json_put_bool(o, "ended", a->ended);
    json_put_bool(o, "holidays_known", a->known);
    return o;
}

json_t *view_lease(const struct lease_view *v)
{
    const struct lease_record *l = &v->record;
    json_t *o = json_object(), *by = json_object();
    json_put_text(by, "role", l->role);
    json_put_bool(by, "me", v->mine);
    if (v->named)
        json_put_text(by, "subject", l->owner.subject);
    json_put(o, "by", by);
    json_put_text(o, "reason", l->reason);
    json_put_time(o, "since", l->since);
    json_put_time(o, "until", l->until);
    return o;
}

json_t *view_counts(const struct asking_counts *c)
{
    json_t *o = json_object();
    json_put_int(o, "expected", (json_int_t)c->expected);
    json_put_int(o, "received", (json_int_t)c->received);
    json_put_int(o, "open", (json_int_t)c->open);
    json_put_int(o, "overdue", (json_int_t)c->overdue);
    return o;
}

void view_put_waiting(json_t *claim, const struct claim_view *v)
{
    const struct claim_waiting *w = &v->waiting;
    if (w->nation[0])
        json_put_text(claim, "nation", w->nation);
    if (w->counted)
        json_put(claim, "evidence", view_counts(&w->counts));
    if (w->aged)
        json_put(claim, "age", view_age(&w->age));
    if (w->kept)
        json_put(claim, "lease", w->lease.stands ? view_lease(&w->lease) : json_null());
}

json_t *view_times(const struct artefact_times *t)
{
    json_t *o = json_object(), *opened = json_array();
    for (size_t i = 0; i < t->n_opened; i++) {
        json_t *one = json_object();
        json_put_text(one, "role", t->opened[i].role);
        json_put_time(one, "at", t->opened[i].at);
        (void)json_array_append_new(opened, one);
    }
    if (t->available_at != 0)
        json_put_time(o, "first_available", t->available_at);
    else
        json_put(o, "first_available", json_null());
    json_put(o, "first_opened", opened);
    if (t->aim != 0) {
        json_put_time(o, "aim", t->aim);
        json_put_bool(o, "within_aim", t->within_aim);
    }
    return o;
}

static json_t *view_items(const struct asking_view *v)
{
    json_t *items = json_array();
    for (size_t i = 0; i < v->n_items; i++) {
        json_t *item = json_object();
        view_put_id(item, "artefact", &v->items[i].artefact);
        json_put_time(item, "at", v->items[i].at);
        (void)json_array_append_new(items, item);
    }
    return items;
}

static json_t *view_asker(const struct request_record *r, const struct principal *p)
{
    json_t *by = json_object();
    json_put_text(by, "role", r->by_role);
    json_put_bool(by, "me",
                  strcmp(r->by.issuer, p->issuer) == 0 &&
                      strcmp(r->by.subject, p->subject) == 0);
    return by;
}

json_t *view_request(const struct asking_view *v, const struct principal *p)
{
    const struct request_record *r = &v->record;
    json_t *o = json_object();
    view_put_id(o, "id", &r->id);
    view_put_id(o, "claim", &r->claim);
    if (v->told)
        json_put_text(o, "what", r->what);
    json_put_text_if(o, "kind", r->kind);
    json_put_text(o, "from_role", r->from_role);
    json_put_bool(o, "functional", r->functional);
    json_put_text(o, "state", request_state_name(r->state));
    json_put_time(o, "asked_at", r->asked_at);
    json_put(o, "asked_by", view_asker(r, p));
    if (r->due != 0) {
        put_due(o, r->due);
        if (r->state == REQUEST_OPEN)
            json_put_int(o, "working_days_left", v->days_left);
    }
    json_put_bool(o, "overdue", v->overdue);
    if (r->state == REQUEST_FULFILLED)
        json_put_bool(o, "late", v->late);
    if (r->closed_at != 0)
        json_put_time(o, "closed_at", r->closed_at);
    json_put(o, "artefacts", view_items(v));
    return o;
}
