/* X.509 for development with OpenSSL.
 *
 * Invariants: every certificate says what it may be used for (critical basicConstraints and
 * keyUsage, extendedKeyUsage for leaves); serials are 127 random bits; a key is written 0400
 * and only ever to a file that was not there. */
#include "gateway/dev_ca.h"

#include "crypto/secret.h"
#include "gateway/cli.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <string.h>

enum { SERIAL_BITS = 127, CLOCK_SLACK_S = 3600, CRL_NUMBER = 1 };

static void pkey_free(EVP_PKEY *k)
{
    EVP_PKEY_free(k);
}
DEFINE_AUTO(EVP_PKEY, pkey_free);
static void x509_free(X509 *x)
{
    X509_free(x);
}
DEFINE_AUTO(X509, x509_free);
static void crl_free(X509_CRL *c)
{
    X509_CRL_free(c);
}
DEFINE_AUTO(X509_CRL, crl_free);
static void bio_free(BIO *b)
{
    (void)BIO_free(b);
}
DEFINE_AUTO(BIO, bio_free);
static void bignum_free(BIGNUM *n)
{
    BN_free(n);
}
DEFINE_AUTO(BIGNUM, bignum_free);
static void time_free(ASN1_TIME *t)
{
    ASN1_TIME_free(t);
}
DEFINE_AUTO(ASN1_TIME, time_free);
static void integer_free(ASN1_INTEGER *i)
{
    ASN1_INTEGER_free(i);
}
DEFINE_AUTO(ASN1_INTEGER, integer_free);

static enum err failed(const char *what)
{
    const char *why = ERR_reason_error_string(ERR_get_error());

    ERR_clear_error();
    return err_set(ERR_CRYPTO, "%s: %s", what, why ? why : "OpenSSL gives no reason");
}

static enum err key_make(EVP_PKEY **out)
{
    *out = EVP_EC_gen("P-256");
    return *out ? ERR_OK : failed("making a key");
}

/* Serial, validity, subject and key: what all certificates have. */
static enum err serial_set(X509 *x)
{
    AUTO(bignum_free) BIGNUM *number = BN_new();

    if (!number || !BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) ||
        !BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)))
        return failed("a serial number");
    return ERR_OK;
}

static enum err name_set(X509_NAME *name, const char *common_name)
{
    static const unsigned char organisation[] = "Evidence gateway development";

    if (!X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, organisation, -1, -1, 0) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    (const unsigned char *)common_name, -1, -1, 0))
        return failed("a name");
    return ERR_OK;
}

static enum err certificate_begin(X509 *x, const char *common_name, int days, EVP_PKEY *key)
{
    if (!X509_set_version(x, X509_VERSION_3) ||
        !X509_gmtime_adj(X509_getm_notBefore(x), -CLOCK_SLACK_S) ||
        !X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL) || !X509_set_pubkey(x, key))
        return failed("a certificate");
    TRY(serial_set(x));
    return name_set(X509_get_subject_name(x), common_name);
}

struct extension {
    int nid;
    const char *value;
};

static enum err extensions_add(X509 *x, X509 *issuer, const struct extension *list, size_t n)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
        int added = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        if (!added)
            return failed(OBJ_nid2sn(list[i].nid));
    }
    return ERR_OK;
}

static enum err certificate_sign(X509 *x, EVP_PKEY *key)
{
    return X509_sign(x, key, EVP_sha256()) > 0 ? ERR_OK : failed("signing a certificate");
}

enum err dev_ca_make(struct dev_ca *out)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
    };
    AUTO_CLEAR(dev_ca_clear) struct dev_ca ca = {.key = NULL};

    TRY(key_make(&ca.key));
    ca.certificate = X509_new();
    if (!ca.certificate)
        return failed("a certificate");
    TRY(certificate_begin(ca.certificate, "Development CA", DEV_CA_DAYS, ca.key));
    if (!X509_set_issuer_name(ca.certificate, X509_get_subject_name(ca.certificate)))
        return failed("a name");
    TRY(extensions_add(ca.certificate, ca.certificate, extensions, ARRAY_LEN(extensions)));
    TRY(certificate_sign(ca.certificate, ca.key));
    out->key = TAKE(ca.key);
    out->certificate = TAKE(ca.certificate);
    return ERR_OK;
}

