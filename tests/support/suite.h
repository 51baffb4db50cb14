/* Runs a list of Check tests as one suite: int main(void) { return SUITE_RUN("base/buf", a, b);
 * } Each test runs in its own process; CK_FORK=no and CK_VERBOSITY are Check's own switches. */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stddef.h>
#include <stdlib.h>

enum { SUITE_TIMEOUT_SECONDS = 60 };

static inline int suite_run(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    SRunner *runner = srunner_create(suite);
    int failed;

    for (size_t i = 0; i < n; i++) {
        TCase *one = tcase_create(tests[i]->name);

        tcase_set_timeout(one, SUITE_TIMEOUT_SECONDS);
        tcase_add_test(one, tests[i]);
        suite_add_tcase(suite, one);
    }
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_RUN(name, ...)                                                                   \
    suite_run((name), (const TTest *const[]){__VA_ARGS__},                                     \
              sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

#endif
