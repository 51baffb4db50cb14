/* UUID version 7. Layout (RFC 9562 section 5.7), big-endian:
 *
 *     0        6     8        16
 *     | ms(48) | 7 f | 2 r    |      ms: Unix milliseconds, 7: version in the high 4 bits,
 *     |        |12bit| 62 bit |      2: variant in the high 2 bits, r: random
 *
 * f is the fraction of the millisecond in 1/4096 (section 6.2, method 3): what one process made
 * later sorts later, and rows of one moment lie side by side in an index. Randomness comes
 * straight from the kernel: it needs no start-up and survives a fork. */
#include "gateway/base/uuid.h"

#include "gateway/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { UUID_TIME_BYTES = 6, UUID_FRACTION_END = 8 };

static void fill_random(uint8_t *out, size_t len)
{
    ssize_t n;

    do { /* up to 256 bytes come whole once the kernel's pool stands */
        n = getrandom(out, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 || (size_t)n != len)
        abort();
}

struct uuid uuid_new(void)
{
    uint64_t now = (uint64_t)clock_now(), ms = now / 1000, fraction = now % 1000 * 4096 / 1000;
    struct uuid id;

    for (size_t i = 0; i < UUID_TIME_BYTES; i++)
        id.bytes[i] = (uint8_t)(ms >> (8 * (UUID_TIME_BYTES - 1 - i)));
    id.bytes[6] = (uint8_t)(0x70 | fraction >> 8);
    id.bytes[7] = (uint8_t)fraction;
    fill_random(id.bytes + UUID_FRACTION_END, sizeof(id.bytes) - UUID_FRACTION_END);
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

static bool dash_before(size_t i)
{
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *at = out;

    for (size_t i = 0; i < sizeof(id->bytes); i++) {
        if (dash_before(i))
            *at++ = '-';
        *at++ = digits[id->bytes[i] >> 4];
        *at++ = digits[id->bytes[i] & 0x0f];
    }
    *at = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err uuid_parse(const char *text, struct uuid *out)
{
    struct uuid id;

    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        int high, low;

        if (dash_before(i) && *text++ != '-')
            return err_set(ERR_INVALID, "not a UUID");
        high = nibble(text[0]);
        low = high < 0 ? -1 : nibble(text[1]);
        if (low < 0)
            return err_set(ERR_INVALID, "not a UUID");
        id.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text != '\0')
        return err_set(ERR_INVALID, "not a UUID");
    *out = id;
    return ERR_OK;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool uuid_is_nil(const struct uuid *id)
{
    static const struct uuid nil;

    return uuid_equal(id, &nil);
}
