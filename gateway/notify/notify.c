/* Invariants: a message is changed only from the state it was read in, so that of two processes
 * one has it; no transaction is open while a call runs; an address is in memory for the time of
 * its call. */
#include "gateway/notify/notify.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/notify/govuk.h"
#include "gateway/notify/webhook.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECRET_MAX = 4096,
    PAGE = 16,
    LOOK_MS = 250,               /* how often a thread looks for what is due */
    CLAIM_FACTOR = 3,            /* a message being sent is somebody's for so many timeouts */
    STATUS_FOR_S = 7 * 24 * 3600 /* then nobody asks any more what became of it */
};

#define MICROS_PER_MS (MICROS_PER_SECOND / 1000)

struct worker {
    struct notify *n;
    bool webhook, running;
    pthread_t thread;
};

struct notify {
    struct notify_config config;
    struct notify_parts parts;
    struct templates templates;
    struct secret *webhook_secret, *govuk_key;
    struct webhook webhook;
    struct govuk govuk;
    struct worker workers[2];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic bool stopping;
    _Atomic uint64_t sent, delivered, retried, failed, dropped;
};

/* --- what it is made of ------------------------------------------------------------------- */

/* A line feed at the end is the editor's. */
static enum err secret_load(const char *path, struct secret **out)
{
    TRY(secret_file_read(path, SECRET_MAX, out));
    struct secret *s = *out;
    while (s->len > 0 && (s->bytes[s->len - 1] == '\n' || s->bytes[s->len - 1] == '\r'))
        s->len--;
    return s->len > 0 ? ERR_OK : err_set(ERR_INVALID, "%s: nothing stands in it", path);
}

static enum err webhook_open(struct notify *n)
{
    const struct notify_config *c = &n->config;
    if (!*c->webhook_url)
        return ERR_OK;
    TRY(http_url_check(c->webhook_url, c->way.allow_plain));
    TRY(secret_load(c->webhook_secret_file, &n->webhook_secret));
    n->webhook =
        (struct webhook){.url = c->webhook_url, .secret = n->webhook_secret, .way = c->way};
    return ERR_OK;
}

static enum err govuk_open(struct notify *n)
{
    const struct notify_config *c = &n->config;
    if (!*c->govuk_key_file)
        return ERR_OK;
    TRY(http_url_check(c->govuk_url, c->way.allow_plain));
    TRY(secret_load(c->govuk_key_file, &n->govuk_key));
    n->govuk = (struct govuk){.url = c->govuk_url, .key = n->govuk_key, .way = c->way};
    TRY(govuk_key_check(n->govuk_key, n->govuk.service));
    return templates_read(c->templates, &n->templates);
}

enum err notify_new(const struct notify_config *config, struct notify **out)
{
    struct notify *n = calloc(1, sizeof(*n));
    pthread_condattr_t steady;
    if (!n)
        return err_set(ERR_NOMEM, "messages");
    n->config = *config;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->changed, &steady);
    pthread_condattr_destroy(&steady);
    enum err e = webhook_open(n);
    if (e == ERR_OK)
        e = govuk_open(n);
    if (e != ERR_OK) {
        struct err_info why;
        err_save(e, &why);
        notify_free(n);
        return err_restore(&why);
    }
    *out = n;
    return ERR_OK;
}

bool notify_has_webhook(const struct notify *n)
{
    return n->webhook_secret != NULL;
}

const struct templates *notify_templates(const struct notify *n)
{
    return &n->templates;
}

/* --- records ------------------------------------------------------------------------------ */

struct change {
    struct message_record to;
    enum message_state from;
    struct message_step step;
    bool told; /* the step is kept */
};

static enum err change_apply(struct commit_tx *tx, void *ctx)
{
    struct change *c = ctx;
    return message_change(commit_db(tx), &c->to, c->from, c->told ? &c->step : NULL);
}

static enum err change_commit(struct notify *n, struct change *c)
{
    struct commit_job job = {.apply = change_apply, .ctx = c, .unlogged = true};
    return committer_run(n->parts.committer, &job);
}

/* The message goes to `state`; `what` NULL: without a step. */
static enum err settle(struct notify *n, struct message_record *m, enum message_state state,
                       int64_t next_at, const char *what, const char *detail)
{
    struct change c = {.to = *m, .from = m->state, .told = what != NULL};
    c.to.state = state;
    c.to.next_at = next_at;
    c.step.at = clock_now();
    if (what) {
        (void)snprintf(c.step.what, sizeof(c.step.what), "%s", what);
        (void)snprintf(c.step.detail, sizeof(c.step.detail), "%s", detail);
    }
    TRY(change_commit(n, &c));
    *m = c.to;
    return ERR_OK;
}

/* --- one message -------------------------------------------------------------------------- */

struct sending {
    struct message_record m;
    struct message_words words;
    struct contact_record contact;
    const char *why_not; /* it is not sent: why */
};

