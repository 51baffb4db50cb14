/* The permission table: the cases that the contract names, and invariants over every
 * combination of role, relation, action, status, harm and purpose. */
#include "gateway/auth/permission.h"

#include "gateway/base/buf.h"
#include "storage/records.h"
#include "tests/unit/auth/check.h"

#include <stdio.h>
#include <string.h>

enum { RELATIONS_END = 1u << 8, ROLE_SETS = 1u << ROLE_COUNT };

static const unsigned statuses[] = {
    ARTEFACT_RECEIVING,  ARTEFACT_QUARANTINED, ARTEFACT_AVAILABLE, ARTEFACT_COULD_NOT_SCAN,
    ARTEFACT_RESTRICTED, ARTEFACT_REFUSED,     ARTEFACT_DISPOSED,  PERMISSION_NO_ARTEFACT};

static struct principal with_roles(uint32_t roles)
{
    return (struct principal){.issuer = "https://issuer.test", .subject = "s", .roles = roles};
}

static struct principal with_role(enum role r)
{
    return with_roles(1u << r);
}

static enum permission ask(enum role r, uint32_t relations, enum action action, unsigned status,
                           bool harmful, enum purpose purpose)
{
    struct principal p = with_role(r);
    struct access a = {.action = action,
                       .relations = relations,
                       .status = status,
                       .harmful = harmful,
                       .purpose = purpose};

    return permission_check(&p, &a, NULL, NULL);
}

static enum permission plain(enum role r, uint32_t relations, enum action action)
{
    return ask(r, relations, action, PERMISSION_NO_ARTEFACT, false, PURPOSE_NONE);
}

static enum permission content(enum role r, uint32_t relations, bool harmful,
                               enum purpose purpose)
{
    return ask(r, relations, ACTION_ARTEFACT_CONTENT, ARTEFACT_AVAILABLE, harmful, purpose);
}

/* A row is of one role, and what binds a caller is their relations and one role: what two roles
 * do not do together, three do not. */
static bool two_at_most(uint32_t roles)
{
    roles &= roles - 1;
    return (roles & (roles - 1)) == 0;
}

/* Calls `f` with every combination there is. */
static void enumerate(uint32_t role_sets_from, uint32_t role_sets_to,
                      void (*f)(const struct principal *, const struct access *,
                                enum permission, enum role, enum purpose))
{
    for (uint32_t roles = role_sets_from; roles < role_sets_to; roles++)
        for (uint32_t rel = two_at_most(roles) ? 0 : RELATIONS_END; rel < RELATIONS_END;
             rel += 2)
            for (unsigned act = 0; act < ACTION_COUNT; act++)
                for (unsigned s = 0; s < ARRAY_LEN(statuses); s++)
                    for (unsigned bits = 0; bits < 2u * PURPOSE_COUNT; bits++) {
                        struct principal p = with_roles(roles);
                        struct access a = {.action = (enum action)act,
                                           .relations = rel,
                                           .status = statuses[s],
                                           .harmful = (bits & 1) != 0,
                                           .purpose = (enum purpose)(bits / 2)};
                        enum role used = ROLE_COUNT;
                        enum purpose purpose = PURPOSE_COUNT;
                        enum permission v = permission_check(&p, &a, &used, &purpose);

                        f(&p, &a, v, used, purpose);
                    }
}

static bool is_showing(enum action a)
{
    return a == ACTION_ARTEFACT_LIST || a == ACTION_ARTEFACT_READ ||
           a == ACTION_ARTEFACT_CONTENT || a == ACTION_ARTEFACT_VIEW;
}

static unsigned long n_permitted;

static void check_invariants(const struct principal *p, const struct access *a,
                             enum permission v, enum role used, enum purpose purpose)
{
    bool bound = (a->relations & (REL_CLAIMANT | REL_APPOINTEE | REL_REPRESENTATIVE)) != 0 ||
                 ((a->relations & REL_PARTY) != 0 && principal_has(p, ROLE_REPRESENTATIVE));

