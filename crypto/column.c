/* Values of the database under keys of their columns; why and the formats are in the header.
 *
 * Deriving a column's key costs more than sealing a file name with it, so that keys are kept
 * once they were derived, in guarded memory beside their master: there are as many as columns,
 * and when the table is full (somebody made domains up) the others are derived each time.
 *
 * Invariants: masters and the table only grow, and an entry is complete before it is counted,
 * so that a reader needs no lock for what it counts; under `lock` the table grows. Key material
 * stands in guarded memory, on the stack only between derivation and use, and is wiped there.
 * Plaintext stands in `out` never across a growth of the buffer, and not after a failure.
 */
#include "crypto/column.h"

#include "crypto/digest.h"
#include "gateway/base/encode.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define INFO "evidence-gateway.invalid/column/v1"

enum {
    FORMAT_SEALED = 1,
    FORMAT_SEALED_TO = 2,
    KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    DERIVED_MAX = 96,
    INFO_MAX = 128,
    CONTEXT_MAX = COLUMN_HEAD_SIZE + COLUMN_DOMAIN_MAX + 1 + COLUMN_ROW_MAX
};
_Static_assert((int)COLUMN_OVERHEAD == (int)COLUMN_HEAD_SIZE + (int)NONCE_SIZE + (int)TAG_SIZE,
               "head, nonce and tag are all that is added");
_Static_assert((int)COLUMN_POINT_SIZE == (int)crypto_scalarmult_BYTES, "one size of point");

enum use { USE_SEAL, USE_BLIND };
static const char *const use_info[] = {[USE_SEAL] = INFO "/seal", [USE_BLIND] = INFO "/blind"};

struct derived {
    char domain[COLUMN_DOMAIN_MAX + 1];
    size_t master;
    enum use use;
    uint8_t key[KEY_SIZE];
};
/* What lies in guarded memory. */
struct guarded {
    struct {
        uint8_t master[COLUMN_MASTER_SIZE];
        uint8_t identity[COLUMN_POINT_SIZE];
    } keys[COLUMN_KEYS_MAX];
    struct derived derived[DERIVED_MAX];
};
struct column_keys {
    size_t n;
    bool seal_only;
    uint8_t ids[COLUMN_KEYS_MAX][COLUMN_ID_SIZE];
    uint8_t points[COLUMN_KEYS_MAX][COLUMN_POINT_SIZE];
    struct secret *memory;
    struct guarded *g; /* in it; NULL: seal-only */
    atomic_size_t n_derived;
    pthread_mutex_t lock;
};

/* --- the set -------------------------------------------------------------------------------
 */
enum err column_keys_new(struct column_keys **out)
{
    struct column_keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL)
        return err_set(ERR_NOMEM, "a set of column keys");
    (void)pthread_mutex_init(&keys->lock, NULL);
    *out = keys;
    return ERR_OK;
}

void column_keys_free(struct column_keys *keys)
{
    if (keys == NULL)
        return;
    secret_free(keys->memory);
    (void)pthread_mutex_destroy(&keys->lock);
    free(keys);
}

static enum err derive(const uint8_t master[COLUMN_MASTER_SIZE], const char *info,
                       const char *domain, uint8_t *out, size_t out_len)
{
    char text[INFO_MAX];
    size_t info_len = strlen(info), len = domain != NULL ? strlen(domain) : 0;

    assert(info_len + 1 + len <= sizeof(text));
    memcpy(text, info, info_len + 1);
    if (domain != NULL) {
        memcpy(text + info_len + 1, domain, len);
        info_len += 1 + len;
    }
    return hkdf_sha256(master, COLUMN_MASTER_SIZE, NULL, 0, text, info_len, out, out_len);
}

enum err column_master_id(const void *master, size_t len, uint8_t out[COLUMN_ID_SIZE])
{
    if (len != COLUMN_MASTER_SIZE)
        return err_set(ERR_INVALID, "a column master key has %d bytes", COLUMN_MASTER_SIZE);
    return derive(master, INFO "/id", NULL, out, COLUMN_ID_SIZE);
}

