/* Invariants: blocks reach seal_block in order and once each, whether on the connection's
 * thread or on the worker's, never on both at a time; only the last block of a payload may be
 * short. The ring's counters are guarded by `lock`; a block's bytes belong to whoever the
 * counters say. */
#include "gateway/evidence/intake/seal.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SEALED_BLOCK_MAX = AGE_NONCE_SIZE + 4 * AGE_SEALED_CHUNK_SIZE };

struct block {
    size_t len;
    bool last;
    uint8_t *bytes; /* SEAL_BLOCK */
};

struct sealer {
    struct sealer_pool *pool;
    struct sealer *next; /* in the pool's list of idle ones */
    struct age_stream *stream;
    struct sha256 plain;
    struct checksum checksum;
    struct sniffer *sniffer;
    struct blob_writer *blob; /* borrowed; NULL: hash only */
    seal_tap tap;             /* may be NULL */
    void *tap_ctx;
    uint8_t *sealed; /* SEALED_BLOCK_MAX */
    size_t sealed_len;
    uint64_t size, sealed_size;
    uint64_t aside_at; /* bytes past which a worker is worth its start */
    uint8_t head[SNIFF_HEAD_MAX];
    size_t head_len;

    struct block ring[SEAL_RING]; /* without a worker only ring[0] is used */
    uint64_t filled, done;        /* blocks handed over and worked off */
    uint64_t wake_at;             /* unworked blocks at which the one who fills is woken */
    struct block *current;
    bool aside, stopping;
    struct err_info failure; /* of the worker */
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

struct sealer_pool {
    pthread_mutex_t lock;
    struct sealer *idle;
    size_t n_idle, n_all, max, kept;
};

/* --- the pool ----------------------------------------------------------------------------- */

static void sealer_destroy(struct sealer *s)
{
    age_stream_free(s->stream);
    sha256_clear(&s->plain);
    checksum_clear(&s->checksum);
    sniffer_free(s->sniffer);
    for (size_t i = 0; i < SEAL_RING; i++)
        free(s->ring[i].bytes);
    free(s->sealed);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}
DEFINE_AUTO(struct sealer, sealer_destroy);

static enum err block_memory(struct block *b)
{
    if (!b->bytes)
        b->bytes = malloc(SEAL_BLOCK);
    return b->bytes ? ERR_OK : err_set(ERR_NOMEM, "a sealing block");
}

static enum err sealer_make(struct sealer_pool *p, struct sealer **out)
{
    AUTO(sealer_destroy) struct sealer *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(ERR_NOMEM, "sealer");
    s->pool = p;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    TRY(age_stream_new(&s->stream));
    TRY(sniffer_new(&s->sniffer));
    TRY(block_memory(&s->ring[0]));
    s->sealed = malloc(SEALED_BLOCK_MAX);
    if (!s->sealed)
        return err_set(ERR_NOMEM, "sealer");
    *out = TAKE(s);
    return ERR_OK;
}

enum err sealer_pool_new(size_t max, size_t kept, struct sealer_pool **out)
{
    struct sealer_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(ERR_NOMEM, "sealer pool");
    p->max = max;
    p->kept = kept;
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return ERR_OK;
}

void sealer_pool_free(struct sealer_pool *p)
{
    if (!p)
        return;
    assert(p->n_all == p->n_idle); /* every sealer has come back */
    for (struct sealer *s = p->idle, *next = NULL; s; s = next) {
        next = s->next;
        sealer_destroy(s);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

enum err sealer_take(struct sealer_pool *p, struct sealer **out)
{
    pthread_mutex_lock(&p->lock);
    struct sealer *s = p->idle;
    bool room = p->n_all < p->max;
    if (s) {
        p->idle = s->next;
        p->n_idle--;
    } else if (room) {
        p->n_all++;
    }
    pthread_mutex_unlock(&p->lock);
    if (s) {
        *out = s;
        return ERR_OK;
    }
    if (!room)
        return err_set(ERR_BUSY, "too many uploads at once");
    enum err e = sealer_make(p, out);
    if (e != ERR_OK) {
        pthread_mutex_lock(&p->lock);
        p->n_all--;
        pthread_mutex_unlock(&p->lock);
    }
    return e;
}

static void worker_stop(struct sealer *s)
{
    if (!s->aside)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->worker, NULL);
    s->aside = false;
}

/* Neither plaintext nor key stays in a pooled sealer; the extra ring blocks of large bodies are
 * given back. */
static void sealer_wipe(struct sealer *s)
{
    uint64_t touched = s->size < SEAL_BLOCK ? s->size : SEAL_BLOCK;
    sodium_memzero(s->ring[0].bytes, (size_t)touched);
    for (size_t i = 1; i < SEAL_RING; i++) {
        if (s->ring[i].bytes)
            sodium_memzero(s->ring[i].bytes, SEAL_BLOCK);
        free(s->ring[i].bytes);
        s->ring[i].bytes = NULL;
    }
    sodium_memzero(s->head, s->head_len);
    age_stream_forget(s->stream);
    s->size = 0;
    s->blob = NULL;
    s->tap = NULL;
}

void sealer_give(struct sealer *s)
{
    if (!s)
        return;
    worker_stop(s);
    sealer_wipe(s);
    struct sealer_pool *p = s->pool;
    pthread_mutex_lock(&p->lock);
    bool keep = p->n_idle < p->kept;
    if (keep) {
        s->next = p->idle;
        p->idle = s;
        p->n_idle++;
    } else {
        p->n_all--;
    }
    pthread_mutex_unlock(&p->lock);
    if (!keep)
        sealer_destroy(s);
}

/* --- the pass over one block -------------------------------------------------------------- */

static enum err seal_block(struct sealer *s, const struct block *b)
{
    TRY(sha256_update(&s->plain, b->bytes, b->len));
    if (s->tap)
        s->tap(s->tap_ctx, b->bytes, b->len);
    if (!s->blob)
        return ERR_OK;
    size_t at = 0;
    do {
        size_t len = b->len - at < AGE_CHUNK_SIZE ? b->len - at : AGE_CHUNK_SIZE;
        bool last = b->last && at + len == b->len;
        TRY(age_seal_chunk(s->stream, b->bytes + at, len, last, s->sealed + s->sealed_len));
        s->sealed_len += len + AGE_TAG_SIZE;
        at += len;
    } while (at < b->len);
    TRY(checksum_update(&s->checksum, s->sealed, s->sealed_len));
    TRY(blob_append(s->blob, s->sealed, s->sealed_len));
    s->sealed_size += s->sealed_len;
    s->sealed_len = 0;
    return ERR_OK;
}

/* --- the worker --------------------------------------------------------------------------- */

static struct block *worker_next(struct sealer *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->done == s->filled && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    struct block *b =
        s->done < s->filled && !s->stopping ? &s->ring[s->done % SEAL_RING] : NULL;
    pthread_mutex_unlock(&s->lock);
    return b;
}

static void *worker_run(void *arg)
{
    struct sealer *s = arg;
    for (struct block *b = worker_next(s); b; b = worker_next(s)) {
        enum err e = s->failure.code == ERR_OK ? seal_block(s, b) : ERR_OK;
        pthread_mutex_lock(&s->lock);
        if (e != ERR_OK)
            err_save(e, &s->failure);
        s->done++;
        if (s->filled - s->done == s->wake_at)
            pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static enum err worker_start(struct sealer *s)
{
    for (size_t i = 0; i < SEAL_RING; i++)
        TRY(block_memory(&s->ring[i]));
    s->filled = s->done = 0;
    s->stopping = false;
    if (pthread_create(&s->worker, NULL, worker_run, s) != 0)
        return err_set(ERR_BUSY, "no thread for a large upload");
    s->aside = true;
    return ERR_OK;
}

/* Waits until at most `left` blocks are unworked; tells the worker's failure. */
static enum err worker_wait(struct sealer *s, uint64_t left)
{
    pthread_mutex_lock(&s->lock);
    s->wake_at = left;
    while (s->filled - s->done > left)
        pthread_cond_wait(&s->changed, &s->lock);
    struct err_info failure = s->failure;
    pthread_mutex_unlock(&s->lock);
    return failure.code == ERR_OK ? ERR_OK : err_restore(&failure);
}

/* Where the ring is full, who fills it sleeps until half of it is free: waking for each block
 * cost a tenth of the whole. */
static enum err hand_over(struct sealer *s)
{
    pthread_mutex_lock(&s->lock);
    s->filled++;
    bool full = s->filled - s->done == SEAL_RING;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    TRY(worker_wait(s, full ? SEAL_RING / 2 : SEAL_RING - 1));
    s->current = &s->ring[s->filled % SEAL_RING];
    s->current->len = 0;
    s->current->last = false;
    return ERR_OK;
}

/* --- the payload -------------------------------------------------------------------------- */

/* Behind so many whole chunks. What it worked on before, a piece that was staged, leaves neither
 * its worker nor its bytes: less may come now than would overwrite them. */
static void counters_begin(struct sealer *s, struct blob_writer *blob, uint64_t chunks)
{
    worker_stop(s);
    if (s->size > 0)
        sealer_wipe(s);
    s->blob = blob;
    s->tap = NULL;
    s->size = chunks * AGE_CHUNK_SIZE;
    s->sealed_size = chunks > 0 ? age_chunk_offset(chunks) : 0;
    s->aside_at = s->size + SEAL_ASIDE;
    s->head_len = chunks > 0 ? SNIFF_HEAD_MAX : 0;
    s->failure = (struct err_info){.code = ERR_OK};
    s->current = &s->ring[0];
    s->current->len = 0;
    s->current->last = false;
    s->sealed_len = 0;
}

enum err seal_begin(struct sealer *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE],
                    const uint8_t nonce[AGE_NONCE_SIZE], struct blob_writer *blob)
{
    counters_begin(s, blob, 0);
    if (blob) {
        memcpy(s->sealed, nonce, AGE_NONCE_SIZE);
        s->sealed_len = AGE_NONCE_SIZE;
        TRY(age_seal_begin(s->stream, key, 0));
        TRY(checksum_begin(&s->checksum));
    }
    return sha256_begin(&s->plain);
}

static enum err block_full(struct sealer *s)
{
    if (!s->aside && s->size >= s->aside_at)
        TRY(worker_start(s)); /* ring[0] holds the current block: it is the first handed over */
    if (s->aside)
        return hand_over(s);
    TRY(seal_block(s, s->current));
    s->current->len = 0;
    return ERR_OK;
}

void sealer_tap(struct sealer *s, seal_tap tap, void *ctx)
{
    assert(s->current->len == 0 && !s->aside);
    s->tap = tap;
    s->tap_ctx = ctx;
}

enum err seal_write(struct sealer *s, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t head = SNIFF_HEAD_MAX - s->head_len < len ? SNIFF_HEAD_MAX - s->head_len : len;
    memcpy(s->head + s->head_len, at, head);
    s->head_len += head;
    while (len > 0) {
        if (s->current->len == SEAL_BLOCK)
            TRY(block_full(s));
        size_t part = SEAL_BLOCK - s->current->len < len ? SEAL_BLOCK - s->current->len : len;
        memcpy(s->current->bytes + s->current->len, at, part);
        s->current->len += part;
        s->size += part;
        at += part;
        len -= part;
    }
    return ERR_OK;
}

enum err seal_finish(struct sealer *s, struct sealed *out)
{
    s->current->last = true;
    if (s->aside) {
        TRY(hand_over(s));
        TRY(worker_wait(s, 0));
    } else {
        TRY(seal_block(s, s->current));
    }
    memset(out, 0, sizeof(*out));
    out->size = s->size;
    out->sealed_size = s->sealed_size;
    TRY(sha256_final(&s->plain, out->sha256));
    if (s->blob)
        TRY(checksum_final(&s->checksum, out->checksum));
    return ERR_OK;
}

enum err seal_sniff(struct sealer *s, char type[SNIFF_TYPE_MAX + 1])
{
    return sniff_type(s->sniffer, s->head, s->head_len, type);
}

/* --- at rest ------------------------------------------------------------------------------ */

void seal_state_clear(struct seal_state *state)
{
    sha256_clear(&state->plain);
    checksum_clear(&state->checksum);
    *state = (struct seal_state){.chunks = 0};
}

/* The last chunk of what is gathered is kept back, also a full one: it may be the final one. */
static size_t kept_back(size_t len)
{
    return len == 0 ? 0 : (len - 1) % AGE_CHUNK_SIZE + 1;
}

enum err seal_rest(struct sealer *s, struct seal_state *out, struct buf *tail)
{
    assert(s->blob);
    if (s->aside)
        TRY(worker_wait(s, 0));
    worker_stop(s);
    s->tap = NULL; /* not the whole will pass here */
    size_t kept = kept_back(s->current->len);
    struct block whole = {.bytes = s->current->bytes, .len = s->current->len - kept};
    if (whole.len > 0)
        TRY(seal_block(s, &whole));
    TRY(buf_append(tail, whole.bytes + whole.len, kept));
    out->chunks = s->sealed_size / AGE_SEALED_CHUNK_SIZE;
    assert(out->chunks == 0 || s->sealed_size == age_chunk_offset(out->chunks));
    out->plain = s->plain;
    out->checksum = s->checksum;
    memset(&s->plain, 0, sizeof(s->plain));
    memset(&s->checksum, 0, sizeof(s->checksum));
    return ERR_OK;
}

enum err seal_resume(struct sealer *s, const uint8_t key[AGE_PAYLOAD_KEY_SIZE],
                     const uint8_t nonce[AGE_NONCE_SIZE], struct blob_writer *blob,
                     struct seal_state *state)
{
    uint64_t chunks = state->chunks;
    if (chunks == 0) {
        seal_state_clear(state);
        return seal_begin(s, key, nonce, blob);
    }
    counters_begin(s, blob, chunks);
    sha256_clear(&s->plain);
    checksum_clear(&s->checksum);
    s->plain = state->plain;
    s->checksum = state->checksum;
    *state = (struct seal_state){.chunks = 0};
    return age_seal_begin(s->stream, key, chunks);
}
