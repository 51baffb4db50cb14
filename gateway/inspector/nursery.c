/* The nursery: a request comes, those who parse are forked for it, a scanner is found, and all
 * are reaped or killed.
 *
 *     plaintext -> scanner -> clamd
 *                     \-----> examiner -> report -> scanner -> verdict
 *
 * With a password, which is read by the opener alone (the nursery, whose memory each child has
 * a copy of, passes its socket on):
 *
 *     plaintext -> opener -> scanner, as above
 *
 * Invariants: a child of one artefact never sees another's descriptors: the nursery closes a
 * job's as soon as it has forked; an examiner does not outlive its artefact; nothing is read
 * here that comes from a child, but that a scanner is done. It has all libraries loaded and
 * warm, so that a child is ready in the time of a fork; it has read no content, so that nobody
 * can have changed it. */
#include "gateway/inspector/nursery.h"

#include "gateway/base/log.h"
#include "gateway/inspector/part.h"
#include "gateway/inspector/scanners.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEE_PIPE_BYTES = 1024 * 1024, JOBS_SPARE = 16 };

struct nursling {
    uint64_t id; /* 0: free */
    bool scanning;
    pid_t parser, opener; /* not positive: there is none */
};

/* A job's descriptors by their meaning; -1: there is none. */
struct job_fds {
    int plain, result, clamd, password;
};

struct nursery {
    int control, signals;
    const struct job_settings *settings;
    struct scanners *scanners;
    struct nursling *jobs;
    size_t n_jobs;
    struct pollfd *polled; /* control, signals, scanners at work */
};

/* ---- starting ---- */

/* Both ends become pipes[0] and pipes[1]; large, so that processes need not take turns. */
static bool open_pipe(int pipes[2])
{
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return false;
    (void)fcntl(pipes[1], F_SETPIPE_SZ, TEE_PIPE_BYTES);
    return true;
}

static void close_pipe(int pipes[2])
{
    for (int i = 0; i < 2; i++)
        fd_close_auto(&pipes[i]);
}

static bool fork_pair(const struct nursery *n, const struct job *j, const struct job_fds *fds,
                      struct nursling *out)
{
    int copy[2] = {-1, -1}, report[2] = {-1, -1};
    bool forked = open_pipe(copy) && pipe2(report, O_CLOEXEC) == 0;

    if (forked) {
        const int parser[2] = {copy[0], report[1]};
        const struct scan_fds scan = {fds->plain, fds->result, copy[1], report[0], fds->clamd};

        out->parser = part_fork(n->settings, &(struct part){ROLE_EXAMINER, parser, 2}, j);
        out->scanning = out->parser > 0 && scanners_give(n->scanners, j->id, &scan) == ERR_OK;
        forked = out->scanning;
    }
    close_pipe(copy);
    close_pipe(report);
    return forked;
}

static bool fork_opener(const struct nursery *n, const struct job *j, struct job_fds fds,
                        struct nursling *out)
{
    int opened[2] = {-1, -1};
    bool forked = open_pipe(opened);

    if (forked) {
        const int opener[3] = {fds.plain, fds.password, opened[1]};

        out->opener = part_fork(n->settings, &(struct part){ROLE_OPENER, opener, 3}, j);
        fd_close_auto(&opened[1]);
        opened[1] = -1;
        fds.plain = opened[0];
        forked = out->opener > 0 && fork_pair(n, j, &fds, out);
    }
    close_pipe(opened);
    return forked;
}

static bool fork_job(const struct nursery *n, const struct job *j, const struct job_fds *fds,
                     struct nursling *out)
{
    const int renderer[2] = {fds->plain, fds->result};

    if (j->kind == JOB_INSPECT)
        return fds->password < 0 ? fork_pair(n, j, fds, out) : fork_opener(n, j, *fds, out);
    out->parser = part_fork(n->settings, &(struct part){ROLE_RENDERER, renderer, 2}, j);
    return out->parser > 0;
}

static void kill_job(const struct nursery *n, const struct nursling *job)
{
    if (job->scanning)
        scanners_kill(n->scanners, job->id);
    if (job->parser > 0)
        (void)kill(job->parser, SIGKILL);
    if (job->opener > 0)
        (void)kill(job->opener, SIGKILL);
}

static bool is_over(const struct nursling *job)
{
    return !job->scanning && job->parser <= 0 && job->opener <= 0;
}

/* Its place is free when nobody is left in it. */
static void close_over(struct nursling *job)
{
    if (is_over(job))
        job->id = 0;
}

static struct nursling *find_job(struct nursery *n, uint64_t id)
{
    for (size_t i = 0; i < n->n_jobs; i++) {
        if (n->jobs[i].id == id)
            return &n->jobs[i];
    }
    return NULL;
}

static struct job_fds name_fds(const struct job *j, const int fds[JOB_FDS_MAX])
{
    struct job_fds named = {fds[0], fds[1], -1, -1};
    size_t next = 2;

    if ((j->work.with & JOB_WITH_CLAMD) != 0)
        named.clamd = fds[next++];
    if ((j->work.with & JOB_WITH_PASSWORD) != 0)
        named.password = fds[next++];
    return named;
}

