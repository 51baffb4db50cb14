/* Why: libmicrohttpd's own timeout measures idle time only, so that a byte a minute lives for
 * ever.
 *
 * Invariants: a connection is in the list from conn_open to conn_close, both on the accepting
 * thread; its descriptor is only touched under the lock, so that a number that was closed and
 * given to somebody else is never shut down. The phase is written by the connection's thread
 * and read by the reaper: atomics, no lock on the path of a request. */
#include "gateway/http/reaper.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/http/address.h"
#include "gateway/http/linger.h"
#include "gateway/http/tcp.h"

#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUCKETS = 1024, /* a power of two */
    TICK_MIN_MS = 20,
    TICK_MAX_MS = 250,
    EVICT_AGE_MS = 500, /* a newcomer gets this long to send a request */
    DRAIN_POLL_MS = 5,
    DRAIN_OPENING_MS = 1000, /* a request that is on its way when draining begins */
    REAPER_STACK = 256 * 1024,
};

struct victim {
    struct conn *conn;
    int64_t since_ms;
    bool idle;
};

struct conn_table {
    struct http_limits limits;
    struct http_counters *counters;
    pthread_mutex_t lock;
    struct conn *all; /* newest first */
    size_t n;
    struct conn *buckets[BUCKETS];
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct linger_set lingering;
    struct victim *victims; /* limits.connections long: room for one pass of eviction */
    bool crowded, stopping;
    bool blind; /* the kernel does not count for us: rates are not enforced, and that was logged
                 */
    int64_t drain_since_ms;
    int wake; /* eventfd */
    unsigned tick_ms;
    pthread_t thread;
    bool running;
};

static void wake_reaper(struct conn_table *t)
{
    (void)eventfd_write(t->wake, 1);
}

/* ---- counting by address ---- */

static struct conn **bucket_of(struct conn_table *t, const struct in6_addr *key)
{
    uint8_t hash[crypto_shorthash_BYTES];

    crypto_shorthash(hash, key->s6_addr, sizeof(key->s6_addr), t->hash_key);
    return &t->buckets[(hash[0] | (unsigned)hash[1] << 8) % BUCKETS];
}

static unsigned count_address(struct conn_table *t, const struct in6_addr *key)
{
    unsigned n = 0;

    for (const struct conn *c = *bucket_of(t, key); c != NULL; c = c->same_bucket)
        n += memcmp(&c->key, key, sizeof(*key)) == 0;
    return n;
}

static size_t crowd_mark(const struct conn_table *t)
{
    return t->limits.connections - t->limits.connections / 16 - 1;
}

bool conn_table_admits(struct conn_table *t, const struct sockaddr *addr)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr key = address_key(addr, text);
    unsigned most = t->limits.connections_per_address;
    bool admitted, crowded;

    pthread_mutex_lock(&t->lock);
    admitted = t->n < t->limits.connections && !t->stopping &&
               (most == 0 || count_address(t, &key) < most);
    crowded = t->n >= crowd_mark(t) && !t->crowded;
    if (crowded)
        t->crowded = true;
    pthread_mutex_unlock(&t->lock);
    if (crowded)
        wake_reaper(t);
    if (!admitted)
        counter_add(&t->counters->refused_connections, 1);
    return admitted;
}

