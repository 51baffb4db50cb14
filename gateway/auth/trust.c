/* Path validation by OpenSSL's X509_STORE.
 *
 * Invariant: a store is never changed after trust_new, so that threads share it; the time of
 * every check is given, so that it is the same clock as everywhere. */
#include "gateway/auth/trust.h"

#include "gateway/auth/certificate.h"
#include "gateway/auth/failure.h"
#include "gateway/base/clock.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SECURITY_LEVEL = 2 /* 112 bits: no SHA-1, no RSA below 2048 */ };

struct trust {
    atomic_uint refs;
    X509_STORE *store;
    int64_t crls_until_s;
};

static void store_ctx_free(X509_STORE_CTX *c)
{
    X509_STORE_CTX_free(c);
}
DEFINE_AUTO(X509_STORE_CTX, store_ctx_free);

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;

    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm);
}

/* --- reading -------------------------------------------------------------------------------
 */

/* PEM ends with PEM_R_NO_START_LINE; anything else that stopped the reading is damage. */
static bool ended_cleanly(void)
{
    unsigned long e = ERR_peek_last_error();
    bool clean =
        e == 0 || (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE);

    ERR_clear_error();
    return clean;
}

static MUST_USE enum err add_roots(X509_STORE *store, BIO *in)
{
    size_t n = 0;
    X509 *root;

    ERR_clear_error();
    while ((root = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        int added = X509_STORE_add_cert(store, root);

        X509_free(root);
        if (added != 1)
            return err_set(ERR_INVALID, "client CA file: a certificate cannot be used");
        n++;
    }
    if (!ended_cleanly() || n == 0)
        return err_set(ERR_INVALID, "client CA file: no certificates, or damaged");
    return ERR_OK;
}

static MUST_USE enum err add_crls(struct trust *t, BIO *in)
{
    size_t n = 0;
    X509_CRL *crl;

    ERR_clear_error();
    while ((crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
        int64_t until = seconds_of(X509_CRL_get0_nextUpdate(crl)); /* 0: it never ends */
        int added = X509_STORE_add_crl(t->store, crl);

        X509_CRL_free(crl);
        if (added != 1 || until == 0)
            return err_set(ERR_INVALID, "revocation list: it cannot be used");
        if (until < t->crls_until_s)
            t->crls_until_s = until;
        n++;
    }
    if (!ended_cleanly() || n == 0)
        return err_set(ERR_INVALID, "revocation list: no list, or damaged");
    return ERR_OK;
}

static MUST_USE enum err fill(struct trust *t, const struct buf *bytes, bool crls)
{
    BIO *in =
        BIO_new_mem_buf(bytes->len == 0 ? (const void *)"" : bytes->data, (int)bytes->len);
    enum err e;

    if (in == NULL)
        return err_set(ERR_NOMEM, "the client CA");
    e = crls ? add_crls(t, in) : add_roots(t->store, in);
    BIO_free(in);
    return e;
}

enum err trust_new(const struct buf *roots, const struct buf *crls, struct trust **out)
{
    AUTO(trust_free) struct trust *t = calloc(1, sizeof(*t));

    assert(roots->len <= CERTIFICATE_FILE_MAX);
    if (t == NULL)
        return err_set(ERR_NOMEM, "the client CA");
    atomic_init(&t->refs, 1);
    t->crls_until_s = INT64_MAX;
    t->store = X509_STORE_new();
    if (t->store == NULL)
        return err_set(ERR_NOMEM, "the client CA");
    TRY(fill(t, roots, false));
    if (crls != NULL) {
        TRY(fill(t, crls, true));
        if (X509_STORE_set_flags(t->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) !=
            1)
            return err_set(ERR_INTERNAL, "the client CA");
    }
    *out = TAKE(t);
    return ERR_OK;
}

struct trust *trust_ref(struct trust *t)
{
    if (t != NULL)
        atomic_fetch_add(&t->refs, 1);
    return t;
}

void trust_free(struct trust *t)
{
    if (t == NULL || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    X509_STORE_free(t->store);
    free(t);
}

int64_t trust_crls_until_s(const struct trust *t)
{
    return t->crls_until_s;
}

/* --- verifying -----------------------------------------------------------------------------
 */

static int64_t chain_until_s(X509_STORE_CTX *ctx, int64_t until)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = seconds_of(X509_get0_notAfter(sk_X509_value(chain, i)));

        if (end < until)
            until = end;
    }
    return until;
}

enum err trust_verify(struct trust *t, X509 *leaf, STACK_OF(X509) * others, int64_t now_s,
                      int64_t *valid_until_s)
{
    AUTO(store_ctx_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    int good;

    if (ctx == NULL || X509_STORE_CTX_init(ctx, t->store, leaf, others) != 1)
        return err_set(ERR_NOMEM, "a certificate's check");
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
    X509_VERIFY_PARAM_set_depth(param, CERTIFICATE_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    if (X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) != 1)
        return err_set(ERR_INTERNAL, "a certificate's check");
    good = X509_verify_cert(ctx);
    ERR_clear_error();
    if (good != 1)
        return err_set_detail(ERR_UNAUTHENTICATED, AUTH_INVALID_TOKEN + 1, "certificate: %s",
                              X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    *valid_until_s = chain_until_s(ctx, t->crls_until_s);
    return ERR_OK;
}
