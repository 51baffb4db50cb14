/* Bearer tokens through the whole authenticator: each token here was really signed (or really
 * forged), and is refused for the reason that is named. */
#include "crypto/jws.h"
#include "tests/unit/auth/token_setup.h"

#include <openssl/pem.h>
#include <poll.h>

static enum err try_head(const char *head)
{
    AUTO(json_free) json_t *claims = kit_claims();
    AUTO_FREE char *text = json_dumps(claims, JSON_COMPACT);

    return try_header(kit_bearer(key, "ES256", head, text));
}

static enum err try_signed(EVP_PKEY *with, const char *how, const char *alg, const char *kid)
{
    AUTO(json_free) json_t *claims = kit_claims();
    AUTO_FREE char *text = json_dumps(claims, JSON_COMPACT);
    char head[512];

    (void)snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                   alg, kid);
    return try_header(kit_bearer(with, how, head, text));
}

static char *text_of(json_t *claims)
{
    char *text = json_dumps(claims, JSON_COMPACT);

    json_decref(claims);
    return text;
}

START_TEST(good_token_is_its_subject)
{
    setup();
    ok(try_claims(kit_claims()));
    ck_assert_str_eq(who.issuer, KIT_ISSUER);
    ck_assert_str_eq(who.subject, "person-1");
    ck_assert_str_eq(who.client_id, "portal");
    ck_assert_uint_eq(who.roles, 1u << ROLE_CLAIMANT);
    ck_assert(!who.by_certificate);
    ck_assert_int_gt(who.expires_at, clock_now());
    ck_assert_int_eq(who.expires_at % MICROS_PER_SECOND, 0);
    teardown();
}
END_TEST

START_TEST(header_forms)
{
    AUTO_FREE char *good = NULL;
    AUTO_FREE char *text = NULL;
    const char *token;

    setup();
    good = kit_token(key, "ec/key+1=", kit_claims());
    token = good + strlen("Bearer ");
    ck_assert_int_gt(asprintf(&text, "bEARER   %s \t", token), 0);
    ok(authenticate(auth, text, NULL, 0, &who));
    refuses(AUTH_MISSING, "neither", authenticate(auth, NULL, NULL, 0, &who));
    refuses(AUTH_MISSING, "not Bearer", authenticate(auth, "", NULL, 0, &who));
    refuses(AUTH_MISSING, "not Bearer", authenticate(auth, "Basic dTpw", NULL, 0, &who));
    refuses(AUTH_MISSING, "not Bearer", authenticate(auth, "Bearerx y", NULL, 0, &who));
    refuses(AUTH_INVALID_REQUEST, "malformed", authenticate(auth, "Bearer", NULL, 0, &who));
    refuses(AUTH_INVALID_REQUEST, "malformed", authenticate(auth, "Bearer  ", NULL, 0, &who));
    refuses(AUTH_INVALID_REQUEST, "malformed", authenticate(auth, "Bearer =", NULL, 0, &who));
    refuses(AUTH_INVALID_REQUEST, "malformed",
            authenticate(auth, "Bearer a.b.c d", NULL, 0, &who));
    refuses(AUTH_INVALID_REQUEST, "malformed",
            authenticate(auth, "Bearer a\xc3\xa9.b.c", NULL, 0, &who));
    refuses(AUTH_INVALID_REQUEST, "malformed",
            authenticate(auth, "Bearer a.b.c,Bearer d.e.f", NULL, 0, &who));
    ck_assert_uint_eq(who.roles, 0);
    ck_assert_str_eq(who.subject, "");
    teardown();
}
END_TEST