static enum err memory_ready(struct column_keys *keys)
{
    if (keys->memory == NULL)
        TRY(secret_new(sizeof(struct guarded), &keys->memory));
    /* Guarded memory ends at a page's end: what is a whole number of words begins aligned. */
    _Static_assert(sizeof(struct guarded) % _Alignof(struct guarded) == 0, "a whole number");
    keys->g = (struct guarded *)(void *)keys->memory->bytes;
    return ERR_OK;
}

enum err column_keys_add(struct column_keys *keys, const void *master, size_t len)
{
    uint8_t id[COLUMN_ID_SIZE];

    assert(!keys->seal_only);
    TRY(column_master_id(master, len, id));
    if (keys->n == COLUMN_KEYS_MAX)
        return err_set(ERR_TOO_LARGE, "more than %d column keys", COLUMN_KEYS_MAX);
    for (size_t i = 0; i < keys->n; i++) {
        if (memcmp(keys->ids[i], id, sizeof(id)) == 0)
            return err_set(ERR_EXISTS, "a column key is given twice");
    }
    TRY(memory_ready(keys));
    TRY(derive(master, INFO "/identity", NULL, keys->g->keys[keys->n].identity,
               COLUMN_POINT_SIZE));
    if (crypto_scalarmult_base(keys->points[keys->n], keys->g->keys[keys->n].identity) != 0)
        return err_set(ERR_CRYPTO, "no public key from this master");
    memcpy(keys->g->keys[keys->n].master, master, COLUMN_MASTER_SIZE);
    memcpy(keys->ids[keys->n], id, sizeof(id));
    keys->n++;
    return ERR_OK;
}

enum err column_keys_seal_only(struct column_keys *keys, const uint8_t id[COLUMN_ID_SIZE],
                               const uint8_t point[COLUMN_POINT_SIZE])
{
    const uint8_t scalar[COLUMN_POINT_SIZE] = {[0] = 8};
    uint8_t product[COLUMN_POINT_SIZE];

    assert(keys->n == 0);
    if (crypto_scalarmult(product, scalar, point) != 0) /* zero exactly if its order is low */
        return err_set(ERR_INVALID, "a column key of low order");
    memcpy(keys->ids[0], id, COLUMN_ID_SIZE);
    memcpy(keys->points[0], point, COLUMN_POINT_SIZE);
    keys->seal_only = true;
    keys->n = 1;
    return ERR_OK;
}

void column_keys_public(const struct column_keys *keys, uint8_t id[COLUMN_ID_SIZE],
                        uint8_t point[COLUMN_POINT_SIZE])
{
    assert(keys->n > 0);
    memcpy(id, keys->ids[keys->n - 1], COLUMN_ID_SIZE);
    memcpy(point, keys->points[keys->n - 1], COLUMN_POINT_SIZE);
}

size_t column_keys_count(const struct column_keys *keys)
{
    return keys->n;
}

bool column_keys_can_open(const struct column_keys *keys)
{
    return keys != NULL && keys->n > 0 && !keys->seal_only;
}

void column_keys_id(const struct column_keys *keys, size_t at, uint8_t out[COLUMN_ID_SIZE])
{
    assert(at < keys->n);
    memcpy(out, keys->ids[at], COLUMN_ID_SIZE);
}

void column_keys_head(const struct column_keys *keys, uint8_t out[COLUMN_HEAD_SIZE])
{
    assert(keys->n > 0);
    out[0] = keys->seal_only ? FORMAT_SEALED_TO : FORMAT_SEALED;
    memcpy(out + 1, keys->ids[keys->n - 1], COLUMN_ID_SIZE);
}

void column_id_format(const uint8_t id[COLUMN_ID_SIZE], char out[COLUMN_ID_TEXT_SIZE])
{
    hex_encode(id, COLUMN_ID_SIZE, out);
}

