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
    pid_t pid;    /* 0: free */
    int control;  /* -1: it was sent away, or killed */
    uint64_t job; /* 0: idle */
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

/* It ends when it reads on. */
static void send_away(struct scanners *s, struct scanner_place *p)
{
    if (p->job == 0 && p->control >= 0)
        s->idle--;
    fd_close_auto(&p->control);
    p->control = -1;
}

void scanners_free(struct scanners *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (p->pid == 0)
            continue;
        send_away(s, p);
        (void)kill(p->pid, SIGKILL);
    }
    free(s);
}

/* ---- work ---- */

static struct scanner_place *find(struct scanners *s, bool idle)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (idle ? p->pid > 0 && p->control >= 0 && p->job == 0 : p->pid == 0)
            return p;
    }
    return NULL;
}

static enum err fork_one(struct scanners *s, struct scanner_place **out)
{
    struct scanner_place *p = find(s, false);
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
    struct scanner_place *p = find(s, true);
    enum err e = ERR_UNAVAILABLE;

    work.work.with = fds->clamd >= 0 ? JOB_WITH_CLAMD : 0;
    if (p != NULL) {
        e = job_send(p->control, &work, sent, fds->clamd >= 0 ? 5 : 4);
        if (e != ERR_OK)
            send_away(s, p); /* it died idle */
    }
    if (e != ERR_OK) {
        TRY(fork_one(s, &p));
        TRY(job_send(p->control, &work, sent, fds->clamd >= 0 ? 5 : 4));
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
static char hear(struct scanner_place *p)
{
    char said = 0;
    ssize_t n = recv(p->control, &said, 1, MSG_DONTWAIT);

    if (n == 1)
        return said;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    (void)kill(p->pid, SIGKILL);
    fd_close_auto(&p->control);
    p->control = -1;
    return 0;
}

uint64_t scanners_done(struct scanners *s)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];
        uint64_t job = p->job;
        char said = job == 0 || p->control < 0 ? 0 : hear(p);

        if (said == 0)
            continue;
        p->job = 0;
        s->idle++;
        if (++p->served >= SCANNER_SERVES || s->idle > SCANNERS_KEPT || said != SCANNER_READY)
            send_away(s, p);
        return job;
    }
    return 0;
}

/* ---- ends ---- */

void scanners_kill(struct scanners *s, uint64_t job)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (p->pid > 0 && p->job == job) {
            (void)kill(p->pid, SIGKILL);
            send_away(s, p);
        }
    }
}

bool scanners_reaped(struct scanners *s, pid_t pid, uint64_t *job)
{
    for (size_t i = 0; i < s->max; i++) {
        struct scanner_place *p = &s->places[i];

        if (p->pid != pid)
            continue;
        *job = p->job;
        send_away(s, p);
        *p = (struct scanner_place){.control = -1};
        return true;
    }
    return false;
}
