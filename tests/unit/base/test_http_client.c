#include "gateway/base/http_client.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A server that gives each connection in turn the next of its answers and keeps what was asked.
 */
struct server {
    int fd;
    uint16_t port;
    const char *const *answers;
    size_t n_answers;
    bool silent; /* accepts and never answers */
    pthread_t thread;
    int stop[2];
    char asked[8192];
};

static bool whole_request(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "content-length:");

    if (end == NULL)
        return false;
    return length == NULL || strlen(end + 4) >= strtoul(length + 15, NULL, 10);
}

static void send_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the client has seen enough */
        text += n;
        left -= (size_t)n;
    }
}

static void serve_one(struct server *s, int fd, const char *answer)
{
    size_t start = strlen(s->asked);

    while (!whole_request(s->asked + start)) {
        size_t at = strlen(s->asked);
        ssize_t n = recv(fd, s->asked + at, sizeof(s->asked) - 1 - at, 0);

        if (n <= 0)
            return;
        s->asked[at + (size_t)n] = '\0';
    }
    send_all(fd, answer);
}

static void *serve(void *user)
{
    struct server *s = user;
    int silent_fd = -1;

    for (size_t i = 0;;) {
        struct pollfd p[] = {{.fd = s->fd, .events = POLLIN},
                             {.fd = s->stop[0], .events = POLLIN}};

        if (poll(p, 2, -1) < 0 || p[1].revents != 0)
            break;
        int fd = accept(s->fd, NULL, NULL);
        if (s->silent) {
            silent_fd = fd;
            continue;
        }
        serve_one(s, fd, s->answers[i < s->n_answers ? i : s->n_answers - 1]);
        i++;
        close(fd);
    }
    if (silent_fd >= 0)
        close(silent_fd);
    return NULL;
}

static void server_start(struct server *s, const char *const *answers, size_t n)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    s->answers = answers;
    s->n_answers = n;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(s->fd, 8), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    ck_assert_int_eq(pipe2(s->stop, O_CLOEXEC), 0);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    ck_assert_int_eq(write(s->stop[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->stop[1]);
    close(s->fd);
}

struct result {
    enum err e;
    long status;
    long max_age;
    struct buf body;
};

static struct result fetch(struct server *s, struct http_fetch rq, size_t max)
{
    struct result r = {.status = -7, .max_age = -7};
    char url[100];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/keys", s->port);
    if (rq.url == NULL)
        rq.url = url;
    rq.allow_plain = true;
    rq.connect_timeout_ms = 5000;
    if (rq.total_timeout_ms == 0)
        rq.total_timeout_ms = 20000;
    buf_init(&r.body, max);
    r.e = http_client_fetch(&rq, &r.body, &r.status, &r.max_age);
    return r;
}

static struct result fetch_answer(struct server *s, const char *const *answers, size_t n,
                                  struct http_fetch rq, size_t max)
{
    struct result r;

    server_start(s, answers, n);
    r = fetch(s, rq, max);
    server_stop(s);
    return r;
}

START_TEST(an_answer_arrives_with_status_body_and_age)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nCache-Control: public, "
                                          "Max-Age=300, x=1\r\nContent-Length: 5\r\n\r\nhello"};
    struct server s = {.fd = -1};
    struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){0}, 100);

    ck_assert_msg(r.e == ERR_OK, "%s", err_message(r.e));
    ck_assert_int_eq(r.status, 200);
    ck_assert_int_eq(r.max_age, 300);
    ck_assert_str_eq(buf_text(&r.body), "hello");
    ck_assert_int_eq(strncmp(s.asked, "GET /keys HTTP/1.1\r\n", 20), 0);
    ck_assert_ptr_nonnull(strstr(s.asked, "User-Agent: evidence-gateway/"));
    buf_clear(&r.body);
}
END_TEST

START_TEST(any_status_is_an_answer)
{
    static const char *const answers[] = {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"};
    struct server s = {.fd = -1};
    struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){0}, 100);

    ck_assert_int_eq(r.e, ERR_OK);
    ck_assert_int_eq(r.status, 503);
    ck_assert_int_eq(r.max_age, -1);
    buf_clear(&r.body);
}
END_TEST

START_TEST(odd_ages_are_no_age)
{
    static const char *const values[] = {"no-store", "max-age=", "max-age=x", "s-maxage=9", ""};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char answer[200];
        const char *const answers[] = {answer};
        struct server s = {.fd = -1};

        (void)snprintf(answer, sizeof(answer),
                       "HTTP/1.1 200 OK\r\nCache-Control: %s\r\nContent-Length: 0\r\n\r\n",
                       values[i]);
        struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){0}, 100);
        ck_assert_int_eq(r.e, ERR_OK);
        ck_assert_msg(r.max_age == -1, "%s gave %ld", values[i], r.max_age);
        buf_clear(&r.body);
    }
}
END_TEST

