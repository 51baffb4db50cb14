/* layer: eg_http */
/* An item of a structured field. What is taken as a boolean or an integer can be written again
 * and means the same; nothing is both. */
#include "gateway/http/fields_structured.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *value = malloc(size + 1);
    struct structured_item item;
    int64_t n = 0, again = 0;
    bool yes = false, is_boolean, is_integer;
    char text[32];

    assert(value != NULL);
    if (size > 0)
        memcpy(value, data, size);
    value[size] = '\0';
    is_boolean = structured_boolean(value, &yes) == ERR_OK;
    is_integer = structured_integer(value, &n) == ERR_OK;
    assert(!(is_boolean && is_integer));
    if (is_boolean || is_integer)
        assert(structured_item_parse(value, &item) == ERR_OK);
    if (is_integer) {
        assert(n <= STRUCTURED_INTEGER_MAX && n >= -STRUCTURED_INTEGER_MAX);
        (void)snprintf(text, sizeof(text), "%" PRId64, n);
        assert(structured_integer(text, &again) == ERR_OK && again == n);
    }
    return 0;
}
