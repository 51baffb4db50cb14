/* Requests and replies through the real server. */
#include "tests/unit/http/front.h"

#include <dirent.h>
#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"

static void expect(const char *request, int status, const char *text)
{
    char *reply = ask_text(request);

    ck_assert_msg(status_of(reply) == status, "%s\n%s", request, reply);
    if (text != NULL)
        ck_assert_msg(strstr(reply, text) != NULL, "%s\n%s", request, reply);
    free(reply);
}

START_TEST(replies_carry_the_protective_headers)
{
    static const char *const wanted[] = {
        "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nCache-Control: no-store\r\n",
        "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nContent-Security-Policy: default-src 'none'",
        "\r\nStrict-Transport-Security: max-age=",
    };
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\n" HOST CLOSE,
        "GET /nowhere HTTP/1.1\r\n" HOST CLOSE,
        "PATCH /hello HTTP/1.1\r\n" HOST CLOSE,
        "DELETE /hello HTTP/1.1\r\n" HOST CLOSE,
        "GET /silent HTTP/1.1\r\n" HOST CLOSE,
        "GET /stream?size=10 HTTP/1.1\r\n" HOST CLOSE,
        "GET /hello HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n",
    };
    struct http_server_config config = front_config();

    front_start_tls(&config);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        char *reply = secure_ask(requests[i]);

        for (size_t k = 0; k < ARRAY_LEN(wanted); k++)
            ck_assert_msg(strstr(reply, wanted[k]) != NULL, "%s\n%s", requests[i], reply);
        free(reply);
    }
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(routing_answers)
{
    struct http_server_config config = front_config();
    char *reply;

    front_start(&config);
    expect("GET /hello HTTP/1.1\r\n" HOST CLOSE, 200, "\r\n\r\nhello");
    expect("GET /nowhere HTTP/1.1\r\n" HOST CLOSE, 404, "\"type\":\"/problems/not-found\"");
    expect("PATCH /hello HTTP/1.1\r\n" HOST CLOSE, 405, "\r\nAllow: GET, HEAD, DELETE\r\n");
    expect("DELETE /hello HTTP/1.1\r\n" HOST CLOSE, 204, NULL);
    expect("GET /silent HTTP/1.1\r\n" HOST CLOSE, 500, "/problems/internal");
    expect("OPTIONS * HTTP/1.1\r\n" HOST CLOSE, 204, NULL);
    expect("GET /parts/a%2Fb/c/d?q=1+2&q=%26 HTTP/1.1\r\n" HOST CLOSE, 200, "a/b|c/d|1 2|2");
    expect("GET /parts/a/b HTTP/1.1\r\n" HOST CLOSE, 200, "\r\nCache-Control: private\r\n");
    reply = ask_text("HEAD /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    ck_assert_ptr_nonnull(strstr(reply, "\r\nContent-Length: 5\r\n"));
    ck_assert_str_eq(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    ck_assert_ptr_null(strstr(reply, "Strict-Transport-Security"));
    free(reply);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.completed), 9);
    ck_assert_int_eq(atomic_load(&seen.done), 4); /* hello, DELETE, silent, HEAD */
}
END_TEST

START_TEST(a_method_may_be_named_where_the_address_says_so)
{
    static const struct {
        const char *line, *instead, *want;
    } rows[] = {
        {"GET /which", NULL, "GET as GET of PATCH, GET, HEAD"},
        {"POST /which", NULL, "POST as * of PATCH, GET, HEAD"},
        {"POST /which", "PATCH", "POST as PATCH of PATCH, GET, HEAD"},
        {"POST /which", "GET", "POST as GET of PATCH, GET, HEAD"},
        {"GET /which", "PATCH", "GET as PATCH of PATCH, GET, HEAD"},
        {"PATCH /which", "patch", "PATCH as * of PATCH, GET, HEAD"},
        {"GET /which", "", "GET as * of PATCH, GET, HEAD"},
        {"GET /hello", "DELETE", "hello"},
        {"POST /hello", "GET", "method-not-allowed"},
        {"GET /which", "GET\r\nX-HTTP-Method-Override: GET", "more than once"},
    };
    struct http_server_config config = front_config();

    front_start(&config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[256];
        char *reply;

        (void)snprintf(request, sizeof(request),
                       "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%s%s\r\n",
                       rows[i].line, rows[i].instead ? "X-HTTP-Method-Override: " : "",
                       rows[i].instead ? rows[i].instead : "", rows[i].instead ? "\r\n" : "");
        reply = ask_text(request);
        ck_assert_msg(strstr(reply, rows[i].want) != NULL, "%s %s: %s", rows[i].line,
                      rows[i].instead, reply);
        free(reply);
    }
    front_stop();
}
END_TEST