void dev_ca_clear(struct dev_ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    *ca = (struct dev_ca){.key = NULL};
}

/* --- files ---------------------------------------------------------------------------------
 */
static enum err certificate_write(X509 *x, const char *path)
{
    AUTO(bio_free) BIO *out = BIO_new(BIO_s_mem());
    char *text;

    if (!out || !PEM_write_bio_X509(out, x))
        return failed("writing a certificate");
    long len = BIO_get_mem_data(out, &text);
    return file_create(path, 0644, text, (size_t)len);
}

static enum err key_write(EVP_PKEY *key, const char *path)
{
    AUTO(bio_free) BIO *out = BIO_new(BIO_s_secmem());
    char *text;

    if (!out || !PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL))
        return failed("writing a key");
    long len = BIO_get_mem_data(out, &text);
    enum err e = secret_file_write(path, text, (size_t)len);
    sodium_memzero(text, (size_t)len);
    return e;
}

enum err dev_ca_write(const struct dev_ca *ca, const char *certificate_file,
                      const char *key_file)
{
    TRY(key_write(ca->key, key_file));
    return certificate_write(ca->certificate, certificate_file);
}

enum err dev_ca_issue(const struct dev_ca *ca, const struct dev_leaf *leaf,
                      const char *certificate_file, const char *key_file)
{
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, leaf->server ? "serverAuth" : "clientAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_subject_alt_name, leaf->alternative_names},
    };
    AUTO(pkey_free) EVP_PKEY *key = NULL;
    AUTO(x509_free) X509 *x = X509_new();

    if (!x)
        return failed("a certificate");
    TRY(key_make(&key));
    TRY(certificate_begin(x, leaf->common_name, DEV_LEAF_DAYS, key));
    if (!X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)))
        return failed("a name");
    TRY(extensions_add(x, ca->certificate, extensions, ARRAY_LEN(extensions)));
    TRY(certificate_sign(x, ca->key));
    TRY(key_write(key, key_file));
    return certificate_write(x, certificate_file);
}

/* --- the revocation list -------------------------------------------------------------------
 */
static enum err crl_dates(X509_CRL *crl)
{
    AUTO(time_free) ASN1_TIME *since = X509_gmtime_adj(NULL, -CLOCK_SLACK_S);
    AUTO(time_free) ASN1_TIME *until = X509_time_adj_ex(NULL, DEV_CA_DAYS, 0, NULL);

    if (!since || !until || !X509_CRL_set1_lastUpdate(crl, since) ||
        !X509_CRL_set1_nextUpdate(crl, until))
        return failed("dates of a revocation list");
    return ERR_OK;
}

static enum err crl_extensions(const struct dev_ca *ca, X509_CRL *crl)
{
    AUTO(integer_free) ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, ca->certificate, NULL, NULL, crl, 0);
    X509_EXTENSION *authority =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    int added = authority && X509_CRL_add_ext(crl, authority, -1);
    X509_EXTENSION_free(authority);
    if (!added || !number || !ASN1_INTEGER_set(number, CRL_NUMBER) ||
        !X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0))
        return failed("extensions of a revocation list");
    return ERR_OK;
}

enum err dev_ca_write_crl(const struct dev_ca *ca, const char *path)
{
    AUTO(crl_free) X509_CRL *crl = X509_CRL_new();
    AUTO(bio_free) BIO *out = BIO_new(BIO_s_mem());
    char *text;

    if (!crl || !out || !X509_CRL_set_version(crl, X509_CRL_VERSION_2) ||
        !X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)))
        return failed("a revocation list");
    TRY(crl_dates(crl));
    TRY(crl_extensions(ca, crl));
    if (!X509_CRL_sort(crl) || X509_CRL_sign(crl, ca->key, EVP_sha256()) <= 0 ||
        !PEM_write_bio_X509_CRL(out, crl))
        return failed("signing a revocation list");
    long len = BIO_get_mem_data(out, &text);
    return file_create(path, 0644, text, (size_t)len);
}