START_TEST(algorithm_none)
{
    AUTO_FREE char *claims = text_of(kit_claims());
    static const char *const heads[] = {
        "{\"alg\":\"none\",\"typ\":\"at+jwt\"}", "{\"alg\":\"None\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"\",\"typ\":\"at+jwt\"}", "{\"typ\":\"at+jwt\"}"};

    setup();
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        AUTO_FREE char *text = kit_unsigned(heads[i], claims);
        char *value = NULL;

        ck_assert_int_gt(asprintf(&value, "Bearer %s.", text), 0);
        bad_token("", try_header(value));
        ck_assert_int_gt(asprintf(&value, "Bearer %s.AAAA", text), 0);
        bad_token("", try_header(value));
        ck_assert_int_gt(asprintf(&value, "Bearer %s", text), 0);
        bad_token("", try_header(value));
    }
    teardown();
}
END_TEST

/* The public key's own bytes as a shared secret: the classic confusion. */
START_TEST(hmac_with_the_public_key)
{
    AUTO_FREE char *claims = text_of(kit_claims());
    AUTO_FREE char *text = NULL;
    uint8_t mac[EVP_MAX_MD_SIZE], *der = NULL;
    char encoded[256], *value = NULL;
    BIO *pem = BIO_new(BIO_s_mem());
    unsigned mac_len;
    char *bytes;
    int len;

    setup();
    text = kit_unsigned("{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"rsa-any\"}", claims);
    ck_assert_int_eq(PEM_write_bio_PUBKEY(pem, rsa), 1);
    len = (int)BIO_get_mem_data(pem, &bytes);
    HMAC(EVP_sha256(), bytes, len, (const uint8_t *)text, strlen(text), mac, &mac_len);
    kit_b64(mac, mac_len, encoded);
    ck_assert_int_gt(asprintf(&value, "Bearer %s.%s", text, encoded), 0);
    bad_token("algorithm", try_header(value));
    len = i2d_PUBKEY(rsa, &der);
    HMAC(EVP_sha256(), der, len, (const uint8_t *)text, strlen(text), mac, &mac_len);
    kit_b64(mac, mac_len, encoded);
    ck_assert_int_gt(asprintf(&value, "Bearer %s.%s", text, encoded), 0);
    bad_token("algorithm", try_header(value));
    OPENSSL_free(der);
    BIO_free(pem);
    teardown();
}
END_TEST

/* An attacker's key in the header (or where it points) is never used. */
START_TEST(keys_of_the_sender)
{
    EVP_PKEY *forger = kit_ec();
    AUTO_FREE char *claims = text_of(kit_claims());
    char jwk[2048], head[4096];

    setup();
    kit_jwk(forger, "forger", "ES256", jwk);
    (void)snprintf(head, sizeof(head),
                   "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"ec/key+1=\",\"jwk\":%s,"
                   "\"jku\":\"https://evil.test/jwks\",\"x5u\":\"https://evil.test/c\"}",
                   jwk);
    bad_token("does not verify", try_header(kit_bearer(forger, "ES256", head, claims)));
    (void)snprintf(head, sizeof(head),
                   "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"forger\",\"jwk\":%s}", jwk);
    bad_token("not in the", try_header(kit_bearer(forger, "ES256", head, claims)));
    /* beside a good signature they are nothing */
    (void)snprintf(head, sizeof(head),
                   "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"ec/key+1=\",\"jwk\":%s}",
                   jwk);
    ok(try_header(kit_bearer(key, "ES256", head, claims)));
    EVP_PKEY_free(forger);
    teardown();
}
END_TEST

START_TEST(critical_extensions)
{
    setup();
#define HEAD "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"ec/key+1=\""
    bad_token("crit", try_head(HEAD ",\"crit\":[\"x\"],\"x\":1}"));
    bad_token("crit", try_head(HEAD ",\"crit\":[]}"));
    bad_token("crit", try_head(HEAD ",\"crit\":[\"b64\"],\"b64\":false}"));
    bad_token("b64", try_head(HEAD ",\"b64\":true}"));
    bad_token("zip", try_head(HEAD ",\"zip\":\"DEF\"}"));
    bad_token("enc", try_head(HEAD ",\"enc\":\"A128GCM\"}"));
    ok(try_head(HEAD ",\"x\":1}"));
    teardown();
}
END_TEST

