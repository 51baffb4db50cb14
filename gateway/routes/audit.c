/* The auditor's calls: events of the log, samples. */
#include "gateway/evidence/log/audit.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/log/sample.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_STANDARD = 100, SAMPLES_STANDARD = 20, SAMPLES_PAGE_MAX = 50 };

/* --- events ------------------------------------------------------------------------------- */

/* A cursor is the place of the last event, time and number, inside an id's shape. */
static struct uuid place_cursor(const struct audit_place *place)
{
    struct uuid cursor = {{0}};
    for (size_t i = 0; i < 8; i++) {
        cursor.bytes[i] = (uint8_t)((uint64_t)place->time >> (56 - 8 * i));
        cursor.bytes[8 + i] = (uint8_t)(place->entry >> (56 - 8 * i));
    }
    return cursor;
}

static enum err cursor_place(const struct uuid *cursor, struct audit_place *out)
{
    uint64_t time = 0, entry = 0;
    for (size_t i = 0; i < 8; i++) {
        time = time << 8 | cursor->bytes[i];
        entry = entry << 8 | cursor->bytes[8 + i];
    }
    if (time > INT64_MAX || entry > INT64_MAX)
        return refuse_because(REFUSAL_INVALID_REQUEST, "not a cursor of ours");
    *out = (struct audit_place){.time = (int64_t)time, .entry = entry};
    return ERR_OK;
}

static enum err id_argument(const struct http_exchange *x, const char *name, struct uuid *value,
                            const struct uuid **out)
{
    const char *text = http_query(x, name);
    if (!text)
        return ERR_OK;
    if (uuid_parse(text, value) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s must be an id", name);
    *out = value;
    return ERR_OK;
}

static enum err time_argument(const struct http_exchange *x, const char *name, int64_t *out)
{
    const char *text = http_query(x, name);
    if (text && time_parse(text, out) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "%s must be a time, such as 2026-11-01T00:00:00Z", name);
    return ERR_OK;
}

struct events_wanted {
    struct audit_question question;
    struct audit_place after;
    struct uuid claim, artefact;
};

static enum err events_read(struct http_exchange *x, struct events_wanted *w)
{
    static const char *const KNOWN[] = {"claim", "artefact", "actor", "action", "from",
                                        "to",    "cursor",   "limit", NULL};
    struct ledger_filter *f = &w->question.filter;
    struct uuid cursor;
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, EVENTS_STANDARD, AUDIT_PAGE_MAX, &w->question.limit, &cursor));
    TRY(id_argument(x, "claim", &w->claim, &f->claim));
    TRY(id_argument(x, "artefact", &w->artefact, &f->artefact));
    TRY(time_argument(x, "from", &f->from));
    TRY(time_argument(x, "to", &f->to));
    f->actor = http_query(x, "actor");
    f->action = http_query(x, "action");
    if (uuid_is_nil(&cursor))
        return ERR_OK;
    w->question.after = &w->after;
    return cursor_place(&cursor, &w->after);
}

static json_t *event_view(const struct ledger_entry *e)
{
    json_t *event = json_object(), *details = NULL;
    json_put_int(event, "entry", (json_int_t)e->index);
    json_put_time(event, "time", e->time);
    if (e->details && json_parse(e->details, strlen(e->details), &details) == ERR_OK)
        json_put(event, "details", details);
    else
        json_put_bool(event, "erased", true);
    return event;
}

static void events_reply(struct http_exchange *x, struct ledger_entry *events, size_t n,
                         bool more)
{
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, event_view(&events[i]));
    json_put(body, "events", list);
    if (more) {
        struct audit_place last = {.time = events[n - 1].time, .entry = events[n - 1].index};
        struct uuid cursor = place_cursor(&last);
        api_page_next(x, body, &cursor);
    }
    http_reply_json(x, 200, body);
}

