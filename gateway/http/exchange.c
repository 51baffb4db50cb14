/* An exchange from the request line to its end, and what a route may ask of it.
 *
 * Invariant: exchange_end is the only end, and is reached exactly once, whatever became of the
 * connection; there, the source of a reply is released before the route's `done`, so that
 * `done` may free what the source reads from. */
#include "gateway/http/exchange_private.h"

#include "gateway/base/clock.h"
#include "gateway/http/chars.h"

#include <stdlib.h>
#include <string.h>

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? info->socket_context : NULL;
}

struct http_exchange *exchange_new(struct http_server *s, struct MHD_Connection *mhd,
                                   const char *raw)
{
    struct conn *conn = conn_of(mhd);
    struct http_exchange *x;

    if (conn == NULL)
        return NULL;
    x = calloc(1, sizeof(*x));
    if (x == NULL)
        return NULL;
    x->raw_target_at = raw;
    x->raw_target_len = raw != NULL ? strlen(raw) : 0;
    x->raw_target = strdup(raw != NULL ? raw : "");
    if (x->raw_target == NULL) {
        free(x);
        return NULL;
    }
    x->server = s;
    x->conn = conn;
    x->mhd = mhd;
    x->started_ms = clock_steady_ms();
    counter_add(&s->counters.requests, 1);
    conn_phase_set(conn, CONN_HEAD);
    return x;
}

void exchange_end(struct http_exchange *x, int status)
{
    const struct http_server_config *config = &x->server->config;

    conn_busy_set(x->conn, true);
    reply_clear(x);
    if (x->route != NULL && x->route->done != NULL)
        x->route->done(x);
    conn_busy_set(x->conn, false);
    counter_add(&x->server->counters.bytes_in, x->in);
    counter_add(&x->server->counters.bytes_out, x->out);
    if (config->finished != NULL)
        config->finished(config->context, x->route, status, x->in, x->out,
                         clock_steady_ms() - x->started_ms);
    conn_phase_set(x->conn, CONN_IDLE);
    buf_clear(&x->body);
    target_clear(&x->target);
    free(x->raw_target);
    free(x);
}

/* ---- what came in ---- */

void *http_context(const struct http_exchange *x)
{
    return x->server->config.context;
}

const struct http_route *http_route_of(const struct http_exchange *x)
{
    return x->route;
}

const char *http_method(const struct http_exchange *x)
{
    return x->head.method;
}

const char *http_allow(const struct http_exchange *x)
{
    return x->match.allow;
}

bool http_is_head(const struct http_exchange *x)
{
    return strcmp(x->head.method, "HEAD") == 0;
}

const char *http_path(const struct http_exchange *x)
{
    return x->target.path;
}

const char *http_param(const struct http_exchange *x, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < x->match.n_params; i++)
        if (x->match.name_lens[i] == len && memcmp(x->match.names[i], name, len) == 0)
            return x->match.values[i];
    assert(!"the route's pattern has no such parameter");
    return NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->target.n_arguments; i++)
        if (strcmp(x->target.arguments[i].name, name) == 0)
            return x->target.arguments[i].value;
    return NULL;
}

size_t http_query_count(const struct http_exchange *x, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < x->target.n_arguments; i++)
        n += strcmp(x->target.arguments[i].name, name) == 0;
    return n;
}

void http_query_each(const struct http_exchange *x,
                     void (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    for (size_t i = 0; i < x->target.n_arguments; i++)
        fn(ctx, x->target.arguments[i].name, x->target.arguments[i].value);
}

static const char *field_first(const struct head_field *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(fields[i].name, fields[i].name_len, name))
            return fields[i].value;
    return NULL;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return field_first(x->head.fields, x->head.n_fields, name);
}

size_t http_header_count(const struct http_exchange *x, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < x->head.n_fields; i++)
        n += text_is(x->head.fields[i].name, x->head.fields[i].name_len, name);
    return n;
}

const char *http_trailer(const struct http_exchange *x, const char *name)
{
    return field_first(x->trailers, x->n_trailers, name);
}

bool http_has_body(const struct http_exchange *x)
{
    return x->facts.chunked || x->facts.content_length > 0;
}

int64_t http_content_length(const struct http_exchange *x)
{
    if (x->facts.chunked)
        return -1;
    return x->facts.content_length > 0 ? x->facts.content_length : 0;
}

const struct buf *http_body(const struct http_exchange *x)
{
    return &x->body;
}

const char *http_peer_address(const struct http_exchange *x)
{
    return x->conn->address;
}

size_t http_peer_chain(const struct http_exchange *x, struct http_der out[HTTP_CHAIN_MAX])
{
    const union MHD_ConnectionInfo *info;

    if (x->server->tls == NULL)
        return 0;
    info = MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? tls_peer_chain(info->tls_session, out) : 0;
}

void http_state_set(struct http_exchange *x, void *state)
{
    x->state = state;
}

void *http_state(const struct http_exchange *x)
{
    return x->state;
}
