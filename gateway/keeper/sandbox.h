/* The keeper gives up all it does not need, once its files are open (sandbox.c, read it top to
 * bottom). */
#ifndef GATEWAY_KEEPER_SANDBOX_H
#define GATEWAY_KEEPER_SANDBOX_H

#include "gateway/base/error.h"

#include <sys/types.h>

struct sandbox {
    const char *user; /* to become when started by root; NULL or "": stay */
    int socket;       /* kept, besides standard error */
    int state_file;   /* kept */
    pid_t parent;     /* dies, we die; 0: whoever it is */
};

/* Irreversible. On error the process is half locked and must end. */
MUST_USE enum err sandbox_enter(const struct sandbox *s);

/* What a system call beyond the list gets: sanitizers call more than we do, so that their
 * builds get a wider list and an error instead of death; the thread sanitizer has a thread of
 * its own and gets no filter at all. */
enum sandbox_filter { SANDBOX_KILLS, SANDBOX_REFUSES, SANDBOX_NO_FILTER };
enum sandbox_filter sandbox_filter(void);

#endif
