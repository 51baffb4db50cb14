/* layer: eg_auth */
/* What a caller sends to prove who they are. The first byte picks the shape of the rest:
 *
 *     'h'  the value of an Authorization header: never good, for nobody has the key
 *     'c'  claims, which are then really signed: good ones name our issuer and roles it may
 * give 'x'  a certificate chain, each of them after its length in two bytes: never good
 *
 * The key and the client CA are made anew in each process; the clock stands still. */
#include "gateway/auth/authenticate.h"
#include "gateway/base/buf.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"

#include "crypto/jws.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ISSUER "https://issuer.test"
enum { ROLES = 1u << ROLE_CLAIMANT | 1u << ROLE_ASSESSOR, CHAIN_MAX = 12, PATH_SIZE = 40 };

static struct authenticator *auth;
static json_t *private_key;

static int64_t standing_clock(void)
{
    return INT64_C(1700000000) * MICROS_PER_SECOND;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void keep(const char *name, const void *data, size_t len, char path[PATH_SIZE])
{
    int fd = memfd_create(name, 0);

    must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    (void)snprintf(path, PATH_SIZE, "/proc/self/fd/%d", fd);
}

static void make_key_set(char path[PATH_SIZE])
{
    json_t *public_key = NULL, *set;
    AUTO_FREE char *text = NULL;

    must(jws_key_generate(&private_key, &public_key) == ERR_OK);
    set = json_pack("{s:[o]}", "keys", public_key);
    text = json_dumps(set, JSON_COMPACT);
    must(text != NULL);
    keep("jwks", text, strlen(text), path);
    json_decref(set);
}

static void make_authority(char path[PATH_SIZE])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_EXTENSION *ca =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    BIO *out = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len;

    X509_set_version(x, X509_VERSION_3);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const uint8_t *)"Root", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    ASN1_TIME_set(X509_getm_notBefore(x), 1600000000);
    ASN1_TIME_set(X509_getm_notAfter(x), 1800000000);
    X509_set_pubkey(x, key);
    X509_add_ext(x, ca, -1);
    must(X509_sign(x, key, EVP_sha256()) > 0 && PEM_write_bio_X509(out, x) == 1);
    len = BIO_get_mem_data(out, &pem);
    keep("ca", pem, (size_t)len, path);
    BIO_free(out);
    X509_EXTENSION_free(ca);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void start(void)
{
    static char set_path[PATH_SIZE], ca_path[PATH_SIZE];
    static const struct certificate_mapping any = {
        .match = "subject:CN=Root", .subject = "root", .roles = 1u << ROLE_AUDITOR};
    struct issuer_config issuer = {.issuer = ISSUER,
                                   .audience = "us",
                                   .jwks_file = set_path,
                                   .allowed_roles = ROLES,
                                   .algorithms = "ES256",
                                   .leeway_s = 60,
                                   .max_lifetime_s = 3600};
    struct auth_config config = {.issuers = &issuer,
                                 .n_issuers = 1,
                                 .client_ca_file = ca_path,
                                 .mappings = &any,
                                 .n_mappings = 1,
                                 .token_cache = 64};

    clock_replace(standing_clock);
    make_key_set(set_path);
    make_authority(ca_path);
    must(authenticator_new(&config, &auth) == ERR_OK);
}

static void check(enum err e, const struct principal *p, bool may_be_good)
{
    if (e != ERR_OK) {
        must(p->roles == 0 && p->subject[0] == '\0');
        must(e == ERR_UNAUTHENTICATED && err_detail(e) >= AUTH_MISSING + 1 &&
             err_detail(e) <= AUTH_EXPIRED + 1);
        return;
    }
    must(may_be_good);
    must(strcmp(p->issuer, ISSUER) == 0 && p->subject[0] != '\0' && p->client_id[0] != '\0');
    must(p->roles != 0 && (p->roles & ~(uint32_t)ROLES) == 0);
    must(!p->by_certificate && p->expires_at + 60 * MICROS_PER_SECOND > standing_clock());
    for (const char *c = p->subject; *c != '\0'; c++)
        must((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void try_header(const uint8_t *data, size_t size)
{
    AUTO_FREE char *value = malloc(size + 1);
    struct principal p;

    must(value != NULL);
    memcpy(value, data, size);
    value[size] = '\0';
    check(authenticate(auth, value, NULL, 0, &p), &p, false);
}

static void try_claims(const uint8_t *data, size_t size)
{
    AUTO(json_free) json_t *claims = NULL;
    AUTO_FREE char *token = NULL;
    AUTO_FREE char *value = NULL;
    struct principal p;

    if (json_parse(data, size, &claims) != ERR_OK || !json_is_object(claims) ||
        jws_sign(private_key, "at+jwt", claims, &token) != ERR_OK)
        return;
    must(asprintf(&value, "Bearer %s", token) > 0);
    check(authenticate(auth, value, NULL, 0, &p), &p, true);
    check(authenticate(auth, value, NULL, 0, &p), &p, true); /* remembered, if it was good */
}

static void try_chain(const uint8_t *data, size_t size)
{
    struct auth_der chain[CHAIN_MAX];
    struct reader r;
    size_t n = 0;
    struct principal p;

    reader_init(&r, data, size);
    while (n < CHAIN_MAX) {
        uint16_t len;

        if (reader_u16(&r, &len) != ERR_OK || reader_bytes(&r, len, &chain[n].data) != ERR_OK)
            break;
        chain[n++].len = len;
    }
    check(authenticate(auth, NULL, chain, n, &p), &p, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (auth == NULL)
        start();
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'h':
        try_header(data + 1, size - 1);
        break;
    case 'c':
        try_claims(data + 1, size - 1);
        break;
    case 'x':
        try_chain(data + 1, size - 1);
        break;
    default:
        break;
    }
    return 0;
}
