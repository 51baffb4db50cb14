/* Entries that were just appended, kept for the receipt that their caller waits for: it comes
 * out of memory instead of a read of what was written a moment ago.
 *
 * Invariants
 * - A slot holds the entry that the newest batch wrote at its index. What a rolled back job
 *   wrote is dropped with it, so a slot never contradicts the tree.
 * - An entry is given out once and is gone then, or after FRESH_SECONDS: whoever erases an
 *   entry, also in another process, need not ask us to forget it.
 */
#include "gateway/base/clock.h"
#include "storage/ledger_internal.h"

#include <stdlib.h>
#include <string.h>

enum { FRESH_SECONDS = 10 };

static struct fresh_entry *slot_of(struct ledger_fresh *f, uint64_t index)
{
    return &f->slots[index % FRESH_SLOTS];
}

static void forget(struct fresh_entry *e)
{
    free(e->details);
    *e = (struct fresh_entry){0};
}

void ledger_fresh_init(struct ledger_fresh *f)
{
    *f = (struct ledger_fresh){0};
    (void)pthread_mutex_init(&f->lock, NULL);
}

void ledger_fresh_clear(struct ledger_fresh *f)
{
    for (size_t i = 0; i < FRESH_SLOTS; i++)
        forget(&f->slots[i]);
    (void)pthread_mutex_destroy(&f->lock);
}

void ledger_fresh_keep(struct ledger_fresh *f, const struct entry_new *e, char *details,
                       size_t len)
{
    struct fresh_entry *slot = slot_of(f, e->index);

    pthread_mutex_lock(&f->lock);
    forget(slot);
    *slot = (struct fresh_entry){
        .index = e->index, .time = e->time, .details = details, .details_len = len};
    memcpy(slot->salt, e->salt, sizeof(slot->salt));
    pthread_mutex_unlock(&f->lock);
}

void ledger_fresh_drop(struct ledger_fresh *f, uint64_t first, size_t n)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < n && i < FRESH_SLOTS; i++) {
        struct fresh_entry *slot = slot_of(f, first + n - 1 - i);

        if (slot->details && slot->index >= first)
            forget(slot);
    }
    pthread_mutex_unlock(&f->lock);
}

bool ledger_fresh_take(struct ledger_fresh *f, uint64_t index, struct entry_row *out)
{
    struct fresh_entry *slot = slot_of(f, index), e = {0};
    int64_t oldest = clock_now() - FRESH_SECONDS * MICROS_PER_SECOND;

    pthread_mutex_lock(&f->lock);
    if (slot->details && slot->index == index) {
        e = *slot;
        *slot = (struct fresh_entry){0};
    }
    pthread_mutex_unlock(&f->lock);
    if (!e.details || e.time < oldest) {
        free(e.details);
        return false;
    }
    out->index = index;
    out->time = e.time;
    memcpy(out->salt, e.salt, sizeof(out->salt));
    out->has_salt = out->has_details = out->is_whole = true;
    out->details.data = (uint8_t *)e.details;
    out->details.len = e.details_len;
    out->details.cap = e.details_len + 1;
    return true;
}
