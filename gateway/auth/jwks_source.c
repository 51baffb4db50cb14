/* Key sets that outlive an issuer's outage and follow its rotation.
 *
 * Invariants: `lock` guards everything but `origin`, `stamp` and `digest`, which belong to the
 * one thread that has set `loading`; the lock is not held while it loads. A set that was given
 * out stays valid until its last reference is freed. The generation changes exactly when
 * the document does, so that a refresh without news keeps the cache of verified tokens. */
#include "gateway/auth/jwks_source.h"

#include "crypto/digest.h"
#include "gateway/auth/file_stamp.h"
#include "gateway/base/http_client.h"
#include "gateway/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct key_set {
    atomic_uint refs;
    uint64_t generation;
    struct jwks *keys;
};

struct jwks_source {
    struct jwks_origin origin;
    struct file_stamp stamp;
    uint8_t digest[SHA256_SIZE]; /* of the document in use */

    pthread_mutex_t lock;
    pthread_cond_t loaded; /* `loading` became false */
    bool loading;
    struct key_set *set; /* NULL: absent */
    uint64_t generation;
    bool tried;
    int64_t tried_ms;        /* the latest attempt */
    int64_t fresh_until_ms;  /* of `set` */
    struct err_info failure; /* of the latest attempt; code ERR_OK: it succeeded */
};

/* What one attempt brought. */
struct load {
    struct jwks *keys; /* NULL: the document is the same as before */
    long max_age;      /* -1: not said */
    uint8_t digest[SHA256_SIZE];
};

const struct jwks *key_set_keys(const struct key_set *s)
{
    return s->keys;
}

uint64_t key_set_generation(const struct key_set *s)
{
    return s->generation;
}

void key_set_free(struct key_set *s)
{
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    jwks_free(s->keys);
    free(s);
}

