/* A row for each person who has anything running, looked through under a short lock. */
#include "gateway/evidence/rules/share.h"

#include "crypto/digest.h"
#include "gateway/evidence/rules/refusal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct row {
    size_t running; /* 0: free */
    uint8_t hash[SHA256_SIZE];
};
struct share {
    pthread_mutex_t lock;
    size_t all, running, each;
    struct row rows[]; /* all of them: a row has one running at least */
};

enum err share_new(size_t all, struct share **out)
{
    struct share *s = calloc(1, sizeof(*s) + all * sizeof(s->rows[0]));
    if (!s)
        return err_set(ERR_NOMEM, "shares");
    s->all = all;
    s->each = all / SHARE_PARTS > 0 ? all / SHARE_PARTS : 1;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return ERR_OK;
}

void share_free(struct share *s)
{
    if (!s)
        return;
    assert(s->running == 0);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static enum err row_hash(const struct principal *p, uint8_t out[SHA256_SIZE])
{
    const void *parts[] = {p->issuer, p->subject};
    const size_t lens[] = {strlen(p->issuer) + 1, strlen(p->subject) + 1};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

/* The person's row, else a free one, else NULL. */
static struct row *row_find(struct share *s, const uint8_t hash[SHA256_SIZE])
{
    struct row *spare = NULL;
    for (size_t i = 0; i < s->all; i++) {
        if (s->rows[i].running == 0)
            spare = spare ? spare : &s->rows[i];
        else if (memcmp(s->rows[i].hash, hash, SHA256_SIZE) == 0)
            return &s->rows[i];
    }
    return spare;
}

enum err share_take(struct share *s, const struct principal *p, struct share_ticket *out)
{
    TRY(row_hash(p, out->hash));
    pthread_mutex_lock(&s->lock);
    struct row *row = row_find(s, out->hash);
    bool busy = s->running == s->all || !row, enough = row && row->running == s->each;
    if (!busy && !enough) {
        memcpy(row->hash, out->hash, sizeof(row->hash));
        row->running++;
        s->running++;
    }
    pthread_mutex_unlock(&s->lock);
    if (enough)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                              "too many uploads of yours are running - wait for one to end");
    return busy ? err_set(ERR_BUSY, "too many uploads at once") : ERR_OK;
}

void share_give(struct share *s, const struct share_ticket *ticket)
{
    pthread_mutex_lock(&s->lock);
    struct row *row = row_find(s, ticket->hash);
    assert(row && row->running > 0);
    row->running--;
    s->running--;
    pthread_mutex_unlock(&s->lock);
}
