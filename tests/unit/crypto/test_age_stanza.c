/* The text of a header: what is let in, and everything that is not. */
#include "crypto/age_header.h"

#include "tests/support/suite.h"

#include <string.h>

#define VERSION "age-encryption.org/v1\n"
#define X25519_STANZA                                                                          \
    "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n"                                  \
    "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n"
#define MAC "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n"
#define A64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SMALL VERSION X25519_STANZA MAC

static enum err parse(const char *text)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};

    return age_header_parse(text, strlen(text), &h);
}

START_TEST(a_header_is_taken_apart)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    static const char text[] =
        VERSION X25519_STANZA "-> odd !\"# ~\n" A64 "\nQUE\n" MAC "the payload";

    ck_assert_int_eq(age_header_parse(text, strlen(text), &h), ERR_OK);
    ck_assert_uint_eq(h.n_stanzas, 2);
    ck_assert_uint_eq(h.stanzas[0].n_args, 2);
    ck_assert_str_eq(h.stanzas[0].args[0], "X25519");
    ck_assert_str_eq(h.stanzas[0].args[1], "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc");
    ck_assert_uint_eq(h.stanzas[0].body_len, 32);
    ck_assert_uint_eq(h.stanzas[0].body[0], 0x86);
    ck_assert_uint_eq(h.stanzas[1].n_args, 3);
    ck_assert_str_eq(h.stanzas[1].args[1], "!\"#");
    ck_assert_str_eq(h.stanzas[1].args[2], "~");
    ck_assert_uint_eq(h.stanzas[1].body_len, 50);
    ck_assert_uint_eq(h.stanzas[1].body[48], 'A');
    ck_assert_uint_eq(h.mac[0], 0x5b);
    ck_assert_mem_eq(text + h.header_len, "the payload", 11);
    ck_assert_mem_eq(text + h.maced_len - 3, "--- ", 4);
    ck_assert_mem_eq(h.text, text, h.header_len); /* what the MAC covers is as it came */
}
END_TEST

START_TEST(bodies_are_wrapped_at_64)
{
    ck_assert_int_eq(parse(VERSION "-> a\n\n" MAC), ERR_OK);
    ck_assert_int_eq(parse(VERSION "-> a\n" A64 "\n\n" MAC), ERR_OK);
    ck_assert_int_eq(parse(VERSION "-> a\n" A64 "\n" A64 "\nAA\n" MAC), ERR_OK);
    ck_assert_int_eq(parse(VERSION "-> a\n" A64 "\n" MAC), ERR_CORRUPT);
    ck_assert_int_eq(parse(VERSION "-> a\n" A64 "AAAA\n" MAC), ERR_CORRUPT);
    ck_assert_int_eq(parse(VERSION "-> a\nAAAA\nAAAA\n" MAC), ERR_CORRUPT);
    ck_assert_int_eq(parse(VERSION "-> a\n" MAC), ERR_CORRUPT);
}
END_TEST

START_TEST(base64_has_to_be_canonical)
{
    static const char *const bad[] = {
        VERSION "-> a\nQQ==\n" MAC,
        VERSION "-> a\nQR\n" MAC,   /* trailing bits */
        VERSION "-> a\nA\n" MAC,    /* impossible length */
        VERSION "-> a\nAA A\n" MAC, /* space */
        VERSION "-> a\nA-_A\n" MAC, /* the other alphabet */
        VERSION "-> a\nAAAA\r\n" MAC,
        VERSION X25519_STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNh\n",
        VERSION X25519_STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcN=\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(parse(bad[i]) == ERR_CORRUPT, "case %zu", i);
}
END_TEST

START_TEST(malformed_lines_are_refused)
{
    static const char *const bad[] = {
        "",
        "\n",
        "age-encryption.org/v1",
        VERSION,
        VERSION MAC, /* no stanza */
        VERSION X25519_STANZA,
        "age-encryption.org/v2\n" X25519_STANZA MAC,
        "age-encryption.org/v1 \n" X25519_STANZA MAC,
        "age-encryption.org/v1\r\n" X25519_STANZA MAC,
        "\n" SMALL,
        " " SMALL,
        VERSION "\n" X25519_STANZA MAC,
        VERSION "->\n\n" MAC,
        VERSION "-> \n\n" MAC,
        VERSION "->  a\n\n" MAC,
        VERSION "-> a \n\n" MAC,
        VERSION "-> a  b\n\n" MAC,
        VERSION "-> a\tb\n\n" MAC,
        VERSION "-> \xc3\xa9\n\n" MAC,
        VERSION "-> a\x7f\n\n" MAC,
        VERSION "--> a\n\n" MAC,
        VERSION X25519_STANZA "---WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n",
        VERSION X25519_STANZA "--- \n",
        VERSION X25519_STANZA "---\n",
        VERSION X25519_STANZA "--- WyJp\n",
        VERSION X25519_STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNgA\n",
        VERSION X25519_STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg \n",
        VERSION X25519_STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg",
        VERSION X25519_STANZA "----WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(parse(bad[i]) == ERR_CORRUPT, "case %zu", i);
    ck_assert_int_eq(parse(SMALL), ERR_OK);
}
END_TEST

START_TEST(every_beginning_of_a_header_is_refused)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    static const char text[] = SMALL;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *exact = malloc(len + 1); /* so that a step past the end is seen */

        memcpy(exact, text, len);
        exact = realloc(exact, len > 0 ? len : 1);
        ck_assert_int_eq(age_header_parse(exact, len, &h), ERR_CORRUPT);
        free(exact);
    }
}
END_TEST

