/* Invariants: a scanner has one job at a time and says one byte when it is done with it, so
 * that one in foreign hands can only seem done. A place is free again when its process was
 * reaped. */
#include "gateway/inspector/scanners.h"

#include "gateway/inspector/part.h"
#include "gateway/inspector/roles.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct scanner_place {
    pid_t pid;     /* 0: free */
    int control;   /* -1: it was let go */
    uint64_t job;  /* 0: idle */
    uint64_t last; /* the job before */
    unsigned served;
};

struct scanners {
    const struct job_settings *settings;
    size_t max, idle;
    struct scanner_place places[];
};

enum err scanners_new(const struct job_settings *settings, size_t max, struct scanners **out)
{
    struct scanners *s = calloc(1, sizeof(*s) + max * sizeof(s->places[0]));

    if (s == NULL)
        return err_set(ERR_NOMEM, "the scanners");
    s->settings = settings;
    s->max = max;
    *out = s;
    return ERR_OK;
}

static void forget(struct scanners *s, struct scanner_place *p)
{
    if (p->job == 0 && p->control >= 0)
        s->idle--;
    fd_close_auto(&p->control);
    p->control = -1;
}

/* An honest one has nothing left to do. It keeps its place until it is reaped. */
static void let_go(struct scanners *s, struct scanner_place *p)
{
    forget(s, p);
    (void)kill(p->pid, SIGKILL);
}

void scanners_free(struct scanners *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->max; i++) {
        if (s->places[i].pid != 0)
            let_go(s, &s->places[i]);
    }
    free(s);
}

/* ---- work ---- */

/* Nothing is to be heard from one that has nothing to do, not even its end. */
static bool is_quiet(const struct scanner_place *p)
{
    char ignored;

    return recv(p->control, &ignored, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static struct scanner_place *find_idle(struct scanners *s)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (p->pid == 0 || p->control < 0 || p->job != 0)
            continue;
        if (is_quiet(p))
            return p;
        let_go(s, p);
    }
    return NULL;
}

static struct scanner_place *find_free(struct scanners *s)
{
    for (size_t i = 0; i < s->max; i++) {
        if (s->places[i].pid == 0)
            return &s->places[i];
    }
    return NULL;
}

static enum err fork_one(struct scanners *s, struct scanner_place **out)
{
    struct scanner_place *p = find_free(s);
    int pair[2];

    if (p == NULL)
        return err_set(ERR_BUSY, "too many scanners");
    TRY(job_socketpair(pair));
    *p = (struct scanner_place){.control = pair[0]};
    p->pid = part_fork(s->settings, &(struct part){ROLE_SCANNER, &pair[1], 1}, NULL);
    (void)close(pair[1]);
    if (p->pid < 0) {
        p->pid = 0;
        fd_close_auto(&p->control);
        return err_errno("forking a scanner");
    }
    s->idle++;
    *out = p;
    return ERR_OK;
}

enum err scanners_give(struct scanners *s, uint64_t job, const struct scan_fds *fds)
{
    struct job work = {.magic = JOB_MAGIC, .kind = JOB_SCAN, .id = job};
    const int sent[] = {fds->plain, fds->verdict, fds->examiner, fds->report, fds->clamd};
    struct scanner_place *p = find_idle(s);
    enum err e;

    work.work.with = fds->clamd >= 0 ? JOB_WITH_CLAMD : 0;
    if (p == NULL)
        TRY(fork_one(s, &p));
    e = job_send(p->control, &work, sent, fds->clamd >= 0 ? 5 : 4);
    if (e != ERR_OK) {
        let_go(s, p);
        return e;
    }
    p->job = job;
    s->idle--;
    return ERR_OK;
}

size_t scanners_poll(const struct scanners *s, struct pollfd *room)
{
    size_t n = 0;

    for (size_t i = 0; i < s->max; i++) {
        if (s->places[i].job != 0 && s->places[i].control >= 0)
            room[n++] = (struct pollfd){.fd = s->places[i].control, .events = POLLIN};
    }
    return n;
}

/* What it said, 0: nothing yet. One that has closed its socket without an end of itself is
 * given one. */
static char hear(struct scanners *s, struct scanner_place *p)
{
    char said = 0;
    ssize_t n = recv(p->control, &said, 1, MSG_DONTWAIT);

    if (n == 1)
        return said;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    let_go(s, p);
    return 0;
}

uint64_t scanners_done(struct scanners *s)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];
        uint64_t job = p->job;
        char said = job == 0 || p->control < 0 ? 0 : hear(s, p);

        if (said == 0)
            continue;
        p->last = job;
        p->job = 0;
        s->idle++;
        if (++p->served >= SCANNER_SERVES || s->idle > SCANNERS_KEPT || said != SCANNER_READY)
            let_go(s, p);
        return job;
    }
    return 0;
}

/* ---- ends ---- */

/* One that has said that it is done with the job may have lied: idle, it goes too; at work on
 * another, it goes after that. */
void scanners_kill(struct scanners *s, uint64_t job)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (p->pid == 0 || p->control < 0)
            continue;
        if (p->job == job || (p->job == 0 && p->last == job))
            let_go(s, p);
        else if (p->last == job)
            p->served = SCANNER_SERVES;
    }
}

bool scanners_reaped(struct scanners *s, pid_t pid, uint64_t *job)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (p->pid != pid)
            continue;
        *job = p->job;
        forget(s, p);
        *p = (struct scanner_place){.control = -1};
        return true;
    }
    return false;
}
