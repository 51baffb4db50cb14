/* One strict reader for every number in notes, receipts and tile paths: two spellings of one
 * number would be two receipts for one fact. */
#include "crypto/decimal.h"

enum err decimal_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    if (len == 0 || (len > 1 && text[0] == '0'))
        return err_set(ERR_INVALID, "not a decimal number");
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return err_set(ERR_INVALID, "not a decimal number");
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return err_set(ERR_INVALID, "a number out of range");
        value = value * 10 + digit;
    }
    *out = value;
    return ERR_OK;
}
