/* Client certificates through the whole authenticator, made here by a real authority. */
#include "crypto/digest.h"
#include "gateway/base/log.h"
#include "tests/unit/auth/pki.h"

#include <fcntl.h>

#define URI "spiffe://surgery.test/sender"

static char folder[] = "/tmp/eg-auth.XXXXXX";
static char ca_path[64], crl_path[64], set_path[64];
static struct cert root, foreign;
static struct principal who;

static const struct cert_spec ca_spec = {.name = "Root", .ca = true};
static const struct cert_spec good_spec = {
    .name = "sender", .usage = "clientAuth", .names = "URI:" URI ",DNS:sender.surgery.test"};

static const struct certificate_mapping by_uri = {
    .match = "san-uri:" URI, .subject = "surgery-1", .roles = 1u << ROLE_HEALTH_PROFESSIONAL};

static void write_roots(void)
{
    BIO *out = BIO_new(BIO_s_mem());

    pki_append(out, &root);
    pki_write(out, ca_path);
}

static void write_crl(int64_t until, const struct cert *revoked)
{
    BIO *out = BIO_new(BIO_s_mem());

    pki_append_crl(out, &root, until, revoked);
    pki_write(out, crl_path);
}

static void setup(void)
{
    static const struct cert_spec foreign_spec = {.name = "Root", .ca = true};

    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", folder);
    (void)snprintf(crl_path, sizeof(crl_path), "%s/crl.pem", folder);
    (void)snprintf(set_path, sizeof(set_path), "%s/jwks.json", folder);
    root = pki_make(NULL, &ca_spec);
    foreign = pki_make(NULL, &foreign_spec); /* of the same name */
    write_roots();
}

