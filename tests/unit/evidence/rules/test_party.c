/* When a party acts, and in what: dates, the claimant's life, one appointee, scopes. */
#include "gateway/evidence/rules/party.h"

#include "gateway/base/clock.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define refused(expr)                                                                          \
    do {                                                                                       \
        enum err refused_err_ = (expr);                                                        \
        ck_assert_int_eq(refused_err_, ERR_REFUSED);                                           \
        ck_assert_int_eq(err_detail(refused_err_), REFUSAL_INVALID_REQUEST);                   \
    } while (0)

static struct party_record party(const char *subject, const char *kind, const char *scope,
                                 int64_t from, int64_t until)
{
    struct party_record p = {.from = from, .until = until};
    strcpy(p.person.subject, subject);
    strcpy(p.role, "representative");
    strcpy(p.kind, kind);
    strcpy(p.scope, scope);
    return p;
}

static bool acts(struct party_record p, struct claim_life life, int64_t now)
{
    return party_acts(&p, 1, 0, &life, now);
}

START_TEST(scopes_cover_what_they_say)
{
    static const struct {
        const char *scope;
        uint32_t covers;
    } CASES[] = {
        {"", COVER_ALL},
        {"all", COVER_ALL},
        {"full", COVER_ALL},
        {"read", COVER_READ},
        {"upload", COVER_SEND},
        {"evidence", COVER_READ | COVER_SEND},
        {"choice", COVER_DECIDE},
        {"read,choice", COVER_READ | COVER_DECIDE},
        {" read , upload ", COVER_READ | COVER_SEND},
        {"carer_statement", COVER_SEND},
        {"reading", COVER_SEND}, /* a kind that nobody has: sends nothing, see below */
        {" , ", COVER_ALL},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        ck_assert_msg(scope_covers(CASES[i].scope) == CASES[i].covers, "\"%s\"",
                      CASES[i].scope);
    ck_assert(scope_sends("", "further_evidence"));
    ck_assert(scope_sends("upload", "further_evidence"));
    ck_assert(scope_sends("carer_statement", "carer_statement"));
    ck_assert(!scope_sends("carer_statement", "further_evidence"));
    ck_assert(!scope_sends("carer_statement", "carer"));
    ck_assert(!scope_sends("read,choice", "carer_statement"));
    ck_assert(!scope_sends("reading", "further_evidence"));
}
END_TEST

START_TEST(actions_need_their_cover)
{
    for (unsigned a = 0; a < ACTION_COUNT; a++) {
        enum action action = (enum action)a;
        ck_assert(!cover_permits(0, action));
        ck_assert(cover_permits(COVER_ALL, action));
    }
    ck_assert(cover_permits(COVER_SEND, ACTION_CLAIM_READ));
    ck_assert(cover_permits(COVER_SEND, ACTION_ARTEFACT_CREATE));
    ck_assert(!cover_permits(COVER_SEND, ACTION_ARTEFACT_CONTENT));
    ck_assert(!cover_permits(COVER_SEND, ACTION_CLAIM_HISTORY));
    ck_assert(!cover_permits(COVER_READ, ACTION_ARTEFACT_CREATE));
    ck_assert(!cover_permits(COVER_READ, ACTION_CHOICE_SET));
    ck_assert(cover_permits(COVER_DECIDE, ACTION_CHOICE_SET));
    ck_assert(cover_permits(COVER_DECIDE, ACTION_ASSESSMENT_READ));
    ck_assert(!cover_permits(COVER_DECIDE, ACTION_ARTEFACT_READ));
}
END_TEST

START_TEST(dates_begin_and_end)
{
    struct claim_life life = {.began_at = 50};
    struct party_record p = party("rupa", "appointee", "", 100, 200);
    ck_assert(!acts(p, life, 99));
    ck_assert(acts(p, life, 100));
    ck_assert(acts(p, life, 199));
    ck_assert(!acts(p, life, 200));
    ck_assert(acts(party("rupa", "appointee", "", 0, 0), life, INT64_MAX));
}
END_TEST

START_TEST(authority_ends_with_the_claimant)
{
    struct claim_life life = {.began_at = 50, .died_at = 500};
    ck_assert(!acts(party("rupa", "appointee", "", 100, 0), life, 600));
    ck_assert(!acts(party("adam", "adviser", "", 499, 0), life, 600));
    ck_assert(!acts(party("rupa", "appointee", "", 0, 0), life, 600));
    ck_assert(acts(party("ed", "executor", "", 500, 0), life, 600)); /* for the estate */
    struct party_record gp = party("dr-gray", "gp", "", 100, 0);
    strcpy(gp.role, "health_professional");
    ck_assert(acts(gp, life, 600)); /* no authority of the claimant's */
}
END_TEST

START_TEST(a_parents_authority_ends_with_the_birthday)
{
    struct claim_life life = {.began_at = 50, .of_age_at = 1000};
    static const char *const KINDS[] = {"appointee", "parent", "guardian"};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        struct party_record p = party("petra", KINDS[i], "", 100, 0);
        ck_assert(acts(p, life, 999));
        ck_assert(!acts(p, life, 1000));
        p.from = 1000; /* registered again */
        ck_assert(acts(p, life, 1000));
        p.from = 0; /* as old as the claim */
        ck_assert(!acts(p, life, 1000));
    }
    ck_assert(acts(party("carl", "carer", "", 100, 0), life, 1000));
    life.of_age_at = 0; /* nobody told the date of birth */
    ck_assert(acts(party("petra", "appointee", "", 100, 0), life, 1000));
}
END_TEST

