#include "gateway/base/file.h"
#include "gateway/send/token.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[32];

static void put(const char *text)
{
    if (!path[0]) {
        (void)snprintf(path, sizeof(path), "/tmp/eg-token-XXXXXX");
        (void)close(mkstemp(path));
    }
    ck_assert_int_eq(file_replace(path, 0600, text, strlen(text)), ERR_OK);
}

START_TEST(a_token_is_read_again_when_it_changes)
{
    AUTO_CLEAR(token_clear) struct token t;
    bool changed;

    put("first.token_1~+/=\r\n");
    token_init(&t, path);
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    ck_assert(changed);
    ck_assert_str_eq(buf_text(&t.text), "first.token_1~+/=");
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    ck_assert(!changed);
    put("first.token_1~+/= \n\n");
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    ck_assert(!changed);
    put("second");
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    ck_assert(changed);
    ck_assert_str_eq(buf_text(&t.text), "second");
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_file_in_the_middle_of_its_change_leaves_the_last_one)
{
    static const char *const bad[] = {"", "\n", "two tokens", "a\nb", "caf\xc3\xa9"};
    AUTO_CLEAR(token_clear) struct token t;
    bool changed;

    put("good");
    token_init(&t, path);
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(bad[i]);
        ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
        ck_assert(!changed);
        ck_assert_str_eq(buf_text(&t.text), "good");
    }
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    ck_assert(!changed);
}
END_TEST

START_TEST(the_first_one_has_to_be_there)
{
    static const char *const bad[] = {"", " \n", "two tokens", "a\r\nX: b", "caf\xc3\xa9"};
    AUTO_CLEAR(token_clear) struct token t;
    bool changed;
    char longer[TOKEN_MAX + 2];

    token_init(&t, "/tmp/eg-no-such-token");
    ck_assert_int_eq(token_read(&t, &changed), ERR_NOT_FOUND);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(bad[i]);
        t.path = path;
        ck_assert_int_eq(token_read(&t, &changed), ERR_INVALID);
    }
    memset(longer, 'a', sizeof(longer));
    longer[TOKEN_MAX + 1] = '\0';
    put(longer);
    ck_assert_int_eq(token_read(&t, &changed), ERR_TOO_LARGE);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(none_is_none)
{
    AUTO_CLEAR(token_clear) struct token t;
    bool changed = true;

    token_init(&t, NULL);
    ck_assert_int_eq(token_read(&t, &changed), ERR_OK);
    ck_assert(!changed);
    ck_assert_uint_eq(t.text.len, 0);
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/token", a_token_is_read_again_when_it_changes,
                     a_file_in_the_middle_of_its_change_leaves_the_last_one,
                     the_first_one_has_to_be_there, none_is_none);
}
