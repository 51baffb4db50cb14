/* Runs a workload: all connections on one thread, each with one request at a time. */
#ifndef TESTS_BENCH_DRIVER_ENGINE_H
#define TESTS_BENCH_DRIVER_ENGINE_H

#include "tests/bench/driver/connection.h"
#include "tests/bench/driver/latency.h"

struct outcome {
    uint64_t requests, errors, bytes, resumed; /* bytes: content, up or down */
    double wall_s, cpu_s;                      /* cpu: of the driver itself */
    struct latency latency;
    char first_error[256];
};

struct engine;
struct engine *engine_new(const struct options *options);
void engine_free(struct engine *e);
/* Runs `requests` requests; bodies of uploads have `size` bytes. */
void engine_run(struct engine *e, uint64_t requests, uint64_t size, struct outcome *out);

#endif
