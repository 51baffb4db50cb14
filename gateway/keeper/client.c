/* The client: any number of threads ask, one socket carries it all, no thread of its own.
 *
 * (No thread of its own because a thread that exists before process_confine would stay
 * unconfined, and the keeper is started before.)
 *
 * Requests are pipelined. A thread that waits for its reply and finds nobody reading becomes
 * the reader: it receives and hands replies to their owners by request id until its own has
 * come, then the next waiting thread takes over.
 *
 *     running --(the socket ends, nonsense comes, or no reply in time)--> lost
 *     lost ----(no thread is inside a system call on the socket)--------> closed
 *     closed --(one thread asks the guardian, at most once a second)----> running
 *
 * Invariants (under `lock`): a pending request is in the list exactly while it has no outcome;
 * when the keeper is lost every pending request has the outcome ERR_UNAVAILABLE; the socket is
 * closed only by the last of its users, so that nobody reads from a number that means something
 * else by now. What was asked of a lost keeper may or may not have happened: no request is
 * repeated here. */
#include "gateway/keeper/client.h"

#include "gateway/base/clock.h"
#include "gateway/keeper/protocol.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REPLY_MAX = FRAME_HEAD_SIZE + REPLY_BODY_MAX };

struct pending {
    uint64_t id;
    uint8_t type;    /* of its reply */
    struct buf body; /* of its reply; wiped */
    enum err outcome;
    bool done;
    pthread_cond_t changed;
    struct pending *next;
};

struct keeper {
    pthread_mutex_t lock;
    struct guardian_link guardian;
    int fd; /* -1: closed */
    bool lost, starting, reading;
    bool reloading;       /* new requests wait at the door */
    pthread_cond_t quiet; /* the last request is answered, or the reload is over */
    unsigned users; /* threads inside a system call on fd */
    int64_t started_ms;
    uint64_t last_id;
    struct pending *pending;
    uint8_t packet[REPLY_MAX]; /* of the one reader */
};

enum err keeper_start(const struct keeper_config *config, struct keeper **out)
{
    struct keeper *k;
    enum err e;

    if (config->log_key_file == NULL || config->log_name == NULL || config->state_file == NULL)
        return err_set(ERR_INVALID, "the keeper needs a log key, its name and a state file");
    k = calloc(1, sizeof(*k));
    if (k == NULL)
        return err_set(ERR_NOMEM, "the keeper's client");
    e = guardian_start(config, &k->guardian, &k->fd);
    if (e != ERR_OK) {
        free(k);
        return e;
    }
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_cond_init(&k->quiet, NULL);
    k->started_ms = clock_steady_ms();
    *out = k;
    return ERR_OK;
}

void keeper_stop(struct keeper *k)
{
    if (k == NULL)
        return;
    assert(k->pending == NULL && k->users == 0);
    fd_close_auto(&k->fd);
    guardian_stop(&k->guardian);
    (void)pthread_mutex_destroy(&k->lock);
    (void)pthread_cond_destroy(&k->quiet);
    free(k);
}

static void remove_pending(struct keeper *k, const struct pending *p)
{
    struct pending **at = &k->pending;

    while (*at != NULL && *at != p)
        at = &(*at)->next;
    if (*at != NULL)
        *at = p->next;
}

static void settle(struct keeper *k, struct pending *p, enum err outcome)
{
    remove_pending(k, p);
    p->outcome = outcome;
    p->done = true;
    (void)pthread_cond_signal(&p->changed);
}

/* The one way from running to lost. */
static void lose(struct keeper *k)
{
    k->lost = true;
    (void)shutdown(k->fd, SHUT_RDWR); /* whoever sleeps in it wakes */
    while (k->pending != NULL)
        settle(k, k->pending, ERR_UNAVAILABLE);
}

static void use(struct keeper *k)
{
    assert(k->fd >= 0);
    k->users++;
}

static void unuse(struct keeper *k)
{
    assert(k->users > 0);
    if (--k->users > 0 || !k->lost)
        return;
    fd_close_auto(&k->fd);
    k->fd = -1;
}

/* A keeper to ask, started anew if the last one is gone and it is time. Called with the lock,
 * which is free meanwhile. */
static enum err ensure_running(struct keeper *k)
{
    int fd = -1;
    enum err e;

    if (!k->lost)
        return ERR_OK;
    if (k->starting || k->fd >= 0 || clock_steady_ms() - k->started_ms < KEEPER_RESTART_GAP_MS)
        return err_set(ERR_UNAVAILABLE, "the keeper is gone and not back yet");
    k->starting = true;
    (void)pthread_mutex_unlock(&k->lock);
    e = guardian_spawn(&k->guardian, &fd);
    (void)pthread_mutex_lock(&k->lock);
    k->starting = false;
    k->started_ms = clock_steady_ms();
    if (e != ERR_OK) {
        struct err_info why;

        err_save(e, &why);
        return err_set(ERR_UNAVAILABLE, "the keeper does not start again: %.200s", why.message);
    }
    k->fd = fd;
    k->lost = false;
    return ERR_OK;
}