START_TEST(types)
{
    setup();
    ok(try_head("{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\",\"kid\":\"ec/key+1=\"}"));
    ok(try_head("{\"alg\":\"ES256\",\"typ\":\"AT+JWT\",\"kid\":\"ec/key+1=\"}"));
    bad_token("type", try_head("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"ec/key+1=\"}"));
    bad_token("type", try_head("{\"alg\":\"ES256\",\"kid\":\"ec/key+1=\"}"));
    bad_token("type",
              try_head("{\"alg\":\"ES256\",\"typ\":\"at+jwt \",\"kid\":\"ec/key+1=\"}"));
    bad_token("type", try_head("{\"alg\":\"ES256\",\"typ\":\"logout+jwt\",\"kid\":\"ec2\"}"));
    bad_token("", try_head("{\"alg\":\"ES256\",\"typ\":[\"at+jwt\"],\"kid\":\"ec/key+1=\"}"));
    teardown();
}
END_TEST

START_TEST(key_ids)
{
    static const char *const hostile[] = {
        "unknown",         "../../etc/passwd", "' OR '1'='1", "ec/key+1", "EC/KEY+1=",
        "%65c%2Fkey%2B1=", "https://evil/",    "ec/key+1= ",  "*"};
    char longest[JWS_KID_MAX + 2] = "";

    setup();
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        bad_token("", try_signed(key, "ES256", "ES256", hostile[i]));
    memset(longest, 'k', sizeof(longest) - 1);
    bad_token("", try_signed(key, "ES256", "ES256", longest));
    bad_token("", try_signed(key, "ES256", "ES256", "a\\u0000b"));
    bad_token("", try_head("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":7}"));
    /* without a kid it must be the only key that fits, and here two do */
    bad_token("", try_head("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}"));
    /* another key of the same set */
    bad_token("does not verify", try_signed(key, "ES256", "ES256", "ec2"));
    ok(try_signed(other, "ES256", "ES256", "ec2"));
    teardown();
}
END_TEST

START_TEST(algorithms_of_keys_and_issuer)
{
    setup();
    ok(try_signed(rsa, "PS256", "PS256", "rsa-any"));
    bad_token("", try_signed(rsa, "PS256", "PS256", "rsa"));              /* marked RS256 */
    bad_token("of its issuer", try_signed(rsa, "RS256", "RS256", "rsa")); /* not allowed here */
    bad_token("", try_signed(rsa, "RS256", "PS256", "rsa-any"));
    bad_token("", try_signed(rsa, "PS256", "ES256", "rsa-any"));
    bad_token("", try_signed(key, "ES256", "PS256", "ec/key+1="));
    bad_token("algorithm", try_signed(key, "ES256", "ES256K", "ec/key+1="));
    teardown();
}
END_TEST

/* Seconds from now; the leeway is 60 and the longest lifetime 3600. */
START_TEST(times)
{
    enum { NO_NBF = 1 << 20 };
    static const struct {
        int64_t iat, exp, nbf;
        const char *words; /* NULL: good */
    } table[] = {
        {0, 300, NO_NBF, NULL},
        {-200, -50, NO_NBF, NULL}, /* within the leeway */
        {50, 300, NO_NBF, NULL},
        {70, 300, NO_NBF, "not valid yet"},
        {0, 300, 50, NULL},
        {0, 300, 70, "not valid yet"},
        {0, 300, -5000, NULL},
        {0, 3600, NO_NBF, NULL},
        {0, 3601, NO_NBF, "lifetime"},
        {0, 0, NO_NBF, "lifetime"},
        {10, 5, NO_NBF, "lifetime"},
    };

    setup();
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int64_t now = clock_now_seconds();
        json_t *claims = kit_with("exp", json_integer(now + table[i].exp));

        json_object_set_new(claims, "iat", json_integer(now + table[i].iat));
        if (table[i].nbf != NO_NBF)
            json_object_set_new(claims, "nbf", json_integer(now + table[i].nbf));
        if (table[i].words == NULL)
            ok(try_claims(claims));
        else
            bad_token(table[i].words, try_claims(claims));
    }
    teardown();
}
END_TEST

