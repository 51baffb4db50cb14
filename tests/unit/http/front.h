/* A real server with small routes, and a client that says exactly what it is told to.
 * Every test runs in its own process, so the state here is one test's. */
#ifndef TESTS_UNIT_HTTP_FRONT_H
#define TESTS_UNIT_HTTP_FRONT_H

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/http/server.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static struct {
    _Atomic int begun, finished, done, released, completed, last_status;
    _Atomic uint64_t bytes;
} seen;

static const char pattern[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";

/* ---- routes ---- */

static void done(struct http_exchange *x)
{
    atomic_fetch_add(&seen.done, 1);
    free(http_state(x));
}

static void hello(struct http_exchange *x)
{
    http_reply_bytes(x, 200, "text/plain", "hello", 5);
}

static void silent(struct http_exchange *x)
{
    (void)x;
}

static void echo(struct http_exchange *x)
{
    const struct buf *b = http_body(x);

    if (http_trailer(x, "X-Note") != NULL)
        http_reply_header(x, "X-Note", http_trailer(x, "X-Note"));
    http_reply_bytes(x, 200, "application/octet-stream", b->data, b->len);
}

static void slow(struct http_exchange *x)
{
    (void)poll(NULL, 0, atoi(http_query(x, "ms")));
    hello(x);
}

static void parts(struct http_exchange *x)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "%s|%s|%s|%zu", http_param(x, "a"),
                   http_param(x, "rest"), http_query(x, "q") != NULL ? http_query(x, "q") : "-",
                   http_query_count(x, "q"));
    http_reply_header(x, "Cache-Control", "private");
    http_reply_bytes(x, 200, "text/plain", text, strlen(text));
}

static void no_content(struct http_exchange *x)
{
    http_reply_empty(x, 204);
}

static void chain(struct http_exchange *x)
{
    struct http_der der[HTTP_CHAIN_MAX];
    char text[32];

    (void)snprintf(text, sizeof(text), "%zu", http_peer_chain(x, der));
    http_reply_bytes(x, 200, "text/plain", text, strlen(text));
}

/* bytes=FIRST-LAST of the repeated pattern */
struct piece_of_pattern {
    uint64_t first, size, fail_at;
    int slow_ms;
};

static ssize_t pattern_read(void *ctx, uint64_t at, void *out, size_t cap)
{
    struct piece_of_pattern *p = ctx;
    uint64_t left = p->size - at;
    size_t n = left < cap ? (size_t)left : cap;

    if (p->fail_at > 0 && at >= p->fail_at)
        return -1;
    if (p->slow_ms > 0)
        (void)poll(NULL, 0, p->slow_ms);
    for (size_t i = 0; i < n; i++)
        ((char *)out)[i] = pattern[(p->first + at + i) % 64];
    return (ssize_t)n;
}

static void pattern_release(void *ctx)
{
    struct piece_of_pattern *p = ctx;

    /* Must come before done, which frees it. */
    ck_assert_uint_ne(p->first, UINT64_MAX);
    atomic_fetch_add(&seen.released, 1);
}

static void stream(struct http_exchange *x)
{
    struct piece_of_pattern *p = calloc(1, sizeof(*p));
    struct http_source source = {.read = pattern_read, .release = pattern_release, .ctx = p};
    const char *fail = http_query(x, "fail"), *range = http_header(x, "Range");
    unsigned long long first, last;
    int status = 200;

    p->size = strtoull(http_query(x, "size"), NULL, 10);
    p->slow_ms = http_query(x, "slow_ms") != NULL ? atoi(http_query(x, "slow_ms")) : 0;
    p->fail_at = fail != NULL ? strtoull(fail, NULL, 10) : 0;
    if (range != NULL && sscanf(range, "bytes=%llu-%llu", &first, &last) == 2) {
        char text[96];

        (void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", first, last,
                       (unsigned long long)p->size);
        http_reply_header(x, "Content-Range", text);
        p->first = first;
        p->size = last - first + 1;
        status = 206;
    }
    http_state_set(x, p);
    http_reply_stream(x, status, "application/octet-stream",
                      http_query(x, "unknown") != NULL ? -1 : (int64_t)p->size, &source);
}

static void count_begin(struct http_exchange *x)
{
    (void)x;
    atomic_fetch_add(&seen.begun, 1);
}

static void count_piece(struct http_exchange *x, const void *data, size_t len)
{
    const char *late = http_query(x, "refuse_at");
    uint64_t now = atomic_fetch_add(&seen.bytes, len) + len;

    ck_assert_ptr_nonnull(data);
    if (http_query(x, "slow_ms") != NULL)
        (void)poll(NULL, 0, atoi(http_query(x, "slow_ms")));
    if (late != NULL && now >= strtoull(late, NULL, 10))
        http_reply_problem(x, 409, "recording-opted-out", "Opted out", "No more.", NULL);
}

static void count_finish(struct http_exchange *x)
{
    atomic_fetch_add(&seen.finished, 1);
    http_reply_json(x, 201, json_pack("{s:I}", "bytes", (json_int_t)atomic_load(&seen.bytes)));
}

