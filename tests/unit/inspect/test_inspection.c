/* The client beside an inspector that is none: no trouble of it fails anything here, and none
 * of it is ever clean. The real one is tried in tests/integration/test_inspector.py. */
#include "gateway/inspect/inspection.h"
#include "gateway/inspect/spawner.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(no_program)
{
    struct inspectors_config config = {.program = "/nowhere/evidence-inspector",
                                       .clamd_socket = "/nowhere/clamd"};
    struct inspectors *p = NULL;

    ck_assert_int_eq(inspectors_start(&config, &p), ERR_NOT_FOUND);
    ck_assert_ptr_null(p);
}
END_TEST

START_TEST(another_program)
{
    static const char *const programs[] = {"/bin/true", "/bin/cat"};

    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        struct inspectors_config config = {.program = programs[i],
                                           .clamd_socket = "/nowhere/clamd"};
        struct inspectors *p = NULL;

        ck_assert_int_eq(inspectors_start(&config, &p), ERR_UNAVAILABLE);
        ck_assert_ptr_null(p);
    }
}
END_TEST

START_TEST(too_long)
{
    static char longest[5000];
    struct inspectors_config config = {.program = "/bin/true", .clamd_socket = longest};
    struct inspectors *p = NULL;

    memset(longest, 'x', sizeof(longest) - 1);
    ck_assert_int_eq(inspectors_start(&config, &p), ERR_INVALID);
    config.clamd_socket = "/nowhere/clamd";
    config.user = longest;
    ck_assert_int_eq(inspectors_start(&config, &p), ERR_INVALID);
}
END_TEST

START_TEST(jobs)
{
    struct job in = {.magic = JOB_MAGIC, .kind = JOB_INSPECT, .id = 7}, out;
    int pair[2], fds[JOB_FDS_MAX], file = open("/dev/null", O_RDONLY), sent[3] = {file, 0, 1};

    ck_assert_int_eq(job_socketpair(pair), ERR_OK);
    ck_assert_int_eq(job_send(pair[0], &in, sent, 3), ERR_OK);
    ck_assert_int_eq(job_recv(pair[1], &out, fds), ERR_OK);
    ck_assert_uint_eq(out.id, 7);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_ge(fds[i], 0);
        ck_assert_int_ne(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, 0);
        close(fds[i]);
    }
    ck_assert_int_eq(job_send(pair[0], &in, sent, 0), ERR_OK);
    ck_assert_int_eq(job_recv(pair[1], &out, fds), ERR_OK);
    ck_assert_int_eq(fds[0], -1);
    in.magic = 1; /* not ours: refused, its descriptor closed */
    ck_assert_int_eq(job_send(pair[0], &in, sent, 1), ERR_OK);
    ck_assert_int_eq(job_recv(pair[1], &out, fds), ERR_INVALID);
    ck_assert_int_eq(fds[0], -1);
    ck_assert_int_eq(send(pair[0], "short", 5, 0), 5);
    ck_assert_int_eq(job_recv(pair[1], &out, fds), ERR_INVALID);
    close(pair[0]);
    ck_assert_int_eq(job_recv(pair[1], &out, fds), ERR_UNAVAILABLE);
    ck_assert_int_eq(job_send(pair[1], &in, NULL, 0), ERR_UNAVAILABLE);
    close(pair[1]);
    close(file);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    return SUITE_RUN("inspect/inspection", no_program, another_program, too_long, jobs);
}
