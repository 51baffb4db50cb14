/* One child of the nursery: forked, its descriptors put in order, locked in by its role. */
#ifndef GATEWAY_INSPECTOR_PART_H
#define GATEWAY_INSPECTOR_PART_H

#include "gateway/inspector/sandbox.h"

struct part {
    enum sandbox_role role;
    const int *fds; /* in the order in which its role takes them (roles.h) */
    size_t n_fds;
};

/* `j` may be NULL for a role that takes none. Like fork(2), but only the parent comes back. */
pid_t part_fork(const struct job_settings *settings, const struct part *p, const struct job *j);

#endif
