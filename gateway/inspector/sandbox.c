/* The sandbox of the inspectors.
 *
 * Whoever takes over an examiner has: one pipe to read, one to write a report to that is
 * decoded strictly, memory and CPU up to their limits. No path (empty root, Landlock, no call
 * that opens), no network (own namespace, no call that makes a socket), no other process to
 * see, signal or trace (own namespace, Landlock's scopes, no such call), no child, nothing
 * executable that was not there, no privilege to gain. Each of these holds twice over, since a
 * machine may lack one; what it lacks is told, or refused.
 *
 * Threads are let be: the HEIC decoder hangs without one, and a thread has nothing that its
 * process has not. Children are death.
 *
 * Sanitizer builds call more than we do: there the list is wider, an unlisted call fails with
 * EPERM instead of killing, and address space is not limited. */
#include "gateway/inspector/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUILD_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define BUILD_ASAN 1
#endif

enum { FIRST_FD = 3, MAP_LINE_MAX = 64, PATH_ROOM = 256, FILTER_STEPS_MAX = 512 };
/* Of the inspectors' user, all of them together: what threads there may be, since no process
 * may. */
enum { TASKS_MAX = 1024 };
static const char NEW_ROOT[] = "/tmp"; /* any folder that is there: it is covered, not used */

/* What drawing a page needs that does not bring its own fonts. */
static const char *const FONT_FOLDERS[] = {
    "/usr/share/fonts",      "/etc/fonts",         "/usr/share/fontconfig",
    "/var/cache/fontconfig", "/usr/share/poppler",
};

static bool fonts_allowed; /* in this nursery */

/* ---- the nursery's namespaces ---- */

static bool write_line(const char *path, const char *line)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
}

/* The ids stay what they are. */
static bool map_ids(uid_t uid, gid_t gid)
{
    char users[MAP_LINE_MAX], groups[MAP_LINE_MAX];

    (void)snprintf(users, sizeof(users), "%u %u 1", uid, uid);
    (void)snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
    return write_line("/proc/self/setgroups", "deny") &&
           write_line("/proc/self/uid_map", users) && write_line("/proc/self/gid_map", groups);
}

static pid_t fork_with(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0UL);
}

pid_t sandbox_fork(unsigned *lacks)
{
    static const unsigned long spaces =
        CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    uid_t uid = getuid();
    gid_t gid = getgid();
    pid_t pid = fork_with(spaces);

    if (pid < 0) { /* no privilege: in a user namespace there is */
        pid = fork_with(spaces | CLONE_NEWUSER);
        if (pid == 0 && !map_ids(uid, gid))
            *lacks |= LACK_ROOT;
    }
    if (pid < 0) {
        *lacks |= LACK_NAMESPACES | LACK_ROOT;
        pid = fork();
    }
    return pid;
}

/* ---- an empty root ---- */

static bool make_folders(const char *root, const char *path)
{
    char whole[PATH_ROOM];
    int n = snprintf(whole, sizeof(whole), "%s%s", root, path);

    assert(n > 0 && (size_t)n < sizeof(whole));
    for (char *at = whole + strlen(root) + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(whole, 0755) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return mkdir(whole, 0755) == 0 || errno == EEXIST;
}

/* Read-only, or not at all. */
static void keep_folder(const char *path)
{
    char where[PATH_ROOM];
    struct statvfs fs;
    unsigned long flags;
    int n = snprintf(where, sizeof(where), "%s%s", NEW_ROOT, path);

    assert(n > 0 && (size_t)n < sizeof(where));
    if (statvfs(path, &fs) != 0 || !make_folders(NEW_ROOT, path) ||
        mount(path, where, NULL, MS_BIND, NULL) != 0)
        return;
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount(NULL, where, NULL, flags, NULL) != 0)
        (void)umount2(where, MNT_DETACH);
}