/* Requests under way are answered by the old keeper, those that come meanwhile wait and are
 * answered by the new one: nobody sees the change. */
enum err keeper_reload(struct keeper *k)
{
    enum err e = ERR_OK;
    int64_t left;

    (void)pthread_mutex_lock(&k->lock);
    while (k->reloading)
        (void)pthread_cond_wait(&k->quiet, &k->lock);
    k->reloading = true;
    while (k->pending != NULL || k->users > 0)
        (void)pthread_cond_wait(&k->quiet, &k->lock);
    left = KEEPER_RESTART_GAP_MS - (clock_steady_ms() - k->started_ms);
    if (left > 0) {
        (void)pthread_mutex_unlock(&k->lock);
        (void)usleep((useconds_t)left * 1000);
        (void)pthread_mutex_lock(&k->lock);
    }
    if (!k->lost)
        fd_close_auto(&k->fd);
    k->fd = -1;
    k->lost = true;
    e = ensure_running(k);
    k->reloading = false;
    (void)pthread_cond_broadcast(&k->quiet);
    (void)pthread_mutex_unlock(&k->lock);
    return e;
}

static struct pending *find_pending(struct keeper *k, uint64_t id, uint8_t type)
{
    for (struct pending *p = k->pending; p != NULL; p = p->next) {
        if (p->id == id && p->type == type)
            return p;
    }
    return NULL;
}

/* Hands a reply to its owner. Anything that is not a reply to something asked means that the
 * other side is not our keeper. */
static void deliver(struct keeper *k, size_t len)
{
    struct pending *p = NULL;
    struct frame f;

    if (len <= sizeof(k->packet) && frame_decode(k->packet, len, &f) == ERR_OK)
        p = find_pending(k, f.id, f.type);
    if (p == NULL)
        lose(k);
    else
        settle(k, p, buf_append(&p->body, f.body, f.len));
}

/* Receives one packet for whoever it is. Called with the lock, which is free while it waits. */
static void read_one(struct keeper *k, int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_steady_ms();
    size_t len = 0;
    enum err e;

    use(k);
    k->reading = true;
    (void)pthread_mutex_unlock(&k->lock);
    e = frame_recv(k->fd, k->packet, sizeof(k->packet), left < 0 ? 0 : (int)left, &len, NULL);
    (void)pthread_mutex_lock(&k->lock);
    k->reading = false;
    if (e != ERR_OK)
        lose(k);
    else if (!k->lost)
        deliver(k, len);
    sodium_memzero(k->packet, len < sizeof(k->packet) ? len : sizeof(k->packet));
    unuse(k);
}

static void sleep_until_changed(struct keeper *k, struct pending *p, int64_t deadline_ms)
{
    struct timespec t = {.tv_sec = deadline_ms / 1000,
                         .tv_nsec = (deadline_ms % 1000) * 1000000};

    if (pthread_cond_timedwait(&p->changed, &k->lock, &t) == ETIMEDOUT && !p->done)
        lose(k); /* it hangs: its requests are lost, and it is replaced */
}

static void await(struct keeper *k, struct pending *p)
{
    int64_t deadline_ms = clock_steady_ms() + KEEPER_REPLY_WAIT_MS;

    while (!p->done) {
        if (k->reading)
            sleep_until_changed(k, p, deadline_ms);
        else
            read_one(k, deadline_ms);
    }
    if (!k->reading && k->pending != NULL) /* the next one reads */
        (void)pthread_cond_signal(&k->pending->changed);
}

static void pending_init(struct pending *p, uint8_t type)
{
    pthread_condattr_t attr;

    *p = (struct pending){.type = type | FRAME_REPLY};
    buf_init_secret(&p->body, REPLY_BODY_MAX);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
}

/* With the lock: sends (without it), waits. */
static enum err exchange(struct keeper *k, struct pending *p, const struct buf *request)
{
    enum err e;

    while (k->reloading)
        (void)pthread_cond_wait(&k->quiet, &k->lock);
    TRY(ensure_running(k));
    p->id = ++k->last_id;
    p->next = k->pending;
    k->pending = p;
    use(k);
    (void)pthread_mutex_unlock(&k->lock);
    e = frame_send(k->fd, p->type & (uint8_t)~FRAME_REPLY, p->id, request->data, request->len,
                   -1);
    (void)pthread_mutex_lock(&k->lock);
    if (e != ERR_OK)
        lose(k);
    unuse(k);
    await(k, p);
    if (k->reloading)
        (void)pthread_cond_broadcast(&k->quiet);
    if (p->outcome == ERR_UNAVAILABLE)
        return err_set(ERR_UNAVAILABLE, "the keeper went away or did not answer");
    return p->outcome;
}

/* One request. `r` is left behind the reply's beginning and points into `body`, which the
 * caller clears; the reply's own status is the result. ERR_UNAVAILABLE also for a reply that
 * makes no sense. */
static enum err call(struct keeper *k, uint8_t type, const struct buf *request,
                     struct buf *body, struct reader *r, uint64_t *value)
{
    struct pending p;
    struct reply reply;
    enum err e;

