#include "gateway/http/router.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/", .name = "root"},
    {.method = "GET", .pattern = "/claims", .name = "claims"},
    {.method = "POST", .pattern = "/claims", .name = "claim.create"},
    {.method = "GET", .pattern = "/claims/{claim}", .name = "claim"},
    {.method = "PATCH", .pattern = "/claims/{claim}", .name = "claim.change"},
    {.method = "DELETE", .pattern = "/claims/special", .name = "special"},
    {.method = "GET", .pattern = "/claims/{claim}/artefacts/{artefact}", .name = "artefact"},
    {.method = "GET", .pattern = "/claims/{claim}/artefacts/newest", .name = "newest"},
    {.method = "GET", .pattern = "/tile/{path...}", .name = "tile"},
    {.method = "HEAD", .pattern = "/uploads/{id}", .name = "upload.head"},
    {.method = "GET", .pattern = "/uploads/{id}", .name = "upload.get"},
    {.method = "PATCH", .pattern = "/parcels/{id}", .name = "parcel.change"},
    {.method = "GET", .pattern = "/parcels/{id}", .name = "parcel"},
    {.method = "*", .pattern = "/parcels/{id}", .name = "parcel.any", .method_override = true},
};

static struct target target;
static struct route_match match;

/* The name of the route, "404" or "405 <allow>". */
static const char *route(const char *method, const char *raw)
{
    static char text[256];
    AUTO(router_free) struct router *r = NULL;

    target_clear(&target);
    ck_assert_int_eq(router_new(routes, ARRAY_LEN(routes), &r), ERR_OK);
    ck_assert_int_eq(target_parse(raw, &target), ERR_OK);
    switch (router_find(r, method, &target, &match)) {
    case ROUTE_FOUND:
        return match.route->name;
    case ROUTE_WRONG_METHOD:
        (void)snprintf(text, sizeof(text), "405 %s", match.allow);
        return text;
    case ROUTE_UNKNOWN:
        break;
    }
    return "404";
}

