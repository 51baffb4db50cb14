/* The vectors of BIP 173, in the form that age has of them. */
#include "crypto/bech32.h"

#include "tests/support/suite.h"

#include <string.h>

static enum err decode(enum bech32_case letters, const char *prefix, const char *text,
                       uint8_t *out, size_t out_len)
{
    return bech32_decode(letters, prefix, text, strlen(text), out, out_len);
}

struct vector {
    enum bech32_case letters;
    const char *prefix;
    const char *text;
    size_t len;
};

/* Valid in BIP 173; the lengths follow from the texts. */
static const struct vector valid[] = {
    {BECH32_UPPER, "A", "A12UEL5L", 0},
    {BECH32_LOWER, "a", "a12uel5l", 0},
    {BECH32_LOWER, "abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", 20},
    {BECH32_LOWER, "1",
     "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247"
     "j",
     51},
    {BECH32_LOWER, "split", "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", 30},
    {BECH32_LOWER, "?", "?1ezyfcl", 0},
};

START_TEST(valid_vectors_go_round)
{
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        const struct vector *v = &valid[i];
        uint8_t data[BECH32_DATA_MAX];
        char back[128];

        ck_assert_msg(decode(v->letters, v->prefix, v->text, data, v->len) == ERR_OK, "%s",
                      v->text);
        bech32_encode(v->letters, v->prefix, data, v->len, back);
        ck_assert_str_eq(back, v->text);
        ck_assert_uint_eq(bech32_length(v->prefix, v->len), strlen(v->text));
    }
}
END_TEST

START_TEST(the_data_is_what_bip_173_says)
{
    /* groups 0, 1, 2, ... 31 */
    static const uint8_t counting[] = {0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54,
                                       0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56,
                                       0xd7, 0xc6, 0x75, 0xbe, 0x77, 0xdf};
    uint8_t data[sizeof(counting)];

    ck_assert_int_eq(decode(BECH32_LOWER, "abcdef",
                            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", data,
                            sizeof(data)),
                     ERR_OK);
    ck_assert_mem_eq(data, counting, sizeof(data));
}
END_TEST

START_TEST(invalid_vectors_are_refused)
{
    static const struct vector invalid[] = {
        {BECH32_LOWER, " ", " 1nwldj5", 1},        /* length */
        {BECH32_LOWER, "pzry", "pzry9x0s0muk", 0}, /* no separator */
        {BECH32_LOWER, "", "1pzry9x0s0muk", 0},    /* data for an empty one */
        {BECH32_LOWER, "x", "x1b4n0q5v", 0},       /* a character outside the alphabet */
        {BECH32_LOWER, "li", "li1dgmt3", 0},       /* a short checksum */
        {BECH32_UPPER, "A", "A1G7SGD8", 0},        /* checksum over the wrong case */
        {BECH32_LOWER, "a", "A12UEL5L", 0},        /* another case of prefix */
        {BECH32_UPPER, "A", "A12uEL5L", 0},        /* mixed case */
        {BECH32_UPPER, "A", "A12uel5l", 0},        /* mixed case */
        {BECH32_LOWER, "abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxx", 20},
        {BECH32_LOWER, "abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", 19},
        {BECH32_LOWER, "abcdeg", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", 20},
    };

    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        const struct vector *v = &invalid[i];
        uint8_t data[BECH32_DATA_MAX];

        ck_assert_msg(decode(v->letters, v->prefix, v->text, data, v->len) == ERR_INVALID, "%s",
                      v->text);
    }
}
END_TEST

START_TEST(every_single_typing_error_is_found)
{
    static const char good[] = "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw";
    static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    uint8_t data[20];

    for (size_t i = strlen("abcdef1"); i < strlen(good); i++) {
        for (size_t k = 0; k < strlen(letters); k++) {
            char text[sizeof(good)];

            memcpy(text, good, sizeof(good));
            text[i] = letters[k];
            ck_assert_int_eq(decode(BECH32_LOWER, "abcdef", text, data, sizeof(data)),
                             letters[k] == good[i] ? ERR_OK : ERR_INVALID);
        }
    }
}
END_TEST

/* One byte is two groups with two bits over: with a right checksum and a bit set there. */
START_TEST(padding_bits_must_be_zero)
{
    uint8_t data[2];
    char text[32];

    bech32_encode(BECH32_LOWER, "t", "\x0f", 1, text);
    ck_assert_int_eq(decode(BECH32_LOWER, "t", text, data, 1), ERR_OK);
    ck_assert_uint_eq(data[0], 0x0f);
    /* "q" is group 0, "r" group 3; the checksum was worked out by the reference code of BIP 173
     */
    ck_assert_int_eq(decode(BECH32_LOWER, "t", "t1qrdatqht", data, 1), ERR_INVALID);
}
END_TEST

START_TEST(failure_leaves_no_data)
{
    uint8_t data[20];
    const uint8_t zeros[20] = {0};

    memset(data, 0, sizeof(data));
    ck_assert_int_eq(decode(BECH32_LOWER, "abcdef",
                            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxq", data,
                            sizeof(data)),
                     ERR_INVALID);
    ck_assert_mem_eq(data, zeros, sizeof(data));
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/bech32", valid_vectors_go_round, the_data_is_what_bip_173_says,
                     invalid_vectors_are_refused, every_single_typing_error_is_found,
                     padding_bits_must_be_zero, failure_leaves_no_data);
}
