/* Who has which upload now, and what is remembered of those that nobody has.
 *
 * Invariants: an upload has at most one `struct held`; it stays while it has users or is
 * remembered. The memory is bounded: past `warm` remembered ones without users the one that was
 * left first is forgotten, which costs reading it back and nothing else. */
#include "gateway/evidence/resumable/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BUCKETS = 1024,
    LOOK_EVERY_MS = 100 /* how soon a waiting one sees that it was overtaken */
};

struct resumable_table {
    pthread_mutex_t lock; /* buckets, users, the order of the idle ones */
    struct held *buckets[BUCKETS];
    struct held *oldest, *newest;
    size_t idle, warm;
};

enum err resumable_table_new(size_t warm, struct resumable_table **out)
{
    struct resumable_table *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(ERR_NOMEM, "the table of uploads");
    t->warm = warm;
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return ERR_OK;
}

/* The last bytes of an id are random. */
static struct held **bucket(struct resumable_table *t, const struct uuid *id)
{
    return &t->buckets[(id->bytes[14] << 8 | id->bytes[15]) % BUCKETS];
}

/* --- nobody has it ------------------------------------------------------------------------ */

static void idle_add(struct resumable_table *t, struct held *h)
{
    h->older = t->newest;
    h->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = h;
    t->newest = h;
    t->idle++;
}

static void idle_remove(struct resumable_table *t, struct held *h)
{
    *(h->older ? &h->older->newer : &t->oldest) = h->newer;
    *(h->newer ? &h->newer->older : &t->newest) = h->older;
    t->idle--;
}

static void destroy(struct resumable_table *t, struct held *h)
{
    struct held **at = bucket(t, &h->id);
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    upload_memory_clear(&h->memory);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void resumable_table_free(struct resumable_table *t)
{
    if (!t)
        return;
    while (t->oldest) {
        struct held *h = t->oldest;
        idle_remove(t, h);
        destroy(t, h);
    }
    for (size_t i = 0; i < BUCKETS; i++)
        assert(!t->buckets[i]); /* every writer was freed */
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* --- users -------------------------------------------------------------------------------- */

static struct held *held_find(struct resumable_table *t, const struct uuid *id)
{
    for (struct held *h = *bucket(t, id); h; h = h->next) {
        if (uuid_equal(&h->id, id))
            return h;
    }
    return NULL;
}

static struct held *held_make(struct resumable_table *t, const struct uuid *id)
{
    struct held *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->id = *id;
    pthread_mutex_init(&h->lock, NULL);
    h->next = *bucket(t, id);
    *bucket(t, id) = h;
    return h;
}

/* NULL: no memory, or it has users and shall have none. */
static struct held *user_add(struct resumable_table *t, const struct uuid *id, bool only_idle)
{
    pthread_mutex_lock(&t->lock);
    struct held *h = held_find(t, id);
    if (h && h->users == 0)
        idle_remove(t, h);
    else if (!h)
        h = held_make(t, id);
    else if (only_idle)
        h = NULL;
    if (h)
        h->users++;
    pthread_mutex_unlock(&t->lock);
    return h;
}

/* Nobody else can come to a lock of what has no users, so `remembered` may be looked at. */
static void user_drop(struct resumable_table *t, struct held *h)
{
    pthread_mutex_lock(&t->lock);
    assert(h->users > 0);
    h->users--;
    if (h->users == 0 && h->remembered)
        idle_add(t, h);
    else if (h->users == 0)
        destroy(t, h);
    if (t->idle > t->warm) {
        struct held *first = t->oldest;
        idle_remove(t, first);
        destroy(t, first);
    }
    pthread_mutex_unlock(&t->lock);
}

/* Whoever has it may be at it for minutes (a large file read back). So long one connection
 * waits for it, the newest; or one person's would fill the house. */
static bool lock_unless_overtaken(struct held *h, uint64_t arrival)
{
    struct timespec until;
    do {
        if (held_overtaken(h, arrival))
            return false;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_EVERY_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    } while (pthread_mutex_timedlock(&h->lock, &until) != 0);
    if (!held_overtaken(h, arrival))
        return true;
    pthread_mutex_unlock(&h->lock);
    return false;
}

enum err held_take(struct resumable_table *t, const struct uuid *id, struct held **out,
                   uint64_t *arrival)
{
    struct held *h = user_add(t, id, false);
    if (!h)
        return err_set(ERR_NOMEM, "an upload");
    *arrival = atomic_fetch_add(&h->arrivals, 1) + 1;
    if (!lock_unless_overtaken(h, *arrival)) {
        user_drop(t, h);
        return refuse(REFUSAL_UPLOAD_LOCKED);
    }
    *out = h;
    return ERR_OK;
}

struct held *held_take_idle(struct resumable_table *t, const struct uuid *id)
{
    struct held *h = user_add(t, id, true);
    if (h)
        pthread_mutex_lock(&h->lock);
    return h;
}

void held_leave(struct resumable_table *t, struct held *h)
{
    pthread_mutex_unlock(&h->lock);
    user_drop(t, h);
}

void held_unlock(struct held *h)
{
    pthread_mutex_unlock(&h->lock);
}

void held_lock(struct held *h)
{
    pthread_mutex_lock(&h->lock);
}

void held_forget(struct held *h)
{
    upload_memory_clear(&h->memory);
    h->remembered = false;
}

bool held_overtaken(struct held *h, uint64_t arrival)
{
    return atomic_load(&h->arrivals) != arrival;
}