static json_t *expired_claims(void)
{
    int64_t now = clock_now_seconds();
    json_t *claims = kit_with("exp", json_integer(now - 62));

    json_object_set_new(claims, "iat", json_integer(now - 200));
    return claims;
}

static json_t *expired_with(const char *name, json_t *value)
{
    json_t *claims = expired_claims();

    json_object_set_new(claims, name, value);
    return claims;
}

/* Whose token is over is told so only if nothing else is wrong with it. */
START_TEST(an_expired_token_that_is_good_but_for_that)
{
    setup();
    for (int i = 0; i < 2; i++)
        expired_token(try_claims(expired_claims()));
    refuses(AUTH_EXPIRED, "expired",
            try_claims(expired_with("exp", json_integer(clock_now_seconds() - 61))));
    bad_token("does not verify", try_header(kit_token(other, "ec/key+1=", expired_claims())));
    bad_token("not for us", try_claims(expired_with("aud", json_string("other"))));
    bad_token("no subject", try_claims(expired_with("jti", json_null())));
    bad_token("lifetime",
              try_claims(expired_with("iat", json_integer(clock_now_seconds() - 7200))));
    bad_token("certificate: there is none",
              try_claims(expired_with(
                  "cnf", json_pack("{s:s}", "x5t#S256",
                                   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))));
    bad_token("expired", try_claims(expired_with("roles", json_string("nobody"))));
    teardown();
}
END_TEST

static int64_t shifted_us;

static int64_t shifted_clock(void)
{
    return shifted_us;
}

START_TEST(a_token_that_expired_while_it_was_remembered)
{
    AUTO_FREE char *good = NULL;

    setup();
    good = kit_token(key, "ec/key+1=", kit_claims());
    ok(authenticate(auth, good, NULL, 0, &who));
    shifted_us = clock_now() + 2 * 3600 * MICROS_PER_SECOND;
    clock_replace(shifted_clock);
    expired_token(authenticate(auth, good, NULL, 0, &who));
    write_set("{\"keys\":[]}");
    (void)poll(NULL, 0, 1500);
    bad_token("not in the", authenticate(auth, good, NULL, 0, &who));
    clock_replace(NULL);
    teardown();
}
END_TEST

START_TEST(times_of_odd_shapes)
{
    static const char *const members[] = {"exp", "iat", "nbf"};
    json_t *claims;

    setup();
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *m = members[i];

        bad_token("time", try_claims(kit_with(m, json_string("2030-01-01T00:00:00Z"))));
        bad_token("time", try_claims(kit_with(m, json_string("1"))));
        bad_token("time", try_claims(kit_with(m, json_integer(-1))));
        bad_token("time", try_claims(kit_with(m, json_integer(INT64_MAX))));
        bad_token("time", try_claims(kit_with(m, json_integer(INT64_MIN))));
        bad_token("time", try_claims(kit_with(m, json_real(1e300))));
        bad_token("time", try_claims(kit_with(m, json_real(-0.5))));
        bad_token("time", try_claims(kit_with(m, json_true())));
        bad_token("time", try_claims(kit_with(m, json_null())));
        bad_token("time", try_claims(kit_with(m, json_pack("[i]", 1))));
    }
    claims = kit_with("exp", json_real((double)clock_now_seconds() + 10.75));
    ok(try_claims(claims));
    ck_assert_int_eq(who.expires_at % MICROS_PER_SECOND, 0);
    teardown();
}
END_TEST