START_TEST(a_body_is_sent)
{
    static const char *const answers[] = {"HTTP/1.1 204 No Content\r\n\r\n"};
    static const char *const headers[] = {"Content-Type: application/json", "X-One: 1", NULL};
    static const char *const methods[] = {"POST", "PUT", "DELETE"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct server s = {.fd = -1};
        struct http_fetch rq = {
            .method = methods[i], .headers = headers, .body = "{\"a\":1}", .body_len = 7};
        struct result r = fetch_answer(&s, answers, 1, rq, 100);

        ck_assert_msg(r.e == ERR_OK, "%s", err_message(r.e));
        ck_assert_int_eq(r.status, 204);
        ck_assert_int_eq(strncmp(s.asked, methods[i], strlen(methods[i])), 0);
        ck_assert_ptr_nonnull(strstr(s.asked, "Content-Length: 7\r\n"));
        ck_assert_ptr_nonnull(strstr(s.asked, "Content-Type: application/json\r\n"));
        ck_assert_ptr_nonnull(strstr(s.asked, "X-One: 1\r\n"));
        ck_assert_ptr_null(strstr(s.asked, "x-www-form-urlencoded"));
        buf_clear(&r.body);
    }
}
END_TEST

START_TEST(no_body_claims_no_type)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    struct server s = {.fd = -1};
    struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){.method = "POST"}, 100);

    ck_assert_int_eq(r.e, ERR_OK);
    ck_assert_ptr_nonnull(strstr(s.asked, "Content-Length: 0\r\n"));
    ck_assert_ptr_null(strcasestr(s.asked, "content-type"));
    buf_clear(&r.body);
}
END_TEST

START_TEST(head_brings_no_body)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"};
    struct server s = {.fd = -1};
    struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){.method = "HEAD"}, 1000);

    ck_assert_msg(r.e == ERR_OK, "%s", err_message(r.e));
    ck_assert_uint_eq(r.body.len, 0);
    buf_clear(&r.body);
}
END_TEST

START_TEST(a_large_answer_is_refused)
{
    static const char *const announced[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890"};
    static const char *const endless[] = {"HTTP/1.1 200 OK\r\n\r\n01234567890"};
    static const char *const fits[] = {"HTTP/1.1 200 OK\r\n\r\n0123456789"};
    struct server a = {.fd = -1}, b = {.fd = -1}, c = {.fd = -1};
    struct result r = fetch_answer(&a, announced, 1, (struct http_fetch){0}, 10);

    ck_assert_int_eq(r.e, ERR_TOO_LARGE);
    ck_assert_uint_eq(r.body.len, 0);
    buf_clear(&r.body);
    r = fetch_answer(&b, endless, 1, (struct http_fetch){0}, 10);
    ck_assert_int_eq(r.e, ERR_TOO_LARGE);
    ck_assert_uint_eq(r.body.len, 0);
    buf_clear(&r.body);
    r = fetch_answer(&c, fits, 1, (struct http_fetch){0}, 10);
    ck_assert_int_eq(r.e, ERR_OK);
    ck_assert_str_eq(buf_text(&r.body), "0123456789");
    buf_clear(&r.body);
}
END_TEST

START_TEST(endless_headers_are_refused)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct server s = {.fd = -1};

    buf_init(&answer, 1 << 20);
    ck_assert_int_eq(buf_append_str(&answer, "HTTP/1.1 200 OK\r\n"), ERR_OK);
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(buf_printf(&answer, "X-%d: %050d\r\n", i, i), ERR_OK);
    ck_assert_int_eq(buf_append_str(&answer, "Content-Length: 0\r\n\r\n"), ERR_OK);
    const char *const answers[] = {buf_text(&answer)};
    struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){0}, 100);
    ck_assert_int_eq(r.e, ERR_TOO_LARGE);
    buf_clear(&r.body);
}
END_TEST

START_TEST(a_broken_or_missing_answer_is_unavailable)
{
    static const char *const cut[] = {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"};
    static const char *const garbage[] = {"\x16\x03\x01 this is not HTTP\r\n\r\n"};
    static const char *const none[] = {""};
    const char *const *const all[] = {cut, garbage, none};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct server s = {.fd = -1};
        struct result r = fetch_answer(&s, all[i], 1, (struct http_fetch){0}, 100);

        ck_assert_msg(r.e == ERR_UNAVAILABLE, "case %zu: %s", i, err_name(r.e));
        ck_assert_uint_eq(r.body.len, 0);
        buf_clear(&r.body);
    }
}
END_TEST

