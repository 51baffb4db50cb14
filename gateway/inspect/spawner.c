/* Executing the inspectors' program and speaking with it.
 *
 * Invariant: nothing is read from the socket after the first answer, so that no lock is needed:
 * a packet goes whole. */
#include "gateway/inspect/spawner.h"

#include "gateway/base/child.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { START_WAIT_MS = 20000, STOP_WAIT_MS = 2000, SEND_WAIT_MS = 5000 };
_Static_assert((int)JOB_CONTROL_FD == (int)CHILD_CONTROL_FD, "where it finds its socket");

struct spawner {
    pid_t pid;
    int control;
    _Atomic uint64_t last_id;
};

static enum err execute(const char *program, int control, pid_t *pid)
{
    static char name[] = "evidence-inspector", serve[] = "serve";
    char *argv[] = {name, serve, NULL};
    /* bound once here, or every child of the nursery binds anew what it calls */
    static char bind_now[] = "LD_BIND_NOW=1";
    char *environment[] = {bind_now, NULL};

    return child_start(program, argv, environment, control, pid);
}

static enum err await_ready(int control, unsigned *lacks)
{
    struct pollfd p = {.fd = control, .events = POLLIN};
    struct job_ready ready;
    int n;

    do
        n = poll(&p, 1, START_WAIT_MS);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return err_set(ERR_TIMEOUT, "evidence-inspector did not become ready");
    if (n < 0)
        return err_errno("poll");
    if (recv(control, &ready, sizeof(ready), 0) != (ssize_t)sizeof(ready) ||
        ready.magic != JOB_MAGIC || ready.status > ERR_INTERNAL)
        return err_set(ERR_UNAVAILABLE, "evidence-inspector did not start");
    ready.message[sizeof(ready.message) - 1] = '\0';
    *lacks = ready.lacks;
    return ready.status == ERR_OK
               ? ERR_OK
               : err_set((enum err)ready.status, "evidence-inspector: %.200s", ready.message);
}

enum err spawner_begin(const char *program, const struct job_settings *settings,
                       struct spawner **out)
{
    AUTO(spawner_stop) struct spawner *s = calloc(1, sizeof(*s));
    struct job first = {.magic = JOB_MAGIC, .kind = JOB_SETTINGS, .settings = *settings};
    int pair[2];
    enum err e;

    if (s == NULL)
        return err_set(ERR_NOMEM, "the spawner of inspectors");
    s->control = -1;
    TRY(job_socketpair(pair));
    s->control = pair[0];
    e = execute(program, pair[1], &s->pid);
    (void)close(pair[1]);
    TRY(e);
    TRY(child_send_deadline(s->control, SEND_WAIT_MS));
    TRY(job_send(s->control, &first, NULL, 0));
    *out = TAKE(s);
    return ERR_OK;
}

enum err spawner_await(struct spawner *s, unsigned *lacks)
{
    *lacks = 0;
    return await_ready(s->control, lacks);
}

enum err spawner_start(const char *program, const struct job_settings *settings,
                       struct spawner **out, unsigned *lacks)
{
    AUTO(spawner_stop) struct spawner *s = NULL;

    *lacks = 0;
    TRY(spawner_begin(program, settings, &s));
    TRY(spawner_await(s, lacks));
    *out = TAKE(s);
    return ERR_OK;
}

enum err spawner_forward(struct spawner *s, const struct job *j, const int *fds, size_t n)
{
    return job_send(s->control, j, fds, n);
}

/* Its end within the time, or SIGKILL to that one process (whose children die with it). */
void spawner_stop(struct spawner *s)
{
    if (s == NULL)
        return;
    fd_close_auto(&s->control);
    child_stop(&s->pid, STOP_WAIT_MS);
    free(s);
}

static struct job work(struct spawner *s, enum job_kind kind, const char *type, uint32_t page)
{
    struct job j = {.magic = JOB_MAGIC, .kind = (uint32_t)kind};

    j.id = atomic_fetch_add(&s->last_id, 1) + 1;
    j.work.page = page;
    (void)snprintf(j.work.type, sizeof(j.work.type), "%s", type);
    return j;
}

enum err spawner_inspect(struct spawner *s, const char *type, const struct spawn_fds *fds,
                         uint64_t *id)
{
    struct job j = work(s, JOB_INSPECT, type, 0);
    int sent[JOB_FDS_MAX] = {fds->plain, fds->verdict};
    size_t n = 2;

    if (fds->clamd >= 0) {
        j.work.with |= JOB_WITH_CLAMD;
        sent[n++] = fds->clamd;
    }
    if (fds->password >= 0) {
        j.work.with |= JOB_WITH_PASSWORD;
        sent[n++] = fds->password;
    }
    *id = j.id;
    return job_send(s->control, &j, sent, n);
}

enum err spawner_render(struct spawner *s, const char *type, uint32_t page, int plain,
                        int picture, uint64_t *id)
{
    struct job j = work(s, JOB_RENDER, type, page);
    int fds[2] = {plain, picture};

    *id = j.id;
    return job_send(s->control, &j, fds, 2);
}

void spawner_kill(struct spawner *s, uint64_t id)
{
    struct job j = {.magic = JOB_MAGIC, .kind = JOB_KILL, .id = id};
    enum err ignored = job_send(s->control, &j, NULL, 0);

    (void)ignored;
}