START_TEST(every_required_claim)
{
    static const char *const names[] = {"iss", "aud", "exp", "iat", "sub", "client_id", "jti"};

    setup();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bad_token("token:", try_claims(kit_with(names[i], NULL)));
        bad_token("token:", try_claims(kit_with(names[i], json_null())));
        bad_token("token:", try_claims(kit_with(names[i], json_string(""))));
        bad_token("token:", try_claims(kit_with(names[i], json_pack("{}"))));
    }
    teardown();
}
END_TEST

START_TEST(names_are_exact)
{
    char longest[PRINCIPAL_TEXT_MAX + 2] = "";

    setup();
    bad_token("not an issuer", try_claims(kit_with("iss", json_string(KIT_ISSUER "/"))));
    bad_token("not an issuer", try_claims(kit_with("iss", json_string("HTTPS://issuer.test"))));
    bad_token("not an issuer", try_claims(kit_with("iss", json_string(CERTIFICATE_ISSUER))));
    bad_token("issuer", try_claims(kit_with("iss", json_pack("[s]", KIT_ISSUER))));
    bad_token("not for us", try_claims(kit_with("aud", json_string(KIT_AUDIENCE "/"))));
    bad_token("not for us", try_claims(kit_with("aud", json_string("https://gateway"))));
    bad_token("not for us", try_claims(kit_with("aud", json_pack("[]"))));
    bad_token("not for us", try_claims(kit_with("aud", json_pack("[s,i]", "other", 1))));
    bad_token("not for us", try_claims(kit_with("aud", json_pack("[[s]]", KIT_AUDIENCE))));
    ok(try_claims(kit_with("aud", json_pack("[s,s]", "https://else.test", KIT_AUDIENCE))));
    memset(longest, 's', PRINCIPAL_TEXT_MAX);
    ok(try_claims(kit_with("sub", json_string(longest))));
    ck_assert_str_eq(who.subject, longest);
    longest[PRINCIPAL_TEXT_MAX] = 's';
    bad_token("no subject", try_claims(kit_with("sub", json_string(longest))));
    bad_token("no subject", try_claims(kit_with("sub", json_string("a\nb"))));
    bad_token("no subject", try_claims(kit_with("client_id", json_string("a\x1b[31m"))));
    bad_token("no subject", try_claims(kit_with("sub", json_integer(7))));
    teardown();
}
END_TEST

START_TEST(roles_of_ours_only)
{
    setup();
    ok(try_claims(kit_with("roles", json_string("assessor"))));
    ck_assert_uint_eq(who.roles, 1u << ROLE_ASSESSOR);
    ok(try_claims(kit_with(
        "roles", json_pack("[s,s,s,s]", "assessor", "x", "claimant", "case_manager"))));
    ck_assert_uint_eq(who.roles, 1u << ROLE_ASSESSOR | 1u << ROLE_CLAIMANT);
    /* a role of ours that this issuer may not give is none */
    refuses(AUTH_INSUFFICIENT, "no role",
            try_claims(kit_with("roles", json_string("auditor"))));
    refuses(AUTH_INSUFFICIENT, "no role", try_claims(kit_with("roles", json_pack("[]"))));
    refuses(AUTH_INSUFFICIENT, "no role", try_claims(kit_with("roles", NULL)));
    refuses(AUTH_INSUFFICIENT, "no role",
            try_claims(kit_with("roles", json_string("claimant assessor"))));
    refuses(AUTH_INSUFFICIENT, "no role",
            try_claims(kit_with("roles", json_string("Claimant"))));
    bad_token("malformed roles",
              try_claims(kit_with("roles", json_pack("{s:b}", "claimant", 1))));
    bad_token("malformed roles",
              try_claims(kit_with("roles", json_pack("[s,i]", "claimant", 1))));
    bad_token("malformed roles", try_claims(kit_with("roles", json_integer(1))));
    ck_assert_uint_eq(who.roles, 0);
    teardown();
}
END_TEST

