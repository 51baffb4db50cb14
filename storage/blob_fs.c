/* The embedded blob store: one file an object, in folders by time (storage/blob_folder.h).
 *
 * Invariants
 * - A name under objects/ stands for a whole, flushed object: it is made by linkat or by a
 *   rename that replaces nothing.
 * - An unfinished object is an O_TMPFILE without a name or, where there is no O_TMPFILE, a
 *   locked file in partial/. The lock tells a live writer (of any process) from a leftover: the
 *   sweep takes only what it can lock. A part (storage/blob_fs_parts.c) has a name from the
 * start, and is no leftover.
 * - fsync is called once for each thing; a failure is ERR_IO whatever errno says, and never
 *   retried.
 */
#include "storage/blob.h"

#include "storage/blob_fs.h"
#include "storage/blob_fs_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    WRITE_BACK_BYTES = 8 << 20, /* how much is written before a write-back is started */
    PARTIAL_TRIES = 8,
};

struct fs_reader {
    struct blob_reader base;
    int fd;
};

/* --- writing ------------------------------------------------------------------------------ */
static int open_tmpfile(struct fs_store *s)
{
    int fd;

    if (atomic_load_explicit(&s->no_tmpfile, memory_order_relaxed))
        return -1;
    fd = openat(s->partial, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        atomic_store_explicit(&s->no_tmpfile, true, memory_order_relaxed);
    return fd;
}

/* A named file in partial/, locked. One that a sweep took between its creation and its lock has
 * no name left: once more. */
static enum err open_partial(struct fs_store *s, char name[PART_NAME_SIZE], int *out)
{
    for (unsigned i = 0; i < PARTIAL_TRIES; i++) {
        struct uuid random = uuid_new();
        AUTO_FD int fd = -1;
        struct stat st;

        blob_fs_part_name(&random, name);
        fd = openat(s->partial, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0400);
        if (fd < 0)
            return err_errno("beginning an object");
        if (flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0)
            return err_errno("locking an unfinished object");
        if (st.st_nlink > 0) {
            *out = fd;
            fd = -1;
            return ERR_OK;
        }
    }
    return err_set(ERR_BUSY, "the folder of unfinished objects is being swept");
}

static enum err open_unfinished(struct fs_store *s, struct fs_writer *w)
{
    w->fd = open_tmpfile(s);
    if (w->fd >= 0)
        return ERR_OK;
    if (!atomic_load_explicit(&s->no_tmpfile, memory_order_relaxed))
        return err_errno("beginning an object");
    return open_partial(s, w->name, &w->fd);
}

enum err blob_fs_writer_new(struct blob_store *store, const struct uuid *id,
                            struct fs_writer **out)
{
    struct fs_writer *w = calloc(1, sizeof(*w));

    if (!w)
        return err_set(ERR_NOMEM, "out of memory for an object");
    w->base.store = store;
    w->base.id = *id;
    w->fd = -1;
    *out = w;
    return ERR_OK;
}

static enum err fs_begin(struct blob_store *store, const struct uuid *id,
                         struct blob_writer **out)
{
    struct fs_writer *w;
    enum err e;

    TRY(blob_fs_writer_new(store, id, &w));
    e = open_unfinished(fs_of(store), w);
    if (e != ERR_OK) {
        free(w);
        return e;
    }
    *out = &w->base;
    return ERR_OK;
}

static enum err write_error(void)
{
    /* Over the process's own limit of file size: no room, from where we stand. */
    return errno == EFBIG
               ? err_set(ERR_NO_SPACE, "writing an object: it is larger than a file may be")
               : err_errno("writing an object");
}

static enum err fs_append(struct blob_writer *base, const void *data, size_t len)
{
    struct fs_writer *w = writer_of(base);
    const uint8_t *at = data;
    uint64_t end = base->written + len;

    while (len > 0) {
        ssize_t n = write(w->fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_error();
        at += n;
        len -= (size_t)n;
    }
    if (end - w->written_back >= WRITE_BACK_BYTES) {
        /* A hint: where it is refused, the flush has more to do. */
        (void)sync_file_range(w->fd, (off64_t)w->written_back, (off64_t)(end - w->written_back),
                              SYNC_FILE_RANGE_WRITE);
        w->written_back = end;
    }
    return ERR_OK;
}

enum err blob_fs_fsync(int fd, const char *what)
{
    char text[128];

    if (fsync(fd) == 0)
        return ERR_OK;
    return err_set(ERR_IO, "%s: %s", what, strerror_r(errno, text, sizeof(text)));
}

static enum err fs_flush(struct blob_writer *w)
{
    TRY(blob_fs_fsync(writer_of(w)->fd, "flushing an object"));
    return w->part ? blob_fs_part_flush(fs_of(w->store), writer_of(w)) : ERR_OK;
}

/* --- publishing --------------------------------------------------------------------------- */
static int link_unnamed(const struct fs_writer *w, const char *name)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
    return linkat(AT_FDCWD, path, w->folder->fd, name, AT_SYMLINK_FOLLOW);
}

static int move_partial(struct fs_store *s, struct fs_writer *w, const char *name)
{
    if (!atomic_load_explicit(&s->no_noreplace, memory_order_relaxed)) {
        if (renameat2(s->partial, w->name, w->folder->fd, name, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EINVAL && errno != ENOSYS)
            return -1;
        atomic_store_explicit(&s->no_noreplace, true, memory_order_relaxed);
    }
    if (linkat(s->partial, w->name, w->folder->fd, name, 0) != 0)
        return -1;
    (void)unlinkat(s->partial, w->name, 0); /* else the next sweep does */
    return 0;
}

static int give_name(struct fs_store *s, struct fs_writer *w, const char *name)
{
    if (w->base.part)
        return blob_fs_part_link(s, w, name);
    return w->name[0] != '\0' ? move_partial(s, w, name) : link_unnamed(w, name);
}

static enum err fs_publish(struct blob_writer *base)
{
    struct fs_store *s = fs_of(base->store);
    struct fs_writer *w = writer_of(base);
    char folder[FOLDER_NAME_SIZE], name[OBJECT_NAME_SIZE];

    folder_name(&base->id, folder);
    object_name(&base->id, name);
    TRY(folder_get(&s->folders, folder, true, &w->folder));
    if (give_name(s, w, name) != 0)
        return err_errno("publishing an object");
    if (!base->part) {
        w->name[0] = '\0';
        fd_close_auto(&w->fd);
    }
    return ERR_OK;
}

static void fs_discard(struct blob_writer *base, bool published)
{
    struct fs_store *s = fs_of(base->store);
    struct fs_writer *w = writer_of(base);
    char name[OBJECT_NAME_SIZE];

    object_name(&base->id, name);
    if (base->part)
        blob_fs_part_unlink(s, w, published ? name : NULL);
    else if (published)
        (void)unlinkat(w->folder->fd, name, 0); /* an orphan else, and collected as one */
    else if (w->name[0] != '\0')
        (void)unlinkat(s->partial, w->name, 0);
    fd_close_auto(&w->fd);
}

static void fs_writer_free(struct blob_writer *base)
{
    struct fs_store *s = fs_of(base->store);
    struct fs_writer *w = writer_of(base);

    if (base->part && base->state == BLOB_PUBLISHED)
        (void)unlinkat(s->parts, w->name, 0); /* it is an object now, and nothing else */
    folder_put(&s->folders, w->folder);
    fd_close_auto(&w->fd);
    free(w);
}

static bool synced_before(struct blob_writer *const *w, size_t i)
{
    for (size_t k = i; k > 0; k--) { /* backwards: neighbours mostly share a folder */
        if (writer_of(w[k - 1])->folder == writer_of(w[i])->folder)
            return true;
    }
    return false;
}

static enum err fs_sync_folders(struct blob_store *s, struct blob_writer *const *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!synced_before(w, i))
            TRY(folder_sync(&fs_of(s)->folders, writer_of(w[i])->folder));
    }
    return ERR_OK;
}

