/* The table of routes: what holds for every row. */
#include "gateway/routes/api.h"
#include "tests/support/suite.h"

#include <string.h>

/* A password makes nothing, and no trace of one is kept to compare a repetition with. */
static bool makes_nothing(const struct http_route *r)
{
    return strcmp(r->name, "artefact.unlock") == 0;
}

/* Whoever adds a call that makes something gives it an Idempotency-Key, too. */
START_TEST(what_makes_something_can_be_sent_twice)
{
    size_t n = 0, creating = 0;
    const struct http_route *rows = api_routes(&n);
    for (size_t i = 0; i < n; i++) {
        bool collects = strcmp(rows[i].method, "POST") == 0 && rows[i].body == BODY_COLLECT &&
                        !makes_nothing(&rows[i]);
        ck_assert_msg(!collects || rows[i].handle == api_create, "%s", rows[i].name);
        creating += rows[i].handle == api_create;
    }
    ck_assert_uint_ge(creating, 5);
}
END_TEST

START_TEST(names_and_places_are_taken_once)
{
    size_t n = 0;
    const struct http_route *rows = api_routes(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            bool same_place = strcmp(rows[i].method, rows[k].method) == 0 &&
                              strcmp(rows[i].pattern, rows[k].pattern) == 0;
            ck_assert_msg(!same_place, "%s %s", rows[i].method, rows[i].pattern);
            ck_assert_msg(strcmp(rows[i].name, rows[k].name) != 0, "%s", rows[i].name);
        }
    }
}
END_TEST

int main(void)
{
    return SUITE_RUN("routes/routes", what_makes_something_can_be_sent_twice,
                     names_and_places_are_taken_once);
}
