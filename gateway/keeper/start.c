/* Starting the guardian and, through it, keepers.
 *
 * Invariants: the guardian is an executed process, not a fork of the front: nothing of the
 * front's memory is in it, and all it inherits is its control socket and standard error. Its
 * environment is empty; what it must know goes through the first frame. */
#include "gateway/keeper/client.h"

#include "gateway/base/clock.h"
#include "gateway/keeper/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_FD = 3, STOP_POLL_MS = 5 };
#define CONTROL_FD_TEXT "3"

static char program[KEEPER_PATH_MAX] = "/proc/self/exe"; /* set before threads, if at all */

void keeper_set_program(const char *path)
{
    int n = snprintf(program, sizeof(program), "%s", path == NULL ? "/proc/self/exe" : path);

    assert(n > 0 && (size_t)n < sizeof(program));
}

static int add_actions(posix_spawn_file_actions_t *actions, int control)
{
    int failed =
        posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (failed == 0)
        failed =
            posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, control, CONTROL_FD);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(actions, CONTROL_FD + 1);
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

static enum err execute(int control, pid_t *pid)
{
    static char name[] = "evidence-gateway", command[] = "keeper", fd[] = CONTROL_FD_TEXT;
    char *argv[] = {name, command, fd, NULL};
    char *no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
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
        failed = posix_spawn(pid, program, &actions, &attr, argv, no_environment);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    errno = failed;
    return failed == 0 ? ERR_OK : err_errno("executing the keeper");
}

/* A reply's beginning as our own error. */
static enum err reply_status(struct reader *r)
{
    struct reply reply;

    TRY(reply_take(r, &reply));
    return reply.status == ERR_OK ? ERR_OK : err_set(reply.status, "keeper: %s", reply.message);
}

static enum err expect(int fd, uint8_t type, int *got_fd)
{
    uint8_t packet[FRAME_HEAD_SIZE + 4 + 4 + ERR_MESSAGE_MAX + 8];
    struct reader r;
    struct frame f;
    size_t len;

    TRY(frame_recv(fd, packet, sizeof(packet), KEEPER_START_WAIT_MS, &len, got_fd));
    if (len > sizeof(packet))
        return err_set(ERR_INVALID, "the keeper's first words are too many");
    TRY(frame_decode(packet, len, &f));
    if (f.type != type)
        return err_set(ERR_INVALID, "the keeper's first words are not what is expected");
    reader_init(&r, f.body, f.len);
    TRY(reply_status(&r));
    return reader_end(&r);
}

/* No request may hang on a keeper that no longer takes any. */
static enum err set_send_deadline(int fd)
{
    struct timeval t = {.tv_sec = KEEPER_REPLY_WAIT_MS / 1000};

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) == 0
               ? ERR_OK
               : err_errno("SO_SNDTIMEO");
}

static enum err request_keeper(const struct guardian_link *g, uint8_t type,
                               const struct buf *body, int *service)
{
    AUTO_FD int fd = -1;

    TRY(frame_send(g->control, type, 0, body->data, body->len, -1));
    TRY(expect(g->control, type | FRAME_REPLY, &fd));
    if (fd < 0)
        return err_set(ERR_UNAVAILABLE, "the guardian gave no socket");
    TRY(set_send_deadline(fd));
    TRY(expect(fd, FRAME_READY, NULL));
    *service = fd;
    fd = -1;
    return ERR_OK;
}

enum err guardian_spawn(const struct guardian_link *g, int *service)
{
    const struct buf nothing = {.len = 0};

    return request_keeper(g, FRAME_SPAWN, &nothing, service);
}

enum err guardian_start(const struct keeper_config *config, struct guardian_link *out,
                        int *service)
{
    AUTO_CLEAR(buf_clear) struct buf body;
    struct keeper_config told = *config;
    int pair[2];
    enum err e;

    if (told.keys_dir == NULL || *told.keys_dir == '\0')
        told.keys_dir = getenv("CREDENTIALS_DIRECTORY");
    buf_init(&body, CONFIG_BODY_MAX);
    TRY(settings_encode(&told, &body));
    TRY(frame_socketpair(pair));
    *out = (struct guardian_link){.pid = -1, .control = pair[0]};
    e = execute(pair[1], &out->pid);
    (void)close(pair[1]);
    if (e == ERR_OK)
        e = request_keeper(out, FRAME_CONFIG, &body, service);
    if (e != ERR_OK)
        guardian_stop(out);
    return e;
}

/* Its end within the time, or SIGKILL to that one process (whose keeper dies with it). */
void guardian_stop(struct guardian_link *g)
{
    int64_t deadline = clock_steady_ms() + KEEPER_STOP_WAIT_MS;

    fd_close_auto(&g->control);
    g->control = -1;
    while (g->pid > 0 && waitpid(g->pid, NULL, WNOHANG) == 0) {
        if (clock_steady_ms() > deadline) {
            (void)kill(g->pid, SIGKILL);
            (void)waitpid(g->pid, NULL, 0);
            break;
        }
        (void)poll(NULL, 0, STOP_POLL_MS);
    }
    g->pid = -1;
}
