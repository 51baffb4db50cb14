/* The workloads of docs/benchmark.md. `requests` is an upper bound: --seconds ends a run of a
 * slower server before it. */
#include "tests/bench/driver/workload.h"

#include "gateway/base/macros.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const struct workload WORKLOADS[] = {
    {"put-1g", "1 GiB up, 1 connection", WORKLOAD_UPLOAD, SESSION_KEPT, GIB, 0, 1, 1, 0, 1,
     256 * MIB},
    {"put-256k", "256 KiB up, 16 connections", WORKLOAD_UPLOAD, SESSION_KEPT, 256 * KIB, 0, 16,
     8000, 64, 1000, 0},
    {"put-64k", "64 KiB up, 16 connections", WORKLOAD_UPLOAD, SESSION_KEPT, 64 * KIB, 0, 16,
     16000, 160, 2000, 0},
    {"put-64k-1", "64 KiB up, 1 connection", WORKLOAD_UPLOAD, SESSION_KEPT, 64 * KIB, 0, 1,
     4000, 20, 500, 0},
    {"put-1k", "1 KiB up, 64 connections", WORKLOAD_UPLOAD, SESSION_KEPT, KIB, 0, 64, 20000,
     640, 4000, 0},
    {"get-1g", "1 GiB down, 1 connection", WORKLOAD_DOWNLOAD, SESSION_KEPT, GIB, 0, 1, 1, 0, 1,
     256 * MIB},
    {"range-1", "64 KiB ranges of 1 GiB, 1 connection", WORKLOAD_RANGE, SESSION_KEPT, 64 * KIB,
     GIB, 1, 6000, 100, 1000, 0},
    {"range-16", "64 KiB ranges of 1 GiB, 16 connections", WORKLOAD_RANGE, SESSION_KEPT,
     64 * KIB, GIB, 16, 40000, 400, 4000, 0},
    {"list", "a page of 200 of a claim with 1,000 artefacts, 4 connections", WORKLOAD_GET,
     SESSION_KEPT, 0, 0, 4, 4000, 40, 400, 0},
    {"connect-full", "full handshake and 1 KiB down, 4 at once", WORKLOAD_GET, SESSION_FULL, 0,
     0, 4, 3000, 40, 400, 0},
    {"connect-resumed", "resumed handshake and 1 KiB down, 4 at once", WORKLOAD_GET,
     SESSION_RESUMED, 0, 0, 4, 3000, 40, 400, 0},
};

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(WORKLOADS); i++) {
        if (strcmp(WORKLOADS[i].name, name) == 0)
            return &WORKLOADS[i];
    }
    return NULL;
}

void workload_print_all(void)
{
    static const char *const KINDS[] = {"upload", "download", "range", "get"};

    (void)printf("[");
    for (size_t i = 0; i < ARRAY_LEN(WORKLOADS); i++) {
        const struct workload *w = &WORKLOADS[i];

        (void)printf("%s\n{\"name\":\"%s\",\"words\":\"%s\",\"kind\":\"%s\",\"size\":%" PRIu64
                     ",\"quick_size\":%" PRIu64 ",\"object\":%" PRIu64 ",\"connections\":%u}",
                     i == 0 ? "" : ",", w->name, w->words, KINDS[w->kind], w->size,
                     w->quick_size == 0 ? w->size : w->quick_size, w->object, w->connections);
    }
    (void)printf("\n]\n");
}
