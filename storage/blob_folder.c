/* Everything below a store's root is opened component by component, never through a symbolic
 * link: whoever can plant one in the store must not be able to point us elsewhere.
 *
 * Invariants
 * - A folder that is kept has one reference by the cache; it is closed when the last holder
 *   puts it back.
 * - `anchored` is set only after the folder's own name and its parent's name were synced by
 *   this process: a folder that was merely found may have been made by somebody who crashed
 *   before syncing.
 * - The lock is held for list work only, never while the disk is waited for.
 */
#include "storage/blob_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PARENT_NAME_LEN = 6 };

/* --- names -------------------------------------------------------------------------------- */
void folder_name(const struct uuid *id, char out[FOLDER_NAME_SIZE])
{
    (void)snprintf(out, FOLDER_NAME_SIZE, "%02x%02x%02x/%02x", id->bytes[0], id->bytes[1],
                   id->bytes[2], id->bytes[3]);
}

void object_name(const struct uuid *id, char out[OBJECT_NAME_SIZE])
{
    uuid_format(id, out);
    memcpy(out + UUID_TEXT_SIZE - 1, ".age", sizeof(".age"));
}

void object_path(const struct uuid *id, char out[OBJECT_PATH_SIZE])
{
    folder_name(id, out);
    out[FOLDER_NAME_SIZE - 1] = '/';
    object_name(id, out + FOLDER_NAME_SIZE);
}

bool object_name_parse(const char *name, struct uuid *out)
{
    char text[OBJECT_NAME_SIZE];

    if (strlen(name) != OBJECT_NAME_SIZE - 1)
        return false;
    memcpy(text, name, UUID_TEXT_SIZE - 1);
    text[UUID_TEXT_SIZE - 1] = '\0';
    if (uuid_parse(text, out) != ERR_OK)
        return false;
    object_name(out, text); /* only the one spelling that we write */
    return strcmp(text, name) == 0;
}

/* --- opening ------------------------------------------------------------------------------ */
static int walk_beneath(int at, const char *path, int flags, mode_t mode)
{
    AUTO_FD int held = -1;
    const char *slash;

    for (; (slash = strchr(path, '/')); path = slash + 1) {
        char name[OBJECT_NAME_SIZE];
        size_t len = (size_t)(slash - path);
        int next;

        assert(len > 0 && len < sizeof(name));
        memcpy(name, path, len);
        name[len] = '\0';
        next =
            openat(held >= 0 ? held : at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        fd_close_auto(&held);
        if (next < 0)
            return -1;
        held = next;
    }
    return openat(held >= 0 ? held : at, path, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

int open_beneath(int at, const char *path, int flags, mode_t mode, atomic_bool *no_openat2)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };

    if (!atomic_load_explicit(no_openat2, memory_order_relaxed)) {
        long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));

        if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN))
            return (int)fd;
        if (errno != EAGAIN) /* no such call here, or a filter forbids it */
            atomic_store_explicit(no_openat2, true, memory_order_relaxed);
    }
    return walk_beneath(at, path, flags, mode);
}

enum err open_error(const char *what)
{
    switch (errno) {
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case EISDIR:
    case ENXIO: /* a socket or a pipe */
        return err_set(ERR_CORRUPT, "%s: something foreign stands in the store", what);
    default:
        return err_errno(what);
    }
}

/* --- the folders kept open ---------------------------------------------------------------- */
void folder_cache_init(struct folder_cache *c, int objects)
{
    *c = (struct folder_cache){.objects = objects};
    (void)pthread_mutex_init(&c->lock, NULL);
}

/* With the lock held. */
static void unref(struct folder *f)
{
    assert(f->refs > 0);
    if (--f->refs > 0)
        return;
    (void)close(f->fd);
    free(f);
}

void folder_cache_clear(struct folder_cache *c)
{
    for (size_t i = 0; i < FOLDERS_KEPT; i++) {
        if (c->kept[i])
            unref(c->kept[i]);
    }
    (void)pthread_mutex_destroy(&c->lock);
}

