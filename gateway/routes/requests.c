/* Evidence asked for, and the lease that keeps a claim while it is awaited. */
#include "gateway/base/clock.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdlib.h>
#include <string.h>

/* --- requests ----------------------------------------------------------------------------- */

/* An instant, or a date: then until the end of that day in London. */
static enum err read_due(struct json_in *in, struct asking_draft *d)
{
    char text[TIME_TEXT_SIZE + 8];
    int32_t day = 0;
    TRY(json_in_text(in, "due", JSON_OPTIONAL, text, sizeof(text)));
    if (!text[0])
        return ERR_OK;
    if (strlen(text) != DATE_TEXT_SIZE - 1)
        return time_parse(text, &d->due);
    TRY(day_parse(text, &day));
    d->due = day_begins(day + 1);
    return ERR_OK;
}

static enum err read_draft(struct http_exchange *x, bool whole, struct asking_draft *d)
{
    struct json_in in;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "request"));
    TRY(json_in_text(&in, "what", whole ? JSON_REQUIRED : JSON_OPTIONAL, d->what,
                     sizeof(d->what)));
    if (whole) {
        TRY(json_in_text(&in, "kind", JSON_OPTIONAL, d->kind, sizeof(d->kind)));
        TRY(json_in_text(&in, "from_role", JSON_REQUIRED, d->from_role, sizeof(d->from_role)));
    }
    TRY(json_in_bool(&in, "functional", JSON_OPTIONAL, &d->functional));
    TRY(read_due(&in, d));
    d->has_what = d->what[0] != 0;
    d->has_functional = json_object_get(body, "functional") != NULL;
    d->has_due = json_object_get(body, "due") != NULL; /* null: there is none any more */
    return json_in_done(&in);
}

static enum err ids_read(const struct http_exchange *x, struct uuid *claim, struct uuid *id)
{
    TRY(api_id(x, "claim", claim));
    return api_id(x, "id", id);
}

struct asked {
    struct asking_view view;
    const struct principal *p;
};

static enum err asked_answer(void *ctx, struct replay_answer *out)
{
    const struct asked *a = ctx;
    out->status = 201;
    out->body = json_object();
    json_put(out->body, "request", view_request(&a->view, a->p));
    return ERR_OK;
}

static enum err make_run(struct http_exchange *x, const struct principal *p,
                         struct replay *once)
{
    AUTO_FREE struct asked *a = calloc(1, sizeof(*a));
    struct asking_draft draft = {.due = 0};
    struct uuid claim;
    if (!a)
        return err_set(ERR_NOMEM, "a request");
    a->p = p;
    TRY(api_id(x, "claim", &claim));
    TRY(read_draft(x, true, &draft));
    replay_keeps(once, asked_answer, a);
    TRY(asking_make(api_of(x)->evidence, p, &claim, &draft, once, &a->view));
    return api_reply(x, asked_answer, a, NULL);
}
const struct api_creation REQUEST_MAKE = {make_run};

static void reply_request(struct http_exchange *x, const struct asking_view *v,
                          const struct principal *p)
{
    json_t *body = json_object();
    json_put(body, "request", view_request(v, p));
    http_reply_json(x, 200, body);
}

static enum err change_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_FREE struct asking_view *v = calloc(1, sizeof(*v));
    struct asking_draft draft = {.due = 0};
    struct uuid claim, id;
    if (!v)
        return err_set(ERR_NOMEM, "a request");
    TRY(ids_read(x, &claim, &id));
    TRY(read_draft(x, false, &draft));
    TRY(asking_change(api_of(x)->evidence, p, &claim, &id, &draft, v));
    reply_request(x, v, p);
    return ERR_OK;
}
const struct api_call REQUEST_CHANGE = {change_run};

static enum err withdraw_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_FREE struct asking_view *v = calloc(1, sizeof(*v));
    struct uuid claim, id;
    if (!v)
        return err_set(ERR_NOMEM, "a request");
    TRY(ids_read(x, &claim, &id));
    TRY(asking_withdraw(api_of(x)->evidence, p, &claim, &id, v));
    reply_request(x, v, p);
    return ERR_OK;
}
const struct api_call REQUEST_WITHDRAW = {withdraw_run};

static enum err list_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {NULL};
    AUTO_FREE struct asking_view *all = calloc(REQUESTS_MAX, sizeof(*all));
    struct asking_counts counts;
    struct uuid claim;
    size_t n = 0;
    if (!all)
        return err_set(ERR_NOMEM, "requests");
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "claim", &claim));
    TRY(asking_list(api_of(x)->evidence, p, &claim, all, &n, &counts));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, view_request(&all[i], p));
    json_put(body, "requests", list);
    json_put(body, "evidence", view_counts(&counts));
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call REQUEST_LIST = {list_run};

/* --- the lease ---------------------------------------------------------------------------- */

static enum err take_run(struct http_exchange *x, const struct principal *p)
{
    AUTO(json_free) json_t *body = NULL;
    struct json_in in;
    struct lease_view view;
    struct uuid claim;
    char reason[REASON_MAX + 1];
    int64_t until = 0;
    TRY(api_id(x, "claim", &claim));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "lease"));
    TRY(json_in_text(&in, "reason", JSON_REQUIRED, reason, sizeof(reason)));
    TRY(json_in_time(&in, "until", JSON_REQUIRED, NULL, &until));
    TRY(json_in_done(&in));
    TRY(lease_take(api_of(x)->evidence, p, &claim, reason, until, &view));
    json_t *answer = json_object();
    json_put(answer, "lease", view_lease(&view));
    http_reply_json(x, 200, answer);
    return ERR_OK;
}
const struct api_call LEASE_TAKE = {take_run};

static enum err release_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid claim;
    TRY(api_id(x, "claim", &claim));
    TRY(lease_release(api_of(x)->evidence, p, &claim));
    http_reply_empty(x, 204);
    return ERR_OK;
}
const struct api_call LEASE_RELEASE = {release_run};
