/* Executing a program that serves this one, and its end.
 *
 * Invariant: what the child inherits is listed here and nowhere else. */
#include "gateway/base/child.h"

#include "gateway/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_POLL_MS = 5 };

static int add_actions(posix_spawn_file_actions_t *actions, int control)
{
    int failed =
        posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (failed == 0)
        failed =
            posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, control, CHILD_CONTROL_FD);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_CONTROL_FD + 1);
    return failed;
}

static int add_signals(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int failed;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    failed = posix_spawnattr_setsigmask(attr, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attr, &all);
    if (failed == 0)
        failed = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failed;
}

enum err child_start(const char *program, char *const argv[], char *const env[], int control,
                     pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char what[64];
    int failed;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return err_set(ERR_NOMEM, "posix_spawn");
    if (posix_spawnattr_init(&attr) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return err_set(ERR_NOMEM, "posix_spawn");
    }
    failed = add_actions(&actions, control);
    if (failed == 0)
        failed = add_signals(&attr);
    if (failed == 0)
        failed = posix_spawn(pid, program, &actions, &attr, argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed == 0)
        return ERR_OK;
    (void)snprintf(what, sizeof(what), "executing %s", argv[0]);
    errno = failed;
    return err_errno(what);
}

void child_stop(pid_t *pid, int64_t wait_ms)
{
    int64_t deadline = clock_steady_ms() + wait_ms;

    while (*pid > 0 && waitpid(*pid, NULL, WNOHANG) == 0) {
        if (clock_steady_ms() > deadline) {
            (void)kill(*pid, SIGKILL);
            (void)waitpid(*pid, NULL, 0);
            break;
        }
        (void)poll(NULL, 0, STOP_POLL_MS);
    }
    *pid = -1;
}

enum err child_send_deadline(int control, int64_t wait_ms)
{
    struct timeval t = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};

    return setsockopt(control, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) == 0
               ? ERR_OK
               : err_errno("SO_SNDTIMEO");
}
