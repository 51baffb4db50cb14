/* Deadlines, caps and drain. Time is only ever waited for with wide margins; CPU bounds are
 * those of a spin, not of a fast machine. */
#include "tests/unit/http/limits.h"

/* ---- deadlines ---- */

START_TEST(silent_and_slow_heads_are_ended)
{
    struct http_server_config config = front_config();
    int silent_fd, slow_fd;

    config.limits.head_ms = 300;
    front_start(&config);
    silent_fd = front_connect();
    slow_fd = front_connect();
    ck_assert(send_text(slow_fd, "GET /hello HTTP/1.1\r\nX: "));
    for (int i = 0; i < 1500 && stats().reaped < 2; i++) {
        (void)send_text(slow_fd, "a");
        (void)poll(NULL, 0, 20);
    }
    ck_assert_uint_eq(stats().reaped, 2);
    ck_assert(closed(silent_fd));
    ck_assert(closed(slow_fd));
    close(silent_fd);
    close(slow_fd);
    served();
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 1);
}
END_TEST

START_TEST(idle_connections_are_ended)
{
    struct http_server_config config = front_config();
    char reply[512];
    int fd;

    config.limits.idle_ms = 200;
    front_start(&config);
    fd = front_connect();
    ck_assert(send_text(fd, HELLO));
    ck_assert_int_gt(recv(fd, reply, sizeof(reply), 0), 0);
    ck_assert(closed(fd));
    close(fd);
    ck_assert_uint_eq(stats().reaped, 1);
    front_stop();
}
END_TEST

START_TEST(slow_bodies_are_ended_and_steady_ones_are_not)
{
    struct http_server_config config = front_config();
    char *reply;
    int slow_fd, steady_fd;

    config.limits.body_min_rate = 2000;
    config.limits.body_rate_window_ms = 1500; /* a busy machine may pause for so long */
    front_start(&config);
    slow_fd = front_connect();
    steady_fd = front_connect();
    ck_assert(
        send_text(slow_fd, "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n"));
    ck_assert(
        send_text(steady_fd, "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n" CLOSE));
    for (int i = 0; i < 60; i++) {
        (void)send_text(slow_fd, "a");
        ck_assert(send_zeros(steady_fd, 1000));
        (void)poll(NULL, 0, 50);
    }
    reply = receive_all(steady_fd, NULL);
    ck_assert_int_eq(status_of(reply), 201);
    free(reply);
    ck_assert(closed(slow_fd));
    close(slow_fd);
    close(steady_fd);
    await(&seen.done, 2);
    ck_assert_uint_eq(stats().reaped, 1);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.finished), 1);
}
END_TEST

START_TEST(slow_readers_are_ended)
{
    struct http_server_config config = front_config();
    int fd, small = 4096;

    config.limits.body_min_rate = 1000;
    config.limits.body_rate_window_ms = 300;
    front_start(&config);
    fd = front_connect();
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ck_assert(send_text(fd, "GET /stream?size=1000000000 HTTP/1.1\r\n" HOST "\r\n"));
    await(&seen.done, 1); /* without a byte read */
    ck_assert_int_eq(atomic_load(&seen.released), 1);
    close(fd);
    front_stop();
}
END_TEST

/* A route that works for longer than the rate's window is not its client's fault. */
START_TEST(a_slow_route_is_not_ended_by_the_rate)
{
    static const char *const requests[] = {
        "GET /slow?ms=1200 HTTP/1.1\r\n" HOST CLOSE,
        "PUT /count?slow_ms=1200 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n" CLOSE "ab",
        "GET /stream?size=2&slow_ms=1200 HTTP/1.1\r\n" HOST CLOSE,
    };
    struct http_server_config config = front_config();

    config.limits.body_min_rate = 1000000;
    config.limits.body_rate_window_ms = 200;
    front_start(&config);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        char *reply = ask_text(requests[i]);

        ck_assert_msg(status_of(reply) / 100 == 2, "%s", requests[i]);
        ck_assert_msg(i < 2 || strstr(reply, "\r\n\r\n01") != NULL, "%s", reply);
        free(reply);
    }
    ck_assert_uint_eq(stats().reaped, 0);
    front_stop();
}
END_TEST

