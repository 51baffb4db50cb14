/* Bucket of a value: below 64 us itself; above, its highest bit chooses the power and the six
 * bits behind it the step.
 *
 *     value 1 x x x x x x . . .      bucket = power * 64 + xxxxxx
 */
#include "tests/bench/driver/latency.h"

#include <stddef.h>

enum { STEP_BITS = 6 };
_Static_assert(1 << STEP_BITS == LATENCY_STEPS, "a step is chosen by STEP_BITS bits");

static size_t bucket_of(uint64_t us)
{
    unsigned power = 0;

    while (us >= 2 * LATENCY_STEPS && power < LATENCY_POWERS - 2) {
        us >>= 1;
        power++;
    }
    if (us < LATENCY_STEPS)
        return (size_t)us;
    if (us >= 2 * LATENCY_STEPS)
        us = 2 * LATENCY_STEPS - 1;
    return (size_t)(power + 1) * LATENCY_STEPS + (size_t)(us - LATENCY_STEPS);
}

static double middle_of(size_t bucket)
{
    size_t power = bucket / LATENCY_STEPS, step = bucket % LATENCY_STEPS;

    if (power == 0)
        return (double)step;
    return ((double)(LATENCY_STEPS + step) + 0.5) * (double)(UINT64_C(1) << (power - 1));
}

void latency_add(struct latency *l, uint64_t us)
{
    l->buckets[bucket_of(us)]++;
    l->count++;
    if (us > l->max_us)
        l->max_us = us;
}

double latency_percentile_ms(const struct latency *l, double percent)
{
    double wanted = (double)l->count * percent / 100;
    uint64_t seen = 0;

    for (size_t i = 0; i < sizeof(l->buckets) / sizeof(l->buckets[0]); i++) {
        seen += l->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return middle_of(i) / 1000;
    }
    return 0;
}
