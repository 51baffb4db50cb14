/* One request and its reply, as a route sees them. No libmicrohttpd type leaves gateway/http/.
 *
 * A route is a row: method, pattern, how it takes its body, and its functions.
 *   BODY_NONE     a body is refused [400 unexpected-body]; `handle` is called once
 *   BODY_COLLECT  the body is collected up to body_max ([413] above), then `handle`
 *   BODY_STREAM   `begin` at the head, `piece` for every piece as it arrives (one TLS record, up to 16 KiB), `finish`
 *                 when the body is whole. A truncated body never reaches `finish`.
 * Replying in begin or piece ends the interest in the body: the rest is drained, later calls do not come.
 * `done` is called once, always, at the end of every exchange whose route matched (also after a broken connection),
 * and frees what the route hung on the exchange.
 * Every handler that returned from handle/finish must have replied; if not, the server answers 500.
 *
 * Unknown paths answer 404, known paths with another method 405 with Allow; HEAD is routed to a GET row where there is no HEAD row (the
 * reply's body is left out by the server). A row for the method "*" takes what no other row of its address takes: its 405 is its own.
 */
#ifndef GATEWAY_HTTP_EXCHANGE_H
#define GATEWAY_HTTP_EXCHANGE_H

#include "gateway/base/buf.h"
#include "gateway/base/json.h"

#include <sys/types.h>

enum { HTTP_PARAMS_MAX = 6, HTTP_REPLY_HEADERS_MAX = 24, HTTP_CHAIN_MAX = 8 };

struct http_exchange;

enum http_body_mode { BODY_NONE, BODY_COLLECT, BODY_STREAM };

struct http_route {
    const char *method;   /* "GET", "POST", ... */
    const char *pattern;  /* "/v1/claims/{claim}/artefacts"; a last segment "{rest...}" takes the rest of the path */
    const char *name;     /* stable, for metrics and the log: "artefact.create" */
    enum http_body_mode body;
    size_t body_max;      /* BODY_COLLECT */
    void (*handle)(struct http_exchange *x);
    void (*begin)(struct http_exchange *x);
    void (*piece)(struct http_exchange *x, const void *data, size_t len);
    void (*finish)(struct http_exchange *x);
    void (*done)(struct http_exchange *x);
    const void *meta;     /* the route's own table row: http_route_of(x)->meta */
    bool method_override; /* X-HTTP-Method-Override names the method of a request to this address */
};

/* What came in. Text is valid for the exchange's life; NULL when absent. */
void *http_context(const struct http_exchange *x);
const struct http_route *http_route_of(const struct http_exchange *x);
const char *http_method(const struct http_exchange *x);        /* as sent: "HEAD" stays "HEAD", an override is not looked at */
const char *http_allow(const struct http_exchange *x);         /* the methods of this address, as Allow lists them */
bool http_is_head(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);          /* decoded? no: raw, without the query */
const char *http_param(const struct http_exchange *x, const char *name);  /* percent-decoded path segment; asserts the name is in the pattern */
const char *http_query(const struct http_exchange *x, const char *name);  /* percent-decoded, first of its name */
size_t http_query_count(const struct http_exchange *x, const char *name);
/* Calls fn for every query argument in order; for routes that refuse unknown ones. */
void http_query_each(const struct http_exchange *x, void (*fn)(void *ctx, const char *name, const char *value), void *ctx);
const char *http_header(const struct http_exchange *x, const char *name); /* case-insensitive, first */
size_t http_header_count(const struct http_exchange *x, const char *name);
const char *http_trailer(const struct http_exchange *x, const char *name);
bool http_has_body(const struct http_exchange *x);
int64_t http_content_length(const struct http_exchange *x);    /* -1: chunked, length unknown */
const struct buf *http_body(const struct http_exchange *x);    /* BODY_COLLECT */
const char *http_peer_address(const struct http_exchange *x);  /* for rate limits and the operator's log only */
/* The peer's certificate chain as sent (DER, leaf first), unverified. Returns the number, 0 without one. */
struct http_der {
    const uint8_t *data;
    size_t len;
};
size_t http_peer_chain(const struct http_exchange *x, struct http_der out[HTTP_CHAIN_MAX]);

void http_state_set(struct http_exchange *x, void *state);
void *http_state(const struct http_exchange *x);

/* What goes out. The first reply stands; a second call asserts. Headers may be added before or after the
 * reply call, until the handler returns. Values with CR, LF or NUL assert (they are ours). */
bool http_replied(const struct http_exchange *x);
int http_reply_status(const struct http_exchange *x); /* 0 before */
void http_reply_header(struct http_exchange *x, const char *name, const char *value);
void http_reply_empty(struct http_exchange *x, int status);
void http_reply_bytes(struct http_exchange *x, int status, const char *media_type, const void *data, size_t len); /* copies */
void http_reply_json(struct http_exchange *x, int status, json_t *body); /* steals body; compact, Cache-Control: no-store */
/* RFC 9457: {"type":"/problems/<name>","title":...,"status":...,"detail":...} plus members of `more` (stolen, may be NULL), which
 * win: a "type" that is registered elsewhere. */
void http_reply_problem(struct http_exchange *x, int status, const char *name, const char *title, const char *detail, json_t *more);

/* A streamed reply: read fills up to `cap` bytes from absolute position `at` of this reply, returns the number, or -1 to cut the
 * connection (an error after the head went out). `release` is called once. length -1: unknown (chunked; read returns 0 at the end). */
struct http_source {
    ssize_t (*read)(void *ctx, uint64_t at, void *out, size_t cap);
    void (*release)(void *ctx);
    void *ctx;
};
enum { HTTP_STREAM_BLOCK = 65536 };
void http_reply_stream(struct http_exchange *x, int status, const char *media_type, int64_t length, const struct http_source *source);
/* Ask for the connection to be closed after the reply. */
void http_reply_close(struct http_exchange *x);

#endif
