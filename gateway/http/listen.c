/* Why our own socket and not the library's: the address comes as text, port 0 must be told
 * back, and the descriptor has to be non-blocking, or a client that goes away between poll and
 * accept stops all others. */
#include "gateway/http/listen.h"

#include "gateway/base/macros.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { HOST_MAX = 64, PORT_MAX = 6 };

static enum err address_split(const char *text, char host[HOST_MAX], char port[PORT_MAX])
{
    bool bracket = text[0] == '[';
    const char *start = text + bracket;
    const char *end = bracket ? strchr(start, ']') : strrchr(text, ':');
    size_t host_len;

    if (end == NULL || end[bracket] != ':')
        return err_set(ERR_INVALID, "%s: not an address and a port", text);
    host_len = (size_t)(end - start);
    end += bracket + 1;
    if (host_len == 0 || host_len >= HOST_MAX || strlen(end) == 0 || strlen(end) >= PORT_MAX)
        return err_set(ERR_INVALID, "%s: not an address and a port", text);
    memcpy(host, start, host_len);
    host[host_len] = '\0';
    memcpy(port, end, strlen(end) + 1);
    return ERR_OK;
}

static enum err socket_listen(const struct addrinfo *ai, const char *text, int *out)
{
    AUTO_FD int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, zero = 0;

    if (fd < 0)
        return err_errno("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
        return err_errno("SO_REUSEADDR");
    /* Inherited by what is accepted: a handshake's last flight must not wait for an
     * acknowledgement. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
        return err_errno("TCP_NODELAY");
    if (ai->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) != 0)
        return err_errno("IPV6_V6ONLY");
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)
        return err_errno(text);
    *out = fd;
    fd = -1;
    return ERR_OK;
}

enum err listen_open(const char *address, int *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    char host[HOST_MAX], port[PORT_MAX];
    struct addrinfo *ai = NULL;
    enum err e;

    *out = -1;
    TRY(address_split(address, host, port));
    if (getaddrinfo(host, port, &hints, &ai) != 0)
        return err_set(ERR_INVALID, "%s: not a numeric address and port", address);
    e = socket_listen(ai, address, out);
    freeaddrinfo(ai);
    return e;
}

enum err listen_describe(int fd, char *out, size_t cap)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    char host[HOST_MAX], port[PORT_MAX];
    int n;

    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return err_errno("getsockname");
    if (getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return err_set(ERR_INTERNAL, "an address without a text");
    n = snprintf(out, cap, addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    if (n < 0 || (size_t)n >= cap)
        return err_set(ERR_TOO_LARGE, "an address that is too long");
    return ERR_OK;
}
