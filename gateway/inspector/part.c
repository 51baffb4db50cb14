/* Invariant: a child has the descriptors of its role and no other, however many the nursery
 * has open for others at that moment. */
#include "gateway/inspector/part.h"

#include "gateway/inspector/family.h"
#include "gateway/inspector/roles.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_FD = 3, HIGH_FD = 40 };

/* Descriptors become FIRST_FD, FIRST_FD + 1, ... in their order. */
static bool arrange(const int *fds, size_t n)
{
    int high[8];

    assert(n <= ARRAY_LEN(high));
    for (size_t i = 0; i < n; i++) {
        high[i] = fcntl(fds[i], F_DUPFD, HIGH_FD);
        if (high[i] < 0)
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (dup2(high[i], FIRST_FD + (int)i) < 0)
            return false;
    }
    return true;
}

static void default_signals(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run(enum sandbox_role role, const struct job_settings *settings, const struct job *j)
{
    switch (role) {
    case ROLE_SCANNER:
        return scanner_serve(FIRST_FD, settings->cpu_s);
    case ROLE_EXAMINER:
        return examiner_run(FIRST_FD, FIRST_FD + 1, j->work.type);
    case ROLE_OPENER:
        return FAMILY.open == NULL ? EXIT_FAILURE
                                   : FAMILY.open(FIRST_FD, FIRST_FD + 1, FIRST_FD + 2);
    case ROLE_RENDERER:
        return FAMILY.render == NULL
                   ? EXIT_FAILURE
                   : FAMILY.render(FIRST_FD, FIRST_FD + 1, j->work.type, j->work.page);
    }
    return EXIT_FAILURE;
}

pid_t part_fork(const struct job_settings *settings, const struct part *p, const struct job *j)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    default_signals();
    if (!arrange(p->fds, p->n_fds) ||
        sandbox_enter(p->role, settings, (unsigned)p->n_fds) != ERR_OK)
        _exit(EXIT_FAILURE);
    _exit(run(p->role, settings, j));
}