static void teardown(void)
{
    pki_free(&root);
    pki_free(&foreign);
    (void)unlink(ca_path);
    (void)unlink(crl_path);
    (void)unlink(set_path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct authenticator *open_with(const char *crl, const struct certificate_mapping *m,
                                       size_t n)
{
    struct auth_config config = {.client_ca_file = ca_path,
                                 .crl_file = crl,
                                 .mappings = m,
                                 .n_mappings = n,
                                 .token_cache = 8};
    struct authenticator *a = NULL;

    ok(authenticator_new(&config, &a));
    return a;
}

static enum err try_one(struct authenticator *a, const struct cert *c)
{
    struct auth_der chain = pki_der(c);

    return authenticate(a, NULL, &chain, 1, &who);
}

/* A leaf of this shape, by that issuer, against an authenticator without a list. */
static enum err try_spec(const struct cert *issuer, const struct cert_spec *spec)
{
    struct cert leaf = pki_make(issuer, spec);
    struct authenticator *a = open_with(NULL, &by_uri, 1);
    enum err e = try_one(a, &leaf);

    authenticator_free(a);
    pki_free(&leaf);
    return e;
}

#define bad_certificate(words, expr) refuses(AUTH_INVALID_TOKEN, words, expr)

START_TEST(good_certificate_is_its_row)
{
    struct cert leaf;
    struct authenticator *a;

    setup();
    leaf = pki_make(&root, &good_spec);
    a = open_with(NULL, &by_uri, 1);
    for (int again = 0; again < 2; again++) { /* the second time it is remembered */
        ok(try_one(a, &leaf));
        ck_assert_str_eq(who.issuer, CERTIFICATE_ISSUER);
        ck_assert_str_eq(who.subject, "surgery-1");
        ck_assert_str_eq(who.client_id, "");
        ck_assert_uint_eq(who.roles, 1u << ROLE_HEALTH_PROFESSIONAL);
        ck_assert(who.by_certificate);
        ck_assert_int_le(llabs(who.expires_at / MICROS_PER_SECOND - clock_now_seconds() - DAY),
                         5);
    }
    refuses(AUTH_MISSING, "neither", authenticate(a, NULL, NULL, 0, &who));
    ok(authenticator_health(a));
    authenticator_free(a);
    pki_free(&leaf);
    teardown();
}
END_TEST

START_TEST(certificates_that_do_not_verify)
{
    struct cert_spec s;

    setup();
    bad_certificate("certificate", try_spec(&foreign, &good_spec));
    bad_certificate("self", try_spec(NULL, &good_spec));
    s = good_spec;
    s.usage = "serverAuth";
    bad_certificate("purpose", try_spec(&root, &s));
    s.usage = "emailProtection,codeSigning";
    bad_certificate("purpose", try_spec(&root, &s));
    s.usage = "serverAuth,clientAuth";
    ok(try_spec(&root, &s));
    s = good_spec;
    s.from = -2 * DAY;
    s.until = -10;
    bad_certificate("expired", try_spec(&root, &s));
    s.from = 60;
    s.until = DAY;
    bad_certificate("not yet valid", try_spec(&root, &s));
    s = good_spec;
    s.rsa_bits = 1024;
    bad_certificate("weak", try_spec(&root, &s));
    s.rsa_bits = 2048;
    ok(try_spec(&root, &s));
    s = good_spec;
    s.digest = EVP_sha1();
    bad_certificate("weak", try_spec(&root, &s));
    teardown();
}
END_TEST

START_TEST(chains)
{
    static const struct cert_spec middle_spec = {.name = "Middle", .ca = true};
    static const struct cert_spec no_ca_spec = {.name = "No CA", .usage = "clientAuth"};
    struct cert middle, leaf, false_middle, false_leaf;
    struct auth_der chain[12];
    struct authenticator *a;

    setup();
    middle = pki_make(&root, &middle_spec);
    leaf = pki_make(&middle, &good_spec);
    false_middle = pki_make(&root, &no_ca_spec); /* a leaf that signs */
    false_leaf = pki_make(&false_middle, &good_spec);
    a = open_with(NULL, &by_uri, 1);
    chain[0] = pki_der(&leaf);
    chain[1] = pki_der(&middle);
    chain[2] = pki_der(&root);
    ok(authenticate(a, NULL, chain, 2, &who));
    ok(authenticate(a, NULL, chain, 3, &who)); /* the root may come along */
    bad_certificate("issuer", authenticate(a, NULL, chain, 1, &who));
    chain[0] = pki_der(&false_leaf);
    chain[1] = pki_der(&false_middle);
    bad_certificate("certificate", authenticate(a, NULL, chain, 2, &who));
    /* a foreign root that comes along is no root */
    chain[0] = pki_der(&foreign);
    bad_certificate("self", authenticate(a, NULL, chain, 1, &who));
    for (size_t i = 0; i < ARRAY_LEN(chain); i++)
        chain[i] = pki_der(&leaf);
    bad_certificate("too many", authenticate(a, NULL, chain, 11, &who));
    authenticator_free(a);
    pki_free(&middle);
    pki_free(&leaf);
    pki_free(&false_middle);
    pki_free(&false_leaf);
    teardown();
}
END_TEST

START_TEST(bytes_that_are_no_certificate)
{
    static uint8_t huge[65537] = {0x30};
    struct cert leaf;
    uint8_t *copy;
    struct auth_der one;
    struct authenticator *a;

    setup();
    leaf = pki_make(&root, &good_spec);
    a = open_with(NULL, &by_uri, 1);
    one = (struct auth_der){.data = huge, .len = sizeof(huge)};
    bad_certificate("too large", authenticate(a, NULL, &one, 1, &who));
    one = (struct auth_der){.data = huge, .len = 0};
    bad_certificate("malformed", authenticate(a, NULL, &one, 1, &who));
    copy = malloc((size_t)leaf.der_len + 1);
    memcpy(copy, leaf.der, (size_t)leaf.der_len);
    copy[leaf.der_len] = 0;
    one = (struct auth_der){.data = copy, .len = (size_t)leaf.der_len + 1};
    bad_certificate("malformed", authenticate(a, NULL, &one, 1, &who)); /* one byte more */
    one.len = (size_t)leaf.der_len - 1;
    bad_certificate("malformed", authenticate(a, NULL, &one, 1, &who));
    one.len = (size_t)leaf.der_len;
    for (int i = 0; i < leaf.der_len; i += 11) {
        copy[i] ^= 1;
        ck_assert_int_ne(authenticate(a, NULL, &one, 1, &who), ERR_OK);
        copy[i] ^= 1;
    }
    ok(authenticate(a, NULL, &one, 1, &who));
    free(copy);
    authenticator_free(a);
    pki_free(&leaf);
    teardown();
}
END_TEST

/* --- rows ----------------------------------------------------------------------------------
 */

static enum err try_match(const struct cert *leaf, const char *match)
{
    struct certificate_mapping m = {.match = match, .subject = "row", .roles = 1};
    struct authenticator *a = open_with(NULL, &m, 1);
    enum err e = try_one(a, leaf);

    authenticator_free(a);
    return e;
}

START_TEST(rows_match_exactly)
{
    uint8_t digest[SHA256_SIZE];
    char hex[HEX_SIZE(SHA256_SIZE)], row[128];
    struct cert leaf;

    setup();
    leaf = pki_make(&root, &good_spec);
    ok(sha256_once(leaf.der, (size_t)leaf.der_len, digest));
    hex_encode(digest, sizeof(digest), hex);
    (void)snprintf(row, sizeof(row), "sha256:%s", hex);
    ok(try_match(&leaf, row));
    row[10] = row[10] == 'a' ? 'b' : 'a';
    bad_certificate("nobody", try_match(&leaf, row));
    ok(try_match(&leaf, "san-uri:" URI));
    bad_certificate("nobody", try_match(&leaf, "san-uri:" URI "/"));
    bad_certificate("nobody", try_match(&leaf, "san-uri:spiffe://surgery.test/sende"));
    bad_certificate("nobody", try_match(&leaf, "san-dns:" URI));
    ok(try_match(&leaf, "san-dns:sender.surgery.test"));
    bad_certificate("nobody", try_match(&leaf, "san-dns:surgery.test"));
    bad_certificate("nobody", try_match(&leaf, "san-dns:*.surgery.test"));
    bad_certificate("nobody", try_match(&leaf, "san-uri:sender.surgery.test"));
    ok(try_match(&leaf, "subject:CN=sender,O=Surgery\\, The"));
    bad_certificate("nobody", try_match(&leaf, "subject:O=Surgery\\, The,CN=sender"));
    bad_certificate("nobody", try_match(&leaf, "subject:CN=sender"));
    bad_certificate("nobody", try_match(&leaf, "subject:sender"));
    pki_free(&leaf);
    teardown();
}
END_TEST

/* A NUL inside a name does not make it look like a shorter one. */
START_TEST(names_with_a_nul)
{
    struct cert leaf = {.key = NULL};
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    static const char value[] = URI "\0.evil.test";
    struct cert_spec spec = good_spec;

    setup();
    spec.names = NULL;
    leaf = pki_make(&root, &spec);
    ck_assert_int_eq(ASN1_STRING_set(text, value, sizeof(value) - 1), 1);
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    ck_assert_int_gt(sk_GENERAL_NAME_push(names, name), 0);
    ck_assert_int_eq(X509_add1_ext_i2d(leaf.x, NID_subject_alt_name, names, 0, 0), 1);
    ck_assert_int_gt(X509_sign(leaf.x, root.key, EVP_sha256()), 0);
    OPENSSL_free(leaf.der);
    leaf.der = NULL;
    leaf.der_len = i2d_X509(leaf.x, &leaf.der);
    ck_assert_int_ne(try_match(&leaf, "san-uri:" URI), ERR_OK);
    GENERAL_NAMES_free(names);
    pki_free(&leaf);
    teardown();
}
END_TEST

START_TEST(the_first_row_counts)
{
    static const struct certificate_mapping rows[] = {
        {.match = "san-dns:else.test", .subject = "else", .roles = 1u << ROLE_AUDITOR},
        {.match = "san-dns:sender.surgery.test",
         .subject = "first",
         .roles = 1u << ROLE_ASSESSOR},
        {.match = "san-uri:" URI, .subject = "second", .roles = 1u << ROLE_AUDITOR}};
    struct cert leaf;
    struct authenticator *a;

    setup();
    leaf = pki_make(&root, &good_spec);
    a = open_with(NULL, rows, ARRAY_LEN(rows));
    ok(try_one(a, &leaf));
    ck_assert_str_eq(who.subject, "first");
    ck_assert_uint_eq(who.roles, 1u << ROLE_ASSESSOR);
    authenticator_free(a);
    pki_free(&leaf);
    teardown();
}
END_TEST

START_TEST(rows_that_can_match_nothing)
{
    static const struct certificate_mapping rows[] = {
        {.match = "san-uri:", .subject = "s", .roles = 1},
        {.match = "san-ip:127.0.0.1", .subject = "s", .roles = 1},
        {.match = "", .subject = "s", .roles = 1},
        {.match = "sha256:abcd", .subject = "s", .roles = 1},
        {.match = "san-uri:x", .subject = "", .roles = 1},
        {.match = "san-uri:x", .subject = NULL, .roles = 1},
        {.match = NULL, .subject = "s", .roles = 1},
        {.match = "san-uri:x", .subject = "s", .roles = 0},
        {.match = "san-uri:x", .subject = "s", .roles = 1u << ROLE_COUNT}};
    struct auth_config config = {.client_ca_file = ca_path, .n_mappings = 1, .token_cache = 8};
    struct authenticator *a = NULL;

    setup();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        config.mappings = &rows[i];
        fails(ERR_INVALID, authenticator_new(&config, &a));
    }
    config.client_ca_file = NULL; /* rows, and nothing to verify with */
    config.mappings = &by_uri;
    fails(ERR_INVALID, authenticator_new(&config, &a));
    config.client_ca_file = "/nonexistent/ca.pem";
    fails(ERR_NOT_FOUND, authenticator_new(&config, &a));
    config.client_ca_file = "/dev/null";
    fails(ERR_INVALID, authenticator_new(&config, &a));
    teardown();
}
END_TEST

/* --- revocation ----------------------------------------------------------------------------
 */

START_TEST(revoked_while_running)
{
    struct cert leaf;
    struct authenticator *a;

    setup();
    leaf = pki_make(&root, &good_spec);
    write_crl(DAY, NULL);
    a = open_with(crl_path, &by_uri, 1);
    ok(try_one(a, &leaf));
    ok(authenticator_health(a));
    write_crl(DAY, &leaf);
    usleep(1100 * 1000); /* files are looked at once a second */
    bad_certificate("revoked", try_one(a, &leaf));
    ck_assert_int_eq(unlink(crl_path), 0);
    usleep(1100 * 1000);
    bad_certificate("no usable revocation list", try_one(a, &leaf));
    fails(ERR_NOT_FOUND, authenticator_health(a));
    kit_write(crl_path, "damage", 6);
    usleep(1100 * 1000);
    bad_certificate("no usable revocation list", try_one(a, &leaf));
    fails(ERR_INVALID, authenticator_health(a));
    write_crl(DAY, NULL);
    usleep(1100 * 1000);
    ok(try_one(a, &leaf));
    ok(authenticator_health(a));
    authenticator_free(a);
    pki_free(&leaf);
    teardown();
}
END_TEST

static int64_t offset_us;
static int64_t shifted_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * MICROS_PER_SECOND + t.tv_nsec / 1000 + offset_us;
}

