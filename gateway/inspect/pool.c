/* The pool: how many inspections run at once, their figures, and what is known of clamd.
 *
 * Invariant: nobody waits for clamd or an inspector with the lock held. Whoever finds that clamd
 * was not tried yet tries it while the others wait for `changed`, with a deadline. */
#include "gateway/inspect/pool.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ABOUT_FRESH_MS = 1000, TRIAL_FRESH_MS = 600000, TRIAL_WAIT_MS = 120000 };

void pool_until(unsigned ms, struct timespec *out)
{
    int64_t at = clock_steady_ms() + ms;

    *out = (struct timespec){.tv_sec = at / 1000, .tv_nsec = (at % 1000) * 1000000};
}

bool pool_enter(struct inspectors *p)
{
    struct timespec until;
    bool entered;
    int failed = 0;

    pool_until(p->config.begin_wait_ms, &until);
    (void)pthread_mutex_lock(&p->lock);
    while (p->active >= p->config.pool_size && failed == 0)
        failed = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    entered = p->active < p->config.pool_size;
    if (entered)
        p->active++;
    (void)pthread_mutex_unlock(&p->lock);
    return entered;
}

void pool_leave(struct inspectors *p)
{
    (void)pthread_mutex_lock(&p->lock);
    assert(p->active > 0);
    p->active--;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

enum err plain_pipe(int *theirs, int *ours)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_errno("a pipe to an inspector");
    /* A larger one saves switches between processes; a smaller one does as well. */
    (void)fcntl(pair[1], F_SETPIPE_SZ, INSPECT_PIPE_BYTES);
    *theirs = pair[0];
    *ours = pair[1];
    if (fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0)
        return ERR_OK;
    (void)close(pair[0]);
    (void)close(pair[1]);
    return err_errno("O_NONBLOCK");
}

