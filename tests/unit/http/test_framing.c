/* Raw bytes in, status out: what a lenient server would let through. Nothing of it may reach a
 * route, and nothing may follow it on its connection. */
#include "tests/unit/http/front.h"

#define HOST "Host: a.example\r\n"
#define END "\r\n"

struct row {
    const char *name, *bytes;
    size_t len;
    int status; /* 0: closed without an answer */
};
#define ROW(name, status, bytes)                                                               \
    {                                                                                          \
        name, bytes, sizeof(bytes) - 1, status                                                 \
    }
#define POST "POST /echo HTTP/1.1\r\n" HOST
#define GET "GET /hello HTTP/1.1\r\n" HOST

static const struct row refused[] = {
    ROW("length and chunked", 400,
        POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("chunked and length", 400,
        POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ROW("two lengths", 400, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ROW("same length twice", 400, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ROW("list of lengths", 400, POST "Content-Length: 5, 5\r\n\r\nhello"),
    ROW("space before colon", 400, POST "Content-Length : 5\r\n\r\nhello"),
    ROW("tab before colon", 400, POST "Content-Length\t: 5\r\n\r\nhello"),
    ROW("negative length", 400, POST "Content-Length: -5\r\n\r\nhello"),
    ROW("signed length", 400, POST "Content-Length: +5\r\n\r\nhello"),
    ROW("hexadecimal length", 400, POST "Content-Length: 0x5\r\n\r\nhello"),
    ROW("empty length", 400, POST "Content-Length:\r\n\r\nhello"),
    ROW("length 2^64", 413, POST "Content-Length: 18446744073709551616\r\n\r\nhello"),
    ROW("length 2^63", 400, POST "Content-Length: 9223372036854775808\r\n\r\nhello"),
    ROW("chunked on 1.0", 400,
        "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("gzip, chunked", 400, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ROW("chunked twice", 400,
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("xchunked", 400, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ROW("chunked with a vertical tab", 400,
        POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"),
    ROW("bare LF in the request line", 400, "GET /hello HTTP/1.1\n" HOST END),
    ROW("bare LF in a header", 400, "GET /hello HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    ROW("bare LF in the last header", 400, "GET /hello HTTP/1.1\r\nHost: a\n\r\n"),
    ROW("bare LF as the blank line", 400, GET "\n"),
    ROW("bare LF throughout", 400, "GET /hello HTTP/1.1\nHost: a\n\n"),
    ROW("bare CR in a value", 400, GET "X: a\rb\r\n\r\n"),
    ROW("NUL in a value", 400, GET "X: a\0b\r\n\r\n"),
    ROW("NUL in a name", 400, GET "X\0Y: a\r\n\r\n"),
    ROW("NUL in the target", 400, "GET /hel\0lo HTTP/1.1\r\n" HOST END),
    ROW("control in a value", 400, GET "X: a\x01\r\n\r\n"),
    ROW("escape sequence in a value", 400, GET "User-Agent: \x1b[2J\r\n\r\n"),
    ROW("control in a name", 400, GET "X\x01: a\r\n\r\n"),
    ROW("name not a token", 400, GET "X(Y): a\r\n\r\n"),
    ROW("no name", 400, GET ": a\r\n\r\n"),
    ROW("no colon", 400, GET "nonsense\r\n\r\n"),
    ROW("folded header", 400, GET "X: a\r\n b\r\n\r\n"),
    ROW("folded into a length", 400, POST "Conten: 5\r\n t-Length\r\n\r\nhello"),
    ROW("folded first header", 400, "GET /hello HTTP/1.1\r\n Host: a\r\n\r\n"),
    ROW("folded with a colon", 400, GET "X: a\r\n Y: b\r\n\r\n"),
    ROW("two hosts", 400, GET "Host: b.example\r\n\r\n"),
    ROW("no host", 400, "GET /hello HTTP/1.1\r\n\r\n"),
    ROW("two authorizations", 400,
        GET "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"),
    ROW("two content types", 400,
        POST "Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n"),
    ROW("two ranges", 400, GET "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n"),
    ROW("two keys", 400, GET "Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n"),
    ROW("absolute target", 400, "GET http://a.example/hello HTTP/1.1\r\n" HOST END),
    ROW("authority target", 400, "CONNECT a.example:443 HTTP/1.1\r\n" HOST END),
    ROW("space in the target", 400, "GET /hel lo HTTP/1.1\r\n" HOST END),
    ROW("two spaces", 400, "GET  /hello HTTP/1.1\r\n" HOST END),
    ROW("fragment", 400, "GET /hello#x HTTP/1.1\r\n" HOST END),
    ROW("%00", 400, "GET /hello%00 HTTP/1.1\r\n" HOST END),
    ROW("bad escape", 400, "GET /hello?q=%zz HTTP/1.1\r\n" HOST END),
    ROW("short escape", 400, "GET /hello?q=%2 HTTP/1.1\r\n" HOST END),
    ROW("dot segments", 400, "GET /parts/../../etc/passwd HTTP/1.1\r\n" HOST END),
    ROW("encoded dot segments", 400, "GET /parts/a/%2e%2e%2fx HTTP/1.1\r\n" HOST END),
    ROW("HTTP/1.2", 400, "GET /hello HTTP/1.2\r\n" HOST END),
    ROW("HTTP/2.0", 505, "GET /hello HTTP/2.0\r\n" HOST END),
    ROW("HTTP/0.9", 505, "GET /hello HTTP/0.9\r\n" HOST END),
    ROW("no version", 400, "GET /hello\r\n" HOST END),
    ROW("method not a token", 400, "GE(T /hello HTTP/1.1\r\n" HOST END),
    ROW("chunk size not hexadecimal", 400,
        POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n"),
    ROW("negative chunk size", 400,
        POST "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    ROW("0x chunk size", 400,
        POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"),
    ROW("chunk size 2^64", 413,
        POST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nhello\r\n0\r\n\r\n"),
    ROW("chunk longer than its size", 400,
        POST "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n"),
    ROW("authorization in a trailer", 400,
        POST
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nAuthorization: Bearer a\r\n\r\n"),
    ROW("length in a trailer", 400,
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
    ROW("folded trailer", 400,
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nAuthoriz: Bearer a\r\n"
             " ation\r\n\r\n"),
    ROW("control in a trailer", 400,
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: \x01\r\n\r\n"),
    ROW("plain noise", 400, "\x16\x03\x01\x02 \r\n\r\n"),
    ROW("only a word", 0, "HELLO\r\n\r\n"),
};

START_TEST(every_line_is_refused_and_nothing_follows)
{
    struct http_server_config config = front_config();

    front_start(&config);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        static const char second[] = GET "X-Second: 1\r\n\r\n";
        char bytes[1024], *reply;

        /* A pipelined second request must not be answered. */
        memcpy(bytes, refused[i].bytes, refused[i].len);
        memcpy(bytes + refused[i].len, second, sizeof(second) - 1);
        reply = ask(bytes, refused[i].len + sizeof(second) - 1);
        ck_assert_msg(status_of(reply) == refused[i].status, "%s: %s", refused[i].name, reply);
        ck_assert_msg(strstr(reply, "HTTP/1.1 200") == NULL, "%s: %s", refused[i].name, reply);
        ck_assert_msg(strstr(reply, "hello") == NULL, "%s: %s", refused[i].name, reply);
        if (refused[i].status != 0)
            ck_assert_msg(strcasestr(reply, "\r\nConnection: close\r\n") != NULL, "%s: %s",
                          refused[i].name, reply);
        free(reply);
    }
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.finished), 0);
}
END_TEST

START_TEST(honest_requests_pass)
{
    static const struct row good[] = {
        ROW("plain", 200, GET "Connection: close\r\n\r\n"),
        ROW("http 1.0", 200, "GET /hello HTTP/1.0\r\n\r\n"),
        ROW("blank line first", 200, "\r\n" GET "Connection: close\r\n\r\n"),
        ROW("padding", 200, GET "Connection:   close  \r\nX:\t a\t b \r\nEmpty:\r\n\r\n"),
        ROW("query", 200, "GET /hello?a=b&c=%20 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"),
        ROW("body", 200, POST "Content-Length: 5\r\nConnection: close\r\n\r\nhello"),
        ROW("chunks", 200,
            POST "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        ROW("trailer", 200,
            POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Note: hello\r\n\r\n"),
        ROW("obs-text", 200, GET "X: caf\xe9\r\nConnection: close\r\n\r\n"),
    };
    struct http_server_config config = front_config();

    front_start(&config);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char *reply = ask(good[i].bytes, good[i].len);

        ck_assert_msg(status_of(reply) == 200, "%s: %s", good[i].name, reply);
        ck_assert_msg(strstr(reply, "hello") != NULL, "%s: %s", good[i].name, reply);
        if (strcmp(good[i].name, "trailer") == 0)
            ck_assert_ptr_nonnull(strstr(reply, "X-Note: hello"));
        free(reply);
    }
    front_stop();
}
END_TEST

/* The head in many pieces lies in the same memory as the head in one. */
START_TEST(a_head_in_single_bytes_passes)
{
    static const char head[] = GET "X-One: 1\r\nX-Two:  two \r\nConnection: close\r\n\r\n";
    struct http_server_config config = front_config();
    char *reply;
    int fd;

    front_start(&config);
    fd = front_connect();
    for (size_t i = 0; i < sizeof(head) - 1; i++) {
        ck_assert(send_all(fd, &head[i], 1));
        (void)poll(NULL, 0, 1);
    }
    reply = receive_all(fd, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    close(fd);
    front_stop();
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    struct http_server_config config = front_config();
    char *reply, *second;

    front_start(&config);
    reply = ask_text(GET "\r\n" POST "Content-Length: 3\r\n\r\nabc" GET
                         "Connection: close\r\n\r\n");
    ck_assert_int_eq(status_of(reply), 200);
    second = strstr(reply, "abc");
    ck_assert_msg(second != NULL, "%s", reply);
    ck_assert_ptr_nonnull(strstr(second, "hello"));
    free(reply);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 3);
}
END_TEST

static char *big(const char *before, size_t n, const char *after)
{
    size_t a = strlen(before), b = strlen(after);
    char *out = malloc(a + n + b + 1);

    memcpy(out, before, a);
    memset(out + a, 'a', n);
    memcpy(out + a + n, after, b + 1);
    return out;
}

static void big_ask(const char *before, size_t n, const char *after, int want)
{
    char *request = big(before, n, after), *reply = ask_text(request);

    ck_assert_msg(status_of(reply) == want, "%zu: %s", n, reply);
    free(request);
    free(reply);
}

START_TEST(oversized_heads_are_told_so)
{
    struct http_server_config config = front_config();
    struct http_stats stats;

    front_start(&config);
    big_ask("GET /", 5000, " HTTP/1.1\r\n" HOST END, 414);
    big_ask("GET /", 60000, " HTTP/1.1\r\n" HOST END, 414);
    big_ask(GET "X: ", 17000, "\r\n\r\n", 431);
    big_ask(GET "X: ", 60000, "\r\n\r\n", 431);
    big_ask(GET "X: ", 1000000, "\r\n\r\n", 431);
    big_ask(GET "X: ", 8000, "\r\nConnection: close\r\n\r\n", 200);
    http_server_stats(server, &stats);
    ck_assert_uint_ge(stats.bad_heads, 2);
    front_stop();
}
END_TEST

START_TEST(too_many_fields_are_told_so)
{
    struct http_server_config config = front_config();
    char request[8192] = GET, *reply;

    front_start(&config);
    for (int i = 0; i < 100; i++)
        strcat(request, "X: y\r\n");
    strcat(request, "\r\n");
    reply = ask_text(request);
    ck_assert_int_eq(status_of(reply), 431);
    free(reply);
    front_stop();
}
END_TEST

/* A chunk size that never ends must not be read for ever. */
START_TEST(an_endless_chunk_size_ends)
{
    struct http_server_config config = front_config();
    char *request, *reply;

    front_start(&config);
    request = big(POST "Transfer-Encoding: chunked\r\n\r\n5;", 200000, "");
    reply = ask_text(request);
    ck_assert_int_ge(status_of(reply), 400);
    free(reply);
    free(request);
    request = big(POST "Transfer-Encoding: chunked\r\n\r\n", 200000, "");
    reply = ask_text(request);
    ck_assert_int_ge(status_of(reply), 400);
    free(reply);
    free(request);
    front_stop();
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/framing", every_line_is_refused_and_nothing_follows,
                     honest_requests_pass, a_head_in_single_bytes_passes,
                     pipelined_requests_are_answered_in_order, oversized_heads_are_told_so,
                     too_many_fields_are_told_so, an_endless_chunk_size_ends);
}
