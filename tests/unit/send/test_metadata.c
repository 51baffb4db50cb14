#include "gateway/send/metadata.h"
#include "tests/support/suite.h"

#include <string.h>

static struct buf out;

static enum err encode(const struct metadata_pair *pairs, size_t n)
{
    buf_clear(&out);
    buf_init(&out, 4 * METADATA_MAX);
    return metadata_encode(pairs, n, &out);
}

START_TEST(pairs_are_base64_with_commas)
{
    const struct metadata_pair pairs[] = {{"claim", "a"},
                                          {"kind", NULL},
                                          {"description", ""},
                                          {"filename", "brief \xc3\xa4.pdf"}};

    ck_assert_int_eq(encode(pairs, ARRAY_LEN(pairs)), ERR_OK);
    ck_assert_str_eq(buf_text(&out), "claim YQ==,filename YnJpZWYgw6QucGRm");
    ck_assert_int_eq(encode(pairs + 1, 2), ERR_OK);
    ck_assert_str_eq(buf_text(&out), "");
}
END_TEST

START_TEST(it_is_added_to_what_is_there)
{
    const struct metadata_pair pair = {"a", "b"};

    buf_init(&out, METADATA_MAX);
    ck_assert_int_eq(buf_append_str(&out, "Upload-Metadata: "), ERR_OK);
    ck_assert_int_eq(metadata_encode(&pair, 1, &out), ERR_OK);
    ck_assert_str_eq(buf_text(&out), "Upload-Metadata: a Yg==");
}
END_TEST

START_TEST(what_is_no_text_is_refused)
{
    static const char *const wrong[] = {"a\nb", "a\rb", "\x1b[2J", "a\x7f", "\xff\xfe", "\xc3"};

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct metadata_pair pair = {"description", wrong[i]};
        ck_assert_int_eq(encode(&pair, 1), ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "description"));
    }
}
END_TEST

START_TEST(there_is_a_limit)
{
    char value[METADATA_MAX + 2];
    const struct metadata_pair one = {"a", value};
    const struct metadata_pair two[] = {{"a", value}, {"b", value}};

    memset(value, 'x', sizeof(value));
    value[METADATA_MAX + 1] = '\0';
    ck_assert_int_eq(encode(&one, 1), ERR_INVALID);
    value[METADATA_MAX] = '\0';
    ck_assert_int_eq(encode(&one, 1), ERR_INVALID); /* as base64 it is longer */
    value[(METADATA_MAX - 2) / 4 * 3] = '\0';
    ck_assert_int_eq(encode(&one, 1), ERR_OK);
    ck_assert_int_eq(encode(two, 2), ERR_INVALID);
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/metadata", pairs_are_base64_with_commas,
                     it_is_added_to_what_is_there, what_is_no_text_is_refused,
                     there_is_a_limit);
}
