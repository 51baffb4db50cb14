/* One packet, with its descriptors. Invariants: a descriptor that arrives is either handed to
 * the caller or closed here; what is sent is never read from beyond the struct. */
#include "gateway/inspect/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Aligned as the kernel wants it. */
union fds_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int) * JOB_FDS_MAX)];
};

void job_tell_ready(int control, enum err e, unsigned lacks)
{
    struct job_ready ready = {.magic = JOB_MAGIC, .status = (uint32_t)e, .lacks = lacks};

    (void)snprintf(ready.message, sizeof(ready.message), "%s", err_message(e));
    (void)send(control, &ready, sizeof(ready), MSG_NOSIGNAL);
}

enum err job_socketpair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0
               ? ERR_OK
               : err_errno("socketpair");
}

enum err job_send(int socket, const struct job *j, const int *fds, size_t n_fds)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)j, .iov_len = sizeof(*j)};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    union fds_room room;
    ssize_t sent;

    assert(n_fds <= JOB_FDS_MAX);
    memset(&room, 0, sizeof(room));
    if (n_fds > 0) {
        msg.msg_control = room.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        assert(c != NULL);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)sizeof(*j))
        return ERR_OK;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return err_set(ERR_UNAVAILABLE, "the spawner of inspectors is gone");
    return err_errno("sendmsg to the spawner of inspectors");
}

static void take_fds(struct msghdr *msg, int fds[JOB_FDS_MAX])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        assert(n <= JOB_FDS_MAX); /* the room is no larger: the kernel closed the rest */
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    }
}

static void close_all(int fds[JOB_FDS_MAX])
{
    for (size_t i = 0; i < JOB_FDS_MAX; i++) {
        fd_close_auto(&fds[i]);
        fds[i] = -1;
    }
}

enum err job_recv(int socket, struct job *j, int fds[JOB_FDS_MAX])
{
    struct iovec part = {.iov_base = j, .iov_len = sizeof(*j)};
    union fds_room room;
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = room.bytes,
                         .msg_controllen = sizeof(room.bytes)};
    ssize_t got;

    for (size_t i = 0; i < JOB_FDS_MAX; i++)
        fds[i] = -1;
    do
        got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno == ECONNRESET))
        return err_set(ERR_UNAVAILABLE, "the front is gone");
    if (got < 0)
        return err_errno("recvmsg");
    take_fds(&msg, fds);
    if (got == (ssize_t)sizeof(*j) && (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        j->magic == JOB_MAGIC)
        return ERR_OK;
    close_all(fds);
    return err_set(ERR_INVALID, "not a job");
}
