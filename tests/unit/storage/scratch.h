/* A folder of its own for each test, and short assertions on results.
 *
 *     struct scratch dir = scratch_new();
 *     ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
 *     ...
 *     scratch_remove(&dir);
 */
#ifndef TESTS_UNIT_STORAGE_SCRATCH_H
#define TESTS_UNIT_STORAGE_SCRATCH_H

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/uuid.h"
#include "tests/support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ok(expr)                                                                               \
    do {                                                                                       \
        enum err ok_err_ = (expr);                                                             \
        ck_assert_msg(ok_err_ == ERR_OK, "%s: %s (%s)", #expr, err_name(ok_err_),              \
                      err_message(ok_err_));                                                   \
    } while (0)
#define fails(code, expr)                                                                      \
    do {                                                                                       \
        enum err fails_err_ = (expr);                                                          \
        ck_assert_msg(fails_err_ == (code), "%s: %s (%s), not %s", #expr,                      \
                      err_name(fails_err_), err_message(fails_err_), err_name(code));          \
    } while (0)

struct scratch {
    char root[64];
    char path[PATH_MAX]; /* the answer of scratch_path */
};

static inline struct scratch scratch_new(void)
{
    struct scratch s = {.root = "/tmp/eg-test-XXXXXX"};

    ck_assert_ptr_nonnull(mkdtemp(s.root));
    return s;
}

static inline const char *scratch_path(struct scratch *s, const char *name)
{
    (void)snprintf(s->path, sizeof(s->path), "%s/%s", s->root, name);
    return s->path;
}

static inline int scratch_unlink(const char *path, const struct stat *st, int type,
                                 struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void scratch_remove(struct scratch *s)
{
    ck_assert_int_eq(nftw(s->root, scratch_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A tiny file system of this process alone; false where that is not allowed. */
static inline bool scratch_mount_tiny(struct scratch *s, const char *options)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    return mount("tiny", s->root, "tmpfs", 0, options) == 0;
}

/* From now on this process's system call `number` fails with `error`. */
static inline void scratch_fail_call(long number, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};

    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Entries of a folder that are not hidden. */
static inline size_t scratch_count(struct scratch *s, const char *name)
{
    DIR *d = opendir(scratch_path(s, name));
    size_t n = 0;

    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

#endif
