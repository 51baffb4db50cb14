/* Sealing and opening; the parser's strictness is in test_age_stanza.c, the format's vectors in
 * the integration test against the age program. */
#include "crypto/age_header.h"

#include "gateway/base/encode.h"
#include "tests/support/suite.h"

#include <string.h>

static const uint8_t file_key[AGE_FILE_KEY_SIZE] = "YELLOW SUBMARIN";
static const uint8_t no_key[AGE_FILE_KEY_SIZE];

struct fixture {
    struct secret *service, *recovery, *stranger;
    struct age_recipient service_point, recovery_point, stranger_point;
    struct uuid artefact;
    struct buf text;
};

static void setup(struct fixture *f)
{
    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(age_identity_generate(&f->service, &f->service_point), ERR_OK);
    ck_assert_int_eq(age_identity_generate(&f->recovery, &f->recovery_point), ERR_OK);
    ck_assert_int_eq(age_identity_generate(&f->stranger, &f->stranger_point), ERR_OK);
    f->artefact = uuid_new();
    buf_init(&f->text, AGE_HEADER_MAX);
    ck_assert_int_eq(age_header_seal(file_key, &f->artefact, &f->service_point,
                                     &f->recovery_point, &f->text),
                     ERR_OK);
}

static void fixture_clear(struct fixture *f)
{
    secret_free(f->service);
    secret_free(f->recovery);
    secret_free(f->stranger);
    buf_clear(&f->text);
}
DEFINE_AUTO_CLEAR(struct fixture, fixture_clear);

static enum err open_service(const void *text, size_t len, const struct uuid *artefact,
                             const struct secret *identity, uint8_t out[AGE_FILE_KEY_SIZE])
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};

    memset(out, 0xaa, AGE_FILE_KEY_SIZE);
    TRY(age_header_parse(text, len, &h));
    return age_header_open_service(&h, artefact, identity, out);
}

static enum err open_plain(const void *text, size_t len, const struct secret *identity,
                           uint8_t out[AGE_FILE_KEY_SIZE])
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};

    memset(out, 0xaa, AGE_FILE_KEY_SIZE);
    TRY(age_header_parse(text, len, &h));
    return age_header_open_plain(&h, identity, out);
}

START_TEST(both_keys_open)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    uint8_t out[AGE_FILE_KEY_SIZE];
    char id[KEY_ID_SIZE], named[KEY_ID_SIZE];

    setup(&f);
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.service, out),
                     ERR_OK);
    ck_assert_mem_eq(out, file_key, sizeof(out));
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.recovery, out), ERR_OK);
    ck_assert_mem_eq(out, file_key, sizeof(out));
    ck_assert_int_eq(age_header_parse(f.text.data, f.text.len, &h), ERR_OK);
    ck_assert_uint_eq(h.n_stanzas, 2);
    ck_assert_uint_eq(h.header_len, f.text.len);
    ck_assert_int_eq(age_header_key_id(&h, named), ERR_OK);
    service_key_id(&f.service_point, id);
    ck_assert_str_eq(named, id);
}
END_TEST

START_TEST(recovery_is_optional)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    uint8_t out[AGE_FILE_KEY_SIZE];

    setup(&f);
    buf_reset(&f.text);
    ck_assert_int_eq(age_header_seal(file_key, &f.artefact, &f.service_point, NULL, &f.text),
                     ERR_OK);
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.service, out),
                     ERR_OK);
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.recovery, out), ERR_NOT_FOUND);
    ck_assert_mem_eq(out, no_key, sizeof(out));
}
END_TEST

START_TEST(a_plain_header_is_for_one)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    uint8_t out[AGE_FILE_KEY_SIZE];
    char named[KEY_ID_SIZE];

    setup(&f);
    buf_reset(&f.text);
    ck_assert_int_eq(age_header_seal_plain(file_key, &f.stranger_point, &f.text), ERR_OK);
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.stranger, out), ERR_OK);
    ck_assert_mem_eq(out, file_key, sizeof(out));
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.recovery, out), ERR_NOT_FOUND);
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.service, out),
                     ERR_NOT_FOUND);
    ck_assert_int_eq(age_header_parse(f.text.data, f.text.len, &h), ERR_OK);
    ck_assert_int_eq(age_header_key_id(&h, named), ERR_NOT_FOUND);
}
END_TEST

START_TEST(two_headers_of_one_key_have_nothing_in_common)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    AUTO_CLEAR(buf_clear) struct buf again = {0};
    AUTO_CLEAR(age_header_clear) struct age_header a = {0};
    AUTO_CLEAR(age_header_clear) struct age_header b = {0};

    setup(&f);
    buf_init(&again, AGE_HEADER_MAX);
    ck_assert_int_eq(
        age_header_seal(file_key, &f.artefact, &f.service_point, &f.recovery_point, &again),
        ERR_OK);
    ck_assert_int_eq(age_header_parse(f.text.data, f.text.len, &a), ERR_OK);
    ck_assert_int_eq(age_header_parse(again.data, again.len, &b), ERR_OK);
    ck_assert_str_ne(a.stanzas[0].args[2], b.stanzas[0].args[2]);
    ck_assert_str_ne(a.stanzas[1].args[1], b.stanzas[1].args[1]);
    ck_assert_str_ne(a.stanzas[0].args[2], a.stanzas[1].args[1]); /* one share a stanza */
    ck_assert_mem_ne(a.stanzas[0].body, b.stanzas[0].body, 32);
}
END_TEST

