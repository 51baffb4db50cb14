/* How a caller stands to a claim, and what follows from it: every relation by its record, and
 * nothing by a role alone. */
#include "tests/unit/evidence/world.h"

static uint32_t relations_of(struct world *w, const struct principal *p,
                             const struct uuid *claim, int64_t now)
{
    struct claim_record record;
    uint32_t relations = 0;
    struct db *db = NULL;
    ok(db_read_begin(w->db, &db));
    ok(claim_find(db, claim, &record));
    ok(authority_on_claim(db, &record, p, now, &relations));
    db_read_end(db);
    return relations;
}

static enum err claim_asks(struct world *w, const struct principal *p, const struct uuid *claim,
                           enum action action)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record record;
    TRY(db_read_begin(w->db, &db));
    return authority_claim(db, claim, p, action, &record, NULL, NULL);
}

START_TEST(relations_follow_from_the_records)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record parties[] = {
        party("rupa", "representative", "appointee"), party("carl", "representative", "carer"),
        party("dr-gray", "health_professional", "gp"), party("ines", "assessor", "assessor")};
    struct uuid claim = world_claim_with(&w, "ada", parties, ARRAY_LEN(parties));
    static const struct {
        const char *subject;
        uint32_t wanted;
    } PEOPLE[] = {
        {"ada", REL_CLAIMANT},
        {"rupa", REL_APPOINTEE | REL_REPRESENTATIVE},
        {"carl", REL_PARTY | REL_REPRESENTATIVE},
        {"dr-gray", REL_PARTY},
        {"ines", REL_ASSIGNED},
        {"asim", REL_ASSIGNED},
        {"bob", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(PEOPLE); i++) {
        struct principal p = someone(PEOPLE[i].subject, 0);
        ck_assert_uint_eq(relations_of(&w, &p, &claim, clock_now()),
                          REL_ANY | PEOPLE[i].wanted);
        /* the same subject of another issuer is somebody else */
        strcpy(p.issuer, "https://other.test");
        uint32_t staff = PEOPLE[i].wanted & REL_ASSIGNED & (i == 5 ? REL_ASSIGNED : 0);
        ck_assert_uint_eq(relations_of(&w, &p, &claim, clock_now()), REL_ANY | staff);
    }
    world_end(&w);
}
END_TEST

START_TEST(authority_has_a_beginning_and_an_end)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct party_record rupa = party("rupa", "representative", "appointee");
    rupa.from = 1000;
    rupa.until = 2000;
    struct uuid claim = world_claim_with(&w, "ada", &rupa, 1);
    struct principal p = someone("rupa", 1u << ROLE_REPRESENTATIVE);
    static const struct {
        int64_t now;
        bool valid;
    } MOMENTS[] = {{999, false}, {1000, true}, {1999, true}, {2000, false}};
    for (size_t i = 0; i < ARRAY_LEN(MOMENTS); i++)
        ck_assert_int_eq((relations_of(&w, &p, &claim, MOMENTS[i].now) & REL_APPOINTEE) != 0,
                         MOMENTS[i].valid);
    world_end(&w);
}
END_TEST

/* A carer who is an assessor elsewhere, and comes with that role alone, is no assessor here;
 * nor is the claimant's doctor who represents somebody else a representative here. */