/* With the lock held: a reference to the kept folder of that name, or NULL. */
static struct folder *find(struct folder_cache *c, const char *name)
{
    for (size_t i = 0; i < FOLDERS_KEPT; i++) {
        struct folder *f = c->kept[i];

        if (f && strcmp(f->name, name) == 0) {
            f->refs++;
            return f;
        }
    }
    return NULL;
}

static enum err make_folder(struct folder_cache *c, const char *name)
{
    char parent_name[FOLDER_NAME_SIZE];
    AUTO_FD int parent = -1;

    memcpy(parent_name, name, FOLDER_NAME_SIZE);
    parent_name[PARENT_NAME_LEN] = '\0';
    if (mkdirat(c->objects, parent_name, 0700) != 0 && errno != EEXIST)
        return err_errno("making a folder of the store");
    parent = open_beneath(c->objects, parent_name, O_RDONLY | O_DIRECTORY, 0, &c->no_openat2);
    if (parent < 0)
        return open_error("opening a folder of the store");
    if (mkdirat(parent, name + PARENT_NAME_LEN + 1, 0700) != 0 && errno != EEXIST)
        return err_errno("making a folder of the store");
    return ERR_OK;
}

static enum err open_folder(struct folder_cache *c, const char *name, bool create,
                            struct folder **out)
{
    struct folder *f;
    int fd = open_beneath(c->objects, name, O_RDONLY | O_DIRECTORY, 0, &c->no_openat2);

    if (fd < 0 && errno == ENOENT && create) {
        TRY(make_folder(c, name));
        fd = open_beneath(c->objects, name, O_RDONLY | O_DIRECTORY, 0, &c->no_openat2);
    }
    if (fd < 0)
        return open_error("opening a folder of the store");
    f = calloc(1, sizeof(*f));
    if (!f) {
        (void)close(fd);
        return err_set(ERR_NOMEM, "out of memory for a folder");
    }
    f->fd = fd;
    f->refs = 1;
    memcpy(f->name, name, FOLDER_NAME_SIZE);
    *out = f;
    return ERR_OK;
}

enum err folder_get(struct folder_cache *c, const char *name, bool create, struct folder **out)
{
    struct folder *f, *replaced;

    (void)pthread_mutex_lock(&c->lock);
    f = find(c, name);
    (void)pthread_mutex_unlock(&c->lock);
    if (!f) {
        TRY(open_folder(c, name, create, &f));
        assert(f);
        (void)pthread_mutex_lock(
            &c->lock); /* should two have opened it, both are kept: harmless */
        replaced = c->kept[c->next];
        c->kept[c->next] = f;
        c->next = (c->next + 1) % FOLDERS_KEPT;
        f->refs++;
        if (replaced)
            unref(replaced);
        (void)pthread_mutex_unlock(&c->lock);
    }
    *out = f;
    return ERR_OK;
}

void folder_put(struct folder_cache *c, struct folder *f)
{
    if (!f)
        return;
    (void)pthread_mutex_lock(&c->lock);
    unref(f);
    (void)pthread_mutex_unlock(&c->lock);
}

/* Any failure is final, whatever errno says: the caller must not believe in the names. */
static enum err sync_fd(int fd)
{
    char text[128];

    if (fsync(fd) == 0)
        return ERR_OK;
    return err_set(ERR_IO, "syncing a folder of the store: %s",
                   strerror_r(errno, text, sizeof(text)));
}

enum err folder_sync(struct folder_cache *c, struct folder *f)
{
    char parent_name[FOLDER_NAME_SIZE];
    AUTO_FD int parent = -1;

    TRY(sync_fd(f->fd));
    if (atomic_load(&f->anchored))
        return ERR_OK;
    memcpy(parent_name, f->name, FOLDER_NAME_SIZE);
    parent_name[PARENT_NAME_LEN] = '\0';
    parent = open_beneath(c->objects, parent_name, O_RDONLY | O_DIRECTORY, 0, &c->no_openat2);
    if (parent < 0)
        return open_error("opening a folder of the store");
    TRY(sync_fd(parent));
    TRY(sync_fd(c->objects));
    atomic_store(&f->anchored, true);
    return ERR_OK;
}
