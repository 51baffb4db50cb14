/* Latencies in a histogram of fixed memory: 64 steps to each power of two of microseconds, so
 * that a percentile is right within 1.6%. */
#ifndef TESTS_BENCH_DRIVER_LATENCY_H
#define TESTS_BENCH_DRIVER_LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 64, LATENCY_POWERS = 32 };

struct latency {
    uint64_t count, max_us;
    uint64_t buckets[LATENCY_POWERS * LATENCY_STEPS];
};

void latency_add(struct latency *l, uint64_t us);
double latency_percentile_ms(const struct latency *l, double percent); /* 0 if empty */

#endif
