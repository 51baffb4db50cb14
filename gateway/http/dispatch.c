/* One request through its route: head check, route, body, reply.
 *
 * Invariants: `finish` and `handle` run only when the body is whole and its trailers are clean;
 * after a reply no more of the route runs but `done`; a refusal reaches the client, or the
 * connection ends: a half-read body is never taken for the next request.
 *
 * A reply can be queued at the head, which ends the connection, or at the end, never in
 * between. A refused body is therefore read away first; not so if its length alone is past the
 * cap, or if the client waits for 100 (Continue): then the answer goes out at once, and the
 * closing connection is read empty by the reaper. */
#include "gateway/http/cors.h"
#include "gateway/http/exchange_private.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <string.h>
#include <strings.h>

static void route_call(struct http_exchange *x, void (*fn)(struct http_exchange *))
{
    conn_busy_set(x->conn, true);
    fn(x);
    conn_busy_set(x->conn, false);
}

/* A reply after which nothing may be read from this connection. */
static enum MHD_Result reply_queue_last(struct http_exchange *x)
{
    http_reply_close(x);
    return reply_queue(x);
}

/* ---- heads that go no further ---- */

static enum MHD_Result refuse_head(struct http_exchange *x, enum err e)
{
    counter_add(&x->server->counters.bad_heads, 1);
    log_event(LOG_WARN, "http.bad_head", log_str("peer", x->conn->address),
              log_str("reason", err_message(e)));
    if (e == ERR_TOO_LARGE)
        http_reply_problem(x, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large",
                           "Request head too large", err_message(e), NULL);
    else if (e == ERR_NOMEM)
        http_reply_problem(x, MHD_HTTP_SERVICE_UNAVAILABLE, "try-again", "Try again",
                           "The service is short of memory.", NULL);
    else
        http_reply_problem(x, MHD_HTTP_BAD_REQUEST, "bad-request", "Bad request",
                           err_message(e), NULL);
    return reply_queue_last(x);
}

static enum MHD_Result refuse_target(struct http_exchange *x)
{
    counter_add(&x->server->counters.bad_heads, 1);
    http_reply_problem(x, MHD_HTTP_URI_TOO_LONG, "target-too-long", "Request target too long",
                       "The request target is longer than this service accepts.", NULL);
    return reply_queue_last(x);
}

/* ---- refusals while a body is on its way ---- */

static bool waits_for_continue(const struct http_exchange *x)
{
    const char *expect = http_header(x, "Expect");

    return expect != NULL && strcasecmp(expect, "100-continue") == 0 &&
           strcmp(x->head.version, "HTTP/1.1") == 0;
}

static void drain_begin(struct http_exchange *x)
{
    x->stage = STAGE_DRAIN;
    x->drain_since_ms = clock_steady_ms();
    conn_phase_set(x->conn, CONN_DRAIN);
}

/* At the head, with a reply in hand. */
static enum MHD_Result settle_at_head(struct http_exchange *x)
{
    int64_t cap = (int64_t)x->server->config.limits.drain_bytes;

    if (http_has_body(x) && (waits_for_continue(x) || x->facts.content_length > cap))
        return reply_queue_last(x);
    drain_begin(x);
    return MHD_YES;
}

static enum MHD_Result drain_piece(struct http_exchange *x, size_t len)
{
    const struct http_limits *l = &x->server->config.limits;
    int64_t took = clock_steady_ms() - x->drain_since_ms;

    x->drained += len;
    return x->drained > l->drain_bytes || took > (int64_t)l->drain_ms ? MHD_NO : MHD_YES;
}

/* ---- the whole body has come ---- */

static void reply_internal(struct http_exchange *x)
{
    log_event(LOG_ERROR, "http.handler_did_not_reply", log_str("route", x->route->name));
    http_reply_problem(x, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal", "Internal error",
                       "The service failed to answer this request.", NULL);
}

static enum MHD_Result complete(struct http_exchange *x)
{
    conn_phase_set(x->conn, CONN_ROUTE);
    if (trailers_gather(x) != ERR_OK) {
        counter_add(&x->server->counters.bad_heads, 1);
        http_reply_problem(x, MHD_HTTP_BAD_REQUEST, "bad-request", "Bad request",
                           err_message(ERR_INVALID), NULL);
        return reply_queue_last(x);
    }
    route_call(x, x->route->body == BODY_STREAM ? x->route->finish : x->route->handle);
    if (!http_replied(x))
        reply_internal(x);
    return reply_queue(x);
}

/* ---- the head ---- */

