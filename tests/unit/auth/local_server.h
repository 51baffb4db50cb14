/* A real HTTP server on a free port of loopback, one thread: what it answers, how often it was
 * asked, and how badly it behaves can be changed while it runs. */
#ifndef TESTS_UNIT_AUTH_LOCAL_SERVER_H
#define TESTS_UNIT_AUTH_LOCAL_SERVER_H

#include "tests/unit/auth/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum server_mood {
    SERVER_WELL,
    SERVER_ERROR,  /* 500 */
    SERVER_HANGUP, /* closes without an answer */
    SERVER_CUT,    /* ends before the length it announced */
    SERVER_GARBAGE,
    SERVER_FLOOD,  /* a body without end */
    SERVER_SILENT, /* keeps the connection and says nothing */
    SERVER_HELD,   /* answers only when let go */
};

struct local_server {
    int fd, stop[2];
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock;
    char body[1 << 16];
    char headers[256];
    atomic_int mood;
    atomic_int asked;
};

static inline void server_send(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static inline bool server_stopped(struct local_server *s, int timeout_ms)
{
    struct pollfd p = {.fd = s->stop[0], .events = POLLIN};

    return poll(&p, 1, timeout_ms) == 1;
}

static inline void server_answer(struct local_server *s, int fd)
{
    static char text[(1 << 16) + 1024];
    static const char flood[4096] = {' '};
    int n;

    while (atomic_load(&s->mood) == SERVER_HELD && !server_stopped(s, 5))
        continue;
    pthread_mutex_lock(&s->lock);
    n = snprintf(text, sizeof(text),
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\n%s"
                 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 atomic_load(&s->mood) == SERVER_ERROR ? "500 Oops" : "200 OK", s->headers,
                 strlen(s->body), s->body);
    pthread_mutex_unlock(&s->lock);
    switch ((enum server_mood)atomic_load(&s->mood)) {
    case SERVER_WELL:
    case SERVER_ERROR:
    case SERVER_HELD:
        server_send(fd, text, (size_t)n);
        break;
    case SERVER_CUT:
        server_send(fd, text, (size_t)n - 10);
        break;
    case SERVER_GARBAGE:
        server_send(fd, "\x16\x03\x01 no HTTP here\r\n\r\n", 21);
        break;
    case SERVER_FLOOD:
        server_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 38);
        for (int i = 0; i < 1024; i++)
            server_send(fd, flood, sizeof(flood));
        break;
    case SERVER_SILENT:
        while (atomic_load(&s->mood) == SERVER_SILENT && !server_stopped(s, 5))
            continue;
        break;
    case SERVER_HANGUP:
        break;
    }
}

static inline void *server_main(void *arg)
{
    struct local_server *s = arg;

    for (;;) {
        struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN},
                              {.fd = s->stop[0], .events = POLLIN}};
        char request[8192];
        size_t len = 0;
        ssize_t n;
        int fd;

        if (poll(p, 2, -1) < 0 || p[1].revents != 0)
            return NULL;
        fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        do {
            n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
            len += n > 0 ? (size_t)n : 0;
            request[len] = '\0';
        } while (n > 0 && strstr(request, "\r\n\r\n") == NULL);
        atomic_fetch_add(&s->asked, 1);
        server_answer(s, fd);
        close(fd);
    }
}

static inline void server_say(struct local_server *s, const char *body, const char *headers)
{
    pthread_mutex_lock(&s->lock);
    ck_assert_uint_lt(strlen(body), sizeof(s->body));
    (void)stpcpy(s->body, body);
    (void)stpcpy(s->headers, headers);
    pthread_mutex_unlock(&s->lock);
}

static inline void server_start(struct local_server *s, const char *body)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    server_say(s, body, "");
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(s->fd, 64), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
    ck_assert_int_eq(pipe(s->stop), 0);
    (void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/jwks", ntohs(at.sin_port));
    ck_assert_int_eq(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static inline void server_end(struct local_server *s)
{
    ck_assert_int_eq(write(s->stop[1], "", 1), 1);
    ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
    pthread_mutex_destroy(&s->lock);
}

#endif
