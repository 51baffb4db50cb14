/* Addresses through libcurl's own parser: what is checked is what will be connected to. */
#include "gateway/send/address.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void url_free(CURLU *u)
{
    curl_url_cleanup(u);
}
DEFINE_AUTO(CURLU, url_free);

static void part_free(char *p)
{
    curl_free(p);
}
DEFINE_AUTO(char, part_free);

static MUST_USE enum err parse(const char *url, CURLU **out)
{
    AUTO(url_free) CURLU *u = curl_url();

    if (!u)
        return err_set(ERR_NOMEM, "an address");
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, 0);
    if (rc != CURLUE_OK)
        return err_set(ERR_INVALID, "the address is malformed: %s", curl_url_strerror(rc));
    *out = TAKE(u);
    return ERR_OK;
}

static bool part_is(CURLU *u, CURLUPart part, const char *wanted)
{
    AUTO(part_free) char *value = NULL;

    return curl_url_get(u, part, &value, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           strcasecmp(value, wanted) == 0;
}

static bool has_part(CURLU *u, CURLUPart part)
{
    AUTO(part_free) char *value = NULL;

    return curl_url_get(u, part, &value, 0) == CURLUE_OK;
}

static MUST_USE enum err text(CURLU *u, char out[ADDRESS_MAX])
{
    AUTO(part_free) char *url = NULL;

    if (curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
        return err_set(ERR_INVALID, "the address is malformed");
    if (strlen(url) >= ADDRESS_MAX)
        return err_set(ERR_INVALID, "the address has more than %d characters", ADDRESS_MAX - 1);
    memcpy(out, url, strlen(url) + 1);
    return ERR_OK;
}

enum err address_service(const char *url, char out[ADDRESS_MAX])
{
    AUTO(url_free) CURLU *u = NULL;

    TRY(parse(url, &u));
    if (!part_is(u, CURLUPART_SCHEME, "https"))
        return err_set(ERR_INVALID, "the address is not https");
    if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        return err_set(ERR_INVALID, "the address names a user: use --token-file or --cert");
    if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT))
        return err_set(ERR_INVALID, "the address of the service has no query and no fragment");
    TRY(text(u, out));
    for (size_t len = strlen(out); len > 0 && out[len - 1] == '/'; len--)
        out[len - 1] = '\0';
    return ERR_OK;
}

static bool part_same(CURLU *a, CURLU *b, CURLUPart part)
{
    AUTO(part_free) char *value = NULL;

    return curl_url_get(a, part, &value, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           part_is(b, part, value);
}

bool address_same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    AUTO(url_free) CURLU *one = NULL;
    AUTO(url_free) CURLU *other = NULL;

    if (parse(a, &one) != ERR_OK || parse(b, &other) != ERR_OK)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!part_same(one, other, parts[i]))
            return false;
    }
    return true;
}

static bool is_plain_segment(const char *s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    return *s && s[strspn(s, plain)] == '\0';
}

static bool path_beneath(CURLU *base, CURLU *url)
{
    AUTO(part_free) char *above = NULL;
    AUTO(part_free) char *path = NULL;

    if (curl_url_get(base, CURLUPART_PATH, &above, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        return false;
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && is_plain_segment(path + len);
}

bool address_beneath(const char *base, const char *url)
{
    static const CURLUPart none[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                     CURLUPART_FRAGMENT};
    AUTO(url_free) CURLU *one = NULL;
    AUTO(url_free) CURLU *other = NULL;

    if (!address_same_origin(base, url) || parse(base, &one) != ERR_OK ||
        parse(url, &other) != ERR_OK)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        if (has_part(other, none[i]))
            return false;
    }
    return path_beneath(one, other);
}

enum err address_resolve(const char *base, const char *location, char out[ADDRESS_MAX])
{
    AUTO(url_free) CURLU *u = NULL;

    TRY(parse(base, &u));
    if (curl_url_set(u, CURLUPART_URL, location, 0) != CURLUE_OK)
        return err_set(ERR_INVALID, "the service names an upload at a malformed address");
    if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        return err_set(ERR_INVALID, "the service names an upload at an address with a user");
    TRY(text(u, out));
    if (!address_same_origin(base, out))
        return err_set(ERR_INVALID,
                       "the service names an upload at another address than its own");
    return ERR_OK;
}
