/* Why the kernel's count: it costs the path of the data nothing, and it counts what the peer
 * took, not what we put into a buffer for it. */
#include "gateway/http/tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* include/net/tcp_states.h, which is not exported. */
enum { TCP_STATE_ESTABLISHED = 1, TCP_STATE_FIN_WAIT1 = 4, TCP_STATE_FIN_WAIT2 = 5 };

bool tcp_count(int fd, bool received, uint64_t *out)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received))
        return false;
    *out = received ? info.tcpi_bytes_received : info.tcpi_bytes_acked;
    return true;
}

bool tcp_peer_open(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    return info.tcpi_state == TCP_STATE_ESTABLISHED || info.tcpi_state == TCP_STATE_FIN_WAIT1 ||
           info.tcpi_state == TCP_STATE_FIN_WAIT2;
}
