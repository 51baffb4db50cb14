#include "gateway/http/accept.h"

#include "tests/support/suite.h"

static const struct {
    const char *value;
    bool wanted;
} ROWS[] = {
    /* browsers */
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
     true},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8,"
     "application/signed-exchange;v=b3;q=0.7",
     true},
    {"text/html", true},
    {" TEXT/HTML ; Q=0.001", true},
    {"text/html;level=\"1,;\\\"\";q=0.5, application/json;q=0.4", true},
    {"application/json;q=0.999, text/html;q=1.000", true},
    /* everybody else */
    {NULL, false},
    {"", false},
    {"*/*", false},
    {"text/*", false},
    {"application/json", false},
    {"application/json, text/html", false},
    {"application/json, text/plain, */*", false},
    {"text/html;q=0", false},
    {"text/html;q=0.000, */*", false},
    {"text/html;q=0.5, application/json", false},
    {"text/html+x", false},
    {"x-text/html", false},
    /* malformed: the document */
    {"text/html;q=2", false},
    {"text/html;q=1.5", false},
    {"text/html;q=", false},
    {"text/html;q=-1", false},
    {"text/html;q=0.5555", false},
    {"text/html;x=\"open", true},
    {"text/html text/html", false},
    {"text/html; q", true},
    {"text/html, \x01", false},
    {",,text/html", true},
};

START_TEST(pages_are_for_who_asks_for_pages)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        ck_assert_msg(accept_wants_html(ROWS[i].value) == ROWS[i].wanted, "%s", ROWS[i].value);
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/accept", pages_are_for_who_asks_for_pages);
}