    if (v != PERMIT) {
        if (used != ROLE_COUNT || purpose != PURPOSE_COUNT)
            ck_abort_msg("a denial names a role or a purpose");
        return;
    }
    n_permitted++;
    if (!principal_has(p, used) || used == ROLE_OPERATOR)
        ck_abort_msg("permitted under a role the caller has not: %u", used);
    if (a->harmful && bound && is_showing(a->action) && (a->relations & REL_UPLOADER) == 0)
        ck_abort_msg("the harm rule is undone: roles %x, relations %x", p->roles, a->relations);
    if (a->harmful && is_showing(a->action) &&
        (used == ROLE_CLAIMANT || used == ROLE_REPRESENTATIVE))
        ck_abort_msg("a claimant or representative sees a harmful artefact");
    if (a->action == ACTION_ARTEFACT_CONTENT && a->status != ARTEFACT_AVAILABLE)
        ck_abort_msg("content outside available: status %u", a->status);
    if (a->action == ACTION_ARTEFACT_VIEW &&
        ((a->status != ARTEFACT_AVAILABLE && a->status != ARTEFACT_RESTRICTED) ||
         purpose == PURPOSE_NONE || purpose == PURPOSE_OWN))
        ck_abort_msg("a safe view without a purpose, or of what is not to be seen");
    if (a->action == ACTION_VIEW_RELEASE &&
        (used != ROLE_RECORDS_OWNER || a->status != ARTEFACT_RESTRICTED))
        ck_abort_msg("a view is released by somebody else, or without need");
    if (a->action == ACTION_ARTEFACT_CONTENT && purpose == PURPOSE_OWN &&
        used != ROLE_CLAIMANT && used != ROLE_REPRESENTATIVE &&
        used != ROLE_HEALTH_PROFESSIONAL)
        ck_abort_msg("staff read content without a purpose");
    if (a->action == ACTION_ARTEFACT_CONTENT && purpose == PURPOSE_NONE)
        ck_abort_msg("content without a purpose");
    if (a->harmful && a->action == ACTION_ARTEFACT_CONTENT && purpose == PURPOSE_SUBJECT_ACCESS)
        ck_abort_msg("subject access shows a harmful artefact");
    if (a->action == ACTION_CHOICE_SET && used != ROLE_CLAIMANT && used != ROLE_ASSESSOR &&
        !(used == ROLE_REPRESENTATIVE && (a->relations & REL_APPOINTEE) != 0))
        ck_abort_msg("the choice is set by somebody else");
    if (a->action == ACTION_CONSENT_GIVE &&
        (a->relations & (REL_CLAIMANT | REL_APPOINTEE)) == 0)
        ck_abort_msg("consent is given by somebody else");
}

static void check_operator(const struct principal *p, const struct access *a, enum permission v,
                           enum role used, enum purpose purpose)
{
    (void)p, (void)a, (void)used, (void)purpose;
    if (v != DENY_ROLE)
        ck_abort_msg("the operator is permitted something, or told that it is there");
}

START_TEST(no_combination_breaks_the_rules)
{
    enumerate(0, ROLE_SETS, check_invariants);
    ck_assert_uint_gt(n_permitted, 100000);
}
END_TEST

START_TEST(operator_is_permitted_nothing)
{
    enumerate(1u << ROLE_OPERATOR, (1u << ROLE_OPERATOR) + 1, check_operator);
    enumerate(0, 1, check_operator);
}
END_TEST

/* One role more never makes a verdict worse, save where the harm rule binds. */
START_TEST(another_role_never_takes_away)
{
    static const int rank[] = {[PERMIT] = 0,
                               [DENY_PURPOSE] = 1,
                               [DENY_STATUS] = 2,
                               [DENY_HIDDEN] = 3,
                               [DENY_ROLE] = 4};

    for (unsigned one = 0; one < ROLE_COUNT; one++)
        for (unsigned two = 0; two < ROLE_COUNT; two++)
            for (uint32_t rel = 0; rel < RELATIONS_END; rel++)
                for (unsigned act = 0; act < ACTION_COUNT; act++) {
                    struct principal p = with_roles(1u << one | 1u << two);
                    struct access a = {.action = (enum action)act,
                                       .relations = rel,
                                       .status = ARTEFACT_AVAILABLE};
                    int alone = rank[ask((enum role)one, rel, a.action, a.status, false, 0)];

                    ck_assert_int_le(rank[permission_check(&p, &a, NULL, NULL)], alone);
                }
}
END_TEST

