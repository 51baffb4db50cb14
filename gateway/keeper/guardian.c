/* The guardian: parent of the keeper, so that a dead keeper can be replaced although the front
 * can no longer open a key file.
 *
 *     front ==control socket== guardian --fork--> keeper ==service socket== front
 *
 * The front confines itself after the start (process_confine), and what it executes then would
 * be confined with it. The guardian was there before: it keeps the settings of the first frame
 * and, asked for it, starts a keeper with exactly those settings again, at most once a second,
 * and hands the front the new socket. It reads no key and holds no secret; nobody can give it
 * other settings later. One thread, no state beside `struct guardian`.
 *
 * Both processes ignore the signals that a terminal or a service manager sends to the whole
 * group: they end when the front has closed its socket, so that what the front still signs
 * while it drains is signed. */
#include "gateway/keeper/service.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESTART_GAP_MS = 1000 };

struct guardian {
    int control;
    struct keeper_settings settings;
    pid_t keeper;  /* 0: none */
    int keeper_fd; /* becomes readable when it ends; -1 */
    int64_t started_ms;
    bool ending; /* we end it ourselves: no news */
};

/* Waits for the end of the keeper and says how it came. */
static void reap(struct guardian *g)
{
    int status = 0;

    if (g->keeper == 0)
        return;
    while (waitpid(g->keeper, &status, 0) < 0 && errno == EINTR)
        ;
    fd_close_auto(&g->keeper_fd);
    g->keeper_fd = -1;
    g->keeper = 0;
    if (WIFSIGNALED(status) && !g->ending)
        log_event(LOG_ERROR, "keeper.killed", log_int("signal", WTERMSIG(status)));
}

static void end_keeper(struct guardian *g)
{
    g->ending = true;
    if (g->keeper != 0)
        (void)kill(g->keeper, SIGKILL);
    reap(g);
    g->ending = false;
}

static enum err start_keeper(struct guardian *g, int *front_end)
{
    pid_t self = getpid();
    int pair[2];

    end_keeper(g);
    if (g->started_ms != 0 && clock_steady_ms() - g->started_ms < RESTART_GAP_MS)
        return err_set(ERR_BUSY, "the keeper was started a moment ago");
    g->started_ms = clock_steady_ms();
    TRY(frame_socketpair(pair));
    g->keeper = fork();
    if (g->keeper == 0) {
        (void)close(pair[0]);
        (void)close(g->control);
        log_set_source("keeper");
        _exit(service_run(pair[1], &g->settings, self));
    }
    (void)close(pair[1]);
    *front_end = pair[0];
    if (g->keeper < 0) {
        g->keeper = 0;
        return err_errno("fork");
    }
    g->keeper_fd = (int)syscall(SYS_pidfd_open, g->keeper,
                                0); /* -1 on an old kernel: told late, that is all */
    return ERR_OK;
}

/* Starts one and passes its socket on, or says why not. */
static enum err answer_spawn(struct guardian *g, const struct frame *f)
{
    AUTO_CLEAR(buf_clear) struct buf body;
    AUTO_FD int front_end = -1;
    enum err e = start_keeper(g, &front_end);

    buf_init(&body, REPLY_BODY_MAX);
    TRY(reply_begin(&body, e, 0));
    return frame_send(g->control, f->type | FRAME_REPLY, f->id, body.data, body.len,
                      e == ERR_OK ? front_end : -1);
}

static enum err receive(struct guardian *g, uint8_t packet[FRAME_HEAD_SIZE + CONFIG_BODY_MAX],
                        struct frame *f)
{
    size_t len;

    TRY(frame_recv(g->control, packet, FRAME_HEAD_SIZE + CONFIG_BODY_MAX, -1, &len, NULL));
    if (len > FRAME_HEAD_SIZE + CONFIG_BODY_MAX)
        return err_set(ERR_INVALID, "a frame beyond its limit");
    return frame_decode(packet, len, f);
}

/* Sleeps until the front asks; a keeper that ends meanwhile is reaped at once. */
static enum err wait_request(struct guardian *g)
{
    for (;;) {
        struct pollfd p[] = {{.fd = g->control, .events = POLLIN},
                             {.fd = g->keeper_fd, .events = POLLIN}};

        if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
            return err_errno("poll");
        if (p[1].revents != 0)
            reap(g);
        if (p[0].revents != 0)
            return ERR_OK;
    }
}

static enum err guard(struct guardian *g)
{
    uint8_t packet[FRAME_HEAD_SIZE + CONFIG_BODY_MAX];
    struct frame f;

    TRY(receive(g, packet, &f));
    if (f.type != FRAME_CONFIG)
        return err_set(ERR_INVALID, "the first frame must be the settings");
    TRY(settings_decode(f.body, f.len, &g->settings));
    for (;;) {
        TRY(answer_spawn(g, &f));
        TRY(wait_request(g));
        TRY(receive(g, packet, &f));
        if (f.type != FRAME_SPAWN || f.len != 0)
            return err_set(ERR_INVALID, "the guardian starts keepers and nothing else");
    }
}

static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    struct sigaction nothing = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)sigaction(ignored[i], &nothing, NULL);
}

/* A front without standard error must not make our sockets take its number. */
static void fill_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    fd_close_auto(&fd);
}

int keeper_main(int fd)
{
    AUTO_FREE struct guardian *g = calloc(1, sizeof(*g));
    enum err e;

    ignore_signals();
    fill_standard_files();
    log_set_source("keeper.guardian");
    if (g == NULL)
        return EXIT_FAILURE;
    g->control = fd;
    g->keeper_fd = -1;
    e = process_hide();
    if (e == ERR_OK)
        e = guard(g);
    if (e != ERR_UNAVAILABLE)
        log_event(LOG_ERROR, "keeper.guardian_ended", log_err(e));
    /* The front is gone and with it the keeper's socket: it ends by itself, after what it is
     * about. */
    if (e != ERR_UNAVAILABLE)
        end_keeper(g);
    reap(g);
    return e == ERR_UNAVAILABLE ? EXIT_SUCCESS : EXIT_FAILURE;
}
