/* One TLS connection that carries one request after the other, driven by readiness.
 *
 *     CLOSED -> HANDSHAKE -> SENDING -> RECEIVING -> IDLE -> SENDING ...
 *                  any failure or "Connection: close" -> CLOSED
 */
#ifndef TESTS_BENCH_DRIVER_CONNECTION_H
#define TESTS_BENCH_DRIVER_CONNECTION_H

#include "tests/bench/driver/answer.h"
#include "tests/bench/driver/body.h"
#include "tests/bench/driver/workload.h"

#include <openssl/ssl.h>

enum { TARGETS_MAX = 4096, HEADERS_MAX = 8, REQUEST_HEAD_MAX = 8192, READ_SIZE = 131072 };

struct options { /* the command line */
    struct workload workload;
    unsigned port;
    const char *method;
    char *targets[TARGETS_MAX]; /* "{n}" in one stands for the request's number */
    size_t n_targets;
    const char *headers[HEADERS_MAX]; /* "{size}" in one stands for the body's */
    size_t n_headers;
    unsigned seconds; /* no request begins later; 0: no such end */
    uint64_t seed;
};

enum connection_state { CONN_CLOSED, CONN_HANDSHAKE, CONN_SENDING, CONN_RECEIVING, CONN_IDLE };

struct connection {
    const struct options *options;
    SSL_CTX *tls;
    SSL *ssl;
    SSL_SESSION *ticket; /* of an earlier connection of this slot */
    int fd;
    enum connection_state state;
    uint64_t number, size, begun_us;
    char head[REQUEST_HEAD_MAX];
    size_t head_len;
    uint64_t taken; /* bytes of head and body that went into records */
    uint8_t record[BODY_PIECE];
    size_t record_len, record_sent;
    struct answer answer;
    bool resumed;
    char failure[256]; /* "" or why the request failed */
};

SSL_CTX *connection_tls_new(void); /* TLS 1.3, AES-256-GCM, no check of the certificate */
/* Starts request `number`, with a body of `size` bytes if it is an upload; connects first if
 * the connection is closed. */
void connection_begin(struct connection *c, uint64_t number, uint64_t size);
/* Goes on until it would block. True when the request is over, well or with `failure`. */
bool connection_step(struct connection *c);
void connection_close(struct connection *c);
uint64_t now_us(void);

#endif