START_TEST(sixteen_years_by_the_calendar)
{
    static const struct {
        const char *born, *of_age;
    } CASES[] = {
        {"2010-11-22", "2026-11-22T00:00:00.000000Z"},
        {"2008-02-29", "2024-02-29T00:00:00.000000Z"},
        {"2084-02-29", "2100-03-01T00:00:00.000000Z"},
        {"1999-12-31", "2015-12-31T00:00:00.000000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char text[TIME_TEXT_SIZE];
        time_format(claimant_of_age_at(CASES[i].born), text);
        ck_assert_str_eq(text, CASES[i].of_age);
    }
    ck_assert_int_eq(claimant_of_age_at(""), 0);
    ck_assert_int_eq(claimant_of_age_at("yesterday"), 0);
    ck_assert_int_eq(claimant_of_age_at("9999-01-01"), 0);
}
END_TEST

START_TEST(one_appointee_acts_at_a_time)
{
    struct claim_life life = {.began_at = 50};
    struct party_record all[] = {party("old", "appointee", "", 100, 0),
                                 party("new", "appointee", "", 200, 300),
                                 party("carl", "carer", "", 100, 0)};
    size_t n = ARRAY_LEN(all);
    ck_assert(party_acts(all, n, 0, &life, 150));
    ck_assert(!party_acts(all, n, 1, &life, 150));
    ck_assert(!party_acts(all, n, 0, &life, 200)); /* followed */
    ck_assert(party_acts(all, n, 1, &life, 200));
    ck_assert(party_acts(all, n, 2, &life, 200));
    ck_assert(party_acts(all, n, 0, &life, 300)); /* the follower's appointment ended */
    all[1].from = 100; /* the same moment: the one that stands behind */
    ck_assert(!party_acts(all, n, 0, &life, 150));
    ck_assert(party_acts(all, n, 1, &life, 150));
    strcpy(all[1].person.subject, "old"); /* one person twice is one */
    ck_assert(party_acts(all, n, 0, &life, 150));
}
END_TEST

START_TEST(registrations_are_checked)
{
    static struct kinds kinds = {.n = 1};
    strcpy(kinds.rows[0].name, "carer_statement");
    struct party_record one[] = {party("a", "carer", "read, carer_statement", 100, 200)};
    ck_assert_int_eq(parties_check(one, 1, &kinds, 150), ERR_OK);
    strcpy(one[0].scope, "read,everything");
    refused(parties_check(one, 1, &kinds, 150));
    strcpy(one[0].scope, "further_evidence"); /* no such kind in this policy */
    refused(parties_check(one, 1, &kinds, 150));
    one[0] = party("a", "carer", "", 100, 100);
    refused(parties_check(one, 1, &kinds, 150));

    struct party_record two[] = {party("a", "appointee", "", 100, 0),
                                 party("b", "appointee", "", 120, 0)};
    refused(parties_check(two, 2, &kinds, 150));
    ck_assert_int_eq(parties_check(two, 2, &kinds, 110), ERR_OK); /* the second comes later */
    two[0].until = 130;
    ck_assert_int_eq(parties_check(two, 2, &kinds, 150), ERR_OK);
    two[0].until = 0;
    strcpy(two[1].person.subject, "a");
    ck_assert_int_eq(parties_check(two, 2, &kinds, 150), ERR_OK);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/rules/party", scopes_cover_what_they_say,
                     actions_need_their_cover, dates_begin_and_end,
                     authority_ends_with_the_claimant,
                     a_parents_authority_ends_with_the_birthday, sixteen_years_by_the_calendar,
                     one_appointee_acts_at_a_time, registrations_are_checked);
}
