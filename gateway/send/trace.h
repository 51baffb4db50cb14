/* --trace FILE: what was asked and answered, one JSON object a line, for whoever has to find
 * out what happened on the way. Offsets and statuses alone: no token, no name, no content. */
#ifndef GATEWAY_SEND_TRACE_H
#define GATEWAY_SEND_TRACE_H

#include "gateway/send/verdict.h"

struct trace {
    int fd; /* -1: none */
};
MUST_USE enum err trace_open(struct trace *t, const char *path); /* NULL: none */
void trace_close(struct trace *t);

struct trace_line {
    const char *upload; /* its address; "" before there is one */
    enum step step;
    uint64_t from, len; /* what was to be sent */
    uint64_t handed;    /* how far it went to the network */
    long status;        /* 0: no answer */
    int64_t offset;     /* as told, -1: not told */
};
/* One write, added to what is there. A trace that cannot be written is none: the upload goes
 * on. */
void trace_write(const struct trace *t, const struct trace_line *l);

#endif
