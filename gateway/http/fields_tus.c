/* tus says what a header is by example; this is the strict reading of it. What is taken here is
 * told again to the client as it came (Upload-Metadata, Upload-Concat), so nothing passes that
 * could end a header line or start another. */
#include "gateway/http/fields_tus.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/http/chars.h"

#include <stdio.h>
#include <time.h>

/* ---- numbers ---- */

enum err tus_number_parse(const char *value, int64_t *out)
{
    int64_t n = 0;

    if (*value == '\0')
        return err_set(ERR_INVALID, "a number without digits");
    for (const char *p = value; *p != '\0'; p++) {
        if (!char_is_digit(*p))
            return err_set(ERR_INVALID, "not a non-negative integer");
        if (n > (INT64_MAX - (*p - '0')) / 10)
            return err_set(ERR_INVALID, "a number that is too large");
        n = n * 10 + (*p - '0');
    }
    *out = n;
    return ERR_OK;
}

/* ---- Upload-Metadata ---- */

static bool is_metadata_key_char(char c)
{
    return char_is_visible(c) && c != ',';
}

static bool pair_has_key(const struct tus_pair *pair, const char *key, size_t len)
{
    return pair->key_len == len && memcmp(pair->key, key, len) == 0;
}

static enum err pair_check(const struct tus_pair *pair, const struct tus_pair *before, size_t n)
{
    uint8_t scratch[TUS_METADATA_MAX];
    size_t len;

    for (size_t i = 0; i < n; i++)
        if (pair_has_key(&before[i], pair->key, pair->key_len))
            return err_set(ERR_INVALID, "Upload-Metadata: a key stands twice");
    if (base64_decode(BASE64_STANDARD, pair->value, pair->value_len, scratch, sizeof(scratch),
                      &len) != ERR_OK)
        return err_set(ERR_INVALID, "Upload-Metadata: a value that is not base64");
    return ERR_OK;
}

/* One pair from p on; what follows it is a comma or the end. */
static enum err pair_read(const char *p, struct tus_pair *out, const char **next)
{
    out->key = p;
    while (is_metadata_key_char(*p))
        p++;
    out->key_len = (size_t)(p - out->key);
    if (out->key_len == 0)
        return err_set(ERR_INVALID, "Upload-Metadata: a pair without a key");
    if (*p == ' ')
        p++;
    out->value = p;
    while (char_is_visible(*p) && *p != ',')
        p++;
    out->value_len = (size_t)(p - out->value);
    p = skip_spaces(p);
    if (*p != ',' && *p != '\0')
        return err_set(ERR_INVALID, "Upload-Metadata: not pairs of key and value");
    *next = p;
    return ERR_OK;
}

enum err tus_metadata_parse(const char *value, struct tus_pair out[TUS_PAIRS_MAX], size_t *n)
{
    const char *p = skip_spaces(value);

    *n = 0;
    if (strlen(value) > TUS_METADATA_MAX)
        return err_set(ERR_INVALID, "Upload-Metadata: more than %d characters",
                       TUS_METADATA_MAX);
    for (;;) {
        if (*n == TUS_PAIRS_MAX)
            return err_set(ERR_INVALID, "Upload-Metadata: more than %d pairs", TUS_PAIRS_MAX);
        TRY(pair_read(p, &out[*n], &p));
        TRY(pair_check(&out[*n], out, *n));
        (*n)++;
        if (*p == '\0')
            return ERR_OK;
        p = skip_spaces(p + 1);
    }
}

enum err tus_pair_text(const struct tus_pair *pair, char *out, size_t cap)
{
    uint8_t bytes[TUS_METADATA_MAX];
    size_t len;

