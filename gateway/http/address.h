/* What the per-address cap counts: one key a host. */
#ifndef GATEWAY_HTTP_ADDRESS_H
#define GATEWAY_HTTP_ADDRESS_H

#include <netinet/in.h>

/* IPv4 is mapped into IPv6; IPv6 is cut to its /64, which one host may own whole. `text` gets
 * the full address, IPv4 in its own form. */
struct in6_addr address_key(const struct sockaddr *addr, char text[INET6_ADDRSTRLEN]);

#endif