START_TEST(bodies_are_collected_up_to_their_limit)
{
    struct http_server_config config = front_config();
    char *request, *reply;
    int fd;

    front_start(&config);
    expect("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n" CLOSE "world", 200, "world");
    expect("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" CLOSE, 200, NULL);
    expect("POST /echo HTTP/1.1\r\n" HOST CLOSE, 200, NULL);
    expect("GET /hello HTTP/1.1\r\n" HOST "Content-Length: 5\r\n" CLOSE "world", 400,
           "/problems/unexpected-body");
    expect("GET /hello HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" CLOSE, 200, NULL);
    fd = front_connect();
    ck_assert(send_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n" CLOSE));
    ck_assert(send_zeros(fd, 65537));
    reply = receive_all(fd, NULL);
    ck_assert_int_eq(status_of(reply), 413);
    free(reply);
    close(fd);
    request = calloc(1, 80000);
    strcpy(request,
           "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n11170\r\n");
    memset(request + strlen(request), 'a', 0x11170);
    strcat(request, "\r\n0\r\n\r\n");
    expect(request, 413, "/problems/body-too-large");
    free(request);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 7);
}
END_TEST

START_TEST(a_streamed_body_arrives_whole)
{
    struct http_server_config config = front_config();
    struct secure c;
    char *reply;

    front_start_tls(&config);
    ck_assert(secure_open(&c, NULL, false, NULL));
    for (int i = 0; i < 2; i++) {
        static const char head[] =
            "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n";

        atomic_store(&seen.bytes, 0);
        ck_assert(secure_send(&c, head, sizeof(head) - 1));
        ck_assert(secure_zeros(&c, 3000000));
        reply = secure_receive(&c, true, NULL);
        ck_assert_int_eq(status_of(reply), 201);
        ck_assert_ptr_nonnull(strstr(reply, "{\"bytes\":3000000}"));
        free(reply);
    }
    secure_close(&c);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 2);
    ck_assert_int_eq(atomic_load(&seen.last_status), 201);
    certificate_remove();
}
END_TEST

START_TEST(a_truncated_body_never_finishes)
{
    struct http_server_config config = front_config();
    struct secure c;
    int fd;

    front_start(&config);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n"));
    ck_assert(send_zeros(fd, 99999));
    close(fd);
    await(&seen.done, 1);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /count HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n"));
    (void)shutdown(fd, SHUT_WR);
    await(&seen.done, 2);
    close(fd);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.begun), 2);
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
    ck_assert_int_eq(atomic_load(&seen.last_status), 0);

    /* The same under TLS, cut without a close_notify. */
    front_start_tls(&config);
    ck_assert(secure_open(&c, NULL, false, NULL));
    ck_assert(secure_send(
        &c, "PUT /count HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n12345",
        strlen("PUT /count HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n12345")));
    secure_close(&c);
    await(&seen.done, 3);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
    certificate_remove();
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_refusal_within_the_cap_keeps_the_connection)
{
    struct http_server_config config = front_config();
    struct secure c;
    char *reply;

    front_start_tls(&config);
    ck_assert(secure_open(&c, NULL, false, NULL));
    for (int i = 0; i < 2; i++) {
        static const char head[] =
            "PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\n\r\n";

        ck_assert(secure_send(&c, head, sizeof(head) - 1));
        ck_assert(secure_zeros(&c, 2000000)); /* all of it, before a look at the answer */
        reply = secure_receive(&c, true, NULL);
        ck_assert_msg(status_of(reply) == 403, "%s", reply);
        free(reply);
    }
    secure_close(&c);
    front_stop();
    ck_assert_uint_eq(atomic_load(&seen.bytes), 0); /* no piece after the refusal */
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
    ck_assert_int_eq(atomic_load(&seen.done), 2);
    certificate_remove();
}
END_TEST