static bool empty_root(bool fonts)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,nr_inodes=64,mode=755") != 0)
        return false;
    for (size_t i = 0; fonts && i < ARRAY_LEN(FONT_FOLDERS); i++)
        keep_folder(FONT_FOLDERS[i]);
    if (chdir(NEW_ROOT) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return false;
    return mount(NULL, "/", NULL,
                 MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 NULL) == 0;
}

/* ---- its own user ---- */

struct account {
    uid_t uid;
    gid_t gid;
};

/* Before the root is empty. */
static enum err find_account(const char *user, struct account *out)
{
    struct passwd *pw;

    *out = (struct account){.uid = getuid(), .gid = getgid()};
    if (*user == '\0' || geteuid() != 0)
        return ERR_OK;
    errno = 0;
    pw = getpwnam(user);
    if (pw == NULL)
        return err_set(ERR_NOT_FOUND, "the inspectors' user does not exist");
    *out = (struct account){.uid = pw->pw_uid, .gid = pw->pw_gid};
    return ERR_OK;
}

static enum err become(const struct account *who, unsigned *lacks)
{
    if (who->uid == getuid()) {
        *lacks |= LACK_USER; /* the gateway's own */
        return ERR_OK;
    }
    if (setgroups(0, NULL) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
        setresuid(who->uid, who->uid, who->uid) != 0) {
        *lacks |= LACK_USER;
        return ERR_OK;
    }
    if (who->uid != 0 && setuid(0) == 0)
        return err_set(ERR_INTERNAL, "root could be had back");
    return ERR_OK;
}

/* Every capability goes, also those in a user namespace. */
static enum err drop_capabilities(void)
{
    struct {
        uint32_t version;
        int pid;
    } head = {.version = 0x20080522, .pid = 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } none[2];

    memset(none, 0, sizeof(none));
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0 ? ERR_OK : err_errno("capset");
}

/* ---- Landlock ---- */

/* As the kernel knows it today; older ones take less of it. Debian 12's headers are older. */
struct landlock_rules {
    uint64_t paths, net, scoped;
};
struct landlock_below {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

enum {
    LANDLOCK_VERSION = 1,
    LANDLOCK_BELOW = 1,
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_IOCTL = 5,
    ABI_SCOPE = 6,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_V1 = (1 << 13) - 1,
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL = 1 << 15,
    NET_ALL = 3,
    SCOPE_ALL = 3,
};

static struct landlock_rules all_rules(long abi, size_t *size)
{
    struct landlock_rules r = {.paths = FS_V1};

    *size = sizeof(uint64_t);
    if (abi >= ABI_REFER)
        r.paths |= FS_REFER;
    if (abi >= ABI_TRUNCATE)
        r.paths |= FS_TRUNCATE;
    if (abi >= ABI_NET) {
        r.net = NET_ALL;
        *size = 2 * sizeof(uint64_t);
    }
    if (abi >= ABI_IOCTL)
        r.paths |= FS_IOCTL;
    if (abi >= ABI_SCOPE) {
        r.scoped = SCOPE_ALL; /* no signal to, no abstract socket of, whoever is outside */
        *size = 3 * sizeof(uint64_t);
    }
    return r;
}

static bool allow_fonts(int ruleset)
{
    for (size_t i = 0; i < ARRAY_LEN(FONT_FOLDERS); i++) {
        AUTO_FD int fd = open(FONT_FOLDERS[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct landlock_below rule = {.allowed = FS_READ_FILE | FS_READ_DIR, .parent = fd};

        if (fd >= 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_BELOW, &rule, 0) != 0)
            return false;
    }
    return true;
}

/* false: this kernel has none. */
static bool landlock(bool fonts)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
    struct landlock_rules rules;
    size_t size;

    if (abi < 1)
        return false;
    rules = all_rules(abi, &size);
    AUTO_FD int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    return ruleset >= 0 && (!fonts || allow_fonts(ruleset)) &&
           syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

/* ---- what a child may do ---- */

static enum err set_limits(const struct job_settings *s, unsigned n_fds)
{
    const struct {
        __rlimit_resource_t what;
        rlim_t most;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, TASKS_MAX},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_NOFILE, FIRST_FD + n_fds + 8}, /* fonts */
        {RLIMIT_CPU, s->cpu_s},
#if !defined(BUILD_ASAN)
        {RLIMIT_FSIZE, 0},
        {RLIMIT_AS, s->memory_max},
#endif
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct rlimit r = {limits[i].most, limits[i].most};

        if (setrlimit(limits[i].what, &r) != 0)
            return err_errno("setrlimit");
    }
    return ERR_OK;
}