START_TEST(scope_where_one_is_required)
{
    struct issuer_config issuer = kit_issuer();
    struct authenticator *strict;

    setup();
    issuer.jwks_file = set_path;
    issuer.required_scope = "evidence";
    issuer.role_claim = NULL; /* "roles" */
    strict = open_with(&issuer, 64);
#define SCOPED(scope) try_with(strict, kit_token(key, "ec/key+1=", kit_with("scope", (scope))))
    ok(SCOPED(json_string("openid evidence")));
    ok(SCOPED(json_string("evidence")));
    for (int again = 0; again < 2; again++) /* the second time it is remembered */
        refuses(AUTH_INSUFFICIENT, "scope", SCOPED(json_string("openid")));
    refuses(AUTH_INSUFFICIENT, "scope", SCOPED(json_string("evidences")));
    refuses(AUTH_INSUFFICIENT, "scope", SCOPED(json_string("my-evidence")));
    refuses(AUTH_INSUFFICIENT, "scope", SCOPED(json_string("")));
    refuses(AUTH_INSUFFICIENT, "scope", SCOPED(NULL));
    refuses(AUTH_INSUFFICIENT, "scope", SCOPED(json_pack("[s]", "evidence")));
    authenticator_free(strict);
    teardown();
}
END_TEST

