/* Pages of other origins, against the real server. */
#include "tests/unit/http/front.h"

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define OURS "Origin: https://b.example:8443\r\n"
#define ASKS(method) "Access-Control-Request-Method: " method "\r\n"
#define ALLOWED "\r\nAccess-Control-Allow-Origin: https://b.example:8443\r\n"

static void start_with(const char *origins)
{
    struct http_server_config config = front_config();

    config.cors_origins = origins;
    front_start(&config);
}

static bool has(const char *reply, const char *text)
{
    return strstr(reply, text) != NULL;
}

/* Every reply says that it may differ by origin; `allowed`: the origin of OURS may read it. */
static char *asked(const char *request, int status, bool allowed)
{
    char *reply = ask_text(request);

    ck_assert_msg(status_of(reply) == status, "%s\n%s", request, reply);
    ck_assert_msg(has(reply, "\r\nVary: Origin\r\n"), "%s\n%s", request, reply);
    ck_assert_msg(has(reply, ALLOWED) == allowed, "%s\n%s", request, reply);
    ck_assert_msg(has(reply, "Access-Control-Expose-Headers:") == allowed, "%s", reply);
    ck_assert_msg(allowed || !has(reply, "Access-Control-"), "%s\n%s", request, reply);
    ck_assert_msg(!has(reply, "Allow-Credentials"), "%s", reply);
    return reply;
}

START_TEST(without_origins_nothing_is_said)
{
    static const char *const none[] = {NULL, ""};
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\n" HOST OURS CLOSE,
        "OPTIONS /hello HTTP/1.1\r\n" HOST OURS ASKS("DELETE") CLOSE,
        "GET /nowhere HTTP/1.1\r\n" HOST OURS CLOSE,
        "GET /hello HTTP/1.1\r\n" HOST "Origin: \r\n" CLOSE,
    };

    for (size_t i = 0; i < ARRAY_LEN(none) * ARRAY_LEN(requests); i++) {
        char *reply;

        start_with(none[i % ARRAY_LEN(none)]);
        reply = ask_text(requests[i / ARRAY_LEN(none)]);
        ck_assert_int_ne(status_of(reply), 0);
        ck_assert_msg(!has(reply, "Access-Control-") && !has(reply, "Vary:"), "%s", reply);
        free(reply);
        front_stop();
    }
}
END_TEST

START_TEST(every_reply_tells_a_listed_origin_that_it_may_be_read)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET /hello HTTP/1.1\r\n" HOST OURS CLOSE, 200},
        {"HEAD /hello HTTP/1.1\r\n" HOST OURS CLOSE, 200},
        {"GET /stream?size=10 HTTP/1.1\r\n" HOST OURS CLOSE, 200},
        {"GET /nowhere HTTP/1.1\r\n" HOST OURS CLOSE, 404},
        {"PATCH /hello HTTP/1.1\r\n" HOST OURS CLOSE, 405},
        {"GET /silent HTTP/1.1\r\n" HOST OURS CLOSE, 500},
        {"PUT /refuse HTTP/1.1\r\n" HOST OURS "Content-Length: 1\r\n" CLOSE "x", 403},
        {"GET /hello HTTP/1.1\r\n" HOST OURS "Range: bytes=0-\r\nRange: bytes=1-\r\n" CLOSE,
         400},
        {"OPTIONS /hello HTTP/1.1\r\n" HOST OURS CLOSE, 405}, /* asks for nothing */
        {"OPTIONS /nowhere HTTP/1.1\r\n" HOST OURS ASKS("GET") CLOSE, 404},
        {"OPTIONS * HTTP/1.1\r\n" HOST OURS ASKS("GET") CLOSE, 204},
    };
    char *reply;

    start_with("https://a.example https://b.example:8443 https://c.example");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        reply = asked(rows[i].request, rows[i].status, true);
        ck_assert_msg(!has(reply, "Access-Control-Allow-Methods"), "%s", reply);
        free(reply);
    }
    reply = asked("GET /hello HTTP/1.1\r\n" HOST OURS CLOSE, 200, true);
    ck_assert(has(reply, "Upload-Offset") && has(reply, "Location") &&
              has(reply, "Repr-Digest"));
    free(reply);
    front_stop();
}
END_TEST

START_TEST(others_are_told_nothing)
{
    static const char *const origins[] = {
        "Origin: https://b.example\r\n",
        "Origin: https://b.example:844\r\n",
        "Origin: https://b.example:84433\r\n",
        "Origin: http://b.example:8443\r\n",
        "Origin: https://B.example:8443\r\n",
        "Origin: https://a.example https://b.example:8443\r\n",
        "Origin: null\r\n",
        "Origin: *\r\n",
        "Origin: \r\n",
        "",
        OURS OURS,
    };
    char request[512];

    start_with("https://a.example https://b.example:8443");
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        (void)snprintf(request, sizeof(request), "GET /hello HTTP/1.1\r\n" HOST "%s" CLOSE,
                       origins[i]);
        free(asked(request, 200, false));
        (void)snprintf(request, sizeof(request),
                       "OPTIONS /hello HTTP/1.1\r\n" HOST "%s" ASKS("DELETE") CLOSE,
                       origins[i]);
        free(asked(request, 405, false));
    }
    front_stop();
}
END_TEST

START_TEST(a_preflight_is_told_the_methods_of_the_address)
{
    char *reply;

    start_with("https://b.example:8443");
    reply = asked("OPTIONS /hello HTTP/1.1\r\n" HOST OURS ASKS(
                      "DELETE") "Access-Control-Request-Headers: authorization\r\n" CLOSE,
                  204, true);
    ck_assert(has(reply, "\r\nAccess-Control-Allow-Methods: GET, HEAD, DELETE\r\n"));
    ck_assert(has(reply, "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, "));
    ck_assert(has(reply, "Tus-Resumable") && has(reply, "Upload-Complete"));
    ck_assert(has(reply, "\r\nAccess-Control-Max-Age: 600\r\n"));
    ck_assert_str_eq(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    free(reply);
    /* An address that answers for every method does not see it; its own OPTIONS it does. */
    reply = asked("OPTIONS /which HTTP/1.1\r\n" HOST OURS ASKS("PATCH") CLOSE, 204, true);
    ck_assert(has(reply, "\r\nAccess-Control-Allow-Methods: PATCH, GET, HEAD\r\n"));
    free(reply);
    reply = asked("OPTIONS /which HTTP/1.1\r\n" HOST OURS CLOSE, 200, true);
    ck_assert(has(reply, "OPTIONS as * of"));
    free(reply);
    /* No route ran for the preflights. */
    ck_assert_int_eq(atomic_load(&seen.done), 0);
    /* Content of a preflight is read away. */
    free(asked("OPTIONS /hello HTTP/1.1\r\n" HOST OURS ASKS("GET") "Content-Length: 3\r\n" CLOSE
                                                                   "abc",
               204, true));
    front_stop();
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/cors", without_origins_nothing_is_said,
                     every_reply_tells_a_listed_origin_that_it_may_be_read,
                     others_are_told_nothing, a_preflight_is_told_the_methods_of_the_address);
}
