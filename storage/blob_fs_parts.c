/* Parts: objects that are written over days, by one process after the other.
 *
 * Invariants
 * - A part is only ever appended to (O_APPEND), and only by who knows its exact size: a chunk
 * that was sealed is never written over.
 * - While it is published it has two names, parts/<id>.part and its object's. Its own goes
 * last, with the writer whose commit succeeded: until then every failure and every crash leaves
 * the part. A file with two names is never appended to.
 * - It is 0600 while it grows and 0400, like every object, once it is one; its time is then
 * that of its publishing, so that a sweep of orphans does not take it for an old one.
 */
#include "storage/blob_fs_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROWING_MODE = 0600, OBJECT_MODE = 0400 };

void blob_fs_part_name(const struct uuid *id, char out[PART_NAME_SIZE])
{
    uuid_format(id, out);
    memcpy(out + UUID_TEXT_SIZE - 1, ".part", sizeof(".part"));
}

/* Takes the descriptor over if it succeeds. */
static enum err part_writer(struct blob_store *store, const struct uuid *id, int fd,
                            uint64_t size, struct blob_writer **out)
{
    struct fs_writer *w;

    TRY(blob_fs_writer_new(store, id, &w));
    blob_fs_part_name(id, w->name);
    w->base.part = true;
    w->base.written = w->written_back = size;
    w->fd = fd;
    *out = &w->base;
    return ERR_OK;
}

enum err blob_fs_part_begin(struct blob_store *store, const struct uuid *id,
                            struct blob_writer **out)
{
    struct fs_store *s = fs_of(store);
    char name[PART_NAME_SIZE];
    AUTO_FD int fd = -1;
    enum err e;

    blob_fs_part_name(id, name);
    fd = openat(s->parts, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                GROWING_MODE);
    if (fd < 0)
        return err_errno("beginning a part");
    e = part_writer(store, id, fd, 0, out);
    if (e == ERR_OK)
        fd = -1; /* the writer's */
    else
        (void)unlinkat(s->parts, name, 0);
    return e;
}

enum err blob_fs_part_resume(struct blob_store *store, const struct uuid *id, uint64_t size,
                             struct blob_writer **out)
{
    char name[PART_NAME_SIZE];
    AUTO_FD int fd = -1;
    struct stat st;

    blob_fs_part_name(id, name);
    /* Not blocking: what stands there might be a pipe. */
    fd = openat(fs_of(store)->parts, name,
                O_WRONLY | O_APPEND | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return open_error("going on with a part");
    if (fstat(fd, &st) != 0)
        return err_errno("going on with a part");
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_CORRUPT, "a part: something foreign stands in the store");
    if (st.st_nlink != 1)
        return err_set(ERR_CORRUPT, "the part is published already");
    if ((uint64_t)st.st_size != size)
        return err_set(ERR_CORRUPT, "the part is not as long as its record says");
    TRY(part_writer(store, id, fd, size, out));
    fd = -1;
    return ERR_OK;
}

enum err blob_fs_part_open(struct blob_store *store, const struct uuid *id,
                           struct blob_reader **out)
{
    char name[PART_NAME_SIZE];

    blob_fs_part_name(id, name);
    return blob_fs_reader_new(
        store,
        openat(fs_of(store)->parts, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC), out);
}

enum err blob_fs_part_remove(struct blob_store *store, const struct uuid *id)
{
    struct fs_store *s = fs_of(store);
    char name[PART_NAME_SIZE];

    blob_fs_part_name(id, name);
    if (unlinkat(s->parts, name, 0) != 0)
        return err_errno("removing a part");
    return blob_fs_fsync(s->parts, "syncing the folder of parts");
}

/* Also by a writer that found the part: the one that made it may have died before. */
enum err blob_fs_part_flush(struct fs_store *s, struct fs_writer *w)
{
    if (w->name_durable)
        return ERR_OK;
    TRY(blob_fs_fsync(s->parts, "syncing the folder of parts"));
    w->name_durable = true;
    return ERR_OK;
}

int blob_fs_part_link(struct fs_store *s, struct fs_writer *w, const char *name)
{
    int why;

    if (futimens(w->fd, NULL) != 0 || fchmod(w->fd, OBJECT_MODE) != 0)
        return -1;
    if (linkat(s->parts, w->name, w->folder->fd, name, 0) == 0)
        return 0;
    why = errno;
    (void)fchmod(w->fd, GROWING_MODE);
    errno = why;
    return -1;
}

/* `name`: the object's, where it was published. */
void blob_fs_part_unlink(struct fs_store *s, struct fs_writer *w, const char *name)
{
    if (!w->base.offered) {
        (void)unlinkat(s->parts, w->name, 0);
        return;
    }
    if (name)
        (void)unlinkat(w->folder->fd, name, 0); /* an orphan else, and collected as one */
    (void)fchmod(w->fd, GROWING_MODE);
}