static enum err events_run(struct http_exchange *x, const struct principal *p)
{
    struct events_wanted wanted = {.question = {.limit = 0}};
    bool more = false;
    size_t n = 0;
    TRY(events_read(x, &wanted));
    AUTO_FREE struct ledger_entry *events = calloc(wanted.question.limit, sizeof(*events));
    if (!events)
        return err_set(ERR_NOMEM, "events");
    TRY(audit_ask(api_of(x)->evidence, p, &wanted.question, events, &n, &more));
    events_reply(x, events, n, more);
    for (size_t i = 0; i < n; i++)
        ledger_entry_clear(&events[i]);
    return ERR_OK;
}
const struct api_call AUDIT_EVENTS = {events_run};

/* --- samples ------------------------------------------------------------------------------ */

static void put_hex(json_t *body, const char *name, const uint8_t digest[32])
{
    char hex[HEX_SIZE(32)];
    hex_encode(digest, 32, hex);
    json_put_text(body, name, hex);
}

static json_t *strata_view(const char *names)
{
    json_t *list = json_array();
    while (*names) {
        size_t len = strcspn(names, ",");
        (void)json_array_append_new(list, json_stringn(names, len));
        names += len;
        names += *names == ',';
    }
    return list;
}

static json_t *population_view(const struct audit_sample_record *r)
{
    json_t *body = json_object(), *excluded = NULL;
    json_put_time(body, "from", r->from);
    json_put_time(body, "to", r->to);
    json_put_text_if(body, "kind", r->kind);
    json_put_int(body, "count", (json_int_t)r->population_count);
    put_hex(body, "sha256", r->population_sha256);
    if (json_parse(r->excluded, strlen(r->excluded), &excluded) == ERR_OK)
        json_put(body, "excluded", excluded);
    return body;
}

static json_t *sample_view(const struct audit_sample_record *r)
{
    json_t *body = json_object(), *reader = json_object();
    view_put_id(body, "id", &r->id);
    json_put_time(body, "drawn_at", r->drawn_at);
    json_put_text(body, "drawn_by", r->by.subject);
    json_put_text(reader, "subject", r->reader.subject);
    json_put_time(reader, "from", r->readable_from);
    json_put_time(reader, "until", r->readable_until);
    json_put(body, "reader", reader);
    json_put(body, "population", population_view(r));
    json_put_int(body, "size", (json_int_t)r->size);
    json_put_text(body, "seed", r->seed);
    json_put(body, "strata", strata_view(r->strata));
    json_put_int(body, "count", (json_int_t)r->sample_count);
    put_hex(body, "sha256", r->sample_sha256);
    json_put_int(body, "entry", (json_int_t)r->ledger_index);
    return body;
}

static json_t *sample_view_whole(const struct audit_sample *s)
{
    json_t *body = sample_view(&s->record), *list = json_array();
    for (uint64_t i = 0; i < s->record.sample_count; i++) {
        json_t *item = json_object();
        view_put_id(item, "artefact", &s->items[i].artefact);
        json_put_text(item, "stratum", s->items[i].stratum);
        (void)json_array_append_new(list, item);
    }
    json_put(body, "sample", list);
    return body;
}

/* Too large to be kept with an Idempotency-Key: the items are fetched. */
static enum err drawn_answer(void *ctx, struct replay_answer *out)
{
    const struct audit_sample *s = ctx;
    char id[UUID_TEXT_SIZE];
    uuid_format(&s->record.id, id);
    out->status = 201;
    (void)snprintf(out->location, sizeof(out->location), "/v1/audit/samples/%s", id);
    out->body = sample_view(&s->record);
    return ERR_OK;
}

static enum err population_read(struct json_in *body, struct audit_sample_record *r)
{
    struct json_in in;
    json_t *population = NULL;
    TRY(json_in_child(body, "population", JSON_REQUIRED, &population));
    TRY(json_in_object(&in, population, "population"));
    TRY(json_in_time(&in, "from", JSON_REQUIRED, NULL, &r->from));
    TRY(json_in_time(&in, "to", JSON_REQUIRED, NULL, &r->to));
    TRY(json_in_text(&in, "kind", JSON_OPTIONAL, r->kind, sizeof(r->kind)));
    TRY(json_in_done(&in));
    return r->from < r->to ? ERR_OK
                           : refuse_because(REFUSAL_INVALID_REQUEST, "from must be before to");
}

