/* What the tests of limits ask of a server, beside front.h. */
#ifndef TESTS_UNIT_HTTP_LIMITS_H
#define TESTS_UNIT_HTTP_LIMITS_H

#include "tests/unit/http/front.h"

#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" HOST "\r\n"

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

#endif
