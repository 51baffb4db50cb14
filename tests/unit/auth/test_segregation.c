/* Segregation of duties: the table, and that a sign-in is held to it. */
#include "gateway/auth/segregation.h"

#include "gateway/auth/permission.h"
#include "gateway/base/buf.h"
#include "tests/unit/auth/check.h"

#include <stdio.h>
#include <string.h>

static bool apart(enum role one, enum role other)
{
    enum role a, b;
    bool found = segregation_conflict(1u << one | 1u << other, &a, &b);

    if (found)
        ck_assert((a == one && b == other) || (a == other && b == one));
    return found;
}

START_TEST(duties_that_exclude_each_other)
{
    static const enum role staff[] = {ROLE_ASSESSOR, ROLE_CASE_MANAGER, ROLE_RECORDS_OWNER,
                                      ROLE_HEALTH_PROFESSIONAL, ROLE_CLAIMS_SYSTEM};

    for (size_t i = 0; i < ARRAY_LEN(staff); i++) {
        ck_assert(apart(ROLE_AUDITOR, staff[i]));
        ck_assert(apart(ROLE_OPERATOR, staff[i]));
    }
    ck_assert(apart(ROLE_AUDITOR, ROLE_OPERATOR));
    ck_assert(apart(ROLE_ASSESSOR, ROLE_CASE_MANAGER));
    ck_assert(!apart(ROLE_CLAIMANT, ROLE_REPRESENTATIVE));
    ck_assert(!apart(ROLE_CLAIMANT, ROLE_CASE_MANAGER)); /* staff have claims of their own */
    ck_assert(!apart(ROLE_CLAIMANT, ROLE_OPERATOR));
}
END_TEST

START_TEST(one_role_is_never_a_conflict)
{
    enum role a, b;

    ck_assert(!segregation_conflict(0, &a, &b));
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        ck_assert(!segregation_conflict(1u << r, &a, &b));
    ck_assert(segregation_conflict((1u << ROLE_COUNT) - 1, &a, &b));
}
END_TEST

/* Whatever else they are, an operator who passes has their own matters and nothing more. */
START_TEST(what_an_operator_may_be_besides_reads_nothing_of_others)
{
    for (uint32_t roles = 0; roles < 1u << ROLE_COUNT; roles++) {
        enum role a, b;

        if ((roles >> ROLE_OPERATOR & 1u) == 0 || segregation_conflict(roles, &a, &b))
            continue;
        struct principal p = {.roles = roles};
        for (unsigned act = 0; act < ACTION_COUNT; act++) {
            struct access any = {.action = (enum action)act,
                                 .relations = REL_ANY,
                                 .status = PERMISSION_NO_ARTEFACT};
            ck_assert_int_ne(permission_check(&p, &any, NULL, NULL), PERMIT);
        }
    }
}
END_TEST

/* `auth_tool segregation > docs/segregation.md` writes it anew. */
START_TEST(page_is_the_table)
{
    AUTO_CLEAR(buf_clear) struct buf printed;
    static char page[16384];
    FILE *f = fopen(TEST_SOURCE_DIR "/docs/segregation.md", "r");

    ck_assert_ptr_nonnull(f);
    page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
    ck_assert_int_eq(fclose(f), 0);
    buf_init(&printed, sizeof(page));
    ok(segregation_print(&printed));
    ck_assert_str_eq(page, buf_text(&printed));
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "auth/segregation", duties_that_exclude_each_other, one_role_is_never_a_conflict,
        what_an_operator_may_be_besides_reads_nothing_of_others, page_is_the_table);
}
