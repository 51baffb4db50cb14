/* evidence-inspector: started by the gateway (gateway/inspect/spawner.h), not by people.
 *
 *     front ==control socket== evidence-inspector ==control sockets== one for each family
 *                                                     (itself among them, and
 * evidence-inspector-pdf, ...) each of them:            outermost process --fork--> nursery
 * --fork--> inspectors
 *
 * The outermost process keeps the settings of the first packet and starts the nursery again
 * should it die, since the front, once confined, could not. */
#include "gateway/base/log.h"
#include "gateway/inspector/family.h"
#include "gateway/inspector/nursery.h"
#include "gateway/inspector/roles.h"
#include "gateway/inspector/router.h"
#include "gateway/inspector/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESTART_GAP_MS = 1000, EXIT_LOCKED_OUT = 3 };

/* The nursery's life, from its birth. */
static int be_nursery(const struct job_settings *settings, unsigned lacks, bool first)
{
    enum err e;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return EXIT_FAILURE;
    examiner_warm();
    e = sandbox_enclose(settings, FAMILY.render != NULL, &lacks);
    /* the kernel forgets the parent's death signal with a change of user */
    if (e == ERR_OK && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        e = err_errno("PR_SET_PDEATHSIG");
    if (first)
        job_tell_ready(JOB_CONTROL_FD, e, lacks);
    if (e != ERR_OK)
        return EXIT_LOCKED_OUT;
    e = nursery_serve(JOB_CONTROL_FD, settings);
    if (e == ERR_OK)
        return EXIT_SUCCESS;
    log_event(LOG_ERROR, "inspector.nursery", log_err(e));
    return EXIT_FAILURE;
}

static int keep_nursery(const struct job_settings *settings)
{
    for (bool first = true;; first = false) {
        unsigned lacks = 0;
        int status = 0;
        pid_t pid = sandbox_fork(&lacks);

        if (pid == 0)
            _exit(be_nursery(settings, lacks, first));
        if (pid < 0) {
            log_event(LOG_ERROR, "inspector.fork", log_err(err_errno("fork")));
            return EXIT_FAILURE;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
            return EXIT_SUCCESS; /* the front is gone */
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LOCKED_OUT)
            return EXIT_FAILURE;
        log_event(LOG_ERROR, "inspector.nursery_died", log_int("status", status));
        (void)poll(NULL, 0, RESTART_GAP_MS);
    }
}

int main(int argc, char **argv)
{
    int fds[JOB_FDS_MAX];
    struct job first;
    enum err e;

    if (argc != 2 || strcmp(argv[1], "serve") != 0) {
        (void)fputs("evidence-inspector is started by evidence-gateway\n", stderr);
        return 2;
    }
    log_set_source("inspector");
    /* A terminal and a service manager signal the whole group: this ends with its front. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    e = job_recv(JOB_CONTROL_FD, &first, fds);
    if (e != ERR_OK || first.kind != JOB_SETTINGS)
        return EXIT_FAILURE;
    first.settings.user[JOB_USER_MAX - 1] = '\0';
    if (!FAMILY.routes || first.settings.member)
        return keep_nursery(&first.settings);
    e = router_serve(JOB_CONTROL_FD, &first.settings);
    return e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