/* For every role, with any arguments. */
static const int common_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
#if defined(BUILD_ASAN)
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
#endif
};

static const int scanner_calls[] = {SCMP_SYS(tee), SCMP_SYS(splice), SCMP_SYS(recvfrom),
                                    SCMP_SYS(sendto), SCMP_SYS(recvmsg)};

/* Of what is open already, and of itself. */
static const int parser_calls[] = {
    SCMP_SYS(fstat), SCMP_SYS(lseek),        SCMP_SYS(getuid),          SCMP_SYS(geteuid),
    SCMP_SYS(uname), SCMP_SYS(rt_sigaction), SCMP_SYS(set_robust_list), SCMP_SYS(rseq)};

/* Reading alone (see the open flags below); paths are Landlock's matter. */
static const int font_calls[] = {SCMP_SYS(newfstatat), SCMP_SYS(access),   SCMP_SYS(readlink),
                                 SCMP_SYS(getdents64), SCMP_SYS(statfs),   SCMP_SYS(fstatfs),
                                 SCMP_SYS(pread64),    SCMP_SYS(fadvise64)};

static int allow_all(scmp_filter_ctx f, const int *calls, size_t n)
{
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < n; i++)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
    return failed;
}

/* Memory never becomes executable; of new tasks, threads alone. */
static int add_narrow(scmp_filter_ctx f, enum sandbox_role role)
{
    struct scmp_arg_cmp plain =
        SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)PROT_EXEC, (scmp_datum_t)0);
    struct scmp_arg_cmp thread =
        SCMP_A0(SCMP_CMP_MASKED_EQ, (scmp_datum_t)CLONE_THREAD, (scmp_datum_t)CLONE_THREAD);
    int failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, plain);

    if (failed == 0)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, plain);
    if (failed == 0 && role != ROLE_SCANNER)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread);
    if (failed == 0) /* its flags cannot be seen: the C library turns to clone then */
        failed = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (failed == 0) /* qsort would like to know how much memory there is */
        failed = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(sysinfo), 0);
    return failed;
}

static int add_fonts(scmp_filter_ctx f)
{
    const scmp_datum_t changing =
        O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (__O_TMPFILE & ~O_DIRECTORY);
    struct scmp_arg_cmp reading = SCMP_A2(SCMP_CMP_MASKED_EQ, changing, (scmp_datum_t)0);
    struct scmp_arg_cmp getfl = SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)F_GETFL);
    int failed = allow_all(f, font_calls, ARRAY_LEN(font_calls));

    if (failed == 0)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reading);
    if (failed == 0)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, getfl);
    return failed;
}

static int add_rules(scmp_filter_ctx f, enum sandbox_role role)
{
    int failed = allow_all(f, common_calls, ARRAY_LEN(common_calls));

    if (failed == 0)
        failed = add_narrow(f, role);
    if (failed != 0)
        return failed;
    switch (role) {
    case ROLE_SCANNER:
        return allow_all(f, scanner_calls, ARRAY_LEN(scanner_calls));
    case ROLE_EXAMINER:
    case ROLE_OPENER:
        return allow_all(f, parser_calls, ARRAY_LEN(parser_calls));
    case ROLE_RENDERER:
        failed = allow_all(f, parser_calls, ARRAY_LEN(parser_calls));
        return failed != 0 ? failed : add_fonts(f);
    }
    return -EINVAL;
}

/* The filters as the kernel takes them, one for each role. Made once, in the nursery: a child
 * has a copy. */
static struct filter {
    struct sock_fprog program;
    struct sock_filter steps[FILTER_STEPS_MAX];
} filters[ROLES];

