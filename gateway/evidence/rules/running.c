/* A flat table of hashes: as many rows as uploads can run at once, looked through under a short
 * lock. */
#include "gateway/evidence/rules/running.h"

#include "crypto/digest.h"
#include "gateway/evidence/rules/refusal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct row {
    bool used;
    uint8_t hash[32];
};
struct running_keys {
    pthread_mutex_t lock;
    size_t max;
    struct row rows[];
};

enum err running_new(size_t max, struct running_keys **out)
{
    struct running_keys *r = calloc(1, sizeof(*r) + max * sizeof(r->rows[0]));
    if (!r)
        return err_set(ERR_NOMEM, "running keys");
    r->max = max;
    pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return ERR_OK;
}

void running_free(struct running_keys *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static enum err row_hash(const struct principal *p, const char *key, uint8_t out[32])
{
    /* the terminating NULs keep the three apart */
    const void *parts[] = {p->issuer, p->subject, key};
    const size_t lens[] = {strlen(p->issuer) + 1, strlen(p->subject) + 1, strlen(key) + 1};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

static struct row *row_find(struct running_keys *r, const uint8_t hash[32], struct row **spare)
{
    *spare = NULL;
    for (size_t i = 0; i < r->max; i++) {
        if (!r->rows[i].used)
            *spare = &r->rows[i];
        else if (memcmp(r->rows[i].hash, hash, 32) == 0)
            return &r->rows[i];
    }
    return NULL;
}

enum err running_take(struct running_keys *r, const struct principal *p, const char *key,
                      struct running_ticket *out)
{
    struct row *spare = NULL;
    TRY(row_hash(p, key, out->hash));
    pthread_mutex_lock(&r->lock);
    bool taken = row_find(r, out->hash, &spare) != NULL;
    if (!taken && spare) {
        spare->used = true;
        memcpy(spare->hash, out->hash, sizeof(spare->hash));
    }
    pthread_mutex_unlock(&r->lock);
    if (taken)
        return refuse(REFUSAL_KEY_BUSY);
    return spare ? ERR_OK : err_set(ERR_BUSY, "too many requests with an Idempotency-Key");
}

void running_give(struct running_keys *r, const struct running_ticket *ticket)
{
    struct row *spare = NULL;
    pthread_mutex_lock(&r->lock);
    struct row *row = row_find(r, ticket->hash, &spare);
    assert(row);
    row->used = false;
    pthread_mutex_unlock(&r->lock);
}
