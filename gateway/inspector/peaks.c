#include "gateway/inspector/peaks.h"

void peaks_init(struct peaks *p)
{
    *p = (struct peaks){.per_bucket = 1};
}

uint64_t peaks_room(const struct peaks *p)
{
    return p->per_bucket - p->in_bucket;
}

static void halve(struct peaks *p)
{
    for (uint32_t i = 0; i < PEAK_BUCKETS / 2; i++) {
        uint16_t a = p->buckets[2 * i], b = p->buckets[2 * i + 1];

        p->buckets[i] = a > b ? a : b;
    }
    p->n = PEAK_BUCKETS / 2;
    p->per_bucket *= 2;
}

void peaks_add(struct peaks *p, uint64_t frames, uint16_t loudest)
{
    assert(frames <= peaks_room(p));
    if (loudest > p->current)
        p->current = loudest;
    p->in_bucket += frames;
    if (p->in_bucket < p->per_bucket)
        return;
    p->buckets[p->n++] = p->current;
    p->current = 0;
    p->in_bucket = 0;
    if (p->n == PEAK_BUCKETS)
        halve(p);
}

/* Each of the thousand is the loudest of the buckets that it touches. */
void peaks_finish(const struct peaks *p, uint16_t out[VERDICT_PEAKS])
{
    uint32_t n = p->n + (p->in_bucket > 0 ? 1 : 0);

    for (uint32_t i = 0; i < VERDICT_PEAKS; i++) {
        uint32_t from = (uint32_t)((uint64_t)i * n / VERDICT_PEAKS);
        uint32_t to = (uint32_t)(((uint64_t)(i + 1) * n + VERDICT_PEAKS - 1) / VERDICT_PEAKS);

        out[i] = 0;
        for (uint32_t b = from; b < to && b < n; b++) {
            uint16_t peak = b < p->n ? p->buckets[b] : p->current;

            if (peak > out[i])
                out[i] = peak;
        }
    }
}