static void reply_unrouted(struct http_exchange *x, enum route_outcome outcome)
{
    if (outcome == ROUTE_WRONG_METHOD) {
        http_reply_header(x, "Allow", x->match.allow);
        http_reply_problem(x, MHD_HTTP_METHOD_NOT_ALLOWED, "method-not-allowed",
                           "Method not allowed", "This resource does not know that method.",
                           NULL);
    } else if (strcmp(x->raw_target, "*") == 0) {
        http_reply_empty(x, MHD_HTTP_NO_CONTENT);
    } else {
        http_reply_problem(x, MHD_HTTP_NOT_FOUND, "not-found", "Not found",
                           "There is nothing at this address.", NULL);
    }
}

static void reply_too_large(struct http_exchange *x)
{
    http_reply_problem(x, MHD_HTTP_CONTENT_TOO_LARGE, "body-too-large", "Content too large",
                       "The content is larger than this resource accepts.", NULL);
}

/* What the row says about the body; leaves a reply if the body is not to come. */
static void body_begin(struct http_exchange *x)
{
    const struct http_route *route = x->route;

    switch (route->body) {
    case BODY_NONE:
        if (http_has_body(x))
            http_reply_problem(x, MHD_HTTP_BAD_REQUEST, "unexpected-body", "Unexpected content",
                               "This resource takes no content.", NULL);
        break;
    case BODY_COLLECT:
        buf_init_secret(&x->body, route->body_max); /* a password may be in it */
        if (x->facts.content_length > 0 && (uint64_t)x->facts.content_length > route->body_max)
            reply_too_large(x);
        break;
    case BODY_STREAM:
        route_call(x, route->begin);
        break;
    }
}

/* Where the address says so, a named method replaces the request's own (tus 1.0.0,
 * X-HTTP-Method-Override). */
static enum route_outcome find_route(struct http_exchange *x, const char *method)
{
    const struct router *router = x->server->router;
    enum route_outcome outcome = router_find(router, method, &x->target, &x->match);
    const char *instead =
        x->match.method_override ? http_header(x, "X-HTTP-Method-Override") : NULL;

    return instead != NULL ? router_find(router, instead, &x->target, &x->match) : outcome;
}

static enum MHD_Result at_head(struct http_exchange *x, const char *method, const char *version)
{
    const struct http_limits *l = &x->server->config.limits;
    enum route_outcome outcome;
    enum err e;

    conn_phase_set(x->conn, CONN_ROUTE);
    e = head_gather(x, method, version);
    if (e != ERR_OK)
        return refuse_head(x, e);
    if (x->raw_target_len > l->target_bytes)
        return refuse_target(x);
    if (head_size(x) > l->head_bytes)
        return refuse_head(
            x, err_set(ERR_TOO_LARGE, "a head of more than %zu bytes", l->head_bytes));
    e = target_parse(x->raw_target, &x->target);
    if (e != ERR_OK)
        return refuse_head(x, e);
    outcome = find_route(x, method);
    if (cors_preflight(x, outcome))
        return settle_at_head(x);
    if (outcome != ROUTE_FOUND) {
        reply_unrouted(x, outcome);
        return settle_at_head(x);
    }
    x->route = x->match.route;
    body_begin(x);
    if (http_replied(x))
        return settle_at_head(x);
    x->stage = STAGE_BODY;
    if (http_has_body(x))
        conn_phase_set(x->conn, CONN_BODY);
    return MHD_YES;
}

/* ---- the body ---- */

static enum MHD_Result body_piece(struct http_exchange *x, const void *data, size_t len)
{
    x->in += len;
    if (x->route->body == BODY_STREAM) {
        conn_busy_set(x->conn, true);
        x->route->piece(x, data, len);
        conn_busy_set(x->conn, false);
    } else {
        enum err e = buf_append(&x->body, data, len);

        if (e == ERR_TOO_LARGE)
            reply_too_large(x);
        else if (e != ERR_OK)
            http_reply_problem(x, MHD_HTTP_SERVICE_UNAVAILABLE, "try-again", "Try again",
                               "The service is short of memory.", NULL);
    }
    if (http_replied(x))
        drain_begin(x);
    return MHD_YES;
}

enum MHD_Result dispatch(struct http_exchange *x, const char *method, const char *version,
                         const void *data, size_t len)
{
    switch (x->stage) {
    case STAGE_HEAD:
        return at_head(x, method, version);
    case STAGE_BODY:
        return len > 0 ? body_piece(x, data, len) : complete(x);
    case STAGE_DRAIN:
        return len > 0 ? drain_piece(x, len) : reply_queue(x);
    case STAGE_QUEUED:
        break;
    }
    return MHD_YES;
}
