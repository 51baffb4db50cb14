/* Calls that make something, and their Idempotency-Key (structured string, as in
 * draft-ietf-httpapi-idempotency-key-header): the same client, key, call and payload get the
 * first answer again, whatever became of the connection it was sent on. */
#include "gateway/http/fields.h"
#include "gateway/routes/api.h"

#include <string.h>

enum { CALL_TEXT_MAX = 8192 }; /* path and query, as read */

enum err api_key(const struct http_exchange *x, char out[IDEMPOTENCY_KEY_MAX + 1])
{
    const char *key = http_header(x, "Idempotency-Key");
    out[0] = 0;
    if (!key)
        return ERR_OK;
    if (http_header_count(x, "Idempotency-Key") > 1)
        return refuse_because(REFUSAL_INVALID_REQUEST, "more than one Idempotency-Key");
    return field_key_parse(key, out);
}
_Static_assert((int)IDEMPOTENCY_KEY_MAX == (int)FIELD_KEY_MAX, "a key fits its record");

/* --- which call it is --------------------------------------------------------------------- */

struct call_text {
    struct buf *out;
    enum err e;
};

static void add_text(struct call_text *text, const char *value)
{
    if (text->e == ERR_OK)
        text->e = buf_append(text->out, value, strlen(value) + 1); /* NULs keep them apart */
}

static void add_argument(void *ctx, const char *name, const char *value)
{
    add_text(ctx, name);
    add_text(ctx, value);
}

/* Route, path and query arguments. */
static enum err call_write(const struct http_exchange *x, struct buf *out)
{
    struct call_text text = {.out = out, .e = ERR_OK};
    add_text(&text, http_route_of(x)->name);
    add_text(&text, http_path(x));
    http_query_each(x, add_argument, &text);
    return text.e;
}

/* --- the answer --------------------------------------------------------------------------- */

static void reply(struct http_exchange *x, struct replay_answer *a, const struct buf *receipt)
{
    if (a->location[0])
        http_reply_header(x, "Location", a->location);
    if (receipt && receipt->len > 0)
        json_put_text(a->body, "receipt", buf_text(receipt));
    http_reply_json(x, a->status, TAKE(a->body));
}

enum err api_reply(struct http_exchange *x,
                   enum err (*answer)(void *ctx, struct replay_answer *out), void *ctx,
                   const struct buf *receipt)
{
    AUTO_CLEAR(replay_answer_clear) struct replay_answer a = {.status = 0};
    TRY(answer(ctx, &a));
    reply(x, &a, receipt);
    return ERR_OK;
}

static enum err reply_again(struct http_exchange *x, struct replay *once)
{
    AUTO_CLEAR(replay_answer_clear) struct replay_answer a = {.status = 0};
    AUTO_CLEAR(buf_clear) struct buf receipt;
    buf_init(&receipt, RECEIPT_MAX);
    TRY(replay_again(once, &a, &receipt));
    reply(x, &a, &receipt);
    return ERR_OK;
}

/* --- the call ----------------------------------------------------------------------------- */

static enum err create(struct http_exchange *x, const struct principal *p)
{
    const struct api_creation *call = http_route_of(x)->meta;
    AUTO(replay_free) struct replay *once = NULL;
    AUTO_CLEAR(buf_clear) struct buf made;
    char key[IDEMPOTENCY_KEY_MAX + 1];
    buf_init(&made, CALL_TEXT_MAX);
    TRY(api_key(x, key));
    if (!key[0])
        return call->run(x, p, NULL);
    TRY(call_write(x, &made));
    TRY(replay_begin(api_of(x)->evidence, p, key, &made, http_body(x), &once));
    return replay_is_known(once) ? reply_again(x, once) : call->run(x, p, once);
}

void api_create(struct http_exchange *x)
{
    struct principal caller;
    if (api_caller(x, &caller) != ERR_OK)
        return;
    enum err e = create(x, &caller);
    if (e != ERR_OK)
        api_problem(x, e);
}
