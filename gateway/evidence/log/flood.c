/* Rows are looked through under a short lock; a row lives for one window, whether it was full
 * or not. The last row is everybody's: it takes what finds no row of its own, and writes
 * nothing but its count. */
#include "gateway/evidence/log/flood.h"

#include "crypto/digest.h"
#include "gateway/evidence/log/entry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct row {
    bool used;
    uint8_t hash[SHA256_SIZE];
    struct principal who; /* issuer and subject */
    enum role role;
    const char *action, *reason;
    int64_t since_ms;
    uint64_t seen, held; /* held: counted, not written */
};
struct flood {
    pthread_mutex_t lock;
    struct row rows[FLOOD_ROWS];
    uint64_t others_held;
    int64_t others_since_ms;
};

enum err flood_new(struct flood **out)
{
    struct flood *f = calloc(1, sizeof(*f));
    if (!f)
        return err_set(ERR_NOMEM, "the table of refusals");
    pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return ERR_OK;
}

void flood_free(struct flood *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static enum err row_hash(const struct principal *p, const char *action, const char *reason,
                         uint8_t out[SHA256_SIZE])
{
    /* the terminating NULs keep them apart */
    const void *parts[] = {p->issuer, p->subject, action, reason};
    const size_t lens[] = {strlen(p->issuer) + 1, strlen(p->subject) + 1, strlen(action) + 1,
                           strlen(reason) + 1};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

static struct row *row_find(struct flood *f, const uint8_t hash[SHA256_SIZE],
                            struct row **spare)
{
    *spare = NULL;
    for (size_t i = 0; i < FLOOD_ROWS; i++) {
        if (!f->rows[i].used)
            *spare = *spare ? *spare : &f->rows[i];
        else if (memcmp(f->rows[i].hash, hash, SHA256_SIZE) == 0)
            return &f->rows[i];
    }
    return NULL;
}

static bool row_passes(struct row *row)
{
    row->seen++;
    if (row->seen <= FLOOD_BURST)
        return true;
    row->held++;
    return false;
}

bool flood_passes(struct flood *f, const struct principal *p, enum role role,
                  const char *action, const char *reason, int64_t now_ms)
{
    uint8_t hash[SHA256_SIZE];
    struct row *spare = NULL;
    bool passes = false;
    if (row_hash(p, action, reason, hash) != ERR_OK)
        return true;
    pthread_mutex_lock(&f->lock);
    struct row *row = row_find(f, hash, &spare);
    if (!row && spare) {
        *spare = (struct row){
            .used = true, .role = role, .action = action, .reason = reason, .since_ms = now_ms};
        memcpy(spare->hash, hash, sizeof(hash));
        memcpy(spare->who.issuer, p->issuer, sizeof(p->issuer));
        memcpy(spare->who.subject, p->subject, sizeof(p->subject));
        row = spare;
    }
    if (row) {
        passes = row_passes(row);
    } else {
        if (f->others_held++ == 0)
            f->others_since_ms = now_ms;
    }
    pthread_mutex_unlock(&f->lock);
    return passes;
}

static bool is_over(int64_t since_ms, int64_t now_ms, bool all)
{
    return all || now_ms - since_ms >= (int64_t)FLOOD_WINDOW_S * 1000;
}

static json_t *row_entry(const struct row *row)
{
    json_t *entry = entry_new("refusals.counted", &row->who, row->role);
    json_put_text(entry, "of", row->action);
    json_put_text(entry, "reason", row->reason);
    json_put_int(entry, "count", (int64_t)row->held);
    return entry;
}

size_t flood_collect(struct flood *f, int64_t now_ms, bool all, json_t **out, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FLOOD_ROWS && n < max; i++) {
        struct row *row = &f->rows[i];
        if (!row->used || !is_over(row->since_ms, now_ms, all))
            continue;
        if (row->held > 0)
            out[n++] = row_entry(row);
        row->used = false;
    }
    if (n < max && f->others_held > 0 && is_over(f->others_since_ms, now_ms, all)) {
        out[n] = entry_new("refusals.counted", NULL, ROLE_CLAIMANT);
        json_put_int(out[n++], "count", (int64_t)f->others_held);
        f->others_held = 0;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}
