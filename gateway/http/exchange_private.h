/* What gateway/http/ itself knows of an exchange. Routes see exchange.h only.
 *
 *   HEAD --> BODY --> QUEUED        a reply was handed to the library
 *     |  \-> DRAIN --> QUEUED       a reply waits until the refused body is read away
 *     \----------> QUEUED
 * and from each of them the connection may simply be gone. */
#ifndef GATEWAY_HTTP_EXCHANGE_PRIVATE_H
#define GATEWAY_HTTP_EXCHANGE_PRIVATE_H

#include "gateway/http/head_check.h"
#include "gateway/http/reaper.h"
#include "gateway/http/router.h"
#include "gateway/http/tls.h"

#include <microhttpd.h>

enum exchange_stage { STAGE_HEAD, STAGE_BODY, STAGE_DRAIN, STAGE_QUEUED };
enum reply_kind { REPLY_NONE, REPLY_BYTES, REPLY_STREAM };
enum { TRAILERS_MAX = 16 };

struct reply_header {
    char *name, *value;
};

/* A source with its owner's claim on it; the library's response may outlive the exchange. */
struct reply_stream {
    struct http_source source;
    struct http_exchange *x; /* NULL once released */
    bool in_response;        /* freed by the response, not by us */
};

struct reply {
    int status; /* 0: none yet */
    enum reply_kind kind;
    bool close, broken; /* broken: no memory for it, a stand-in goes out */
    struct reply_header headers[HTTP_REPLY_HEADERS_MAX];
    size_t n_headers;
    void *bytes;
    size_t len;
    int64_t stream_length;
    struct reply_stream *stream;
};

struct http_exchange {
    struct http_server *server;
    struct conn *conn;
    struct MHD_Connection *mhd;
    enum exchange_stage stage;
    int64_t started_ms, drain_since_ms;
    uint64_t in, out, drained;

    const char *raw_target_at; /* where the library has it, for head_layout_check */
    size_t raw_target_len;
    char *raw_target;
    struct target target;
    struct head head;
    struct head_facts facts;
    struct head_field trailers[TRAILERS_MAX];
    size_t n_trailers;

    const struct http_route *route;
    struct route_match match;
    struct buf body;
    void *state;
    struct reply reply;
};

struct http_server {
    struct http_server_config config;
    struct http_counters counters;
    struct conn_table *table;
    struct tls *tls;
    struct router *router;
    struct MHD_Daemon *daemon;
    struct MHD_Response *no_memory; /* made at start, for when nothing can be made */
    int listen_fd;
    _Atomic bool draining;
    bool parses_in_place; /* libmicrohttpd 0.9.75: head_layout_check applies */
    char address[INET6_ADDRSTRLEN + 16];
};

/* exchange.c */
struct http_exchange *exchange_new(struct http_server *s, struct MHD_Connection *mhd,
                                   const char *raw);
/* Runs the route's done, releases a source, tells `finished`, frees. */
void exchange_end(struct http_exchange *x, int status);

/* dispatch.c: one call of the library's handler. data is NULL at the head and at the end. */
enum MHD_Result dispatch(struct http_exchange *x, const char *method, const char *version,
                         const void *data, size_t len);

/* reply.c */
enum MHD_Result reply_queue(struct http_exchange *x);
void reply_clear(struct http_exchange *x);
MUST_USE enum err reply_no_memory_new(struct MHD_Response **out);

/* gather.c: the library's header list into x->head and x->trailers, and both checked.
 * ERR_TOO_LARGE past HEAD_FIELDS_MAX; ERR_INVALID. */
MUST_USE enum err head_gather(struct http_exchange *x, const char *method, const char *version);
MUST_USE enum err trailers_gather(struct http_exchange *x);
size_t head_size(const struct http_exchange *x);

#endif
