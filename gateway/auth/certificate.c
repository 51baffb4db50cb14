/* Whose certificate: files watched, chain parsed, path verified, row found.
 *
 * Invariants: the lock guards the current trust and the failures; the files' stamps and bytes
 * belong to the one thread that has set `looking`; the lock is not held while files are read or
 * a chain is verified. A chain is parsed only within its named limits and to the last byte.
 * Nothing but a verified certificate is ever compared with a row. */
#include "gateway/auth/certificate.h"

#include "gateway/auth/certificate_match.h"
#include "gateway/auth/failure.h"
#include "gateway/auth/file_stamp.h"
#include "gateway/auth/trust.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mapping {
    char *text;
    char *subject;
    struct match match;
    uint32_t roles;
};

struct certificates {
    char *ca_file, *crl_file; /* crl_file NULL: no revocation */
    struct mapping *mappings;
    size_t n_mappings;

    struct file_stamp ca_stamp, crl_stamp;
    struct buf roots, lists; /* roots: the latest good ones */

    pthread_mutex_t lock;
    bool looking;
    int64_t looked_ms;
    struct trust *trust; /* NULL: refuses everybody */
    uint64_t generation;
    struct err_info ca_failure, crl_failure;
};

/* --- the files -----------------------------------------------------------------------------
 */

static void replace(struct buf *kept, struct buf *fresh)
{
    struct buf old = *kept;

    *kept = *fresh;
    *fresh = old;
}

/* Roots that cannot be used leave the ones in hand as they are. */
static MUST_USE enum err read_roots(struct certificates *c, bool *changed)
{
    AUTO_CLEAR(buf_clear) struct buf fresh;
    AUTO(trust_free) struct trust *probe = NULL;
    struct file_stamp stamp = c->ca_stamp;

    c->ca_stamp.known = false;
    buf_init(&fresh, CERTIFICATE_FILE_MAX);
    TRY(file_read_if_changed(c->ca_file, &stamp, changed, &fresh));
    if (*changed) {
        *changed = false;
        TRY(trust_new(&fresh, NULL, &probe));
        replace(&c->roots, &fresh);
        *changed = true;
    }
    c->ca_stamp = stamp;
    return ERR_OK;
}

static MUST_USE enum err read_lists(struct certificates *c, bool *changed)
{
    AUTO_CLEAR(buf_clear) struct buf fresh;

    buf_init(&fresh, CERTIFICATE_FILE_MAX);
    if (c->crl_file == NULL)
        return ERR_OK;
    TRY(file_read_if_changed(c->crl_file, &c->crl_stamp, changed, &fresh));
    if (*changed)
        replace(&c->lists, &fresh);
    return ERR_OK;
}

/* The roots have been tried alone: what fails here is the lists. */
static MUST_USE enum err rebuild(struct certificates *c, struct trust **out)
{
    enum err e = trust_new(&c->roots, c->crl_file == NULL ? NULL : &c->lists, out);

    if (e != ERR_OK)
        c->ca_stamp.known = c->crl_stamp.known = false; /* look again */
    return e;
}

/* What one look at the files brought. */
struct look {
    struct trust *trust; /* NULL: nothing new, or nothing usable */
    struct err_info ca, crl;
};

static void look_at_files(struct certificates *c, struct look *out)
{
    bool new_roots = false, new_lists = false;
    enum err e;

    out->trust = NULL;
    err_save(read_roots(c, &new_roots), &out->ca);
    e = read_lists(c, &new_lists);
    if (e == ERR_OK && (new_roots || new_lists))
        e = rebuild(c, &out->trust);
    err_save(e, &out->crl);
}

static void note(const char *what, const struct err_info *now, struct err_info *kept)
{
    if (now->code != ERR_OK && kept->code == ERR_OK)
        log_event(LOG_WARN, "auth.certificate_file", log_str("file", what),
                  log_str("error", err_name(now->code)), log_str("message", now->message));
    *kept = *now;
}

/* Without a usable list nobody is let in. */
static void take_look(struct certificates *c, const struct look *look)
{
    if (look->trust != NULL || (look->crl.code != ERR_OK && c->trust != NULL)) {
        trust_free(c->trust);
        c->trust = look->trust;
        c->generation++;
    }
    note("client_ca_file", &look->ca, &c->ca_failure);
    note("crl_file", &look->crl, &c->crl_failure);
}

/* Called and left with the lock; not held in between. */
static void look_if_due(struct certificates *c, int64_t steady_ms)
{
    struct look look;

    if (c->looking || steady_ms - c->looked_ms < FILE_CHECK_MS)
        return;
    c->looking = true;
    c->looked_ms = steady_ms;
    pthread_mutex_unlock(&c->lock);
    look_at_files(c, &look);
    pthread_mutex_lock(&c->lock);
    take_look(c, &look);
    c->looking = false;
}

uint64_t certificates_generation(struct certificates *c, int64_t steady_ms)
{
    uint64_t generation;

    pthread_mutex_lock(&c->lock);
    look_if_due(c, steady_ms);
    generation = c->generation;
    pthread_mutex_unlock(&c->lock);
    return generation;
}

/* --- from start to end ---------------------------------------------------------------------
 */

static MUST_USE enum err copy_mapping(const struct certificate_mapping *from,
                                      struct mapping *to)
{
    if (from->match == NULL || from->subject == NULL || from->subject[0] == '\0' ||
        strlen(from->subject) > PRINCIPAL_TEXT_MAX)
        return err_set(ERR_INVALID, "certificate mapping: a match and a subject");
    if (from->roles == 0 || from->roles >> ROLE_COUNT != 0)
        return err_set(ERR_INVALID, "certificate mapping: no role, or one that is not known");
    to->text = strdup(from->match);
    to->subject = strdup(from->subject);
    to->roles = from->roles;
    if (to->text == NULL || to->subject == NULL)
        return err_set(ERR_NOMEM, "a certificate mapping");
    return match_parse(to->text, &to->match);
}