/* The library writes a filter to a descriptor alone. */
static enum err export_filter(scmp_filter_ctx f, struct filter *out)
{
    AUTO_FD int fd = memfd_create("filter", MFD_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return err_errno("memfd_create");
    if (seccomp_export_bpf(f, fd) != 0)
        return err_set(ERR_UNSUPPORTED, "the system-call filter could not be made");
    n = pread(fd, out->steps, sizeof(out->steps), 0);
    if (n <= 0 || (size_t)n == sizeof(out->steps))
        return err_set(ERR_INTERNAL, "a system-call filter of an unexpected size");
    out->program.len = (unsigned short)((size_t)n / sizeof(out->steps[0]));
    out->program.filter = out->steps;
    return ERR_OK;
}

static enum err make_filter(enum sandbox_role role)
{
#if defined(BUILD_ASAN)
    uint32_t otherwise = SCMP_ACT_ERRNO(EPERM);
#else
    uint32_t otherwise = SCMP_ACT_KILL_PROCESS;
#endif
    scmp_filter_ctx f = seccomp_init(otherwise);
    enum err e = ERR_OK;
    int failed;

    if (f == NULL)
        return err_set(ERR_NOMEM, "the system-call filter");
    failed = add_rules(f, role);
    if (failed != 0)
        e = err_set(ERR_UNSUPPORTED, "the system-call filter was refused (%d)", failed);
    else
        e = export_filter(f, &filters[role]);
    seccomp_release(f);
    return e;
}

static enum err make_filters(void)
{
    for (int role = 0; role < ROLES; role++)
        TRY(make_filter((enum sandbox_role)role));
    return ERR_OK;
}

static enum err filter_calls(enum sandbox_role role)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filters[role].program) == 0
               ? ERR_OK
               : err_errno("seccomp");
}

/* ---- the nursery ---- */

enum err sandbox_enclose(const struct job_settings *settings, bool fonts, unsigned *lacks)
{
    struct account who;

    fonts_allowed = fonts;
    TRY(make_filters());
    TRY(find_account(settings->user, &who));
    /* a time zone by rule: without one, each look at the clock looks for a file */
    if (clearenv() != 0 || setenv("TZ", "UTC0", 1) != 0 || chdir("/") != 0)
        return err_errno("leaving the environment and folder behind");
    tzset();
    (void)umask(S_IWGRP | S_IWOTH); /* its own user has to find the fonts */
    if ((*lacks & LACK_ROOT) == 0 && !empty_root(fonts))
        *lacks |= LACK_ROOT;
    (void)umask(S_IRWXG | S_IRWXO);
    TRY(become(&who, lacks));
    if ((*lacks & LACK_USER) == 0 || (*lacks & LACK_NAMESPACES) == 0)
        TRY(drop_capabilities());
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_errno("PR_SET_NO_NEW_PRIVS");
    if (!landlock(fonts))
        *lacks |= LACK_LANDLOCK;
#if defined(BUILD_ASAN)
    *lacks |= LACK_SECCOMP | LACK_MEMORY;
#endif
    if (*lacks != 0 && settings->sandbox_required)
        return err_set(ERR_UNSUPPORTED, "this machine lacks parts of the sandbox (0x%x)",
                       *lacks);
    return ERR_OK;
}

/* ---- a child ---- */

enum err sandbox_enter(enum sandbox_role role, const struct job_settings *settings,
                       unsigned n_fds)
{
#if !defined(BUILD_ASAN) /* whose reports must get out */
    if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        return err_errno("closing standard error"); /* it leads nowhere from here on */
#endif
    if (close_range(FIRST_FD + n_fds, ~0U, 0) != 0)
        return err_errno("close_range");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return err_errno("PR_SET_PDEATHSIG");
    TRY(set_limits(settings, n_fds));
    if (fonts_allowed && role != ROLE_RENDERER)
        (void)landlock(false); /* not even fonts; what lacks was told at the start */
    return filter_calls(role);
}