START_TEST(a_request_past_its_deadline_is_ended)
{
    struct http_server_config config = front_config();
    int fd;

    config.limits.request_ms = 300;
    front_start(&config);
    fd = front_connect();
    ck_assert(
        send_text(fd, "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 100000000\r\n\r\n"));
    while (send_zeros(fd, 1000))
        (void)poll(NULL, 0, 5);
    await(&seen.done, 1);
    close(fd);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
    ck_assert_int_eq(atomic_load(&seen.last_status), 0);
}
END_TEST

START_TEST(a_drain_past_its_deadline_is_ended)
{
    struct http_server_config config = front_config();
    int fd;

    config.limits.drain_ms = 300;
    front_start(&config);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n"));
    while (send_text(fd, "a"))
        (void)poll(NULL, 0, 10);
    await(&seen.done, 1);
    close(fd);
    front_stop();
}
END_TEST

/* ---- caps ---- */

START_TEST(one_address_has_its_cap)
{
    struct http_server_config config = front_config();
    int fds[5];

    config.limits.connections_per_address = 4;
    front_start(&config);
    for (int i = 0; i < 5; i++)
        fds[i] = front_connect();
    ck_assert(closed(fds[4]));
    ck_assert_uint_eq(stats().refused_connections, 1);
    close(fds[4]);
    close(fds[0]);
    AWAIT(stats().connections_now <= 3);
    served();
    for (int i = 1; i < 4; i++)
        close(fds[i]);
    front_stop();
}
END_TEST

START_TEST(busy_connections_hold_the_total_cap)
{
    struct http_server_config config = front_config();
    char *reply;
    int fds[8], more;

    config.limits.connections = 8;
    front_start(&config);
    for (int i = 0; i < 8; i++) {
        fds[i] = front_connect();
        ck_assert(send_text(fds[i], "GET /slow?ms=2000 HTTP/1.1\r\n" HOST CLOSE));
    }
    AWAIT(stats().requests >= 8);
    more = front_connect();
    ck_assert(closed(more));
    close(more);
    ck_assert_uint_ge(stats().refused_connections, 1);
    for (int i = 0; i < 8; i++) { /* none of those at work was evicted */
        reply = receive_all(fds[i], NULL);
        ck_assert_int_eq(status_of(reply), 200);
        free(reply);
        close(fds[i]);
    }
    front_stop();
}
END_TEST

START_TEST(idle_connections_make_room)
{
    enum { CAP = 32, CROWD = 200 };
    struct http_server_config config = front_config();
    char reply[512];
    int crowd[CROWD];

    config.limits.connections = CAP;
    config.limits.head_ms = config.limits.idle_ms = 60000;
    front_start(&config);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = front_connect();
        if (send_text(crowd[i], HELLO))
            (void)recv(crowd[i], reply, sizeof(reply), 0); /* served or refused, then idle */
    }
    for (int i = 0; i < 20; i++)
        served_at_last();
    ck_assert_uint_gt(stats().reaped, 0);
    ck_assert_uint_le(stats().connections_now, CAP);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    front_stop();
}
END_TEST

START_TEST(silent_connections_make_room)
{
    enum { CAP = 32 };
    struct http_server_config config = front_config();
    int crowd[CAP];

    config.limits.connections = CAP;
    config.limits.head_ms = config.limits.idle_ms = 60000;
    front_start(&config);
    for (int i = 0; i < CAP; i++)
        crowd[i] = front_connect();
    served_at_last(); /* who is refused calls the reaper, which waits for a newcomer's grace */
    ck_assert_uint_gt(stats().reaped, 0);
    for (int i = 0; i < CAP; i++)
        close(crowd[i]);
    front_stop();
}
END_TEST

START_TEST(the_cap_stays_below_the_descriptors)
{
    struct http_server_config config = front_config();
    struct rlimit files;
    int fds[80];

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = 512;
    setrlimit(RLIMIT_NOFILE, &files);
    config.limits.connections = 10000;
    front_start(&config);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = front_connect();
    ck_assert(closed(fds[79])); /* 512 less the reserve */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    front_stop();
    files.rlim_cur = 300;
    setrlimit(RLIMIT_NOFILE, &files);
    ck_assert_int_eq(http_server_start(&config, &server), ERR_INVALID);
}
END_TEST

