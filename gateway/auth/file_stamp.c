/* Reading files that are replaced while we run.
 *
 * Invariant: the stamp is taken from the descriptor before its bytes are read, so that a change
 * in between shows at the next look. A failure forgets the stamp. */
#include "gateway/auth/file_stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_PIECE = 4096 };

static struct file_stamp stamp_of(const struct stat *st)
{
    return (struct file_stamp){.known = true,
                               .device = st->st_dev,
                               .inode = st->st_ino,
                               .size = st->st_size,
                               .modified = st->st_mtim,
                               .changed = st->st_ctim};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->known && b->known && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && same_time(&a->modified, &b->modified) &&
           same_time(&a->changed, &b->changed);
}

static MUST_USE enum err read_all(int fd, struct buf *out)
{
    uint8_t piece[READ_PIECE];

    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n == 0)
            return ERR_OK;
        if (n > 0)
            TRY(buf_append(out, piece, (size_t)n));
        else if (errno != EINTR)
            return err_errno("read");
    }
}

enum err file_read_if_changed(const char *path, struct file_stamp *stamp, bool *changed,
                              struct buf *out)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct file_stamp before = *stamp, now;
    struct stat st;

    stamp->known = false;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(path);
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_INVALID, "%s: not a regular file", path);
    now = stamp_of(&st);
    *changed = !same(&before, &now);
    if (*changed)
        TRY(read_all(fd, out));
    *stamp = now;
    return ERR_OK;
}
