/* layer: eg_http */
/* The first byte chooses the header: n (a number), s (Upload-Checksum), c (Upload-Concat). */
#include "gateway/http/fields_tus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void number_try(const char *value)
{
    int64_t n = -1, again = -1;
    char text[32];

    if (tus_number_parse(value, &n) != ERR_OK)
        return;
    assert(n >= 0 && strspn(value, "0123456789") == strlen(value));
    (void)snprintf(text, sizeof(text), "%" PRId64, n);
    assert(tus_number_parse(text, &again) == ERR_OK && again == n);
}

static void checksum_try(const char *value)
{
    enum tus_algorithm algorithm;
    uint8_t digest[32];

    if (tus_checksum_parse(value, &algorithm, digest) != ERR_OK)
        return;
    assert(algorithm == TUS_SHA1 ? strlen(value) == strlen("sha1 ") + 28
                                 : strlen(value) == strlen("sha256 ") + 44);
}

static void concat_try(const char *value)
{
    static const char collection[] = "uploads/";
    struct tus_concat c;
    struct uuid id;

    if (tus_concat_parse(value, &c) != ERR_OK)
        return;
    assert(c.final ? c.n > 0 && c.n <= TUS_URLS_MAX : c.n == 0);
    assert(strpbrk(value, "\r\n") == NULL);
    for (size_t i = 0; i < c.n; i++) {
        assert(c.urls[i].len > 0 && memchr(c.urls[i].at, ' ', c.urls[i].len) == NULL);
        if (tus_url_id(&c.urls[i], collection, &id) == ERR_OK)
            assert(c.urls[i].len >= strlen(collection) + UUID_TEXT_SIZE - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *value = malloc(size + 1);

    assert(value != NULL);
    if (size == 0)
        return 0;
    memcpy(value, data + 1, size - 1);
    value[size - 1] = '\0';
    if (data[0] == 'n')
        number_try(value);
    else if (data[0] == 's')
        checksum_try(value);
    else
        concat_try(value);
    return 0;
}