START_TEST(claimant_and_their_own_claim)
{
    static const enum action may[] = {
        ACTION_CLAIM_READ,      ACTION_CLAIM_LIST,    ACTION_CLAIM_PERSONAL,
        ACTION_CLAIM_HISTORY,   ACTION_CHOICE_NOTICE, ACTION_CHOICE_SET,
        ACTION_ARTEFACT_CREATE, ACTION_ARTEFACT_LIST, ACTION_ASSESSMENT_READ,
        ACTION_CONSENT_GIVE,    ACTION_CONSENT_READ};
    static const enum action never[] = {ACTION_CLAIM_CREATE,  ACTION_CLAIM_UPDATE,
                                        ACTION_ARTEFACT_LINK, ACTION_ASSESSMENT_CREATE,
                                        ACTION_AUDIT_READ,    ACTION_LOG_READ};

    for (size_t i = 0; i < ARRAY_LEN(may); i++) {
        ck_assert_int_eq(plain(ROLE_CLAIMANT, REL_CLAIMANT, may[i]), PERMIT);
        ck_assert_int_eq(plain(ROLE_CLAIMANT, REL_ANY, may[i]), DENY_HIDDEN);
        ck_assert_int_eq(plain(ROLE_CLAIMANT, REL_PARTY | REL_ASSIGNED, may[i]), DENY_HIDDEN);
    }
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        ck_assert_int_eq(plain(ROLE_CLAIMANT, REL_CLAIMANT, never[i]), DENY_ROLE);
}
END_TEST

START_TEST(claimant_and_artefacts_in_each_status)
{
    for (unsigned s = 0; s < ARTEFACT_STATUS_COUNT; s++) {
        bool available = s == ARTEFACT_AVAILABLE, refused = s == ARTEFACT_REFUSED;
        enum action read = ACTION_ARTEFACT_READ, body = ACTION_ARTEFACT_CONTENT;
        uint32_t own = REL_CLAIMANT | REL_UPLOADER;

        ck_assert_int_eq(ask(ROLE_CLAIMANT, REL_CLAIMANT, body, s, false, PURPOSE_NONE),
                         available ? PERMIT : DENY_STATUS);
        ck_assert_int_eq(ask(ROLE_CLAIMANT, REL_CLAIMANT, read, s, false, PURPOSE_NONE),
                         refused ? DENY_STATUS : PERMIT);
        ck_assert_int_eq(ask(ROLE_CLAIMANT, own, read, s, false, PURPOSE_NONE), PERMIT);
        /* hidden before status: a harmful one never answers with it */
        ck_assert_int_eq(ask(ROLE_CLAIMANT, REL_CLAIMANT, body, s, true, PURPOSE_NONE),
                         DENY_HIDDEN);
        ck_assert_int_eq(ask(ROLE_CLAIMANT, own, read, s, true, PURPOSE_NONE), DENY_HIDDEN);
        ck_assert_int_eq(ask(ROLE_CLAIMANT, REL_ANY, body, s, false, PURPOSE_NONE),
                         DENY_HIDDEN);
    }
}
END_TEST

