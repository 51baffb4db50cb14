/* The nursery: a request comes, two processes are forked for it, and reaped or killed.
 *
 *     plaintext -> scanner -> clamd
 *                     \-----> examiner -> report -> scanner -> verdict
 *
 * With a password, which is read by the opener alone (the nursery, whose memory each child has a
 * copy of, passes its socket on):
 *
 *     plaintext -> opener -> scanner, as above
 *
 * Invariants: a child of one artefact never sees another's descriptors: the nursery closes a
 * job's as soon as it has forked; an examiner does not outlive its scanner; nothing that comes
 * from a child is read here. It has all libraries loaded and warm, so that a child is ready in
 * the time of a fork; it has read no content, so that nobody can have changed it. */
#include "gateway/inspector/nursery.h"

#include "gateway/base/log.h"
#include "gateway/inspector/family.h"
#include "gateway/inspector/roles.h"
#include "gateway/inspector/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FD = 3, HIGH_FD = 40, TEE_PIPE_BYTES = 1024 * 1024, JOBS_SPARE = 16 };

struct nursling {
    uint64_t id; /* 0: free */
    pid_t scanner, parser, opener; /* not positive: there is none */
};

/* A job's descriptors by their meaning; -1: there is none. */
struct job_fds {
    int plain, result, clamd, password;
};

struct nursery {
    int control, signals;
    const struct job_settings *settings;
    struct nursling *jobs;
    size_t n_jobs;
};

/* ---- forking ---- */

/* Descriptors become FIRST_FD, FIRST_FD + 1, ... in their order. */
static bool arrange(const int *fds, size_t n)
{
    int high[8];

    assert(n <= ARRAY_LEN(high));
    for (size_t i = 0; i < n; i++) {
        high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, HIGH_FD);
        if (high[i] < 0 && fds[i] >= 0)
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        (void)close(FIRST_FD + (int)i);
        if (high[i] >= 0 && dup2(high[i], FIRST_FD + (int)i) < 0)
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

struct part {
    enum sandbox_role role;
    const int *fds;
    size_t n_fds;
};

static pid_t fork_part(const struct nursery *n, const struct part *p, const struct job *j)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    default_signals();
    if (!arrange(p->fds, p->n_fds) ||
        sandbox_enter(p->role, n->settings, (unsigned)p->n_fds) != ERR_OK)
        _exit(EXIT_FAILURE);
    switch (p->role) {
    case ROLE_SCANNER:
        _exit(scanner_run(FIRST_FD, FIRST_FD + 1, p->fds[2] < 0 ? -1 : FIRST_FD + 2,
                          FIRST_FD + 3, FIRST_FD + 4));
    case ROLE_EXAMINER:
        _exit(examiner_run(FIRST_FD, FIRST_FD + 1, j->work.type));
    case ROLE_OPENER:
        if (FAMILY.open != NULL)
            _exit(FAMILY.open(FIRST_FD, FIRST_FD + 1, FIRST_FD + 2));
        break;
    case ROLE_RENDERER:
        if (FAMILY.render != NULL)
            _exit(FAMILY.render(FIRST_FD, FIRST_FD + 1, j->work.type, j->work.page));
        break;
    }
    _exit(EXIT_FAILURE);
}

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
        const int scanner[5] = {fds->plain, fds->result, fds->clamd, copy[1], report[0]};

        out->parser = fork_part(n, &(struct part){ROLE_EXAMINER, parser, 2}, j);
        if (out->parser > 0)
            out->scanner = fork_part(n, &(struct part){ROLE_SCANNER, scanner, 5}, j);
        forked = out->parser > 0 && out->scanner > 0;
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

        out->opener = fork_part(n, &(struct part){ROLE_OPENER, opener, 3}, j);
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
    out->parser = fork_part(n, &(struct part){ROLE_RENDERER, renderer, 2}, j);
    return out->parser > 0;
}

static void kill_job(struct nursling *job)
{
    if (job->scanner > 0)
        (void)kill(job->scanner, SIGKILL);
    if (job->parser > 0)
        (void)kill(job->parser, SIGKILL);
    if (job->opener > 0)
        (void)kill(job->opener, SIGKILL);
}

static bool is_over(const struct nursling *job)
{
    return job->scanner <= 0 && job->parser <= 0 && job->opener <= 0;
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
    kill_job(job);
    if (is_over(job))
        job->id = 0;
}

/* ---- reaping ---- */

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

static void reap_one(struct nursling *job, pid_t pid, int status, bool killed)
{
    if (job->scanner == pid) {
        report_end("scanner", status, killed);
        job->scanner = 0;
        kill_job(job); /* its examiner, if it is still there */
    } else if (job->parser == pid) {
        report_end("parser", status, killed);
        job->parser = 0;
    } else {
        report_end("opener", status, killed);
        job->opener = 0;
    }
    if (is_over(job))
        job->id = 0;
}

static void reap(struct nursery *n)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

        for (size_t i = 0; i < n->n_jobs; i++) {
            struct nursling *job = &n->jobs[i];

            if (job->id == 0 ||
                (job->scanner != pid && job->parser != pid && job->opener != pid))
                continue;
            reap_one(job, pid, status, killed);
        }
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
        job = find_job(n, j.id);
        if (job != NULL)
            kill_job(job);
    }
    for (size_t i = 0; i < JOB_FDS_MAX; i++)
        fd_close_auto(&fds[i]);
    return ERR_OK;
}

static enum err serve(struct nursery *n)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = n->control, .events = POLLIN},
                              {.fd = n->signals, .events = POLLIN}};
        struct signalfd_siginfo ignored;

        if (poll(p, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_errno("poll");
        }
        if (p[1].revents != 0) {
            (void)!read(n->signals, &ignored, sizeof(ignored));
            reap(n);
        }
        if (p[0].revents != 0) {
            enum err e = serve_one(n);

            if (e != ERR_OK)
                return e == ERR_UNAVAILABLE ? ERR_OK : e;
        }
    }
}

enum err nursery_serve(int control, const struct job_settings *settings)
{
    struct nursery n = {.control = control, .settings = settings};
    sigset_t child;
    enum err e;

    n.n_jobs = (size_t)settings->jobs_max * 2 + JOBS_SPARE;
    n.jobs = calloc(n.n_jobs, sizeof(*n.jobs));
    if (n.jobs == NULL)
        return err_set(ERR_NOMEM, "the nursery");
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    n.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (n.signals < 0) {
        free(n.jobs);
        return err_errno("signalfd");
    }
    e = serve(&n);
    for (size_t i = 0; i < n.n_jobs; i++)
        kill_job(&n.jobs[i]);
    (void)close(n.signals);
    free(n.jobs);
    return e;
}
