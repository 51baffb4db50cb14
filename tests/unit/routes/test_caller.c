/* What every call shares: who calls, and ids, bodies, query arguments and pages. */
#include "gateway/routes/api.h"
#include "tests/unit/http/front.h"

#include "tests/unit/auth/token_kit.h"

static struct api api;

static enum err whoami_run(struct http_exchange *x, const struct principal *p)
{
    http_reply_bytes(x, 200, "text/plain", p->subject, strlen(p->subject));
    return ERR_OK;
}
static const struct api_call WHOAMI = {whoami_run};

/* As the resource of unfinished uploads asks. */
static void resume_handle(struct http_exchange *x)
{
    struct principal p;
    enum err e = api_identify(x, &p);
    if (e != ERR_OK)
        api_refuse_caller(x, e, true);
    else
        http_reply_empty(x, 204);
}

static enum err shared_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"a", "limit", "cursor", NULL};
    struct uuid id, after;
    size_t limit = 0;
    (void)p;
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "id", &id));
    TRY(api_page(x, 20, 50, &limit, &after));
    json_t *body = json_object();
    json_put_int(body, "limit", (json_int_t)limit);
    json_put_bool(body, "from_start", uuid_is_nil(&after));
    api_page_next(x, body, &id);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
static const struct api_call SHARED = {shared_run};

static enum err body_run(struct http_exchange *x, const struct principal *p)
{
    AUTO(json_free) json_t *body = NULL;
    (void)p;
    TRY(api_body(x, &body));
    http_reply_empty(x, 204);
    return ERR_OK;
}
static const struct api_call BODY = {body_run};

static const struct http_route ROUTES[] = {
    {.method = "GET", .pattern = "/me", .name = "me", .handle = api_handle, .meta = &WHOAMI},
    {.method = "GET", .pattern = "/resume", .name = "resume", .handle = resume_handle},
    {.method = "GET",
     .pattern = "/things/{id}",
     .name = "thing",
     .handle = api_handle,
     .meta = &SHARED},
    {.method = "POST",
     .pattern = "/body",
     .name = "body",
     .body = BODY_COLLECT,
     .body_max = 1000,
     .handle = api_handle,
     .meta = &BODY},
};

static EVP_PKEY *key;
static char set_path[96];

static void start(void)
{
    char jwk[2048], document[4096];
    struct issuer_config issuer = kit_issuer();
    struct http_server_config config = front_config();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(set_path, sizeof(set_path), "%s/jwks.json", folder);
    key = kit_ec();
    kit_jwk(key, "k", "ES256", jwk);
    (void)snprintf(document, sizeof(document), "{\"keys\":[%s]}", jwk);
    kit_write(set_path, document, strlen(document));
    issuer.jwks_file = set_path;
    struct auth_config auth = {.issuers = &issuer, .n_issuers = 1, .token_cache = 8};
    ck_assert_int_eq(authenticator_new(&auth, &api.auth), ERR_OK);
    config.routes = ROUTES;
    config.n_routes = ARRAY_LEN(ROUTES);
    config.context = &api;
    front_start(&config);
}

static void stop(void)
{
    front_stop();
    authenticator_free(api.auth);
    EVP_PKEY_free(key);
    (void)unlink(set_path);
    (void)rmdir(folder);
}

/* `authorization` is stolen; NULL: none. */
static char *call(const char *method, const char *target, char *authorization, const char *more)
{
    char *request = NULL;
    ck_assert_int_gt(
        asprintf(&request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%s%s%s", method,
                 target, authorization ? "Authorization: " : "",
                 authorization ? authorization : "", authorization ? "\r\n" : "", more),
        0);
    char *reply = ask_text(request);
    free(request);
    free(authorization);
    return reply;
}

static char *good_token(void)
{
    return kit_token(key, "k", kit_claims());
}

static void expect(char *reply, int status, const char *text)
{
    ck_assert_msg(status_of(reply) == status, "not %d: %s", status, reply);
    ck_assert_msg(!text || strstr(reply, text), "no %s in: %s", text, reply);
    free(reply);
}

START_TEST(who_calls)
{
    start();
    expect(call("GET", "/me", good_token(), "\r\n"), 200, "person-1");
    expect(call("GET", "/me", NULL, "\r\n"), 401, "WWW-Authenticate: Bearer\r\n");
    expect(call("GET", "/me", strdup("Basic eA=="), "\r\n"), 401, "Bearer");
    expect(call("GET", "/me", strdup("Bearer nonsense"), "\r\n"), 401, "\"invalid_token\"");
    expect(call("GET", "/me",
                kit_token(key, "k", kit_with("exp", json_integer(clock_now_seconds() - 600))),
                "\r\n"),
           401, "\"invalid_token\"");
    expect(call("GET", "/me", kit_token(key, "k", kit_with("roles", json_string("operator"))),
                "\r\n"),
           403, "\"insufficient_scope\"");
    EVP_PKEY *mine = kit_ec();
    expect(call("GET", "/me", kit_token(mine, "k", kit_claims()), "\r\n"), 401,
           "\"invalid_token\"");
    EVP_PKEY_free(mine);
    stop();
}
END_TEST

