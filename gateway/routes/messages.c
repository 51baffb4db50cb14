/* Where people want to be reached, and what was sent to whom. */
#include "gateway/base/clock.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdlib.h>

enum { MESSAGES_STANDARD = 50, MESSAGES_MAX = 100 };

/* --- contacts ----------------------------------------------------------------------------- */

static enum err contact_read(json_t *value, struct contact_record *c)
{
    struct json_in in;
    char channel[SHORT_TEXT_MAX + 1];
    TRY(json_in_object(&in, value, "contacts[]"));
    TRY(json_in_text(&in, "subject", JSON_REQUIRED, c->person.subject,
                     sizeof(c->person.subject)));
    TRY(json_in_text(&in, "issuer", JSON_OPTIONAL, c->person.issuer, sizeof(c->person.issuer)));
    TRY(json_in_text(&in, "channel", JSON_REQUIRED, channel, sizeof(channel)));
    TRY(json_in_text(&in, "address", JSON_REQUIRED, c->address, sizeof(c->address)));
    TRY(json_in_done(&in));
    return message_channel_parse(channel, &c->channel);
}

static void reply_contacts(struct http_exchange *x, const struct contact_record *c, size_t n)
{
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_object();
        json_put_text(one, "subject", c[i].person.subject);
        json_put_text(one, "channel", message_channel_name(c[i].channel));
        json_put_text(one, "address", c[i].address);
        (void)json_array_append_new(list, one);
    }
    json_put(body, "contacts", list);
    http_reply_json(x, 200, body);
}

static enum err set_run(struct http_exchange *x, const struct principal *p)
{
    AUTO(json_free) json_t *body = NULL;
    AUTO_FREE struct contact_record *contacts = calloc(CONTACTS_MAX, sizeof(*contacts));
    struct json_in in;
    struct uuid claim;
    json_t *list = NULL;
    if (!contacts)
        return err_set(ERR_NOMEM, "contacts");
    TRY(api_id(x, "claim", &claim));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "contacts"));
    TRY(json_in_array(&in, "contacts", JSON_REQUIRED, CONTACTS_MAX, &list));
    TRY(json_in_done(&in));
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        TRY(contact_read(json_array_get(list, i), &contacts[i]));
    TRY(contacts_set(api_of(x)->evidence, p, &claim, contacts, n));
    reply_contacts(x, contacts, n);
    return ERR_OK;
}
const struct api_call CONTACTS_SET = {set_run};

static enum err get_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_FREE struct contact_record *contacts = calloc(CONTACTS_MAX, sizeof(*contacts));
    struct uuid claim;
    size_t n = 0;
    if (!contacts)
        return err_set(ERR_NOMEM, "contacts");
    TRY(api_id(x, "claim", &claim));
    TRY(contacts_get(api_of(x)->evidence, p, &claim, contacts, &n));
    reply_contacts(x, contacts, n);
    return ERR_OK;
}
const struct api_call CONTACTS_GET = {get_run};

/* --- the ledger of delivery --------------------------------------------------------------- */

static json_t *view_steps(const struct message_view *v)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < v->n_steps; i++) {
        json_t *step = json_object();
        json_put_time(step, "at", v->steps[i].at);
        json_put_text(step, "what", v->steps[i].what);
        json_put_text_if(step, "detail", v->steps[i].detail);
        (void)json_array_append_new(steps, step);
    }
    return steps;
}

static json_t *view_message(const struct message_view *v)
{
    const struct message_record *m = &v->record;
    json_t *o = json_object();
    view_put_id(o, "id", &m->id);
    json_put_text(o, "event", message_event_name(m->event));
    json_put_text(o, "channel", message_channel_name(m->channel));
    json_put_text_if(o, "to", m->to.subject);
    view_put_id(o, "about", &m->about);
    json_put_time(o, "occurred_at", m->occurred_at);
    if (m->due != 0)
        json_put_time(o, "due", m->due);
    json_put_text(o, "state", message_state_name(m->state));
    json_put_int(o, "attempts", m->attempts);
    if (m->next_at != 0)
        json_put_time(o, "next_at", m->next_at);
    json_put(o, "steps", view_steps(v));
    return o;
}

static enum err list_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"cursor", "limit", NULL};
    struct uuid claim, after;
    size_t limit = 0, n = 0;
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, MESSAGES_STANDARD, MESSAGES_MAX, &limit, &after));
    TRY(api_id(x, "claim", &claim));
    AUTO_FREE struct message_view *rows = calloc(limit + 1, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "messages");
    TRY(messages_list(api_of(x)->evidence, p, &claim, &after, limit + 1, rows, &n));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n && i < limit; i++)
        (void)json_array_append_new(list, view_message(&rows[i]));
    json_put(body, "messages", list);
    if (n > limit)
        api_page_next(x, body, &rows[limit - 1].record.id);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call MESSAGE_LIST = {list_run};
