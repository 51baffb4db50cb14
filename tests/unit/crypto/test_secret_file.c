#include "crypto/secret.h"

#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NOBODY = 65534, MAX = 64 };

static char folder[64];

/* A path inside this test's folder; the folder stays for the run's end to remove. */
static const char *path_of(const char *name)
{
    static char path[128];

    if (folder[0] == '\0') {
        (void)strcpy(folder, "/tmp/eg-secret-file.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chmod(folder, 0755), 0);
        ck_assert_int_eq(crypto_init(), ERR_OK);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void done(const char *name)
{
    ck_assert_int_eq(unlink(path_of(name)), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    ck_assert_int_eq(close(fd), 0);
}

static void assert_denied(const char *path, const char *reason)
{
    struct secret *s = NULL;

    ck_assert_int_eq(secret_file_read(path, MAX, &s), ERR_DENIED);
    ck_assert_msg(strstr(err_message(ERR_DENIED), reason) != NULL, "%s: %s", reason,
                  err_message(ERR_DENIED));
    ck_assert_ptr_null(s);
}

START_TEST(what_is_written_reads_back)
{
    AUTO(secret_free) struct secret *s = NULL;
    const char *path = path_of("key");
    struct stat st;

    ck_assert_int_eq(secret_file_write(path, "a key\0with a NUL", 16), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0400);
    ck_assert_int_eq(secret_file_read(path, 16, &s), ERR_OK);
    ck_assert_uint_eq(s->len, 16);
    ck_assert_mem_eq(s->bytes, "a key\0with a NUL", 16);
    done("key");
}
END_TEST

START_TEST(an_existing_file_is_not_overwritten)
{
    AUTO(secret_free) struct secret *s = NULL;
    const char *path = path_of("key");

    ck_assert_int_eq(secret_file_write(path, "first", 5), ERR_OK);
    ck_assert_int_eq(secret_file_write(path, "second", 6), ERR_EXISTS);
    ck_assert_int_eq(secret_file_read(path, MAX, &s), ERR_OK);
    ck_assert_mem_eq(s->bytes, "first", 5);
    done("key");
}
END_TEST

START_TEST(a_failed_write_leaves_nothing)
{
    struct stat st;

    ck_assert_int_eq(secret_file_write(path_of("missing/key"), "x", 1), ERR_NOT_FOUND);
    if (access("/dev/full", W_OK) == 0) /* a name that is there is never written to */
        ck_assert_int_eq(secret_file_write("/dev/full", "x", 1), ERR_EXISTS);
    ck_assert_int_eq(stat(path_of("missing"), &st), -1);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(modes_decide)
{
    static const mode_t good[] = {0400, 0600, 0700};
    static const mode_t bad[] = {0440, 0404, 0444, 0420, 0402, 0640, 0604, 0644, 0410, 0777};

    put_file(path_of("key"), "k", 0600);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        AUTO(secret_free) struct secret *s = NULL;

        ck_assert_int_eq(chmod(path_of("key"), good[i]), 0);
        ck_assert_int_eq(secret_file_read(path_of("key"), MAX, &s), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_int_eq(chmod(path_of("key"), bad[i]), 0);
        assert_denied(path_of("key"), "lets others in");
    }
    done("key");
}
END_TEST

START_TEST(only_plain_files_are_read)
{
    char target[128];
    struct secret *s = NULL;

    (void)snprintf(target, sizeof(target), "%s", path_of("real"));
    put_file(target, "k", 0400);
    ck_assert_int_eq(symlink(target, path_of("link")), 0);
    assert_denied(path_of("link"), "symbolic link");
    ck_assert_int_eq(unlink(path_of("link")), 0);
    ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
    assert_denied(path_of("fifo"), "not a regular file");
    ck_assert_int_eq(unlink(path_of("fifo")), 0);
    assert_denied(folder, "not a regular file");
    ck_assert_int_eq(secret_file_read(path_of("absent"), MAX, &s), ERR_NOT_FOUND);
    done("real");
}
END_TEST

START_TEST(sizes_decide)
{
    AUTO(secret_free) struct secret *s = NULL;
    char text[MAX + 2];

    memset(text, 'x', sizeof(text));
    text[MAX + 1] = '\0';
    put_file(path_of("key"), text, 0400);
    assert_denied(path_of("key"), "more than 64 bytes");
    ck_assert_int_eq(truncate(path_of("key"), MAX), 0);
    ck_assert_int_eq(secret_file_read(path_of("key"), MAX, &s), ERR_OK);
    ck_assert_uint_eq(s->len, MAX);
    ck_assert_int_eq(truncate(path_of("key"), 0), 0);
    assert_denied(path_of("key"), "empty");
    done("key");
}
END_TEST

START_TEST(a_foreign_owner_is_refused)
{
    AUTO(secret_free) struct secret *s = NULL;

    put_file(path_of("key"), "k", 0400);
    if (geteuid() == 0) { /* nobody else can give files away */
        ck_assert_int_eq(chown(path_of("key"), NOBODY, NOBODY), 0);
        assert_denied(path_of("key"), "foreign user");
        ck_assert_int_eq(seteuid(NOBODY), 0); /* its owner may */
        ck_assert_int_eq(secret_file_read(path_of("key"), MAX, &s), ERR_OK);
        ck_assert_int_eq(seteuid(0), 0);
    }
    done("key");
}
END_TEST

/* A list as systemd sets it on a credential for a service of its own user: the mode reads 0440.
 * False if this file system has no lists. */
static bool set_acl(const char *path, uint32_t user, uint16_t group_perm)
{
    struct {
        uint32_t version;
        struct {
            uint16_t tag, perm;
            uint32_t id;
        } entries[5];
    } acl = {2,
             {{0x01, 4, UINT32_MAX},
              {0x02, 4, user},
              {0x04, group_perm, UINT32_MAX},
              {0x10, 4, UINT32_MAX},
              {0x20, 0, UINT32_MAX}}};

    if (setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
        return true;
    ck_assert_int_eq(errno, EOPNOTSUPP);
    return false;
}

START_TEST(an_access_list_for_us_alone_passes)
{
    AUTO(secret_free) struct secret *s = NULL;
    struct stat st;

    put_file(path_of("key"), "k", 0400);
    if (geteuid() == 0 && set_acl(path_of("key"), NOBODY, 0)) {
        ck_assert_int_eq(stat(path_of("key"), &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0440);
        assert_denied(path_of("key"), "lets others in"); /* it is for somebody else */
        ck_assert_int_eq(seteuid(NOBODY), 0);
        ck_assert_int_eq(secret_file_read(path_of("key"), MAX, &s), ERR_OK);
        ck_assert_int_eq(seteuid(0), 0);
        ck_assert(set_acl(path_of("key"), 0, 4)); /* the group may read, too */
        assert_denied(path_of("key"), "lets others in");
    }
    done("key");
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/secret_file", what_is_written_reads_back,
                     an_existing_file_is_not_overwritten, a_failed_write_leaves_nothing,
                     modes_decide, only_plain_files_are_read, sizes_decide,
                     a_foreign_owner_is_refused, an_access_list_for_us_alone_passes);
}