static enum err need_master(const struct column_keys *keys)
{
    if (keys->n == 0)
        return err_set(ERR_UNAVAILABLE, "there is no column key");
    if (keys->seal_only)
        return err_set(ERR_UNAVAILABLE, "here column keys only seal");
    return ERR_OK;
}

/* --- the keys of columns -------------------------------------------------------------------
 */
static const struct derived *find_derived(const struct column_keys *keys, size_t from, size_t n,
                                          size_t master, enum use use, const char *domain)
{
    for (size_t i = from; i < n; i++) {
        const struct derived *d = &keys->g->derived[i];

        if (d->master == master && d->use == use && strcmp(d->domain, domain) == 0)
            return d;
    }
    return NULL;
}

/* With the lock. */
static enum err add_derived(struct column_keys *keys, size_t master, enum use use,
                            const char *domain, const struct derived **out)
{
    size_t n = atomic_load(&keys->n_derived);
    struct derived *d;

    *out = find_derived(keys, 0, n, master, use, domain);
    if (*out != NULL || n == DERIVED_MAX)
        return ERR_OK;
    d = &keys->g->derived[n];
    TRY(derive(keys->g->keys[master].master, use_info[use], domain, d->key, sizeof(d->key)));
    memcpy(d->domain, domain, strlen(domain) + 1);
    d->master = master;
    d->use = use;
    atomic_store(&keys->n_derived, n + 1);
    *out = d;
    return ERR_OK;
}

/* A copy that the caller wipes. */
static enum err column_key(struct column_keys *keys, size_t master, enum use use,
                           const char *domain, uint8_t out[KEY_SIZE])
{
    const struct derived *d =
        find_derived(keys, 0, atomic_load(&keys->n_derived), master, use, domain);

    assert(strlen(domain) <= COLUMN_DOMAIN_MAX);
    if (d == NULL) {
        enum err e;

        (void)pthread_mutex_lock(&keys->lock);
        e = add_derived(keys, master, use, domain, &d);
        (void)pthread_mutex_unlock(&keys->lock);
        TRY(e);
    }
    if (d == NULL)
        return derive(keys->g->keys[master].master, use_info[use], domain, out, KEY_SIZE);
    memcpy(out, d->key, KEY_SIZE);
    return ERR_OK;
}

/* The key of one value in the other format, by either side. */
static enum err one_time_key(const uint8_t scalar[COLUMN_POINT_SIZE],
                             const uint8_t other[COLUMN_POINT_SIZE],
                             const uint8_t share[COLUMN_POINT_SIZE],
                             const uint8_t recipient[COLUMN_POINT_SIZE], const char *domain,
                             uint8_t out[KEY_SIZE])
{
    uint8_t salt[2 * COLUMN_POINT_SIZE], shared[COLUMN_POINT_SIZE];
    char info[INFO_MAX] = INFO "/public";
    size_t len = strlen(info) + 1;
    enum err e;

    assert(strlen(domain) <= COLUMN_DOMAIN_MAX);
    memcpy(info + len, domain, strlen(domain));
    len += strlen(domain);
    memcpy(salt, share, COLUMN_POINT_SIZE);
    memcpy(salt + COLUMN_POINT_SIZE, recipient, COLUMN_POINT_SIZE);
    if (crypto_scalarmult(shared, scalar, other) != 0)
        return err_set(ERR_CORRUPT, "a share of low order");
    e = hkdf_sha256(shared, sizeof(shared), salt, sizeof(salt), info, len, out, KEY_SIZE);
    sodium_memzero(shared, sizeof(shared));
    return e;
}

/* --- values --------------------------------------------------------------------------------
 */
struct context {
    uint8_t bytes[CONTEXT_MAX];
    size_t len;
};