size_t conn_table_count(struct conn_table *t)
{
    size_t n;

    pthread_mutex_lock(&t->lock);
    n = t->n;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* ---- a connection's life ---- */

struct conn *conn_open(struct conn_table *t, int fd, const struct sockaddr *addr)
{
    struct conn *c = calloc(1, sizeof(*c)), **bucket;

    if (c == NULL) {
        (void)shutdown(fd, SHUT_RDWR);
        return NULL;
    }
    c->table = t;
    c->fd = fd;
    c->key = address_key(addr, c->address);
    conn_phase_set(c, CONN_OPENING);
    counter_add(&t->counters->connections_total, 1);
    pthread_mutex_lock(&t->lock);
    c->next = t->all;
    if (c->next != NULL)
        c->next->prev = c;
    t->all = c;
    bucket = bucket_of(t, &c->key);
    c->same_bucket = *bucket;
    *bucket = c;
    t->n++;
    pthread_mutex_unlock(&t->lock);
    return c;
}

static void unlink_conn(struct conn_table *t, struct conn *c)
{
    struct conn **at = bucket_of(t, &c->key);

    while (*at != c)
        at = &(*at)->same_bucket;
    *at = c->same_bucket;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        t->all = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    t->n--;
}

void conn_close(struct conn *c)
{
    struct conn_table *t = c->table;
    bool lingers;

    pthread_mutex_lock(&t->lock);
    lingers = !t->stopping && !atomic_load(&c->cut) &&
              linger_add(&t->lingering, c->fd, &t->limits, clock_steady_ms());
    unlink_conn(t, c);
    pthread_mutex_unlock(&t->lock);
    if (lingers)
        wake_reaper(t);
    free(c);
}

void conn_phase_set(struct conn *c, enum conn_phase phase)
{
    int64_t now = clock_steady_ms();

    /* The time first: an old phase with a new time ends nothing. The first head shares its
     * deadline with the handshake. */
    if (phase != CONN_HEAD || atomic_load(&c->phase) != CONN_OPENING)
        atomic_store(&c->phase_since_ms, now);
    if (phase == CONN_HEAD)
        atomic_store(&c->request_since_ms, now);
    atomic_store(&c->phase, (int)phase);
}

void conn_busy_set(struct conn *c, bool busy)
{
    atomic_store_explicit(&c->busy, busy, memory_order_relaxed);
}

/* ---- deadlines ---- */

static enum conn_phase phase_of(const struct conn *c)
{
    return (enum conn_phase)atomic_load(&c->phase);
}

static void cut(struct conn_table *t, struct conn *c, int how)
{
    if (atomic_exchange(&c->cut, true))
        return;
    (void)shutdown(c->fd, how);
    counter_add(&t->counters->reaped, 1);
}

static bool too_slow(struct conn_table *t, struct conn *c, enum conn_phase phase, int64_t since)
{
    uint64_t bytes, needed;
    bool first = c->window_since_ms != since;

    if (t->limits.body_min_rate == 0 || (phase != CONN_BODY && phase != CONN_REPLY))
        return false;
    if (!first && !atomic_load_explicit(&c->busy, memory_order_relaxed))
        c->window_waited_ms += t->tick_ms;
    if (!first && c->window_waited_ms < (int64_t)t->limits.body_rate_window_ms)
        return false;
    if (!tcp_count(c->fd, phase == CONN_BODY, &bytes)) {
        if (!t->blind)
            log_event(LOG_ERROR, "http.rates_not_enforced", log_str("reason", "no TCP_INFO"));
        t->blind = true;
        return false;
    }
    needed = t->limits.body_min_rate * (uint64_t)c->window_waited_ms / 1000;
    if (!first && bytes - c->window_bytes < needed)
        return true;
    c->window_since_ms = since;
    c->window_waited_ms = 0;
    c->window_bytes = bytes;
    return false;
}

static bool phase_over(const struct conn_table *t, enum conn_phase phase, int64_t age_ms)
{
    switch (phase) {
    case CONN_OPENING:
    case CONN_HEAD:
        return age_ms > (int64_t)t->limits.head_ms;
    case CONN_IDLE:
        return age_ms > (int64_t)t->limits.idle_ms;
    case CONN_DRAIN:
        return age_ms > (int64_t)t->limits.drain_ms;
    case CONN_BODY:
    case CONN_ROUTE:
    case CONN_REPLY:
        break;
    }
    return false;
}

static void check_conn(struct conn_table *t, struct conn *c, int64_t now)
{
    int64_t since = atomic_load(&c->phase_since_ms);
    enum conn_phase phase = phase_of(c);
    bool working = phase != CONN_OPENING && phase != CONN_IDLE;

    if (atomic_load(&c->cut))
        return;
    if (phase_over(t, phase, now - since) || too_slow(t, c, phase, since))
        cut(t, c, SHUT_RDWR);
    else if (working && t->limits.request_ms > 0 &&
             now - atomic_load(&c->request_since_ms) > (int64_t)t->limits.request_ms)
        cut(t, c, SHUT_RDWR);
}

/* What a drain ends although no deadline has passed. */
static void end_idle(struct conn_table *t, int64_t now)
{
    for (struct conn *c = t->all; c != NULL; c = c->next) {
        enum conn_phase phase = phase_of(c);

        if (phase == CONN_IDLE)
            cut(t, c, SHUT_RD); /* what has arrived is still served, then the end is seen */
        else if (phase == CONN_OPENING && now - t->drain_since_ms > DRAIN_OPENING_MS)
            cut(t, c, SHUT_RDWR);
    }
}

/* ---- eviction ---- */

static int by_dispensability(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;

    if (x->idle != y->idle)
        return x->idle ? -1 : 1;
    return x->since_ms < y->since_ms ? -1 : x->since_ms > y->since_ms;
}

static void evict(struct conn_table *t, int64_t now)
{
    size_t keep = crowd_mark(t), alive = 0, n = 0;

    for (struct conn *c = t->all; c != NULL; c = c->next) {
        enum conn_phase phase = phase_of(c);
        int64_t since = atomic_load(&c->phase_since_ms);

        if (atomic_load(&c->cut))
            continue;
        alive++;
        if (phase == CONN_IDLE ||
            ((phase == CONN_OPENING || phase == CONN_HEAD) && now - since > EVICT_AGE_MS))
            t->victims[n++] =
                (struct victim){.conn = c, .since_ms = since, .idle = phase == CONN_IDLE};
    }
    qsort(t->victims, n, sizeof(t->victims[0]), by_dispensability);
    for (size_t i = 0; i < n && alive >= keep; i++, alive--)
        cut(t, t->victims[i].conn, SHUT_RDWR);
    t->crowded = false;
}

/* ---- the thread ---- */

static void *reaper_main(void *arg)
{
    struct conn_table *t = arg;
    int64_t next_ms = clock_steady_ms() + t->tick_ms;

    (void)pthread_setname_np(pthread_self(), "http-reaper");
    pthread_mutex_lock(&t->lock);
    while (!t->stopping) {
        struct pollfd fds[LINGER_MAX + 1];
        size_t n = 1 + linger_poll_set(&t->lingering, fds + 1);
        int64_t now = clock_steady_ms(), wait = next_ms - now;
        eventfd_t count;

        fds[0] = (struct pollfd){.fd = t->wake, .events = POLLIN};
        pthread_mutex_unlock(&t->lock);
        if (poll(fds, n, wait > 0 ? (int)wait : 0) > 0 && (fds[0].revents & POLLIN) != 0)
            (void)eventfd_read(t->wake, &count);
        pthread_mutex_lock(&t->lock);
        now = clock_steady_ms();
        linger_read(&t->lingering, now);
        if (t->crowded)
            evict(t, now);
        if (now < next_ms)
            continue;
        next_ms = now + t->tick_ms;
        for (struct conn *c = t->all; c != NULL; c = c->next)
            check_conn(t, c, now);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static unsigned tick_for(const struct http_limits *l)
{
    unsigned least = l->head_ms < l->idle_ms ? l->head_ms : l->idle_ms;

    if (l->request_ms > 0 && l->request_ms < least)
        least = l->request_ms;
    if (l->body_min_rate > 0 && l->body_rate_window_ms < least)
        least = l->body_rate_window_ms;
    least = l->drain_ms < least ? l->drain_ms : least;
    least /= 8;
    return least < TICK_MIN_MS ? TICK_MIN_MS : least > TICK_MAX_MS ? TICK_MAX_MS : least;
}

static enum err thread_start(struct conn_table *t)
{
    pthread_attr_t attr;
    int e = pthread_attr_init(&attr);

    if (e != 0)
        return err_set(ERR_NOMEM, "no memory for the reaper");
    (void)pthread_attr_setstacksize(&attr, REAPER_STACK);
    e = pthread_create(&t->thread, &attr, reaper_main, t);
    (void)pthread_attr_destroy(&attr);
    if (e != 0)
        return err_set(ERR_BUSY, "cannot start the reaper: %s", strerror(e));
    t->running = true;
    return ERR_OK;
}

enum err conn_table_new(const struct http_limits *limits, struct http_counters *counters,
                        struct conn_table **out)
{
    AUTO(conn_table_free) struct conn_table *t = calloc(1, sizeof(*t));

    *out = NULL;
    if (t == NULL)
        return err_set(ERR_NOMEM, "no memory for the connection table");
    assert(limits->connections > 0);
    t->limits = *limits;
    t->counters = counters;
    t->tick_ms = tick_for(limits);
    t->wake = -1;
    pthread_mutex_init(&t->lock, NULL);
    t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->wake < 0)
        return err_errno("eventfd");
    t->victims = calloc(limits->connections, sizeof(t->victims[0]));
    if (t->victims == NULL)
        return err_set(ERR_NOMEM, "no memory for the connection table");
    crypto_shorthash_keygen(t->hash_key);
    TRY(thread_start(t));
    *out = TAKE(t);
    return ERR_OK;
}

void conn_table_free(struct conn_table *t)
{
    if (t == NULL)
        return;
    if (t->running) {
        pthread_mutex_lock(&t->lock);
        t->stopping = true;
        pthread_mutex_unlock(&t->lock);
        wake_reaper(t);
        (void)pthread_join(t->thread, NULL);
    }
    assert(t->n == 0);
    linger_close(&t->lingering);
    if (t->wake >= 0)
        (void)close(t->wake);
    free(t->victims);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- the end ---- */

static bool any_working(struct conn_table *t)
{
    bool working = false;

    pthread_mutex_lock(&t->lock);
    for (struct conn *c = t->all; c != NULL && !working; c = c->next)
        working = !atomic_load(&c->cut) && phase_of(c) != CONN_IDLE;
    working = working || t->lingering.n > 0;
    pthread_mutex_unlock(&t->lock);
    return working;
}

void conn_table_drain(struct conn_table *t, unsigned deadline_ms)
{
    int64_t until = clock_steady_ms() + deadline_ms;

    pthread_mutex_lock(&t->lock);
    t->drain_since_ms = clock_steady_ms();
    pthread_mutex_unlock(&t->lock);
    while (any_working(t) && clock_steady_ms() < until) {
        pthread_mutex_lock(&t->lock);
        end_idle(t, clock_steady_ms());
        pthread_mutex_unlock(&t->lock);
        (void)poll(NULL, 0, DRAIN_POLL_MS);
    }
}

void conn_table_cut(struct conn_table *t)
{
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    for (struct conn *c = t->all; c != NULL; c = c->next)
        cut(t, c, SHUT_RDWR);
    pthread_mutex_unlock(&t->lock);
    wake_reaper(t);
}
