/* Secrets have a type that wipes.
 *
 * `struct secret`: long-lived key material in libsodium guarded memory (own pages, locked,
 * wiped when freed). `sodium_malloc` ignores a failed mlock, so secret_new checks sodium_mlock
 * itself and, where the limit forbids locking, returns ERR_UNAVAILABLE unless
 * secrets_allow_unlocked(true) was called. Guarded allocations cost 12 us and end near 16,000:
 * only long-lived keys live there.
 *
 * `struct key_slab`: one locked, non-dumpable region with fixed slots of 32 bytes for keys of
 * single requests (payload keys of read sessions, file keys while an upload runs). Thread-safe;
 * a slot is wiped when given back.
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* sodium_init, RLIMIT_MEMLOCK raised as far as permitted; once, before any other call of
 * crypto/. */
MUST_USE enum err crypto_init(void);
/* PR_SET_DUMPABLE 0 and core limit 0: for the processes that hold secrets. */
MUST_USE enum err process_hide(void);
void secrets_allow_unlocked(bool allow);

struct secret {
    size_t len;
    uint8_t *bytes; /* guarded */
};
MUST_USE enum err secret_new(size_t len, struct secret **out); /* zero-filled */
void secret_free(struct secret *s);
DEFINE_AUTO(struct secret, secret_free);

enum { SLAB_KEY_SIZE = 32 };
struct key_slab;
MUST_USE enum err key_slab_new(size_t slots, struct key_slab **out);
void key_slab_free(struct key_slab *slab);
DEFINE_AUTO(struct key_slab, key_slab_free);
/* A zeroed slot; ERR_BUSY when every slot is taken. */
MUST_USE enum err key_slab_take(struct key_slab *slab, uint8_t **slot);
void key_slab_give(struct key_slab *slab, uint8_t *slot); /* wipes; NULL is allowed */

/* A key file: opened O_NOFOLLOW, regular, owned by us or root, mode without group/other bits
 * (0400/0600), 1 to max bytes; anything else ERR_DENIED with the reason (ERR_NOT_FOUND when
 * there is none). A file with an access list that names nobody but ourselves passes too:
 * systemd hands out credentials like that (root, 0440). Content goes into guarded memory. */
MUST_USE enum err secret_file_read(const char *path, size_t max, struct secret **out);
/* Creates mode 0400, O_EXCL (ERR_EXISTS), fsync of file and folder; nothing is left behind on
 * failure. */
MUST_USE enum err secret_file_write(const char *path, const void *data, size_t len);

#endif