/* --- reading ------------------------------------------------------------------------------ */
enum err blob_fs_reader_new(struct blob_store *store, int opened, struct blob_reader **out)
{
    AUTO_FD int fd = opened;
    struct fs_reader *r;
    struct stat st;

    if (fd < 0)
        return open_error("opening an object");
    if (fstat(fd, &st) != 0)
        return err_errno("opening an object");
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_CORRUPT, "opening an object: something foreign stands in the store");
    r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(ERR_NOMEM, "out of memory for an object");
    *r = (struct fs_reader){.base = {.store = store, .size = (uint64_t)st.st_size}, .fd = fd};
    fd = -1;
    *out = &r->base;
    return ERR_OK;
}

static enum err fs_open(struct blob_store *store, const struct uuid *id,
                        struct blob_reader **out)
{
    struct fs_store *s = fs_of(store);
    char path[OBJECT_PATH_SIZE];

    object_path(id, path);
    /* Not blocking: what stands there might be a pipe. */
    return blob_fs_reader_new(
        store, open_beneath(s->objects, path, O_RDONLY | O_NONBLOCK, 0, &s->folders.no_openat2),
        out);
}

static enum err fs_read(const struct blob_reader *base, uint64_t offset, void *out, size_t len)
{
    const struct fs_reader *r = (const struct fs_reader *)base;
    uint8_t *at = out;