static const char *template_of(const struct notify *n, const struct message_record *m)
{
    return n->templates.ids[m->event][m->channel];
}

/* What it takes to send it, read at once and then let go. */
static enum err prepare(struct notify *n, struct sending *s)
{
    AUTO(db_read_end) struct db *db = NULL;
    bool may = false;
    TRY(db_read_begin(n->parts.db, &db));
    TRY(n->parts.ask(n->parts.ctx, db, &s->m, &s->words, &may));
    if (!may)
        s->why_not = "not-entitled";
    if (!may || s->m.channel == MESSAGE_WEBHOOK)
        return ERR_OK;
    if (!template_of(n, &s->m)[0])
        s->why_not = "no-template";
    enum err found = contact_find(db, &s->m.claim, &s->m.to, s->m.channel, &s->contact);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && !s->contact.address[0]))
        s->why_not = "no-address";
    return found == ERR_NOT_FOUND ? ERR_OK : found;
}

static enum err send_out(struct notify *n, struct sending *s, struct delivery *out)
{
    memset(out, 0, sizeof(*out));
    if (s->m.channel == MESSAGE_WEBHOOK)
        return webhook_send(&n->webhook, &s->m, out);
    return govuk_send(&n->govuk, &s->m, template_of(n, &s->m), s->contact.address, &s->words,
                      out);
}

static int64_t back_off(const struct notify *n, unsigned attempts)
{
    uint64_t wait = n->config.retry_ms;
    for (unsigned i = 1; i < attempts && wait < n->config.retry_max_ms; i++)
        wait *= 2;
    wait = wait < n->config.retry_max_ms ? wait : n->config.retry_max_ms;
    return clock_now() + (int64_t)wait * MICROS_PER_MS;
}

static enum err settle_done(struct notify *n, struct message_record *m,
                            const struct delivery *d, bool again)
{
    bool asks = m->channel != MESSAGE_WEBHOOK && d->provider_id[0];
    memcpy(m->provider_id, d->provider_id, sizeof(m->provider_id));
    atomic_fetch_add(&n->sent, 1);
    return settle(n, m, MESSAGE_SENT,
                  asks ? clock_now() + n->config.status_ms * MICROS_PER_MS : 0,
                  again ? "resent" : "sent", d->detail);
}

static enum err settle_outcome(struct notify *n, struct message_record *m,
                               const struct delivery *d)
{
    char detail[MESSAGE_DETAIL_MAX + 1];
    if (d->outcome == DELIVERY_DONE)
        return settle_done(n, m, d, m->attempts > 1);
    bool last = m->attempts >= n->config.attempts;
    if (d->outcome == DELIVERY_AGAIN && !last) {
        atomic_fetch_add(&n->retried, 1);
        return settle(n, m, MESSAGE_WAITING, back_off(n, m->attempts), "failed", d->detail);
    }
    atomic_fetch_add(&n->failed, 1);
    (void)snprintf(detail, sizeof(detail), "%.60s, %s", d->detail,
                   d->outcome == DELIVERY_AGAIN ? "given up" : "refused");
    return settle(n, m, MESSAGE_FAILED, 0, "failed", detail);
}

static enum err claim_it(struct notify *n, struct message_record *m)
{
    int64_t until =
        clock_now() + (int64_t)n->config.way.total_ms * CLAIM_FACTOR * MICROS_PER_MS;
    m->attempts++;
    return settle(n, m, MESSAGE_SENDING, until, NULL, "");
}

/* Found as being sent: perhaps it was. Notify is asked, a webhook knows its id. */
static enum err already_there(struct notify *n, struct sending *s, bool *there)
{
    struct delivery d;
    *there = false;
    if (s->m.channel == MESSAGE_WEBHOOK)
        return ERR_OK;
    TRY(govuk_find(&n->govuk, &s->m.id, &d));
    if (d.outcome == DELIVERY_AGAIN)
        return err_set(ERR_UNAVAILABLE, "nobody tells whether it was sent");
    *there = d.outcome == DELIVERY_DONE && d.provider_id[0];
    if (!*there)
        return ERR_OK;
    (void)snprintf(d.detail, sizeof(d.detail), "found");
    return settle_done(n, &s->m, &d, false);
}

static enum err deliver(struct notify *n, struct sending *s, bool *passes)
{
    struct delivery d;
    bool there = false, lost = s->m.state == MESSAGE_SENDING;
    TRY(prepare(n, s));
    if (s->why_not) {
        atomic_fetch_add(&n->dropped, 1);
        return settle(n, &s->m, MESSAGE_DROPPED, 0, "dropped", s->why_not);
    }
    TRY(claim_it(n, &s->m));
    if (lost)
        TRY(already_there(n, s, &there));
    if (there)
        return ERR_OK;
    TRY(send_out(n, s, &d));
    *passes = d.outcome == DELIVERY_AGAIN;
    return settle_outcome(n, &s->m, &d);
}

