/* What the load driver can do, as one table; `bench_driver --list` prints it for tools/bench.
 */
#ifndef TESTS_BENCH_DRIVER_WORKLOAD_H
#define TESTS_BENCH_DRIVER_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum workload_kind {
    WORKLOAD_UPLOAD,   /* `size` bytes up, each body different */
    WORKLOAD_DOWNLOAD, /* the target down: `size` bytes are expected */
    WORKLOAD_RANGE,    /* `size` bytes from a random place of an object of `object` bytes */
    WORKLOAD_GET,      /* the targets in turn, whatever they hold */
};
enum workload_session {
    SESSION_KEPT,    /* connections stay open from before the clock starts */
    SESSION_FULL,    /* connect, full handshake and one request, every time */
    SESSION_RESUMED, /* the same with a ticket of an earlier connection */
};

struct workload {
    const char *name, *words;
    enum workload_kind kind;
    enum workload_session session;
    uint64_t size, object;
    unsigned connections;
    uint64_t requests, warm_up;
    uint64_t quick_requests;
    uint64_t quick_size; /* 0: as `size` */
};

const struct workload *workload_find(const char *name); /* NULL: there is none */
void workload_print_all(void);                          /* JSON, on standard output */

#endif