START_TEST(a_header_opens_for_its_artefact_only)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    struct uuid other = uuid_new();
    uint8_t out[AGE_FILE_KEY_SIZE];

    setup(&f);
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &other, f.service, out), ERR_CRYPTO);
    ck_assert_mem_eq(out, no_key, sizeof(out));
    other = f.artefact;
    other.bytes[15] ^= 1;
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &other, f.service, out), ERR_CRYPTO);
}
END_TEST

START_TEST(a_foreign_key_is_not_found)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    uint8_t out[AGE_FILE_KEY_SIZE];

    setup(&f);
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.stranger, out),
                     ERR_NOT_FOUND);
    ck_assert_mem_eq(out, no_key, sizeof(out));
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.stranger, out), ERR_NOT_FOUND);
    /* each stanza is for its own key */
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.recovery, out),
                     ERR_NOT_FOUND);
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.service, out), ERR_NOT_FOUND);
}
END_TEST

START_TEST(no_change_of_any_byte_opens)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    uint8_t out[AGE_FILE_KEY_SIZE];

    setup(&f);
    for (size_t i = 0; i < f.text.len; i++) {
        uint8_t kept = f.text.data[i];

        for (unsigned bit = 1; bit < 256; bit <<= 3) {
            f.text.data[i] = (uint8_t)(kept ^ bit);
            ck_assert_msg(open_service(f.text.data, f.text.len, &f.artefact, f.service, out) !=
                              ERR_OK,
                          "byte %zu", i);
            ck_assert_mem_ne(out, file_key, sizeof(out));
            ck_assert_msg(open_plain(f.text.data, f.text.len, f.recovery, out) != ERR_OK,
                          "byte %zu", i);
        }
        f.text.data[i] = kept;
    }
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.recovery, out), ERR_OK);
}
END_TEST

START_TEST(a_wrong_mac_gives_no_key)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    char mac[BASE64_SIZE(32)];
    uint8_t out[AGE_FILE_KEY_SIZE];

    setup(&f);
    (void)base64_encode(BASE64_STANDARD_UNPADDED, "thirty-two bytes, and not a MAC.", 32, mac);
    memcpy(f.text.data + f.text.len - 44, mac, 43);
    ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.service, out),
                     ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "MAC"));
    ck_assert_mem_eq(out, no_key, sizeof(out));
    ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.recovery, out), ERR_CRYPTO);
    ck_assert_mem_eq(out, no_key, sizeof(out));
}
END_TEST

/* The header with a stanza's share replaced. */
static void replace_share(struct fixture *f, const char *mark, const char *share)
{
    char *at = strstr((char *)f->text.data, mark);

    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(strlen(share), 43);
    memcpy(strchr(at, '\n') - 43, share, 43);
}

START_TEST(shares_of_low_order_are_refused)
{
    static const char *const low[] = {
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 0: the shared secret is all zero */
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc", /* order 8 */
    };
    uint8_t out[AGE_FILE_KEY_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(low); i++) {
        AUTO_CLEAR(fixture_clear) struct fixture f = {0};

        setup(&f);
        replace_share(&f, "-> " AGE_SERVICE_STANZA, low[i]);
        replace_share(&f, "-> X25519", low[i]);
        ck_assert_int_eq(open_service(f.text.data, f.text.len, &f.artefact, f.service, out),
                         ERR_CORRUPT);
        ck_assert_mem_eq(out, no_key, sizeof(out));
        ck_assert_int_eq(open_plain(f.text.data, f.text.len, f.recovery, out), ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_CORRUPT), "low order"));
    }
}
END_TEST

START_TEST(sealing_for_a_low_order_point_fails)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    struct age_recipient zero = {{0}};

    setup(&f);
    ck_assert_int_eq(age_header_seal(file_key, &f.artefact, &zero, &f.recovery_point, &f.text),
                     ERR_CRYPTO);
    ck_assert_int_eq(age_header_seal_plain(file_key, &zero, &f.text), ERR_CRYPTO);
}
END_TEST

START_TEST(a_header_has_to_fit_its_buffer)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};

    setup(&f);
    for (size_t max = 1; max < f.text.len; max += 7) {
        AUTO_CLEAR(buf_clear) struct buf small = {0};

        buf_init(&small, max);
        ck_assert_int_eq(
            age_header_seal(file_key, &f.artefact, &f.service_point, &f.recovery_point, &small),
            ERR_TOO_LARGE);
    }
}
END_TEST

/* What stands in the buffer before is no part of the header. */
START_TEST(a_header_is_appended)
{
    AUTO_CLEAR(fixture_clear) struct fixture f = {0};
    uint8_t out[AGE_FILE_KEY_SIZE];

    setup(&f);
    buf_reset(&f.text);
    ck_assert_int_eq(buf_append_str(&f.text, "before"), ERR_OK);
    ck_assert_int_eq(age_header_seal_plain(file_key, &f.recovery_point, &f.text), ERR_OK);
    ck_assert_int_eq(open_plain(f.text.data + 6, f.text.len - 6, f.recovery, out), ERR_OK);
    ck_assert_mem_eq(out, file_key, sizeof(out));
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/age_header", both_keys_open, recovery_is_optional,
                     a_plain_header_is_for_one, two_headers_of_one_key_have_nothing_in_common,
                     a_header_opens_for_its_artefact_only, a_foreign_key_is_not_found,
                     no_change_of_any_byte_opens, a_wrong_mac_gives_no_key,
                     shares_of_low_order_are_refused, sealing_for_a_low_order_point_fails,
                     a_header_has_to_fit_its_buffer, a_header_is_appended);
}