/* Method as sent, the row's, and what the address allows. */
static void which(struct http_exchange *x)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "%s as %s of %s", http_method(x),
                   http_route_of(x)->method, http_allow(x));
    http_reply_bytes(x, 200, "text/plain", text, strlen(text));
}

static void refuse_begin(struct http_exchange *x)
{
    struct piece_of_pattern *p = calloc(1, sizeof(*p));
    struct http_source source = {.read = pattern_read, .release = pattern_release, .ctx = p};

    atomic_fetch_add(&seen.begun, 1);
    http_state_set(x, p);
    p->size = 100;
    if (http_query(x, "stream") != NULL)
        http_reply_stream(x, 403, "text/plain", 100, &source);
    else
        http_reply_problem(x, 403, "not-permitted", "Not permitted", "Not yours.", NULL);
}

static const struct http_route test_routes[] = {
    {.method = "GET", .pattern = "/hello", .name = "hello", .handle = hello, .done = done},
    {.method = "GET", .pattern = "/silent", .name = "silent", .handle = silent, .done = done},
    {.method = "GET", .pattern = "/slow", .name = "slow", .handle = slow, .done = done},
    {.method = "GET", .pattern = "/chain", .name = "chain", .handle = chain, .done = done},
    {.method = "GET", .pattern = "/stream", .name = "stream", .handle = stream, .done = done},
    {.method = "GET", .pattern = "/parts/{a}/{rest...}", .name = "parts", .handle = parts},
    {.method = "DELETE",
     .pattern = "/hello",
     .name = "bye",
     .handle = no_content,
     .done = done},
    {.method = "POST",
     .pattern = "/echo",
     .name = "echo",
     .body = BODY_COLLECT,
     .body_max = 65536,
     .handle = echo,
     .done = done},
    {.method = "PUT",
     .pattern = "/count",
     .name = "count",
     .body = BODY_STREAM,
     .begin = count_begin,
     .piece = count_piece,
     .finish = count_finish,
     .done = done},
    {.method = "PATCH",
     .pattern = "/which",
     .name = "w1",

     .handle = which},
    {.method = "GET", .pattern = "/which", .name = "w2", .handle = which},
    {.method = "*",
     .pattern = "/which",
     .name = "w3",
     .handle = which,
     .method_override = true},
    {.method = "PUT",
     .pattern = "/refuse",
     .name = "refuse",
     .body = BODY_STREAM,
     .begin = refuse_begin,
     .piece = count_piece,
     .finish = count_finish,
     .done = done},
};

static void completed(void *context, const struct http_route *route, int status, uint64_t in,
                      uint64_t out, int64_t took_ms)
{
    (void)context, (void)route, (void)in, (void)out;
    ck_assert_int_ge(took_ms, 0);
    atomic_store(&seen.last_status, status);
    atomic_fetch_add(&seen.completed, 1);
}

/* ---- the server ---- */

static struct http_server *server;
static char folder[] = "/tmp/front-XXXXXX";
static char certificate_file[64], key_file[64];

static UNUSED struct http_server_config front_config(void)
{
    return (struct http_server_config){
        .listen = "127.0.0.1:0",
        .limits = {.connections = 200,
                   .connections_per_address = 0,
                   .head_ms = 5000,
                   .idle_ms = 5000,
                   .request_ms = 0,
                   .body_min_rate = 0,
                   .body_rate_window_ms = 1000,
                   .drain_bytes = 4 << 20,
                   .drain_ms = 3000,
                   .head_bytes = 16384,
                   .target_bytes = 4096,
                   .connection_memory = 32768,
                   .thread_stack = 262144},
        .routes = test_routes,
        .n_routes = ARRAY_LEN(test_routes),
        .context = &seen,
        .finished = completed,
    };
}

static UNUSED void front_start(const struct http_server_config *config)
{
    log_set_level(LOG_ERROR);
    ck_assert_msg(http_server_start(config, &server) == ERR_OK, "%s",
                  err_message(ERR_UNAVAILABLE));
}

static UNUSED void front_stop(void)
{
    http_server_free(TAKE(server));
}

static void file_write(const char *path, const gnutls_datum_t *d)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, d->data, d->size), (ssize_t)d->size);
    close(fd);
}

