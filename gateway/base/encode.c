/* Text encodings. Decoding is the exact inverse of encoding: for every text that is accepted,
 * encoding the result gives the same text again (percent-encoding apart), so that one value has
 * one spelling. On failure nothing of the output may be used. */
#include "gateway/base/encode.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(const void *data, size_t len, char *out)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        *out++ = hex_digits[bytes[i] >> 4];
        *out++ = hex_digits[bytes[i] & 0x0f];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

enum err hex_decode(const char *text, size_t text_len, void *out, size_t out_len)
{
    uint8_t *bytes = out;

    if (text_len % 2 != 0 || text_len / 2 != out_len)
        return err_set(ERR_INVALID, "not %zu bytes in hexadecimal", out_len);
    for (size_t i = 0; i < out_len; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return err_set(ERR_INVALID, "not lower-case hexadecimal");
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return ERR_OK;
}

static const char alphabet_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encode(enum base64_kind kind, const void *data, size_t len, char *out)
{
    const char *alphabet = kind == BASE64_URL_UNPADDED ? alphabet_url : alphabet_standard;
    const uint8_t *in = data;
    char *at = out;

    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3; /* bytes in this group: n + 1 digits */
        uint32_t group = (uint32_t)in[i] << 16;

        if (n > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (n > 2)
            group |= in[i + 2];
        for (size_t k = 0; k <= n; k++)
            *at++ = alphabet[group >> (18 - 6 * k) & 0x3f];
        for (size_t k = n; k < 3 && kind == BASE64_STANDARD; k++)
            *at++ = '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}

static int base64_value(enum base64_kind kind, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (kind == BASE64_URL_UNPADDED ? '-' : '+'))
        return 62;
    if (c == (kind == BASE64_URL_UNPADDED ? '_' : '/'))
        return 63;
    return -1;
}

/* 2 to 4 digits give 1 to 3 bytes; bits that are left over must be zero. */
static MUST_USE enum err decode_group(enum base64_kind kind, const char *text, size_t digits,
                                      uint8_t *out)
{
    uint32_t group = 0;

    for (size_t k = 0; k < digits; k++) {
        int v = base64_value(kind, text[k]);

        if (v < 0)
            return err_set(ERR_INVALID, "a character that is not base64");
        group |= (uint32_t)v << (18 - 6 * k);
    }
    for (size_t k = 0; k + 1 < digits; k++)
        out[k] = (uint8_t)(group >> (16 - 8 * k));
    if ((group & (0xffffffu >> (8 * (digits - 1)))) != 0 && digits < 4)
        return err_set(ERR_INVALID, "base64 with trailing bits");
    return ERR_OK;
}

enum err base64_decode(enum base64_kind kind, const char *text, size_t text_len, void *out,
                       size_t cap, size_t *out_len)
{
    uint8_t *bytes = out;
    size_t digits = text_len, written = 0, need;

    if (kind == BASE64_STANDARD) {
        if (text_len % 4 != 0)
            return err_set(ERR_INVALID, "base64 without its padding");
        for (int pads = 0; pads < 2 && digits > 0 && text[digits - 1] == '='; pads++)
            digits--;
    }
    if (digits % 4 == 1)
        return err_set(ERR_INVALID, "base64 of an impossible length");
    need = digits / 4 * 3 + (digits % 4 == 0 ? 0 : digits % 4 - 1);
    if (need > cap)
        return err_set(ERR_TOO_LARGE, "base64 of more than %zu bytes", cap);
    for (size_t i = 0; i < digits; i += 4) {
        size_t n = digits - i < 4 ? digits - i : 4;

        TRY(decode_group(kind, text + i, n, bytes + written));
        written += n - 1;
    }
    *out_len = written;
    return ERR_OK;
}

static int hex_value_any_case(char c)
{
    return hex_value(c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c);
}

enum err percent_decode(const char *text, size_t len, bool plus_is_space, char *out, size_t cap)
{
    size_t written = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = len - i > 2 ? hex_value_any_case(text[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_value_any_case(text[i + 2]);

            if (low < 0)
                return err_set(ERR_INVALID, "a broken percent escape");
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return err_set(ERR_INVALID, "a NUL in a percent-encoded text");
        if (written + 1 >= cap)
            return err_set(ERR_TOO_LARGE, "a percent-encoded text of %zu bytes or more", cap);
        out[written++] = c;
    }
    if (cap == 0)
        return err_set(ERR_TOO_LARGE, "no room for a text");
    out[written] = '\0';
    return ERR_OK;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

enum err percent_encode(const char *text, char *out, size_t cap)
{
    static const char upper[] = "0123456789ABCDEF";
    size_t written = 0;

    for (; *text != '\0'; text++) {
        uint8_t byte = (uint8_t)*text;
        size_t need = is_unreserved(*text) ? 1 : 3;

        if (cap < written + need + 1)
            return err_set(ERR_TOO_LARGE, "a percent-encoded text of %zu bytes or more", cap);
        if (need == 1) {
            out[written++] = *text;
            continue;
        }
        out[written++] = '%';
        out[written++] = upper[byte >> 4];
        out[written++] = upper[byte & 0x0f];
    }
    if (cap == 0)
        return err_set(ERR_TOO_LARGE, "no room for a text");
    out[written] = '\0';
    return ERR_OK;
}

/* Unicode 15, table 3-7: only the second byte's range depends on the first. */
size_t utf8_step(const char *text, size_t left)
{
    const uint8_t *at = (const uint8_t *)text;
    uint8_t first = at[0], low = 0x80, high = 0xbf;
    size_t n;

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        n = 2;
    else if (first >= 0xe0 && first <= 0xef)
        n = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        n = 4;
    else
        return 0;
    if (n > left)
        return 0;
    if (first == 0xe0)
        low = 0xa0; /* overlong below */
    else if (first == 0xed)
        high = 0x9f; /* surrogates above */
    else if (first == 0xf0)
        low = 0x90; /* overlong below */
    else if (first == 0xf4)
        high = 0x8f; /* beyond U+10FFFF above */
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    }
    return n;
}

bool utf8_valid(const char *text, size_t len)
{
    while (len > 0) {
        size_t n = utf8_step(text, len);

        if (n == 0)
            return false;
        text += n;
        len -= n;
    }
    return true;
}