START_TEST(representative_by_authority)
{
    static const enum action both[] = {ACTION_CLAIM_READ,     ACTION_CLAIM_LIST,
                                       ACTION_CLAIM_HISTORY,  ACTION_ARTEFACT_CREATE,
                                       ACTION_ARTEFACT_LIST,  ACTION_ARTEFACT_READ,
                                       ACTION_ASSESSMENT_READ};
    static const enum action appointee[] = {ACTION_CLAIM_PERSONAL, ACTION_CHOICE_NOTICE,
                                            ACTION_CHOICE_SET, ACTION_CONSENT_GIVE,
                                            ACTION_CONSENT_READ};
    enum role r = ROLE_REPRESENTATIVE;

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        ck_assert_int_eq(plain(r, REL_APPOINTEE, both[i]), PERMIT);
        ck_assert_int_eq(plain(r, REL_REPRESENTATIVE, both[i]), PERMIT);
        ck_assert_int_eq(plain(r, REL_PARTY, both[i]), DENY_HIDDEN); /* a doctor, say */
        ck_assert_int_eq(plain(r, REL_CLAIMANT, both[i]), DENY_HIDDEN);
        ck_assert_int_eq(plain(r, REL_UPLOADER, both[i]), DENY_HIDDEN);
    }
    for (size_t i = 0; i < ARRAY_LEN(appointee); i++) {
        ck_assert_int_eq(plain(r, REL_APPOINTEE, appointee[i]), PERMIT);
        ck_assert_int_eq(plain(r, REL_REPRESENTATIVE, appointee[i]), DENY_HIDDEN);
    }
    ck_assert_int_eq(content(r, REL_REPRESENTATIVE, false, PURPOSE_NONE), PERMIT);
    ck_assert_int_eq(content(r, REL_PARTY, false, PURPOSE_NONE), DENY_HIDDEN);
    ck_assert_int_eq(content(r, REL_REPRESENTATIVE, true, PURPOSE_NONE), DENY_HIDDEN);
    ck_assert_int_eq(content(r, REL_APPOINTEE, true, PURPOSE_DECISION), DENY_HIDDEN);
}
END_TEST

START_TEST(health_professional_sees_only_what_they_sent)
{
    enum role r = ROLE_HEALTH_PROFESSIONAL;

    ck_assert_int_eq(plain(r, REL_ANY, ACTION_ARTEFACT_CREATE), PERMIT);
    ck_assert_int_eq(
        ask(r, REL_ANY, ACTION_ARTEFACT_CREATE, PERMISSION_NO_ARTEFACT, true, PURPOSE_NONE),
        PERMIT);
    ck_assert_int_eq(plain(r, REL_ANY, ACTION_CLAIM_READ), DENY_HIDDEN);
    ck_assert_int_eq(plain(r, REL_PARTY, ACTION_CLAIM_READ), PERMIT);
    ck_assert_int_eq(plain(r, REL_PARTY, ACTION_ARTEFACT_LIST), PERMIT);
    ck_assert_int_eq(plain(r, REL_PARTY, ACTION_CLAIM_LIST), DENY_ROLE);
    ck_assert_int_eq(content(r, REL_PARTY, false, PURPOSE_NONE), DENY_HIDDEN);
    ck_assert_int_eq(content(r, REL_UPLOADER, true, PURPOSE_NONE), PERMIT);
    ck_assert_int_eq(content(r, REL_ANY, false, PURPOSE_DECISION), DENY_HIDDEN);
    ck_assert_int_eq(plain(r, REL_PARTY, ACTION_CHOICE_SET), DENY_ROLE);
}
END_TEST

START_TEST(assessor_and_the_policy_on_claims)
{
    static const struct permission_options wide = {.assessors_any_claim = true};
    enum role r = ROLE_ASSESSOR;

    ck_assert_int_eq(content(r, REL_ASSIGNED, true, PURPOSE_ASSESSMENT), PERMIT);
    ck_assert_int_eq(content(r, REL_PARTY | REL_REPRESENTATIVE, false, PURPOSE_ASSESSMENT),
                     DENY_HIDDEN); /* a carer here, an assessor elsewhere */
    ck_assert_int_eq(content(r, REL_ASSIGNED, false, PURPOSE_DECISION), DENY_PURPOSE);
    ck_assert_int_eq(content(r, REL_ANY, false, PURPOSE_ASSESSMENT), DENY_HIDDEN);
    ck_assert_int_eq(plain(r, REL_ASSIGNED, ACTION_CHOICE_SET), PERMIT);
    ck_assert_int_eq(plain(r, REL_ASSIGNED, ACTION_ASSESSMENT_CREATE), PERMIT);
    ck_assert_int_eq(plain(r, REL_ASSIGNED, ACTION_CLAIM_HISTORY), DENY_ROLE);
    permission_configure(&wide);
    ck_assert_int_eq(content(r, REL_ANY, false, PURPOSE_ASSESSMENT), PERMIT);
    ck_assert_int_eq(content(ROLE_CLAIMANT, REL_ANY, false, PURPOSE_NONE), DENY_HIDDEN);
    ck_assert_int_eq(content(r, REL_CLAIMANT, true, PURPOSE_ASSESSMENT), DENY_HIDDEN);
}
END_TEST

