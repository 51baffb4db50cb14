/* One file, from its first byte to its stored receipt, through whatever the network does. */
#ifndef GATEWAY_SEND_TRANSFER_H
#define GATEWAY_SEND_TRANSFER_H

#include "gateway/send/options.h"
#include "gateway/send/report.h"
#include "gateway/send/trace.h"
#include "gateway/send/transport.h"

struct shared { /* by all files of a run; borrowed */
    const struct send_options *options;
    struct transport *transport;
    struct token *token;
    const struct trace *trace;
};
/* Says on the way what happens; the outcome stands in `result`. */
void transfer_run(const struct shared *shared, const char *file, struct report *report,
                  struct result *result);

#endif
