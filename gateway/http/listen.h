/* A listening socket from "127.0.0.1:8443" or "[::1]:0", and the text of what it became. */
#ifndef GATEWAY_HTTP_LISTEN_H
#define GATEWAY_HTTP_LISTEN_H

#include "gateway/base/error.h"

/* Numeric addresses only. ERR_INVALID, or what the system says. */
MUST_USE enum err listen_open(const char *address, int *out);
MUST_USE enum err listen_describe(int fd, char *out, size_t cap);

#endif
