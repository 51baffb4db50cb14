/* What the kernel knows of a connection (TCP_INFO). */
#ifndef GATEWAY_HTTP_TCP_H
#define GATEWAY_HTTP_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes the peer has sent us, or has acknowledged, since the connection began. False: not told.
 */
bool tcp_count(int fd, bool received, uint64_t *out);
/* Whether the peer may still send, asked after our own half was shut. */
bool tcp_peer_open(int fd);

#endif
