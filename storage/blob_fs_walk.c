/* Walks over a file-system store: all its objects, its parts, and the leftovers of the dead.
 *
 * Invariants: only what blob_open would find under its name is an object; anything else that
 * somebody put there is passed by, and no link is followed. The sweep takes only what it can
 * lock.
 */
#include "storage/blob_fs_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    struct fs_store *s;
    blob_each_fn fn;
    void *ctx;
    char folder[FOLDER_NAME_SIZE]; /* the one being walked */
};

static void dir_close(DIR *d)
{
    (void)closedir(d);
}
DEFINE_AUTO(DIR, dir_close);

/* Takes the descriptor over. NULL for what is no folder, or no longer there: a walk goes round
 * it. */
static enum err dir_of(int fd, DIR **out)
{
    *out = NULL;
    if (fd < 0)
        return errno == ELOOP || errno == ENOTDIR || errno == ENOENT
                   ? ERR_OK
                   : err_errno("walking the store");
    *out = fdopendir(fd);
    if (*out)
        return ERR_OK;
    fd_close_auto(&fd);
    return err_errno("walking the store");
}

/* The next name that is not hidden; NULL at the end, at once where there is no folder. */
static enum err dir_next(DIR *d, const char **name)
{
    struct dirent *entry;

    *name = NULL;
    if (!d)
        return ERR_OK;
    do {
        errno = 0;
        entry = readdir(d);
    } while (entry && entry->d_name[0] == '.');
    if (entry)
        *name = entry->d_name;
    return entry || errno == 0 ? ERR_OK : err_errno("walking the store");
}

static bool is_hex(const char *name, size_t len)
{
    return strlen(name) == len && strspn(name, "0123456789abcdef") == len;
}

/* Passes on a regular file. */
static enum err tell(blob_each_fn fn, void *ctx, const struct uuid *id, int folder,
                     const char *name)
{
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? ERR_OK : err_errno("walking the store");
    if (!S_ISREG(st.st_mode))
        return ERR_OK;
    return fn(ctx, id, (uint64_t)st.st_size,
              (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000);
}

static enum err visit(struct walk *walk, int folder, const char *name)
{
    char expected[FOLDER_NAME_SIZE];
    struct uuid id;

    if (!object_name_parse(name, &id))
        return ERR_OK;
    folder_name(&id, expected);
    if (strcmp(expected, walk->folder) != 0)
        return ERR_OK; /* nobody could open it there */
    return tell(walk->fn, walk->ctx, &id, folder, name);
}

static enum err walk_folder(struct walk *walk)
{
    AUTO(dir_close) DIR *d = NULL;
    const char *name;

    TRY(dir_of(open_beneath(walk->s->objects, walk->folder, O_RDONLY | O_DIRECTORY, 0,
                            &walk->s->folders.no_openat2),
               &d));
    for (;;) {
        TRY(dir_next(d, &name));
        if (!name)
            return ERR_OK;
        TRY(visit(walk, dirfd(d), name));
    }
}

static enum err walk_parent(struct walk *walk, const char *parent)
{
    AUTO(dir_close) DIR *d = NULL;
    const char *name;

    TRY(dir_of(open_beneath(walk->s->objects, parent, O_RDONLY | O_DIRECTORY, 0,
                            &walk->s->folders.no_openat2),
               &d));
    for (;;) {
        TRY(dir_next(d, &name));
        if (!name)
            return ERR_OK;
        if (!is_hex(name, 2))
            continue;
        (void)snprintf(walk->folder, sizeof(walk->folder), "%.6s/%.2s", parent, name);
        TRY(walk_folder(walk));
    }
}

enum err blob_fs_each(struct blob_store *store, blob_each_fn fn, void *ctx)
{
    struct fs_store *s = fs_of(store);
    struct walk walk = {.s = s, .fn = fn, .ctx = ctx};
    AUTO(dir_close) DIR *d = NULL;
    const char *name;

    TRY(dir_of(openat(s->objects, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &d));
    for (;;) {
        TRY(dir_next(d, &name));
        if (!name)
            return ERR_OK;
        if (is_hex(name, 6))
            TRY(walk_parent(&walk, name));
    }
}

static bool part_name_parse(const char *name, struct uuid *out)
{
    char text[PART_NAME_SIZE];

    if (strlen(name) != PART_NAME_SIZE - 1)
        return false;
    memcpy(text, name, UUID_TEXT_SIZE - 1);
    text[UUID_TEXT_SIZE - 1] = '\0';
    if (uuid_parse(text, out) != ERR_OK)
        return false;
    blob_fs_part_name(out, text); /* only the one spelling that we write */
    return strcmp(text, name) == 0;
}

enum err blob_fs_part_each(struct blob_store *store, blob_each_fn fn, void *ctx)
{
    struct fs_store *s = fs_of(store);
    AUTO(dir_close) DIR *d = NULL;
    const char *name;

    TRY(dir_of(openat(s->parts, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &d));
    for (;;) {
        struct uuid id;

        TRY(dir_next(d, &name));
        if (!name)
            return ERR_OK;
        if (part_name_parse(name, &id))
            TRY(tell(fn, ctx, &id, dirfd(d), name));
    }
}

enum err blob_fs_sweep(struct fs_store *s)
{
    AUTO(dir_close) DIR *d = NULL;
    const char *name;

    TRY(dir_of(openat(s->partial, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &d));
    for (;;) {
        AUTO_FD int fd = -1;

        TRY(dir_next(d, &name));
        if (!name)
            return ERR_OK;
        fd = openat(s->partial, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
            continue;
        if (fd >= 0 || errno == ELOOP)
            (void)unlinkat(s->partial, name, 0);
    }
}
