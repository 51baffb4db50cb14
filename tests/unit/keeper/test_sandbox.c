/* Inside the sandbox: what the keeper does still works, and what only a taken-over keeper would
 * do does not. Each attempt is made by a child that has entered it; where the filter kills, the
 * child dies of SIGSYS, where it refuses (sanitizer builds), the call must fail. */
#include "gateway/base/log.h"
#include "gateway/keeper/sandbox.h"
#include "gateway/keeper/state.h"
#include "tests/unit/keeper/keeper_world.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { REFUSED = 0, HAPPENED = 7, NOT_ENTERED = 9 };

struct cell { /* what the child has */
    int socket, state;
    char state_path[2 * WORLD_PATH];
};

/* --- what must not happen: each returns what the system call returned
 * ------------------------- */
static long try_open(const struct cell *c)
{
    (void)c;
    return open("/etc/passwd", O_RDONLY);
}
static long try_open_state(const struct cell *c)
{
    return open(c->state_path, O_RDWR);
}
static long try_memory_of_parent(const struct cell *c)
{
    char path[64];

    (void)c;
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
    return open(path, O_RDONLY);
}
static long try_socket(const struct cell *c)
{
    (void)c;
    return socket(AF_INET, SOCK_STREAM, 0);
}
static long try_connect(const struct cell *c)
{
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    return connect(c->socket, &nowhere, sizeof(nowhere));
}
static long try_bind(const struct cell *c)
{
    struct sockaddr nowhere = {.sa_family = AF_UNIX};

    return bind(c->socket, &nowhere, sizeof(nowhere.sa_family));
}
static long try_fork(const struct cell *c)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    (void)c;
    if (pid == 0)
        _exit(0);
    return pid;
}
static long try_clone3(const struct cell *c)
{
    uint64_t args[11] = {0, 0, 0, 0, SIGCHLD};
    long pid = syscall(SYS_clone3, args, sizeof(args));

    (void)c;
    if (pid == 0)
        _exit(0);
    return pid;
}
static long try_exec(const struct cell *c)
{
    static char name[] = "true";
    char *argv[] = {name, NULL}, *envp[] = {NULL};

    (void)c;
    return execve("/bin/true", argv, envp);
}
static long try_ptrace(const struct cell *c)
{
    (void)c;
    return ptrace(PTRACE_ATTACH, getppid(), 0, 0);
}
static long try_kill(const struct cell *c)
{
    (void)c;
    return kill(getppid(), 0);
}
static long try_executable_memory(const struct cell *c)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);

    (void)c;
    return p == MAP_FAILED ? -1 : 0;
}
static long try_making_it_executable(const struct cell *c)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)c;
    return p == MAP_FAILED ? 0 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static long try_another_file(const struct cell *c)
{
    return pwrite(c->socket, "x", 1, 0);
}
static long try_output(const struct cell *c)
{
    (void)c;
    return write(STDOUT_FILENO, "x", 1);
}
static long try_truncate(const struct cell *c)
{
    return ftruncate(c->state, 0);
}
static long try_root_again(const struct cell *c)
{
    (void)c;
    return setuid(0);
}
static long try_ring(const struct cell *c)
{
    struct io_uring_params p = {0};

    (void)c;
    return syscall(SYS_io_uring_setup, 4, &p);
}
static long try_unlink(const struct cell *c)
{
    return unlink(c->state_path);
}
static long try_memory_file(const struct cell *c)
{
    (void)c;
    return syscall(SYS_memfd_create, "x", 0);
}
static long try_namespace(const struct cell *c)
{
    (void)c;
    return unshare(CLONE_NEWUSER);
}

static const struct {
    const char *name;
    long (*act)(const struct cell *c);
} attempts[] = {
    {"open", try_open},
    {"open the state file", try_open_state},
    {"open another's memory", try_memory_of_parent},
    {"socket", try_socket},
    {"connect", try_connect},
    {"bind", try_bind},
    {"fork", try_fork},
    {"clone3", try_clone3},
    {"execve", try_exec},
    {"ptrace", try_ptrace},
    {"kill", try_kill},
    {"executable memory", try_executable_memory},
    {"making memory executable", try_making_it_executable},
    {"writing to another file", try_another_file},
    {"writing to standard output", try_output},
    {"truncating the state", try_truncate},
    {"setuid", try_root_again},
    {"io_uring", try_ring},
    {"unlink", try_unlink},
    {"memfd", try_memory_file},
    {"a user namespace", try_namespace},
};

