/* What the tests of limits ask of a server, beside front.h. */
#ifndef TESTS_UNIT_HTTP_LIMITS_H
#define TESTS_UNIT_HTTP_LIMITS_H

#include "tests/unit/http/front.h"

#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" HOST "\r\n"

/* Waits until it is so, or half a minute. */
#define AWAIT(condition)                                                                       \
    do {                                                                                       \
        for (int await_ = 0; await_ < 6000 && !(condition); await_++)                          \
            (void)poll(NULL, 0, 5);                                                            \
    } while (0)

static inline struct http_stats stats(void)
{
    struct http_stats out;

    http_server_stats(server, &out);
    return out;
}

/* Waits until the server has closed this connection: true if it does within 20 s. */
static inline bool closed(int fd)
{
    char byte[256];
    ssize_t n;

    while ((n = recv(fd, byte, sizeof(byte), 0)) > 0)
        ;
    return n == 0 || errno == ECONNRESET;
}

static inline void served(void)
{
    char *reply = ask_text("GET /hello HTTP/1.1\r\n" HOST CLOSE);

    ck_assert_msg(status_of(reply) == 200, "%s", reply);
    free(reply);
}

/* Where the reaper makes room for a newcomer, which takes it a moment. */
static inline void served_at_last(void)
{
    int status = 0;

    for (int i = 0; i < 1000 && status != 200; i++) {
        (void)poll(NULL, 0, 20);
        char *reply = ask_text("GET /hello HTTP/1.1\r\n" HOST CLOSE);
        status = status_of(reply);
        free(reply);
    }
    ck_assert_int_eq(status, 200);
}

#endif