static MUST_USE enum err copy_config(struct certificates *c, const struct auth_config *config)
{
    c->ca_file = strdup(config->client_ca_file);
    c->crl_file = config->crl_file == NULL ? NULL : strdup(config->crl_file);
    c->mappings = calloc(config->n_mappings + 1, sizeof(*c->mappings));
    if (c->ca_file == NULL || c->mappings == NULL ||
        (config->crl_file != NULL && c->crl_file == NULL))
        return err_set(ERR_NOMEM, "the client certificates");
    for (size_t i = 0; i < config->n_mappings; i++) {
        c->n_mappings++;
        TRY(copy_mapping(&config->mappings[i], &c->mappings[i]));
    }
    return ERR_OK;
}

enum err certificates_new(const struct auth_config *config, struct certificates **out)
{
    AUTO(certificates_free) struct certificates *c = calloc(1, sizeof(*c));
    struct look look;

    if (c == NULL)
        return err_set(ERR_NOMEM, "the client certificates");
    pthread_mutex_init(&c->lock, NULL);
    buf_init(&c->roots, CERTIFICATE_FILE_MAX);
    buf_init(&c->lists, CERTIFICATE_FILE_MAX);
    TRY(copy_config(c, config));
    c->looked_ms = clock_steady_ms();
    look_at_files(c, &look);
    take_look(c, &look);
    TRY(err_restore(&c->ca_failure));
    *out = TAKE(c);
    return ERR_OK;
}

void certificates_free(struct certificates *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_mappings; i++) {
        free(c->mappings[i].text);
        free(c->mappings[i].subject);
    }
    free(c->mappings);
    free(c->ca_file);
    free(c->crl_file);
    buf_clear(&c->roots);
    buf_clear(&c->lists);
    trust_free(c->trust);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* --- one chain -----------------------------------------------------------------------------
 */

static void x509_stack_free(STACK_OF(X509) * s)
{
    sk_X509_pop_free(s, X509_free);
}
DEFINE_AUTO(STACK_OF(X509), x509_stack_free);

static MUST_USE enum err refuse(const char *why)
{
    return auth_refuse(AUTH_INVALID_TOKEN, why);
}

static MUST_USE enum err parse(const struct auth_der *chain, size_t n, STACK_OF(X509) * out)
{
    if (n == 0 || n > CERTIFICATE_CHAIN_MAX)
        return refuse("certificate: a chain of too many");
    for (size_t i = 0; i < n; i++) {
        const unsigned char *at = chain[i].data;
        X509 *x;

        if (chain[i].len > CERTIFICATE_DER_MAX)
            return refuse("certificate: too large");
        x = d2i_X509(NULL, &at, (long)chain[i].len);
        ERR_clear_error();
        if (x == NULL || at != chain[i].data + chain[i].len) {
            X509_free(x);
            return refuse("certificate: malformed");
        }
        if (sk_X509_push(out, x) <= 0) {
            X509_free(x);
            return err_set(ERR_NOMEM, "a certificate");
        }
    }
    return ERR_OK;
}

static void map(const struct certificates *c, X509 *leaf, struct certificate_result *r)
{
    for (size_t i = 0; i < c->n_mappings; i++) {
        const struct mapping *m = &c->mappings[i];

        if (!match_certificate(&m->match, leaf, r->thumbprint))
            continue;
        (void)stpcpy(r->principal.issuer, CERTIFICATE_ISSUER);
        (void)stpcpy(r->principal.subject, m->subject);
        r->principal.roles = m->roles;
        r->principal.by_certificate = true;
        r->principal.expires_at = r->valid_until_us;
        return;
    }
}

static struct trust *current_trust(struct certificates *c)
{
    struct trust *t;

    pthread_mutex_lock(&c->lock);
    t = trust_ref(c->trust);
    pthread_mutex_unlock(&c->lock);
    return t;
}

enum err certificates_check(struct certificates *c, const struct auth_der *chain, size_t n,
                            struct certificate_result *out)
{
    AUTO(x509_stack_free) STACK_OF(X509) *certificates = sk_X509_new_null();
    AUTO(trust_free) struct trust *trust = current_trust(c);
    int64_t until_s;

    *out = (struct certificate_result){.valid_until_us = 0};
    if (trust == NULL)
        return refuse("certificate: no usable revocation list");
    if (certificates == NULL)
        return err_set(ERR_NOMEM, "a certificate");
    TRY(parse(chain, n, certificates));
    TRY(sha256_once(chain[0].data, chain[0].len, out->thumbprint));
    TRY(trust_verify(trust, sk_X509_value(certificates, 0), certificates, clock_now_seconds(),
                     &until_s));
    out->valid_until_us = until_s * MICROS_PER_SECOND;
    map(c, sk_X509_value(certificates, 0), out);
    return ERR_OK;
}

enum err certificates_health(struct certificates *c, int64_t steady_ms)
{
    struct err_info ca, crl;
    int64_t until_s;

    pthread_mutex_lock(&c->lock);
    look_if_due(c, steady_ms);
    ca = c->ca_failure;
    crl = c->crl_failure;
    until_s = c->trust == NULL ? INT64_MAX : trust_crls_until_s(c->trust);
    pthread_mutex_unlock(&c->lock);
    TRY(err_restore(&ca));
    TRY(err_restore(&crl));
    if (until_s <= clock_now_seconds())
        return err_set(ERR_EXPIRED, "revocation list: expired");
    return ERR_OK;
}
