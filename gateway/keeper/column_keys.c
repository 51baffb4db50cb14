/* The files of the column master keys: column-<number>.key in the folder of the keys.
 *
 * Invariants: the highest number is the active one, so that a new key needs no other file to be
 * changed; numbers are never used twice while a higher one exists; files are made durable
 * before anybody seals with them. */
#include "gateway/keeper/service.h"

#include "gateway/base/encode.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "column-"
#define SUFFIX ".key"
_Static_assert((int)COLUMN_MASTER_SIZE == (int)NOTE_KEY_SIZE, "one size of key lines");

enum { KEY_LINE_SIZE = 45 }; /* base64 of 32 bytes, and the newline */

struct numbers {
    unsigned at[COLUMN_KEYS_MAX];
    size_t n;
};

static void dir_close(DIR *dir)
{
    (void)closedir(dir);
}
DEFINE_AUTO(DIR, dir_close);

static enum err path_of(const char *folder, unsigned number, char out[KEEPER_PATH_MAX])
{
    int n = snprintf(out, KEEPER_PATH_MAX, "%s/" PREFIX "%u" SUFFIX, folder, number);

    if (n < 0 || n >= KEEPER_PATH_MAX)
        return err_set(ERR_INVALID, "a key file's path is too long");
    return ERR_OK;
}

/* 0: it is not one of ours. */
static unsigned number_of(const char *name)
{
    char again[sizeof(PREFIX) + sizeof(SUFFIX) + 16];
    unsigned long number;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return 0;
    number = strtoul(name + strlen(PREFIX), NULL, 10);
    if (number == 0 || number > KEEPER_COLUMN_KEY_NUMBER_MAX)
        return 0;
    (void)snprintf(again, sizeof(again), PREFIX "%lu" SUFFIX, number);
    return strcmp(name, again) == 0 ? (unsigned)number : 0;
}

static int compare(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;

    return left < right ? -1 : left > right;
}

static enum err numbers_list(const char *keys_dir, struct numbers *out)
{
    AUTO(dir_close) DIR *dir = opendir(keys_dir);
    struct dirent *entry;

    out->n = 0;
    if (dir == NULL)
        return err_errno("opening the folder of the column keys");
    while ((entry = readdir(dir)) != NULL) {
        unsigned number = number_of(entry->d_name);

        if (number == 0)
            continue;
        if (out->n == COLUMN_KEYS_MAX)
            return err_set(ERR_TOO_LARGE, "more than %d column keys", COLUMN_KEYS_MAX);
        out->at[out->n++] = number;
    }
    qsort(out->at, out->n, sizeof(out->at[0]), compare);
    return ERR_OK;
}

static enum err master_read(const char *keys_dir, unsigned number, struct secret **out)
{
    char path[KEEPER_PATH_MAX];

    TRY(path_of(keys_dir, number, path));
    return key_line_read(path, "column key", out);
}

enum err column_masters_load(const char *keys_dir, struct column_masters *out)
{
    AUTO(secret_free) struct secret *bytes = NULL;
    struct numbers found = {.n = 0};

    *out = (struct column_masters){.n = 0};
    if (*keys_dir != '\0')
        TRY(numbers_list(keys_dir, &found));
    if (found.n == 0)
        return ERR_OK;
    TRY(secret_new(found.n * COLUMN_MASTER_SIZE, &bytes));
    for (size_t i = 0; i < found.n; i++) {
        AUTO(secret_free) struct secret *master = NULL;

        TRY(master_read(keys_dir, found.at[i], &master));
        memcpy(bytes->bytes + i * COLUMN_MASTER_SIZE, master->bytes, COLUMN_MASTER_SIZE);
    }
    out->n = found.n;
    out->bytes = TAKE(bytes);
    return ERR_OK;
}

enum err keeper_column_key_create(const char *keys_dir, struct column_keys *keys)
{
    AUTO(secret_free) struct secret *master = NULL;
    struct numbers found = {.n = 0};
    char path[KEEPER_PATH_MAX];
    unsigned number;

    if (*keys_dir == '\0')
        return err_set(ERR_INVALID, "a column key wants a folder of keys");
    TRY(numbers_list(keys_dir, &found));
    number = found.n > 0 ? found.at[found.n - 1] + 1 : 1;
    if (found.n == COLUMN_KEYS_MAX || number > KEEPER_COLUMN_KEY_NUMBER_MAX)
        return err_set(ERR_TOO_LARGE,
                       "there are %d column keys: remove those that seal nothing",
                       COLUMN_KEYS_MAX);
    TRY(secret_new(COLUMN_MASTER_SIZE, &master));
    randombytes_buf(master->bytes, master->len);
    TRY(column_keys_add(keys, master->bytes, master->len));
    TRY(path_of(keys_dir, number, path));
    return key_line_write(path, master);
}

/* Overwritten before its name goes: where a file system writes in place, the key is gone. */
static enum err file_destroy(const char *path)
{
    uint8_t noise[KEY_LINE_SIZE];
    AUTO_FD int fd = -1;

    if (chmod(path, 0600) != 0)
        return err_errno(path);
    fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    randombytes_buf(noise, sizeof(noise));
    if (fd < 0 || pwrite(fd, noise, sizeof(noise), 0) != (ssize_t)sizeof(noise) ||
        fsync(fd) != 0)
        return err_errno(path);
    return unlink(path) == 0 ? ERR_OK : err_errno(path);
}

static enum err folder_sync(const char *keys_dir)
{
    AUTO_FD int fd = open(keys_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? ERR_OK : err_errno(keys_dir);
}

enum err keeper_column_key_remove(const char *keys_dir, const uint8_t id[COLUMN_ID_SIZE])
{
    struct numbers found = {.n = 0};

    TRY(numbers_list(keys_dir, &found));
    for (size_t i = 0; i < found.n; i++) {
        AUTO(secret_free) struct secret *master = NULL;
        uint8_t have[COLUMN_ID_SIZE];
        char path[KEEPER_PATH_MAX];

        TRY(master_read(keys_dir, found.at[i], &master));
        TRY(column_master_id(master->bytes, master->len, have));
        if (memcmp(have, id, sizeof(have)) != 0)
            continue;
        if (i == found.n - 1)
            return err_set(ERR_CONFLICT, "it is the active column key");
        TRY(path_of(keys_dir, found.at[i], path));
        TRY(file_destroy(path));
        return folder_sync(keys_dir);
    }
    return err_set(ERR_NOT_FOUND, "there is no such column key");
}
