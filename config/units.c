/* Sizes and durations as people write them: "64 KiB", "15 min".
 *
 * Invariant: what is printed reads back as the same value: the largest unit that divides it
 * evenly is used. */
#include "config/setting.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit size_units[] = {
    {"TiB", TIB}, {"GiB", GIB}, {"MiB", MIB}, {"KiB", KIB}, {"B", 1},
};
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1},
};
_Static_assert(ARRAY_LEN(size_units) == ARRAY_LEN(duration_units), "both are searched alike");
enum { UNITS = ARRAY_LEN(size_units), DIGITS_MAX = 18 };

static enum err quantity_parse(const char *text, const struct unit units[UNITS], uint64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;

    if (digits == 0 || digits > DIGITS_MAX)
        return err_set(ERR_INVALID, "not a number with a unit");
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    text += digits;
    text += *text == ' ';
    for (size_t i = 0; i < UNITS; i++) {
        if (strcmp(text, units[i].name) == 0)
            return __builtin_mul_overflow(number, units[i].factor, out)
                       ? err_set(ERR_INVALID, "too large a number")
                       : ERR_OK;
    }
    return err_set(ERR_INVALID, "not a known unit");
}

static void quantity_format(uint64_t value, const struct unit units[UNITS], const char *of_zero,
                            char out[UNIT_TEXT_SIZE])
{
    size_t i = 0;

    if (value == 0) {
        (void)snprintf(out, UNIT_TEXT_SIZE, "0 %s", of_zero);
        return;
    }
    while (value % units[i].factor != 0)
        i++;
    (void)snprintf(out, UNIT_TEXT_SIZE, "%llu %s",
                   (unsigned long long)(value / units[i].factor), units[i].name);
}

enum err size_parse(const char *text, uint64_t *bytes)
{
    return quantity_parse(text, size_units, bytes);
}

enum err duration_parse(const char *text, uint64_t *ms)
{
    return quantity_parse(text, duration_units, ms);
}

void size_format(uint64_t bytes, char out[UNIT_TEXT_SIZE])
{
    quantity_format(bytes, size_units, "B", out);
}

void duration_format(uint64_t ms, char out[UNIT_TEXT_SIZE])
{
    quantity_format(ms, duration_units, "s", out);
}
