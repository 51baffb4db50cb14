/* Errors as problems: every refusal has a status and a page, and a fault of ours tells nothing
 * of itself. */
#include "gateway/evidence/rules/refusal.h"
#include "gateway/routes/api.h"
#include "tests/unit/http/front.h"

static void refuse_it(struct http_exchange *x)
{
    api_problem(x, refuse((enum refusal)atoi(http_query(x, "n"))));
}

static void fail_it(struct http_exchange *x)
{
    api_problem(x, err_set((enum err)atoi(http_query(x, "n")), "the secret of this machine"));
}

static const struct http_route ROUTES[] = {
    {.method = "GET",
     .pattern = "/problems/{name}",
     .name = "page",
     .handle = problem_page_handle},
    {.method = "GET", .pattern = "/refuse", .name = "refuse", .handle = refuse_it},
    {.method = "GET", .pattern = "/fail", .name = "fail", .handle = fail_it},
};

static void start(void)
{
    struct http_server_config config = front_config();
    config.routes = ROUTES;
    config.n_routes = ARRAY_LEN(ROUTES);
    front_start(&config);
}

static char *get(const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return ask_text(request);
}

START_TEST(every_refusal_has_a_status_and_a_page)
{
    start();
    for (int r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
        char path[128], wanted[160];
        (void)snprintf(path, sizeof(path), "/refuse?n=%d", r);
        char *reply = get(path);
        int status = status_of(reply);
        ck_assert_msg(status >= 400 && status < 600, "%s: %s", refusal_name((enum refusal)r),
                      reply);
        ck_assert_ptr_nonnull(strstr(reply, "application/problem+json"));
        (void)snprintf(wanted, sizeof(wanted), "\"/problems/%s\"",
                       refusal_name((enum refusal)r));
        ck_assert_ptr_nonnull(strstr(reply, wanted));
        ck_assert_int_eq(strstr(reply, "Retry-After: ") != NULL, status == 503);
        free(reply);

        (void)snprintf(path, sizeof(path), "/problems/%s", refusal_name((enum refusal)r));
        reply = get(path);
        (void)snprintf(wanted, sizeof(wanted), "answered with status %d.", status);
        ck_assert_int_eq(status_of(reply), 200);
        ck_assert_ptr_nonnull(strstr(reply, wanted));
        free(reply);
    }
    char *reply = get("/problems/no-such-problem");
    ck_assert_int_eq(status_of(reply), 404);
    free(reply);
    reply = get("/problems/none");
    ck_assert_int_eq(status_of(reply), 404);
    free(reply);
    front_stop();
}
END_TEST

START_TEST(every_error_has_an_answer_and_faults_tell_nothing)
{
    static const struct {
        enum err code;
        int status;
        bool told; /* malformed input is explained to who sent it */
    } ANSWERS[] = {
        {ERR_NOMEM, 503, false},       {ERR_INVALID, 400, true},
        {ERR_TOO_LARGE, 413, false},   {ERR_NOT_FOUND, 500, false},
        {ERR_EXISTS, 500, false},      {ERR_DENIED, 500, false},
        {ERR_CONFLICT, 500, false},    {ERR_EXPIRED, 500, false},
        {ERR_BUSY, 503, false},        {ERR_TIMEOUT, 503, false},
        {ERR_IO, 500, false},          {ERR_NO_SPACE, 507, false},
        {ERR_CORRUPT, 500, false},     {ERR_CRYPTO, 500, false},
        {ERR_UNAVAILABLE, 503, false}, {ERR_UNSUPPORTED, 500, false},
        {ERR_INTERNAL, 500, false},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(ANSWERS); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/fail?n=%d", (int)ANSWERS[i].code);
        char *reply = get(path);
        ck_assert_msg(status_of(reply) == ANSWERS[i].status, "%s: %s",
                      err_name(ANSWERS[i].code), reply);
        ck_assert_int_eq(strstr(reply, "secret") != NULL, ANSWERS[i].told);
        free(reply);
    }
    front_stop();
}
END_TEST

int main(void)
{
    return SUITE_RUN("routes/problem", every_refusal_has_a_status_and_a_page,
                     every_error_has_an_answer_and_faults_tell_nothing);
}
