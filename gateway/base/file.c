/* Whole small files.
 *
 * Invariant: a file that appears under its name is complete and durable; what could not be
 * finished is removed again. */
#include "gateway/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096 };

enum err file_read(const char *path, struct buf *out)
{
    bool standard = strcmp(path, "-") == 0;
    AUTO_FD int opened = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int fd = standard ? STDIN_FILENO : opened;
    uint8_t piece[4096];

    if (fd < 0)
        return err_errno(path);
    for (;;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(path);
        if (got == 0)
            return ERR_OK;
        if (buf_append(out, piece, (size_t)got) != ERR_OK)
            return err_set(ERR_TOO_LARGE, "%s: more than %zu bytes", path, out->max);
    }
}

static enum err write_all(int fd, const char *path, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_errno(path);
        data += put;
        len -= (size_t)put;
    }
    return ERR_OK;
}

enum err file_create(const char *path, mode_t mode, const void *data, size_t len)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    enum err e;

    if (fd < 0)
        return err_errno(path);
    e = write_all(fd, path, data, len);
    if (e == ERR_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        e = err_errno(path);
    if (e != ERR_OK)
        (void)unlink(path);
    return e;
}

/* --- replacing -----------------------------------------------------------------------------
 */
enum err file_folder_flush(const char *path)
{
    AUTO_FREE char *copy = strdup(path);

    if (!copy)
        return err_set(ERR_NOMEM, "the folder of %s", path);
    AUTO_FD int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(path);
    /* Some network file systems cannot, and are durable by their own rules. */
    return fsync(fd) == 0 || errno == EINVAL ? ERR_OK : err_errno(path);
}

static enum err fill(int fd, const char *path, mode_t mode, const void *data, size_t len)
{
    TRY(write_all(fd, path, data, len));
    return fchmod(fd, mode) == 0 && fsync(fd) == 0 ? ERR_OK : err_errno(path);
}

enum err file_replace(const char *path, mode_t mode, const void *data, size_t len)
{
    char beside[PATH_TEXT_MAX];
    int length = snprintf(beside, sizeof(beside), "%s.new", path);

    if (length < 0 || (size_t)length >= sizeof(beside))
        return err_set(ERR_INVALID, "a path of more than %d bytes", PATH_TEXT_MAX - 1);
    (void)unlink(beside); /* of a process that was killed at this */
    AUTO_FD int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(path);
    enum err e = fill(fd, path, mode, data, len);
    if (e == ERR_OK && rename(beside, path) != 0)
        e = err_errno(path);
    if (e == ERR_OK)
        return file_folder_flush(path);
    (void)unlink(beside);
    return e;
}
