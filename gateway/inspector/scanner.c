/* The scanner: passes an artefact to clamd and to the examiner, and gives the verdict.
 *
 *     plain --tee--> examiner
 *       \--splice--> clamd
 *
 * It looks at no byte that it passes, so that what strangers wrote cannot take it over; bytes
 * are moved by the kernel without being copied here. Invariants: VIRUS, and clean as far as it
 * is clamd's to say, come from clamd's words alone: the examiner, who parses and may be in
 * foreign hands, can add metadata and refuse a file, and nothing else. A dead, stalled or lying
 * examiner does not keep clamd from its stream, nor a dead clamd the examiner. It serves
 * several artefacts one after the other, and has no byte or descriptor of one when the next one
 * comes. */
#include "gateway/base/clock.h"
#include "gateway/inspect/clamd_reply.h"
#include "gateway/inspect/job.h"
#include "gateway/inspector/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE_MAX = 1024 * 1024,
    COPY_MAX = 64 * 1024,
    EXAMINER_STALL_MS = 20000,  /* takes no byte */
    EXAMINER_REPORT_MS = 60000, /* has all, says nothing */
    CLAMD_STALL_MS = 25000,
};

struct scanner {
    int plain, verdict, clamd, examiner, report;
    bool clamd_ended; /* takes no more; its answer may be there */
    enum inspect_reason examiner_trouble;
    struct verdict said; /* by clamd */
    struct verdict examined;
    char reply[CLAMD_REPLY_MAX];
    uint8_t bytes[VERDICT_SIZE + 1]; /* the examiner's report, then the verdict */
    uint64_t copied;                 /* through `copy` */
    uint8_t copy[COPY_MAX];          /* last: wiped when it was used */
};

static void close_fd(int *fd)
{
    fd_close_auto(fd);
    *fd = -1;
}

static bool await(int fd, short events, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;

    do
        n = poll(&p, 1, wait_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* ---- to clamd ---- */

/* EAGAIN is the socket's own deadline, which is shorter than clamd may take when it is busy. */
static bool may_go_on(int64_t since)
{
    return errno == EINTR || (errno == EAGAIN && clock_steady_ms() - since < CLAMD_STALL_MS);
}

static void send_clamd(struct scanner *s, const void *data, size_t len)
{
    const uint8_t *at = data;
    int64_t since = clock_steady_ms();

    while (len > 0 && !s->clamd_ended) {
        ssize_t n = send(s->clamd, at, len, MSG_NOSIGNAL);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (!may_go_on(since)) {
            s->clamd_ended = true;
        }
    }
}

static void send_length(struct scanner *s, uint32_t len)
{
    uint8_t head[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                       (uint8_t)len};

    send_clamd(s, head, sizeof(head));
}

/* `len` bytes of the plaintext, which are there; they are gone from it afterwards. */
static void move_to_clamd(struct scanner *s, size_t len)
{
    int64_t since = clock_steady_ms();

    if (!s->clamd_ended)
        send_length(s, (uint32_t)len);
    while (len > 0 && !s->clamd_ended) {
        ssize_t n = splice(s->plain, NULL, s->clamd, NULL, len, SPLICE_F_MOVE);

        if (n > 0)
            len -= (size_t)n;
        else if (n == 0 || !may_go_on(since))
            s->clamd_ended = true;
    }
    while (len > 0) { /* it stopped in the middle */
        ssize_t n = read(s->plain, s->copy, len < COPY_MAX ? len : COPY_MAX);

        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        if (n > 0) {
            s->copied += (uint64_t)n;
            len -= (size_t)n;
        }
    }
}

/* ---- to the examiner ---- */

static void drop_examiner(struct scanner *s, enum inspect_reason why)
{
    close_fd(&s->examiner);
    if (s->examiner_trouble == REASON_NONE)
        s->examiner_trouble = why;
}

static void send_examiner(struct scanner *s, const uint8_t *at, size_t len)
{
    while (len > 0 && s->examiner >= 0) {
        ssize_t n;

        if (!await(s->examiner, POLLOUT, EXAMINER_STALL_MS)) {
            drop_examiner(s, REASON_EXAMINER_STALLED);
            return;
        }
        /* a writable pipe takes this much at once, so that it never blocks */
        n = write(s->examiner, at, len < PIPE_BUF ? len : PIPE_BUF);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno != EINTR) {
            close_fd(&s->examiner); /* it knows enough */
        }
    }
}

/* ---- from the front ---- */

enum moved { MOVED, ENDED, NOTHING_YET };

/* Both want it: without a copy. */
static enum moved pass_shared(struct scanner *s)
{
    ssize_t n = tee(s->plain, s->examiner, PIECE_MAX, SPLICE_F_NONBLOCK);

    if (n > 0) {
        move_to_clamd(s, (size_t)n);
        return MOVED;
    }
    if (n == 0)
        return ENDED;
    if (errno == EAGAIN) {
        if (await(s->plain, POLLIN, -1) && !await(s->examiner, POLLOUT, EXAMINER_STALL_MS))
            drop_examiner(s, REASON_EXAMINER_STALLED);
    } else if (errno != EINTR) {
        close_fd(&s->examiner);
    }
    return NOTHING_YET;
}

/* One of them has gone. */
static enum moved pass_copied(struct scanner *s)
{
    ssize_t n = read(s->plain, s->copy, sizeof(s->copy));

    if (n < 0)
        return errno == EINTR ? NOTHING_YET : ENDED;
    if (n == 0)
        return ENDED;
    s->copied += (uint64_t)n;
    if (!s->clamd_ended) {
        send_length(s, (uint32_t)n);
        send_clamd(s, s->copy, (size_t)n);
    }
    send_examiner(s, s->copy, (size_t)n);
    return MOVED;
}

static void pass_all(struct scanner *s)
{
    enum moved m;

    do
        m = s->examiner >= 0 && !s->clamd_ended ? pass_shared(s) : pass_copied(s);
    while (m != ENDED);
    close_fd(&s->examiner);
}

/* ---- what they say ---- */

/* The front has a deadline for all of this. */
static void hear_clamd(struct scanner *s)
{
    size_t len = 0;

    s->said = (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN,
                               .reason = REASON_SCANNER_UNREACHABLE};
    if (s->clamd < 0)
        return;
    send_length(s, 0);
    while (len < sizeof(s->reply)) {
        ssize_t n = recv(s->clamd, s->reply + len, sizeof(s->reply) - len, 0);

        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR && errno != EAGAIN)
            break;
    }
    if (len > 0)
        clamd_judge(s->reply, len, &s->said);
    /* An OK to something that it did not get whole. */
    if (s->clamd_ended && s->said.outcome == INSPECT_CLEAN) {
        s->said.outcome = INSPECT_COULD_NOT_SCAN;
        s->said.reason = REASON_SCANNER_ANSWER;
    }
}