START_TEST(a_party_counts_in_the_role_on_record_only)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record parties[] = {party("carl", "representative", "carer"),
                                           party("dr-gray", "health_professional", "gp"),
                                           party("eve", "health_professional", "appointee")};
    struct uuid claim = world_claim_with(&w, "ada", parties, ARRAY_LEN(parties));
    struct uuid letter = world_letter(&w, "ada", &claim, "hello");
    struct principal carl = someone("carl", 1u << ROLE_ASSESSOR);
    struct principal doc = someone("dr-gray", 1u << ROLE_REPRESENTATIVE);
    struct principal eve = someone("eve", 1u << ROLE_REPRESENTATIVE);
    static const enum action ACTIONS[] = {ACTION_CLAIM_READ,      ACTION_ARTEFACT_LIST,
                                          ACTION_ARTEFACT_CREATE, ACTION_ASSESSMENT_READ,
                                          ACTION_CHOICE_SET,      ACTION_CHOICE_NOTICE};
    for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++) {
        refused(REFUSAL_CLAIM_NOT_FOUND, claim_asks(&w, &carl, &claim, ACTIONS[i]));
        refused(REFUSAL_CLAIM_NOT_FOUND, claim_asks(&w, &doc, &claim, ACTIONS[i]));
        refused(REFUSAL_CLAIM_NOT_FOUND, claim_asks(&w, &eve, &claim, ACTIONS[i]));
    }
    refused(REFUSAL_NOT_FOUND, world_open_only(&w, &carl, &letter, PURPOSE_ASSESSMENT));
    refused(REFUSAL_NOT_FOUND, world_open_only(&w, &doc, &letter, PURPOSE_NONE));
    refused(REFUSAL_NOT_FOUND, world_open_only(&w, &eve, &letter, PURPOSE_NONE));
    carl.roles = 1u << ROLE_REPRESENTATIVE; /* as what he is he may */
    ok(world_open_only(&w, &carl, &letter, PURPOSE_NONE));
    world_end(&w);
}
END_TEST

START_TEST(foreign_and_missing_are_refused_alike)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct uuid claim = world_claim(&w, "ada"), missing = uuid_new();
    struct uuid letter = world_letter(&w, "ada", &claim, "hello");
    struct principal bob = claimant("bob");
    char words[2][ERR_MESSAGE_MAX];
    refused(REFUSAL_CLAIM_NOT_FOUND, claim_asks(&w, &bob, &claim, ACTION_CLAIM_READ));
    strcpy(words[0], err_message(ERR_REFUSED));
    refused(REFUSAL_CLAIM_NOT_FOUND, claim_asks(&w, &bob, &missing, ACTION_CLAIM_READ));
    ck_assert_str_eq(words[0], err_message(ERR_REFUSED));
    refused(REFUSAL_NOT_FOUND, world_open_only(&w, &bob, &letter, PURPOSE_NONE));
    strcpy(words[1], err_message(ERR_REFUSED));
    refused(REFUSAL_NOT_FOUND, world_open_only(&w, &bob, &missing, PURPOSE_NONE));
    ck_assert_str_eq(words[1], err_message(ERR_REFUSED));
    /* a role that has no such action hears so whether the thing exists or not */
    struct principal nobody = someone("olga", 1u << ROLE_OPERATOR);
    refused(REFUSAL_NOT_PERMITTED, claim_asks(&w, &nobody, &claim, ACTION_CLAIM_READ));
    refused(REFUSAL_NOT_PERMITTED, claim_asks(&w, &nobody, &missing, ACTION_CLAIM_READ));
    world_end(&w);
}
END_TEST

START_TEST(verdicts_become_refusals)
{
    ok(authority_refuse(PERMIT, REFUSAL_NOT_FOUND));
    refused(REFUSAL_NOT_PERMITTED, authority_refuse(DENY_ROLE, REFUSAL_NOT_FOUND));
    refused(REFUSAL_NOT_FOUND, authority_refuse(DENY_HIDDEN, REFUSAL_NOT_FOUND));
    refused(REFUSAL_CLAIM_NOT_FOUND, authority_refuse(DENY_HIDDEN, REFUSAL_CLAIM_NOT_FOUND));
    refused(REFUSAL_PURPOSE_REQUIRED, authority_refuse(DENY_PURPOSE, REFUSAL_NOT_FOUND));
    refused(REFUSAL_NOT_AVAILABLE, authority_refuse(DENY_STATUS, REFUSAL_NOT_FOUND));
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/rules/authority", relations_follow_from_the_records,
                     authority_has_a_beginning_and_an_end,
                     a_party_counts_in_the_role_on_record_only,
                     foreign_and_missing_are_refused_alike, verdicts_become_refusals);
}
