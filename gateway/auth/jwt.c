/* The claims of an access token, each read strictly.
 *
 * Invariants: times are compared in microseconds within bounds that cannot overflow; a
 * confirmation (`cnf`) that we cannot check refuses, because the token was not meant to be a
 * plain bearer token; what is copied out of a token is wiped. */
#include "gateway/auth/jwt.h"

#include "gateway/auth/failure.h"
#include "gateway/auth/issuer.h"
#include "gateway/base/buf.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* 9999-12-31T23:59:59Z; times in microseconds stay far below 2^63. */
#define SECONDS_MAX INT64_C(253402300799)

static MUST_USE enum err invalid(const char *why)
{
    return auth_refuse(AUTH_INVALID_TOKEN, why);
}

/* Out of memory stays what it is; anything else a token did is its own fault. */
static MUST_USE enum err invalid_unless_nomem(enum err e)
{
    struct err_info why;

    if (e == ERR_OK || e == ERR_NOMEM)
        return e;
    err_save(e, &why);
    return invalid(why.message);
}

/* --- before the signature ------------------------------------------------------------------
 */

/* A text of 1 to cap-1 bytes without control characters; jansson has refused bad UTF-8. */
static bool copy_claim(const json_t *claims, const char *name, char *out, size_t cap)
{
    const json_t *value = json_object_get(claims, name);
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);

    if (text == NULL || len == 0 || len >= cap)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

static MUST_USE enum err peek_issuer(const char *token, size_t len, char *out, size_t cap)
{
    AUTO(json_free) json_t *claims = NULL;
    const char *from = memchr(token, '.', len);
    const char *to =
        from == NULL ? NULL : memchr(from + 1, '.', len - (size_t)(from + 1 - token));
    AUTO_FREE uint8_t *bytes = NULL;
    size_t n;
    enum err e;

    if (to == NULL)
        return invalid("token: not three parts");
    bytes = malloc(len);
    if (bytes == NULL)
        return err_set(ERR_NOMEM, "a token");
    e = base64_decode(BASE64_URL_UNPADDED, from + 1, (size_t)(to - from - 1), bytes, len, &n);
    if (e == ERR_OK) {
        e = json_parse(bytes, n, &claims);
        sodium_memzero(bytes, n);
    }
    TRY(invalid_unless_nomem(e));
    if (!json_is_object(claims) || !copy_claim(claims, "iss", out, cap))
        return invalid("token: no issuer");
    return ERR_OK;
}

static bool is_access_token(const char *typ)
{
    return strcasecmp(typ, "at+jwt") == 0 || strcasecmp(typ, "application/at+jwt") == 0;
}

enum err jwt_head_read(const char *token, size_t len, struct jwt_head *out)
{
    out->token = token;
    out->len = len;
    TRY(invalid_unless_nomem(jws_head_read(token, len, &out->jws)));
    if (!is_access_token(out->jws.typ))
        return invalid("token: not of the type of an access token");
    return peek_issuer(token, len, out->issuer, sizeof(out->issuer));
}

enum err jwt_head_check(const struct jwt_head *h, const struct issuer_config *issuer)
{
    if (!word_in_list(issuer->algorithms, h->jws.alg))
        return invalid("token: not an algorithm of its issuer");
    return ERR_OK;
}

/* --- after the signature -------------------------------------------------------------------
 */

/* NumericDate (RFC 7519): seconds, possibly with a fraction, which is cut. */
static bool read_time(const json_t *claims, const char *name, int64_t *out_us)
{
    const json_t *value = json_object_get(claims, name);
    int64_t seconds;

    if (json_is_integer(value)) {
        seconds = json_integer_value(value);
    } else if (json_is_real(value)) {
        double d = json_real_value(value);

        if (!(d >= 0 && d <= (double)SECONDS_MAX))
            return false;
        seconds = (int64_t)floor(d);
    } else {
        return false;
    }
    if (seconds < 0 || seconds > SECONDS_MAX)
        return false;
    *out_us = seconds * MICROS_PER_SECOND;
    return true;
}