    while (len > 0) {
        ssize_t n = pread(r->fd, at, len, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno("reading an object");
        if (n == 0)
            return err_set(ERR_CORRUPT, "an object was cut short");
        at += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

static void fs_reader_free(struct blob_reader *base)
{
    struct fs_reader *r = (struct fs_reader *)base;

    (void)close(r->fd);
    free(r);
}

static enum err fs_remove(struct blob_store *store, const struct uuid *id)
{
    struct fs_store *s = fs_of(store);
    char folder[FOLDER_NAME_SIZE], name[OBJECT_NAME_SIZE];
    struct folder *f;
    enum err e = ERR_OK;

    folder_name(id, folder);
    object_name(id, name);
    TRY(folder_get(&s->folders, folder, false, &f));
    if (unlinkat(f->fd, name, 0) != 0)
        e = err_errno("removing an object");
    else if (fsync(f->fd) != 0)
        e = err_errno("syncing a folder of the store");
    folder_put(&s->folders, f);
    return e;
}

/* --- the store ---------------------------------------------------------------------------- */
static enum err fs_space(struct blob_store *s, uint64_t *bytes_free, uint64_t *inodes_free)
{
    struct statvfs v;

    if (fstatvfs(fs_of(s)->root, &v) != 0)
        return err_errno("asking for free space");
    *bytes_free = (uint64_t)v.f_bavail * v.f_frsize;
    *inodes_free =
        v.f_files == 0 ? UINT64_MAX : v.f_favail; /* some file systems do not count them */
    return ERR_OK;
}

static void fs_free(struct blob_store *store)
{
    struct fs_store *s = fs_of(store);

    folder_cache_clear(&s->folders);
    fd_close_auto(&s->parts);
    fd_close_auto(&s->partial);
    fd_close_auto(&s->objects);
    fd_close_auto(&s->root);
    free(s);
}

static const struct blob_backend fs_backend = {
    .free = fs_free,
    .begin = fs_begin,
    .append = fs_append,
    .flush = fs_flush,
    .publish = fs_publish,
    .discard = fs_discard,
    .writer_free = fs_writer_free,
    .sync_folders = fs_sync_folders,
    .open = fs_open,
    .read = fs_read,
    .reader_free = fs_reader_free,
    .remove = fs_remove,
    .each = blob_fs_each,
    .part_begin = blob_fs_part_begin,
    .part_resume = blob_fs_part_resume,
    .part_open = blob_fs_part_open,
    .part_remove = blob_fs_part_remove,
    .part_each = blob_fs_part_each,
    .space = fs_space,
};

static enum err make_root(const char *root)
{
    if (mkdir(root, 0700) != 0 && errno != EEXIST)
        return err_errno("making the store's folder");
    return ERR_OK;
}

static enum err open_below_root(int root, const char *name, int *out)
{
    if (mkdirat(root, name, 0700) != 0 && errno != EEXIST)
        return err_errno("making the store's folders");
    *out = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *out >= 0 ? ERR_OK : open_error("opening the store's folders");
}

/* The store's own folders are durable before the first object is. */
static enum err sync_root(int root)
{
    AUTO_FD int parent = openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fsync(root) != 0)
        return err_errno("syncing the store's folder");
    /* Its parent may not be ours to open; then whoever made the folder has seen to it. */
    if (parent >= 0 && fsync(parent) != 0)
        return err_errno("syncing the store's folder");
    return ERR_OK;
}

static enum err open_store(const char *root, struct fs_store *s)
{
    TRY(make_root(root));
    s->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0)
        return err_errno("opening the store's folder");
    TRY(open_below_root(s->root, "objects", &s->objects));
    TRY(open_below_root(s->root, "partial", &s->partial));
    TRY(open_below_root(s->root, "parts", &s->parts));
    TRY(sync_root(s->root));
    s->folders.objects = s->objects;
    if (access("/proc/self/fd", X_OK) != 0)
        atomic_store(&s->no_tmpfile, true); /* it could never be given a name */
    return blob_fs_sweep(s);
}

enum err blob_store_open_fs(const char *root, struct blob_store **out)
{
    struct fs_store *s = calloc(1, sizeof(*s));
    enum err e;

    if (!s)
        return err_set(ERR_NOMEM, "out of memory for the store");
    s->base.backend = &fs_backend;
    s->root = s->objects = s->partial = s->parts = -1;
    folder_cache_init(&s->folders, -1);
    e = open_store(root, s);
    if (e != ERR_OK) {
        fs_free(&s->base);
        return e;
    }
    *out = &s->base;
    return ERR_OK;
}

void blob_fs_pretend(struct blob_store *store, unsigned lacks)
{
    struct fs_store *s = fs_of(store);

    atomic_store(&s->no_tmpfile, (lacks & BLOB_FS_NO_TMPFILE) != 0);
    atomic_store(&s->folders.no_openat2, (lacks & BLOB_FS_NO_OPENAT2) != 0);
    atomic_store(&s->no_noreplace, (lacks & BLOB_FS_NO_NOREPLACE) != 0);
}
