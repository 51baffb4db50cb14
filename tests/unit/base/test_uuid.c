#include "gateway/base/clock.h"
#include "gateway/base/uuid.h"
#include "tests/support/suite.h"

#include <string.h>

static int64_t fixed(void)
{
    return INT64_C(0x017f22e279b0) * 1000 + 999; /* the example of RFC 9562, appendix A.6 */
}

START_TEST(version_variant_and_time_stand_where_they_belong)
{
    char text[UUID_TEXT_SIZE];

    clock_replace(fixed);
    for (int i = 0; i < 1000; i++) {
        struct uuid id = uuid_new();

        uuid_format(&id, text);
        ck_assert_uint_eq(strlen(text), 36);
        ck_assert_int_eq(strncmp(text, "017f22e2-79b0-7ffb-", 19),
                         0); /* 999 us of 1000 in 1/4096 */
        ck_assert_ptr_nonnull(strchr("89ab", text[19]));
    }
    clock_replace(NULL);
}
END_TEST

static int64_t ticking_at;

static int64_t ticking(void)
{
    return ticking_at++;
}

START_TEST(identifiers_grow_with_every_microsecond)
{
    struct uuid last = {{0}};

    ticking_at = INT64_C(0x017f22e279b0) * 1000;
    clock_replace(ticking);
    for (int i = 0; i < 5000; i++) {
        struct uuid id = uuid_new();
        ck_assert_int_lt(memcmp(last.bytes, id.bytes, 8), 0);
        last = id;
    }
    clock_replace(NULL);
}
END_TEST

START_TEST(identifiers_differ)
{
    struct uuid a = uuid_new(), b = uuid_new();
    struct uuid all_or = a, all_and = a;

    ck_assert(!uuid_equal(&a, &b));
    ck_assert(uuid_equal(&a, &a));
    for (int i = 0; i < 200; i++) { /* every random bit is seen as 0 and as 1 */
        struct uuid id = uuid_new();
        for (size_t k = 8; k < 16; k++) {
            all_or.bytes[k] |= id.bytes[k];
            all_and.bytes[k] &= id.bytes[k];
        }
    }
    ck_assert_uint_eq(all_or.bytes[8], 0xbf);
    ck_assert_uint_eq(all_and.bytes[8], 0x80);
    for (size_t k = 9; k < 16; k++) {
        ck_assert_uint_eq(all_or.bytes[k], 0xff);
        ck_assert_uint_eq(all_and.bytes[k], 0);
    }
}
END_TEST

START_TEST(text_goes_round)
{
    struct uuid id = uuid_new(), back, upper;
    char text[UUID_TEXT_SIZE];

    uuid_format(&id, text);
    ck_assert_int_eq(uuid_parse(text, &back), ERR_OK);
    ck_assert(uuid_equal(&id, &back));
    ck_assert_int_eq(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", &upper), ERR_OK);
    uuid_format(&upper, text);
    ck_assert_str_eq(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    ck_assert_int_eq(uuid_parse("00000000-0000-0000-0000-000000000000", &back), ERR_OK);
    ck_assert(uuid_is_nil(&back));
    ck_assert(!uuid_is_nil(&upper));
}
END_TEST

START_TEST(what_is_no_uuid_is_refused)
{
    static const char *const texts[] = {
        "",
        "0",
        "017f22e2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
        "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
    };
    struct uuid id = {.bytes = {1}};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        /* An exact copy on the heap: reading past it is seen by the sanitizer. */
        AUTO_FREE char *copy = strdup(texts[i]);

        ck_assert_msg(uuid_parse(copy, &id) == ERR_INVALID, "accepted: %s", texts[i]);
    }
    ck_assert_uint_eq(id.bytes[0], 1);
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/uuid", version_variant_and_time_stand_where_they_belong,
                     identifiers_grow_with_every_microsecond, identifiers_differ,
                     text_goes_round, what_is_no_uuid_is_refused);
}
