/* Names of roles, and who equals whom.
 *
 * Invariant: a person is issuer and subject together; the same subject of two issuers is two
 * people. */
#include "gateway/auth/principal.h"

#include <string.h>

static const char *const role_names[ROLE_COUNT] = {
#define X(role, name) [role] = name,
    ROLE_TABLE(X)
#undef X
};

_Static_assert(ROLE_COUNT <= 32, "roles are bits of a uint32_t");

const char *role_name(enum role r)
{
    assert(r < ROLE_COUNT);
    return role_names[r];
}

enum err role_parse(const char *name, enum role *out)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(role_names[i], name) == 0) {
            *out = (enum role)i;
            return ERR_OK;
        }
    }
    return err_set(ERR_INVALID, "there is no such role");
}

bool principal_equal(const struct principal *a, const struct principal *b)
{
    return strcmp(a->issuer, b->issuer) == 0 && strcmp(a->subject, b->subject) == 0;
}
