/* Written with jansson, so that a server's error text cannot spoil the line. */
#include "tests/bench/driver/report.h"

#include "gateway/base/json.h"

#include <stdio.h>

static void put_real(json_t *object, const char *name, double value)
{
    json_put(object, name, json_real(value));
}

void report_print(const struct options *options, const struct outcome *o)
{
    AUTO(json_free) json_t *line = json_object();

    json_put_text(line, "workload", options->workload.name);
    json_put_int(line, "connections", options->workload.connections);
    json_put_int(line, "requests", (int64_t)o->requests);
    json_put_int(line, "errors", (int64_t)o->errors);
    json_put_int(line, "bytes", (int64_t)o->bytes);
    json_put_int(line, "resumed", (int64_t)o->resumed);
    put_real(line, "wall_s", o->wall_s);
    put_real(line, "p50_ms", latency_percentile_ms(&o->latency, 50));
    put_real(line, "p99_ms", latency_percentile_ms(&o->latency, 99));
    put_real(line, "max_ms", (double)o->latency.max_us / 1000);
    put_real(line, "driver_cpu_s", o->cpu_s);
    if (o->errors > 0)
        json_put_text(line, "first_error", o->first_error);
    (void)json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)printf("\n");
    (void)fflush(stdout);
}