/* Enters and acts; never returns. */
static void live_in(struct cell *c, long (*act)(const struct cell *c), pid_t parent)
{
    struct sandbox box = {.socket = c->socket, .state_file = c->state, .parent = parent};
    char text[TIME_TEXT_SIZE];

    time_format(clock_now(),
                text); /* as the keeper does: the C library looks for its time zone once */
    if (sandbox_enter(&box) != ERR_OK)
        _exit(NOT_ENTERED);
    _exit(act(c) < 0 ? REFUSED : HAPPENED);
}

static int run(struct cell *c, long (*act)(const struct cell *c))
{
    pid_t self = getpid(), pid = fork();
    int status;

    if (pid == 0)
        live_in(c, act, self);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void cell_make(struct world *w, struct cell *c)
{
    int pair[2];

    world_make(w);
    (void)snprintf(c->state_path, sizeof(c->state_path), "%s", w->state);
    c->state = open(w->state, O_RDWR);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    c->socket = pair[0];
}

START_TEST(hostile_calls)
{
    struct cell c;
    struct world w;

    if (sandbox_filter() == SANDBOX_NO_FILTER) {
        (void)printf("skipped: this build's sanitizer runs without the system-call filter\n");
        return;
    }
    cell_make(&w, &c);
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        int status = run(&c, attempts[i].act);

        if (sandbox_filter() == SANDBOX_KILLS)
            ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x",
                          attempts[i].name, (unsigned)status);
        else
            ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED, "%s: status %x",
                          attempts[i].name, (unsigned)status);
    }
    world_end(&w);
}
END_TEST

/* Without the filter Landlock alone keeps every path shut: tried under all builds, where the
 * kernel has it. */
START_TEST(no_path_even_without_the_filter)
{
    struct cell c;
    struct world w;
    pid_t pid;
    int status;

    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 2) {
        (void)printf("skipped: this kernel has no Landlock\n");
        return;
    }
    cell_make(&w, &c);
    pid = fork();
    if (pid == 0) {
        if (process_confine(NULL, 0, true) != ERR_OK)
            _exit(NOT_ENTERED);
        _exit(try_open(&c) < 0 && errno == EACCES && try_open_state(&c) < 0 &&
                      unlink(c.state_path) < 0
                  ? REFUSED
                  : HAPPENED);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), REFUSED);
    world_end(&w);
}
END_TEST

/* Returns -1 when all went well, so that REFUSED is the good end. */
static long do_its_work(const struct cell *c)
{
    uint8_t *memory = malloc(1 << 20);
    uint8_t block[STATE_SLOT_SIZE] = {0};
    uint8_t random[16];

    if (memory == NULL)
        return 1;
    memory[1 << 19] = 1;
    free(memory);
    randombytes_buf(random, sizeof(random));
    if (flock(c->state, LOCK_EX) != 0 ||
        pread(c->state, block, sizeof(block), 0) != sizeof(block) ||
        pwrite(c->state, block, sizeof(block), 0) != sizeof(block) ||
        fdatasync(c->state) != 0 || flock(c->state, LOCK_UN) != 0)
        return 2;
    if (clock_steady_ms() == 0 || clock_now() == 0)
        return 3;
    errno = EIO;
    if (err_errno("words for a failure need no file") != ERR_IO)
        return 4;
    log_event(LOG_INFO, "sandbox.alive", log_int("one", 1));
    return -1;
}

static long do_its_work_by_messages(const struct cell *c)
{
    struct iovec part = {.iov_base = (char[]){'x'}, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (sendmsg(c->socket, &msg, MSG_NOSIGNAL) != 1)
        return 1;
    return -1;
}

START_TEST(its_work_goes_on)
{
    struct cell c;
    struct world w;
    int status;

    cell_make(&w, &c);
    status = run(&c, do_its_work_by_messages);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED, "status %x",
                  (unsigned)status);
    world_end(&w);
}
END_TEST

START_TEST(its_files_stay)
{
    struct cell c;
    struct world w;
    int status;

    cell_make(&w, &c);
    status = run(&c, do_its_work);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED, "status %x",
                  (unsigned)status);
    world_end(&w);
}
END_TEST

/* A parent that is gone already is noticed: the kernel's signal would never come. */
START_TEST(lost_parent)
{
    struct cell c;
    struct world w;
    pid_t pid;
    int status;

    cell_make(&w, &c);
    pid = fork();
    if (pid == 0) {
        struct sandbox box = {
            .socket = c.socket, .state_file = c.state, .parent = 1 + getppid()};

        _exit(sandbox_enter(&box) == ERR_UNAVAILABLE ? REFUSED : HAPPENED);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), REFUSED);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/sandbox", hostile_calls, no_path_even_without_the_filter,
                     its_work_goes_on, its_files_stay, lost_parent);
}
