/* Receipts as people hold them: the worked example of docs/receipt.md. */
#include "crypto/receipt_check.h"
#include "gateway/base/file.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct buf page; /* docs/receipt.md */

/* The fenced block of this kind, without its fences. */
static char *block(const char *kind)
{
    char fence[32];
    const char *start, *end;

    if (page.len == 0) {
        buf_init(&page, 1 << 16);
        ck_assert_int_eq(file_read(TEST_SOURCE_DIR "/docs/receipt.md", &page), ERR_OK);
    }
    (void)snprintf(fence, sizeof(fence), "```%s\n", kind);
    start = strstr(buf_text(&page), fence);
    ck_assert_ptr_nonnull(start);
    start += strlen(fence);
    end = strstr(start, "```");
    ck_assert_ptr_nonnull(end);
    return strndup(start, (size_t)(end - start));
}

static struct note_verifier example_key(void)
{
    AUTO_FREE char *text = block("vkey");
    struct note_verifier key;

    text[strcspn(text, "\n")] = '\0';
    ck_assert_int_eq(note_verifier_read(text, &key), ERR_OK);
    return key;
}

START_TEST(a_key_is_a_text_or_a_file)
{
    AUTO_FREE char *text = block("vkey");
    char path[] = "/tmp/eg-vkey-XXXXXX";
    struct note_verifier key = example_key(), read;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    ck_assert_int_eq(note_verifier_read(path, &read), ERR_OK);
    ck_assert_uint_eq(read.key_id, key.key_id);
    ck_assert_int_eq(truncate(path, 10), 0);
    ck_assert_int_eq(note_verifier_read(path, &read), ERR_INVALID);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(note_verifier_read(path, &read), ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_receipt_is_checked_as_it_was_saved)
{
    struct note_verifier key = example_key();
    AUTO_FREE char *text = block("tlog-proof");
    AUTO_CLEAR(buf_clear) struct buf longer = {0};
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};

    ck_assert_int_eq(receipt_check(text, strlen(text), &key, &r), ERR_OK);
    ck_assert_uint_eq(r.index, 1);
    receipt_clear(&r);
    buf_init(&longer, RECEIPT_MAX);
    ck_assert_int_eq(buf_printf(&longer, "%s\n\n", text), ERR_OK);
    ck_assert_int_eq(receipt_check(buf_text(&longer), longer.len, &key, &r), ERR_OK);
}
END_TEST

START_TEST(what_is_no_receipt_is_a_failed_check)
{
    struct note_verifier key = example_key(), other = key;
    AUTO_FREE char *text = block("tlog-proof");
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};
    char *at = strstr(text, "arPoDc");

    ck_assert_int_eq(receipt_check("", 0, &key, &r), ERR_CRYPTO);
    ck_assert_int_eq(receipt_check("{}\n", 3, NULL, &r), ERR_CRYPTO);
    ck_assert_int_eq(receipt_check(text, strlen(text) - 1, &key, &r), ERR_CRYPTO);
    other.public_key[0] ^= 1;
    ck_assert_int_eq(receipt_check(text, strlen(text), &other, &r), ERR_CRYPTO);
    receipt_clear(&r);
    ck_assert_ptr_nonnull(at);
    *at = 'b'; /* a hash of the proof */
    ck_assert_int_eq(receipt_check(text, strlen(text), &key, &r), ERR_CRYPTO);
    receipt_clear(&r);
    /* Without a key nothing is verified: it still has to be a receipt. */
    ck_assert_int_eq(receipt_check(text, strlen(text), NULL, &r), ERR_OK);
}
END_TEST

START_TEST(a_receipt_is_of_one_file)
{
    AUTO_FREE char *text = block("json");
    AUTO(json_free) json_t *details = NULL;
    AUTO(json_free) json_t *none = json_object();
    uint8_t digest[SHA256_SIZE];

    ck_assert_int_eq(json_parse(text, strlen(text), &details), ERR_OK);
    ck_assert_int_eq(sha256_once("This is a letter.\n", 18, digest), ERR_OK);
    ck_assert_int_eq(receipt_check_digest(details, digest), ERR_OK);
    ck_assert_int_eq(receipt_check_digest(none, digest), ERR_CRYPTO);
    digest[31] ^= 1;
    ck_assert_int_eq(receipt_check_digest(details, digest), ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "not the one that was received"));
}
END_TEST

int main(void)
{
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("crypto/receipt_check", a_key_is_a_text_or_a_file,
                     a_receipt_is_checked_as_it_was_saved, what_is_no_receipt_is_a_failed_check,
                     a_receipt_is_of_one_file);
}