static void context_set(struct context *c, const uint8_t head[COLUMN_HEAD_SIZE],
                        const char *domain, const void *row, size_t row_len)
{
    size_t domain_len = strlen(domain);

    assert(domain_len <= COLUMN_DOMAIN_MAX && row_len <= COLUMN_ROW_MAX);
    memcpy(c->bytes, head, COLUMN_HEAD_SIZE);
    memcpy(c->bytes + COLUMN_HEAD_SIZE, domain, domain_len + 1);
    c->len = COLUMN_HEAD_SIZE + domain_len + 1;
    if (row_len > 0)
        memcpy(c->bytes + c->len, row, row_len);
    c->len += row_len;
}

/* Key and what stands between head and ciphertext: a nonce, or a share (then the nonce is 0).
 */
struct opening {
    uint8_t key[KEY_SIZE];
    uint8_t nonce[NONCE_SIZE];
    uint8_t lead[COLUMN_POINT_SIZE];
    size_t lead_len;
};

static enum err new_opening(struct column_keys *keys, const char *domain, struct opening *o)
{
    uint8_t ephemeral[COLUMN_POINT_SIZE];
    size_t active = keys->n - 1;
    enum err e;

    if (!keys->seal_only) {
        randombytes_buf(o->nonce, sizeof(o->nonce));
        memcpy(o->lead, o->nonce, sizeof(o->nonce));
        o->lead_len = sizeof(o->nonce);
        return column_key(keys, active, USE_SEAL, domain, o->key);
    }
    o->lead_len = COLUMN_POINT_SIZE;
    randombytes_buf(ephemeral, sizeof(ephemeral));
    e = crypto_scalarmult_base(o->lead, ephemeral) == 0
            ? one_time_key(ephemeral, keys->points[active], o->lead, keys->points[active],
                           domain, o->key)
            : err_set(ERR_CRYPTO, "no ephemeral key");
    sodium_memzero(ephemeral, sizeof(ephemeral));
    return e;
}

static enum err put_sealed(const struct opening *o, const uint8_t head[COLUMN_HEAD_SIZE],
                           const struct context *c, const void *text, size_t len,
                           struct buf *out)
{
    uint8_t tag[TAG_SIZE], *at;

    if (COLUMN_HEAD_SIZE + o->lead_len + len + TAG_SIZE > out->max - out->len)
        return err_set(ERR_TOO_LARGE, "no room for what is sealed");
    TRY(buf_append(out, head, COLUMN_HEAD_SIZE));
    TRY(buf_append(out, o->lead, o->lead_len));
    TRY(buf_append(out, text, len));
    at = out->data + out->len - len;
    if (crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
            at, tag, NULL, at, len, c->bytes, c->len, NULL, o->nonce, o->key) != 0)
        return err_set(ERR_CRYPTO, "sealing failed");
    return buf_append(out, tag, sizeof(tag));
}

/* Takes back what was appended before something failed. */
static enum err keep_or_undo(enum err e, struct buf *out, size_t start)
{
    if (e != ERR_OK && out->len > start) {
        sodium_memzero(out->data + start, out->len - start);
        out->len = start;
    }
    return e;
}

enum err column_seal(struct column_keys *keys, const char *domain, const void *row,
                     size_t row_len, const void *text, size_t len, struct buf *out)
{
    struct opening o = {.lead_len = 0};
    uint8_t head[COLUMN_HEAD_SIZE];
    size_t start = out->len;
    struct context c;
    enum err e;

    if (keys->n == 0)
        return err_set(ERR_UNAVAILABLE, "there is no column key");
    if (len > COLUMN_TEXT_MAX)
        return err_set(ERR_TOO_LARGE, "a value of more than %d bytes", COLUMN_TEXT_MAX);
    column_keys_head(keys, head);
    context_set(&c, head, domain, row, row_len);
    e = new_opening(keys, domain, &o);
    if (e == ERR_OK)
        e = keep_or_undo(put_sealed(&o, head, &c, text, len, out), out, start);
    sodium_memzero(&o, sizeof(o));
    return e;
}