START_TEST(lists_past_their_end)
{
    struct cert leaf;
    struct authenticator *a;

    setup();
    leaf = pki_make(&root, &good_spec);
    write_crl(-10, NULL);
    a = open_with(crl_path, &by_uri, 1);
    bad_certificate("expired", try_one(a, &leaf));
    fails(ERR_EXPIRED, authenticator_health(a));
    authenticator_free(a);
    /* one that runs out while a certificate is remembered */
    write_crl(600, NULL);
    a = open_with(crl_path, &by_uri, 1);
    ok(try_one(a, &leaf));
    clock_replace(shifted_clock);
    offset_us = 590 * MICROS_PER_SECOND;
    ok(try_one(a, &leaf));
    offset_us = 610 * MICROS_PER_SECOND;
    bad_certificate("expired", try_one(a, &leaf));
    fails(ERR_EXPIRED, authenticator_health(a));
    clock_replace(NULL);
    authenticator_free(a);
    write_crl(0, NULL); /* without an end */
    a = open_with(crl_path, &by_uri, 1);
    bad_certificate("no usable revocation list", try_one(a, &leaf));
    authenticator_free(a);
    pki_free(&leaf);
    teardown();
}
END_TEST

START_TEST(lists_of_the_wrong_issuer)
{
    static const struct cert_spec middle_spec = {.name = "Middle", .ca = true};
    struct cert middle, leaf;
    struct auth_der chain[2];
    struct authenticator *a;
    BIO *out;

    setup();
    middle = pki_make(&root, &middle_spec);
    leaf = pki_make(&middle, &good_spec);
    chain[0] = pki_der(&leaf);
    chain[1] = pki_der(&middle);
    write_crl(DAY, NULL); /* the root's alone says nothing about the leaf */
    a = open_with(crl_path, &by_uri, 1);
    bad_certificate("CRL", authenticate(a, NULL, chain, 2, &who));
    authenticator_free(a);
    out = BIO_new(BIO_s_mem());
    pki_append_crl(out, &root, DAY, NULL);
    pki_append_crl(out, &middle, DAY, NULL);
    pki_write(out, crl_path);
    a = open_with(crl_path, &by_uri, 1);
    ok(authenticate(a, NULL, chain, 2, &who));
    authenticator_free(a);
    out = BIO_new(BIO_s_mem());
    pki_append_crl(out, &root, DAY, &middle); /* the one between is revoked */
    pki_append_crl(out, &middle, DAY, NULL);
    pki_write(out, crl_path);
    a = open_with(crl_path, &by_uri, 1);
    bad_certificate("revoked", authenticate(a, NULL, chain, 2, &who));
    authenticator_free(a);
    out = BIO_new(BIO_s_mem());
    pki_append_crl(out, &foreign, DAY, NULL); /* the root's name, another key */
    pki_append_crl(out, &middle, DAY, NULL);
    pki_write(out, crl_path);
    a = open_with(crl_path, &by_uri, 1);
    bad_certificate("certificate", authenticate(a, NULL, chain, 2, &who));
    authenticator_free(a);
    pki_free(&middle);
    pki_free(&leaf);
    teardown();
}
END_TEST

