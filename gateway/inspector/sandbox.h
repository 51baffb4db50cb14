/* What an inspector gives up before it sees a byte, in two stages (sandbox.c, top to bottom):
 * the nursery locks itself in once, each child it forks then keeps only what its role needs.
 */
#ifndef GATEWAY_INSPECTOR_SANDBOX_H
#define GATEWAY_INSPECTOR_SANDBOX_H

#include "gateway/inspect/job.h"

#include <sys/types.h>

/* Forks the nursery into namespaces of its own: no network, no other processes, own mounts.
 * What the machine refuses is added to *lacks. Like fork(2) otherwise. */
pid_t sandbox_fork(unsigned *lacks);

/* In the nursery: an empty root (where it draws, `fonts` remain, read-only), its own user, no
 * new privileges, Landlock; the filters of its children are made. ERR_UNSUPPORTED when
 * something lacks and nothing may; *lacks is complete then too. */
MUST_USE enum err sandbox_enclose(const struct job_settings *settings, bool fonts,
                                  unsigned *lacks);

enum sandbox_role {
    ROLE_SCANNER,  /* passes bytes on; parses clamd's answer alone */
    ROLE_EXAMINER, /* parses; one pipe in, one out */
    ROLE_OPENER,   /* the same, and a password comes in */
    ROLE_RENDERER, /* parses, and may read fonts */
};
enum { ROLES = ROLE_RENDERER + 1 };

/* In the child, whose descriptors are 0 to 2 and `n_fds` from 3 on. The system-call filter
 * comes last: what is not on its list kills the process. */
MUST_USE enum err sandbox_enter(enum sandbox_role role, const struct job_settings *settings,
                                unsigned n_fds);

#endif