static MUST_USE enum err check_times(const json_t *claims, const struct issuer_config *issuer,
                                     int64_t now_us, struct jwt_claims *out)
{
    int64_t leeway = issuer->leeway_s * MICROS_PER_SECOND;
    int64_t issued, expires, not_before = 0;

    if (!read_time(claims, "iat", &issued) || !read_time(claims, "exp", &expires))
        return invalid("token: no time of issue or of expiry");
    if (json_object_get(claims, "nbf") != NULL && !read_time(claims, "nbf", &not_before))
        return invalid("token: a malformed time");
    if (expires <= issued || expires - issued > issuer->max_lifetime_s * MICROS_PER_SECOND)
        return invalid("token: its lifetime is not allowed");
    if (issued > now_us + leeway || not_before > now_us + leeway)
        return invalid("token: not valid yet");
    out->expired = now_us >= expires + leeway;
    out->principal.expires_at = expires;
    return ERR_OK;
}

static bool holds_text(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static bool is_for_us(const json_t *claims, const char *audience)
{
    const json_t *aud = json_object_get(claims, "aud");

    if (json_is_string(aud))
        return strcmp(json_string_value(aud), audience) == 0;
    return holds_text(aud, audience);
}

static MUST_USE enum err check_names(const json_t *claims, const struct issuer_config *issuer,
                                     struct principal *out)
{
    char id[PRINCIPAL_TEXT_MAX + 1];

    if (!copy_claim(claims, "iss", out->issuer, sizeof(out->issuer)) ||
        strcmp(out->issuer, issuer->issuer) != 0)
        return invalid("token: another issuer");
    if (!is_for_us(claims, issuer->audience))
        return invalid("token: not for us");
    if (!copy_claim(claims, "sub", out->subject, sizeof(out->subject)) ||
        !copy_claim(claims, "client_id", out->client_id, sizeof(out->client_id)) ||
        !copy_claim(claims, "jti", id, sizeof(id)))
        return invalid("token: no subject, client or id");
    return ERR_OK;
}

/* RFC 7800: the only confirmation that can be checked here is a certificate's thumbprint. */
static MUST_USE enum err check_confirmation(const json_t *claims, struct jwt_claims *out)
{
    const json_t *cnf = json_object_get(claims, "cnf");
    const json_t *thumbprint = json_object_get(cnf, "x5t#S256");
    size_t n;

    if (cnf == NULL)
        return ERR_OK;
    if (json_object_size(cnf) != 1 || !json_is_string(thumbprint))
        return invalid("token: bound to what cannot be checked here");
    TRY(invalid_unless_nomem(base64_decode(BASE64_URL_UNPADDED, json_string_value(thumbprint),
                                           json_string_length(thumbprint), out->thumbprint,
                                           sizeof(out->thumbprint), &n)));
    if (n != sizeof(out->thumbprint))
        return invalid("token: a thumbprint of a wrong length");
    out->bound = true;
    return ERR_OK;
}

static uint32_t role_bit(const json_t *name)
{
    enum role r;

    if (role_parse(json_string_value(name), &r) != ERR_OK)
        return 0;
    return 1u << r;
}

static MUST_USE enum err read_roles(const json_t *claims, const struct issuer_config *issuer,
                                    uint32_t *out)
{
    const json_t *roles = json_object_get(claims, issuer->role_claim), *item;
    uint32_t bits = 0;
    size_t i;

    if (json_is_string(roles)) {
        bits = role_bit(roles);
    } else if (roles != NULL && !json_is_array(roles)) {
        return invalid("token: malformed roles");
    }
    json_array_foreach(roles, i, item)
    {
        if (!json_is_string(item))
            return invalid("token: malformed roles");
        bits |= role_bit(item);
    }
    *out = bits & issuer->allowed_roles;
    return ERR_OK;
}

static bool has_scope(const json_t *claims, const char *required)
{
    const char *scope = json_string_value(json_object_get(claims, "scope"));

    return required == NULL || *required == '\0' ||
           (scope != NULL && word_in_list(scope, required));
}

enum err jwt_claims_check(const json_t *claims, const struct issuer_config *issuer,
                          int64_t now_us, struct jwt_claims *out)
{
    *out = (struct jwt_claims){.bound = false};
    TRY(check_names(claims, issuer, &out->principal));
    TRY(check_times(claims, issuer, now_us, out));
    TRY(check_confirmation(claims, out));
    TRY(read_roles(claims, issuer, &out->principal.roles));
    if (!has_scope(claims, issuer->required_scope))
        out->principal.roles = 0;
    return ERR_OK;
}
