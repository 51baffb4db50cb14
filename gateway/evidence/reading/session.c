/* Rows are found by a 64-bit hash (kept in an array of its own) first and then compared in
 * full. A row goes FREE -> OPENING -> OPEN -> FREE, or OPENING -> FAILED -> FREE, under `lock`;
 * `holders` counts who uses it, and only a row without holders is collected or evicted. */
#include "gateway/evidence/reading/session.h"

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
    uint64_t let_go; /* when it was let go last, by the table's count */
    struct err_info failure;
};

struct session_table {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct key_slab *keys;
    size_t max, in_use;
    uint64_t let_go;
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

struct wanted { /* what names a session */
    const struct person *actor;
    enum role role;
    const struct uuid *artefact;
    const char *purpose;
    const struct uuid *bundle; /* NULL: none */
};

static enum err row_hash(const struct wanted *w, uint64_t *out)
{
    const char *role = role_name(w->role);
    const void *parts[] = {w->actor->issuer, w->actor->subject, w->artefact, role, w->purpose};
    const size_t lens[] = {strlen(w->actor->issuer) + 1, strlen(w->actor->subject) + 1,
                           sizeof(*w->artefact), strlen(role) + 1, strlen(w->purpose)};
    uint8_t digest[SHA256_SIZE];
    TRY(sha256_parts(parts, lens, ARRAY_LEN(parts), digest));
    memcpy(out, digest, sizeof(*out));
    *out |= 1; /* never 0: that is a free row's */
    return ERR_OK;
}

static bool row_is_of(const struct row *row, const struct person *actor)
{
    const struct person *of = &row->session.record.actor;
    return strcmp(of->issuer, actor->issuer) == 0 && strcmp(of->subject, actor->subject) == 0;
}

static bool row_fits(const struct row *row, const struct wanted *w, int64_t now_ms)
{
    const struct read_session_record *r = &row->session.record;
    bool live = row->state == ROW_OPENING ||
                (row->state == ROW_OPEN && now_ms < row->session.expires_ms);
    return live && uuid_is_nil(&row->session.bundle) && uuid_equal(&r->artefact, w->artefact) &&
           row_is_of(row, w->actor) && row->session.role == w->role &&
           strcmp(r->purpose, w->purpose) == 0;
}

static void row_free(struct session_table *t, struct row *row)
{
    if (row->session.key)
        key_slab_give(t->keys, row->session.key);
    memset(row, 0, sizeof(*row));
    t->hashes[row - t->rows] = 0;
    t->in_use--;
}

void session_table_free(struct session_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->max; i++) {
        assert(t->rows[i].holders == 0);
        if (t->rows[i].state != ROW_FREE)
            row_free(t, &t->rows[i]);
    }
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t->hashes);
    free(t);
}

static bool part_is_full(const struct session_table *t, const struct person *actor)
{
    size_t own = 0, part = t->max / SESSION_PARTS > 0 ? t->max / SESSION_PARTS : 1;
    for (size_t i = 0; i < t->max; i++)
        own += t->rows[i].state != ROW_FREE && row_is_of(&t->rows[i], actor);
    return own >= part;
}

static struct row *row_claim(struct session_table *t, uint64_t hash, const struct wanted *w)
{
    if (part_is_full(t, w->actor))
        return NULL;
    for (size_t i = 0; i < t->max; i++) {
        struct row *row = &t->rows[i];
        if (row->state != ROW_FREE)
            continue;
        memset(row, 0, sizeof(*row));
        row->state = ROW_OPENING;
        row->holders = 1;
        t->hashes[i] = hash;
        row->session.role = w->role;
        row->session.record.artefact = *w->artefact;
        row->session.record.actor = *w->actor;
        memcpy(row->session.record.purpose, w->purpose, strlen(w->purpose) + 1);
        if (w->bundle)
            row->session.bundle = *w->bundle;
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

enum err session_hold(struct session_table *t, const struct person *actor, enum role role,
                      const struct uuid *artefact, enum purpose purpose, int64_t now_ms,
                      struct session **out, bool *fresh)
{
    const struct wanted w = {actor, role, artefact, purpose_name(purpose), NULL};
    uint64_t hash = 0;
    enum err e = ERR_OK;
    struct row *row = NULL;
    TRY(row_hash(&w, &hash));
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->max && !row; i++) {
        if (t->hashes[i] == hash && row_fits(&t->rows[i], &w, now_ms))
            row = &t->rows[i];
    }
    *fresh = row == NULL;
    if (row) {
        row->holders++;
        e = row_await(t, row);
    } else {
        row = row_claim(t, hash, &w);
        if (!row)
            e = err_set(ERR_BUSY, "too many read sessions at once");
    }
    pthread_mutex_unlock(&t->lock);
    if (e == ERR_OK)
        *out = &row->session;
    return e;
}

enum err session_hold_bundled(struct session_table *t, const struct person *actor,
                              enum role role, const struct uuid *artefact, enum purpose purpose,
                              const struct uuid *bundle, struct session **out)
{
    const struct wanted w = {actor, role, artefact, purpose_name(purpose), bundle};
    uint64_t hash = 0;
    TRY(row_hash(&w, &hash));
    pthread_mutex_lock(&t->lock);
    struct row *row = row_claim(t, hash, &w);
    pthread_mutex_unlock(&t->lock);
    if (!row)
        return err_set(ERR_BUSY, "too many read sessions at once");
    *out = &row->session;
    return ERR_OK;
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
    row->let_go = ++t->let_go;
    if (!uuid_is_nil(&row->session.bundle))
        row->session.expires_ms = INT64_MIN;
    pthread_mutex_unlock(&t->lock);
}

void session_copy(struct session *to, const struct session *from)
{
    to->record = from->record;
    to->artefact = from->artefact;
    to->bundle = from->bundle;
    to->role = from->role;
    to->expires_ms = from->expires_ms;
    to->key = NULL;
    atomic_store(&to->served, atomic_load(&from->served));
}

size_t session_collect(struct session_table *t, int64_t now_ms, bool all, struct session *out,
                       size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->max && n < max; i++) {
        struct row *row = &t->rows[i];
        if (row->state != ROW_OPEN || row->holders > 0)
            continue;
        if (!all && now_ms < row->session.expires_ms)
            continue;
        session_copy(&out[n++], &row->session);
        row_free(t, row);
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* The idle row that was let go first; of one person, or of all (actor NULL). */
static struct row *row_oldest(struct session_table *t, const struct person *actor)
{
    struct row *oldest = NULL;
    for (size_t i = 0; i < t->max; i++) {
        struct row *row = &t->rows[i];
        if (row->state != ROW_OPEN || row->holders > 0 || (actor && !row_is_of(row, actor)))
            continue;
        if (!oldest || row->let_go < oldest->let_go)
            oldest = row;
    }
    return oldest;
}

size_t session_evict(struct session_table *t, const struct person *actor, struct session *out,
                     size_t max)
{
    enum { EIGHTH = 8 };
    size_t n = 0, some = t->max / EIGHTH > 0 ? t->max / EIGHTH : 1;
    pthread_mutex_lock(&t->lock);
    const struct person *whose = part_is_full(t, actor) ? actor : NULL;
    for (; n < max && n < some; n++) {
        struct row *row = row_oldest(t, whose);
        if (!row)
            break;
        session_copy(&out[n], &row->session);
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