/* A fresh self-signed pair, valid for `days`. */
static UNUSED void certificate_make(int days)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t out;
    time_t now = time(NULL);
    uint8_t serial[8];

    if (strchr(folder, 'X') != NULL && strcmp(folder + 11, "XXXXXX") == 0)
        ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(certificate_file, sizeof(certificate_file), "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    for (size_t i = 0; i < sizeof(serial); i++)
        serial[i] = (uint8_t)(clock_now() >> (8 * i)) & 0x7f;
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                         GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_activation_time(crt, now - 60);
    gnutls_x509_crt_set_expiration_time(crt, now + days * 86400);
    gnutls_x509_crt_set_key(crt, key);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out), 0);
    file_write(certificate_file, &out);
    gnutls_free(out.data);
    ck_assert_int_eq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out), 0);
    file_write(key_file, &out);
    gnutls_free(out.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static UNUSED void certificate_remove(void)
{
    (void)unlink(certificate_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
}

static UNUSED void front_start_tls(struct http_server_config *config)
{
    certificate_make(30);
    config->tls = true;
    config->certificate_file = certificate_file;
    config->private_key_file = key_file;
    front_start(config);
}

/* ---- the client ---- */

static int front_connect(void)
{
    const char *text = http_server_address(server);
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr.sin_port = htons((uint16_t)atoi(strrchr(text, ':') + 1));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static UNUSED bool send_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static UNUSED bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

static UNUSED bool send_zeros(int fd, size_t len)
{
    static const char zeros[65536];

    while (len > 0) {
        size_t n = len < sizeof(zeros) ? len : sizeof(zeros);

        if (!send_all(fd, zeros, n))
            return false;
        len -= n;
    }
    return true;
}

/* All that comes until the server closes (or 20 s pass), NUL-terminated. */
static UNUSED char *receive_all(int fd, size_t *len)
{
    size_t cap = 65536, n = 0;
    char *out = malloc(cap + 1);
    ssize_t got;

    while ((got = recv(fd, out + n, cap - n, 0)) > 0) {
        n += (size_t)got;
        if (n == cap)
            out = realloc(out, (cap *= 2) + 1);
    }
    out[n] = '\0';
    if (len != NULL)
        *len = n;
    return out;
}

static UNUSED int status_of(const char *reply)
{
    int status = 0;

    return sscanf(reply, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

/* Sends, half-closes nothing, reads to the end. The request should say Connection: close. */
static UNUSED char *ask(const void *request, size_t len)
{
    int fd = front_connect();
    char *reply;

    (void)send_all(fd, request, len);
    reply = receive_all(fd, NULL);
    close(fd);
    return reply;
}

static UNUSED char *ask_text(const char *request)
{
    return ask(request, strlen(request));
}

static UNUSED void await(_Atomic int *value, int want)
{
    for (int i = 0; i < 2000 && atomic_load(value) < want; i++)
        (void)poll(NULL, 0, 5);
    ck_assert_int_eq(atomic_load(value), want);
}

/* ---- the client, over TLS ---- */

struct secure {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static UNUSED void secure_close(struct secure *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
}

/* priority NULL: the client's defaults; with_pair: shows the server's own pair as its
 * certificate; ticket: data of an earlier session to resume, may be NULL. */
static UNUSED bool secure_open(struct secure *c, const char *priority, bool with_pair,
                               const gnutls_datum_t *ticket)
{
    int e;

    c->fd = front_connect();
    gnutls_certificate_allocate_credentials(&c->credentials);
    if (with_pair)
        ck_assert_int_ge(gnutls_certificate_set_x509_key_file(c->credentials, certificate_file,
                                                              key_file, GNUTLS_X509_FMT_PEM),
                         0);
    gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    if (priority != NULL)
        ck_assert_int_eq(gnutls_priority_set_direct(c->session, priority, NULL), 0);
    else
        gnutls_set_default_priority(c->session);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    gnutls_server_name_set(c->session, GNUTLS_NAME_DNS, "localhost", 9);
    if (ticket != NULL)
        gnutls_session_set_data(c->session, ticket->data, ticket->size);
    gnutls_transport_set_int(c->session, c->fd);
    do
        e = gnutls_handshake(c->session);
    while (e < 0 && !gnutls_error_is_fatal(e));
    return e == 0;
}

static UNUSED bool secure_send(struct secure *c, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = gnutls_record_send(c->session, p, len);

        if (n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static UNUSED bool secure_zeros(struct secure *c, size_t len)
{
    static const char zeros[65536];

    while (len > 0) {
        size_t n = len < sizeof(zeros) ? len : sizeof(zeros);

        if (!secure_send(c, zeros, n))
            return false;
        len -= n;
    }
    return true;
}

/* All up to the end, or up to the end of one reply with a Content-Length if `one`. */
static UNUSED char *secure_receive(struct secure *c, bool one, size_t *len)
{
    size_t cap = 65536, n = 0, want = SIZE_MAX;
    char *out = malloc(cap + 1);
    ssize_t got = 0;

    while (n < want) {
        got = gnutls_record_recv(c->session, out + n, cap - n);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n] = '\0';
        if (one && want == SIZE_MAX && strstr(out, "\r\n\r\n") != NULL) {
            const char *length = strcasestr(out, "\r\nContent-Length: ");

            want = (size_t)(strstr(out, "\r\n\r\n") + 4 - out);
            want += length != NULL ? (size_t)atol(length + 18) : 0;
        }
        if (n == cap)
            out = realloc(out, (cap *= 2) + 1);
    }
    out[n] = '\0';
    if (len != NULL)
        *len = n;
    return out;
}

static UNUSED char *secure_ask(const char *request)
{
    struct secure c;
    char *reply;

    if (!secure_open(&c, NULL, false, NULL)) {
        secure_close(&c);
        return strdup("");
    }
    (void)secure_send(&c, request, strlen(request));
    reply = secure_receive(&c, false, NULL);
    secure_close(&c);
    return reply;
}

/* Process CPU in milliseconds. */
static UNUSED int64_t cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