static char *expired_token(EVP_PKEY *by)
{
    json_t *claims = kit_with("exp", json_integer(clock_now_seconds() - 300));
    json_object_set_new(claims, "iat", json_integer(clock_now_seconds() - 600));
    return kit_token(by, "k", claims);
}

START_TEST(an_expired_token_costs_a_login)
{
    EVP_PKEY *mine = kit_ec();
    start();
    expect(call("GET", "/resume", good_token(), "\r\n"), 204, NULL);
    expect(call("GET", "/resume", expired_token(key), "\r\n"), 423, "/problems/token-expired");
    expect(call("GET", "/resume", expired_token(key), "\r\n"), 423,
           "WWW-Authenticate: Bearer error=\"invalid_token\"");
    expect(call("GET", "/me", expired_token(key), "\r\n"), 401, "/problems/unauthenticated");
    expect(call("GET", "/resume", expired_token(mine), "\r\n"), 401, "\"invalid_token\"");
    expect(call("GET", "/resume", NULL, "\r\n"), 401, "WWW-Authenticate: Bearer\r\n");
    EVP_PKEY_free(mine);
    stop();
}
END_TEST

START_TEST(ids_arguments_and_pages)
{
    static const char ID[] = "/things/01a2020e-e691-7548-a42a-9ec296c7b9cb";
    static const struct {
        const char *query;
        int status;
        const char *text;
    } CASES[] = {
        {"", 200, "\"limit\":20"},
        {"?limit=50", 200, "\"limit\":50"},
        {"?limit=0", 400, NULL},
        {"?limit=51", 400, NULL},
        {"?limit=-1", 400, NULL},
        {"?limit=+1", 400, NULL},
        {"?limit=1x", 400, NULL},
        {"?limit=", 400, NULL},
        {"?limit=99999999999999999999", 400, NULL},
        {"?limit=5&limit=5", 400, NULL},
        {"?b=1", 400, NULL},
        {"?a=1&a=2", 400, NULL},
        {"?cursor=", 400, NULL},
        {"?cursor=AAAA", 400, NULL},
        {"?cursor=AAAAAAAAAAAAAAAAAAAAAAAA", 400, NULL},
        {"?cursor=AaICDuaRdUikKp7Clse5yw", 200, "\"from_start\":false"},
        {"?a=x%26y%3D%22%3E;%20z", 200, "a=x%26y%3D%22%3E%3B%20z&cursor="},
        {"?a=x%0d%0aSet-Cookie:%20z", 400, "bad-request"},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char target[256];
        (void)snprintf(target, sizeof(target), "%s%s", ID, CASES[i].query);
        expect(call("GET", target, good_token(), "\r\n"), CASES[i].status, CASES[i].text);
    }
    expect(call("GET", "/things/1", good_token(), "\r\n"), 404, "not-found");
    stop();
}
END_TEST

START_TEST(bodies)
{
    static const struct {
        const char *type, *body;
        int status;
    } CASES[] = {
        {"Content-Type: application/json\r\n", "{}", 204},
        {"Content-Type: application/json; charset=utf-8\r\n", "{}", 204},
        {"Content-Type: application/jsonp\r\n", "{}", 415},
        {"Content-Type: text/plain\r\n", "{}", 415},
        {"", "{}", 415},
        {"Content-Type: application/json\r\n", "{", 400},
        {"Content-Type: application/json\r\n", "", 400},
        {"Content-Type: application/json\r\n", "{\"a\":1,\"a\":2}", 400},
    };
    char more[256], *deep = malloc(2000);
    start();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        (void)snprintf(more, sizeof(more), "%sContent-Length: %zu\r\n\r\n%s", CASES[i].type,
                       strlen(CASES[i].body), CASES[i].body);
        expect(call("POST", "/body", good_token(), more), CASES[i].status, NULL);
    }
    int n =
        snprintf(deep, 2000, "Content-Type: application/json\r\nContent-Length: 900\r\n\r\n");
    memset(deep + n, '[', 900);
    deep[n + 900] = 0;
    expect(call("POST", "/body", good_token(), deep), 400, NULL);
    free(deep);
    stop();
}
END_TEST

int main(void)
{
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("routes/caller", who_calls, an_expired_token_costs_a_login,
                     ids_arguments_and_pages, bodies);
}