    TRY(base64_decode(BASE64_STANDARD, pair->value, pair->value_len, bytes, sizeof(bytes),
                      &len));
    if (len >= cap)
        return err_set(ERR_TOO_LARGE, "Upload-Metadata: a value that is too long");
    if (len > 0 && memchr(bytes, '\0', len) != NULL)
        return err_set(ERR_INVALID, "Upload-Metadata: a NUL in a value");
    memcpy(out, bytes, len);
    out[len] = '\0';
    return ERR_OK;
}

/* ---- Upload-Checksum ---- */

enum err tus_checksum_parse(const char *value, enum tus_algorithm *algorithm,
                            uint8_t digest[32])
{
    static const struct {
        const char *name;
        enum tus_algorithm algorithm;
        size_t size;
    } known[] = {{"sha1", TUS_SHA1, 20}, {"sha256", TUS_SHA256, 32}};
    size_t name_len = strcspn(value, " "), size = 0, got;

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strlen(known[i].name) != name_len || memcmp(value, known[i].name, name_len) != 0)
            continue;
        *algorithm = known[i].algorithm;
        size = known[i].size;
    }
    if (size == 0)
        return err_set(ERR_UNSUPPORTED, "Upload-Checksum: the algorithms are " TUS_ALGORITHMS);
    if (value[name_len] == '\0' ||
        base64_decode(BASE64_STANDARD, value + name_len + 1, strlen(value + name_len + 1),
                      digest, size, &got) != ERR_OK ||
        got != size)
        return err_set(ERR_INVALID, "Upload-Checksum: not a checksum of that algorithm");
    return ERR_OK;
}

/* ---- Upload-Concat ---- */

static enum err urls_read(const char *p, struct tus_concat *out)
{
    for (;;) {
        const char *first = p;

        while (char_is_visible(*p))
            p++;
        if (p == first || (*p != ' ' && *p != '\0'))
            return err_set(ERR_INVALID, "Upload-Concat: not a list of URLs");
        if (out->n == TUS_URLS_MAX)
            return err_set(ERR_INVALID, "Upload-Concat: more than %d parts", TUS_URLS_MAX);
        out->urls[out->n++] = (struct tus_url){.at = first, .len = (size_t)(p - first)};
        if (*p == '\0')
            return ERR_OK;
        p++;
    }
}

enum err tus_concat_parse(const char *value, struct tus_concat *out)
{
    static const char mark[] = "final;";

    out->n = 0;
    out->final = strncmp(value, mark, strlen(mark)) == 0;
    if (strlen(value) > TUS_CONCAT_MAX)
        return err_set(ERR_INVALID, "Upload-Concat: more than %d characters", TUS_CONCAT_MAX);
    if (out->final)
        return urls_read(value + strlen(mark), out);
    return strcmp(value, "partial") == 0
               ? ERR_OK
               : err_set(ERR_INVALID, "Upload-Concat: neither partial nor final");
}

enum err tus_url_id(const struct tus_url *url, const char *collection, struct uuid *out)
{
    char text[UUID_TEXT_SIZE];
    size_t id = UUID_TEXT_SIZE - 1, before = strlen(collection), at;

    if (url->len < id + before)
        return err_set(ERR_INVALID, "Upload-Concat: not the URL of an upload");
    at = url->len - id - before;
    if (memcmp(url->at + at, collection, before) != 0 || (at > 0 && url->at[at - 1] != '/') ||
        memchr(url->at, '?', url->len) != NULL || memchr(url->at, '#', url->len) != NULL)
        return err_set(ERR_INVALID, "Upload-Concat: not the URL of an upload");
    memcpy(text, url->at + url->len - id, id);
    text[id] = '\0';
    return uuid_parse(text, out);
}

/* ---- Upload-Expires ---- */

void tus_date_write(int64_t micros, char out[TUS_DATE_SIZE])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(micros / MICROS_PER_SECOND);
    struct tm tm;

    assert(micros >= 0 && gmtime_r(&seconds, &tm) != NULL && tm.tm_year < 9999 - 1900);
    (void)snprintf(out, TUS_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                   tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
}
