/* One inspection, seen from the front.
 *
 *     begun --write*--> fed --finish--> over
 *       \------ trouble: remembered, the bytes are no longer taken ------/
 *
 * Invariants: an inspection with trouble never ends clean; what is read as a verdict is exactly
 * VERDICT_SIZE bytes followed by the end, decoded strictly; the pool's place is given back
 * once. */
#include "gateway/inspect/pool.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct inspection {
    struct inspectors *pool;
    bool in_pool, finished;
    int plain;   /* write end; -1: closed */
    int verdict; /* read end; -1 */
    int opener;  /* socket to what opens it with a password; -1: nothing does */
    uint64_t id; /* 0: no inspector */
    pid_t clamd; /* which one scans; 0: none */
    enum inspect_reason trouble;
    unsigned finish_ms;
    const _Atomic bool *stop; /* may be NULL */
};

enum { STOP_ASKED_MS = 100 };

static void close_fd(int *fd)
{
    fd_close_auto(fd);
    *fd = -1;
}

static void kill_inspector(struct inspection *i)
{
    if (i->id == 0)
        return;
    spawner_kill(i->pool->spawner, i->id);
    i->id = 0;
    (void)pthread_mutex_lock(&i->pool->lock);
    i->pool->stats.killed++;
    (void)pthread_mutex_unlock(&i->pool->lock);
}

/* The first trouble is the one that counts. */
static void give_up(struct inspection *i, enum inspect_reason why)
{
    if (i->trouble == REASON_NONE)
        i->trouble = why;
    close_fd(&i->plain);
    close_fd(&i->verdict);
    close_fd(&i->opener);
    kill_inspector(i);
}

struct password { /* borrowed; NULL: none */
    const void *bytes;
    size_t len;
};

/* It fits the socket's buffer, so that nobody has to be there yet. */
static enum err send_password(struct inspection *i, const struct password *password,
                              int *theirs)
{
    int pair[2];

    if (password->bytes == NULL)
        return ERR_OK;
    assert(password->len <= PASSWORD_MAX);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_errno("a socket for a password");
    i->opener = pair[0];
    *theirs = pair[1];
    if (send(i->opener, password->bytes, password->len, MSG_NOSIGNAL) !=
            (ssize_t)password->len ||
        shutdown(i->opener, SHUT_WR) != 0)
        return err_errno("handing a password on");
    return ERR_OK;
}

static enum err start_inspector(struct inspection *i, const char *type,
                                const struct password *password)
{
    struct inspectors *p = i->pool;
    AUTO_FD int plain = -1;
    AUTO_FD int verdict = -1;
    AUTO_FD int clamd = -1;
    AUTO_FD int opener = -1;
    int pair[2];
    enum err e = clamd_stream_open(p->clamd_socket, p->config.clamd_wait_ms, &clamd, &i->clamd);

    if (e != ERR_OK) /* the examiner may do its part; the verdict says so */
        log_event(LOG_WARN, "inspect.clamd_unreachable", log_err(e));
    TRY(plain_pipe(&plain, &i->plain));
    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_errno("a pipe for a verdict");
    i->verdict = pair[0];
    verdict = pair[1];
    TRY(send_password(i, password, &opener));
    return spawner_inspect(p->spawner, type,
                           &(struct spawn_fds){plain, verdict, clamd, opener}, &i->id);
}

static enum err begin(struct inspectors *p, const char *declared_type,
                      const struct password *password, struct inspection **out)
{
    struct inspection *i = calloc(1, sizeof(*i));
    enum err e;

    if (i == NULL)
        return err_set(ERR_NOMEM, "an inspection");
    *i = (struct inspection){
        .pool = p, .plain = -1, .verdict = -1, .opener = -1, .finish_ms = p->config.finish_ms};
    *out = i;
    (void)pthread_mutex_lock(&p->lock);
    p->stats.begun++;
    (void)pthread_mutex_unlock(&p->lock);
    i->in_pool = pool_enter(p);
    if (!i->in_pool) {
        give_up(i, REASON_BUSY);
        return ERR_OK;
    }
    e = start_inspector(i, declared_type, password);
    if (e != ERR_OK) {
        log_event(LOG_ERROR, "inspect.not_started", log_err(e));
        give_up(i, REASON_SPAWNER);
    }
    return ERR_OK;
}

enum err inspection_begin(struct inspectors *p, const char *declared_type,
                          struct inspection **out)
{
    return begin(p, declared_type, &(struct password){NULL, 0}, out);
}

enum err inspection_begin_locked(struct inspectors *p, const char *declared_type,
                                 const void *password, size_t len, struct inspection **out)
{
    return begin(p, declared_type, &(struct password){password, len}, out);
}