START_TEST(nobody_listening_is_unavailable)
{
    static const char *const answers[] = {""};
    struct server s = {.fd = -1};
    struct result r;

    server_start(&s, answers, 1);
    server_stop(&s);
    r = fetch(&s, (struct http_fetch){0}, 100);
    ck_assert_int_eq(r.e, ERR_UNAVAILABLE);
    buf_clear(&r.body);
}
END_TEST

START_TEST(silence_is_a_timeout)
{
    struct server s = {.fd = -1, .silent = true};
    struct result r =
        fetch_answer(&s, NULL, 0, (struct http_fetch){.total_timeout_ms = 200}, 100);

    ck_assert_int_eq(r.e, ERR_TIMEOUT);
    buf_clear(&r.body);
}
END_TEST

START_TEST(a_redirect_keeps_to_its_scheme_and_its_number)
{
    static const char *const once[] = {
        "HTTP/1.1 302 F\r\nCache-Control: max-age=9\r\nLocation: /new\r\nContent-Length: "
        "3\r\n\r\nold",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"};
    static const char *const other[] = {
        "HTTP/1.1 302 F\r\nLocation: ftp://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n"};
    static const char *const file[] = {
        "HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"};
    static const char *const loop[] = {
        "HTTP/1.1 302 F\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"};
    const char *const *const bad[] = {other, file, loop};
    struct server s = {.fd = -1}, p = {.fd = -1};
    struct result r = fetch_answer(&s, once, 2, (struct http_fetch){0}, 100);

    ck_assert_int_eq(r.e, ERR_OK);
    ck_assert_str_eq(buf_text(&r.body), "new");
    ck_assert_int_eq(r.max_age, -1);
    buf_clear(&r.body);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct server b = {.fd = -1};

        r = fetch_answer(&b, bad[i], 1, (struct http_fetch){0}, 10000);
        ck_assert_msg(r.e == ERR_UNAVAILABLE, "case %zu", i);
        buf_clear(&r.body);
    }
    r = fetch_answer(&p, once, 2, (struct http_fetch){.method = "POST"}, 100);
    ck_assert_int_eq(r.e, ERR_OK);
    ck_assert_int_eq(r.status, 302);
    buf_clear(&r.body);
}
END_TEST

START_TEST(a_header_cannot_carry_another)
{
    static const char *const headers[] = {"X-A: 1\r\nX-B: 2", NULL};
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    struct server s = {.fd = -1};
    struct result r =
        fetch_answer(&s, answers, 1, (struct http_fetch){.headers = headers}, 100);

    ck_assert_int_eq(r.e, ERR_INVALID);
    ck_assert_str_eq(s.asked, "");
    buf_clear(&r.body);
}
END_TEST

START_TEST(the_environment_names_no_proxy)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    struct server s = {.fd = -1};

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    struct result r = fetch_answer(&s, answers, 1, (struct http_fetch){0}, 100);
    ck_assert_msg(r.e == ERR_OK, "%s", err_message(r.e));
    buf_clear(&r.body);
}
END_TEST

START_TEST(plain_http_and_other_schemes_need_permission)
{
    static const char *const urls[] = {"http://127.0.0.1:9/x", "file:///etc/hostname",
                                       "ftp://127.0.0.1/x", "nonsense", ""};

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct http_fetch rq = {
            .url = urls[i], .connect_timeout_ms = 1000, .total_timeout_ms = 2000};
        AUTO_CLEAR(buf_clear) struct buf out;
        long status, max_age;

        buf_init(&out, 1000);
        for (int plain = 0; plain <= (i == 0 ? 0 : 1); plain++) {
            rq.allow_plain = plain != 0;
            ck_assert_msg(http_client_fetch(&rq, &out, &status, &max_age) == ERR_UNAVAILABLE,
                          "%s", urls[i]);
        }
    }
}
END_TEST

extern char **environ;

