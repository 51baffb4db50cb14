/* Privilege drop of the keeper: one function, top to bottom, the system-call filter last.
 *
 * What stays possible afterwards: answering on one socket, reading and writing one open file,
 * writing to standard error, memory, time, randomness. No path can be opened, no socket or
 * process made, no memory made executable.
 *
 * Sanitizer builds: the address and undefined-behaviour sanitizers need a few more calls, and a
 * report must get out; there the list is wider and an unlisted call fails with EPERM instead of
 * killing. The thread sanitizer runs a background thread that calls what it likes: no filter
 * there, and none below this comment's promise. What is installed is built without either. */
#include "gateway/keeper/sandbox.h"

#include "crypto/secret.h"
#include "gateway/base/log.h"
#include "gateway/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BUILD_TSAN 1
#elif __has_feature(address_sanitizer)
#define BUILD_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define BUILD_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define BUILD_ASAN 1
#endif

enum { OPEN_FILES_MAX = 16 };

enum sandbox_filter sandbox_filter(void)
{
#if defined(BUILD_TSAN)
    return SANDBOX_NO_FILTER;
#elif defined(BUILD_ASAN)
    return SANDBOX_REFUSES;
#else
    return SANDBOX_KILLS;
#endif
}

/* Standard input and output lead nowhere; all but standard error and the two we were told are
 * closed. */
static enum err close_others(const struct sandbox *s)
{
    int low = s->socket < s->state_file ? s->socket : s->state_file;
    int high = s->socket < s->state_file ? s->state_file : s->socket;
    AUTO_FD int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    assert(low > STDERR_FILENO && high > low);
    if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        return err_errno("/dev/null");
    if ((low > STDERR_FILENO + 1 &&
         close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0) != 0) ||
        (high > low + 1 && close_range((unsigned)low + 1, (unsigned)high - 1, 0) != 0) ||
        close_range((unsigned)high + 1, ~0U, 0) != 0)
        return err_errno("close_range");
    nowhere = -1; /* was one of them */
    return ERR_OK;
}

static enum err become(const char *user)
{
    struct passwd *pw;

    if (user == NULL || *user == '\0' || geteuid() != 0)
        return ERR_OK;
    errno = 0;
    pw = getpwnam(user);
    if (pw == NULL)
        return err_set(ERR_NOT_FOUND, "the keeper's user does not exist");
    if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
        return err_errno("becoming the keeper's user");
    if (pw->pw_uid != 0 && setuid(0) == 0)
        return err_set(ERR_INTERNAL, "root could be had back");
    return ERR_OK;
}

static enum err set_limits(void)
{
    static const struct {
        __rlimit_resource_t what;
        rlim_t most;
    } limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_NPROC, 0}, {RLIMIT_NOFILE, OPEN_FILES_MAX}};

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct rlimit r = {limits[i].most, limits[i].most};

        if (setrlimit(limits[i].what, &r) != 0)
            return err_errno("setrlimit");
    }
    return ERR_OK;
}

static enum err die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return err_errno("PR_SET_PDEATHSIG");
    if (parent != 0 && getppid() != parent)
        return err_set(ERR_UNAVAILABLE, "the parent went before its keeper was ready");
    return ERR_OK;
}

/* Called with any arguments. */
static const int allowed_calls[] = {
    /* the socket */
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    /* time, randomness, our own locks */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(futex),
    /* the end, and what a failed assertion needs to end; a received descriptor is closed */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(close),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
#if defined(BUILD_ASAN)
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(tgkill),
    SCMP_SYS(getrusage),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(set_robust_list),
#endif
};

#define ARG_IS(n, value)                                                                       \
    {                                                                                          \
        .arg = (n), .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)(value)                        \
    }
#define NOT_EXECUTABLE                                                                         \
    {                                                                                          \
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0                 \
    }

static int add_rules(scmp_filter_ctx filter, const struct sandbox *s)
{
    const struct {
        int call;
        struct scmp_arg_cmp arg;
    } narrow[] = {
        /* memory, never executable */
        {SCMP_SYS(mmap), NOT_EXECUTABLE},
        {SCMP_SYS(mprotect), NOT_EXECUTABLE},
        /* the state file and the log, each by its descriptor */
        {SCMP_SYS(pread64), ARG_IS(0, s->state_file)},
        {SCMP_SYS(pwrite64), ARG_IS(0, s->state_file)},
        {SCMP_SYS(fdatasync), ARG_IS(0, s->state_file)},
        {SCMP_SYS(flock), ARG_IS(0, s->state_file)},
        {SCMP_SYS(fstat), ARG_IS(0, s->state_file)},
        {SCMP_SYS(newfstatat), ARG_IS(0, s->state_file)},
        {SCMP_SYS(write), ARG_IS(0, STDERR_FILENO)},
    };
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(allowed_calls); i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(narrow); i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, narrow[i].call, 1, narrow[i].arg);
    return failed;
}

static enum err filter_calls(const struct sandbox *s)
{
    uint32_t otherwise =
        sandbox_filter() == SANDBOX_KILLS ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx filter;
    int failed;

    if (sandbox_filter() == SANDBOX_NO_FILTER)
        return ERR_OK;
    filter = seccomp_init(otherwise);
    if (filter == NULL)
        return err_set(ERR_NOMEM, "the system-call filter");
    failed = add_rules(filter, s);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0
               ? ERR_OK
               : err_set(ERR_UNSUPPORTED, "the system-call filter was refused (%d)", failed);
}

enum err sandbox_enter(const struct sandbox *s)
{
    if (clearenv() != 0 || chdir("/") != 0)
        return err_errno("leaving the environment and folder behind");
    (void)umask(S_IRWXG | S_IRWXO);
    TRY(become(s->user)); /* first: the kernel forgets the parent's death signal with a change
                             of user */
    TRY(close_others(s));
    TRY(set_limits());
    TRY(die_with(s->parent));
    TRY(process_confine(NULL, 0,
                        false)); /* no new privileges, not dumpable, Landlock: not one path */
    return filter_calls(s);
}
