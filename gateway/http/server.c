/* The daemon's start and end, and the callbacks that lead from the library into our rooms.
 *
 * Leniency of the library towards clients is left on: what it would tolerate is refused by our
 * own head check with an answer in our own form, where the library would close without a word.
 *
 * Descriptors: in thread-per-connection mode the library calls accept again at once when there
 * is none left. So the cap on connections is kept below the limit on descriptors, and should
 * they run out all the same (handlers open files), the accepting thread is made to pause. */
#include "gateway/http/exchange_private.h"
#include "gateway/http/listen.h"

#include "gateway/base/log.h"

#include <gnutls/abstract.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FD_RESERVE = 448, /* lingering sockets, databases, pipes, logs */
    CONNECTIONS_MIN = 8,
    EXHAUSTED_PAUSE_MS = 50,
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK_FACTOR = 4 }; /* instrumented frames are larger */
#else
enum { STACK_FACTOR = 1 };
#endif

/* ---- callbacks ---- */

static enum MHD_Result on_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
    struct http_server *s = cls;

    (void)len;
    return conn_table_admits(s->table, addr) ? MHD_YES : MHD_NO;
}

static struct conn *conn_of_session(gnutls_session_t session)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        gnutls_session_get_ptr(session), MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? info->socket_context : NULL;
}

static int on_finished(gnutls_session_t session, unsigned type, unsigned when,
                       unsigned incoming, const gnutls_datum_t *message)
{
    struct conn *c = conn_of_session(session);

    (void)type, (void)when, (void)message;
    if (incoming && c != NULL)
        atomic_store(&c->handshaken, true);
    return 0;
}

static void conn_started(struct http_server *s, struct MHD_Connection *mhd, void **context)
{
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *addr =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    struct conn *c = conn_open(s->table, fd, addr);

    *context = c;
    if (c != NULL && s->tls != NULL) {
        gnutls_session_t session =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;

        c->credentials = tls_session_begin(s->tls, session);
        gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST,
                                           on_finished);
    }
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    struct conn *c = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn_started(s, mhd, context);
        return;
    }
    if (c == NULL)
        return;
    if (s->tls != NULL && !atomic_load(&c->handshaken))
        counter_add(&s->counters.handshake_failures, 1);
    tls_credentials_release(c->credentials);
    conn_close(c);
    *context = NULL;
}

static void *on_target(void *cls, const char *raw, struct MHD_Connection *mhd)
{
    return exchange_new(cls, mhd, raw);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    struct http_exchange *x = *context;
    size_t n = *len;

    (void)cls, (void)mhd, (void)url;
    if (x == NULL)
        return MHD_NO;
    *len = 0;
    return dispatch(x, method, version, data, n);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    struct http_server *s = cls;
    struct http_exchange *x = *context;
    int status = info != NULL ? (int)info->http_status : 0;

    (void)code;
    *context = NULL;
    if (x == NULL)
        return;
    if (status != 0 && x->stage != STAGE_QUEUED)
        counter_add(&s->counters.bad_heads, 1); /* the library's own refusal */
    exchange_end(x, status);
}

/* The raw target is kept and decoded by target.c; here nothing may get lost. */
static size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

/* Never asked: each session has its own credentials. The library wants to see one. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int n,
                          const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                          gnutls_pcert_st **chain, unsigned *chain_len, gnutls_privkey_t *key)
{
    (void)session, (void)names, (void)n, (void)algorithms, (void)n_algorithms;
    (void)chain, (void)chain_len, (void)key;
    return -1;
}

/* Only the fixed text: the arguments may hold a target, and a target a file's name. */
static PRINTF_LIKE(2, 0) void on_log(void *cls, const char *format, va_list args)
{
    const struct http_server *s = cls;

    (void)args;
    if (strncmp(format, "Hit process or system resource limit", 36) == 0) {
        log_event(LOG_WARN, "http.out_of_descriptors", log_str("listen", s->address));
        (void)poll(NULL, 0, EXHAUSTED_PAUSE_MS);
        return;
    }
    log_event(LOG_DEBUG, "http.library", log_str("message", format));
}

static void on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    log_event(LOG_ERROR, "http.library_panic", log_str("file", file), log_int("line", line),
              log_str("reason", reason != NULL ? reason : ""));
    abort();
}

/* ---- start ---- */

static void routes_check(const struct http_server_config *config)
{
    for (size_t i = 0; i < config->n_routes; i++) {
        const struct http_route *r = &config->routes[i];

        if (r->body == BODY_STREAM)
            assert(r->begin != NULL && r->piece != NULL && r->finish != NULL);
        else
            assert(r->handle != NULL);
        assert(r->body != BODY_COLLECT || r->body_max > 0);
    }
}