/* What became of one that was sent; asked less often the longer it takes. */
static enum err follow(struct notify *n, struct message_record *m)
{
    struct delivery d;
    int64_t now, age, wait = n->config.status_ms * MICROS_PER_MS;
    TRY(govuk_status(&n->govuk, m->provider_id, &d));
    enum govuk_fate fate =
        d.outcome == DELIVERY_DONE ? govuk_fate_of(d.detail) : GOVUK_UNDER_WAY;
    if (fate == GOVUK_DELIVERED) {
        atomic_fetch_add(&n->delivered, 1);
        return settle(n, m, MESSAGE_DELIVERED, 0, "delivered", d.detail);
    }
    if (fate == GOVUK_FAILED) {
        atomic_fetch_add(&n->failed, 1);
        return settle(n, m, MESSAGE_FAILED, 0, "failed", d.detail);
    }
    now = clock_now();
    age = now - m->occurred_at;
    wait = wait > age / 2 ? wait : age / 2;
    bool over = age > STATUS_FOR_S * MICROS_PER_SECOND || d.outcome == DELIVERY_REFUSED;
    return settle(n, m, MESSAGE_SENT, over ? 0 : now + wait, NULL, "");
}

static void report(const struct message_record *m, enum err e)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&m->id, id);
    if (e != ERR_OK)
        log_event(LOG_WARN, "message.trouble", log_str("message", id), log_err(e));
    else
        log_event(LOG_INFO, "message", log_str("message", id),
                  log_str("channel", message_channel_name(m->channel)),
                  log_str("state", message_state_name(m->state)));
}

/* false: the other side is away, the others need not be tried now. */
static bool handle(struct notify *n, const struct message_record *m)
{
    AUTO_FREE struct sending *s = calloc(1, sizeof(*s));
    bool passes = false;
    if (!s)
        return false;
    s->m = *m;
    enum err e = m->state == MESSAGE_SENT ? follow(n, &s->m) : deliver(n, s, &passes);
    sodium_memzero(&s->contact, sizeof(s->contact));
    if (e != ERR_CONFLICT) /* another process has it */
        report(&s->m, e);
    return e != ERR_UNAVAILABLE && !passes;
}

/* --- the threads -------------------------------------------------------------------------- */

static enum err page_read(struct worker *w, struct message_record *page, size_t *found)
{
    AUTO(db_read_end) struct db *db = NULL;
    *found = 0;
    TRY(db_read_begin(w->n->parts.db, &db));
    return message_list_due(db, w->webhook, clock_now(), page, PAGE, found);
}

/* true: there may be more at once. */
static bool round_of(struct worker *w)
{
    AUTO_FREE struct message_record *page = calloc(PAGE, sizeof(*page));
    size_t found = 0;
    if (!page)
        return false;
    enum err e = page_read(w, page, &found);
    if (e != ERR_OK)
        log_event(LOG_WARN, "messages.due", log_err(e));
    for (size_t i = 0; i < found; i++) {
        if (atomic_load(&w->n->stopping) || !handle(w->n, &page[i]))
            return false;
    }
    return found == PAGE;
}

static void wait_a_while(struct notify *n)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&n->lock);
    while (!atomic_load(&n->stopping) &&
           pthread_cond_timedwait(&n->changed, &n->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&n->lock);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    while (!atomic_load(&w->n->stopping)) {
        if (!round_of(w))
            wait_a_while(w->n);
    }
    return NULL;
}

static enum err worker_start(struct notify *n, struct worker *w, bool webhook)
{
    *w = (struct worker){.n = n, .webhook = webhook};
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        return err_set(ERR_UNAVAILABLE, "no thread for messages");
    w->running = true;
    return ERR_OK;
}

enum err notify_start(struct notify *n, const struct notify_parts *parts)
{
    n->parts = *parts;
    if (n->webhook_secret)
        TRY(worker_start(n, &n->workers[0], true));
    return n->govuk_key ? worker_start(n, &n->workers[1], false) : ERR_OK;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    atomic_store(&n->stopping, true);
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
    for (size_t i = 0; i < ARRAY_LEN(n->workers); i++) {
        if (n->workers[i].running)
            pthread_join(n->workers[i].thread, NULL);
    }
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->changed);
    secret_free(n->webhook_secret);
    secret_free(n->govuk_key);
    free(n);
}

void notify_stats(struct notify *n, struct notify_stats *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    *out = (struct notify_stats){.sent = atomic_load(&n->sent),
                                 .delivered = atomic_load(&n->delivered),
                                 .retried = atomic_load(&n->retried),
                                 .failed = atomic_load(&n->failed),
                                 .dropped = atomic_load(&n->dropped)};
    if (!n->parts.db || db_read_begin(n->parts.db, &db) != ERR_OK)
        return;
    enum err e = message_waiting(db, &out->waiting, &out->oldest);
    if (e != ERR_OK)
        out->waiting = 0;
}
