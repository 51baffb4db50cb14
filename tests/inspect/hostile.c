/* An examiner in foreign hands: it does what the artefact says, inside the very sandbox of the
 * real one (the same nursery, scanner and sandbox, see CMakeLists.txt).
 *
 * Where an attempt is answered with an error instead of death, or with success, the report tells
 * so in its numbers: members = 1 is "it was refused", members = 2 is "it worked". */
#include "gateway/inspect/verdict.h"
#include "gateway/inspector/family.h"
#include "gateway/inspector/roles.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACT_MAX = 256, REFUSED = 1, WORKED = 2 };
static int report_fd;

static uint32_t told(long result)
{
    return result >= 0 ? WORKED : REFUSED;
}

static uint32_t act_open(const char *arg)
{
    return told(open(arg, O_RDONLY));
}

static uint32_t act_write(const char *arg)
{
    return told(open(arg, O_WRONLY | O_CREAT, 0600));
}

static uint32_t act_connect_unix(const char *arg)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", arg);
    return told(fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static uint32_t act_connect_inet(const char *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arg))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return told(fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static uint32_t act_fork(const char *arg)
{
    (void)arg;
    return told(fork());
}



static uint32_t act_exec(const char *arg)
{
    char *argv[] = {NULL, NULL}, *envp[] = {NULL};

    argv[0] = strdup(arg);
    return told(execve(arg, argv, envp));
}

static uint32_t act_ptrace(const char *arg)
{
    return told(ptrace(PTRACE_ATTACH, atoi(arg), NULL, NULL));
}

static uint32_t act_peek(const char *arg)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)act_open, 1};

    return told(process_vm_readv(atoi(arg), &here, 1, &there, 1, 0));
}

static uint32_t act_signal(const char *arg)
{
    return told(kill(atoi(arg), SIGKILL));
}

static uint32_t act_executable(const char *arg)
{
    (void)arg;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED
               ? WORKED
               : REFUSED;
}

static uint32_t act_call(const char *arg)
{
    return told(syscall(atoi(arg), 0, 0, 0, 0, 0, 0));
}

static uint32_t act_memory(const char *arg)
{
    size_t total = 0;

    (void)arg;
    for (;;) {
        char *p = malloc(16 << 20);

        if (p == NULL)
            return REFUSED;
        memset(p, 1, 16 << 20);
        total += 16 << 20;
        if (total > (size_t)4 << 30)
            return WORKED;
    }
}

static uint32_t act_spin(const char *arg)
{
    volatile unsigned long n = 0;

    (void)arg;
    for (;;)
        n++;
}

static uint32_t act_sleep(const char *arg)
{
    (void)arg;
    for (;;)
        (void)poll(NULL, 0, -1);
}

static void *arg_at(uintptr_t at)
{
    return (void *)at;
}

static uint32_t act_crash(const char *arg)
{
    (void)arg;
    *(volatile int *)arg_at(0) = 1;
    return WORKED;
}

/* Descriptors beyond its own two, standard ones included. */
static uint32_t act_descriptors(const char *arg)
{
    char byte = 0;

    (void)arg;
    for (int fd = 5; fd < 1024; fd++) {
        if (read(fd, &byte, 0) == 0 || write(fd, &byte, 0) == 0)
            return WORKED;
    }
    return REFUSED;
}

/* Into the log, where an operator would believe it. */
static uint32_t act_log(const char *arg)
{
    (void)!write(2, arg, strlen(arg));
    (void)!write(1, arg, strlen(arg));
    return REFUSED;
}

static void forge(const char *how)
{
    struct verdict v = {.outcome = INSPECT_CLEAN, .type = "text/plain"};
    static uint8_t bytes[3 * VERDICT_SIZE];
    size_t len = VERDICT_SIZE;

    verdict_encode(&v, bytes);
    if (strcmp(how, "magic") == 0)
        bytes[0] ^= 1;
    else if (strcmp(how, "short") == 0)
        len--;
    else if (strcmp(how, "long") == 0)
        len++;
    else if (strcmp(how, "twice") == 0) {
        memcpy(bytes + VERDICT_SIZE, bytes, VERDICT_SIZE);
        len *= 2;
    } else if (strcmp(how, "outcome") == 0)
        bytes[12] = 200;
    else if (strcmp(how, "virus") == 0) {
        v.outcome = INSPECT_VIRUS;
        memcpy(v.virus, "Forged", 7);
        verdict_encode(&v, bytes);
    } else if (strcmp(how, "control") == 0)
        bytes[176] = '\n';
    (void)!write(report_fd, bytes, len);
    _exit(EXIT_SUCCESS);
}

static uint32_t act_forge(const char *arg)
{
    forge(arg);
    return WORKED;
}

static const struct {
    const char *name;
    uint32_t (*run)(const char *arg);
} ACTS[] = {
    {"open", act_open},
    {"write", act_write},
    {"connect-unix", act_connect_unix},
    {"connect-inet", act_connect_inet},
    {"fork", act_fork},
    {"exec", act_exec},
    {"ptrace", act_ptrace},
    {"peek", act_peek},
    {"signal", act_signal},
    {"executable", act_executable},
    {"call", act_call},
    {"memory", act_memory},
    {"spin", act_spin},
    {"sleep", act_sleep},
    {"crash", act_crash},
    {"descriptors", act_descriptors},
    {"log", act_log},
    {"forge", act_forge},
};

void examiner_warm(void)
{
}

static void read_act(int fd, char act[ACT_MAX])
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, act + len, ACT_MAX - 1 - len)) > 0 && len < ACT_MAX - 1)
        len += (size_t)n;
    act[len] = '\0';
    act[strcspn(act, "\n")] = '\0';
}

static uint32_t do_act(int fd)
{
    char act[ACT_MAX];
    char *arg;

    read_act(fd, act);
    arg = act + strcspn(act, " ");
    if (*arg != '\0')
        *arg++ = '\0';
    for (size_t i = 0; i < sizeof(ACTS) / sizeof(ACTS[0]); i++) {
        if (strcmp(act, ACTS[i].name) == 0)
            return ACTS[i].run(arg);
    }
    return 0;
}

int examiner_run(int plain, int report, const char *declared_type)
{
    struct verdict v = {.outcome = INSPECT_CLEAN};
    uint8_t bytes[VERDICT_SIZE];

    report_fd = report;
    verdict_text(v.type, sizeof(v.type), declared_type, strlen(declared_type));
    v.members = do_act(plain);
    verdict_encode(&v, bytes);
    return write(report, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) ? EXIT_SUCCESS
                                                                         : EXIT_FAILURE;
}

/* It says that it opened what it did not pass on. */
int opener_run(int plain, int password, int opened)
{
    (void)opened;
    (void)do_act(plain);
    return write(password, "O", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The page is the act: a picture that is none. */
int renderer_run(int plain, int picture, const char *type, uint32_t page)
{
    (void)type;
    (void)page;
    (void)do_act(plain);
    return write(picture, "no picture", 10) == 10 ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct family FAMILY = {.open = opener_run, .render = renderer_run};
