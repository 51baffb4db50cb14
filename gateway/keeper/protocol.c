/* Frames: why they are packets, not a stream, stands in the header.
 *
 * Invariants: what is decoded points into the packet and never past it; every decoder consumes
 * its whole body or refuses; a descriptor that was not asked for is closed at once, so that no
 * peer can fill the table of the other. */
#include "gateway/keeper/protocol.h"

#include "gateway/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put_be(uint8_t *at, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

enum err frame_decode(const void *packet, size_t len, struct frame *out)
{
    struct reader r;
    uint32_t magic, length;
    uint16_t zero;
    uint8_t version;

    *out = (struct frame){0};
    reader_init(&r, packet, len);
    TRY(reader_u32(&r, &magic));
    TRY(reader_u8(&r, &version));
    TRY(reader_u8(&r, &out->type));
    TRY(reader_u16(&r, &zero));
    if (magic != FRAME_MAGIC || version != FRAME_VERSION || zero != 0)
        return err_set(ERR_INVALID, "not a frame of this version");
    TRY(reader_u64(&r, &out->id));
    TRY(reader_u32(&r, &length));
    if (length != r.left)
        return err_set(ERR_INVALID, "a frame's length is not its packet's");
    out->body = r.at;
    out->len = r.left;
    return ERR_OK;
}

/* The room for one passed descriptor, aligned as the kernel wants it. */
union fd_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void attach_fd(struct msghdr *msg, union fd_room *room, int fd)
{
    struct cmsghdr *c;

    memset(room, 0, sizeof(*room));
    msg->msg_control = room->bytes;
    msg->msg_controllen = sizeof(room->bytes);
    c = CMSG_FIRSTHDR(msg);
    assert(c != NULL);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

enum err frame_send(int fd, uint8_t type, uint64_t id, const void *body, size_t len,
                    int pass_fd)
{
    uint8_t head[FRAME_HEAD_SIZE] = {0};
    struct iovec parts[2] = {{.iov_base = head, .iov_len = sizeof(head)},
                             {.iov_base = (void *)(uintptr_t)body, .iov_len = len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = len == 0 ? 1 : 2};
    union fd_room room;
    ssize_t sent;

    assert(len <= FRAME_BODY_MAX);
    put_be(head, FRAME_MAGIC, 4);
    head[4] = FRAME_VERSION;
    head[5] = type;
    put_be(head + 8, id, 8);
    put_be(head + 16, len, 4);
    if (pass_fd >= 0)
        attach_fd(&msg, &room, pass_fd);
    do
        sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        assert((size_t)sent == sizeof(head) + len); /* a packet goes whole */
        return ERR_OK;
    }
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return err_set(ERR_UNAVAILABLE, "the other side of the keeper's socket is gone");
    return err_errno("sendmsg to the keeper's socket");
}

/* Never one of the three standard numbers, which a process may have been started without. */
static enum err move_up(int *fd)
{
    int higher;

    if (*fd > STDERR_FILENO)
        return ERR_OK;
    higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        return err_errno("moving a socket");
    (void)close(*fd);
    *fd = higher;
    return ERR_OK;
}

static int take_fd(struct msghdr *msg)
{
    int fd = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    }
    return fd;
}

static enum err wait_readable(int fd, int timeout_ms, bool *hung_up)
{
    int64_t deadline = clock_steady_ms() + timeout_ms;
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

    for (;;) {
        int64_t left = deadline - clock_steady_ms();
        int n = poll(&p, 1, timeout_ms < 0 ? -1 : left < 0 ? 0 : (int)left);

        if (n > 0) {
            *hung_up = (p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
            return ERR_OK;
        }
        if (n == 0)
            return err_set(ERR_TIMEOUT, "no answer on the keeper's socket in time");
        if (errno != EINTR)
            return err_errno("poll of the keeper's socket");
    }
}

enum err frame_recv(int fd, void *packet, size_t cap, int timeout_ms, size_t *len, int *got_fd)
{
    struct iovec part = {.iov_base = packet, .iov_len = cap};
    union fd_room room;
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    AUTO_FD int came = -1;
    bool hung_up = false;
    ssize_t n;

    TRY(wait_readable(fd, timeout_ms, &hung_up));
    do {
        msg.msg_control = room.bytes;
        msg.msg_controllen = sizeof(room.bytes);
        n = recvmsg(fd, &msg, MSG_TRUNC | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != ECONNRESET)
        return err_errno("recvmsg from the keeper's socket");
    if (n < 0 || (n == 0 && hung_up)) /* else it was an empty packet: malformed, not the end */
        return err_set(ERR_UNAVAILABLE, "the other side of the keeper's socket is gone");
    came = take_fd(&msg);
    *len = (size_t)n;
    if (got_fd == NULL)
        return ERR_OK;
    if (came >= 0)
        TRY(move_up(&came));
    *got_fd = came;
    came = -1;
    return ERR_OK;
}

static enum err take_whole_frames(int fd)
{
    int wanted = 2 * FRAME_MAX, have = 0;
    socklen_t size = sizeof(have);

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &size) != 0)
        return err_errno("SO_SNDBUF");
    if (have < FRAME_MAX + FRAME_MAX / 4)
        return err_set(ERR_UNSUPPORTED,
                       "socket buffers are limited below one frame (net.core.wmem_max)");
    return ERR_OK;
}

enum err frame_socketpair(int out[2])
{
    AUTO_FD int one = -1;
    AUTO_FD int two = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_errno("socketpair");
    one = pair[0];
    two = pair[1];
    TRY(move_up(&one));
    TRY(move_up(&two));
    TRY(take_whole_frames(one));
    TRY(take_whole_frames(two));
    out[0] = one;
    out[1] = two;
    one = two = -1;
    return ERR_OK;
}

enum err reply_begin(struct buf *out, enum err status, uint64_t value)
{
    const char *message = status == ERR_OK ? "" : err_message(status);

    TRY(buf_append_u32(out, (uint32_t)status));
    TRY(buf_append_blob(out, message, strlen(message)));
    return buf_append_u64(out, value);
}

enum err reply_take(struct reader *r, struct reply *out)
{
    uint32_t status;

    TRY(reader_u32(r, &status));
    TRY(reader_text(r, out->message, sizeof(out->message)));
    TRY(reader_u64(r, &out->value));
    if (status > (uint32_t)ERR_INTERNAL)
        return err_set(ERR_INVALID, "a reply with an unknown status");
    out->status = (enum err)status;
    return ERR_OK;
}
