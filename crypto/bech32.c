/* Bech32: prefix, "1", data in groups of five bits, six characters of checksum.
 *
 * The text of an identity is a secret: every intermediate is wiped. */
#include "crypto/bech32.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

enum {
    CHECKSUM_SIZE = 6,
    GROUPS_MAX = (BECH32_DATA_MAX * 8 + 4) / 5 + CHECKSUM_SIZE,
};

static const char lower[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const char upper[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

static const char *alphabet(enum bech32_case letters)
{
    return letters == BECH32_LOWER ? lower : upper;
}

static size_t group_count(size_t data_len)
{
    return (data_len * 8 + 4) / 5;
}

size_t bech32_length(const char *prefix, size_t data_len)
{
    return strlen(prefix) + 1 + group_count(data_len) + CHECKSUM_SIZE;
}

static uint32_t polymod_step(uint32_t checksum, uint8_t group)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    uint32_t top = checksum >> 25;

    checksum = (checksum & 0x1ffffff) << 5 ^ group;
    for (size_t i = 0; i < ARRAY_LEN(generator); i++)
        checksum ^= generator[i] & (0U - (top >> i & 1));
    return checksum;
}

static uint8_t lower_case(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Over the prefix (in lower case, as the checksum is defined) and the groups. */
static uint32_t polymod(const char *prefix, const uint8_t *groups, size_t n)
{
    uint32_t checksum = 1;

    for (const char *c = prefix; *c != '\0'; c++)
        checksum = polymod_step(checksum, lower_case(*c) >> 5);
    checksum = polymod_step(checksum, 0);
    for (const char *c = prefix; *c != '\0'; c++)
        checksum = polymod_step(checksum, lower_case(*c) & 0x1f);
    for (size_t i = 0; i < n; i++)
        checksum = polymod_step(checksum, groups[i]);
    return checksum;
}

static void to_groups(const uint8_t *data, size_t len, uint8_t *groups)
{
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | data[i]) & 0xfff;
        for (held += 8; held >= 5; held -= 5)
            *groups++ = bits >> (held - 5) & 0x1f;
    }
    if (held > 0)
        *groups = (uint8_t)(bits << (5 - held) & 0x1f);
}

/* Whether the bits left over are zero, as they must be. */
static bool from_groups(const uint8_t *groups, size_t n, uint8_t *data)
{
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < n; i++) {
        bits = (bits << 5 | groups[i]) & 0xfff;
        held += 5;
        if (held >= 8) {
            held -= 8;
            *data++ = (uint8_t)(bits >> held);
        }
    }
    return (bits & ((1U << held) - 1)) == 0;
}

void bech32_encode(enum bech32_case letters, const char *prefix, const void *data, size_t len,
                   char *out)
{
    uint8_t groups[GROUPS_MAX] = {0};
    size_t n = group_count(len);
    uint32_t checksum;

    assert(len <= BECH32_DATA_MAX && strlen(prefix) <= BECH32_PREFIX_MAX);
    to_groups(data, len, groups);
    checksum = polymod(prefix, groups, n + CHECKSUM_SIZE) ^ 1;
    for (size_t i = 0; i < CHECKSUM_SIZE; i++)
        groups[n + i] = checksum >> (5 * (CHECKSUM_SIZE - 1 - i)) & 0x1f;
    out = stpcpy(out, prefix);
    *out++ = '1';
    for (size_t i = 0; i < n + CHECKSUM_SIZE; i++)
        *out++ = alphabet(letters)[groups[i]];
    *out = '\0';
    sodium_memzero(groups, sizeof(groups));
}

static bool read_groups(enum bech32_case letters, const char *text, size_t n, uint8_t *groups)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(alphabet(letters), text[i]);

        if (at == NULL)
            return false;
        groups[i] = (uint8_t)(at - alphabet(letters));
    }
    return true;
}

enum err bech32_decode(enum bech32_case letters, const char *prefix, const char *text,
                       size_t len, void *out, size_t out_len)
{
    uint8_t groups[GROUPS_MAX];
    size_t prefix_len = strlen(prefix), n = group_count(out_len);
    bool good;

    assert(out_len <= BECH32_DATA_MAX && prefix_len <= BECH32_PREFIX_MAX);
    if (len != bech32_length(prefix, out_len) || memcmp(text, prefix, prefix_len) != 0 ||
        text[prefix_len] != '1')
        return err_set(ERR_INVALID, "not a key of the form %s1...", prefix);
    good = read_groups(letters, text + prefix_len + 1, n + CHECKSUM_SIZE, groups) &&
           polymod(prefix, groups, n + CHECKSUM_SIZE) == 1 && from_groups(groups, n, out);
    sodium_memzero(groups, sizeof(groups));
    if (!good) {
        sodium_memzero(out, out_len);
        return err_set(ERR_INVALID, "a mistyped key of the form %s1...", prefix);
    }
    return ERR_OK;
}
