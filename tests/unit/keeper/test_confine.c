/* process_confine: the front cannot open what is not on its list, and a keeper that dies is
 * replaced all the same. */
#include "tests/unit/keeper/keeper_world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { GOOD = 0, NOT_CONFINED = 90, PATIENCE_MS = 30000 };

struct front {
    struct world w;
    char data[2 * WORLD_PATH], one[3 * WORLD_PATH], two[3 * WORLD_PATH], file[4 * WORLD_PATH];
    char identity[4 * WORLD_PATH];
};

static bool has_landlock(void)
{
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 2)
        return true;
    (void)printf("skipped: this kernel has no Landlock\n");
    return false;
}

static void front_make(struct front *f)
{
    int fd;

    world_make(&f->w);
    (void)snprintf(f->data, sizeof(f->data), "%s/data", f->w.dir);
    (void)snprintf(f->one, sizeof(f->one), "%s/one", f->data);
    (void)snprintf(f->two, sizeof(f->two), "%s/two", f->data);
    (void)snprintf(f->file, sizeof(f->file), "%s/file", f->one);
    (void)snprintf(f->identity, sizeof(f->identity), "%s/%s.identity", f->w.keys, f->w.key_id);
    ck_assert_int_eq(mkdir(f->data, 0700), 0);
    ck_assert_int_eq(mkdir(f->one, 0700), 0);
    ck_assert_int_eq(mkdir(f->two, 0700), 0);
    fd = open(f->file, O_WRONLY | O_CREAT, 0700);
    ck_assert_int_eq(close(fd), 0);
}

static enum err confine_front(const struct front *f)
{
    const struct confine_path paths[] = {{f->data, true}, {"/usr", false}, {"/dev/null", true}};

    return process_confine(paths, ARRAY_LEN(paths), true);
}

/* Runs `part` in a confined child; it returns GOOD or the number of the line that did not hold.
 */
static int run(struct front *f, int (*part)(struct front *f))
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(confine_front(f) == ERR_OK ? part(f) : NOT_CONFINED);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool denied(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd >= 0)
        (void)close(fd);
    return fd < 0 && errno == EACCES;
}

static int keys_are_shut(struct front *f)
{
    char other[4 * WORLD_PATH];

    if (!denied(f->identity, O_RDONLY))
        return 1;
    if (!denied(f->w.log_key, O_RDONLY))
        return 2;
    if (!denied(f->w.state, O_RDWR) || !denied(f->w.state, O_RDONLY))
        return 3;
    if (!denied(f->w.keys, O_RDONLY | O_DIRECTORY))
        return 4;
    (void)snprintf(other, sizeof(other), "%s/stolen", f->one);
    if (link(f->identity, other) == 0 || rename(f->identity, other) == 0)
        return 5;
    if (truncate(f->w.state, 0) == 0 || unlink(f->w.state) == 0)
        return 6;
    if (!denied("/etc/shadow", O_RDONLY) || !denied("/proc/1/mem", O_RDONLY))
        return 7;
    return GOOD;
}

START_TEST(key_files_are_shut)
{
    struct front f;

    if (!has_landlock())
        return;
    front_make(&f);
    ck_assert_int_eq(run(&f, keys_are_shut), GOOD);
    ck_assert_int_eq(access(f.identity, R_OK), 0); /* they were there all the time */
    world_end(&f.w);
}
END_TEST

/* The blob store's way of making a file appear: unnamed, then linked. */
static int list_is_open(struct front *f)
{
    char from[64], to[4 * WORLD_PATH];
    int fd = open(f->one, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, "x", 1) != 1)
        return 1;
    (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
    (void)snprintf(to, sizeof(to), "%s/linked", f->two);
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) != 0)
        return 2;
    (void)close(fd);
    (void)snprintf(from, sizeof(from), "/dev/null");
    fd = open(from, O_WRONLY);
    if (fd < 0)
        return 3;
    (void)close(fd);
    if (rename(to, f->file) != 0) /* between folders */
        return 4;
    if (unlink(f->file) != 0 || rmdir(f->two) != 0)
        return 5;
    fd = open("/usr/bin", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return 6;
    (void)close(fd);
    return denied("/usr/bin/env", O_RDWR) ? GOOD : 7;
}

START_TEST(the_list_is_open)
{
    struct front f;

    if (!has_landlock())
        return;
    front_make(&f);
    ck_assert_int_eq(run(&f, list_is_open), GOOD);
    world_end(&f.w);
}
END_TEST

/* What may be written may not be executed; what is executed stays confined. */
static int execution(struct front *f)
{
    static char sh[] = "sh", flag[] = "-c",
                script[] = "cat \"$0\" >/dev/null 2>&1 && exit 3; exit 0";
    char *argv[] = {sh, flag, script, f->identity, NULL}, *envp[] = {NULL};

    (void)execve(f->file, argv, envp);
    if (errno != EACCES)
        return 1;
    (void)execve("/usr/bin/dash", argv, envp);
    (void)execve("/usr/bin/bash", argv, envp);
    return 2;
}

START_TEST(execution_is_confined_too)
{
    struct front f;

    if (!has_landlock())
        return;
    front_make(&f);
    ck_assert_int_eq(run(&f, execution), GOOD);
    world_end(&f.w);
}
END_TEST

static int attributes(struct front *f)
{
    (void)f;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 1;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? GOOD : 2;
}

START_TEST(privileges_are_shut)
{
    struct front f;

    if (!has_landlock())
        return;
    front_make(&f);
    ck_assert_int_eq(run(&f, attributes), GOOD);
    world_end(&f.w);
}
END_TEST

static void *sleep_a_while(void *arg)
{
    (void)arg;
    (void)pause();
    return NULL;
}

static int with_a_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_a_while, NULL) != 0)
        return 1;
    return process_confine(NULL, 0, true) == ERR_UNSUPPORTED ? GOOD : 2;
}

START_TEST(bad_calls)
{
    const struct confine_path missing = {"/nonexistent/folder", false};
    pid_t pid;
    int status;

    if (!has_landlock())
        return;
    pid = fork();
    if (pid == 0)
        _exit(process_confine(&missing, 1, true) == ERR_NOT_FOUND ? with_a_thread() : 3);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), GOOD);
}
END_TEST

/* The reason for the guardian: the confined front can have a new keeper although it can open
 * none of its files. */
static int keeper_is_replaced(struct front *f)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    struct keeper_info info, again;
    enum err e;

    if (!denied(f->identity, O_RDONLY) || keeper_info(f->w.keeper, &info) != ERR_OK)
        return 1;
    (void)kill((pid_t)info.pid, SIGKILL);
    do {
        (void)usleep(20000);
        e = keeper_info(f->w.keeper, &again);
    } while ((e != ERR_OK || again.pid == info.pid) && clock_steady_ms() < deadline);
    return e == ERR_OK && again.n_identities == 1 ? GOOD : 2;
}

START_TEST(a_confined_front_gets_a_new_keeper)
{
    struct front f;

    if (!has_landlock())
        return;
    front_make(&f);
    world_start(&f.w);
    ck_assert_int_eq(run(&f, keeper_is_replaced), GOOD);
    world_end(&f.w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/confine", key_files_are_shut, the_list_is_open,
                     execution_is_confined_too, privileges_are_shut, bad_calls,
                     a_confined_front_gets_a_new_keeper);
}
