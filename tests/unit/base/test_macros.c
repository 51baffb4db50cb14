#include "gateway/base/macros.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int released;

struct thing {
    int unused;
};

static void thing_free(struct thing *t)
{
    ck_assert_ptr_nonnull(t);
    released++;
    free(t);
}
DEFINE_AUTO(struct thing, thing_free);

static void thing_clear(struct thing *t)
{
    t->unused = 0;
    released++;
}
DEFINE_AUTO_CLEAR(struct thing, thing_clear);

START_TEST(a_scope_frees_what_was_not_handed_over)
{
    struct thing *kept = NULL;

    released = 0;
    {
        AUTO(thing_free) struct thing *dropped = calloc(1, sizeof(*dropped));
        AUTO(thing_free) struct thing *nothing = NULL;
        AUTO(thing_free) struct thing *taken = calloc(1, sizeof(*taken));

        ck_assert_ptr_nonnull(dropped);
        ck_assert_ptr_null(nothing);
        kept = TAKE(taken);
        ck_assert_ptr_null(taken);
    }
    ck_assert_int_eq(released, 1);
    thing_free(kept);
}
END_TEST

START_TEST(a_scope_clears_the_callers_storage)
{
    released = 0;
    {
        AUTO_CLEAR(thing_clear) struct thing t = {.unused = 1};
        ck_assert_int_eq(t.unused, 1);
    }
    ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(a_scope_closes_a_descriptor_and_keeps_errno)
{
    int number;

    {
        AUTO_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        AUTO_FD int none = -1;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(none, -1);
        number = fd;
        errno = EILSEQ;
    }
    ck_assert_int_eq(errno, EILSEQ);
    ck_assert_int_eq(fcntl(number, F_GETFD), -1);
    ck_assert_int_eq(errno, EBADF);

    int bad = number; /* closing fails inside: errno of the caller still stands */
    errno = EILSEQ;
    fd_close_auto(&bad);
    ck_assert_int_eq(errno, EILSEQ);
    ck_assert_int_eq(bad, -1);
}
END_TEST

START_TEST(a_scope_frees_heap_memory)
{
    /* The leak sanitizer of the development build is the judge. */
    AUTO_FREE char *text = strdup("kept until the end of the scope");
    AUTO_FREE char *nothing = NULL;

    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_null(nothing);
    errno = EILSEQ;
    {
        AUTO_FREE void *inner = malloc(10);
        ck_assert_ptr_nonnull(inner);
    }
    ck_assert_int_eq(errno, EILSEQ);
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/macros", a_scope_frees_what_was_not_handed_over,
                     a_scope_clears_the_callers_storage,
                     a_scope_closes_a_descriptor_and_keeps_errno, a_scope_frees_heap_memory);
}
