/* What http_server_stats reads; every room of the front adds to it. */
#ifndef GATEWAY_HTTP_COUNTERS_H
#define GATEWAY_HTTP_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

struct http_counters {
    _Atomic uint64_t connections_total, refused_connections, reaped, handshake_failures,
        requests, bad_heads, bytes_in, bytes_out;
};

static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t counter_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
