#include "gateway/evidence/reading/opener.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

struct opener_pool {
    pthread_mutex_t lock;
    struct opener *idle;
    size_t n, kept;
};

enum err opener_pool_new(size_t kept, struct opener_pool **out)
{
    struct opener_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(ERR_NOMEM, "openers");
    p->kept = kept;
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return ERR_OK;
}

static void opener_destroy(struct opener *o)
{
    age_stream_free(o->stream);
    free(o);
}

void opener_pool_free(struct opener_pool *p)
{
    if (!p)
        return;
    for (struct opener *o = p->idle, *next = NULL; o; o = next) {
        next = o->next;
        opener_destroy(o);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static enum err opener_make(struct opener **out)
{
    struct opener *o = malloc(sizeof(*o));
    if (!o)
        return err_set(ERR_NOMEM, "opener");
    enum err e = age_stream_new(&o->stream);
    if (e != ERR_OK) {
        free(o);
        return e;
    }
    o->held_len = o->touched = 0;
    *out = o;
    return ERR_OK;
}

enum err opener_take(struct opener_pool *p, struct opener **out)
{
    pthread_mutex_lock(&p->lock);
    struct opener *o = p->idle;
    if (o) {
        p->idle = o->next;
        p->n--;
    }
    pthread_mutex_unlock(&p->lock);
    if (!o)
        return opener_make(out);
    *out = o;
    return ERR_OK;
}

void opener_give(struct opener_pool *p, struct opener *o)
{
    if (!o)
        return;
    age_stream_forget(o->stream);
    sodium_memzero(o->plain, o->touched);
    o->held_len = o->touched = 0;
    pthread_mutex_lock(&p->lock);
    bool keep = p->n < p->kept;
    if (keep) {
        o->next = p->idle;
        p->idle = o;
        p->n++;
    }
    pthread_mutex_unlock(&p->lock);
    if (!keep)
        opener_destroy(o);
}
