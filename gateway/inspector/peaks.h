/* The waveform of a stream whose length nobody knows: buckets that double in length whenever
 * they run out, in constant memory. */
#ifndef GATEWAY_INSPECTOR_PEAKS_H
#define GATEWAY_INSPECTOR_PEAKS_H

#include "gateway/inspect/verdict.h"

enum { PEAK_BUCKETS = 4 * VERDICT_PEAKS };

struct peaks {
    uint64_t per_bucket; /* sample frames */
    uint64_t in_bucket;  /* of the last one, so far */
    uint32_t n;          /* full buckets */
    uint16_t current;
    uint16_t buckets[PEAK_BUCKETS];
};

void peaks_init(struct peaks *p);
/* How many sample frames may go into the next peaks_add: all of them share one peak. */
uint64_t peaks_room(const struct peaks *p);
void peaks_add(struct peaks *p, uint64_t frames, uint16_t loudest);
void peaks_finish(const struct peaks *p, uint16_t out[VERDICT_PEAKS]);

#endif