START_TEST(routes_are_found)
{
    static const struct {
        const char *method, *target, *want;
    } rows[] = {
        {"GET", "/", "root"},
        {"GET", "/?a=b", "root"},
        {"GET", "/claims", "claims"},
        {"HEAD", "/claims", "claims"},
        {"POST", "/claims", "claim.create"},
        {"GET", "/cl%61ims", "claims"},
        {"GET", "/claims/7", "claim"},
        {"GET", "/claims/special", "claim"},
        {"DELETE", "/claims/special", "special"},
        {"GET", "/claims/7/artefacts/8", "artefact"},
        {"GET", "/claims/7/artefacts/newest", "newest"},
        {"GET", "/tile/0/x001/067", "tile"},
        {"HEAD", "/uploads/1", "upload.head"},
        {"GET", "/claims/", "404"},
        {"GET", "/claims//artefacts/8", "404"},
        {"GET", "/claimsx", "404"},
        {"GET", "/claim", "404"},
        {"GET", "//", "404"},
        {"GET", "/tile/", "404"},
        {"GET", "/tile", "404"},
        {"GET", "*", "404"},
        {"GET", "/claims%2F7", "404"},
        {"DELETE", "/claims", "405 GET, HEAD, POST"},
        {"get", "/claims", "405 GET, HEAD, POST"},
        {"POST", "/claims/7", "405 GET, HEAD, PATCH"},
        {"PUT", "/claims/special", "405 GET, HEAD, PATCH, DELETE"},
        {"POST", "/uploads/1", "405 HEAD, GET"},
        {"PATCH", "/parcels/1", "parcel.change"},
        {"HEAD", "/parcels/1", "parcel"},
        {"PUT", "/parcels/1", "parcel.any"},
        {"*", "/parcels/1", "parcel.any"},
        {"PUT", "/parcels", "404"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(strcmp(route(rows[i].method, rows[i].target), rows[i].want) == 0,
                      "%s %s: %s", rows[i].method, rows[i].target,
                      route(rows[i].method, rows[i].target));
    target_clear(&target);
}
END_TEST

START_TEST(an_address_tells_its_methods)
{
    ck_assert_str_eq(route("PUT", "/parcels/1"), "parcel.any");
    ck_assert_str_eq(match.allow, "PATCH, GET, HEAD");
    ck_assert(match.method_override);
    ck_assert_str_eq(route("PATCH", "/parcels/1"), "parcel.change");
    ck_assert(match.method_override);
    ck_assert_str_eq(route("GET", "/uploads/1"), "upload.get");
    ck_assert_str_eq(match.allow, "HEAD, GET");
    ck_assert(!match.method_override);
    target_clear(&target);
}
END_TEST

START_TEST(parameters_are_decoded_once)
{
    ck_assert_str_eq(route("GET", "/claims/a%2Fb%2541/artefacts/%E2%82%AC"), "artefact");
    ck_assert_uint_eq(match.n_params, 2);
    ck_assert_int_eq(strncmp(match.names[0], "claim", match.name_lens[0]), 0);
    ck_assert_str_eq(match.values[0], "a/b%41");
    ck_assert_int_eq(strncmp(match.names[1], "artefact", match.name_lens[1]), 0);
    ck_assert_str_eq(match.values[1], "\xe2\x82\xac");
    ck_assert_str_eq(route("GET", "/tile/8/%30/x001"), "tile");
    ck_assert_str_eq(match.values[0], "8/0/x001");
    ck_assert_str_eq(route("GET", "/claims/a+b"), "claim");
    ck_assert_str_eq(match.values[0], "a+b");
    target_clear(&target);
}
END_TEST

START_TEST(queries_are_decoded_in_order)
{
    struct target t;

    ck_assert_int_eq(target_parse("/a?b=1&c=x+y%26z&b=2&&d&=e&f=", &t), ERR_OK);
    ck_assert_str_eq(t.path, "/a");
    ck_assert_uint_eq(t.n_arguments, 6);
    ck_assert_str_eq(t.arguments[0].name, "b");
    ck_assert_str_eq(t.arguments[0].value, "1");
    ck_assert_str_eq(t.arguments[1].value, "x y&z");
    ck_assert_str_eq(t.arguments[2].value, "2");
    ck_assert_str_eq(t.arguments[3].name, "d");
    ck_assert_str_eq(t.arguments[3].value, "");
    ck_assert_str_eq(t.arguments[4].name, "");
    ck_assert_str_eq(t.arguments[4].value, "e");
    ck_assert_str_eq(t.arguments[5].value, "");
    target_clear(&t);
}
END_TEST

START_TEST(hostile_targets_are_refused)
{
    static const char *const bad[] = {
        "/a%00",        "/a%",         "/a%2",      "/a%zz",     "/%0a",
        "/a?b=%00",     "/a?b=%0d%0a", "/a?%",      "/..",       "/../etc/passwd",
        "/a/../b",      "/a/.",        "/%2e%2e/b", "/a/%2e%2E", "/tile/a%2f..%2fb",
        "/tile/..%5cb", "/a%c0%af",    "/a%ff",     "/a?b=%ff",  "/a%7f",
    };
    char many[256] = "";

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct target t;

        ck_assert_msg(target_parse(bad[i], &t) == ERR_INVALID, "%s", bad[i]);
        target_clear(&t);
    }
    for (size_t i = 0; i <= TARGET_SEGMENTS_MAX; i++)
        strcat(many, "/a");
    ck_assert_int_eq(target_parse(many, &target), ERR_INVALID);
    target_clear(&target);
    strcpy(many, "/?");
    for (size_t i = 0; i <= TARGET_ARGUMENTS_MAX; i++)
        strcat(many, "a&");
    ck_assert_int_eq(target_parse(many, &target), ERR_INVALID);
    target_clear(&target);
    many[strlen(many) - 2] = '\0';
    ck_assert_int_eq(target_parse(many, &target), ERR_OK);
    ck_assert_uint_eq(target.n_arguments, TARGET_ARGUMENTS_MAX);
    target_clear(&target);
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/router", routes_are_found, an_address_tells_its_methods,
                     parameters_are_decoded_once, queries_are_decoded_in_order,
                     hostile_targets_are_refused);
}