static enum err find_master(const struct column_keys *keys, const uint8_t id[COLUMN_ID_SIZE],
                            size_t *at)
{
    char text[COLUMN_ID_TEXT_SIZE];

    TRY(need_master(keys));
    for (*at = keys->n; *at > 0; --*at) {
        if (memcmp(keys->ids[*at - 1], id, COLUMN_ID_SIZE) == 0) {
            --*at;
            return ERR_OK;
        }
    }
    column_id_format(id, text);
    return err_set(ERR_NOT_FOUND, "sealed by the column key %s, which is not loaded", text);
}

/* Takes head and lead off the sealed value. */
static enum err old_opening(struct column_keys *keys, const char *domain, struct reader *r,
                            struct opening *o, const uint8_t **head)
{
    const uint8_t *lead;
    size_t master;

    TRY(reader_bytes(r, COLUMN_HEAD_SIZE, head));
    if ((*head)[0] != FORMAT_SEALED && (*head)[0] != FORMAT_SEALED_TO)
        return ERR_INVALID;
    TRY(find_master(keys, *head + 1, &master));
    if ((*head)[0] == FORMAT_SEALED) {
        TRY(reader_bytes(r, NONCE_SIZE, &lead));
        memcpy(o->nonce, lead, NONCE_SIZE);
        return column_key(keys, master, USE_SEAL, domain, o->key);
    }
    TRY(reader_bytes(r, COLUMN_POINT_SIZE, &lead));
    return one_time_key(keys->g->keys[master].identity, lead, lead, keys->points[master],
                        domain, o->key);
}

static enum err put_opened(const struct opening *o, const struct context *c,
                           const struct reader *r, struct buf *out)
{
    size_t len = r->left - TAG_SIZE;
    uint8_t *at;

    TRY(buf_append(out, r->at, len));
    at = out->data + out->len - len;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            at, NULL, at, len, r->at + len, c->bytes, c->len, o->nonce, o->key) != 0)
        return ERR_INVALID;
    return ERR_OK;
}

static enum err open_value(struct column_keys *keys, const char *domain, const void *row,
                           size_t row_len, struct reader *r, struct opening *o, struct buf *out)
{
    const uint8_t *head;
    struct context c;

    TRY(old_opening(keys, domain, r, o, &head));
    if (r->left < TAG_SIZE)
        return ERR_INVALID;
    context_set(&c, head, domain, row, row_len);
    return put_opened(o, &c, r, out);
}

enum err column_open(struct column_keys *keys, const char *domain, const void *row,
                     size_t row_len, const void *sealed, size_t len, struct buf *out)
{
    struct opening o = {.lead_len = 0};
    size_t start = out->len;
    struct reader r;
    enum err e;

    TRY(need_master(keys));
    reader_init(&r, sealed, len);
    e = open_value(keys, domain, row, row_len, &r, &o, out);
    sodium_memzero(&o, sizeof(o));
    if (e == ERR_INVALID)
        e = err_set(ERR_CORRUPT, "a value of %s was not sealed for this row", domain);
    return keep_or_undo(e, out, start);
}

/* --- blind indexes -------------------------------------------------------------------------
 */
enum err column_blind_under(struct column_keys *keys, size_t at, const char *domain,
                            const void *text, size_t len, uint8_t out[COLUMN_BLIND_SIZE])
{
    uint8_t key[KEY_SIZE];
    enum err e;

    TRY(need_master(keys));
    assert(at < keys->n);
    e = column_key(keys, at, USE_BLIND, domain, key);
    if (e == ERR_OK)
        e = hmac_sha256(key, sizeof(key), text, len, out);
    sodium_memzero(key, sizeof(key));
    return e;
}

enum err column_blind(struct column_keys *keys, const char *domain, const void *text,
                      size_t len, uint8_t out[COLUMN_BLIND_SIZE])
{
    TRY(need_master(keys));
    return column_blind_under(keys, keys->n - 1, domain, text, len, out);
}
