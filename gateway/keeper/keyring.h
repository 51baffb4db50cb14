/* The public side of the service keys: which recipients there are, which one is active, and the recovery recipient.
 * A JSON file that the front may read (no secret in it); keys add|rotate|retire replace it atomically (write, fsync, rename).
 *
 *     {"active":"<key id>","recovery":"age1...","recovery_since":"...","keys":[{"id":"...","recipient":"age1...","state":"loaded","created":"..."}]}
 *
 * Beside them "columns":[{"id":"<8 hex digits>","recipient":"age1...","created":"..."}], the public side of the column keys (crypto/column.h), the
 * active one last: what a plane that takes evidence in, and holds no key, seals names to. May be absent.
 *
 * States: "loaded" (opens and may become active), "retired" (its identity is gone or about to go: no header may name it).
 */
#ifndef GATEWAY_KEEPER_KEYRING_H
#define GATEWAY_KEEPER_KEYRING_H

#include "crypto/age_key.h"
#include "crypto/column.h"

enum { KEYRING_MAX = 64 };

struct keyring_key {
    char id[KEY_ID_SIZE];
    struct age_recipient recipient;
    bool retired;
    int64_t created_at;
};
struct keyring_column {
    uint8_t id[COLUMN_ID_SIZE];
    struct age_recipient recipient;
    int64_t created_at;
};
struct keyring {
    struct keyring_key keys[KEYRING_MAX];
    size_t n;
    size_t active; /* index */
    bool has_recovery;
    struct age_recipient recovery;
    int64_t recovery_since; /* it took another one's place then; 0: it was the first */
    struct keyring_column columns[COLUMN_KEYS_MAX];
    size_t n_columns;
};
/* Strict; ERR_INVALID says what does not fit (an id that is not its recipient's, an active key that is retired, ...). */
MUST_USE enum err keyring_read(const char *path, struct keyring *out);
MUST_USE enum err keyring_write(const char *path, const struct keyring *k);
const struct keyring_key *keyring_find(const struct keyring *k, const char *id); /* NULL */

#endif
