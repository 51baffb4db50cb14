/* A small, bounded HTTPS client over libcurl: fetches a key set, later pushes checkpoints and notices.
 * No redirects to another scheme, no cookies, a cap on the answer, deadlines; TLS always verified
 * (against ca_file if given, else the system's store). http:// only when allow_plain is set (loopback tests). */
#ifndef GATEWAY_BASE_HTTP_CLIENT_H
#define GATEWAY_BASE_HTTP_CLIENT_H

#include "gateway/base/buf.h"

struct http_fetch {
    const char *method;       /* "GET" when NULL */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    const void *body;         /* may be NULL */
    size_t body_len;
    const char *ca_file;      /* PEM; NULL: the system's */
    bool allow_plain;
    unsigned connect_timeout_ms;
    unsigned total_timeout_ms;
};

/* https, or http if allow_plain and the host is this machine (localhost, 127.0.0.1, [::1]).
 * ERR_INVALID: why not. */
MUST_USE enum err http_url_check(const char *url, bool allow_plain);
/* Process-wide start, once, before threads. */
MUST_USE enum err http_client_init(void);
/* ERR_OK means an HTTP answer arrived (any status); out has its own maximum (ERR_TOO_LARGE past it).
 * ERR_TIMEOUT, ERR_UNAVAILABLE (connect, TLS, protocol) otherwise. max_age: Cache-Control max-age in seconds, -1 if absent. */
MUST_USE enum err http_client_fetch(const struct http_fetch *rq, struct buf *out, long *status, long *max_age);

#endif
