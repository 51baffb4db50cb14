/* Connections that ended while the peer may still send.
 *
 * Closing a socket with unread input, or before input arrives, resets the connection, and the
 * reset may destroy a reply on its way. So a duplicate stays open and is read empty, within
 * drain_bytes and drain_ms; the connection's own descriptor may be closed. No lock of its own:
 * the table's. */
#ifndef GATEWAY_HTTP_LINGER_H
#define GATEWAY_HTTP_LINGER_H

#include "gateway/http/server.h"

#include <poll.h>

enum { LINGER_MAX = 256 };

struct linger_set {
    struct lingering {
        int fd;
        int64_t until_ms, heard_ms;
        uint64_t bytes_left;
    } all[LINGER_MAX];
    size_t n;
};

/* False if there is no need (the peer has closed) or no room. */
bool linger_add(struct linger_set *set, int fd, const struct http_limits *limits,
                int64_t now_ms);
/* Reads what is there and closes those that are done. */
void linger_read(struct linger_set *set, int64_t now_ms);
/* Fills fds and returns how many. */
size_t linger_poll_set(const struct linger_set *set, struct pollfd fds[LINGER_MAX]);
void linger_close(struct linger_set *set);

#endif
