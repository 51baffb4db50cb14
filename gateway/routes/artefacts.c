/* Artefacts without their content: lists, metadata, receipts, links. */
#include "gateway/evidence/reading/provenance.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdlib.h>
#include <string.h>

enum { ARTEFACT_PAGE_STANDARD = 50 };

static enum err query_read(struct http_exchange *x, struct artefact_query *q)
{
    static const char *const KNOWN[] = {"kind", "status", "cursor", "limit", NULL};
    const char *status = http_query(x, "status");
    TRY(api_query_known(x, KNOWN));
    TRY(api_page(x, ARTEFACT_PAGE_STANDARD, PAGE_MAX, &q->limit, &q->after));
    q->kind = http_query(x, "kind");
    q->by_status = status != NULL;
    if (status && artefact_status_parse(status, &q->status) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "there is no such status");
    return ERR_OK;
}

static bool is_mine(const struct artefact_record *a, const struct principal *p)
{
    return strcmp(a->uploader.issuer, p->issuer) == 0 &&
           strcmp(a->uploader.subject, p->subject) == 0;
}

static enum err list_run(struct http_exchange *x, const struct principal *p)
{
    struct artefact_query q = {.kind = NULL};
    struct uuid claim;
    size_t n = 0;
    TRY(query_read(x, &q));
    TRY(api_id(x, "claim", &claim));
    size_t page = q.limit++; /* one more tells whether there is another page */
    AUTO_FREE struct artefact_record *rows = calloc(q.limit, sizeof(*rows));
    if (!rows)
        return err_set(ERR_NOMEM, "artefacts");
    TRY(artefact_find_all(api_of(x)->evidence, p, &claim, &q, rows, &n));
    json_t *body = json_object(), *list = json_array();
    for (size_t i = 0; i < n && i < page; i++) {
        rows[i].claim =
            claim; /* as seen from here: where else it was sent is not this list's to tell */
        (void)json_array_append_new(list, view_artefact(&rows[i], is_mine(&rows[i], p)));
    }
    json_put(body, "artefacts", list);
    if (n > page)
        api_page_next(x, body, &rows[page - 1].id);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call ARTEFACT_LIST = {list_run};

static enum err get_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    AUTO_FREE struct artefact_view *view = calloc(1, sizeof(*view));
    if (!view)
        return err_set(ERR_NOMEM, "artefact");
    TRY(api_id(x, "id", &id));
    TRY(artefact_get(api_of(x)->evidence, p, &id, view));
    http_reply_json(x, 200, view_artefact_whole(view));
    return ERR_OK;
}
const struct api_call ARTEFACT_GET = {get_run};

static enum err receipt_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    AUTO_CLEAR(buf_clear) struct buf receipt;
    buf_init(&receipt, RECEIPT_MAX);
    TRY(api_id(x, "id", &id));
    TRY(artefact_receipt(api_of(x)->evidence, p, &id, &receipt));
    http_reply_bytes(x, 200, "text/plain; charset=utf-8", receipt.data, receipt.len);
    return ERR_OK;
}
const struct api_call ARTEFACT_RECEIPT = {receipt_run};

enum err api_artefact_linked(void *ctx, struct replay_answer *out)
{
    out->status = 201;
    out->body = view_artefact_whole(ctx);
    return ERR_OK;
}

static enum err link_make_run(struct http_exchange *x, const struct principal *p,
                              struct replay *once)
{
    struct uuid id, claim;
    struct json_in in;
    char claim_text[UUID_TEXT_SIZE], from_text[UUID_TEXT_SIZE], reason[REASON_MAX + 1];
    struct uuid from;
    AUTO(json_free) json_t *body = NULL;
    AUTO_FREE struct artefact_view *view = calloc(1, sizeof(*view));
    if (!view)
        return err_set(ERR_NOMEM, "artefact");
    TRY(api_id(x, "id", &id));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "link"));
    TRY(json_in_text(&in, "claim", JSON_REQUIRED, claim_text, sizeof(claim_text)));
    TRY(json_in_text(&in, "reason", JSON_REQUIRED, reason, sizeof(reason)));
    TRY(json_in_text(&in, "move_from", JSON_OPTIONAL, from_text, sizeof(from_text)));
    TRY(json_in_done(&in));
    if (uuid_parse(claim_text, &claim) != ERR_OK ||
        (from_text[0] && uuid_parse(from_text, &from) != ERR_OK))
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    replay_keeps(once, api_artefact_linked, view);
    if (from_text[0])
        TRY(artefact_move(api_of(x)->evidence, p, &id, &from, &claim, reason, once, view));
    else
        TRY(artefact_link(api_of(x)->evidence, p, &id, &claim, reason, once, view));
    return api_reply(x, api_artefact_linked, view, NULL);
}
const struct api_creation ARTEFACT_LINK_MAKE = {link_make_run};

/* Why is told by a body, which a client that knows of none need not send. */
static enum err link_remove_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id, claim;
    char reason[REASON_MAX + 1] = "";
    TRY(api_id(x, "id", &id));
    TRY(api_id(x, "claim", &claim));
    if (http_body(x)->len > 0)
        TRY(api_reason(x, "link", reason));
    TRY(artefact_unlink(api_of(x)->evidence, p, &id, &claim, reason));
    http_reply_empty(x, 204);
    return ERR_OK;
}
const struct api_call ARTEFACT_LINK_REMOVE = {link_remove_run};

static json_t *act_json(const char *by, int64_t at, const char *reason)
{
    json_t *o = json_object();
    json_put_time(o, "at", at);
    json_put_text_if(o, "by", by);
    json_put_text_if(o, "reason", reason);
    return o;
}

static json_t *origin_json(const struct provenance_link *l)
{
    json_t *o = json_object();
    view_put_id(o, "claim", &l->link.claim);
    json_put(o, "made", act_json(l->made_by, l->link.created_at, l->link.reason));
    if (l->link.removed_at != 0)
        json_put(o, "removed", act_json(l->removed_by, l->link.removed_at, l->removed_reason));
    return o;
}

static json_t *same_json(const struct provenance_same *s)
{
    json_t *o = json_object();
    view_put_id(o, "artefact", &s->artefact);
    view_put_id(o, "claim", &s->claim);
    json_put_text(o, "kind", s->kind);
    json_put_text(o, "status", artefact_status_name(s->status));
    json_put_time(o, "received_at", s->received_at);
    return o;
}

static enum err provenance_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    AUTO_FREE struct provenance *v = calloc(1, sizeof(*v));
    if (!v)
        return err_set(ERR_NOMEM, "provenance");
    TRY(api_id(x, "id", &id));
    TRY(provenance_get(api_of(x)->evidence, p, &id, v));
    json_t *body = json_object(), *links = json_array(), *same = json_array();
    for (size_t i = 0; i < v->n_links; i++)
        (void)json_array_append_new(links, origin_json(&v->links[i]));
    for (size_t i = 0; i < v->n_same; i++)
        (void)json_array_append_new(same, same_json(&v->same[i]));
    view_put_id(body, "artefact", &id);
    json_put(body, "links", links);
    json_put(body, "same_bytes", same);
    json_put_bool(body, "more", v->more);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call ARTEFACT_LINKS = {provenance_run};
