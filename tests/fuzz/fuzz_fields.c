/* layer: eg_http */
/* The first byte chooses the field, the rest is its value (a NUL ends it, as in a header).
 * What is accepted must keep the promises of fields.h. */
#include "gateway/base/encode.h"
#include "gateway/http/accept.h"
#include "gateway/http/fields.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void range_try(const char *value)
{
    static const uint64_t sizes[] = {0, 1, 100, UINT64_MAX};
    struct field_range r[FIELD_RANGES_MAX];
    size_t n;

    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        if (field_range_parse(value, sizes[k], r, &n) != RANGE_OK)
            continue;
        assert(n > 0 && n <= FIELD_RANGES_MAX);
        for (size_t i = 0; i < n; i++) {
            assert(r[i].first <= r[i].last && r[i].last < sizes[k]);
            for (size_t j = 0; j < i; j++)
                assert(r[i].first > r[j].last || r[j].first > r[i].last);
        }
    }
}

static void name_holds(const char *name)
{
    assert(strlen(name) <= FIELD_NAME_MAX && utf8_valid(name, strlen(name)));
    assert(strpbrk(name, "/\\\r\n\t\x7f") == NULL);
    assert(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

static void name_try(const char *value)
{
    char name[FIELD_NAME_MAX + 1], back[FIELD_NAME_MAX + 1], field[4 * FIELD_NAME_MAX + 64];

    if (field_filename_clean(value, name, sizeof(name)) == ERR_OK)
        name_holds(name);
    if (field_disposition_filename(value, name, sizeof(name)) != ERR_OK)
        return;
    name_holds(name);
    if (field_disposition_write(name, field, sizeof(field)) != ERR_OK ||
        field_disposition_filename(field, back, sizeof(back)) != ERR_OK)
        abort();
    assert(strcmp(name, back) == 0 && strpbrk(field, "\r\n") == NULL);
}

static void digest_try(const char *value)
{
    uint8_t sha256[32], again[32];
    char field[80];
    bool present;

    if (field_digest_parse(value, &present, sha256) != ERR_OK || !present)
        return;
    field_digest_write(sha256, field);
    if (field_digest_parse(field, &present, again) != ERR_OK || !present)
        abort();
    assert(memcmp(sha256, again, sizeof(again)) == 0);
}

static void rest_try(const char *value)
{
    char key[FIELD_KEY_MAX + 1], type[64];

    if (field_key_parse(value, key) == ERR_OK)
        assert(strlen(key) >= 1 && strpbrk(key, " \t\r\n") == NULL);
    if (field_media_type(value, type, sizeof(type)) == ERR_OK)
        assert(strchr(type, '/') != NULL &&
               strpbrk(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ; ") == NULL);
    (void)accept_wants_html(value);
    (void)field_if_range(value, "\"tag\"");
    (void)field_etag_matches(value, "\"tag\"");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *value = malloc(size + 1);

    assert(value != NULL);
    if (size == 0)
        return 0;
    memcpy(value, data + 1, size - 1);
    value[size - 1] = '\0';
    switch (data[0]) {
    case 'r':
        range_try(value);
        break;
    case 'n':
        name_try(value);
        break;
    case 'd':
        digest_try(value);
        break;
    default:
        rest_try(value);
        break;
    }
    return 0;
}