/* A job that cannot be started has its descriptors closed: the front sees their end. */
static void start_job(struct nursery *n, const struct job *j, const int fds[JOB_FDS_MAX])
{
    struct nursling *job = find_job(n, 0);
    struct job_fds named = name_fds(j, fds);

    if (job == NULL) {
        log_event(LOG_ERROR, "inspector.too_many", log_int("jobs", (int64_t)n->n_jobs));
        return;
    }
    *job = (struct nursling){.id = j->id};
    if (fork_job(n, j, &named, job))
        return;
    log_event(LOG_ERROR, "inspector.not_started",
              log_err(err_errno("pipes or processes of an inspector")));
    kill_job(n, job);
    close_over(job);
}

/* ---- ends ---- */

/* Whatever a parser was made to try, this is where it shows. */
static void report_end(const char *what, int status, bool wanted)
{
    if (WIFSIGNALED(status) && !wanted)
        log_event(LOG_WARN, "inspector.killed", log_str("part", what),
                  log_int("signal", WTERMSIG(status)),
                  log_str("message", WTERMSIG(status) == SIGSYS
                                         ? "it made a system call that is not allowed"
                                         : strsignal(WTERMSIG(status))));
    else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_event(LOG_WARN, "inspector.failed", log_str("part", what),
                  log_int("status", WEXITSTATUS(status)));
}

static void end_scanning(struct nursery *n, uint64_t id)
{
    struct nursling *job = id == 0 ? NULL : find_job(n, id);

    if (job == NULL)
        return;
    job->scanning = false;
    kill_job(n, job); /* its examiner, if it is still there */
    close_over(job);
}

static void end_parsing(struct nursery *n, pid_t pid, int status, bool killed)
{
    for (size_t i = 0; i < n->n_jobs; i++) {
        struct nursling *job = &n->jobs[i];

        if (job->id == 0 || (job->parser != pid && job->opener != pid))
            continue;
        report_end(job->parser == pid ? "parser" : "opener", status, killed);
        if (job->parser == pid)
            job->parser = 0;
        else
            job->opener = 0;
        close_over(job);
        return;
    }
}

static void reap(struct nursery *n)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        uint64_t id;

        if (!scanners_reaped(n->scanners, pid, &id)) {
            end_parsing(n, pid, status, killed);
            continue;
        }
        report_end("scanner", status, killed);
        end_scanning(n, id);
    }
}

/* ---- the loop ---- */

static enum err serve_one(struct nursery *n)
{
    struct nursling *job;
    struct job j;
    int fds[JOB_FDS_MAX];
    enum err e = job_recv(n->control, &j, fds);

    if (e == ERR_INVALID) {
        log_event(LOG_ERROR, "inspector.not_a_job", log_err(e));
        return ERR_OK;
    }
    TRY(e);
    j.work.type[SNIFF_TYPE_MAX] = '\0';
    if ((j.kind == JOB_INSPECT || j.kind == JOB_RENDER) && fds[0] >= 0 && fds[1] >= 0) {
        start_job(n, &j, fds);
    } else if (j.kind == JOB_KILL && j.id != 0) {
        scanners_kill(n->scanners, j.id);
        job = find_job(n, j.id);
        if (job != NULL)
            kill_job(n, job);
    }
    for (size_t i = 0; i < JOB_FDS_MAX; i++)
        fd_close_auto(&fds[i]);
    return ERR_OK;
}

/* Ends first: who is done takes what comes next. */
static enum err serve(struct nursery *n)
{
    struct signalfd_siginfo ignored;

    for (;;) {
        size_t at_work = scanners_poll(n->scanners, n->polled + 2);

        n->polled[0] = (struct pollfd){.fd = n->control, .events = POLLIN};
        n->polled[1] = (struct pollfd){.fd = n->signals, .events = POLLIN};
        if (poll(n->polled, 2 + at_work, -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_errno("poll");
        }
        for (uint64_t id = scanners_done(n->scanners); id != 0; id = scanners_done(n->scanners))
            end_scanning(n, id);
        if (n->polled[1].revents != 0) {
            (void)!read(n->signals, &ignored, sizeof(ignored));
            reap(n);
        }
        if (n->polled[0].revents != 0) {
            enum err e = serve_one(n);

            if (e != ERR_OK)
                return e == ERR_UNAVAILABLE ? ERR_OK : e;
        }
    }
}

static enum err watch_children(struct nursery *n)
{
    sigset_t child;

    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    n->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    return n->signals >= 0 ? ERR_OK : err_errno("signalfd");
}

static void nursery_clear(struct nursery *n)
{
    for (size_t i = 0; n->jobs != NULL && i < n->n_jobs; i++)
        kill_job(n, &n->jobs[i]);
    scanners_free(n->scanners);
    fd_close_auto(&n->signals);
    free(n->polled);
    free(n->jobs);
}
DEFINE_AUTO_CLEAR(struct nursery, nursery_clear);

enum err nursery_serve(int control, const struct job_settings *settings)
{
    AUTO_CLEAR(nursery_clear) struct nursery n = {.control = control, .settings = settings};
    size_t scanners;

    n.signals = -1;
    n.n_jobs = (size_t)settings->jobs_max * 2 + JOBS_SPARE;
    scanners = n.n_jobs + JOBS_SPARE; /* some of them on their way out */
    n.jobs = calloc(n.n_jobs, sizeof(*n.jobs));
    n.polled = calloc(2 + scanners, sizeof(*n.polled));
    if (n.jobs == NULL || n.polled == NULL)
        return err_set(ERR_NOMEM, "the nursery");
    TRY(scanners_new(settings, scanners, &n.scanners));
    TRY(watch_children(&n));
    return serve(&n);
}