START_TEST(bound_tokens_without_a_certificate)
{
    static const char thumbprint[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    setup();
    for (int again = 0; again < 2; again++)
        bad_token("certificate",
                  try_claims(kit_with("cnf", json_pack("{s:s}", "x5t#S256", thumbprint))));
    bad_token("bound", try_claims(kit_with("cnf", json_pack("{s:s}", "jkt", thumbprint))));
    bad_token("bound", try_claims(kit_with("cnf", json_pack("{s:s,s:s}", "x5t#S256", thumbprint,
                                                            "jkt", thumbprint))));
    bad_token("bound", try_claims(kit_with("cnf", json_pack("{}"))));
    bad_token("bound", try_claims(kit_with("cnf", json_null())));
    bad_token("bound", try_claims(kit_with("cnf", json_string(thumbprint))));
    bad_token("", try_claims(kit_with("cnf", json_pack("{s:s}", "x5t#S256", "AAAA"))));
    bad_token("", try_claims(kit_with("cnf", json_pack("{s:s}", "x5t#S256", "not base64"))));
    teardown();
}
END_TEST

static char *raw(const char *claims)
{
    return kit_bearer(key, "ES256", kit_head("ec/key+1="), claims);
}

START_TEST(json_that_plays_tricks)
{
    AUTO_FREE char *good = text_of(kit_claims());
    AUTO_FREE char *twice = NULL;
    AUTO_FREE char *head_twice = NULL;
    char deep[10001 * 2];

    setup();
    good[strlen(good) - 1] = '\0'; /* open again */
    ck_assert_int_gt(asprintf(&twice, "%s,\"sub\":\"somebody-else\"}", good), 0);
    bad_token("twice", try_header(raw(twice)));
    free(TAKE(twice));
    ck_assert_int_gt(asprintf(&twice, "%s,\"roles\":[\"assessor\"]}", good), 0);
    bad_token("twice", try_header(raw(twice)));
    ck_assert_int_gt(asprintf(&head_twice, "%s}", good), 0);
    bad_token("twice", try_header(kit_bearer(key, "ES256",
                                             "{\"alg\":\"ES256\",\"alg\":\"none\","
                                             "\"typ\":\"at+jwt\",\"kid\":\"ec2\"}",
                                             head_twice)));
    for (size_t i = 0; i < 10000; i++) {
        deep[i] = '[';
        deep[10000 + i] = ']';
    }
    deep[8000] = '\0'; /* within the longest token */
    bad_token("levels", try_header(raw(deep)));
    bad_token("levels", try_header(kit_bearer(key, "ES256", deep, head_twice)));
    bad_token("", try_header(raw("")));
    bad_token("", try_header(raw("null")));
    bad_token("", try_header(raw("[]")));
    bad_token("", try_header(raw("{} {}")));
    bad_token("", try_header(raw("{\"iss\":\"\xff\"}")));
    teardown();
}
END_TEST

START_TEST(sizes)
{
    json_t *claims = kit_claims();
    char *megabyte = malloc((1 << 20) + 8);
    char *filler = calloc(1, 13001);

    setup();
    memset(megabyte, 'A', (1 << 20) + 7);
    memcpy(megabyte, "Bearer ", 7);
    megabyte[(1 << 20) + 7] = '\0';
    bad_token("too long", try_header(megabyte));
    memset(filler, 'x', 11000);
    json_object_set_new(claims, "x", json_string(filler));
    ok(try_claims(claims)); /* large, and within JWS_MAX */
    memset(filler, 'x', 13000);
    bad_token("too long", try_claims(kit_with("x", json_string(filler))));
    free(filler);
    teardown();
}
END_TEST

START_TEST(parts_and_encodings)
{
    AUTO_FREE char *good = NULL;
    char *dot, *value = NULL;

    setup();
    good = kit_token(key, "ec/key+1=", kit_claims());
    /* five parts: a JWE */
    ck_assert_int_gt(asprintf(&value, "%s.AAAA.AAAA", good), 0);
    bad_token("three parts", try_header(value));
    ck_assert_int_gt(asprintf(&value, "%s=", good), 0);
    bad_token("", try_header(value));
    bad_token("", try_header(strdup("Bearer ..")));
    bad_token("", try_header(strdup("Bearer a.b.c")));
    bad_token("", try_header(strdup("Bearer a")));
    /* every single character counts, in each part */
    for (size_t i = strlen("Bearer "); i < strlen(good); i += 7) {
        char *at = &good[i], was = *at;

        if (was == '.')
            continue;
        *at = was == 'A' ? 'B' : 'A';
        refuses(AUTH_INVALID_TOKEN, "", authenticate(auth, good, NULL, 0, &who));
        *at = was;
    }
    ok(authenticate(auth, good, NULL, 0, &who));
    dot = strrchr(good, '.');
    *dot = '\0'; /* the signature is gone */
    bad_token("", authenticate(auth, good, NULL, 0, &who));
    teardown();
}
END_TEST

START_TEST(degenerate_signatures)
{
    AUTO_FREE char *claims = text_of(kit_claims());
    AUTO_FREE char *text = NULL;
    uint8_t good[1024], bad[128];
    static const struct {
        size_t from, len; /* zeroed */
        size_t total;
    } table[] = {{0, 64, 64}, {0, 32, 64}, {32, 32, 64}, {0, 0, 63}, {0, 0, 65}, {0, 0, 1}};

    setup();
    text = kit_unsigned(kit_head("ec/key+1="), claims);
    ck_assert_uint_eq(kit_sign(key, "ES256", text, good), 64);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char encoded[256], *value = NULL;

        memset(bad, 0, sizeof(bad));
        memcpy(bad, good, 64);
        memset(bad + table[i].from, 0, table[i].len);
        kit_b64(bad, table[i].total, encoded);
        ck_assert_int_gt(asprintf(&value, "Bearer %s.%s", text, encoded), 0);
        bad_token("signature", try_header(value));
    }
    teardown();
}
END_TEST

int main(void)
{
    return SUITE_RUN("auth/tokens", good_token_is_its_subject, header_forms, algorithm_none,
                     hmac_with_the_public_key, keys_of_the_sender, critical_extensions, types,
                     key_ids, algorithms_of_keys_and_issuer, times,
                     an_expired_token_that_is_good_but_for_that,
                     a_token_that_expired_while_it_was_remembered, times_of_odd_shapes,
                     every_required_claim, names_are_exact, roles_of_ours_only,
                     scope_where_one_is_required, bound_tokens_without_a_certificate,
                     json_that_plays_tricks, sizes, parts_and_encodings, degenerate_signatures);
}