static enum err connections_clamp(struct http_limits *limits)
{
    struct rlimit files;
    rlim_t room;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return err_errno("RLIMIT_NOFILE");
    room = files.rlim_cur > FD_RESERVE ? files.rlim_cur - FD_RESERVE : 0;
    if (room < CONNECTIONS_MIN)
        return err_set(ERR_INVALID, "a limit of %llu descriptors is too low to serve",
                       (unsigned long long)files.rlim_cur);
    if (limits->connections > room) {
        log_event(LOG_WARN, "http.connections_lowered", log_int("wanted", limits->connections),
                  log_int("connections", (int64_t)room),
                  log_int("descriptors", (int64_t)files.rlim_cur));
        limits->connections = (unsigned)room;
    }
    return ERR_OK;
}

static enum err daemon_start(struct http_server *s)
{
    const struct http_limits *l = &s->config.limits;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    const struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITY},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    if (s->tls != NULL)
        flags |= MHD_USE_TLS;
    /* Our own caps decide; the library's is a backstop. */
    s->daemon = MHD_start_daemon(
        flags, 0, on_accept, s, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
        MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_CONNECTION_LIMIT, l->connections + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, l->connection_memory, MHD_OPTION_CONNECTION_TIMEOUT,
        0U, MHD_OPTION_THREAD_STACK_SIZE, l->thread_stack * STACK_FACTOR,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_ARRAY,
        s->tls != NULL ? tls_options : none, MHD_OPTION_END);
    if (s->daemon == NULL)
        return err_set(ERR_UNAVAILABLE, "%s: the HTTP daemon does not start", s->address);
    return ERR_OK;
}

enum err http_server_start(const struct http_server_config *config, struct http_server **out)
{
    AUTO(http_server_free) struct http_server *s = calloc(1, sizeof(*s));

    *out = NULL;
    if (s == NULL)
        return err_set(ERR_NOMEM, "no memory for a server");
    s->listen_fd = -1;
    s->config = *config;
    s->parses_in_place = MHD_get_version() != NULL && strcmp(MHD_get_version(), "0.9.75") == 0;
    routes_check(config);
    MHD_set_panic_func(on_panic, NULL);
    TRY(connections_clamp(&s->config.limits));
    TRY(reply_no_memory_new(&s->no_memory));
    TRY(router_new(config->routes, config->n_routes, &s->router));
    if (config->tls)
        TRY(tls_new(config, &s->tls));
    TRY(conn_table_new(&s->config.limits, &s->counters, &s->table));
    TRY(listen_open(config->listen, &s->listen_fd));
    TRY(listen_describe(s->listen_fd, s->address, sizeof(s->address)));
    TRY(daemon_start(s));
    *out = TAKE(s);
    return ERR_OK;
}

/* ---- while it runs ---- */

const char *http_server_address(const struct http_server *s)
{
    return s->address;
}

enum err http_server_reload(struct http_server *s)
{
    return s->tls != NULL ? tls_reload(s->tls) : ERR_OK;
}

int64_t http_server_certificate_expiry(const struct http_server *s)
{
    return s->tls != NULL ? tls_expiry(s->tls) : INT64_MAX;
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
    const struct http_counters *c = &s->counters;

    *out = (struct http_stats){
        .connections_now = conn_table_count(s->table),
        .connections_total = counter_get(&c->connections_total),
        .refused_connections = counter_get(&c->refused_connections),
        .reaped = counter_get(&c->reaped),
        .handshake_failures = counter_get(&c->handshake_failures),
        .requests = counter_get(&c->requests),
        .bad_heads = counter_get(&c->bad_heads),
        .bytes_in = counter_get(&c->bytes_in),
        .bytes_out = counter_get(&c->bytes_out),
    };
}

/* ---- the end ---- */

/* The descriptor is shut now but closed with the server: the accepting thread may still look at
 * its number. */
static void accepting_stop(struct http_server *s)
{
    if (atomic_exchange(&s->draining, true))
        return;
    (void)MHD_quiesce_daemon(s->daemon);
    (void)shutdown(s->listen_fd, SHUT_RDWR);
}

void http_server_drain(struct http_server *s, unsigned deadline_ms)
{
    accepting_stop(s);
    conn_table_drain(s->table, deadline_ms);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    if (s->daemon != NULL) {
        accepting_stop(s);
        conn_table_cut(s->table);
        MHD_stop_daemon(s->daemon);
    }
    if (s->listen_fd >= 0)
        (void)close(s->listen_fd);
    conn_table_free(s->table);
    tls_free(s->tls);
    router_free(s->router);
    if (s->no_memory != NULL)
        MHD_destroy_response(s->no_memory);
    free(s);
}
