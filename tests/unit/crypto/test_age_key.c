#include "crypto/age_key.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From the age specification (an identity and the recipient it gives). */
static const char spec_identity[] =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
static const char spec_recipient[] =
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

static enum err parse_identity(const char *text)
{
    AUTO(secret_free) struct secret *s = NULL;
    enum err e = age_identity_parse(text, strlen(text), &s);

    ck_assert((e == ERR_OK) == (s != NULL));
    return e;
}

START_TEST(the_specification_s_pair_fits)
{
    AUTO(secret_free) struct secret *s = NULL;
    struct age_recipient r;
    char recipient[AGE_RECIPIENT_TEXT_SIZE], identity[AGE_IDENTITY_TEXT_SIZE];

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(age_identity_parse(spec_identity, strlen(spec_identity), &s), ERR_OK);
    ck_assert_uint_eq(s->len, X25519_SIZE);
    for (size_t i = 0; i < s->len; i++)
        ck_assert_uint_eq(s->bytes[i], 0x42);
    ck_assert_int_eq(age_identity_recipient(s, &r), ERR_OK);
    age_recipient_format(&r, recipient);
    ck_assert_str_eq(recipient, spec_recipient);
    age_identity_format(s, identity);
    ck_assert_str_eq(identity, spec_identity);
}
END_TEST

START_TEST(generated_keys_go_round)
{
    AUTO(secret_free) struct secret *s = NULL;
    AUTO(secret_free) struct secret *other = NULL;
    struct age_recipient r, back, others;
    char text[AGE_RECIPIENT_TEXT_SIZE];

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(age_identity_generate(&s, &r), ERR_OK);
    ck_assert_int_eq(age_identity_generate(&other, &others), ERR_OK);
    ck_assert_mem_ne(r.point, others.point, X25519_SIZE);
    age_recipient_format(&r, text);
    ck_assert_int_eq(age_recipient_parse(text, &back), ERR_OK);
    ck_assert_mem_eq(r.point, back.point, X25519_SIZE);
}
END_TEST

START_TEST(malformed_identities_are_refused)
{
    static const char *const bad[] = {
        "",
        "AGE-SECRET-KEY-1",
        "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEZ",
        "AGE-SECRET-KEY-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAE",
        /* 32 bytes with a padding bit set, under a right checksum */
        "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC03N4SCN6",
        "AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG",
    };

    ck_assert_int_eq(crypto_init(), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(parse_identity(bad[i]) == ERR_INVALID, "case %zu", i);
        ck_assert_ptr_null(strstr(err_message(ERR_INVALID), "GFPYY")); /* a secret */
    }
    ck_assert_int_eq(
        parse_identity(
            "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWRYDWG"),
        ERR_OK);
}
END_TEST

START_TEST(malformed_recipients_are_refused)
{
    static const char *const bad[] = {
        "",
        "age1",
        "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwJ",
        " age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        "bge1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
    };
    struct age_recipient r;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(age_recipient_parse(bad[i], &r) == ERR_INVALID, "case %zu", i);
    ck_assert_int_eq(age_recipient_parse(spec_recipient, &r), ERR_OK);
}
END_TEST

START_TEST(recipients_of_low_order_are_refused)
{
    static const char *const low[] = {
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z", /* 0 */
        "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya", /* 1 */
        "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8", /* order 8 */
        "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9", /* order 8 */
        "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m", /* p - 1 */
        "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy", /* p, that is 0 */
        "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv", /* p + 1 */
    };
    struct age_recipient r;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(low); i++) {
        ck_assert_int_eq(age_recipient_parse(low[i], &r), ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "low order"));
    }
}
END_TEST

START_TEST(a_key_id_names_the_recipient)
{
    struct age_recipient r = {{0}};
    char id[KEY_ID_SIZE];

    service_key_id(&r, id); /* SHA-256 of 32 zero bytes begins 66687aad f862bd77 */
    ck_assert_str_eq(id, "66687aadf862bd77");
    r.point[31] = 1;
    service_key_id(&r, id);
    ck_assert_str_ne(id, "66687aadf862bd77");
}
END_TEST

static char folder[64], path[128];

static void in_folder(void)
{
    ck_assert_int_eq(crypto_init(), ERR_OK);
    (void)strcpy(folder, "/tmp/eg-age-key.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/identity", folder);
}

static void remove_folder(void)
{
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(an_identity_file_goes_round)
{
    AUTO(secret_free) struct secret *s = NULL;
    AUTO(secret_free) struct secret *back = NULL;
    AUTO(secret_free) struct secret *raw = NULL;
    struct age_recipient r;
    struct stat st;

    in_folder();
    ck_assert_int_eq(age_identity_generate(&s, &r), ERR_OK);
    ck_assert_int_eq(age_identity_file_write(path, s), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0400);
    ck_assert_int_eq(age_identity_file_write(path, s), ERR_EXISTS);
    ck_assert_int_eq(age_identity_file_read(path, &back), ERR_OK);
    ck_assert_mem_eq(s->bytes, back->bytes, X25519_SIZE);
    ck_assert_int_eq(secret_file_read(path, 4096, &raw), ERR_OK);
    ck_assert_mem_eq(raw->bytes, "# created: 20", 13);
    ck_assert_ptr_nonnull(memmem(raw->bytes, raw->len, "\n# public key: age1", 19));
    ck_assert_uint_eq(raw->bytes[raw->len - 1], '\n');
    remove_folder();
}
END_TEST

static enum err read_text(const char *text)
{
    AUTO(secret_free) struct secret *s = NULL;

    (void)unlink(path);
    ck_assert_int_eq(secret_file_write(path, text, strlen(text)), ERR_OK);
    return age_identity_file_read(path, &s);
}

#define ID "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"

START_TEST(identity_files_hold_one_identity)
{
    AUTO(secret_free) struct secret *s = NULL;

    in_folder();
    ck_assert_int_eq(read_text(ID), ERR_OK); /* no newline at the end */
    ck_assert_int_eq(read_text(ID "\n"), ERR_OK);
    ck_assert_int_eq(read_text("# one\n\n# two\n" ID "\n# three\n\n"), ERR_OK);
    ck_assert_int_eq(read_text(ID "\n" ID "\n"), ERR_INVALID);
    ck_assert_int_eq(read_text("# nothing\n"), ERR_INVALID);
    ck_assert_int_eq(read_text(" " ID "\n"), ERR_INVALID);
    ck_assert_int_eq(read_text(ID "\r\n"), ERR_INVALID);
    ck_assert_int_eq(
        read_text("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n"),
        ERR_INVALID);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(age_identity_file_read(path, &s), ERR_DENIED);
    remove_folder();
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/age_key", the_specification_s_pair_fits, generated_keys_go_round,
                     malformed_identities_are_refused, malformed_recipients_are_refused,
                     recipients_of_low_order_are_refused, a_key_id_names_the_recipient,
                     an_identity_file_goes_round, identity_files_hold_one_identity);
}
