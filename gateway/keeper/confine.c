/* Landlock for the front (an allow-list of paths) and for the keeper (an empty one).
 *
 * Debian 12's C library has no wrappers, so that the three calls are made by number; its kernel
 * headers may be older than the kernel, so that rights which came later are named here. A
 * kernel without Landlock, or with its first version (which forbids every rename between
 * folders), degrades with a warning unless the policy requires it.
 *
 * Landlock binds the calling thread and what it starts: confining a process that already has
 * threads would leave them free, and one free thread in the address space frees the rest. Hence
 * the look at the threads first. */
#include "gateway/keeper/keeper.h"

#include "gateway/base/log.h"
#include "gateway/keeper/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* ABI 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif

enum { LANDLOCK_ABI_LEAST = 2, LANDLOCK_ABI_TRUNCATE = 3, LANDLOCK_ABI_IOCTL_DEV = 5 };

/* A readable path may be executed from (the inspector), a writable one may not. */
#define READ_RIGHTS                                                                            \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE_RIGHTS                                                                           \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                              \
     LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                              \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER |   \
     LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define NEVER_RIGHTS (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
/* What may be granted on something that is not a folder. */
#define FILE_RIGHTS                                                                            \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                            \
     LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV)

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t known_rights(int abi)
{
    uint64_t all = READ_RIGHTS | WRITE_RIGHTS | NEVER_RIGHTS;

    if (abi < LANDLOCK_ABI_TRUNCATE)
        all &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi < LANDLOCK_ABI_IOCTL_DEV)
        all &= ~LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return all;
}

static enum err allow_path(int ruleset, const struct confine_path *p, uint64_t known)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = (p->write ? WRITE_RIGHTS : READ_RIGHTS) & known};
    AUTO_FD int fd = open(p->path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno("a path to be confined to");
    if (!S_ISDIR(st.st_mode))
        rule.allowed_access &= FILE_RIGHTS;
    rule.parent_fd = fd;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return err_errno("landlock_add_rule");
    return ERR_OK;
}

static enum err restrict_to(const struct confine_path *paths, size_t n, int abi)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = known_rights(abi)};
    /* The size of the first field: older kernels know no other. */
    AUTO_FD int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);

    if (ruleset < 0)
        return err_errno("landlock_create_ruleset");
    for (size_t i = 0; i < n; i++)
        TRY(allow_path(ruleset, &paths[i], attr.handled_access_fs));
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return err_errno("landlock_restrict_self");
    return ERR_OK;
}

/* The thread sanitizer has brought one of its own. */
#define THREADS_AT_START (sandbox_filter() == SANDBOX_NO_FILTER ? 2U : 1U)

static size_t thread_count(void)
{
    DIR *dir = opendir("/proc/self/task");
    size_t n = 0;

    if (dir == NULL)
        return 0;
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
        n += d->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

/* Weaker than asked for: an error where it is required, else a warning that nobody can miss. */
static enum err weaker(const char *event, const char *why, bool required)
{
    if (required)
        return err_set(ERR_UNSUPPORTED, "%s", why);
    log_event(LOG_WARN, event, log_str("message", why));
    return ERR_OK;
}

enum err process_confine(const struct confine_path *paths, size_t n, bool required)
{
    int abi = landlock_abi();

    TRY(process_hide());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_errno("PR_SET_NO_NEW_PRIVS");
    if (abi < LANDLOCK_ABI_LEAST)
        return weaker("confine.no_landlock",
                      "this kernel has no usable Landlock: paths are not restricted", required);
    if (thread_count() > THREADS_AT_START)
        TRY(weaker("confine.threads",
                   "threads were started before the process was confined: they are free",
                   required));
    return restrict_to(paths, n, abi);
}
