#include "gateway/send/address.h"
#include "tests/support/suite.h"

#include <string.h>

static char out[ADDRESS_MAX];

START_TEST(a_service_is_https)
{
    ck_assert_int_eq(address_service("https://gateway.example", out), ERR_OK);
    ck_assert_str_eq(out, "https://gateway.example");
    ck_assert_int_eq(address_service("https://gateway.example:8443/", out), ERR_OK);
    ck_assert_str_eq(out, "https://gateway.example:8443");
    ck_assert_int_eq(address_service("HTTPS://gateway.example/evidence/", out), ERR_OK);
    ck_assert_str_eq(out, "https://gateway.example/evidence");
    ck_assert_int_eq(address_service("https://[::1]:8443//", out), ERR_OK);
    ck_assert_str_eq(out, "https://[::1]:8443");
}
END_TEST

START_TEST(nothing_else_is_a_service)
{
    static const char *const wrong[] = {"http://gateway.example",
                                        "http://127.0.0.1:8443",
                                        "ftp://gateway.example",
                                        "gateway.example",
                                        "",
                                        "https://",
                                        "file:///etc/passwd",
                                        "https://me:pw@gateway.example",
                                        "https://me@gateway.example",
                                        "https://gateway.example/?a=b",
                                        "https://gateway.example/#a",
                                        "https://gate way.example"};

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_msg(address_service(wrong[i], out) == ERR_INVALID, "%s", wrong[i]);
}
END_TEST

START_TEST(an_address_has_a_length)
{
    char longer[ADDRESS_MAX + 64] = "https://gateway.example/";
    size_t len = strlen(longer);

    memset(longer + len, 'a', sizeof(longer) - len - 1);
    ck_assert_int_eq(address_service(longer, out), ERR_INVALID);
}
END_TEST

#define BASE "https://gateway.example:8443/v1/uploads"

START_TEST(a_location_is_relative_or_absolute)
{
    ck_assert_int_eq(address_resolve(BASE, "/v1/uploads/1", out), ERR_OK);
    ck_assert_str_eq(out, "https://gateway.example:8443/v1/uploads/1");
    ck_assert_int_eq(address_resolve(BASE, "uploads/1", out), ERR_OK);
    ck_assert_str_eq(out, "https://gateway.example:8443/v1/uploads/1");
    ck_assert_int_eq(address_resolve(BASE, "https://GATEWAY.example:8443/v1/uploads/2", out),
                     ERR_OK);
    ck_assert_ptr_nonnull(strstr(out, "/v1/uploads/2"));
    ck_assert_int_eq(
        address_resolve("https://gateway.example/v1/uploads", "//gateway.example:443/x", out),
        ERR_OK);
}
END_TEST

START_TEST(a_location_leads_nowhere_else)
{
    static const char *const wrong[] = {"https://gateway.example/v1/uploads/1",
                                        "http://gateway.example:8443/v1/uploads/1",
                                        "https://other.example:8443/v1/uploads/1",
                                        "//other.example:8443/v1/uploads/1",
                                        "https://gateway.example.other:8443/1",
                                        "https://gateway.example:8443@other/1",
                                        "https://me:pw@gateway.example:8443/v1/up/1",
                                        "https://gateway.example:8444/1"};

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_msg(address_resolve(BASE, wrong[i], out) == ERR_INVALID, "%s", wrong[i]);
}
END_TEST

START_TEST(an_origin_is_scheme_host_and_port)
{
    ck_assert(address_same_origin("https://a.example", "https://A.example:443/x"));
    ck_assert(!address_same_origin("https://a.example", "https://a.example:444"));
    ck_assert(!address_same_origin("https://a.example", "http://a.example:443"));
    ck_assert(!address_same_origin("https://a.example", "https://b.example"));
    ck_assert(!address_same_origin("https://a.example", "nonsense"));
    ck_assert(!address_same_origin("", ""));
}
END_TEST

START_TEST(an_upload_is_directly_beneath)
{
    static const char *const wrong[] = {"https://a.example/p/v1/uploads/",
                                        "https://a.example/p/v1/uploads/1/2",
                                        "https://a.example/p/v1/uploads/..",
                                        "https://a.example/p/v1/uploads/%2e%2e",
                                        "https://a.example/p/v1/uploads/1?a",
                                        "https://a.example/p/v1/uploads/1#a",
                                        "https://u@a.example/p/v1/uploads/1",
                                        "https://a.example/v1/uploads/1",
                                        "https://a.example:444/p/v1/uploads/1",
                                        "nonsense",
                                        ""};
    static const char base[] = "https://a.example/p/v1/uploads/";

    ck_assert(address_beneath(base, "https://a.example/p/v1/uploads/0193-x_Y"));
    ck_assert(address_beneath(base, "https://A.example:443/p/v1/uploads/1"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_msg(!address_beneath(base, wrong[i]), "%s", wrong[i]);
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/address", a_service_is_https, nothing_else_is_a_service,
                     an_address_has_a_length, a_location_is_relative_or_absolute,
                     a_location_leads_nowhere_else, an_origin_is_scheme_host_and_port,
                     an_upload_is_directly_beneath);
}
