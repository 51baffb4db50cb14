/* A request's bytes go out in whole TLS records of 16 KiB, the head together with the body's
 * first bytes: as few system calls as TLS allows. */
#include "tests/bench/driver/connection.h"

#include "gateway/base/macros.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int ticket_take(SSL *ssl, SSL_SESSION *session)
{
    struct connection *c = SSL_get_app_data(ssl);

    SSL_SESSION_free(c->ticket);
    c->ticket = session;
    return 1; /* the reference is ours */
}

SSL_CTX *connection_tls_new(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(tls, "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set1_groups_list(tls, "X25519:P-256") != 1) {
        ERR_print_errors_fp(stderr);
        exit(EXIT_FAILURE);
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, ticket_take);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, READ_SIZE);
    return tls;
}

static bool fail(struct connection *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool fail(struct connection *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->failure, sizeof(c->failure), fmt, args);
    va_end(args);
    ERR_clear_error();
    connection_close(c);
    return true;
}

void connection_close(struct connection *c)
{
    if (c->ssl != NULL) {
        (void)SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        c->ssl = NULL;
        (void)close(c->fd);
    }
    c->state = CONN_CLOSED;
}

static bool connection_open(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)c->options->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS))
        return false;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->ssl = SSL_new(c->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        return false;
    SSL_set_app_data(c->ssl, c);
    SSL_set_connect_state(c->ssl);
    if (c->options->workload.session == SESSION_RESUMED && c->ticket != NULL)
        (void)SSL_set_session(c->ssl, c->ticket);
    c->state = CONN_HANDSHAKE;
    return true;
}

/* --- the request -------------------------------------------------------------------------- */