START_TEST(staff_and_their_purposes)
{
    static const struct {
        enum role role;
        uint32_t relations;
        uint32_t purposes, harmful; /* bits: content is read for these */
    } table[] = {
        {ROLE_CASE_MANAGER, REL_ANY,
         1u << PURPOSE_DECISION | 1u << PURPOSE_APPEAL | 1u << PURPOSE_SUBJECT_ACCESS,
         1u << PURPOSE_DECISION | 1u << PURPOSE_APPEAL},
        {ROLE_AUDITOR, REL_SAMPLED, 1u << PURPOSE_AUDIT, 1u << PURPOSE_AUDIT},
        {ROLE_RECORDS_OWNER, REL_ANY, 1u << PURPOSE_SUBJECT_ACCESS, 0},
        {ROLE_CLAIMS_SYSTEM, REL_ANY, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        for (unsigned p = PURPOSE_NONE; p < PURPOSE_OWN; p++) {
            uint32_t rel = table[i].relations;
            enum permission v = content(table[i].role, rel, false, (enum purpose)p);
            enum permission h = content(table[i].role, rel, true, (enum purpose)p);

            if (table[i].purposes == 0)
                ck_assert_int_eq(v, DENY_ROLE);
            else
                ck_assert_int_eq(v, (table[i].purposes >> p & 1) != 0 ? PERMIT : DENY_PURPOSE);
            ck_assert_int_eq(h == PERMIT, (table[i].harmful >> p & 1) != 0);
        }
    /* a missing purpose is named only where nothing else stands in the way */
    ck_assert_int_eq(ask(ROLE_CASE_MANAGER, REL_ANY, ACTION_ARTEFACT_CONTENT,
                         ARTEFACT_RESTRICTED, false, PURPOSE_NONE),
                     DENY_STATUS);
}
END_TEST

START_TEST(auditors_read_what_was_drawn)
{
    ck_assert_int_eq(content(ROLE_AUDITOR, REL_ANY, false, PURPOSE_AUDIT), DENY_HIDDEN);
    ck_assert_int_eq(content(ROLE_AUDITOR, REL_SAMPLED, false, PURPOSE_AUDIT), PERMIT);
    for (unsigned r = 0; r < ROLE_COUNT; r++) {
        enum permission without = content((enum role)r, REL_ANY, false, PURPOSE_AUDIT);

        if (r != ROLE_AUDITOR) /* a sample is no way in for anybody else */
            ck_assert_int_eq(content((enum role)r, REL_SAMPLED, false, PURPOSE_AUDIT), without);
    }
}
END_TEST

START_TEST(staff_and_the_rest)
{
    ck_assert_int_eq(plain(ROLE_CLAIMS_SYSTEM, REL_ANY, ACTION_CLAIM_CREATE), PERMIT);
    ck_assert_int_eq(plain(ROLE_CLAIMS_SYSTEM, REL_ANY, ACTION_CHOICE_NOTICE), PERMIT);
    ck_assert_int_eq(plain(ROLE_CLAIMS_SYSTEM, REL_ANY, ACTION_CHOICE_SET), DENY_ROLE);
    ck_assert_int_eq(plain(ROLE_CLAIMS_SYSTEM, REL_ANY, ACTION_ARTEFACT_LIST), DENY_ROLE);
    ck_assert_int_eq(plain(ROLE_CASE_MANAGER, REL_ANY, ACTION_ARTEFACT_LINK), PERMIT);
    ck_assert_int_eq(plain(ROLE_CASE_MANAGER, REL_ANY, ACTION_CHOICE_SET), DENY_ROLE);
    ck_assert_int_eq(plain(ROLE_CASE_MANAGER, REL_ANY, ACTION_CONSENT_GIVE), DENY_ROLE);
    ck_assert_int_eq(plain(ROLE_CASE_MANAGER, REL_ANY, ACTION_CONSENT_READ), PERMIT);
    ck_assert_int_eq(plain(ROLE_AUDITOR, REL_ANY, ACTION_CLAIM_HISTORY), PERMIT);
    ck_assert_int_eq(plain(ROLE_AUDITOR, REL_ANY, ACTION_CLAIM_PERSONAL), DENY_ROLE);
    ck_assert_int_eq(plain(ROLE_AUDITOR, REL_ANY, ACTION_LOG_READ), PERMIT);
    ck_assert_int_eq(plain(ROLE_CASE_MANAGER, REL_ANY, ACTION_AUDIT_READ), DENY_ROLE);
    ck_assert_int_eq(ask(ROLE_RECORDS_OWNER, REL_ANY, ACTION_ARTEFACT_READ, ARTEFACT_RESTRICTED,
                         false, PURPOSE_NONE),
                     PERMIT);
    ck_assert_int_eq(plain(ROLE_RECORDS_OWNER, REL_ANY, ACTION_CLAIM_PERSONAL), DENY_ROLE);
}
END_TEST

START_TEST(harm_rule_outlives_other_roles)
{
    struct principal p = with_roles(1u << ROLE_CLAIMANT | 1u << ROLE_CASE_MANAGER |
                                    1u << ROLE_HEALTH_PROFESSIONAL);
    struct access a = {.action = ACTION_ARTEFACT_CONTENT,
                       .relations = REL_CLAIMANT,
                       .status = ARTEFACT_AVAILABLE,
                       .harmful = true,
                       .purpose = PURPOSE_DECISION};
    enum role used;
    enum purpose purpose;

    ck_assert_int_eq(permission_check(&p, &a, NULL, NULL), DENY_HIDDEN);
    a.relations = REL_ANY; /* somebody else's claim */
    ck_assert_int_eq(permission_check(&p, &a, &used, &purpose), PERMIT);
    ck_assert_int_eq(used, ROLE_CASE_MANAGER);
    ck_assert_int_eq(purpose, PURPOSE_DECISION);
    a.relations = REL_CLAIMANT | REL_UPLOADER; /* sent as a health professional */
    ck_assert_int_eq(permission_check(&p, &a, &used, &purpose), PERMIT);
    ck_assert_int_eq(used, ROLE_HEALTH_PROFESSIONAL);
    ck_assert_int_eq(purpose, PURPOSE_OWN);
}
END_TEST

START_TEST(lists_know_who_sees_harmful)
{
    struct principal staff = with_role(ROLE_CASE_MANAGER);
    struct principal gp = with_role(ROLE_HEALTH_PROFESSIONAL);
    struct principal assessor = with_role(ROLE_ASSESSOR);
    struct principal both = with_roles(1u << ROLE_ASSESSOR | 1u << ROLE_REPRESENTATIVE);

    ck_assert(permission_sees_harmful(&staff, REL_ANY));
    ck_assert(!permission_sees_harmful(&staff, REL_CLAIMANT));
    ck_assert(!permission_sees_harmful(&gp, REL_PARTY | REL_UPLOADER));
    ck_assert(permission_sees_harmful(&assessor, REL_ASSIGNED));
    ck_assert(!permission_sees_harmful(&assessor, REL_ANY));
    ck_assert(!permission_sees_harmful(&assessor, REL_PARTY));
    ck_assert(!permission_sees_harmful(&both, REL_ASSIGNED | REL_REPRESENTATIVE));
    ck_assert(!permission_sees_harmful(&assessor, REL_ASSIGNED | REL_REPRESENTATIVE));
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        for (uint32_t rel = 0; rel < RELATIONS_END; rel++) {
            struct principal p = with_role((enum role)r);
            enum permission v =
                ask((enum role)r, rel & ~(uint32_t)REL_UPLOADER, ACTION_ARTEFACT_LIST,
                    ARTEFACT_AVAILABLE, true, PURPOSE_NONE);

            if ((rel & REL_UPLOADER) == 0)
                ck_assert_int_eq(permission_sees_harmful(&p, rel), v == PERMIT);
        }
}
END_TEST

START_TEST(names_go_both_ways)
{
    enum purpose p;
    enum role r;

    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        ok(role_parse(role_name((enum role)i), &r));
        ck_assert_uint_eq(r, i);
    }
    fails(ERR_INVALID, role_parse("Claimant", &r));
    fails(ERR_INVALID, role_parse("", &r));
    for (unsigned i = PURPOSE_DECISION; i < PURPOSE_OWN; i++) {
        ok(purpose_parse(purpose_name((enum purpose)i), &p));
        ck_assert_uint_eq(p, i);
    }
    fails(ERR_INVALID, purpose_parse("own", &p));
    fails(ERR_INVALID, purpose_parse("none", &p));
    fails(ERR_INVALID, purpose_parse("", &p));
    ck_assert_str_eq(action_name(ACTION_CLAIM_CREATE), "claim.create");
    ck_assert_str_eq(action_name(ACTION_LOG_READ), "log.read");
}
END_TEST

/* `auth_tool permissions > docs/permissions.md` writes it anew. */
/* Of the claimant's side, with an authority that ended by a death or does not cover this. */
START_TEST(who_is_bound_may_nothing_by_that_and_meets_no_harm)
{
    for (unsigned act = 0; act < ACTION_COUNT; act++) {
        enum action action = (enum action)act;

        ck_assert_int_eq(plain(ROLE_CLAIMANT, REL_BOUND, action),
                         plain(ROLE_CLAIMANT, 0, action));
        ck_assert_int_eq(plain(ROLE_REPRESENTATIVE, REL_BOUND, action),
                         plain(ROLE_REPRESENTATIVE, 0, action));
    }
    ck_assert_int_eq(content(ROLE_CASE_MANAGER, 0, true, PURPOSE_DECISION), PERMIT);
    ck_assert_int_eq(content(ROLE_CASE_MANAGER, REL_BOUND, true, PURPOSE_DECISION),
                     DENY_HIDDEN);
    ck_assert_int_eq(content(ROLE_CASE_MANAGER, REL_BOUND, false, PURPOSE_DECISION), PERMIT);
}
END_TEST

START_TEST(page_is_the_table)
{
    AUTO_CLEAR(buf_clear) struct buf printed;
    static char page[65536];
    FILE *f = fopen(TEST_SOURCE_DIR "/docs/permissions.md", "r");

    ck_assert_ptr_nonnull(f);
    page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
    ck_assert_int_eq(fclose(f), 0);
    buf_init(&printed, sizeof(page));
    ok(permission_print(&printed));
    ck_assert_str_eq(page, buf_text(&printed));
    buf_clear(&printed);
    buf_init(&printed, 1000);
    fails(ERR_TOO_LARGE, permission_print(&printed));
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "auth/permission", no_combination_breaks_the_rules, operator_is_permitted_nothing,
        another_role_never_takes_away, claimant_and_their_own_claim,
        claimant_and_artefacts_in_each_status, representative_by_authority,
        health_professional_sees_only_what_they_sent, assessor_and_the_policy_on_claims,
        staff_and_their_purposes, auditors_read_what_was_drawn, staff_and_the_rest,
        harm_rule_outlives_other_roles, lists_know_who_sees_harmful, names_go_both_ways,
        who_is_bound_may_nothing_by_that_and_meets_no_harm, page_is_the_table);
}
