/* layer: eg_http */
/* Upload-Metadata. What is accepted goes back to the client as it came: it must be one line,
 * its keys must differ, and every value must decode. */
#include "gateway/http/fields_tus.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pair_holds(const struct tus_pair *p, const char *value, size_t len)
{
    char text[TUS_METADATA_MAX];
    enum err e;

    assert(p->key_len > 0);
    assert(p->key >= value && p->key + p->key_len <= value + len);
    assert(p->value >= value && p->value + p->value_len <= value + len);
    assert(memchr(p->key, ' ', p->key_len) == NULL && memchr(p->key, ',', p->key_len) == NULL);
    e = tus_pair_text(p, text, sizeof(text));
    assert(e == ERR_OK || e == ERR_INVALID); /* only a NUL */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *value = malloc(size + 1);
    struct tus_pair pairs[TUS_PAIRS_MAX];
    size_t n = 0;

    assert(value != NULL);
    if (size > 0)
        memcpy(value, data, size);
    value[size] = '\0';
    if (tus_metadata_parse(value, pairs, &n) != ERR_OK)
        return 0;
    assert(n > 0 && n <= TUS_PAIRS_MAX && strpbrk(value, "\r\n") == NULL);
    for (size_t i = 0; i < n; i++) {
        pair_holds(&pairs[i], value, strlen(value));
        for (size_t k = 0; k < i; k++)
            assert(pairs[i].key_len != pairs[k].key_len ||
                   memcmp(pairs[i].key, pairs[k].key, pairs[i].key_len) != 0);
    }
    return 0;
}