static void head_add(struct connection *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void head_add(struct connection *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(c->head + c->head_len, sizeof(c->head) - c->head_len, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof(c->head) - c->head_len);
    c->head_len += (size_t)n;
}

/* Adds the text with `value` where `name` stands in it. */
static void head_template(struct connection *c, const char *text, const char *name,
                          uint64_t value)
{
    const char *at = strstr(text, name);

    if (at == NULL)
        head_add(c, "%s", text);
    else
        head_add(c, "%.*s%" PRIu64 "%s", (int)(at - text), text, value, at + strlen(name));
}

static void head_target(struct connection *c)
{
    const struct options *o = c->options;

    head_add(c, "%s ", o->method);
    head_template(c, o->targets[c->number % o->n_targets], "{n}", c->number);
    head_add(c, " HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", o->port);
}

static void head_range(struct connection *c)
{
    const struct workload *w = &c->options->workload;
    uint64_t state = c->options->seed ^ ((c->number + 1) * UINT64_C(0x9e3779b97f4a7c15));
    uint64_t first = body_random(&state) % (w->object - w->size + 1);

    head_add(c, "Range: bytes=%" PRIu64 "-%" PRIu64 "\r\n", first, first + w->size - 1);
}

static void head_make(struct connection *c)
{
    const struct options *o = c->options;

    c->head_len = 0;
    head_target(c);
    for (size_t i = 0; i < o->n_headers; i++) {
        head_template(c, o->headers[i], "{size}", c->size);
        head_add(c, "\r\n");
    }
    if (o->workload.kind == WORKLOAD_UPLOAD)
        head_add(c, "Content-Length: %" PRIu64 "\r\n", c->size);
    if (o->workload.kind == WORKLOAD_RANGE)
        head_range(c);
    head_add(c, "\r\n");
}

void connection_begin(struct connection *c, uint64_t number, uint64_t size)
{
    c->number = number;
    c->size = c->options->workload.kind == WORKLOAD_UPLOAD ? size : 0;
    c->taken = 0;
    c->record_len = c->record_sent = 0;
    c->failure[0] = '\0';
    c->begun_us = now_us();
    c->resumed = false;
    head_make(c);
    answer_begin(&c->answer);
    if (c->state == CONN_IDLE)
        c->state = CONN_SENDING;
    else if (!connection_open(c))
        (void)fail(c, "cannot connect: %s", strerror(errno));
}

static void record_fill(struct connection *c)
{
    c->record_len = c->record_sent = 0;
    while (c->record_len < sizeof(c->record) && c->taken < c->head_len + c->size) {
        size_t room = sizeof(c->record) - c->record_len, len;
        const void *from;

        if (c->taken < c->head_len) {
            from = c->head + c->taken;
            len = c->head_len - (size_t)c->taken;
        } else {
            from = body_at(c->number, c->size, c->taken - c->head_len, &len);
        }
        if (len > room)
            len = room;
        memcpy(c->record + c->record_len, from, len);
        c->record_len += len;
        c->taken += len;
    }
}

/* --- steps: each returns whether there is more to do without waiting ---------------------- */

enum step { STEP_ON, STEP_WAIT, STEP_OVER };

static enum step tls_failed(struct connection *c, int result, const char *what)
{
    int why = SSL_get_error(c->ssl, result);

    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return STEP_WAIT;
    (void)fail(c, "%s: %s", what,
               why == SSL_ERROR_SYSCALL && errno != 0 ? strerror(errno)
               : ERR_peek_error() != 0 ? ERR_reason_error_string(ERR_peek_error())
                                       : "closed by the server");
    return STEP_OVER;
}

static enum step handshake_step(struct connection *c)
{
    int result = SSL_do_handshake(c->ssl);

    if (result != 1)
        return tls_failed(c, result, "handshake");
    c->resumed = SSL_session_reused(c->ssl) == 1;
    c->state = CONN_SENDING;
    return STEP_ON;
}

static enum step send_step(struct connection *c)
{
    size_t n = 0;

    if (c->record_sent == c->record_len)
        record_fill(c);
    if (c->record_len == 0) {
        c->state = CONN_RECEIVING;
        return STEP_ON;
    }
    int result =
        SSL_write_ex(c->ssl, c->record + c->record_sent, c->record_len - c->record_sent, &n);
    if (result != 1)
        return tls_failed(c, result, "sending");
    c->record_sent += n;
    return STEP_ON;
}

/* An answer before the request was sent whole is an error: its connection cannot go on. */
static enum step receive_over(struct connection *c, bool early)
{
    const struct workload *w = &c->options->workload;
    struct answer *a = &c->answer;
    bool length_known = w->kind == WORKLOAD_DOWNLOAD || w->kind == WORKLOAD_RANGE;

    if (early || a->status / 100 != 2 || (w->kind == WORKLOAD_RANGE && a->status != 206)) {
        (void)fail(c, "status %d%s", a->status, early ? " before the body was sent" : "");
        return STEP_OVER;
    }
    if (length_known && a->content != w->size) {
        (void)fail(c, "%" PRIu64 " bytes came, %" PRIu64 " were wanted", a->content, w->size);
        return STEP_OVER;
    }
    if (a->close || w->session != SESSION_KEPT)
        connection_close(c);
    else
        c->state = CONN_IDLE;
    return STEP_OVER;
}

static enum step receive_step(struct connection *c, bool early)
{
    static char bytes[READ_SIZE];
    size_t n = 0;
    int result = SSL_read_ex(c->ssl, bytes, sizeof(bytes), &n);

    if (result != 1)
        return tls_failed(c, result, "receiving");
    answer_feed(&c->answer, bytes, n);
    if (c->answer.bad) {
        (void)fail(c, "not an answer that HTTP/1.1 knows");
        return STEP_OVER;
    }
    return c->answer.done ? receive_over(c, early) : STEP_ON;
}

static enum step step(struct connection *c)
{
    enum step s;

    switch (c->state) {
    case CONN_HANDSHAKE:
        return handshake_step(c);
    case CONN_SENDING:
        s = send_step(c);
        return s == STEP_WAIT ? receive_step(c, true) : s;
    case CONN_RECEIVING:
        return receive_step(c, false);
    case CONN_CLOSED:
    case CONN_IDLE:
        break;
    }
    return STEP_OVER;
}

bool connection_step(struct connection *c)
{
    enum step s = STEP_ON;

    errno = 0;
    while (s == STEP_ON)
        s = step(c);
    return s == STEP_OVER;
}
