/* How a caller is refused: ERR_UNAUTHENTICATED with enum auth_failure + 1 as its detail. */
#ifndef GATEWAY_AUTH_FAILURE_H
#define GATEWAY_AUTH_FAILURE_H

#include "gateway/auth/authenticate.h"

/* `why` is for operators: no value of the token stands in it. */
static inline MUST_USE enum err auth_refuse(enum auth_failure f, const char *why)
{
    return err_set_detail(ERR_UNAUTHENTICATED, (int)f + 1, "%s", why);
}

#endif
