/* The table of open connections, and the thread that ends those that take too long.
 *
 *     OPENING --> HEAD --> BODY --> ROUTE --> REPLY --> IDLE --> HEAD ...
 *                   |        \-> DRAIN ------/
 *                   \------------> ROUTE (no body)
 *
 * OPENING  handshake and first request line      at most head_ms, the first HEAD included
 * IDLE     kept alive, no request                at most idle_ms
 * HEAD     from the request line on              at most head_ms
 * BODY     body expected                         body_min_rate received, request_ms in all
 * DRAIN    a refused body is read away           at most drain_ms
 * ROUTE    a handler works                       request_ms in all
 * REPLY    the reply goes out                    body_min_rate acknowledged by the peer,
 * request_ms in all
 *
 * Ending means shutdown(2) on the socket under the table's lock: the connection's own thread
 * then sees an error and cleans up. The descriptor stays ours to touch until conn_close. Rates
 * are measured by the kernel's count of bytes received and acknowledged, so that nothing is
 * added to the path of the data, and only while the connection waits for its peer (conn_busy):
 * a slow route is not the client's fault.
 *
 * Near the cap the longest idle go first, then the oldest that have not sent a request. */
#ifndef GATEWAY_HTTP_REAPER_H
#define GATEWAY_HTTP_REAPER_H

#include "gateway/http/counters.h"
#include "gateway/http/server.h"

#include <netinet/in.h>

enum conn_phase {
    CONN_OPENING,
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_DRAIN,
    CONN_ROUTE,
    CONN_REPLY,
};

struct conn_table;

struct conn {
    struct conn_table *table;
    struct conn *prev, *next, *same_bucket; /* under the table's lock */
    int fd;
    struct in6_addr key; /* what the per-address cap counts: IPv4 mapped, IPv6 by its /64 */
    char address[INET6_ADDRSTRLEN];
    _Atomic int phase;
    _Atomic int64_t phase_since_ms, request_since_ms;
    _Atomic bool busy; /* inside a route's function */
    _Atomic bool cut;  /* shut down by us */
    _Atomic bool handshaken;
    struct tls_credentials *credentials;       /* held for the session's life; server.c's */
    int64_t window_since_ms, window_waited_ms; /* the reaper's own */
    uint64_t window_bytes;
};

MUST_USE enum err conn_table_new(const struct http_limits *limits,
                                 struct http_counters *counters, struct conn_table **out);
/* Every connection must have been closed. */
void conn_table_free(struct conn_table *t);
DEFINE_AUTO(struct conn_table, conn_table_free);

/* Whether one more from this address is within the caps; asks the reaper for room when near. */
bool conn_table_admits(struct conn_table *t, const struct sockaddr *addr);
size_t conn_table_count(struct conn_table *t);
/* NULL without memory; the socket is shut down then. */
struct conn *conn_open(struct conn_table *t, int fd, const struct sockaddr *addr);
/* Forgets it. The caller closes the descriptor afterwards. While the peer has not closed its
 * side, what it still sends would turn that close into a reset that overtakes the reply: a
 * duplicate is kept and read empty for a while, up to drain_bytes and drain_ms. */
void conn_close(struct conn *c);

void conn_phase_set(struct conn *c, enum conn_phase phase);
void conn_busy_set(struct conn *c, bool busy);

/* Ends idle connections, now and as they become idle, until none works on a request or
 * deadline_ms is over. */
void conn_table_drain(struct conn_table *t, unsigned deadline_ms);
/* Ends all of them; lingering ones are dropped. */
void conn_table_cut(struct conn_table *t);

#endif