/* The length alone is past the cap: the answer comes at once and is not lost to a reset,
 * although the client goes on sending before it looks. */
START_TEST(a_refusal_past_the_cap_reaches_a_client_that_still_sends)
{
    static const char head[] =
        "PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 1000000000\r\n\r\n";
    struct http_server_config config = front_config();
    struct secure c;
    char *reply;
    int fd;

    front_start(&config);
    fd = front_connect();
    ck_assert(send_text(fd, head));
    ck_assert(send_zeros(fd, 3 << 20));
    reply = receive_all(fd, NULL);
    ck_assert_msg(status_of(reply) == 403, "%s", reply);
    ck_assert_ptr_nonnull(strcasestr(reply, "\r\nConnection: close\r\n"));
    free(reply);
    close(fd);
    front_stop();

    front_start_tls(&config);
    ck_assert(secure_open(&c, NULL, false, NULL));
    ck_assert(secure_send(&c, head, sizeof(head) - 1));
    ck_assert(secure_zeros(&c, 3 << 20));
    reply = secure_receive(&c, false, NULL);
    ck_assert_msg(status_of(reply) == 403, "%s", reply);
    free(reply);
    secure_close(&c);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 2);
    certificate_remove();
}
END_TEST

START_TEST(a_bad_head_with_a_body_behind_it_is_answered)
{
    struct http_server_config config = front_config();
    char *reply;
    int fd;

    front_start(&config);
    fd = front_connect();
    ck_assert(
        send_text(fd, "PUT /count HTTP/1.1\r\n" HOST HOST "Content-Length: 2000000\r\n\r\n"));
    ck_assert(send_zeros(fd, 2000000));
    reply = receive_all(fd, NULL);
    ck_assert_msg(status_of(reply) == 400, "%s", reply);
    free(reply);
    close(fd);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.begun), 0);
}
END_TEST

START_TEST(who_waits_for_continue_is_refused_without_it)
{
    struct http_server_config config = front_config();
    char *reply;
    int fd;

    front_start(&config);
    reply = ask_text("PUT /refuse HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                     "Content-Length: 1000000\r\n\r\n");
    ck_assert_msg(status_of(reply) == 403, "%s", reply);
    free(reply);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /count HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                            "Content-Length: 10\r\n" CLOSE));
    reply = malloc(26);
    ck_assert_int_eq(recv(fd, reply, 25, MSG_WAITALL), 25);
    ck_assert_int_eq(memcmp(reply, "HTTP/1.1 100 Continue\r\n\r\n", 25), 0);
    free(reply);
    ck_assert(send_text(fd, "0123456789"));
    reply = receive_all(fd, NULL);
    ck_assert_int_eq(status_of(reply), 201);
    free(reply);
    close(fd);
    front_stop();
}
END_TEST

START_TEST(a_late_refusal_drains_or_cuts)
{
    struct http_server_config config = front_config();
    char *reply;
    int fd;

    front_start(&config);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /count?refuse_at=50000 HTTP/1.1\r\n" HOST
                            "Content-Length: 1000000\r\n" CLOSE));
    ck_assert(send_zeros(fd, 1000000));
    reply = receive_all(fd, NULL);
    ck_assert_int_eq(status_of(reply), 409);
    free(reply);
    close(fd);
    ck_assert_uint_lt(atomic_load(&seen.bytes), 100000);

    atomic_store(&seen.bytes, 0);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /count?refuse_at=1 HTTP/1.1\r\n" HOST
                            "Content-Length: 1000000000\r\n" CLOSE));
    ck_assert(!send_zeros(fd, 1000000000)); /* cut at the cap */
    close(fd);
    await(&seen.done, 2);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
    ck_assert_int_eq(atomic_load(&seen.last_status), 0); /* no answer got out */
}
END_TEST

