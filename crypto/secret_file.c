/* Key files: read only if nobody but us, root or the service manager can have put them there,
 * and written so that they are whole or absent.
 *
 * A credential that systemd hands to a service with its own user belongs to root and carries an
 * access list with that one user: the mode then shows the list's mask in the group bits (0440).
 * Such a file is as private as 0400, so the list itself is read instead of the mask.
 */
#include "crypto/secret.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The kernel's form of a POSIX access list (linux/posix_acl_xattr.h), little-endian. */
struct acl_entry {
    uint16_t tag;
    uint16_t perm;
    uint32_t id;
};
enum {
    ACL_HEAD_SIZE = 4,
    ACL_VERSION = 2,
    ACL_ENTRIES_MAX = 16,
    ACL_TAG_OWNER = 0x01,
    ACL_TAG_USER = 0x02,
    ACL_TAG_MASK = 0x10,
};
_Static_assert(sizeof(struct acl_entry) == 8, "as the kernel packs it");

static bool entry_is_private(const struct acl_entry *entry)
{
    switch (le16toh(entry->tag)) {
    case ACL_TAG_OWNER:
    case ACL_TAG_MASK:
        return true;
    case ACL_TAG_USER:
        return le32toh(entry->id) == geteuid() || le16toh(entry->perm) == 0;
    default: /* the group, further groups, others */
        return le16toh(entry->perm) == 0;
    }
}

/* Whether the file has an access list that lets in the owner and ourselves only. */
static bool acl_is_private(int fd)
{
    uint8_t raw[ACL_HEAD_SIZE + ACL_ENTRIES_MAX * sizeof(struct acl_entry)];
    ssize_t got = fgetxattr(fd, "system.posix_acl_access", raw, sizeof(raw));
    uint32_t version;
    size_t len;

    if (got < ACL_HEAD_SIZE)
        return false;
    len = (size_t)got;
    memcpy(&version, raw, sizeof(version));
    if (le32toh(version) != ACL_VERSION ||
        (len - ACL_HEAD_SIZE) % sizeof(struct acl_entry) != 0)
        return false;
    for (size_t at = ACL_HEAD_SIZE; at < len; at += sizeof(struct acl_entry)) {
        struct acl_entry entry;

        memcpy(&entry, raw + at, sizeof(entry));
        if (!entry_is_private(&entry))
            return false;
    }
    return true;
}

static MUST_USE enum err check_file(int fd, const char *path, size_t max, size_t *len)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_errno(path);
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_DENIED, "%s: not a regular file", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(ERR_DENIED, "%s: owned by a foreign user (%u)", path,
                       (unsigned)st.st_uid);
    if ((st.st_mode & 0007) != 0 || ((st.st_mode & 0070) != 0 && !acl_is_private(fd)))
        return err_set(ERR_DENIED, "%s: mode %04o lets others in (wanted: 0400)", path,
                       (unsigned)st.st_mode & 07777);
    if (st.st_size <= 0)
        return err_set(ERR_DENIED, "%s: empty", path);
    if ((uint64_t)st.st_size > max)
        return err_set(ERR_DENIED, "%s: more than %zu bytes", path, max);
    *len = (size_t)st.st_size;
    return ERR_OK;
}

static MUST_USE enum err read_exactly(int fd, const char *path, uint8_t *out, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = read(fd, out + at, len - at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(path);
        if (got == 0)
            return err_set(ERR_DENIED, "%s: shrank while it was read", path);
        at += (size_t)got;
    }
    return ERR_OK;
}

enum err secret_file_read(const char *path, size_t max, struct secret **out)
{
    AUTO(secret_free) struct secret *s = NULL;
    AUTO_FD int fd = -1;
    size_t len = 0;

    /* O_NONBLOCK: a FIFO in the place of a key file must not stop us for ever. */
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return err_set(ERR_DENIED, "%s: a symbolic link", path);
    if (fd < 0)
        return err_errno(path);
    TRY(check_file(fd, path, max, &len));
    TRY(secret_new(len, &s));
    TRY(read_exactly(fd, path, s->bytes, len));
    *out = TAKE(s);
    return ERR_OK;
}

static MUST_USE enum err write_all(int fd, const char *path, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t put = write(fd, data + at, len - at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_errno(path);
        at += (size_t)put;
    }
    if (fsync(fd) != 0)
        return err_errno(path);
    return ERR_OK;
}

enum { FOLDER_MAX = 4096 };

static MUST_USE enum err sync_folder_of(const char *path)
{
    char folder[FOLDER_MAX];
    const char *slash = strrchr(path, '/');
    AUTO_FD int fd = -1;
    int n;

    if (slash == NULL)
        n = snprintf(folder, sizeof(folder), ".");
    else
        n = snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
    if (n < 0 || (size_t)n >= sizeof(folder))
        return err_set(ERR_INVALID, "a path of more than %d bytes", FOLDER_MAX - 1);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_errno(folder);
    return ERR_OK;
}

enum err secret_file_write(const char *path, const void *data, size_t len)
{
    AUTO_FD int fd = -1;
    enum err e;

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    if (fd < 0)
        return err_errno(path);
    e = write_all(fd, path, data, len);
    if (e == ERR_OK)
        e = sync_folder_of(path);
    if (e != ERR_OK)
        (void)unlink(path); /* whole or absent */
    return e;
}
