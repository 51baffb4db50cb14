#include "crypto/secret.h"
#include "gateway/base/clock.h"
#include "gateway/keeper/keyring.h"
#include "tests/support/suite.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static void folder_make(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/eg-keyring-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/keyring.json", folder);
    ck_assert_int_eq(crypto_init(), ERR_OK);
}

static void folder_remove(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing was left beside the file */
}

static struct age_recipient recipient_new(void)
{
    AUTO(secret_free) struct secret *identity = NULL;
    struct age_recipient r;

    ck_assert_int_eq(age_identity_generate(&identity, &r), ERR_OK);
    return r;
}

static void key_add(struct keyring *k)
{
    struct keyring_key *key = &k->keys[k->n++];

    key->recipient = recipient_new();
    service_key_id(&key->recipient, key->id);
    key->created_at = clock_now();
}

static void file_write(const char *text)
{
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    ck_assert(fputs(text, out) >= 0);
    ck_assert_int_eq(fclose(out), 0);
}

START_TEST(what_is_written_reads_back)
{
    struct keyring k = {.n = 0}, back;
    struct stat st;

    folder_make();
    key_add(&k);
    key_add(&k);
    key_add(&k);
    k.keys[0].retired = true;
    k.active = 1;
    k.has_recovery = true;
    k.recovery = recipient_new();
    ck_assert_int_eq(keyring_write(path, &k), ERR_OK);
    ck_assert_int_eq(keyring_write(path, &k), ERR_OK); /* over the old one */
    ck_assert_int_eq(keyring_read(path, &back), ERR_OK);
    ck_assert_uint_eq(back.n, 3);
    ck_assert_uint_eq(back.active, 1);
    ck_assert(back.has_recovery);
    ck_assert_mem_eq(back.recovery.point, k.recovery.point, X25519_SIZE);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(back.keys[i].id, k.keys[i].id);
        ck_assert_mem_eq(back.keys[i].recipient.point, k.keys[i].recipient.point, X25519_SIZE);
        ck_assert_int_eq(back.keys[i].created_at, k.keys[i].created_at);
        ck_assert(back.keys[i].retired == (i == 0));
    }
    ck_assert_ptr_eq(keyring_find(&back, k.keys[2].id), &back.keys[2]);
    ck_assert_ptr_null(keyring_find(&back, "0000000000000000"));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0644);
    folder_remove();
}
END_TEST

START_TEST(a_full_ring_without_recovery_fits)
{
    struct keyring k = {.n = 0}, back;

    folder_make();
    while (k.n < KEYRING_MAX)
        key_add(&k);
    ck_assert_int_eq(keyring_write(path, &k), ERR_OK);
    ck_assert_int_eq(keyring_read(path, &back), ERR_OK);
    ck_assert_uint_eq(back.n, KEYRING_MAX);
    ck_assert(!back.has_recovery);
    folder_remove();
}
END_TEST

static void refused(const struct keyring *k, const char *says)
{
    ck_assert_int_eq(keyring_write(path, k), ERR_INVALID);
    ck_assert_msg(strstr(err_message(ERR_INVALID), says) != NULL, "%s",
                  err_message(ERR_INVALID));
    ck_assert_int_ne(access(path, F_OK), 0);
}

START_TEST(a_ring_that_cannot_be_is_not_written)
{
    struct keyring k = {.n = 0};

    folder_make();
    refused(&k, "there is no such key");
    key_add(&k);
    k.active = 1;
    refused(&k, "there is no such key");
    k.active = 0;
    k.keys[0].retired = true;
    refused(&k, "is retired");
    k.keys[0].retired = false;
    k.keys[1] = k.keys[0];
    k.n = 2;
    refused(&k, "keys[1]: it stands twice");
    k.n = 1;
    k.has_recovery = true;
    k.recovery = k.keys[0].recipient;
    refused(&k, "recovery recipient may not be");
    k.has_recovery = false;
    k.keys[0].id[0] = k.keys[0].id[0] == '0' ? '1' : '0';
    refused(&k, "not its recipient's");
    folder_remove();
}
END_TEST

START_TEST(foreign_files_are_refused)
{
    struct keyring k = {.n = 0}, back;
    char text[2048], recipient[AGE_RECIPIENT_TEXT_SIZE], *at;
    static const struct {
        const char *from, *to;
    } edits[] = {
        {"\"active\":", "\"inactive\":"},
        {"\"state\":\"loaded\"", "\"state\":\"lost\""},
        {"\"state\":\"loaded\"", "\"state\":\"retired\""},
        {"\"keys\":[", "\"colour\":1,\"keys\":["},
        {"\"created\":\"20", "\"created\":\"x0"},
        {"\"recipient\":\"age1", "\"recipient\":\"age2"},
        {"\"id\":\"", "\"id\":\"0"},
        {"}]}", "}]}x"},
    };

    folder_make();
    ck_assert_int_eq(keyring_read(path, &back), ERR_NOT_FOUND);
    key_add(&k);
    age_recipient_format(&k.keys[0].recipient, recipient);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        (void)snprintf(text, sizeof(text),
                       "{\"active\":\"%s\",\"keys\":[{\"id\":\"%s\",\"recipient\":\"%s\","
                       "\"state\":\"loaded\","
                       "\"created\":\"2026-11-22T05:00:00Z\"}]}",
                       k.keys[0].id, k.keys[0].id, recipient);
        file_write(text);
        ck_assert_int_eq(keyring_read(path, &back), ERR_OK);
        at = strstr(text, edits[i].from);
        ck_assert_ptr_nonnull(at);
        FILE *out = fopen(path, "w");
        (void)fprintf(out, "%.*s%s%s", (int)(at - text), text, edits[i].to,
                      at + strlen(edits[i].from));
        (void)fclose(out);
        ck_assert_msg(keyring_read(path, &back) == ERR_INVALID, "accepted: %s", edits[i].to);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "keyring.json"));
    }
    file_write("");
    ck_assert_int_eq(keyring_read(path, &back), ERR_INVALID);
    ck_assert_int_eq(keyring_read(folder, &back), ERR_INVALID);
    folder_remove();
}
END_TEST

START_TEST(a_file_beyond_the_limit_is_refused)
{
    struct keyring back;

    folder_make();
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 70000; i++)
        (void)fputc(' ', out);
    (void)fclose(out);
    ck_assert_int_eq(keyring_read(path, &back), ERR_INVALID);
    folder_remove();
}
END_TEST

START_TEST(where_it_cannot_be_written_nothing_is)
{
    struct keyring k = {.n = 0};

    folder_make();
    key_add(&k);
    ck_assert_int_eq(keyring_write("/nowhere/at/all/keyring.json", &k), ERR_NOT_FOUND);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* a folder in its place: the rename fails */
    ck_assert_int_ne(keyring_write(path, &k), ERR_OK);
    ck_assert_int_eq(rmdir(path), 0);
    folder_remove();
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/keyring", what_is_written_reads_back,
                     a_full_ring_without_recovery_fits, a_ring_that_cannot_be_is_not_written,
                     foreign_files_are_refused, a_file_beyond_the_limit_is_refused,
                     where_it_cannot_be_written_nothing_is);
}
