/* The gate: what a token's head may be, before any key is looked at. */
#include "crypto/jws.h"

#include "crypto/secret.h"
#include "tests/support/suite.h"
#include "tests/unit/crypto/forge.h"

#include <string.h>

static enum err read_head(const char *header, struct jws_head *head)
{
    char *token = forge_with_signature(header, "{}", "signature", 9);
    enum err e = jws_head_read(token, strlen(token), head);

    free(token);
    return e;
}

static enum err read_text(const char *token)
{
    struct jws_head head;

    return jws_head_read(token, strlen(token), &head);
}

START_TEST(a_head_is_read)
{
    struct jws_head head;

    ck_assert_int_eq(
        read_head("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k1\",\"cty\":1}", &head),
        ERR_OK);
    ck_assert_str_eq(head.alg, "ES256");
    ck_assert_str_eq(head.typ, "at+jwt");
    ck_assert_str_eq(head.kid, "k1");
    ck_assert_int_eq(read_head("{\"alg\":\"RS256\"}", &head), ERR_OK);
    ck_assert_str_eq(head.typ, "");
    ck_assert_str_eq(head.kid, "");
}
END_TEST

START_TEST(algorithms_come_from_a_list)
{
    static const char *const good[] = {"ES256", "ES384", "RS256", "PS256"};
    static const char *const bad[] = {"none",  "None",  "NONE",   "nOnE",   "",      "HS256",
                                      "HS384", "HS512", "ES512",  "RS384",  "RS512", "PS512",
                                      "EdDSA", "es256", "RS256 ", "RSA1_5", "dir",   "ES256K"};
    struct jws_head head;
    char header[64];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", good[i]);
        ck_assert_int_eq(read_head(header, &head), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", bad[i]);
        ck_assert_msg(read_head(header, &head) == ERR_INVALID, "%s", bad[i]);
    }
}
END_TEST

START_TEST(malformed_heads_are_refused)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "\"ES256\"",
        "null",
        "{\"alg\":null}",
        "{\"alg\":256}",
        "{\"alg\":[\"ES256\"]}",
        "{\"alg\":\"ES256\",\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"kid\":\"a\",\"kid\":\"b\"}",
        "{\"alg\":\"ES256\",\"kid\":7}",
        "{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}",
        "{\"alg\":\"ES256\",\"kid\":\"a\\rb\"}",
        "{\"alg\":\"ES256\",\"typ\":{}}",
        "{\"alg\":\"ES256\"} trailing",
        "{\"alg\":\"ES256\",}",
        "{\"alg\":\"ES256\",\"x\":\"\xff\"}",
    };
    struct jws_head head;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(read_head(bad[i], &head) == ERR_INVALID, "case %zu", i);
}
END_TEST

START_TEST(what_changes_the_meaning_is_refused)
{
    static const char *const bad[] = {
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ES256\",\"crit\":[\"x-own\"],\"x-own\":1}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"crit\":null}",
        "{\"alg\":\"ES256\",\"b64\":false,\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\",\"b64\":true}",
        "{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}",
    };
    struct jws_head head;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(read_head(bad[i], &head) == ERR_INVALID, "case %zu", i);
    ck_assert_int_eq(
        read_head("{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"},\"jku\":\"http://x\","
                  "\"x5u\":\"http://x\",\"x5c\":[\"AA\"]}",
                  &head),
        ERR_OK); /* nobody looks at them */
}
END_TEST

START_TEST(hostile_key_ids_are_only_text)
{
    static const char *const ids[] = {
        "../../etc/passwd", "a/b+c=d==",         "'; DROP TABLE keys; --",
        "%2e%2e%2f",        "http://127.0.0.1/", "\xc3\xa9 space"};
    struct jws_head head;
    char header[512], longest[JWS_KID_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", ids[i]);
        ck_assert_int_eq(read_head(header, &head), ERR_OK);
        ck_assert_str_eq(head.kid, ids[i]);
    }
    memset(longest, 'k', sizeof(longest));
    longest[JWS_KID_MAX] = '\0';
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", longest);
    ck_assert_int_eq(read_head(header, &head), ERR_OK);
    ck_assert_str_eq(head.kid, longest);
    longest[JWS_KID_MAX] = 'k';
    longest[JWS_KID_MAX + 1] = '\0';
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", longest);
    ck_assert_int_eq(read_head(header, &head), ERR_INVALID);
}
END_TEST

#define HEAD "eyJhbGciOiJFUzI1NiJ9" /* {"alg":"ES256"} */

START_TEST(the_compact_form_has_three_parts)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "...",
        HEAD,
        HEAD ".e30",
        HEAD ".e30.",
        HEAD "..AAAA",
        "." HEAD ".AAAA",
        HEAD ".e30.AAAA.",
        HEAD ".e30.AAAA.AAAA",
        HEAD ".AAAA.AAAA.AAAA.AAAA", /* five parts: encrypted */
        HEAD ".e30.AA==",
        HEAD "=.e30.AAAA",
        HEAD ".e30.A",
        HEAD ".e30.AB", /* trailing bits */
        HEAD ".e30.A+/A",
        HEAD ".e30.AA A",
        HEAD ".e30\n.AAAA",
        " " HEAD ".e30.AAAA",
        HEAD ".e30.AAAA\n",
    };

    ck_assert_int_eq(read_text(HEAD ".e30.AAAA"), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(read_text(bad[i]) == ERR_INVALID, "case %zu", i);
}
END_TEST

START_TEST(a_token_of_a_megabyte_is_refused)
{
    enum { BIG = 1 << 20 };
    char *token = malloc(BIG + 1);
    struct jws_head head;

    memset(token, 'A', BIG);
    token[BIG] = '\0';
    memcpy(token, HEAD ".e30.", sizeof(HEAD ".e30.") - 1);
    ck_assert_int_eq(jws_head_read(token, BIG, &head), ERR_INVALID);
    ck_assert_int_eq(jws_head_read(token, JWS_MAX + 1, &head), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "too long"));
    memset(token, '.', BIG);
    ck_assert_int_eq(jws_head_read(token, BIG, &head), ERR_INVALID);
    free(token);
}
END_TEST

START_TEST(a_deep_head_is_refused)
{
    enum { DEEP = 5000 };
    char header[2 * DEEP + 64];
    struct jws_head head;
    size_t at = (size_t)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"x\":");

    memset(header + at, '[', DEEP);
    memset(header + at + DEEP, ']', DEEP);
    (void)strcpy(header + at + 2 * DEEP, "}");
    ck_assert_int_eq(read_head(header, &head), ERR_INVALID);
}
END_TEST

START_TEST(a_refusal_names_no_value_of_the_token)
{
    struct jws_head head;

    ck_assert_int_eq(read_head("{\"alg\":\"SECRETVALUE\"}", &head), ERR_INVALID);
    ck_assert_ptr_null(strstr(err_message(ERR_INVALID), "SECRETVALUE"));
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/jws", a_head_is_read, algorithms_come_from_a_list,
                     malformed_heads_are_refused, what_changes_the_meaning_is_refused,
                     hostile_key_ids_are_only_text, the_compact_form_has_three_parts,
                     a_token_of_a_megabyte_is_refused, a_deep_head_is_refused,
                     a_refusal_names_no_value_of_the_token);
}
