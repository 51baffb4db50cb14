/* Rows are found by a 64-bit hash (kept in an array of its own) first and then compared in
 * full. A row goes FREE -> OPENING -> OPEN -> FREE under `lock`; `holders` counts who uses it,
 * and only a row without holders is collected. */
#include "gateway/evidence/session.h"

#include "crypto/digest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum row_state { ROW_FREE, ROW_OPENING, ROW_OPEN, ROW_FAILED };

struct row {
    struct session session; /* first: a session is its row */
    enum row_state state;
    unsigned holders;
    struct err_info failure;
};

struct session_table {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct key_slab *keys;
    size_t max, in_use;
    uint64_t
        *hashes; /* of the rows, apart so that a look-up touches few cache lines; 0: free */
    struct row rows[];
};

enum err session_table_new(size_t max, struct key_slab *keys, struct session_table **out)
{
    struct session_table *t = calloc(1, sizeof(*t) + max * sizeof(t->rows[0]));
    uint64_t *hashes = calloc(max, sizeof(*hashes));
    if (!t || !hashes) {
        free(t);
        free(hashes);
        return err_set(ERR_NOMEM, "read sessions");
    }
    t->hashes = hashes;
    t->max = max;
    t->keys = keys;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    *out = t;
    return ERR_OK;
}

void session_table_free(struct session_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->max; i++)
        assert(t->rows[i].state == ROW_FREE);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t->hashes);
    free(t);
}

static enum err row_hash(const struct person *actor, const struct uuid *artefact,
                         const char *purpose, uint64_t *out)
{
    const void *parts[] = {actor->issuer, actor->subject, artefact, purpose};
    const size_t lens[] = {strlen(actor->issuer) + 1, strlen(actor->subject) + 1,
                           sizeof(*artefact), strlen(purpose)};
    uint8_t digest[SHA256_SIZE];
    TRY(sha256_parts(parts, lens, ARRAY_LEN(parts), digest));
    memcpy(out, digest, sizeof(*out));
    *out |= 1; /* never 0: that is a free row's */
    return ERR_OK;
}

static bool row_fits(const struct row *row, const struct person *actor,
                     const struct uuid *artefact, const char *purpose, int64_t now)
{
    const struct read_session_record *r = &row->session.record;
    return (row->state == ROW_OPENING || row->state == ROW_OPEN) &&
           (row->state == ROW_OPENING || now < r->expires_at) &&
           uuid_equal(&r->artefact, artefact) && strcmp(r->actor.issuer, actor->issuer) == 0 &&
           strcmp(r->actor.subject, actor->subject) == 0 && strcmp(r->purpose, purpose) == 0;
}

static void row_free(struct session_table *t, struct row *row)
{
    if (row->session.key)
        key_slab_give(t->keys, row->session.key);
    memset(row, 0, sizeof(*row));
    t->hashes[row - t->rows] = 0;
    t->in_use--;
}

static struct row *row_claim(struct session_table *t, uint64_t hash, const struct person *actor,
                             const struct uuid *artefact, const char *purpose)
{
    for (size_t i = 0; i < t->max; i++) {
        struct row *row = &t->rows[i];
        if (row->state != ROW_FREE)
            continue;
        memset(row, 0, sizeof(*row));
        row->state = ROW_OPENING;
        row->holders = 1;
        t->hashes[i] = hash;
        row->session.record.artefact = *artefact;
        row->session.record.actor = *actor;
        memcpy(row->session.record.purpose, purpose, strlen(purpose) + 1);
        t->in_use++;
        return row;
    }
    return NULL;
}

/* Holds a row that somebody else opens until it is open; its failure becomes ours. */
static enum err row_await(struct session_table *t, struct row *row)
{
    while (row->state == ROW_OPENING)
        pthread_cond_wait(&t->changed, &t->lock);
    if (row->state == ROW_OPEN)
        return ERR_OK;
    struct err_info failure = row->failure;
    if (--row->holders == 0)
        row_free(t, row);
    return err_restore(&failure);
}

enum err session_hold(struct session_table *t, const struct person *actor,
                      const struct uuid *artefact, enum purpose purpose, int64_t now,
                      struct session **out, bool *fresh)
{
    const char *name = purpose_name(purpose);
    uint64_t hash = 0;
    enum err e = ERR_OK;
    struct row *row = NULL;
    TRY(row_hash(actor, artefact, name, &hash));
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->max && !row; i++) {
        if (t->hashes[i] == hash && row_fits(&t->rows[i], actor, artefact, name, now))
            row = &t->rows[i];
    }
    *fresh = row == NULL;
    if (row) {
        row->holders++;
        e = row_await(t, row);
    } else {
        row = row_claim(t, hash, actor, artefact, name);
        if (!row)
            e = err_set(ERR_BUSY, "too many read sessions at once");
    }
    pthread_mutex_unlock(&t->lock);
    if (e == ERR_OK)
        *out = &row->session;
    return e;
}

void session_opened(struct session_table *t, struct session *s, enum err outcome)
{
    struct row *row = (struct row *)s;
    struct err_info failure;
    err_save(outcome, &failure);
    pthread_mutex_lock(&t->lock);
    assert(row->state == ROW_OPENING);
    row->state = outcome == ERR_OK ? ROW_OPEN : ROW_FAILED;
    row->failure = failure;
    if (outcome != ERR_OK && --row->holders == 0)
        row_free(t, row);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void session_let_go(struct session_table *t, struct session *s)
{
    struct row *row = (struct row *)s;
    pthread_mutex_lock(&t->lock);
    assert(row->holders > 0 && row->state == ROW_OPEN);
    row->holders--;
    pthread_mutex_unlock(&t->lock);
}

static void session_copy(struct session *to, const struct session *from)
{
    to->record = from->record;
    to->artefact = from->artefact;
    to->role = from->role;
    to->key = NULL;
    atomic_store(&to->served, atomic_load(&from->served));
}

size_t session_collect(struct session_table *t, int64_t now, bool all, struct session *out,
                       size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->max && n < max; i++) {
        struct row *row = &t->rows[i];
        if (row->state != ROW_OPEN || row->holders > 0)
            continue;
        if (!all && now < row->session.record.expires_at)
            continue;
        session_copy(&out[n++], &row->session);
        row_free(t, row);
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}

size_t session_count(struct session_table *t)
{
    pthread_mutex_lock(&t->lock);
    size_t n = t->in_use;
    pthread_mutex_unlock(&t->lock);
    return n;
}
