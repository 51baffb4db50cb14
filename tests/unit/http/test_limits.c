/* Deadlines, caps, TLS policy, reload and drain. Time is only ever waited for with wide
 * margins; CPU bounds are those of a spin, not of a fast machine. */
#include "tests/unit/http/front.h"

#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" HOST "\r\n"

static struct http_stats stats(void)
{
    struct http_stats out;

    http_server_stats(server, &out);
    return out;
}

/* Waits until the server has closed this connection: true if it does within 20 s. */
static bool closed(int fd)
{
    char byte[256];
    ssize_t n;

    while ((n = recv(fd, byte, sizeof(byte), 0)) > 0)
        ;
    return n == 0 || errno == ECONNRESET;
}

static void served(void)
{
    char *reply = ask_text("GET /hello HTTP/1.1\r\n" HOST CLOSE);

    ck_assert_msg(status_of(reply) == 200, "%s", reply);
    free(reply);
}

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
    for (int i = 0; i < 200 && stats().reaped < 2; i++) {
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
    config.limits.body_rate_window_ms = 500;
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

/* ---- handshakes ---- */

START_TEST(stalled_handshakes_cost_nothing)
{
    /* The head of a ClientHello of 512 bytes, and silence. */
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    enum { STALLED = 50 };
    struct http_server_config config = front_config();
    int fds[STALLED];
    int64_t before;
    char *reply;

    config.limits.head_ms = 60000;
    front_start_tls(&config);
    for (int i = 0; i < STALLED; i++) {
        fds[i] = front_connect();
        ck_assert(send_all(fds[i], hello, sizeof(hello) - 1));
    }
    (void)poll(NULL, 0, 200);
    before = cpu_ms();
    (void)poll(NULL, 0, 2000);
    ck_assert_int_lt(cpu_ms() - before, 1000); /* one spinning core: 2,000 */
    reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    for (int i = 0; i < 1000 && stats().connections_now > STALLED; i++)
        (void)poll(NULL, 0, 5);
    ck_assert_uint_eq(stats().connections_now, STALLED);
    for (int i = 0; i < STALLED; i++)
        close(fds[i]);
    for (int i = 0; i < 1000 && stats().connections_now > 0; i++)
        (void)poll(NULL, 0, 5);
    ck_assert_uint_eq(stats().handshake_failures, STALLED);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(stalled_handshakes_are_ended)
{
    struct http_server_config config = front_config();
    int fd;

    config.limits.head_ms = 300;
    front_start_tls(&config);
    fd = front_connect();
    ck_assert(send_all(fd, "\x16\x03\x01\x02\x00\x01", 6));
    ck_assert(closed(fd));
    close(fd);
    front_stop();
    certificate_remove();
}
END_TEST

static bool handshake(const char *priority)
{
    struct secure c;
    bool ok = secure_open(&c, priority, false, NULL);

    secure_close(&c);
    return ok;
}

START_TEST(only_modern_tls_is_spoken)
{
    static const char *const refused[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT",
        "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC:-MAC-ALL:+SHA1:+"
        "SHA256",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE2048",
    };
    static const char *const accepted[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.3",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP256R1",
    };
    struct http_server_config config = front_config();

    front_start_tls(&config);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        ck_assert_msg(!handshake(refused[i]), "%s", refused[i]);
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        ck_assert_msg(handshake(accepted[i]), "%s", accepted[i]);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(aes_comes_before_chacha)
{
    struct http_server_config config = front_config();
    struct secure c;

    front_start_tls(&config);
    ck_assert(
        secure_open(&c, "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM", false, NULL));
    ck_assert_int_eq(gnutls_cipher_get(c.session), GNUTLS_CIPHER_AES_256_GCM);
    secure_close(&c);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(noise_on_the_tls_port_is_closed)
{
    static const char record[] = "\x16\x03\x03\x00\x05\x01\x00\x00\x01\x00";
    struct http_server_config config = front_config();
    uint8_t noise[512];
    char *reply;

    config.limits.head_ms = 300; /* some of it looks like the beginning of a handshake */
    front_start_tls(&config);
    reply = ask_text(HELLO);
    ck_assert_int_eq(status_of(reply), 0);
    ck_assert_ptr_null(strstr(reply, "hello"));
    free(reply);
    free(ask(record, sizeof(record) - 1));
    srandom(7);
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)random();
        memcpy(noise, "\x16\x03\x01\x01\xfb", round % 2 == 0 ? 5 : 0);
        free(ask(noise, sizeof(noise)));
    }
    reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 1);
    certificate_remove();
}
END_TEST

START_TEST(renegotiation_is_refused)
{
    struct http_server_config config = front_config();
    struct secure c;

    front_start_tls(&config);
    ck_assert(secure_open(&c, "NORMAL:-VERS-ALL:+VERS-TLS1.2", false, NULL));
    ck_assert_int_ne(gnutls_handshake(c.session), 0);
    secure_close(&c);
    front_stop();
    certificate_remove();
}
END_TEST

static const char *chain_told(bool with_pair, const gnutls_datum_t *ticket,
                              gnutls_datum_t *next, bool *resumed)
{
    static char told[8];
    struct secure c;
    char *reply;

    ck_assert(secure_open(&c, NULL, with_pair, ticket));
    ck_assert(secure_send(&c, "GET /chain HTTP/1.1\r\n" HOST "\r\n", 23 + strlen(HOST)));
    reply = secure_receive(&c, true, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    (void)snprintf(told, sizeof(told), "%s", strstr(reply, "\r\n\r\n") + 4);
    free(reply);
    *resumed = gnutls_session_is_resumed(c.session);
    if (next != NULL)
        ck_assert_int_eq(gnutls_session_get_data2(c.session, next), 0);
    secure_close(&c);
    return told;
}

START_TEST(client_certificates_are_passed_on)
{
    struct http_server_config config = front_config();
    gnutls_datum_t ticket;
    bool resumed;

    config.request_client_certificate = true;
    config.client_ca_file = certificate_file;
    config.session_tickets = true;
    front_start_tls(&config);
    ck_assert_str_eq(chain_told(false, NULL, NULL, &resumed), "0");
    ck_assert_str_eq(chain_told(true, NULL, &ticket, &resumed), "1");
    ck_assert(!resumed);
    /* The chain belongs to the session, also when that is taken up again. */
    ck_assert_str_eq(chain_told(false, &ticket, NULL, &resumed), "1");
    ck_assert(resumed);
    gnutls_free(ticket.data);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(tickets_are_off_unless_asked_for)
{
    struct http_server_config config = front_config();
    gnutls_datum_t ticket;
    bool resumed;

    front_start_tls(&config);
    ck_assert_str_eq(chain_told(false, NULL, &ticket, &resumed), "0");
    ck_assert_str_eq(chain_told(false, &ticket, NULL, &resumed), "0");
    ck_assert(!resumed);
    gnutls_free(ticket.data);
    front_stop();
    certificate_remove();
}
END_TEST

/* ---- reload ---- */

static _Atomic bool enough;
static _Atomic int failures, successes;

static void *hammer(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        char *reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);

        atomic_fetch_add(status_of(reply) == 200 ? &successes : &failures, 1);
        free(reply);
    }
    return NULL;
}

START_TEST(certificates_change_under_load)
{
    enum { CLIENTS = 4, RELOADS = 25 };
    struct http_server_config config = front_config();
    pthread_t clients[CLIENTS];
    int64_t first;
    struct secure old;
    char *reply;

    config.session_tickets = true;
    front_start_tls(&config);
    first = http_server_certificate_expiry(server);
    ck_assert(secure_open(&old, NULL, false, NULL)); /* lives through all of it */
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_create(&clients[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < RELOADS; i++) {
        certificate_make(31 + i);
        ck_assert_int_eq(http_server_reload(server), ERR_OK);
        (void)poll(NULL, 0, 20);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    ck_assert_int_eq(atomic_load(&failures), 0);
    ck_assert_int_gt(atomic_load(&successes), RELOADS);
    ck_assert_int_ge(http_server_certificate_expiry(server) - first,
                     (int64_t)RELOADS * 86400 - 60);
    ck_assert(secure_send(&old, HELLO, strlen(HELLO)));
    reply = secure_receive(&old, true, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    secure_close(&old);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(a_bad_pair_leaves_the_old_one)
{
    struct http_server_config config = front_config();
    gnutls_datum_t junk = {.data = (unsigned char *)"junk", .size = 4};
    int64_t expiry;
    char *reply;

    front_start_tls(&config);
    expiry = http_server_certificate_expiry(server);
    file_write(certificate_file, &junk);
    ck_assert_int_eq(http_server_reload(server), ERR_CRYPTO);
    ck_assert_int_eq(unlink(key_file), 0);
    ck_assert_int_ne(http_server_reload(server), ERR_OK);
    ck_assert_int_eq(http_server_certificate_expiry(server), expiry);
    reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    front_stop();
    certificate_remove();
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
    for (int i = 0; i < 1000 && stats().connections_now > 3; i++)
        (void)poll(NULL, 0, 5);
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
    for (int i = 0; i < 1000 && stats().requests < 8; i++)
        (void)poll(NULL, 0, 5);
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
    for (int i = 0; i < 20; i++) {
        (void)poll(NULL, 0, 60); /* the reaper has been told */
        served();
    }
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
    (void)poll(NULL, 0, 800); /* past a newcomer's grace */
    close(front_connect());   /* may be refused, but calls the reaper */
    (void)poll(NULL, 0, 300);
    served();
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

static void *drain_in_a_while(void *arg)
{
    (void)arg;
    (void)poll(NULL, 0, 200);
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
    ck_assert_int_eq(pthread_create(&drainer, NULL, drain_in_a_while, NULL), 0);
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
                     stalled_handshakes_cost_nothing, stalled_handshakes_are_ended,
                     only_modern_tls_is_spoken, aes_comes_before_chacha,
                     noise_on_the_tls_port_is_closed, renegotiation_is_refused,
                     client_certificates_are_passed_on, tickets_are_off_unless_asked_for,
                     certificates_change_under_load, a_bad_pair_leaves_the_old_one,
                     one_address_has_its_cap, busy_connections_hold_the_total_cap,
                     idle_connections_make_room, silent_connections_make_room,
                     the_cap_stays_below_the_descriptors, exhausted_descriptors_do_not_spin,
                     a_drain_lets_running_requests_finish, a_drain_ends_at_its_deadline);
}