START_TEST(exhausted_descriptors_do_not_spin)
{
    struct http_server_config config = front_config();
    struct rlimit files, few;
    char reply[512];
    int held, waiting;
    int64_t before;

    front_start(&config);
    held = front_connect();
    waiting = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(send_text(held, HELLO));
    ck_assert_int_gt(recv(held, reply, sizeof(reply), 0), 0);
    getrlimit(RLIMIT_NOFILE, &files);
    few = files;
    few.rlim_cur = (rlim_t)waiting + 1; /* every number below is taken */
    setrlimit(RLIMIT_NOFILE, &few);
    {
        struct sockaddr_in addr;
        socklen_t len = sizeof(addr);

        getpeername(held, (struct sockaddr *)&addr, &len);
        ck_assert_int_eq(connect(waiting, (struct sockaddr *)&addr, sizeof(addr)), 0);
    }
    ck_assert(send_text(waiting, HELLO));
    before = cpu_ms();
    (void)poll(NULL, 0, 2000);
    ck_assert_int_lt(cpu_ms() - before, 1000);
    ck_assert(send_text(held, HELLO)); /* who is in is served */
    ck_assert_int_gt(recv(held, reply, sizeof(reply), 0), 0);
    setrlimit(RLIMIT_NOFILE, &files);
    ck_assert_int_gt(recv(waiting, reply, sizeof(reply), 0), 0); /* and so is who waited */
    close(held);
    close(waiting);
    front_stop();
}
END_TEST

/* ---- drain ---- */

/* When both requests have been seen. */
static void *drain_beside_two(void *arg)
{
    (void)arg;
    AWAIT(stats().requests >= 2);
    http_server_drain(server, 10000);
    return NULL;
}

START_TEST(a_drain_lets_running_requests_finish)
{
    struct http_server_config config = front_config();
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);
    char first[512], *reply;
    pthread_t drainer;
    int idle, working, late;

    front_start(&config);
    idle = front_connect();
    ck_assert(send_text(idle, HELLO));
    ck_assert_int_gt(recv(idle, first, sizeof(first), 0), 0);
    working = front_connect();
    ck_assert_int_eq(getpeername(working, (struct sockaddr *)&addr, &len), 0);
    ck_assert(send_text(working, "GET /slow?ms=1500 HTTP/1.1\r\n" HOST "\r\n"));
    ck_assert_int_eq(pthread_create(&drainer, NULL, drain_beside_two, NULL), 0);
    ck_assert(closed(idle)); /* although its idle time is not over */
    late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ne(connect(late, (struct sockaddr *)&addr, sizeof(addr)), 0);
    reply = receive_all(working, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    ck_assert_ptr_nonnull(strcasestr(reply, "\r\nConnection: close\r\n"));
    free(reply);
    pthread_join(drainer, NULL);
    ck_assert_int_eq(atomic_load(&seen.done), 2);
    close(idle);
    close(working);
    close(late);
    front_stop();
}
END_TEST

START_TEST(a_drain_ends_at_its_deadline)
{
    struct http_server_config config = front_config();
    int fd;

    front_start(&config);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc"));
    await(&seen.begun, 1);
    http_server_drain(server, 300);
    ck_assert_int_eq(atomic_load(&seen.done), 0);
    front_stop(); /* cuts what is left */
    ck_assert_int_eq(atomic_load(&seen.done), 1);
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
    close(fd);
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/limits", silent_and_slow_heads_are_ended, idle_connections_are_ended,
                     slow_bodies_are_ended_and_steady_ones_are_not, slow_readers_are_ended,
                     a_slow_route_is_not_ended_by_the_rate,
                     a_request_past_its_deadline_is_ended, a_drain_past_its_deadline_is_ended,
                     one_address_has_its_cap, busy_connections_hold_the_total_cap,
                     idle_connections_make_room, silent_connections_make_room,
                     the_cap_stays_below_the_descriptors, exhausted_descriptors_do_not_spin,
                     a_drain_lets_running_requests_finish, a_drain_ends_at_its_deadline);
}