static struct key_set *key_set_ref(struct key_set *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

/* --- where from ----------------------------------------------------------------------------
 */

static MUST_USE enum err check_url(const struct jwks_origin *o)
{
    char why[ERR_MESSAGE_MAX];
    enum err e = http_url_check(o->url, o->allow_plain);

    if (e == ERR_OK)
        return ERR_OK;
    (void)snprintf(why, sizeof(why), "%s", err_message(e));
    return err_set(e, "key set of %s: %s", o->issuer, why);
}

enum err jwks_source_new(const struct jwks_origin *o, struct jwks_source **out)
{
    struct jwks_source *s;

    if ((o->file == NULL) == (o->url == NULL))
        return err_set(ERR_INVALID, "key set of %s: either a file or a URL", o->issuer);
    if (o->url != NULL) {
        TRY(check_url(o));
        TRY(http_client_init());
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return err_set(ERR_NOMEM, "a key set");
    s->origin = *o;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->loaded, NULL);
    *out = s;
    return ERR_OK;
}

void jwks_source_free(struct jwks_source *s)
{
    if (s == NULL)
        return;
    assert(!s->loading);
    key_set_free(s->set);
    pthread_cond_destroy(&s->loaded);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- one attempt, without the lock ----------------------------------------------------------
 */

static MUST_USE enum err fetch_document(struct jwks_source *s, struct buf *document,
                                        long *max_age)
{
    static const char *const headers[] = {"Accept: application/jwk-set+json, application/json",
                                          NULL};
    struct http_fetch rq = {.url = s->origin.url,
                            .headers = headers,
                            .ca_file = s->origin.ca_file,
                            .allow_plain = s->origin.allow_plain,
                            .connect_timeout_ms = JWKS_CONNECT_TIMEOUT_MS,
                            .total_timeout_ms = JWKS_TOTAL_TIMEOUT_MS};
    long status;

    TRY(http_client_fetch(&rq, document, &status, max_age));
    if (status != 200)
        return err_set(ERR_UNAVAILABLE, "the key set's server answered %ld", status);
    return ERR_OK;
}

static MUST_USE enum err load_document(struct jwks_source *s, bool have_set, struct load *out)
{
    AUTO_CLEAR(buf_clear) struct buf document;
    bool changed = true;

    buf_init(&document, JWKS_MAX);
    if (s->origin.file != NULL)
        TRY(file_read_if_changed(s->origin.file, &s->stamp, &changed, &document));
    else
        TRY(fetch_document(s, &document, &out->max_age));
    if (!changed && have_set)
        return ERR_OK;
    TRY(sha256_once(document.data, document.len, out->digest));
    if (have_set && memcmp(out->digest, s->digest, SHA256_SIZE) == 0)
        return ERR_OK;
    return jwks_parse(document.data, document.len, &out->keys);
}

static MUST_USE enum err load(struct jwks_source *s, bool have_set, struct load *out,
                              struct key_set **set)
{
    AUTO_FREE struct key_set *made = NULL;

    TRY(load_document(s, have_set, out));
    if (out->keys == NULL)
        return ERR_OK;
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        jwks_free(out->keys);
        return err_set(ERR_NOMEM, "a key set");
    }
    memcpy(s->digest, out->digest, SHA256_SIZE);
    atomic_init(&made->refs, 1);
    made->keys = out->keys;
    *set = TAKE(made);
    return ERR_OK;
}

/* --- under the lock ------------------------------------------------------------------------
 */

static int64_t fresh_ms(const struct jwks_source *s, long max_age)
{
    int64_t seconds = max_age < 0 ? s->origin.cache_min_s : max_age;

    if (s->origin.file != NULL)
        return FILE_CHECK_MS;
    if (seconds > s->origin.cache_max_s)
        seconds = s->origin.cache_max_s;
    if (seconds < s->origin.cache_min_s)
        seconds = s->origin.cache_min_s;
    return seconds * 1000;
}

static int64_t attempt_gap_ms(const struct jwks_source *s)
{
    return s->origin.file != NULL ? FILE_CHECK_MS : (int64_t)s->origin.refetch_min_s * 1000;
}

static bool may_try(const struct jwks_source *s, int64_t now_ms)
{
    return !s->loading && (!s->tried || now_ms - s->tried_ms >= attempt_gap_ms(s));
}

static bool usable(const struct jwks_source *s, int64_t now_ms)
{
    if (s->set == NULL)
        return false;
    return s->origin.file != NULL ||
           now_ms - s->fresh_until_ms < (int64_t)s->origin.outage_max_s * 1000;
}

static void install(struct jwks_source *s, const struct load *got, struct key_set *set,
                    int64_t now_ms)
{
    if (set != NULL) {
        key_set_free(s->set);
        set->generation = ++s->generation;
        s->set = set;
    }
    s->fresh_until_ms = now_ms + fresh_ms(s, got->max_age);
}

/* The first of a row of failures is worth a line in the log, and so is its end. */
static void log_outcome(const struct jwks_source *s, enum err before)
{
    if (s->failure.code != ERR_OK && before != s->failure.code)
        log_event(LOG_WARN, "auth.key_set_failed", log_str("issuer", s->origin.issuer),
                  log_str("error", err_name(s->failure.code)),
                  log_str("message", s->failure.message));
    else if (s->failure.code == ERR_OK && before != ERR_OK)
        log_event(LOG_INFO, "auth.key_set_back", log_str("issuer", s->origin.issuer));
}

/* Called and left with the lock; not held in between. */
static void attempt(struct jwks_source *s, int64_t now_ms)
{
    struct load got = {.max_age = -1};
    struct key_set *set = NULL;
    bool have_set = s->set != NULL;
    enum err before = s->failure.code;
    enum err e;

    s->loading = true;
    s->tried = true;
    s->tried_ms = now_ms;
    pthread_mutex_unlock(&s->lock);
    e = load(s, have_set, &got, &set);
    pthread_mutex_lock(&s->lock);
    err_save(e, &s->failure);
    if (e == ERR_OK)
        install(s, &got, set, now_ms);
    log_outcome(s, before);
    s->loading = false;
    pthread_cond_broadcast(&s->loaded);
}

static void wait_for_load(struct jwks_source *s)
{
    while (s->loading)
        pthread_cond_wait(&s->loaded, &s->lock);
}

static MUST_USE enum err give(struct jwks_source *s, int64_t now_ms, struct key_set **out)
{
    if (usable(s, now_ms)) {
        *out = key_set_ref(s->set);
        return ERR_OK;
    }
    return err_set(ERR_UNAVAILABLE, "key set of %.80s: %.120s", s->origin.issuer,
                   s->failure.code == ERR_OK ? "too old" : s->failure.message);
}

enum err jwks_source_get(struct jwks_source *s, int64_t now_ms, struct key_set **out)
{
    enum err e;

    pthread_mutex_lock(&s->lock);
    if ((s->set == NULL || now_ms >= s->fresh_until_ms) && may_try(s, now_ms))
        attempt(s, now_ms);
    else if (!usable(s, now_ms))
        wait_for_load(s);
    e = give(s, now_ms, out);
    pthread_mutex_unlock(&s->lock);
    return e;
}

static MUST_USE enum err newer(struct jwks_source *s, uint64_t seen, int64_t now_ms,
                               struct key_set **out)
{
    if (s->set != NULL && s->set->generation != seen)
        return give(s, now_ms, out);
    if (s->failure.code != ERR_OK)
        return err_set(ERR_UNAVAILABLE, "key set of %.80s: %.120s", s->origin.issuer,
                       s->failure.message);
    return err_set(ERR_NOT_FOUND, "the token's key is not in the issuer's set");
}

enum err jwks_source_refetch(struct jwks_source *s, const struct key_set *seen, int64_t now_ms,
                             struct key_set **out)
{
    enum err e;

    pthread_mutex_lock(&s->lock);
    wait_for_load(s);
    if ((s->set == NULL || s->set->generation == seen->generation) && may_try(s, now_ms))
        attempt(s, now_ms);
    e = newer(s, seen->generation, now_ms, out);
    pthread_mutex_unlock(&s->lock);
    return e;
}
