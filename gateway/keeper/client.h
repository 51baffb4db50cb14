/* The client's inside, between start.c (processes) and client.c (requests). */
#ifndef GATEWAY_KEEPER_CLIENT_H
#define GATEWAY_KEEPER_CLIENT_H

#include "gateway/keeper/keeper.h"

#include <sys/types.h>

enum {
    KEEPER_START_WAIT_MS = 20000, /* keys, guarded memory, self-tests */
    KEEPER_REPLY_WAIT_MS = 30000, /* a flush on a tormented disk */
    KEEPER_STOP_WAIT_MS = 5000,
    KEEPER_RESTART_GAP_MS = 1100, /* a little more than the guardian insists on */
};

/* The guardian, seen from the front. */
struct guardian_link {
    pid_t pid;
    int control;
};
/* Executes the guardian, hands it the settings, waits for the first keeper; *service is its
 * socket. */
MUST_USE enum err guardian_start(const struct keeper_config *config, struct guardian_link *out,
                                 int *service);
/* Asks for another keeper and waits until it is ready. */
MUST_USE enum err guardian_spawn(const struct guardian_link *g, int *service);
void guardian_stop(struct guardian_link *g);

#endif
