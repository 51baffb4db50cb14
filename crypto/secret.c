/* Memory for keys.
 *
 * Two shapes, because guarded memory costs a system call and two guard pages a piece: `struct
 * secret` for keys that live as long as the process, one locked slab of small slots for the
 * keys of single requests.
 *
 * Invariants: a secret's bytes are locked unless unlocked memory was allowed by the operator,
 * are zero when handed out and wiped when freed. Every slot of a slab is either on the free
 * stack and all zero, or taken exactly once.
 */
#include "crypto/secret.h"

#include "crypto/digest.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static atomic_bool unlocked_allowed;

/* Without privilege the soft limit goes up to the hard one; with it both go away. A refusal is
 * no failure here: secret_new finds out whether there is room. */
static void raise_memlock(void)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0)
        return;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

enum err crypto_init(void)
{
    uint8_t nothing[SHA256_SIZE];

    if (sodium_init() < 0)
        return err_set(ERR_CRYPTO, "libsodium did not start");
    raise_memlock();
    return sha256_once(NULL, 0, nothing); /* the algorithm is fetched now, or refused now */
}

enum err process_hide(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
        return err_errno("PR_SET_DUMPABLE");
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return err_errno("RLIMIT_CORE");
    return ERR_OK;
}

void secrets_allow_unlocked(bool allow)
{
    atomic_store(&unlocked_allowed, allow);
}

/* sodium_malloc has tried to lock already and kept quiet about the outcome: ask again. */
static MUST_USE enum err check_locked(void *memory, size_t len)
{
    if (sodium_mlock(memory, len) == 0 || atomic_load(&unlocked_allowed))
        return ERR_OK;
    return err_set(ERR_UNAVAILABLE, "memory for keys cannot be locked (RLIMIT_MEMLOCK): %s",
                   strerror(errno));
}

static MUST_USE enum err guarded_new(size_t len, uint8_t **out)
{
    uint8_t *memory = sodium_malloc(len);
    enum err e;

    if (memory == NULL)
        return err_set(ERR_NOMEM, "no guarded memory");
    e = check_locked(memory, len);
    if (e != ERR_OK) {
        sodium_free(memory);
        return e;
    }
    sodium_memzero(memory, len);
    *out = memory;
    return ERR_OK;
}

enum err secret_new(size_t len, struct secret **out)
{
    struct secret *s;
    enum err e;

    assert(len > 0);
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NOMEM;
    e = guarded_new(len, &s->bytes);
    if (e != ERR_OK) {
        free(s);
        return e;
    }
    s->len = len;
    *out = s;
    return ERR_OK;
}

void secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    sodium_free(s->bytes); /* wipes, and aborts if something wrote past the end */
    free(s);
}

struct key_slab {
    pthread_mutex_t lock;
    uint8_t *keys; /* guarded: slots * SLAB_KEY_SIZE */
    size_t slots;
    size_t n_free;
    uint32_t *free_stack; /* indices of free slots, n_free in use */
    bool *taken;
};

enum { SLAB_SLOTS_MAX = 65536 };

enum err key_slab_new(size_t slots, struct key_slab **out)
{
    AUTO(key_slab_free) struct key_slab *slab = NULL;

    assert(slots > 0 && slots <= SLAB_SLOTS_MAX);
    slab = calloc(1, sizeof(*slab));
    if (slab == NULL)
        return ERR_NOMEM;
    if (pthread_mutex_init(&slab->lock, NULL) != 0) {
        free(TAKE(slab));
        return ERR_NOMEM;
    }
    slab->free_stack = calloc(slots, sizeof(*slab->free_stack));
    slab->taken = calloc(slots, sizeof(*slab->taken));
    if (slab->free_stack == NULL || slab->taken == NULL)
        return ERR_NOMEM;
    TRY(guarded_new(slots * SLAB_KEY_SIZE, &slab->keys));
    slab->slots = slab->n_free = slots;
    for (size_t i = 0; i < slots; i++)
        slab->free_stack[i] = (uint32_t)(slots - 1 - i);
    *out = TAKE(slab);
    return ERR_OK;
}

void key_slab_free(struct key_slab *slab)
{
    if (slab == NULL)
        return;
    sodium_free(slab->keys);
    free(slab->free_stack);
    free(slab->taken);
    pthread_mutex_destroy(&slab->lock);
    free(slab);
}

enum err key_slab_take(struct key_slab *slab, uint8_t **slot)
{
    bool found = false;
    size_t index = 0;

    pthread_mutex_lock(&slab->lock);
    if (slab->n_free > 0) {
        index = slab->free_stack[--slab->n_free];
        slab->taken[index] = true;
        found = true;
    }
    pthread_mutex_unlock(&slab->lock);
    if (!found)
        return err_set(ERR_BUSY, "all %zu slots for keys are taken", slab->slots);
    *slot = slab->keys + index * SLAB_KEY_SIZE;
    return ERR_OK;
}

void key_slab_give(struct key_slab *slab, uint8_t *slot)
{
    size_t offset, index;

    if (slot == NULL)
        return;
    assert(slot >= slab->keys);
    offset = (size_t)(slot - slab->keys);
    index = offset / SLAB_KEY_SIZE;
    assert(offset % SLAB_KEY_SIZE == 0 && index < slab->slots);
    sodium_memzero(slot, SLAB_KEY_SIZE);
    pthread_mutex_lock(&slab->lock);
    assert(slab->taken[index]);
    slab->taken[index] = false;
    slab->free_stack[slab->n_free++] = (uint32_t)index;
    pthread_mutex_unlock(&slab->lock);
}
