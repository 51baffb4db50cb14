/* A batch of closings is one commit. A batch that fails goes to the head of `waiting`, and the
 * next tick tries again; there are never more than there were sessions, because none can be
 * opened while nothing can be committed. */
#include "gateway/evidence/reading/closing.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLOSE_BATCH = 32 }; /* read sessions closed in one commit */

struct batch {
    struct batch *next;
    bool crashed; /* the counts were lost with the process that served */
    size_t n;
    struct session sessions[CLOSE_BATCH];
};
struct closings {
    pthread_mutex_t lock;
    struct batch *waiting;
};

enum err closings_new(struct closings **out)
{
    struct closings *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(ERR_NOMEM, "closings");
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return ERR_OK;
}

void closings_free(struct closings *c)
{
    if (!c)
        return;
    for (struct batch *b = c->waiting, *next = NULL; b; b = next) {
        next = b->next;
        free(b);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* --- the commit --------------------------------------------------------------------------- */

static json_t *closed_entry(const struct batch *b, const struct session *s)
{
    json_t *entry = entry_new("read.closed", NULL, ROLE_CLAIMANT);
    char actor[ACTOR_MAX], id[UUID_TEXT_SIZE];
    (void)snprintf(actor, sizeof(actor), "%s#%s", s->record.actor.issuer,
                   s->record.actor.subject);
    uuid_format(&s->record.id, id);
    json_put_text(entry, "actor", actor);
    if (!b->crashed) /* the records do not keep it */
        json_put_text(entry, "role", role_name(s->role));
    entry_artefact(entry, &s->artefact);
    json_put_text(entry, "session", id);
    json_put_text(entry, "purpose", s->record.purpose);
    entry_bundle(entry, &s->bundle);
    if (b->crashed)
        json_put_bool(entry, "served_unknown", true);
    else
        json_put_int(entry, "served", (json_int_t)atomic_load(&s->served));
    return entry;
}

/* One that is closed already, or whose opening was rolled back, has nothing to tell. */
static enum err close_one(struct commit_tx *tx, const struct batch *b, const struct session *s)
{
    struct ledger_ref ref;
    enum err closed =
        read_session_close(commit_db(tx), &s->record.id, clock_now(), atomic_load(&s->served));
    if (closed == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(closed);
    AUTO(json_free) json_t *entry = closed_entry(b, s);
    return entry_append_linked(tx, entry, &s->artefact, &ref);
}

static enum err close_apply(struct commit_tx *tx, void *ctx)
{
    struct batch *b = ctx;
    for (size_t i = 0; i < b->n; i++)
        TRY(close_one(tx, b, &b->sessions[i]));
    return ERR_OK;
}

/* Steals the batch. */
static bool batch_close(struct evidence *ev, struct batch *b)
{
    enum err e = evidence_commit(ev, close_apply, b, NULL);
    if (e == ERR_OK) {
        free(b);
        return true;
    }
    log_event(LOG_ERROR, "read_session.close_failed", log_err(e),
              log_int("sessions", (int64_t)b->n));
    pthread_mutex_lock(&ev->closings->lock);
    b->next = ev->closings->waiting;
    ev->closings->waiting = b;
    pthread_mutex_unlock(&ev->closings->lock);
    return false;
}

static struct batch *waiting_take(struct closings *c)
{
    pthread_mutex_lock(&c->lock);
    struct batch *b = c->waiting;
    if (b)
        c->waiting = b->next;
    pthread_mutex_unlock(&c->lock);
    return b;
}

/* --- who ends ----------------------------------------------------------------------------- */

void closing_ended(struct evidence *ev, bool all)
{
    struct batch *b = NULL;
    while ((b = waiting_take(ev->closings))) {
        if (!batch_close(ev, b))
            break; /* it will not go better with the next */
    }
    for (size_t n = CLOSE_BATCH; n == CLOSE_BATCH;) {
        b = calloc(1, sizeof(*b));
        if (!b)
            return; /* the next tick tries again */
        n = b->n =
            session_collect(ev->sessions, clock_steady_ms(), all, b->sessions, CLOSE_BATCH);
        if (n == 0)
            free(b);
        else
            (void)batch_close(ev, b);
    }
}

bool closing_make_room(struct evidence *ev, const struct person *actor)
{
    struct batch *b = calloc(1, sizeof(*b));
    if (!b)
        return false;
    b->n = session_evict(ev->sessions, actor, b->sessions, CLOSE_BATCH);
    if (b->n == 0) {
        free(b);
        return false;
    }
    (void)batch_close(ev, b);
    return true;
}

void closing_failed(struct evidence *ev, const struct session *s)
{
    struct batch *b = calloc(1, sizeof(*b));
    if (!b)
        return; /* the next start finds it open */
    b->n = 1;
    session_copy(&b->sessions[0], s);
    (void)batch_close(ev, b);
}

static enum err crashed_load(struct evidence *ev, struct batch *b)
{
    AUTO_FREE struct read_session_record *open = calloc(CLOSE_BATCH, sizeof(*open));
    AUTO(db_read_end) struct db *db = NULL;
    if (!open)
        return err_set(ERR_NOMEM, "closing read sessions");
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(read_session_list_open(db, open, CLOSE_BATCH, &b->n));
    for (size_t i = 0; i < b->n; i++) {
        b->sessions[i].record = open[i];
        TRY(artefact_find(db, &open[i].artefact, &b->sessions[i].artefact));
    }
    return ERR_OK;
}

enum err closing_crashed(struct evidence *ev)
{
    AUTO_FREE struct batch *b = calloc(1, sizeof(*b));
    if (!b)
        return err_set(ERR_NOMEM, "closing read sessions");
    b->crashed = true;
    do {
        TRY(crashed_load(ev, b));
        if (b->n > 0)
            TRY(evidence_commit(ev, close_apply, b, NULL));
    } while (b->n == CLOSE_BATCH);
    return ERR_OK;
}
