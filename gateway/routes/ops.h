/* The operations listener: /healthz (it runs), /readyz (every part it needs, by name), /metrics
 * (Prometheus text format 0.0.4). Loopback by default, no personal data. */
#ifndef GATEWAY_ROUTES_OPS_H
#define GATEWAY_ROUTES_OPS_H

#include "gateway/http/server.h"

enum { OPS_CHECKS_MAX = 16, OPS_GAUGES_MAX = 48 };

struct ops_check {
    const char *name; /* "database", "blob_store", "keeper", "log", ... */
    enum err (*run)(void *ctx);
    void *ctx;
    bool only_warns; /* the gateway is of use without it */
};
struct ops_gauge { /* one sample */
    const char *name, *help;
    bool counter;
    double (*read)(void *ctx);
    void *ctx;
};

struct request_metrics;
MUST_USE enum err request_metrics_new(const struct http_route *routes, size_t n,
                                      struct request_metrics **out);
void request_metrics_free(struct request_metrics *m);
DEFINE_AUTO(struct request_metrics, request_metrics_free);
/* For http_server_config.finished. */
void request_metrics_count(struct request_metrics *m, const struct http_route *route,
                           int status, uint64_t in, uint64_t out, int64_t took_ms);

struct ops { /* http_context of the operations listener */
    struct ops_check checks[OPS_CHECKS_MAX];
    size_t n_checks;
    struct ops_gauge gauges[OPS_GAUGES_MAX];
    size_t n_gauges;
    struct request_metrics *requests;
    _Atomic bool draining; /* readyz fails while the gateway drains */
};
const struct http_route *ops_routes(size_t *n);

#endif