START_TEST(new_roots_while_running)
{
    struct cert leaf, theirs;
    struct authenticator *a;
    BIO *out;

    setup();
    leaf = pki_make(&root, &good_spec);
    theirs = pki_make(&foreign, &good_spec);
    a = open_with(NULL, &by_uri, 1);
    ok(try_one(a, &leaf));
    bad_certificate("certificate", try_one(a, &theirs));
    out = BIO_new(BIO_s_mem());
    pki_append(out, &foreign);
    pki_write(out, ca_path);
    usleep(1100 * 1000);
    ok(try_one(a, &theirs));
    bad_certificate("certificate", try_one(a, &leaf));
    kit_write(ca_path, "damage", 6); /* keeps the roots, and says so */
    usleep(1100 * 1000);
    ok(try_one(a, &theirs));
    fails(ERR_INVALID, authenticator_health(a));
    write_roots();
    usleep(1100 * 1000);
    ok(try_one(a, &leaf));
    ok(authenticator_health(a));
    authenticator_free(a);
    pki_free(&leaf);
    pki_free(&theirs);
    teardown();
}
END_TEST

START_TEST(remembered_certificates_expire_too)
{
    struct cert_spec spec = good_spec;
    struct cert leaf;
    struct authenticator *a;

    setup();
    spec.from = -100;
    spec.until = 100;
    leaf = pki_make(&root, &spec);
    a = open_with(NULL, &by_uri, 1);
    ok(try_one(a, &leaf));
    clock_replace(shifted_clock);
    offset_us = 99 * MICROS_PER_SECOND;
    ok(try_one(a, &leaf));
    offset_us = 102 * MICROS_PER_SECOND;
    bad_certificate("expired", try_one(a, &leaf));
    clock_replace(NULL);
    authenticator_free(a);
    pki_free(&leaf);
    teardown();
}
END_TEST

