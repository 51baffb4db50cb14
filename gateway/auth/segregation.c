#include "gateway/auth/segregation.h"

#include "gateway/base/buf.h"

static const struct pair {
    enum role a, b;
    const char *why;
} PAIRS[] = {
#define ROLES(x, y, why) {x, y, why},
#define ACTS(one, other, where)
#include "gateway/auth/segregation.def"
#undef ROLES
#undef ACTS
};

static const struct acts {
    const char *one, *other, *where;
} ACTS_APART[] = {
#define ROLES(x, y, why)
#define ACTS(one, other, where) {one, other, where},
#include "gateway/auth/segregation.def"
#undef ROLES
#undef ACTS
};

bool segregation_conflict(uint32_t roles, enum role *a, enum role *b)
{
    for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
        if ((roles >> PAIRS[i].a & 1u) == 0 || (roles >> PAIRS[i].b & 1u) == 0)
            continue;
        *a = PAIRS[i].a;
        *b = PAIRS[i].b;
        return true;
    }
    return false;
}

static const char page_head[] =
    "# Segregation of duties\n"
    "\n"
    "Printed from `gateway/auth/segregation.def`; a test keeps the two equal. Who may do "
    "what:\n"
    "[permissions.md](permissions.md).\n"
    "\n"
    "## Roles that one person does not hold at once\n"
    "\n"
    "A sign-in, by token or certificate, that has both is refused (403 `insufficient-scope`); "
    "with\n"
    "`policy.conflicting_roles = \"log\"` it is taken and each is a warning in the operator's "
    "log.\n"
    "\n"
    "| role | and role | why |\n"
    "|---|---|---|\n";
static const char page_middle[] =
    "\n"
    "The operator has no row in the table of permissions: whoever runs the gateway can start "
    "it,\n"
    "back it up, rotate its keys and check its log, and reads no evidence and no entry by the "
    "API.\n"
    "\n"
    "## Acts of which one person does not do both\n"
    "\n"
    "Asked about the person (issuer and subject), whatever their roles.\n"
    "\n"
    "| who does this | does not | enforced in |\n"
    "|---|---|---|\n";

enum err segregation_print(struct buf *out)
{
    TRY(buf_append_str(out, page_head));
    for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++)
        TRY(buf_printf(out, "| %s | %s | %s |\n", role_name(PAIRS[i].a), role_name(PAIRS[i].b),
                       PAIRS[i].why));
    TRY(buf_append_str(out, page_middle));
    for (size_t i = 0; i < ARRAY_LEN(ACTS_APART); i++)
        TRY(buf_printf(out, "| %s | %s | `%s` |\n", ACTS_APART[i].one, ACTS_APART[i].other,
                       ACTS_APART[i].where));
    return ERR_OK;
}
