/* Invariant: every descriptor in the set is a duplicate that nobody else knows. */
#include "gateway/http/linger.h"

#include "gateway/http/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    QUIET_MS = 2000, /* nothing came for so long: the peer has what it wants */
    READS_MAX = 16,  /* of one socket in one turn */
};

bool linger_add(struct linger_set *set, int fd, const struct http_limits *limits,
                int64_t now_ms)
{
    int copy;

    if (set->n == LINGER_MAX || !tcp_peer_open(fd))
        return false;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return false;
    set->all[set->n++] = (struct lingering){
        .fd = copy,
        .until_ms = now_ms + limits->drain_ms,
        .heard_ms = now_ms,
        .bytes_left = limits->drain_bytes,
    };
    return true;
}

/* False when it is over. */
static bool read_one(struct lingering *l, int64_t now_ms)
{
    char sink[16384];

    if (now_ms >= l->until_ms || now_ms - l->heard_ms > QUIET_MS)
        return false;
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = recv(l->fd, sink, sizeof(sink), MSG_DONTWAIT | MSG_TRUNC);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0 || (uint64_t)n >= l->bytes_left)
            return false;
        l->bytes_left -= (uint64_t)n;
        l->heard_ms = now_ms;
    }
    return true;
}

void linger_read(struct linger_set *set, int64_t now_ms)
{
    for (size_t i = 0; i < set->n;) {
        if (read_one(&set->all[i], now_ms)) {
            i++;
            continue;
        }
        (void)close(set->all[i].fd);
        set->all[i] = set->all[--set->n];
    }
}

size_t linger_poll_set(const struct linger_set *set, struct pollfd fds[LINGER_MAX])
{
    for (size_t i = 0; i < set->n; i++)
        fds[i] = (struct pollfd){.fd = set->all[i].fd, .events = POLLIN};
    return set->n;
}

void linger_close(struct linger_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        (void)close(set->all[i].fd);
    set->n = 0;
}