static void hear_examiner(struct scanner *s)
{
    struct verdict *v = &s->examined;
    int64_t deadline = clock_steady_ms() + EXAMINER_REPORT_MS;
    enum inspect_reason trouble = s->examiner_trouble;
    size_t len = 0;

    while (trouble == REASON_NONE && len < sizeof(s->bytes)) {
        int64_t left = deadline - clock_steady_ms();
        ssize_t n;

        if (left <= 0 || !await(s->report, POLLIN, (int)left)) {
            trouble = REASON_EXAMINER_STALLED;
            break;
        }
        n = read(s->report, s->bytes + len, sizeof(s->bytes) - len);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0)
            len += (size_t)n;
    }
    if (trouble == REASON_NONE && len == 0)
        trouble = REASON_EXAMINER_DIED;
    /* A virus is not the examiner's to find. */
    if (trouble == REASON_NONE &&
        (verdict_decode(s->bytes, len, v) != ERR_OK || v->outcome == INSPECT_VIRUS))
        trouble = REASON_EXAMINER_FORGED;
    if (trouble != REASON_NONE)
        *v = (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN, .reason = trouble};
}

/* A virus is one whatever else it is; then what is certain about the file; then what was not
 * found out. Clean is what is left. */
static void combine(const struct verdict *clamd, struct verdict *v)
{
    bool certain = v->outcome == INSPECT_PASSWORD || v->outcome == INSPECT_UNREADABLE ||
                   v->outcome == INSPECT_TYPE_MISMATCH;

    if (clamd->outcome == INSPECT_VIRUS || (clamd->outcome == INSPECT_PASSWORD && !certain) ||
        (clamd->outcome == INSPECT_COULD_NOT_SCAN && v->outcome == INSPECT_CLEAN)) {
        v->outcome = clamd->outcome;
        v->reason = clamd->reason;
        memcpy(v->virus, clamd->virus, sizeof(v->virus));
    } else if (clamd->outcome == INSPECT_COULD_NOT_SCAN && v->outcome == INSPECT_PASSWORD) {
        v->reason = clamd->reason; /* which does not hide that clamd has not looked at it */
    }
}

/* ---- one artefact after the other ---- */

static int scan(struct scanner *s)
{
    pass_all(s);
    hear_clamd(s);
    hear_examiner(s);
    combine(&s->said, &s->examined);
    verdict_encode(&s->examined, s->bytes);
    return write(s->verdict, s->bytes, VERDICT_SIZE) == (ssize_t)VERDICT_SIZE ? EXIT_SUCCESS
                                                                              : EXIT_FAILURE;
}

/* Nothing of it is left for the next one: neither bytes nor what was said of them. */
static void forget(struct scanner *s, int fds[JOB_FDS_MAX])
{
    for (size_t i = 0; i < JOB_FDS_MAX; i++)
        fd_close_auto(&fds[i]);
    explicit_bzero(s, s->copied > 0 ? sizeof(*s) : offsetof(struct scanner, copy));
}

static int scan_job(const struct job *j, int fds[JOB_FDS_MAX])
{
    static struct scanner s;
    bool with_clamd = (j->work.with & JOB_WITH_CLAMD) != 0;
    int status;

    s.plain = fds[0];
    s.verdict = fds[1];
    s.examiner = fds[2];
    s.report = fds[3];
    s.clamd = with_clamd ? fds[4] : -1;
    s.clamd_ended = !with_clamd;
    status = scan(&s);
    fds[2] = s.examiner; /* it may be closed already */
    forget(&s, fds);
    return status;
}

/* Its limit is on all that it does: it goes before that could end it in the middle of an
 * artefact. */
static char condition(uint32_t cpu_s)
{
    struct timespec used;

    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0 && used.tv_sec < cpu_s / 2
               ? SCANNER_READY
               : SCANNER_TIRED;
}

int scanner_serve(int control, uint32_t cpu_s)
{
    for (;;) {
        struct job j;
        int fds[JOB_FDS_MAX], status;
        enum err e = job_recv(control, &j, fds);

        if (e == ERR_UNAVAILABLE)
            return EXIT_SUCCESS;
        if (e != ERR_OK || j.kind != JOB_SCAN)
            return EXIT_FAILURE;
        status = scan_job(&j, fds);
        if (status != EXIT_SUCCESS)
            return status;
        char how = condition(cpu_s);
        if (send(control, &how, 1, MSG_NOSIGNAL) != 1)
            return EXIT_SUCCESS; /* the nursery is gone */
    }
}
