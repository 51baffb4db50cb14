/* Who calls, and what every call shares: ids, bodies, query arguments, pages. */
#include "gateway/base/encode.h"
#include "gateway/routes/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the caller --------------------------------------------------------------------------- */

static void trouble_set(struct api_trouble *out, int status, const char *name,
                        const char *title, enum err e)
{
    *out = (struct api_trouble){.status = status, .name = name, .title = title};
    (void)snprintf(out->detail, sizeof(out->detail), "%s", err_message(e));
}

static void unauthenticated(struct http_exchange *x, enum err e, bool resuming,
                            struct api_trouble *out)
{
    static const char *const CHALLENGE[] = {
        [AUTH_MISSING] = "Bearer",
        [AUTH_INVALID_REQUEST] = "Bearer error=\"invalid_request\"",
        [AUTH_INVALID_TOKEN] = "Bearer error=\"invalid_token\"",
        [AUTH_INSUFFICIENT] = "Bearer error=\"insufficient_scope\"",
        [AUTH_EXPIRED] =
            "Bearer error=\"invalid_token\", error_description=\"The access token expired\"",
    };
    enum auth_failure failure = (enum auth_failure)(err_detail(e) - 1);
    bool known = (unsigned)failure < ARRAY_LEN(CHALLENGE);
    http_reply_header(x, "WWW-Authenticate",
                      CHALLENGE[known ? (size_t)failure : AUTH_INVALID_TOKEN]);
    if (failure == AUTH_INSUFFICIENT)
        trouble_set(out, 403, "insufficient-scope", "Your sign-in does not cover this", e);
    else if (failure == AUTH_EXPIRED && resuming)
        trouble_set(out, 423, "token-expired", "Sign in again, then go on with the upload", e);
    else
        trouble_set(out, 401, "unauthenticated", "Sign in to do this", e);
}

void api_trouble_of_caller(struct http_exchange *x, enum err e, bool resuming,
                           struct api_trouble *out)
{
    if (e == ERR_UNAUTHENTICATED)
        unauthenticated(x, e, resuming, out);
    else
        api_trouble_of(x, e, out);
}

void api_refuse_caller(struct http_exchange *x, enum err e, bool resuming)
{
    struct api_trouble t;
    api_trouble_of_caller(x, e, resuming, &t);
    api_trouble_reply(x, &t, NULL);
}

enum err api_identify(struct http_exchange *x, struct principal *out)
{
    struct http_der sent[HTTP_CHAIN_MAX];
    struct auth_der chain[HTTP_CHAIN_MAX];
    size_t n = http_peer_chain(x, sent);
    for (size_t i = 0; i < n; i++)
        chain[i] = (struct auth_der){.data = sent[i].data, .len = sent[i].len};
    return authenticate(api_of(x)->auth, http_header(x, "Authorization"), chain, n, out);
}

enum err api_caller(struct http_exchange *x, struct principal *out)
{
    enum err e = api_identify(x, out);
    if (e != ERR_OK)
        api_refuse_caller(x, e, false);
    return e;
}

void api_handle(struct http_exchange *x)
{
    const struct api_call *call = http_route_of(x)->meta;
    struct principal caller;
    if (api_caller(x, &caller) != ERR_OK)
        return;
    enum err e = call->run(x, &caller);
    if (e != ERR_OK)
        api_problem(x, e);
}

/* --- ids, bodies, query ------------------------------------------------------------------- */

enum err api_id(const struct http_exchange *x, const char *name, struct uuid *out)
{
    return uuid_parse(http_param(x, name), out) == ERR_OK ? ERR_OK : refuse(REFUSAL_NOT_FOUND);
}

enum err api_body(const struct http_exchange *x, json_t **out)
{
    const char *type = http_header(x, "Content-Type");
    size_t len = strlen("application/json");
    if (!type || strncasecmp(type, "application/json", len) != 0 ||
        (type[len] && !strchr("; \t", type[len])))
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "the body must be application/json");
    const struct buf *body = http_body(x);
    return json_parse(body->data, body->len, out);
}

enum err api_reason(const struct http_exchange *x, const char *what, char out[REASON_MAX + 1])
{
    struct json_in in;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, what));
    TRY(json_in_text(&in, "reason", JSON_REQUIRED, out, REASON_MAX + 1));
    return json_in_done(&in);
}

enum err api_purpose(const struct http_exchange *x, enum purpose *out)
{
    const char *stated = http_query(x, "purpose");
    *out = PURPOSE_NONE;
    if (stated && purpose_parse(stated, out) != ERR_OK)
        return refuse(REFUSAL_PURPOSE_REQUIRED);
    return ERR_OK;
}

struct known {
    const struct http_exchange *x;
    const char *const *names;
    bool bad;
};

static void check_known(void *ctx, const char *name, const char *value)
{
    struct known *k = ctx;
    (void)value;
    for (const char *const *at = k->names; *at; at++) {
        if (strcmp(*at, name) == 0 && http_query_count(k->x, name) == 1)
            return;
    }
    k->bad = true;
}

enum err api_query_known(const struct http_exchange *x, const char *const *names)
{
    struct known k = {.x = x, .names = names};
    http_query_each(x, check_known, &k);
    return k.bad ? refuse_because(REFUSAL_INVALID_REQUEST,
                                  "an unknown or repeated query argument")
                 : ERR_OK;
}

enum err api_page(const struct http_exchange *x, size_t standard, size_t max, size_t *limit,
                  struct uuid *after)
{
    const char *text = http_query(x, "limit");
    const char *cursor = http_query(x, "cursor");
    *limit = standard;
    memset(after, 0, sizeof(*after));
    if (text) {
        char *end = NULL;
        unsigned long n = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || n < 1 || n > max)
            return refuse_because(REFUSAL_INVALID_REQUEST, "limit must be 1 to %zu", max);
        *limit = n;
    }
    size_t len = 0;
    if (cursor && (base64_decode(BASE64_URL_UNPADDED, cursor, strlen(cursor), after->bytes,
                                 sizeof(after->bytes), &len) != ERR_OK ||
                   len != sizeof(after->bytes)))
        return refuse_because(REFUSAL_INVALID_REQUEST, "not a cursor of ours");
    return ERR_OK;
}

struct link_text {
    struct buf out;
    bool first;
    enum err e;
};

/* The present query without its cursor, percent-encoded again. */
static void link_argument(void *ctx, const char *name, const char *value)
{
    struct link_text *link = ctx;
    char encoded[1024];
    if (link->e != ERR_OK || strcmp(name, "cursor") == 0)
        return;
    link->e = percent_encode(value, encoded, sizeof(encoded));
    if (link->e == ERR_OK)
        link->e = buf_printf(&link->out, "%s=%s&", name, encoded);
}

void api_page_next(struct http_exchange *x, json_t *body, const struct uuid *last)
{
    char cursor[BASE64_SIZE(16)];
    base64_encode(BASE64_URL_UNPADDED, last->bytes, sizeof(last->bytes), cursor);
    json_put_text(body, "next", cursor);
    struct link_text link = {.e = ERR_OK};
    buf_init(&link.out, 4096);
    link.e = buf_printf(&link.out, "<%s?", http_path(x));
    http_query_each(x, link_argument, &link);
    if (link.e == ERR_OK)
        link.e = buf_printf(&link.out, "cursor=%s>; rel=\"next\"", cursor);
    if (link.e == ERR_OK)
        http_reply_header(x, "Link", buf_text(&link.out));
    buf_clear(&link.out);
}
