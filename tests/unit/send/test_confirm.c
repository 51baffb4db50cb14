/* The receipt of docs/receipt.md, as an answer and as a file. */
#include "crypto/receipt_check.h"
#include "crypto/secret.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/send/confirm.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LETTER "This is a letter.\n"
#define ARTEFACT "0193d2a4-0000-7000-8000-000000000001"
#define CLAIM "0193d2a4-0000-7000-8000-000000000002"

static char folder[32], letter[64], stored[80], second[80];
static struct note_verifier key;
static char *receipt;
static struct confirmation what;
static struct result result;

static char *block(const char *page, const char *kind)
{
    char fence[32];

    (void)snprintf(fence, sizeof(fence), "```%s\n", kind);
    const char *start = strstr(page, fence);
    ck_assert_ptr_nonnull(start);
    start += strlen(fence);
    return strndup(start, (size_t)(strstr(start, "```") - start));
}

static void begin(void)
{
    AUTO_CLEAR(buf_clear) struct buf page;

    buf_init(&page, 1 << 16);
    ck_assert_int_eq(file_read(TEST_SOURCE_DIR "/docs/receipt.md", &page), ERR_OK);
    AUTO_FREE char *vkey = block(buf_text(&page), "vkey");
    vkey[strcspn(vkey, "\n")] = '\0';
    ck_assert_int_eq(note_verifier_read(vkey, &key), ERR_OK);
    receipt = block(buf_text(&page), "tlog-proof");
    (void)snprintf(folder, sizeof(folder), "/tmp/eg-confirm-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(letter, sizeof(letter), "%s/letter", folder);
    (void)snprintf(stored, sizeof(stored), "%s.receipt", letter);
    (void)snprintf(second, sizeof(second), "%s.receipt.2", letter);
    ck_assert_int_eq(file_create(letter, 0600, LETTER, strlen(LETTER)), ERR_OK);
    what = (struct confirmation){
        .path = letter, .key = &key, .claim = CLAIM, .kind = "further_evidence"};
    result = (struct result){.size = strlen(LETTER), .has_digest = true};
    ck_assert_int_eq(sha256_once(LETTER, strlen(LETTER), result.sha256), ERR_OK);
}

static void end(void)
{
    free(receipt);
    (void)unlink(letter);
    (void)unlink(stored);
    (void)unlink(second);
    ck_assert_int_eq(rmdir(folder), 0);
}

static enum err answer(const char *artefact, const char *text)
{
    AUTO(json_free) json_t *root = json_object();
    AUTO_FREE char *body = NULL;
    json_t *of = json_object();
    size_t len = 0;

    json_put_text_if(of, "id", artefact);
    json_put(root, "artefact", of);
    json_put_text_if(root, "receipt", text);
    ck_assert_int_eq(json_text(root, &body, &len), ERR_OK);
    return confirm(&what, body, len, &result);
}

START_TEST(a_good_receipt_is_stored)
{
    struct stat st;
    AUTO_CLEAR(buf_clear) struct buf there;

    begin();
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_OK);
    ck_assert(result.verified);
    ck_assert_str_eq(result.artefact, ARTEFACT);
    ck_assert_str_eq(result.receipt, stored);
    ck_assert_int_eq(stat(stored, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    buf_init(&there, RECEIPT_MAX);
    ck_assert_int_eq(file_read(stored, &there), ERR_OK);
    ck_assert_str_eq(buf_text(&there), receipt);
    end();
}
END_TEST

START_TEST(without_a_key_it_is_stored_and_not_called_verified)
{
    begin();
    what.key = NULL;
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_OK);
    ck_assert(!result.verified);
    result.sha256[0] ^= 1; /* what can be seen without a key is looked at */
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_CRYPTO);
    end();
}
END_TEST

START_TEST(nothing_bad_is_stored)
{
    begin();
    ck_assert_int_eq(confirm(&what, "", 0, &result), ERR_NOT_FOUND);
    ck_assert_int_eq(answer("", receipt), ERR_NOT_FOUND);
    ck_assert_int_eq(answer(ARTEFACT, ""), ERR_NOT_FOUND);
    ck_assert_int_eq(answer("../../letter", receipt), ERR_CRYPTO);
    ck_assert_int_eq(answer(CLAIM, receipt), ERR_CRYPTO); /* of another artefact */
    ck_assert_int_eq(answer(ARTEFACT, "{}"), ERR_CRYPTO);
    key.public_key[0] ^= 1;
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_CRYPTO);
    key.public_key[0] ^= 1;
    result.sha256[31] ^= 1;
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_CRYPTO);
    result.sha256[31] ^= 1;
    for (size_t at = 0, len = strlen(receipt); at < len; at += 7) {
        char was = receipt[at];
        if ((unsigned char)was >= 0x80)
            continue; /* half of a dash is no JSON */
        receipt[at] = was == 'A' ? 'B' : 'A';
        ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_CRYPTO);
        receipt[at] = was;
    }
    ck_assert_int_ne(access(stored, F_OK), 0);
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_OK);
    end();
}
END_TEST

START_TEST(a_receipt_that_is_there_stays)
{
    begin();
    ck_assert_int_eq(file_create(stored, 0600, "another\n", 8), ERR_OK);
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_OK);
    ck_assert_str_eq(result.receipt, second);
    ck_assert_int_eq(answer(ARTEFACT, receipt), ERR_OK); /* the same again: not a third */
    ck_assert_str_eq(result.receipt, second);
    end();
}
END_TEST

START_TEST(a_receipt_of_another_claim_does_not_spare_the_upload)
{
    AUTO_CLEAR(source_close) struct source s;

    begin();
    ck_assert_int_eq(source_open(letter, &s), ERR_OK);
    ck_assert_int_eq(confirm_earlier(&what, &s, &result), ERR_NOT_FOUND);
    /* It verifies and is of these bytes, but its entry names neither claim nor kind. */
    ck_assert_int_eq(file_create(stored, 0600, receipt, strlen(receipt)), ERR_OK);
    ck_assert_int_eq(confirm_earlier(&what, &s, &result), ERR_NOT_FOUND);
    ck_assert(!result.already);
    end();
}
END_TEST

START_TEST(without_a_key_no_receipt_spares_the_upload)
{
    AUTO_CLEAR(source_close) struct source s;

    begin();
    what.key = NULL;
    ck_assert_int_eq(source_open(letter, &s), ERR_OK);
    ck_assert_int_eq(confirm_earlier(&what, &s, &result), ERR_NOT_FOUND);
    ck_assert_int_eq(file_create(stored, 0600, receipt, strlen(receipt)), ERR_OK);
    ck_assert_int_eq(confirm_earlier(&what, &s, &result), ERR_CRYPTO);
    ck_assert_str_eq(err_message(ERR_CRYPTO),
                     "a receipt is there, not verified: give --log-key");
    ck_assert(!result.already);
    end();
}
END_TEST

int main(void)
{
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("send/confirm", a_good_receipt_is_stored,
                     without_a_key_it_is_stored_and_not_called_verified, nothing_bad_is_stored,
                     a_receipt_that_is_there_stays,
                     a_receipt_of_another_claim_does_not_spare_the_upload,
                     without_a_key_no_receipt_spares_the_upload);
}
