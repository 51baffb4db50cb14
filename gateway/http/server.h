/* The TLS front over libmicrohttpd: one thread a connection, poll, blocking handlers.
 *
 * Why so: an epoll pool with TLS spins a core while one client sits in a half-done handshake, and
 * suspend/resume hangs; thread-per-connection is as fast and the code reads straight down. Its price, 67 KB an idle
 * connection, is bounded by the connection caps and by the reaper.
 *
 * A request's life here:
 *   head check (head_check.h) -> route -> begin/handle -> body pieces -> finish -> reply -> done
 * A refusal that comes while the client still sends is remembered; the body is drained up to drain_bytes or
 * drain_ms, then the reply goes out; past the cap the connection is closed.
 */
#ifndef GATEWAY_HTTP_SERVER_H
#define GATEWAY_HTTP_SERVER_H

#include "gateway/http/exchange.h"

struct http_limits {
    unsigned connections;             /* in all */
    unsigned connections_per_address;
    unsigned head_ms;                 /* TLS handshake and request head together, per request */
    unsigned idle_ms;                 /* keep-alive without a request */
    unsigned request_ms;              /* one request, start to end (0: no cap) */
    uint64_t body_min_rate;           /* bytes a second, measured over body_rate_window_ms */
    unsigned body_rate_window_ms;
    uint64_t drain_bytes;
    unsigned drain_ms;
    size_t head_bytes;                /* request line and header fields; above: 431 (414 for the target) */
    size_t target_bytes;
    size_t connection_memory;         /* libmicrohttpd's per-connection pool */
    size_t thread_stack;
};

struct http_server_config {
    const char *listen;               /* "127.0.0.1:8443", "[::1]:0"; port 0: any free one */
    bool tls;
    const char *certificate_file;     /* PEM chain */
    const char *private_key_file;     /* PEM, strict file */
    bool request_client_certificate;
    const char *client_ca_file;       /* names sent to clients in the request; verification is gateway/auth's */
    bool session_tickets;
    const char *cors_origins;         /* parted by one space: whose pages a browser lets read replies (cors.h); NULL: nobody's */
    struct http_limits limits;
    const struct http_route *routes;
    size_t n_routes;
    void *context;                    /* http_context(x) */
    /* Called once for every finished request (metrics, access log without personal data); may be NULL.
     * route is NULL when none matched; status 0 when the connection went away before an answer. */
    void (*finished)(void *context, const struct http_route *route, int status, uint64_t in, uint64_t out, int64_t took_ms);
};

struct http_server;
MUST_USE enum err http_server_start(const struct http_server_config *config, struct http_server **out);
/* "127.0.0.1:43121": what it really listens on. */
const char *http_server_address(const struct http_server *s);
/* Loads certificate and key again; connections at work are not disturbed; on an error the old pair stays. */
MUST_USE enum err http_server_reload(struct http_server *s);
/* Seconds since the epoch of the served leaf certificate's notAfter. */
int64_t http_server_certificate_expiry(const struct http_server *s);
/* Stops accepting, lets running requests finish (keep-alive connections get Connection: close), at most deadline_ms. */
void http_server_drain(struct http_server *s, unsigned deadline_ms);
void http_server_free(struct http_server *s); /* cuts what is left */
DEFINE_AUTO(struct http_server, http_server_free);

struct http_stats {
    uint64_t connections_now, connections_total, refused_connections, reaped, handshake_failures, requests, bad_heads, bytes_in, bytes_out;
};
void http_server_stats(const struct http_server *s, struct http_stats *out);

#endif
