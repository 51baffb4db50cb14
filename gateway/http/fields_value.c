/* Digests (RFC 9530), idempotency keys and media types.
 *
 * Structured fields (RFC 8941) fail as a whole: a member that cannot be read makes the sender's
 * statement unreadable, and an unreadable statement about a digest is refused, not skipped. */
#include "gateway/http/fields.h"

#include "gateway/base/encode.h"
#include "gateway/http/chars.h"

#include <stdio.h>
#include <string.h>

enum { SHA256_SIZE = 32, SHA256_BASE64 = 44 };

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || char_is_digit(c) ||
           (c != '\0' && strchr("_-.*", c) != NULL);
}

static bool is_base64_char(char c)
{
    return char_is_alpha(c) || char_is_digit(c) || c == '+' || c == '/' || c == '=';
}

static const char *key_skip(const char *p)
{
    if (!(*p >= 'a' && *p <= 'z') && *p != '*')
        return p;
    while (is_key_char(*p))
        p++;
    return p;
}

/* ;key or ;key=value, which say nothing about the digest: read over. */
static const char *parameters_skip(const char *p)
{
    while (*p == ';') {
        const char *key = p + 1;

        while (*key == ' ')
            key++;
        p = key_skip(key);
        if (p == key)
            return NULL;
        if (*p == '=')
            for (p++; char_is_token(*p) || *p == ':' || *p == '/'; p++)
                ;
    }
    return p;
}

/* One `key=:base64:`; NULL in *next if the list ends here. */
static enum err member_parse(const char *p, const char **next, bool *present, uint8_t *sha256)
{
    const char *key = p, *bytes;
    size_t key_len, len, got;

    p = key_skip(p);
    key_len = (size_t)(p - key);
    if (key_len == 0 || p[0] != '=' || p[1] != ':')
        return err_set(ERR_INVALID, "a malformed digest");
    bytes = p += 2;
    while (is_base64_char(*p))
        p++;
    len = (size_t)(p - bytes);
    if (*p++ != ':')
        return err_set(ERR_INVALID, "a malformed digest");
    if (key_len == 7 && memcmp(key, "sha-256", 7) == 0) {
        if (*present)
            return err_set(ERR_INVALID, "sha-256 more than once");
        TRY(base64_decode(BASE64_STANDARD, bytes, len, sha256, SHA256_SIZE, &got));
        if (got != SHA256_SIZE)
            return err_set(ERR_INVALID, "a sha-256 that is not 32 bytes");
        *present = true;
    }
    p = parameters_skip(p);
    if (p == NULL)
        return err_set(ERR_INVALID, "a malformed digest");
    p = skip_spaces(p);
    if (*p != '\0' && *p != ',')
        return err_set(ERR_INVALID, "a malformed digest");
    *next = *p == ',' ? skip_spaces(p + 1) : NULL;
    return ERR_OK;
}

enum err field_digest_parse(const char *value, bool *present, uint8_t sha256[32])
{
    const char *p;

    *present = false;
    if (value == NULL)
        return ERR_OK;
    p = skip_spaces(value);
    while (p != NULL) {
        enum err e = member_parse(p, &p, present, sha256);

        if (e != ERR_OK) {
            *present = false;
            return e;
        }
    }
    return ERR_OK;
}

void field_digest_write(const uint8_t sha256[32], char out[80])
{
    char text[BASE64_SIZE(SHA256_SIZE)];

    _Static_assert(sizeof("sha-256=::") + SHA256_BASE64 <= 80, "the field fits its buffer");
    (void)base64_encode(BASE64_STANDARD, sha256, SHA256_SIZE, text);
    (void)snprintf(out, 80, "sha-256=:%s:", text);
}

/* One `key=weight` with a weight of 0 to 10; NULL if it is not one. */
static const char *weight_skip(const char *p, bool *sha256, int *weight)
{
    const char *key = p;

    p = key_skip(p);
    *sha256 = p - key == 7 && memcmp(key, "sha-256", 7) == 0;
    if (p == key || p[0] != '=' || !char_is_digit(p[1]))
        return NULL;
    for (*weight = 0, p++; char_is_digit(*p) && *weight <= 10; p++)
        *weight = *weight * 10 + (*p - '0');
    return *weight <= 10 ? parameters_skip(p) : NULL;
}

bool field_digest_wanted(const char *value)
{
    const char *p = value == NULL ? NULL : skip_spaces(value);
    bool wanted = true, more = p != NULL;

    while (more) {
        bool sha256 = false;
        int weight = 0;

        p = weight_skip(p, &sha256, &weight);
        if (p == NULL)
            return true;
        if (sha256) /* of several the last counts, as in any structured dictionary */
            wanted = weight > 0;
        p = skip_spaces(p);
        more = *p == ',';
        if (!more && *p != '\0')
            return true;
        if (more)
            p = skip_spaces(p + 1);
    }
    return wanted;
}

static bool is_bare_key_char(char c)
{
    return char_is_visible(c) && strchr("\"\\,;", c) == NULL;
}

enum err field_key_parse(const char *value, char out[FIELD_KEY_MAX + 1])
{
    const char *p = skip_spaces(value);
    bool quoted = *p == '"';
    size_t n = 0;

    if (quoted)
        p++;
    while (quoted ? *p != '"' : is_bare_key_char(*p)) {
        if (quoted && *p == '\\') {
            p++;
            if (*p != '"' && *p != '\\')
                return err_set(ERR_INVALID, "a malformed key");
        }
        if (!char_is_visible(*p))
            return err_set(ERR_INVALID, "a key with other than visible characters");
        if (n == FIELD_KEY_MAX)
            return err_set(ERR_INVALID, "a key of more than %d characters", FIELD_KEY_MAX);
        out[n++] = *p++;
    }
    if (quoted)
        p++;
    if (n == 0 || *skip_spaces(p) != '\0')
        return err_set(ERR_INVALID, "a malformed key");
    out[n] = '\0';
    return ERR_OK;
}

enum err field_media_type(const char *value, char *out, size_t cap)
{
    const char *start = skip_spaces(value), *slash = skip_token(start), *end;
    size_t len;

    if (slash == start || *slash != '/')
        return err_set(ERR_INVALID, "a malformed media type");
    end = skip_token(slash + 1);
    if (end == slash + 1)
        return err_set(ERR_INVALID, "a malformed media type");
    len = (size_t)(end - start);
    end = skip_spaces(end);
    if (*end != '\0' && *end != ';')
        return err_set(ERR_INVALID, "a malformed media type");
    if (len >= cap)
        return err_set(ERR_TOO_LARGE, "a media type that is too long");
    for (size_t i = 0; i < len; i++)
        out[i] = char_lower(start[i]);
    out[len] = '\0';
    return ERR_OK;
}
