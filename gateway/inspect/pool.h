/* The pool of inspectors, as the files that implement inspection.h share it. */
#ifndef GATEWAY_INSPECT_POOL_H
#define GATEWAY_INSPECT_POOL_H

#include "gateway/inspect/clamd.h"
#include "gateway/inspect/inspection.h"
#include "gateway/inspect/spawner.h"

#include <pthread.h>

enum { INSPECT_PATH_MAX = 1024, INSPECT_PIPE_BYTES = 1024 * 1024 };

enum trial { TRIAL_NONE, TRIAL_UNDER_WAY, TRIAL_DONE };

struct inspectors {
    struct inspectors_config config; /* its texts are below; no 0 left in it */
    char clamd_socket[INSPECT_PATH_MAX];
    struct spawner *spawner;
    unsigned lacks;
    bool limits_known, limits_fit, temporary_in_memory;

    pthread_mutex_t lock; /* of all below; never held while waiting for another process */
    pthread_cond_t changed;
    unsigned active;
    struct inspectors_stats stats;
    enum trial trial;
    pid_t tried; /* which clamd */
    int64_t tried_ms;
    struct clamd_behaviour behaviour;
    struct clamd_about about;
    int64_t about_ms; /* 0: not known */
};

/* A place in the pool, waited for; false: none became free. */
bool pool_enter(struct inspectors *p);
void pool_leave(struct inspectors *p);
void pool_until(unsigned ms, struct timespec *out); /* on the steady clock */

/* What clamd says of itself now (at most a second old). */
MUST_USE enum err engine_about(struct inspectors *p, struct clamd_about *out);
/* Whether this very clamd was tried and may be believed; tries it if need be. */
bool engine_believed(struct inspectors *p, pid_t clamd);

/* A pipe whose first end is the inspector's. */
MUST_USE enum err plain_pipe(int *theirs, int *ours);
/* Waits for `events` until the steady time; false: the time was up. */
bool await_fd(int fd, short events, int64_t deadline_ms);

#endif