static pid_t run(const char *const *argv, int out_fd)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (out_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    ck_assert_int_eq(
        posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* openssl s_server on a free port with a fresh certificate for 127.0.0.1 and for nothing else.
 */
static pid_t tls_server(const char *key, const char *cert, unsigned *port)
{
    const char *const make[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "2",
                                "-subj",
                                "/CN=test",
                                "-addext",
                                "subjectAltName=IP:127.0.0.1",
                                "-keyout",
                                key,
                                "-out",
                                cert,
                                NULL};
    const char *const server[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-key",
                                  key,       "-cert",    cert,      "-www",        NULL};
    char line[200] = "";
    int out[2], status;
    size_t at = 0;
    pid_t pid;

    ck_assert_int_eq(waitpid(run(make, -1), &status, 0) > 0 && status == 0, 1);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    pid = run(server, out[1]);
    close(out[1]);
    for (const char *found = NULL; found == NULL || strchr(found, '\n') == NULL;) {
        ssize_t n = read(out[0], line + at, sizeof(line) - 1 - at);

        ck_assert_int_gt(n, 0);
        at += (size_t)n;
        found = strstr(line, "ACCEPT 127.0.0.1:");
        *port = found == NULL ? 0 : (unsigned)strtoul(found + 17, NULL, 10);
    }
    return pid; /* the pipe stays open: the server would die of a broken one */
}

START_TEST(tls_is_verified)
{
    char folder[] = "/tmp/test-http-XXXXXX", key[64], cert[64], url[64], wrong_name[64];
    struct http_fetch rq = {.connect_timeout_ms = 5000, .total_timeout_ms = 20000, .url = url};
    AUTO_CLEAR(buf_clear) struct buf out;
    long status, max_age;
    unsigned port = 0;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
    pid_t pid = tls_server(key, cert, &port);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
    (void)snprintf(wrong_name, sizeof(wrong_name), "https://localhost:%u/", port);
    buf_init(&out, 100000);

    rq.ca_file = cert;
    enum err trusted = http_client_fetch(&rq, &out, &status, &max_age);
    size_t len = out.len;
    rq.url = wrong_name;
    enum err other_name = http_client_fetch(&rq, &out, &status, &max_age);
    rq.url = url;
    rq.ca_file = NULL;
    enum err unknown = http_client_fetch(&rq, &out, &status, &max_age);
    rq.ca_file = "/etc/ssl/certs/ca-certificates.crt";
    enum err other_ca = http_client_fetch(&rq, &out, &status, &max_age);
    rq.ca_file = key;
    enum err no_ca = http_client_fetch(&rq, &out, &status, &max_age);

    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    unlink(key);
    unlink(cert);
    rmdir(folder);
    ck_assert_msg(trusted == ERR_OK, "%s", err_message(trusted));
    ck_assert_int_eq(status, 200);
    ck_assert_uint_gt(len, 0);
    ck_assert_int_eq(other_name, ERR_UNAVAILABLE);
    ck_assert_int_eq(unknown, ERR_UNAVAILABLE);
    ck_assert_int_eq(other_ca, ERR_UNAVAILABLE);
    ck_assert_int_eq(no_ca, ERR_UNAVAILABLE);
}
END_TEST

START_TEST(starting_twice_is_harmless)
{
    ck_assert_int_eq(http_client_init(), ERR_OK);
    ck_assert_int_eq(http_client_init(), ERR_OK);
}
END_TEST

START_TEST(plain_urls_are_of_this_machine)
{
    static const char *const good[] = {
        "https://x.example",    "HTTPS://x/",        "http://127.0.0.1",
        "http://127.0.0.1:80/", "http://localhost/", "http://LocalHost:1?q",
        "http://[::1]:8#at",
    };
    static const char *const bad[] = {
        "",
        "http",
        "http:/",
        "http://",
        "ftp://127.0.0.1",
        "file:///etc/hostname",
        "http://x.example",
        "http://127.0.0.1.x.example",
        "http://127.0.0.1@x.example",
        "http://127.0.0.1:80@x.example/",
        "http://localhost.x/",
        "http://user@localhost/",
        "http://[::1].x/",
        "http://127.0.0.2/",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(http_url_check(good[i], true) == ERR_OK, "%s", good[i]);
        ck_assert_int_eq(http_url_check(good[i], false), i < 2 ? ERR_OK : ERR_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(http_url_check(bad[i], true) == ERR_INVALID, "%s", bad[i]);
}
END_TEST

int main(void)
{
    if (http_client_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN(
        "base/http_client", an_answer_arrives_with_status_body_and_age, any_status_is_an_answer,
        odd_ages_are_no_age, a_body_is_sent, no_body_claims_no_type, head_brings_no_body,
        a_large_answer_is_refused, endless_headers_are_refused,
        a_broken_or_missing_answer_is_unavailable, nobody_listening_is_unavailable,
        silence_is_a_timeout, a_redirect_keeps_to_its_scheme_and_its_number,
        a_header_cannot_carry_another, the_environment_names_no_proxy,
        plain_http_and_other_schemes_need_permission, plain_urls_are_of_this_machine,
        tls_is_verified, starting_twice_is_harmless);
}
