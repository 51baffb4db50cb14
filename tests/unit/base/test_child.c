#include "gateway/base/child.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, KEPT_OPEN = 50 };

/* A shell with this script; our end of its socket. */
static int shell(const char *script, pid_t *pid)
{
    static char name[] = "sh", option[] = "-c", told[] = "TOLD=this";
    char text[512], *argv[] = {name, option, text, NULL}, *env[] = {told, NULL};
    int pair[2];

    ck_assert_int_lt(snprintf(text, sizeof(text), "%s", script), (int)sizeof(text));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(child_start("/bin/sh", argv, env, pair[1], pid), ERR_OK);
    ck_assert_int_gt(*pid, 0);
    (void)close(pair[1]);
    return pair[0];
}

/* All that it says until it ends. */
static void hear(int control, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while ((n = recv(control, out + len, size - 1 - len, 0)) > 0)
        len += (size_t)n;
    ck_assert_int_eq(n, 0);
    out[len] = '\0';
}

START_TEST(it_inherits_its_socket_and_nothing_else)
{
    unsigned long long blocked, ignored;
    char said[1024];
    sigset_t some;
    int end = 0;
    pid_t pid;

    ck_assert_int_eq(dup2(STDERR_FILENO, KEPT_OPEN), KEPT_OPEN); /* not close-on-exec */
    ck_assert_ptr_ne(signal(SIGUSR2, SIG_IGN), SIG_ERR);
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGUSR1);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &some, NULL), 0);

    int control =
        shell("tr '\\0' ' ' </proc/$$/environ >&3;"
              "[ -e /proc/$$/fd/50 ] && echo kept >&3; [ -e /proc/$$/fd/2 ] || echo lost >&3;"
              "read input || echo nothing to read >&3; echo nobody hears;"
              "exec grep -E '^Sig(Blk|Ign)' /proc/self/status >&3",
              &pid);
    hear(control, said, sizeof(said));
    /* the C library has signals of its own, that are as whoever started us had them */
    ck_assert_int_eq(sscanf(said, "TOLD=this nothing to read\nSigBlk:\t%llx\nSigIgn:\t%llx%n",
                            &blocked, &ignored, &end),
                     2);
    ck_assert_str_eq(said + end, "\n");
    ck_assert_uint_eq(blocked >> (SIGUSR1 - 1) & 1, 0);
    ck_assert_uint_eq(ignored >> (SIGUSR2 - 1) & 1, 0);
    (void)close(control);
    child_stop(&pid, PATIENCE_MS);
    (void)close(KEPT_OPEN);
}
END_TEST

START_TEST(it_is_given_time_to_end)
{
    char path[] = "/tmp/eg-child-XXXXXX", script[128], word[16] = "";
    int fd = mkstemp(path);
    pid_t pid;

    ck_assert_int_ge(fd, 0);
    (void)snprintf(script, sizeof(script), "cat <&3; echo ended >%s", path);
    int control = shell(script, &pid);
    (void)close(control);
    child_stop(&pid, PATIENCE_MS);
    ck_assert_int_eq(pid, -1);
    ck_assert_int_eq(pread(fd, word, sizeof(word) - 1, 0), 6);
    ck_assert_str_eq(word, "ended\n");
    child_stop(&pid, PATIENCE_MS); /* no harm */
    (void)close(fd);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(who_does_not_end_is_killed)
{
    pid_t pid, was;
    int control = shell("trap '' TERM HUP; exec sleep 10000", &pid);

    was = pid;
    (void)close(control);
    child_stop(&pid, 1);
    ck_assert_int_eq(pid, -1);
    ck_assert_int_eq(kill(was, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}
END_TEST

START_TEST(nobody_hangs_on_one_that_takes_nothing)
{
    char packet[4096] = "";
    pid_t pid;
    int control = shell("exec sleep 10000", &pid);
    ssize_t sent;

    ck_assert_int_eq(child_send_deadline(control, 20), ERR_OK);
    do
        sent = send(control, packet, sizeof(packet), MSG_NOSIGNAL);
    while (sent > 0);
    ck_assert_int_eq(sent, -1);
    ck_assert_int_eq(errno, EAGAIN);
    (void)close(control);
    child_stop(&pid, 1);
}
END_TEST

START_TEST(what_cannot_be_executed_is_named)
{
    static char name[] = "evidence-nobody";
    char *argv[] = {name, NULL}, *env[] = {NULL};
    pid_t pid = -1;

    ck_assert_int_eq(
        child_start("/nonexistent/evidence-nobody", argv, env, STDERR_FILENO, &pid),
        ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_NOT_FOUND), "executing evidence-nobody: "));
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/child", it_inherits_its_socket_and_nothing_else,
                     it_is_given_time_to_end, who_does_not_end_is_killed,
                     nobody_hangs_on_one_that_takes_nothing, what_cannot_be_executed_is_named);
}
