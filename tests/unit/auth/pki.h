/* A certificate authority of the tests' own, by OpenSSL's API: roots, intermediates, leaves of
 * any shape, revocation lists. */
#ifndef TESTS_UNIT_AUTH_PKI_H
#define TESTS_UNIT_AUTH_PKI_H

#include "gateway/base/clock.h"
#include "tests/unit/auth/token_kit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY = 24 * 3600 };

struct cert {
    EVP_PKEY *key;
    X509 *x;
    uint8_t *der;
    int der_len;
};
struct cert_spec {
    const char *name;
    const char *usage; /* extendedKeyUsage; NULL: none */
    const char *names; /* subjectAltName; NULL: none */
    bool ca;
    int64_t from, until;  /* seconds from now; both 0: a day around now */
    unsigned rsa_bits;    /* 0: P-256 */
    const EVP_MD *digest; /* NULL: SHA-256 */
};

static long pki_serial = 1000;

static inline void pki_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* issuer NULL: signs itself. */
static inline struct cert pki_make(const struct cert *issuer, const struct cert_spec *spec)
{
    struct cert c = {.key = spec->rsa_bits == 0 ? kit_ec() : kit_rsa(spec->rsa_bits),
                     .x = X509_new()};
    const struct cert *by = issuer == NULL ? &c : issuer;
    int64_t now = clock_now_seconds();
    int64_t from = spec->from == 0 && spec->until == 0 ? -DAY : spec->from;
    int64_t until = spec->from == 0 && spec->until == 0 ? DAY : spec->until;
    X509_NAME *name = X509_get_subject_name(c.x);

    X509_set_version(c.x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x), pki_serial++);
    ASN1_TIME_set(X509_getm_notBefore(c.x), (time_t)(now + from));
    ASN1_TIME_set(X509_getm_notAfter(c.x), (time_t)(now + until));
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"Surgery, The", -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)spec->name, -1, -1,
                               0);
    X509_set_issuer_name(c.x, X509_get_subject_name(by->x));
    X509_set_pubkey(c.x, c.key);
    pki_extension(c.x, by->x, NID_basic_constraints,
                  spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    pki_extension(c.x, by->x, NID_key_usage,
                  spec->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    pki_extension(c.x, by->x, NID_subject_key_identifier, "hash");
    if (spec->usage != NULL)
        pki_extension(c.x, by->x, NID_ext_key_usage, spec->usage);
    if (spec->names != NULL)
        pki_extension(c.x, by->x, NID_subject_alt_name, spec->names);
    ck_assert_int_gt(
        X509_sign(c.x, by->key, spec->digest == NULL ? EVP_sha256() : spec->digest), 0);
    c.der_len = i2d_X509(c.x, &c.der);
    ck_assert_int_gt(c.der_len, 0);
    return c;
}

static inline void pki_free(struct cert *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->x);
    OPENSSL_free(c->der);
}

static inline struct auth_der pki_der(const struct cert *c)
{
    return (struct auth_der){.data = c->der, .len = (size_t)c->der_len};
}

static inline void pki_append(BIO *out, const struct cert *c)
{
    ck_assert_int_eq(PEM_write_bio_X509(out, c->x), 1);
}

/* A list by `issuer` that is current from -DAY to `until` (seconds from now), with one revoked
 * certificate or NULL. */
static inline void pki_append_crl(BIO *out, const struct cert *issuer, int64_t until,
                                  const struct cert *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_new();
    int64_t now = clock_now_seconds();

    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x));
    ASN1_TIME_set(t, (time_t)(now - DAY));
    X509_CRL_set1_lastUpdate(crl, t);
    if (until != 0) {
        ASN1_TIME_set(t, (time_t)(now + until));
        X509_CRL_set1_nextUpdate(crl, t);
    }
    if (revoked != NULL) {
        X509_REVOKED *r = X509_REVOKED_new();

        ASN1_TIME_set(t, (time_t)(now - 3600));
        X509_REVOKED_set_revocationDate(r, t);
        X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->x));
        X509_CRL_add0_revoked(crl, r);
    }
    ASN1_TIME_free(t);
    ck_assert_int_gt(X509_CRL_sign(crl, issuer->key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_bio_X509_CRL(out, crl), 1);
    X509_CRL_free(crl);
}

/* Writes what was gathered into a file and frees it. */
static inline void pki_write(BIO *bio, const char *path)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    kit_write(path, data, (size_t)len);
    BIO_free(bio);
}

#endif
