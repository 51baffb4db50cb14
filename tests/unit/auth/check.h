/* Short assertions on results, for the tests of this folder. */
#ifndef TESTS_UNIT_AUTH_CHECK_H
#define TESTS_UNIT_AUTH_CHECK_H

#include "gateway/auth/authenticate.h"
#include "tests/support/suite.h"

#define ok(expr)                                                                               \
    do {                                                                                       \
        enum err ok_err_ = (expr);                                                             \
        ck_assert_msg(ok_err_ == ERR_OK, "%s: %s (%s)", #expr, err_name(ok_err_),              \
                      err_message(ok_err_));                                                   \
    } while (0)
#define fails(code, expr)                                                                      \
    do {                                                                                       \
        enum err fails_err_ = (expr);                                                          \
        ck_assert_msg(fails_err_ == (code), "%s: %s (%s), not %s", #expr,                      \
                      err_name(fails_err_), err_message(fails_err_), err_name(code));          \
    } while (0)
/* Refused as unauthenticated, for this reason and with these words somewhere in the message. */
#define refuses(failure, words, expr)                                                          \
    do {                                                                                       \
        fails(ERR_UNAUTHENTICATED, expr);                                                      \
        ck_assert_int_eq(err_detail(ERR_UNAUTHENTICATED), (int)(failure) + 1);                 \
        ck_assert_msg(strstr(err_message(ERR_UNAUTHENTICATED), (words)) != NULL,               \
                      "%s: \"%s\" does not say \"%s\"", #expr,                                 \
                      err_message(ERR_UNAUTHENTICATED), (words));                              \
    } while (0)

#endif