START_TEST(a_remembered_stream_is_released_though_never_sent)
{
    struct http_server_config config = front_config();
    char *reply;
    int fd;

    front_start(&config);
    fd = front_connect();
    ck_assert(
        send_text(fd, "PUT /refuse?stream HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n"));
    ck_assert(send_zeros(fd, 5000));
    await(&seen.begun, 1);
    close(fd);
    await(&seen.done, 1);
    ck_assert_int_eq(atomic_load(&seen.released), 1);
    fd = front_connect();
    ck_assert(send_text(fd, "PUT /refuse?stream HTTP/1.1\r\n" HOST "Content-Length: 5\r\n" CLOSE
                            "12345"));
    reply = receive_all(fd, NULL);
    ck_assert_int_eq(status_of(reply), 403);
    ck_assert_ptr_nonnull(strstr(reply, "\r\n\r\n0123456789abc"));
    free(reply);
    close(fd);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.released), 2);
}
END_TEST

/* ---- streams ---- */

static void pattern_check(const char *reply, size_t len, uint64_t first, size_t size)
{
    const char *body = strstr(reply, "\r\n\r\n");

    ck_assert_ptr_nonnull(body);
    body += 4;
    ck_assert_uint_eq(len - (size_t)(body - reply), size);
    for (size_t i = 0; i < size; i++)
        if (body[i] != pattern[(first + i) % 64])
            ck_abort_msg("byte %zu differs", i);
}

START_TEST(streams_arrive_whole_and_in_ranges)
{
    static const char whole[] = "GET /stream?size=5000000 HTTP/1.1\r\n" HOST CLOSE;
    static const char range[] =
        "GET /stream?size=5000000 HTTP/1.1\r\n" HOST "Range: bytes=100001-300000\r\n" CLOSE;
    struct http_server_config config = front_config();
    struct secure c;
    size_t len;
    char *reply;

    front_start_tls(&config);
    ck_assert(secure_open(&c, NULL, false, NULL));
    ck_assert(secure_send(&c, whole, sizeof(whole) - 1));
    reply = secure_receive(&c, false, &len);
    ck_assert_int_eq(status_of(reply), 200);
    pattern_check(reply, len, 0, 5000000);
    free(reply);
    secure_close(&c);
    ck_assert(secure_open(&c, NULL, false, NULL));
    ck_assert(secure_send(&c, range, sizeof(range) - 1));
    reply = secure_receive(&c, false, &len);
    ck_assert_int_eq(status_of(reply), 206);
    ck_assert_ptr_nonnull(strstr(reply, "\r\nContent-Range: bytes 100001-300000/5000000\r\n"));
    pattern_check(reply, len, 100001, 200000);
    free(reply);
    secure_close(&c);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.released), 2);
    ck_assert_int_eq(atomic_load(&seen.done), 2);
    certificate_remove();
}
END_TEST