    pending_init(&p, type);
    (void)pthread_mutex_lock(&k->lock);
    e = exchange(k, &p, request);
    (void)pthread_mutex_unlock(&k->lock);
    (void)pthread_cond_destroy(&p.changed);
    *body = p.body;
    TRY(e);
    reader_init(r, body->data, body->len);
    if (reply_take(r, &reply) != ERR_OK)
        return err_set(ERR_UNAVAILABLE, "the keeper's reply makes no sense");
    if (value != NULL)
        *value = reply.value;
    return reply.status == ERR_OK ? ERR_OK : err_set(reply.status, "%s", reply.message);
}

/* A reply that cannot be read is no answer. */
static enum err sensible(enum err e)
{
    return e == ERR_INVALID ? err_set(ERR_UNAVAILABLE, "the keeper's reply makes no sense") : e;
}

enum err keeper_info(struct keeper *k, struct keeper_info *out)
{
    AUTO_CLEAR(buf_clear) struct buf body = {0};
    const struct buf nothing = {.len = 0};
    struct reader r;

    TRY(call(k, FRAME_INFO, &nothing, &body, &r, NULL));
    return sensible(info_decode(&r, out));
}

enum err keeper_intake_key(struct keeper *k, struct secret **out, bool *persistent)
{
    AUTO_CLEAR(buf_clear) struct buf body = {0};
    AUTO(secret_free) struct secret *key = NULL;
    const struct buf nothing = {.len = 0};
    struct intake_answer a;
    struct reader r;

    TRY(secret_new(KEEPER_INTAKE_KEY_SIZE, &key));
    TRY(call(k, FRAME_INTAKE_KEY, &nothing, &body, &r, NULL));
    TRY(sensible(intake_decode(&r, &a)));
    memcpy(key->bytes, a.key, key->len);
    *persistent = a.persistent;
    *out = TAKE(key);
    return ERR_OK;
}

enum err keeper_column_keys(struct keeper *k, struct column_keys **out)
{
    AUTO_CLEAR(buf_clear) struct buf body = {0};
    AUTO(column_keys_free) struct column_keys *keys = NULL;
    const struct buf nothing = {.len = 0};
    struct columns_answer a;
    struct reader r;

    TRY(column_keys_new(&keys));
    TRY(call(k, FRAME_COLUMN_KEYS, &nothing, &body, &r, NULL));
    TRY(sensible(columns_decode(&r, &a)));
    for (size_t i = 0; i < a.n; i++)
        TRY(column_keys_add(keys, a.masters + i * COLUMN_MASTER_SIZE, COLUMN_MASTER_SIZE));
    if (a.n == 0)
        return err_set(ERR_NOT_FOUND, "there is no column key in the folder of the keys");
    *out = TAKE(keys);
    return ERR_OK;
}

enum err keeper_sign(struct keeper *k, uint64_t first, const struct merkle_hash *leaves,
                     size_t n, const struct merkle_hash *root, struct buf *note,
                     uint64_t *signed_size)
{
    AUTO_CLEAR(buf_clear) struct buf body = {0};
    AUTO_CLEAR(buf_clear) struct buf request;
    struct sign_request q = {.first = first, .leaves = leaves, .n = n};
    const uint8_t *text;
    struct reader r;
    size_t len;

    if (root != NULL) /* with n = 0 there may be none to expect */
        q.root = *root;
    buf_init(&request, SIGN_BODY_MAX);
    TRY(sign_encode(&q, &request));
    TRY(call(k, FRAME_SIGN, &request, &body, &r, signed_size));
    TRY(sensible(reader_blob(&r, NOTE_MAX, &text, &len)));
    TRY(sensible(reader_end(&r)));
    return buf_append(note, text, len);
}

enum err keeper_open(struct keeper *k, const struct keeper_opening *o,
                     uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE])
{
    AUTO_CLEAR(buf_clear) struct buf body = {0};
    AUTO_CLEAR(buf_clear) struct buf request;
    const uint8_t *key;
    struct reader r;

    buf_init(&request, OPEN_BODY_MAX);
    TRY(open_encode(o, &request));
    TRY(call(k, FRAME_OPEN, &request, &body, &r, NULL));
    TRY(sensible(reader_bytes(&r, AGE_PAYLOAD_KEY_SIZE, &key)));
    TRY(sensible(reader_end(&r)));
    memcpy(payload_key, key, AGE_PAYLOAD_KEY_SIZE);
    return ERR_OK;
}

enum err keeper_rewrap(struct keeper *k, const struct keeper_rewrap *o, struct buf *header)
{
    AUTO_CLEAR(buf_clear) struct buf body = {0};
    AUTO_CLEAR(buf_clear) struct buf request;
    const uint8_t *text;
    struct reader r;
    size_t len;

    buf_init(&request, REWRAP_BODY_MAX);
    TRY(rewrap_encode(o, &request));
    TRY(call(k, FRAME_REWRAP, &request, &body, &r, NULL));
    TRY(sensible(reader_blob(&r, AGE_HEADER_MAX, &text, &len)));
    TRY(sensible(reader_end(&r)));
    return buf_append(header, text, len);
}
