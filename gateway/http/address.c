/* Invariant: one peer has one key, whether it comes as IPv4 or as IPv4 in IPv6. */
#include "gateway/http/address.h"

#include <arpa/inet.h>
#include <string.h>

struct in6_addr address_key(const struct sockaddr *addr, char text[INET6_ADDRSTRLEN])
{
    struct in6_addr key = {0};

    text[0] = '\0';
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, addr, sizeof(v4));
        key.s6_addr[10] = key.s6_addr[11] = 0xff;
        memcpy(&key.s6_addr[12], &v4.sin_addr, 4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN);
    } else if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, addr, sizeof(v6));
        key = v6.sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&key)) {
            (void)inet_ntop(AF_INET, &key.s6_addr[12], text, INET6_ADDRSTRLEN);
        } else {
            (void)inet_ntop(AF_INET6, &key, text, INET6_ADDRSTRLEN);
            memset(&key.s6_addr[8], 0, 8);
        }
    }
    return key;
}