/* --- tokens and certificates together ------------------------------------------------------
 */

static char *bound_token(EVP_PKEY *key, const struct cert *c)
{
    uint8_t digest[SHA256_SIZE];
    char thumbprint[THUMBPRINT_TEXT_SIZE];

    ok(sha256_once(c->der, (size_t)c->der_len, digest));
    kit_b64(digest, sizeof(digest), thumbprint);
    return kit_token(key, "k", kit_with("cnf", json_pack("{s:s}", "x5t#S256", thumbprint)));
}

START_TEST(bound_tokens)
{
    EVP_PKEY *key = kit_ec();
    struct issuer_config issuer = kit_issuer();
    struct auth_config config = {.issuers = &issuer, .n_issuers = 1, .token_cache = 8};
    struct authenticator *a = NULL, *without = NULL;
    struct cert mine, yours, outside;
    struct auth_der chain;
    AUTO_FREE char *bound = NULL;
    AUTO_FREE char *to_outside = NULL;
    AUTO_FREE char *plain = NULL;
    char set[4096];

    setup();
    kit_set1(key, "k", set);
    kit_write(set_path, set, strlen(set));
    mine = pki_make(&root, &good_spec);
    yours = pki_make(&root, &good_spec);
    outside = pki_make(&foreign, &good_spec);
    issuer.jwks_file = set_path;
    ok(authenticator_new(&config, &without));
    config.client_ca_file = ca_path;
    config.mappings = &by_uri;
    config.n_mappings = 1;
    ok(authenticator_new(&config, &a));
    bound = bound_token(key, &mine);
    to_outside = bound_token(key, &outside);
    plain = kit_token(key, "k", kit_claims());
    for (int again = 0; again < 2; again++) { /* remembered tokens are asked again, too */
        chain = pki_der(&mine);
        ok(authenticate(a, bound, &chain, 1, &who));
        ck_assert_str_eq(who.subject, "person-1"); /* the token's principal */
        ck_assert(!who.by_certificate);
        bad_certificate("there is none", authenticate(a, bound, NULL, 0, &who));
        ck_assert_uint_eq(who.roles, 0);
        chain = pki_der(&yours);
        bad_certificate("another certificate", authenticate(a, bound, &chain, 1, &who));
        chain = pki_der(&outside); /* the right one, and not of our authority */
        bad_certificate("certificate", authenticate(a, to_outside, &chain, 1, &who));
        chain = pki_der(&mine);
        bad_certificate("there is none", authenticate(without, bound, &chain, 1, &who));
        /* a plain token does not need the certificate, good or bad */
        ok(authenticate(a, plain, &chain, 1, &who));
        ck_assert_str_eq(who.subject, "person-1");
        chain = pki_der(&outside);
        ok(authenticate(a, plain, &chain, 1, &who));
        ok(authenticate(a, plain, NULL, 0, &who));
        /* a bad token is not made good by a certificate */
        chain = pki_der(&mine);
        bad_certificate("", authenticate(a, "Bearer a.b.c", &chain, 1, &who));
        refuses(AUTH_MISSING, "not Bearer", authenticate(a, "Basic dTpw", &chain, 1, &who));
        refuses(AUTH_MISSING, "neither", authenticate(without, NULL, &chain, 1, &who));
    }
    authenticator_free(a);
    authenticator_free(without);
    EVP_PKEY_free(key);
    pki_free(&mine);
    pki_free(&yours);
    pki_free(&outside);
    teardown();
}
END_TEST

int main(void)
{
    return SUITE_RUN("auth/certificates", good_certificate_is_its_row,
                     certificates_that_do_not_verify, chains, bytes_that_are_no_certificate,
                     rows_match_exactly, names_with_a_nul, the_first_row_counts,
                     rows_that_can_match_nothing, revoked_while_running, lists_past_their_end,
                     lists_of_the_wrong_issuer, new_roots_while_running,
                     remembered_certificates_expire_too, bound_tokens);
}
