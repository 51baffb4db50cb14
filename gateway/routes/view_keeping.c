/* What callers see of restrictions, holds and disposals. */
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/routes/view.h"

static void put_by(json_t *o, const char *name, const struct person *who)
{
    if (who->subject[0])
        json_put_text(o, name, who->subject);
}

static void put_time_if(json_t *o, const char *name, int64_t micros)
{
    if (micros != 0)
        json_put_time(o, name, micros);
}

json_t *view_restriction(const struct restriction_record *r)
{
    json_t *o = json_object();
    json_put_text(o, "reason", r->reason);
    put_by(o, "by", &r->by);
    json_put_time(o, "at", r->at);
    return o;
}

json_t *view_hold(const struct hold_record *h)
{
    json_t *o = json_object();
    json_put_text(o, "reason", h->reason);
    put_by(o, "by", &h->by);
    json_put_time(o, "at", h->at);
    return o;
}

static void put_tombstone(json_t *o, const struct disposal_record *d)
{
    char hex[HEX_SIZE(32)];
    put_time_if(o, "finished_at", d->finished_at);
    json_put_time(o, "backups_until", d->backups_until);
    json_put_int(o, "upload_entry", (json_int_t)d->upload_entry);
    hex_encode(d->commitment, sizeof(d->commitment), hex);
    json_put_text(o, "commitment", hex);
}

json_t *view_disposal(const struct disposal_record *d, bool staff)
{
    json_t *o = json_object();
    put_time_if(o, "disposed_at", d->shredded_at);
    if (!staff)
        return o;
    json_put_text(o, "state", disposal_state_name(d->state));
    json_put_text(o, "reason", d->reason);
    json_put_text_if(o, "policy", d->policy);
    put_by(o, "proposed_by", &d->proposed_by);
    json_put_time(o, "proposed_at", d->proposed_at);
    put_by(o, "approved_by", &d->approved_by);
    put_time_if(o, "approved_at", d->approved_at);
    put_time_if(o, "due_at", d->due_at);
    if (!uuid_is_nil(&d->list))
        view_put_id(o, "list", &d->list);
    if (d->shredded_at != 0)
        put_tombstone(o, d);
    return o;
}