START_TEST(other_streams)
{
    struct http_server_config config = front_config();
    char *reply;
    size_t len;
    int fd;

    front_start(&config);
    reply = ask_text("HEAD /stream?size=123456 HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_ptr_nonnull(strstr(reply, "\r\nContent-Length: 123456\r\n"));
    ck_assert_str_eq(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    free(reply);
    reply = ask_text("GET /stream?size=30&unknown HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_ptr_nonnull(strstr(reply, "\r\nTransfer-Encoding: chunked\r\n"));
    ck_assert_ptr_nonnull(
        strstr(reply, "\r\n\r\n1E\r\n0123456789abcdefghijklmnopqrst\r\n0\r\n\r\n"));
    free(reply);
    reply = ask_text("GET /stream?size=30&unknown HTTP/1.0\r\n" HOST "\r\n");
    ck_assert_ptr_nonnull(strstr(reply, "\r\n\r\n0123456789abcdefghijklmnopqrst"));
    free(reply);
    reply = ask_text("GET /stream?size=0 HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_ptr_nonnull(strstr(reply, "\r\nContent-Length: 0\r\n"));
    free(reply);
    /* A source that fails cuts the connection: the client sees less than was announced. */
    fd = front_connect();
    ck_assert(send_text(fd, "GET /stream?size=1000000&fail=200000 HTTP/1.1\r\n" HOST CLOSE));
    reply = receive_all(fd, &len);
    ck_assert_int_eq(status_of(reply), 200);
    ck_assert_uint_lt(len, 400000);
    free(reply);
    close(fd);
    await(&seen.done, 5);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.released), 5);
}
END_TEST

/* ---- start ---- */

START_TEST(bad_settings_are_refused)
{
    static const char *const listens[] = {
        "",      "127.0.0.1", "localhost:0",      "127.0.0.1:x",
        ":8443", "[::1:0",    "127.0.0.1:123456", "192.0.2.1:0"};
    struct http_server_config config = front_config();
    struct http_server *s;
    gnutls_datum_t none = {.data = (unsigned char *)"x", .size = 1};
    char other[80];

    for (size_t i = 0; i < ARRAY_LEN(listens); i++) {
        config.listen = listens[i];
        ck_assert_msg(http_server_start(&config, &s) != ERR_OK, "%s", listens[i]);
        ck_assert_ptr_null(s);
    }
    config.listen = "127.0.0.1:0";
    certificate_make(30);
    config.tls = true;
    config.certificate_file = certificate_file;
    config.private_key_file = key_file;
    ck_assert_int_eq(chmod(key_file, 0640), 0);
    ck_assert_int_eq(http_server_start(&config, &s), ERR_DENIED);
    ck_assert_int_eq(chmod(key_file, 0600), 0);
    (void)snprintf(other, sizeof(other), "%s/other.pem", folder);
    ck_assert_int_eq(rename(key_file, other), 0);
    ck_assert_int_eq(http_server_start(&config, &s), ERR_NOT_FOUND);
    file_write(key_file, &none);
    ck_assert_int_eq(http_server_start(&config, &s), ERR_CRYPTO);
    certificate_make(30); /* a new pair: the old key does not fit */
    config.private_key_file = other;
    ck_assert_int_eq(http_server_start(&config, &s), ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "other.pem"));
    (void)unlink(other);
    certificate_remove();
}
END_TEST

START_TEST(ipv6_is_served)
{
    struct http_server_config config = front_config();
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    char *reply;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    config.listen = "[::1]:0";
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
        return; /* no IPv6 here */
    close(fd);
    front_start(&config);
    ck_assert_int_eq(strncmp(http_server_address(server), "[::1]:", 6), 0);
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    addr.sin6_port = htons((uint16_t)atoi(http_server_address(server) + 6));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    ck_assert(send_text(fd, "GET /hello HTTP/1.1\r\n" HOST CLOSE));
    reply = receive_all(fd, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    close(fd);
    front_stop();
}
END_TEST

START_TEST(the_numbers_add_up)
{
    struct http_server_config config = front_config();
    struct http_stats stats;

    front_start(&config);
    expect("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n" CLOSE "world", 200, "world");
    expect("GET /hello HTTP/1.1\r\n" HOST CLOSE, 200, NULL);
    expect("GET /hello HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", 400, NULL);
    await(&seen.completed, 3);
    http_server_stats(server, &stats);
    ck_assert_uint_eq(stats.connections_total, 3);
    ck_assert_uint_eq(stats.requests, 3);
    ck_assert_uint_eq(stats.bad_heads, 1);
    ck_assert_uint_eq(stats.bytes_in, 5);
    ck_assert_uint_ge(stats.bytes_out, 10);
    ck_assert_uint_eq(stats.refused_connections, 0);
    front_stop();
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "http/server", replies_carry_the_protective_headers, routing_answers,
        a_method_may_be_named_where_the_address_says_so, bodies_are_collected_up_to_their_limit,
        a_streamed_body_arrives_whole, a_truncated_body_never_finishes,
        a_refusal_within_the_cap_keeps_the_connection,
        a_refusal_past_the_cap_reaches_a_client_that_still_sends,
        a_bad_head_with_a_body_behind_it_is_answered,
        who_waits_for_continue_is_refused_without_it, a_late_refusal_drains_or_cuts,
        a_remembered_stream_is_released_though_never_sent, streams_arrive_whole_and_in_ranges,
        other_streams, bad_settings_are_refused, ipv6_is_served, the_numbers_add_up);
}
