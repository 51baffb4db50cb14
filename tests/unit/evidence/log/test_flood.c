/* Refusals without end: some are written, the rest is counted and told. */
#include "crypto/secret.h"
#include "gateway/evidence/log/flood.h"
#include "tests/unit/storage/scratch.h"

static struct principal someone(const char *subject)
{
    struct principal p = {.issuer = "i", .roles = 1};
    strcpy(p.subject, subject);
    return p;
}

static bool passes(struct flood *f, const char *subject, const char *reason, int64_t now_ms)
{
    struct principal p = someone(subject);
    return flood_passes(f, &p, ROLE_CLAIMANT, "read.denied", reason, now_ms);
}

static int64_t count_of(json_t *entry)
{
    return json_integer_value(json_object_get(entry, "count"));
}

START_TEST(a_burst_is_written_and_the_rest_counted)
{
    struct flood *f = NULL;
    json_t *out[4];
    size_t written = 0;
    ok(flood_new(&f));
    for (int i = 0; i < 1000; i++)
        written += passes(f, "ada", "not-found", i);
    ck_assert_uint_eq(written, FLOOD_BURST);
    ck_assert(passes(f, "bob", "not-found", 0)); /* nobody pays for another */
    ck_assert(passes(f, "ada", "not-available", 0));
    ck_assert_uint_eq(flood_collect(f, FLOOD_WINDOW_S * 1000 - 1, false, out, 4), 0);
    ck_assert_uint_eq(flood_collect(f, FLOOD_WINDOW_S * 1000, false, out, 4), 1);
    ck_assert_str_eq(json_string_value(json_object_get(out[0], "action")), "refusals.counted");
    ck_assert_str_eq(json_string_value(json_object_get(out[0], "actor")), "i#ada");
    ck_assert_str_eq(json_string_value(json_object_get(out[0], "of")), "read.denied");
    ck_assert_str_eq(json_string_value(json_object_get(out[0], "reason")), "not-found");
    ck_assert_int_eq(count_of(out[0]), 1000 - FLOOD_BURST);
    json_decref(out[0]);
    ck_assert(passes(f, "ada", "not-found", FLOOD_WINDOW_S * 1000)); /* a new window */
    flood_free(f);
    flood_free(NULL);
}
END_TEST

START_TEST(callers_without_end_share_a_row)
{
    struct flood *f = NULL;
    json_t *out[4];
    char name[32];
    size_t written = 0;
    ok(flood_new(&f));
    for (int i = 0; i < FLOOD_ROWS + 50; i++) {
        (void)snprintf(name, sizeof(name), "caller-%d", i);
        written += passes(f, name, "not-found", 0);
    }
    ck_assert_uint_eq(written, FLOOD_ROWS);
    ck_assert_uint_eq(flood_collect(f, 0, true, out, 4), 1);
    ck_assert_int_eq(count_of(out[0]), 50);
    ck_assert_ptr_null(json_object_get(out[0], "actor"));
    json_decref(out[0]);
    ck_assert_uint_eq(flood_collect(f, 0, true, out, 4), 0);
    flood_free(f);
}
END_TEST

START_TEST(what_does_not_fit_one_page_comes_with_the_next)
{
    struct flood *f = NULL;
    json_t *out[2];
    char name[32];
    size_t told = 0, n = 2;
    ok(flood_new(&f));
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof(name), "caller-%d", i);
        for (int k = 0; k <= FLOOD_BURST; k++)
            (void)passes(f, name, "not-found", 0);
    }
    while (n == 2) {
        n = flood_collect(f, 0, true, out, 2);
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(count_of(out[i]), 1);
            json_decref(out[i]);
        }
        told += n;
    }
    ck_assert_uint_eq(told, 5);
    flood_free(f);
}
END_TEST

int main(void)
{
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("evidence/log/flood", a_burst_is_written_and_the_rest_counted,
                     callers_without_end_share_a_row,
                     what_does_not_fit_one_page_comes_with_the_next);
}
