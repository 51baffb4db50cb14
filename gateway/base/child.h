/* A program that this one executes and speaks with over a socket. It is executed, not forked:
 * nothing of our memory is in it, and of our descriptors it has its control socket and standard
 * error alone; no signal is blocked, ignored or caught in it. */
#ifndef GATEWAY_BASE_CHILD_H
#define GATEWAY_BASE_CHILD_H

#include "gateway/base/error.h"

#include <stdint.h>
#include <sys/types.h>

enum { CHILD_CONTROL_FD = 3 }; /* where the child finds its end */

/* `control` is the child's end, and stays the caller's to close. `argv` and `env` end with
 * NULL. */
MUST_USE enum err child_start(const char *program, char *const argv[], char *const env[],
                              int control, pid_t *pid);
/* Waits for its end, which the caller has asked for by closing the socket; after `wait_ms` it
 * is killed, that one process. *pid is -1 then. No harm when it is already. */
void child_stop(pid_t *pid, int64_t wait_ms);
/* Nobody may hang on a child that takes nothing any more: a send fails after so long. */
MUST_USE enum err child_send_deadline(int control, int64_t wait_ms);

#endif