void inspection_write(struct inspection *i, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0 && i->plain >= 0) {
        ssize_t n = write(i->plain, at, len);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (!await_fd(i->plain, POLLOUT, clock_steady_ms() + i->pool->config.stall_ms))
                give_up(i, REASON_STALLED);
        } else if (n == 0 || errno != EINTR) {
            give_up(i, REASON_NO_VERDICT);
        }
    }
}

/* Looks up now and then where somebody may want it to end. */
static bool await_verdict(const struct inspection *i, int64_t deadline)
{
    while (i->stop != NULL && !atomic_load(i->stop) && clock_steady_ms() < deadline) {
        int64_t next = clock_steady_ms() + STOP_ASKED_MS;

        if (await_fd(i->verdict, POLLIN, next < deadline ? next : deadline))
            return true;
    }
    return i->stop == NULL && await_fd(i->verdict, POLLIN, deadline);
}

void inspection_patience(struct inspection *i, unsigned finish_ms, const _Atomic bool *stop)
{
    i->finish_ms = finish_ms;
    i->stop = stop;
}

/* Exactly one verdict and the end, in time. */
static enum inspect_reason read_verdict(struct inspection *i, struct verdict *out)
{
    int64_t deadline = clock_steady_ms() + i->finish_ms;
    uint8_t bytes[VERDICT_SIZE + 1];
    size_t len = 0;

    while (len < sizeof(bytes)) {
        ssize_t n;

        if (!await_verdict(i, deadline))
            return REASON_DEADLINE;
        n = read(i->verdict, bytes + len, sizeof(bytes) - len);
        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            return REASON_NO_VERDICT;
    }
    return verdict_decode(bytes, len, out) == ERR_OK ? REASON_NONE : REASON_NO_VERDICT;
}

/* What came out of the opener stands for the artefact only where it says that this is all of it;
 * it has said so before the end of its stream, and so before any verdict. What it writes is a
 * PDF that can be read, or the opener has failed. */
static void judge_opened(struct inspection *i, struct verdict *v)
{
    char said = OPENED_TROUBLE;
    ssize_t n = recv(i->opener, &said, 1, MSG_DONTWAIT);
    bool whole = n == 1 && said == OPENED_WHOLE;

    if (n == 1 && said == OPENED_WRONG_PASSWORD) {
        *v = (struct verdict){.outcome = INSPECT_PASSWORD};
        verdict_text(v->type, sizeof(v->type), "application/pdf", strlen("application/pdf"));
    } else if (v->outcome == INSPECT_CLEAN && whole) {
        v->flags |= INSPECT_ENCRYPTED;
    } else if (v->outcome != INSPECT_VIRUS && (!whole || v->outcome == INSPECT_PASSWORD || v->outcome == INSPECT_UNREADABLE ||
               v->outcome == INSPECT_TYPE_MISMATCH)) {
        *v = (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN,
                              .reason = REASON_EXAMINER_DIED};
    }
}

static void settle(struct inspection *i, struct verdict *v)
{
    struct inspectors *p = i->pool;

    if (i->trouble == REASON_NONE && i->opener >= 0)
        judge_opened(i, v);
    if (i->trouble != REASON_NONE) {
        *v = (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN, .reason = i->trouble};
    } else if (v->outcome == INSPECT_CLEAN && !engine_believed(p, i->clamd)) {
        v->outcome = INSPECT_COULD_NOT_SCAN;
        v->reason = REASON_SCANNER_SETTINGS;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->stats.finished++;
    p->stats.outcomes[v->outcome]++;
    if (v->outcome == INSPECT_COULD_NOT_SCAN)
        p->stats.reasons[v->reason]++;
    (void)pthread_mutex_unlock(&p->lock);
}

void inspection_finish(struct inspection *i, struct verdict *out)
{
    struct clamd_about about = {.signatures_at = 0};
    enum inspect_reason why;

    assert(!i->finished);
    i->finished = true;
    *out = (struct verdict){.outcome = INSPECT_NONE};
    /* Now, and not after it has scanned: newer signatures than it used must not be claimed. */
    if (i->clamd != 0 && engine_about(i->pool, &about) != ERR_OK)
        about = (struct clamd_about){.signatures_at = 0};
    close_fd(&i->plain);
    if (i->trouble == REASON_NONE) {
        why = read_verdict(i, out);
        if (why == REASON_NONE)
            i->id = 0; /* it has said its word and ends */
        else
            give_up(i, why);
    }
    settle(i, out);
    memcpy(out->engine, about.engine, sizeof(out->engine));
    memcpy(out->signatures, about.signatures, sizeof(out->signatures));
    out->signatures_at = about.signatures_at;
    assert(verdict_is_valid(out));
}

void inspection_free(struct inspection *i)
{
    if (i == NULL)
        return;
    close_fd(&i->plain);
    close_fd(&i->verdict);
    close_fd(&i->opener);
    kill_inspector(i);
    if (i->in_pool)
        pool_leave(i->pool);
    free(i);
}
