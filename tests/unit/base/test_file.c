#include "gateway/base/file.h"
#include "tests/support/suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(files_are_made_once_and_read_whole)
{
    char folder[] = "/tmp/eg-file-XXXXXX", path[64];
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO_CLEAR(buf_clear) struct buf small = {0};
    struct stat st;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    ck_assert_int_eq(file_create(path, 0640, "hello", 5), ERR_OK);
    ck_assert_int_eq(file_create(path, 0640, "other", 5), ERR_EXISTS);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    buf_init(&text, 5);
    ck_assert_int_eq(file_read(path, &text), ERR_OK);
    ck_assert_str_eq(buf_text(&text), "hello");
    buf_init(&small, 4);
    ck_assert_int_eq(file_read(path, &small), ERR_TOO_LARGE);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(file_read(path, &small), ERR_NOT_FOUND);
    ck_assert_int_eq(symlink("elsewhere", path), 0);
    ck_assert_int_ne(file_create(path, 0640, "x", 1), ERR_OK);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

static size_t names_in(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n - 2; /* . and .. */
}

START_TEST(a_file_is_replaced_whole)
{
    char folder[] = "/tmp/eg-file-XXXXXX", path[64];
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    struct stat st;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    ck_assert_int_eq(file_replace(path, 0600, "first", 5), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(file_replace(path, 0640, "second", 6), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    buf_init(&text, 16);
    ck_assert_int_eq(file_read(path, &text), ERR_OK);
    ck_assert_str_eq(buf_text(&text), "second");
    ck_assert_uint_eq(names_in(folder), 1);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(file_folder_flush(path), ERR_OK);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(what_cannot_be_replaced_stays)
{
    char folder[] = "/tmp/eg-file-XXXXXX", path[64], missing[80], *longer;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/folder", folder);
    (void)snprintf(missing, sizeof(missing), "%s/none/file", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_ne(file_replace(path, 0600, "x", 1), ERR_OK);
    ck_assert_uint_eq(names_in(folder), 1); /* nothing is left beside it */
    ck_assert_int_eq(file_replace(missing, 0600, "x", 1), ERR_NOT_FOUND);
    ck_assert_int_eq(file_folder_flush(missing), ERR_NOT_FOUND);
    longer = malloc(5000);
    ck_assert_ptr_nonnull(longer);
    memset(longer, 'a', 4999);
    longer[4999] = 0;
    ck_assert_int_eq(file_replace(longer, 0600, "x", 1), ERR_INVALID);
    free(longer);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/file", files_are_made_once_and_read_whole, a_file_is_replaced_whole,
                     what_cannot_be_replaced_stays);
}