bool await_fd(int fd, short events, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = deadline_ms - clock_steady_ms();
        int n = poll(&p, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);

        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

/* The answer to a question of that moment, unless a later one has been answered. */
static void about_keep(struct inspectors *p, int64_t asked_ms, const struct clamd_about *about)
{
    (void)pthread_mutex_lock(&p->lock);
    if (asked_ms >= p->about_ms) {
        p->about = *about;
        p->about_ms = asked_ms;
    }
    (void)pthread_mutex_unlock(&p->lock);
}

enum err engine_about(struct inspectors *p, struct clamd_about *out)
{
    int64_t now = clock_steady_ms();
    enum err e;

    (void)pthread_mutex_lock(&p->lock);
    *out = p->about;
    bool fresh = p->about_ms != 0 && now - p->about_ms < ABOUT_FRESH_MS;
    (void)pthread_mutex_unlock(&p->lock);
    if (fresh)
        return ERR_OK;
    e = clamd_version(p->clamd_socket, p->config.clamd_wait_ms, out, NULL);
    if (e == ERR_OK)
        about_keep(p, now, out);
    return e;
}

static void report_trial(enum err e, const struct clamd_behaviour *b)
{
    if (e != ERR_OK)
        log_event(LOG_WARN, "inspect.clamd_not_tried", log_err(e));
    else if (!b->detects)
        log_event(LOG_ERROR, "inspect.clamd_finds_nothing",
                  log_str("message", "clamd does not find the scanners' test file: has it any "
                                     "signatures? Nothing comes out clean."));
    else if (!b->tells_limits)
        log_event(LOG_ERROR, "inspect.clamd_hides_limits",
                  log_str("message", "clamd answers OK for what it gave up on: set "
                                     "AlertExceedsMax. Nothing comes out clean."));
    else if (!b->reaches)
        log_event(LOG_ERROR, "inspect.clamd_stops_early",
                  log_str("message", "clamd's MaxFileSize, MaxScanSize or StreamMaxLength is "
                                     "below 25M, 100M, 25M. Nothing comes out clean."));
}

/* With the lock held, which it gives up meanwhile. */
static void try_engine(struct inspectors *p)
{
    struct clamd_behaviour behaviour = {.detects = false};
    struct clamd_about about;
    pid_t pid = 0;
    enum err e;

    p->trial = TRIAL_UNDER_WAY;
    (void)pthread_mutex_unlock(&p->lock);
    e = clamd_version(p->clamd_socket, p->config.clamd_wait_ms, &about, &pid);
    if (e == ERR_OK)
        e = clamd_probe(p->clamd_socket, p->config.clamd_wait_ms, &behaviour);
    report_trial(e, &behaviour);
    (void)pthread_mutex_lock(&p->lock);
    p->trial = e == ERR_OK ? TRIAL_DONE : TRIAL_NONE;
    p->tried = pid;
    p->tried_ms = clock_steady_ms();
    p->behaviour = behaviour;
    (void)pthread_cond_broadcast(&p->changed);
}

bool engine_believed(struct inspectors *p, pid_t clamd)
{
    struct timespec until;
    bool believed;
    int failed = 0;

    pool_until(TRIAL_WAIT_MS, &until);
    (void)pthread_mutex_lock(&p->lock);
    while (p->trial == TRIAL_UNDER_WAY && failed == 0)
        failed = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    if (p->trial != TRIAL_UNDER_WAY &&
        (p->trial == TRIAL_NONE || p->tried != clamd ||
         clock_steady_ms() - p->tried_ms > TRIAL_FRESH_MS))
        try_engine(p);
    believed = p->trial == TRIAL_DONE && p->tried == clamd && p->behaviour.detects &&
               p->behaviour.tells_limits && p->behaviour.reaches;
    (void)pthread_mutex_unlock(&p->lock);
    return believed;
}

void inspectors_health(struct inspectors *p, struct inspectors_health *out)
{
    struct clamd_about about = {.signatures_at = 0};
    int64_t asked = clock_steady_ms();
    pid_t pid = 0;

    *out = (struct inspectors_health){.limits_known = p->limits_known,
                                      .limits_fit = p->limits_fit,
                                      .temporary_in_memory = p->temporary_in_memory,
                                      .sandbox_complete = p->lacks == 0,
                                      .lacks = p->lacks};
    out->clamd_reachable =
        clamd_version(p->clamd_socket, p->config.clamd_wait_ms, &about, &pid) == ERR_OK;
    if (!out->clamd_reachable)
        return;
    about_keep(p, asked, &about); /* what is inspected because of it is told the same */
    out->good = engine_believed(p, pid);
    (void)pthread_mutex_lock(&p->lock);
    out->detects = p->behaviour.detects;
    out->tells_limits = p->behaviour.tells_limits;
    out->reaches = p->behaviour.reaches;
    (void)pthread_mutex_unlock(&p->lock);
    memcpy(out->engine, about.engine, sizeof(out->engine));
    memcpy(out->signatures, about.signatures, sizeof(out->signatures));
    out->signatures_at = about.signatures_at;
}

void inspectors_stats(struct inspectors *p, struct inspectors_stats *out)
{
    (void)pthread_mutex_lock(&p->lock);
    *out = p->stats;
    out->active = p->active;
    out->pool_size = p->config.pool_size;
    (void)pthread_mutex_unlock(&p->lock);
}

#define OR_DEFAULT(field, value)                                                               \
    do {                                                                                       \
        if ((field) == 0)                                                                      \
            (field) = (value);                                                                 \
    } while (0)

static enum err take_config(struct inspectors *p, const struct inspectors_config *config)
{
    struct inspectors_config *c = &p->config;
    int n = snprintf(p->clamd_socket, sizeof(p->clamd_socket), "%s", config->clamd_socket);

    if (n < 0 || (size_t)n >= sizeof(p->clamd_socket))
        return err_set(ERR_INVALID, "the path of clamd's socket is too long");
    *c = *config;
    c->clamd_socket = p->clamd_socket;
    c->program = c->clamd_conf = c->user = NULL; /* the caller's */
    OR_DEFAULT(c->pool_size, INSPECT_POOL_DEFAULT);
    OR_DEFAULT(c->begin_wait_ms, INSPECT_BEGIN_WAIT_MS);
    OR_DEFAULT(c->stall_ms, INSPECT_STALL_MS);
    OR_DEFAULT(c->finish_ms, INSPECT_FINISH_MS);
    OR_DEFAULT(c->render_ms, INSPECT_RENDER_MS);
    OR_DEFAULT(c->clamd_wait_ms, INSPECT_CLAMD_WAIT_MS);
    OR_DEFAULT(c->cpu_s, INSPECT_CPU_S);
    OR_DEFAULT(c->memory_max, INSPECT_MEMORY_DEFAULT);
    return ERR_OK;
}

/* Now, since a front that has confined itself reads no file of others. */
static void look_at_limits(struct inspectors *p, const char *conf)
{
    struct clamd_limits limits;
    enum err e;

    if (conf == NULL || *conf == '\0')
        return;
    e = clamd_limits_read(conf, &limits);
    if (e != ERR_OK) {
        log_event(LOG_WARN, "inspect.clamd_conf", log_err(e));
        return;
    }
    p->limits_known = true;
    p->limits_fit = clamd_limits_fit(&limits, p->config.largest);
    p->temporary_in_memory = clamd_temporary_in_memory(&limits);
    if (!p->limits_fit)
        log_event(LOG_WARN, "inspect.clamd_limits",
                  log_str("message", "clamd gives up before our largest artefact: see "
                                     "StreamMaxLength, MaxScanSize, MaxFileSize and "
                                     "AlertExceedsMax"));
    if (!p->temporary_in_memory)
        log_event(LOG_WARN, "inspect.clamd_on_disk",
                  log_str("message", "clamd keeps what it scans on a disk: let its "
                                     "TemporaryDirectory be a tmpfs"));
}

static void warn_lacks(unsigned lacks)
{
    static const struct {
        unsigned lack;
        const char *words;
    } table[] = {
        {LACK_USER, "inspectors run as the same user as the gateway"},
        {LACK_NAMESPACES, "inspectors have no network and process namespace of their own"},
        {LACK_ROOT, "inspectors have no empty root"},
        {LACK_LANDLOCK, "this kernel has no usable Landlock: inspectors go without"},
        {LACK_SECCOMP, "inspectors' system calls are not filtered as they should be"},
        {LACK_MEMORY, "inspectors' memory is not limited"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if ((lacks & table[i].lack) != 0)
            log_event(LOG_WARN, "inspect.sandbox", log_str("message", table[i].words));
    }
}

static enum err init_lock(struct inspectors *p)
{
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);

    if (failed == 0) {
        failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        if (failed == 0)
            failed = pthread_cond_init(&p->changed, &attr);
        (void)pthread_condattr_destroy(&attr);
    }
    if (failed == 0)
        failed = pthread_mutex_init(&p->lock, NULL);
    return failed == 0 ? ERR_OK : err_set(ERR_NOMEM, "the lock of the inspectors");
}

enum err inspectors_start(const struct inspectors_config *config, struct inspectors **out)
{
    AUTO_FREE struct inspectors *p = calloc(1, sizeof(*p));
    struct job_settings settings = {.sandbox_required = config->sandbox_required};
    int n;

    if (p == NULL)
        return err_set(ERR_NOMEM, "the inspectors");
    TRY(take_config(p, config));
    settings.memory_max = p->config.memory_max;
    settings.cpu_s = p->config.cpu_s;
    settings.jobs_max = p->config.pool_size;
    n = snprintf(settings.user, sizeof(settings.user), "%s",
                 config->user == NULL ? "" : config->user);
    if (n < 0 || (size_t)n >= sizeof(settings.user))
        return err_set(ERR_INVALID, "the inspectors' user has too long a name");
    TRY(init_lock(p));
    TRY(spawner_start(config->program, &settings, &p->spawner, &p->lacks));
    warn_lacks(p->lacks);
    look_at_limits(p, config->clamd_conf);
    *out = TAKE(p);
    return ERR_OK;
}

void inspectors_stop(struct inspectors *p)
{
    if (p == NULL)
        return;
    assert(p->active == 0);
    spawner_stop(p->spawner);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}
