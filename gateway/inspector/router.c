/* Invariants: a job goes to one program, and its descriptors are closed here once it went; a
 * program that has died is started again with the next job that is its own, once for each. */
#include "gateway/inspector/router.h"

#include "gateway/base/log.h"
#include "gateway/inspect/spawner.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* X(member, what follows the first program's name) */
#define MEMBERS(X)                                                                             \
    X(MEMBER_TEXT, "")                                                                         \
    X(MEMBER_PDF, "-pdf")                                                                      \
    X(MEMBER_PICTURE, "-picture")                                                              \
    X(MEMBER_HEIC, "-heic")                                                                    \
    X(MEMBER_AUDIO, "-audio")                                                                  \
    X(MEMBER_OFFICE, "-office")                                                                \
    X(MEMBER_VIEW, "-view")

enum member {
#define X(member, suffix) member,
    MEMBERS(X)
#undef X
        MEMBER_COUNT
};

static const char *const SUFFIXES[] = {
#define X(member, suffix) [member] = suffix,
    MEMBERS(X)
#undef X
};

/* A type is the first of these that it begins with; every other is text's, who understands the
 * least. */
static const struct {
    const char *begins;
    enum member to;
} ROUTES[] = {
    {"application/pdf", MEMBER_PDF},   {"image/heic", MEMBER_HEIC},
    {"image/", MEMBER_PICTURE},        {"audio/", MEMBER_AUDIO},
    {"application/json", MEMBER_TEXT}, {"application/", MEMBER_OFFICE},
};

struct router {
    char program[PATH_MAX]; /* the first one's path */
    struct job_settings settings;
    struct spawner *members[MEMBER_COUNT];
};

static enum member member_of(const struct job *j)
{
    if (j->kind == JOB_RENDER)
        return MEMBER_VIEW;
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        if (strncmp(j->work.type, ROUTES[i].begins, strlen(ROUTES[i].begins)) == 0)
            return ROUTES[i].to;
    }
    return MEMBER_TEXT;
}

/* ---- the programs ---- */

static enum err find_program(struct router *r)
{
    ssize_t n = readlink("/proc/self/exe", r->program, sizeof(r->program) - 1);

    if (n < 0)
        return err_errno("the path of evidence-inspector");
    r->program[n] = '\0';
    return ERR_OK;
}

static enum err start_member(struct router *r, enum member m)
{
    char path[PATH_MAX + sizeof("-picture")];
    int n = snprintf(path, sizeof(path), "%s%s", r->program, SUFFIXES[m]);

    assert(n > 0 && (size_t)n < sizeof(path));
    return spawner_begin(path, &r->settings, &r->members[m]);
}

static enum err await_member(struct router *r, enum member m, unsigned *lacks)
{
    unsigned one = 0;
    enum err e = spawner_await(r->members[m], &one);

    *lacks |= one;
    return e;
}

/* They get ready side by side. */
static enum err start_all(struct router *r, unsigned *lacks)
{
    enum err e;

    TRY(find_program(r));
    for (enum member m = 0; m < MEMBER_COUNT; m++)
        TRY(start_member(r, m));
    for (enum member m = 0; m < MEMBER_COUNT; m++) {
        e = await_member(r, m, lacks);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static void stop_all(struct router *r)
{
    for (enum member m = 0; m < MEMBER_COUNT; m++)
        spawner_stop(TAKE(r->members[m]));
}

static enum err restart(struct router *r, enum member m)
{
    unsigned ignored = 0;

    log_event(LOG_ERROR, "inspector.member_died", log_str("program", SUFFIXES[m]));
    spawner_stop(TAKE(r->members[m]));
    TRY(start_member(r, m));
    return await_member(r, m, &ignored);
}

/* ---- the jobs ---- */

static void pass_on(struct router *r, enum member m, const struct job *j, const int *fds,
                    size_t n)
{
    enum err e = r->members[m] ? spawner_forward(r->members[m], j, fds, n) : ERR_UNAVAILABLE;

    if (e == ERR_UNAVAILABLE) {
        e = restart(r, m);
        if (e == ERR_OK)
            e = spawner_forward(r->members[m], j, fds, n);
    }
    if (e != ERR_OK)
        log_event(LOG_ERROR, "inspector.not_passed_on", log_err(e));
}

static void route(struct router *r, struct job *j, int fds[JOB_FDS_MAX])
{
    size_t n = 0;

    j->work.type[SNIFF_TYPE_MAX] = '\0';
    while (n < JOB_FDS_MAX && fds[n] >= 0)
        n++;
    if (j->kind == JOB_INSPECT || j->kind == JOB_RENDER)
        pass_on(r, member_of(j), j, fds, n);
    for (enum member m = 0; j->kind == JOB_KILL && m < MEMBER_COUNT; m++) {
        enum err e = r->members[m] ? spawner_forward(r->members[m], j, NULL, 0) : ERR_OK;

        (void)e; /* one that is gone has nothing to be killed */
    }
    for (size_t i = 0; i < JOB_FDS_MAX; i++)
        fd_close_auto(&fds[i]);
}

static enum err serve(struct router *r, int control)
{
    for (;;) {
        struct job j;
        int fds[JOB_FDS_MAX];
        enum err e = job_recv(control, &j, fds);

        if (e == ERR_UNAVAILABLE)
            return ERR_OK; /* the front is gone */
        if (e == ERR_OK)
            route(r, &j, fds);
        else if (e == ERR_INVALID)
            log_event(LOG_ERROR, "inspector.not_a_job", log_err(e));
        else
            return e;
    }
}

enum err router_serve(int control, const struct job_settings *settings)
{
    static struct router r;
    struct err_info outcome;
    unsigned lacks = 0;
    enum err e;

    r.settings = *settings;
    r.settings.member = true;
    e = start_all(&r, &lacks);
    err_save(e, &outcome);
    job_tell_ready(control, e, lacks);
    e = outcome.code == ERR_OK ? serve(&r, control) : err_restore(&outcome);
    stop_all(&r);
    return e;
}
