#include "gateway/routes/ops.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* --- counting requests -------------------------------------------------------------------- */

enum { STATUS_CLASSES = 6 }; /* 0: gone before an answer, 1xx .. 5xx */
static const int64_t LATENCY_MS[] = {1, 5, 10, 50, 100, 500, 1000, 10000};
enum { LATENCY_BUCKETS = sizeof(LATENCY_MS) / sizeof(LATENCY_MS[0]) };

struct route_count {
    _Atomic uint64_t by_class[STATUS_CLASSES], bytes_in, bytes_out, took_ms,
        latency[LATENCY_BUCKETS + 1];
};
struct request_metrics {
    const struct http_route *routes;
    size_t n;
    struct route_count counts[]; /* one for each route, one more for what matched none */
};

enum err request_metrics_new(const struct http_route *routes, size_t n,
                             struct request_metrics **out)
{
    struct request_metrics *m = calloc(1, sizeof(*m) + (n + 1) * sizeof(m->counts[0]));
    if (!m)
        return err_set(ERR_NOMEM, "metrics");
    m->routes = routes;
    m->n = n;
    *out = m;
    return ERR_OK;
}

void request_metrics_free(struct request_metrics *m)
{
    free(m);
}

void request_metrics_count(struct request_metrics *m, const struct http_route *route,
                           int status, uint64_t in, uint64_t out, int64_t took_ms)
{
    size_t at = route ? (size_t)(route - m->routes) : m->n;
    assert(at <= m->n);
    struct route_count *c = &m->counts[at];
    size_t class = status >= 100 && status < 600 ? (size_t)status / 100 : 0;
    size_t bucket = 0;
    while (bucket < LATENCY_BUCKETS && took_ms > LATENCY_MS[bucket])
        bucket++;
    atomic_fetch_add(&c->by_class[class], 1);
    atomic_fetch_add(&c->bytes_in, in);
    atomic_fetch_add(&c->bytes_out, out);
    atomic_fetch_add(&c->took_ms, (uint64_t)(took_ms > 0 ? took_ms : 0));
    atomic_fetch_add(&c->latency[bucket], 1);
}

static const char *count_name(const struct request_metrics *m, size_t at)
{
    return at < m->n ? m->routes[at].name : "none";
}

static enum err print_classes(const struct request_metrics *m, struct buf *out)
{
    TRY(buf_append_str(out, "# HELP evidence_requests_total Requests by route and class of "
                            "status (0: gone before an answer).\n"
                            "# TYPE evidence_requests_total counter\n"));
    for (size_t at = 0; at <= m->n; at++) {
        for (size_t class = 0; class < STATUS_CLASSES; class ++) {
            uint64_t n = atomic_load(&m->counts[at].by_class[class]);
            if (n > 0)
                TRY(buf_printf(
                    out, "evidence_requests_total{route=\"%s\",status=\"%zuxx\"} %" PRIu64 "\n",
                    count_name(m, at), class, n));
        }
    }
    return ERR_OK;
}

static enum err print_latency_of(const struct request_metrics *m, size_t at, struct buf *out)
{
    uint64_t sum = 0;
    const struct route_count *c = &m->counts[at];
    for (size_t b = 0; b < LATENCY_BUCKETS; b++) {
        sum += atomic_load(&c->latency[b]);
        TRY(buf_printf(out,
                       "evidence_request_seconds_bucket{route=\"%s\",le=\"%g\"} %" PRIu64 "\n",
                       count_name(m, at), (double)LATENCY_MS[b] / 1000.0, sum));
    }
    sum += atomic_load(&c->latency[LATENCY_BUCKETS]);
    TRY(buf_printf(out,
                   "evidence_request_seconds_bucket{route=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
                   count_name(m, at), sum));
    TRY(buf_printf(out, "evidence_request_seconds_sum{route=\"%s\"} %.3f\n", count_name(m, at),
                   (double)atomic_load(&c->took_ms) / 1000.0));
    return buf_printf(out, "evidence_request_seconds_count{route=\"%s\"} %" PRIu64 "\n",
                      count_name(m, at), sum);
}

static enum err print_requests(const struct request_metrics *m, struct buf *out)
{
    TRY(print_classes(m, out));
    TRY(buf_append_str(out, "# HELP evidence_request_seconds How long requests took.\n"
                            "# TYPE evidence_request_seconds histogram\n"));
    for (size_t at = 0; at <= m->n; at++) {
        uint64_t any = 0;
        for (size_t b = 0; b <= LATENCY_BUCKETS; b++)
            any += atomic_load(&m->counts[at].latency[b]);
        if (any > 0)
            TRY(print_latency_of(m, at, out));
    }
    return ERR_OK;
}

/* --- the three pages ---------------------------------------------------------------------- */

static void healthz(struct http_exchange *x)
{
    http_reply_bytes(x, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static void readyz(struct http_exchange *x)
{
    struct ops *ops = http_context(x);
    bool ready = !atomic_load(&ops->draining), warns = false;
    json_t *body = json_object(), *checks = json_object();
    for (size_t i = 0; i < ops->n_checks; i++) {
        enum err e = ops->checks[i].run(ops->checks[i].ctx);
        json_put_text(checks, ops->checks[i].name, e == ERR_OK ? "ok" : err_message(e));
        ready = ready && (e == ERR_OK || ops->checks[i].only_warns);
        warns = warns || (e != ERR_OK && ops->checks[i].only_warns);
    }
    json_put_bool(body, "ready", ready);
    json_put_bool(body, "warning", warns);
    json_put_bool(body, "draining", atomic_load(&ops->draining));
    json_put(body, "checks", checks);
    http_reply_json(x, ready ? 200 : 503, body);
}

static enum err print_gauges(const struct ops *ops, struct buf *out)
{
    for (size_t i = 0; i < ops->n_gauges; i++) {
        const struct ops_gauge *g = &ops->gauges[i];
        TRY(buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.0f\n", g->name, g->help, g->name,
                       g->counter ? "counter" : "gauge", g->name, g->read(g->ctx)));
    }
    return ERR_OK;
}

static void metrics(struct http_exchange *x)
{
    enum { METRICS_MAX = 256 * 1024 };
    struct ops *ops = http_context(x);
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, METRICS_MAX);
    enum err e = print_gauges(ops, &out);
    if (e == ERR_OK)
        e = print_requests(ops->requests, &out);
    if (e == ERR_OK)
        http_reply_bytes(x, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
    else
        http_reply_problem(x, 500, "internal", "Something went wrong here", err_message(e),
                           NULL);
}

static const struct http_route ROUTES[] = {
    {.method = "GET",
     .pattern = "/healthz",
     .name = "ops.healthz",
     .body = BODY_NONE,
     .handle = healthz},
    {.method = "GET",
     .pattern = "/readyz",
     .name = "ops.readyz",
     .body = BODY_NONE,
     .handle = readyz},
    {.method = "GET",
     .pattern = "/metrics",
     .name = "ops.metrics",
     .body = BODY_NONE,
     .handle = metrics},
};

const struct http_route *ops_routes(size_t *n)
{
    *n = ARRAY_LEN(ROUTES);
    return ROUTES;
}