START_TEST(a_nul_is_no_end)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    static const char inside[] = VERSION "-> a\0b\n\n" MAC;
    static const char version[] = "age-encryption.org/v1\0\n" X25519_STANZA MAC;

    ck_assert_int_eq(age_header_parse(inside, sizeof(inside) - 1, &h), ERR_CORRUPT);
    ck_assert_int_eq(age_header_parse(version, sizeof(version) - 1, &h), ERR_CORRUPT);
}
END_TEST

/* VERSION, then `n` times `piece`, then `tail`. */
static enum err parse_many(const char *piece, size_t n, const char *tail)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};

    buf_init(&text, (size_t)4 * AGE_HEADER_MAX);
    ck_assert_int_eq(buf_append_str(&text, VERSION), ERR_OK);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(buf_append_str(&text, piece), ERR_OK);
    ck_assert_int_eq(buf_append_str(&text, tail), ERR_OK);
    return age_header_parse(text.data, text.len, &h);
}

START_TEST(limits_hold)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};

    ck_assert_int_eq(parse_many("-> a\n\n", AGE_STANZAS_MAX, MAC), ERR_OK);
    ck_assert_int_eq(parse_many("-> a\n\n", AGE_STANZAS_MAX + 1, MAC), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CORRUPT), "too many stanzas"));
    ck_assert_int_eq(parse(VERSION "-> 1 2 3 4 5 6 7 8\n\n" MAC), ERR_OK);
    ck_assert_int_eq(parse(VERSION "-> 1 2 3 4 5 6 7 8 9\n\n" MAC), ERR_CORRUPT);
    buf_init(&text, AGE_HEADER_MAX);
    ck_assert_int_eq(buf_append_str(&text, "-> a\n"), ERR_OK);
    for (int i = 0; i < AGE_STANZA_BODY_MAX / 48; i++)
        ck_assert_int_eq(buf_append_str(&text, A64 "\n"), ERR_OK);
    ck_assert_int_eq(parse_many(buf_text(&text), 1, "AA\n" MAC), ERR_OK);
    ck_assert_int_eq(parse_many(buf_text(&text), 1, A64 "\n\n" MAC), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CORRUPT), "too long"));
    /* four such stanzas are longer than a header may be */
    ck_assert_int_eq(buf_append_str(&text, "\n"), ERR_OK);
    ck_assert_int_eq(parse_many(buf_text(&text), 2, MAC), ERR_OK);
    ck_assert_int_eq(parse_many(buf_text(&text), 4, MAC), ERR_CORRUPT);
}
END_TEST

START_TEST(clearing_twice_is_harmless)
{
    struct age_header h = {0};

    ck_assert_int_eq(age_header_parse(SMALL, strlen(SMALL), &h), ERR_OK);
    age_header_clear(&h);
    ck_assert_uint_eq(h.n_stanzas, 0);
    age_header_clear(&h);
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/age_stanza", a_header_is_taken_apart, bodies_are_wrapped_at_64,
                     base64_has_to_be_canonical, malformed_lines_are_refused,
                     every_beginning_of_a_header_is_refused, a_nul_is_no_end, limits_hold,
                     clearing_twice_is_harmless);
}
