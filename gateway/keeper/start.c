/* Starting the guardian and, through it, keepers.
 *
 * Invariant: the guardian's environment is empty; what it must know goes through the first
 * frame. */
#include "gateway/keeper/client.h"

#include "gateway/base/child.h"
#include "gateway/keeper/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONTROL_FD_TEXT "3"
_Static_assert(CHILD_CONTROL_FD == 3, "and the text says so");

static char program[KEEPER_PATH_MAX] = "/proc/self/exe"; /* set before threads, if at all */

void keeper_set_program(const char *path)
{
    int n = snprintf(program, sizeof(program), "%s", path == NULL ? "/proc/self/exe" : path);

    assert(n > 0 && (size_t)n < sizeof(program));
}

static enum err execute(int control, pid_t *pid)
{
    static char name[] = "evidence-gateway", command[] = "keeper", fd[] = CONTROL_FD_TEXT;
    char *argv[] = {name, command, fd, NULL};
    char *no_environment[] = {NULL};

    return child_start(program, argv, no_environment, control, pid);
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

static enum err request_keeper(const struct guardian_link *g, uint8_t type,
                               const struct buf *body, int *service)
{
    AUTO_FD int fd = -1;

    TRY(frame_send(g->control, type, 0, body->data, body->len, -1));
    TRY(expect(g->control, type | FRAME_REPLY, &fd));
    if (fd < 0)
        return err_set(ERR_UNAVAILABLE, "the guardian gave no socket");
    TRY(child_send_deadline(fd, KEEPER_REPLY_WAIT_MS));
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
    fd_close_auto(&g->control);
    g->control = -1;
    child_stop(&g->pid, KEEPER_STOP_WAIT_MS);
}
