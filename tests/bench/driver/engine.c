/* Edge-triggered epoll: a connection is registered once, for both directions, and stepped until
 * it would block. Request numbers go on from run to run, so that a warm-up's targets and bodies
 * are others than the measured ones. */
#include "tests/bench/driver/engine.h"

#include "gateway/base/macros.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, STALL_MS = 60000, ERRORS_MAX = 200 };

struct engine {
    const struct options *options;
    SSL_CTX *tls;
    int epoll;
    struct connection *connections;
    unsigned n;
    uint64_t next_number;
    /* of the present run */
    struct outcome *out;
    uint64_t left, size, deadline_us;
    unsigned running;
};

struct engine *engine_new(const struct options *options)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (e == NULL)
        abort();
    e->options = options;
    e->n = options->workload.connections;
    e->tls = connection_tls_new();
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    e->connections = calloc(e->n, sizeof(*e->connections));
    if (e->epoll < 0 || e->connections == NULL)
        abort();
    for (unsigned i = 0; i < e->n; i++) {
        e->connections[i].options = options;
        e->connections[i].tls = e->tls;
    }
    return e;
}

void engine_free(struct engine *e)
{
    for (unsigned i = 0; i < e->n; i++) {
        connection_close(&e->connections[i]);
        SSL_SESSION_free(e->connections[i].ticket);
    }
    SSL_CTX_free(e->tls);
    (void)close(e->epoll);
    free(e->connections);
    free(e);
}

static void count(struct engine *e, const struct connection *c)
{
    struct outcome *out = e->out;

    out->requests++;
    if (c->failure[0] != '\0') {
        if (out->errors++ == 0)
            (void)snprintf(out->first_error, sizeof(out->first_error), "%s", c->failure);
        return;
    }
    latency_add(&out->latency, now_us() - c->begun_us);
    out->bytes += c->size + (c->size > 0 ? 0 : c->answer.content);
    out->resumed += c->resumed;
}

/* Begins requests on the connection and steps it until it waits or nothing is left to begin. */
static void begin(struct engine *e, struct connection *c)
{
    while (e->left > 0 && e->out->errors < ERRORS_MAX &&
           (e->deadline_us == 0 || now_us() < e->deadline_us)) {
        bool fresh = c->state == CONN_CLOSED;

        e->left--;
        connection_begin(c, e->next_number++, e->size);
        if (fresh && c->state != CONN_CLOSED) {
            struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                     .data.ptr = c};
            if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
                abort();
        }
        if (!connection_step(c))
            return;
        count(e, c);
    }
    e->running--;
}

static void resume(struct engine *e, struct connection *c)
{
    if (c->state == CONN_CLOSED)
        return; /* an event of a connection that is gone */
    if (c->state == CONN_IDLE)
        return; /* a ticket, or the server's farewell: the next request will see */
    if (!connection_step(c))
        return;
    count(e, c);
    begin(e, c);
}

static void loop(struct engine *e)
{
    struct epoll_event events[EVENTS_MAX];

    e->running = e->n;
    for (unsigned i = 0; i < e->n; i++)
        begin(e, &e->connections[i]);
    while (e->running > 0) {
        int n = epoll_wait(e->epoll, events, EVENTS_MAX, STALL_MS);

        if (n <= 0) {
            (void)fprintf(stderr, "bench_driver: nothing moved for %d s\n", STALL_MS / 1000);
            exit(EXIT_FAILURE);
        }
        for (int i = 0; i < n; i++)
            resume(e, events[i].data.ptr);
    }
}

static double cpu_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void engine_run(struct engine *e, uint64_t requests, uint64_t size, struct outcome *out)
{
    uint64_t begun = now_us();
    double cpu = cpu_s();

    memset(out, 0, sizeof(*out));
    e->out = out;
    e->left = requests;
    e->size = size;
    e->deadline_us =
        e->options->seconds == 0 ? 0 : begun + (uint64_t)e->options->seconds * 1000000;
    loop(e);
    out->wall_s = (double)(now_us() - begun) / 1e6;
    out->cpu_s = cpu_s() - cpu;
}
