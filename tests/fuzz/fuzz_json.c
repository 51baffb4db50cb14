/* layer: eg_base */
/* Any bytes: json_parse either refuses them or gives back a document of bounded depth that can
 * be written out and, written out, be read again with the same result. */
#include "gateway/base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t depth_of(const json_t *value)
{
    size_t deepest = 0, i;
    const char *name;
    json_t *child;

    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            size_t d = depth_of(child);
            deepest = d > deepest ? d : deepest;
        }
        return deepest + 1;
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, name, child)
        {
            size_t d = depth_of(child);
            deepest = d > deepest ? d : deepest;
        }
        return deepest + 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(json_free) json_t *value = NULL;
    AUTO(json_free) json_t *again = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *second = NULL;
    size_t len, second_len;

    if (json_parse(data, size, &value) != ERR_OK)
        return 0;
    assert(depth_of(value) <= JSON_DEPTH_MAX);
    if (json_canonical(value, &text, &len) != ERR_OK ||
        json_parse(text, len, &again) != ERR_OK ||
        json_canonical(again, &second, &second_len) != ERR_OK)
        abort();
    assert(len == second_len && memcmp(text, second, len) == 0);
    return 0;
}