static enum err strata_read(struct json_in *body, struct audit_sample_record *r)
{
    json_t *list = NULL;
    size_t len = 0;
    TRY(json_in_array(body, "strata", JSON_OPTIONAL, SAMPLE_STRATA_COUNT, &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !*name || strchr(name, ',') || len + strlen(name) + 2 > sizeof(r->strata))
            return refuse_because(REFUSAL_INVALID_REQUEST, "strata are kind, role and month");
        len += (size_t)snprintf(r->strata + len, sizeof(r->strata) - len, "%s%s", i ? "," : "",
                                name);
    }
    return ERR_OK;
}

static enum err draft_read(struct http_exchange *x, const struct principal *p,
                           struct audit_sample_record *r)
{
    struct json_in in;
    int64_t size = 0;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "sample"));
    TRY(population_read(&in, r));
    TRY(json_in_int(&in, "size", JSON_REQUIRED, 1, SAMPLE_SIZE_MAX, &size));
    TRY(json_in_text(&in, "seed", JSON_REQUIRED, r->seed, sizeof(r->seed)));
    TRY(strata_read(&in, r));
    TRY(json_in_text(&in, "reader", JSON_OPTIONAL, r->reader.subject,
                     sizeof(r->reader.subject)));
    r->size = (uint64_t)size;
    (void)snprintf(r->reader.issuer, sizeof(r->reader.issuer), "%s", p->issuer);
    return json_in_done(&in);
}

static enum err draw_run(struct http_exchange *x, const struct principal *p,
                         struct replay *once)
{
    AUTO_CLEAR(audit_sample_clear) struct audit_sample sample = {.items = NULL};
    TRY(draft_read(x, p, &sample.record));
    replay_keeps(once, drawn_answer, &sample);
    TRY(audit_sample_create(api_of(x)->evidence, p, once, &sample));
    return api_reply(x, drawn_answer, &sample, NULL);
}
const struct api_creation SAMPLE_DRAW = {draw_run};

static enum err get_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_CLEAR(audit_sample_clear) struct audit_sample sample = {.items = NULL};
    struct uuid id;
    TRY(api_id(x, "id", &id));
    TRY(audit_sample_get(api_of(x)->evidence, p, &id, &sample));
    http_reply_json(x, 200, sample_view_whole(&sample));
    return ERR_OK;
}
const struct api_call SAMPLE_GET = {get_run};

static enum err population_run(struct http_exchange *x, const struct principal *p)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    struct uuid id;
    buf_init(&text, SAMPLE_POPULATION_TEXT_MAX);
    TRY(api_id(x, "id", &id));
    TRY(audit_sample_get_population(api_of(x)->evidence, p, &id, &text));
    http_reply_bytes(x, 200, "text/plain; charset=utf-8", text.data, text.len);
    return ERR_OK;
}
const struct api_call SAMPLE_POPULATION = {population_run};

static enum err list_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"cursor", "limit", NULL};
    struct uuid after;
    size_t limit = 0, n = 0;
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, SAMPLES_STANDARD, SAMPLES_PAGE_MAX, &limit, &after));
    AUTO_FREE struct audit_sample_record *rows = calloc(limit + 1, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "samples");
    TRY(audit_sample_get_all(api_of(x)->evidence, p, &after, rows, limit + 1, &n));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n && i < limit; i++)
        (void)json_array_append_new(list, sample_view(&rows[i]));
    json_put(body, "samples", list);
    if (n > limit)
        api_page_next(x, body, &rows[limit - 1].id);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call SAMPLE_LIST = {list_run};
