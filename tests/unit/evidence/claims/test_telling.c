/* Who may be told at the moment a message is about to be sent. */
#include "gateway/evidence/claims/telling.h"
#include "tests/unit/evidence/world.h"

static bool stands(struct world *w, const struct uuid *claim, const char *subject,
                   const struct uuid *about, bool harmful)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct message_record m = {.id = uuid_new(),
                               .claim = *claim,
                               .channel = subject ? MESSAGE_SMS : MESSAGE_WEBHOOK,
                               .about = *about,
                               .harmful = harmful};
    bool may = false;
    if (subject) {
        (void)snprintf(m.to.issuer, sizeof(m.to.issuer), "%s", WORLD_ISSUER);
        (void)snprintf(m.to.subject, sizeof(m.to.subject), "%s", subject);
    }
    ok(db_read_begin(w->db, &db));
    ok(telling_stands(db, &m, &may));
    return may;
}

START_TEST(only_who_may_read_the_claim_now)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct party_record people[] = {party("rupa", "representative", "appointee"),
                                    party("ended", "representative", "appointee"),
                                    party("gp", "health_professional", "gp")};
    people[1].from = 1;
    people[1].until = 2;
    struct uuid claim = world_claim_with(&w, "ada", people, ARRAY_LEN(people));
    struct uuid letter = world_letter(&w, "ada", &claim, "hi");
    ck_assert(stands(&w, &claim, "ada", &letter, false));
    ck_assert(stands(&w, &claim, "rupa", &letter, false));
    ck_assert(stands(&w, &claim, "gp", &letter, false));
    ck_assert(!stands(&w, &claim, "ended", &letter, false));
    ck_assert(!stands(&w, &claim, "stranger", &letter, false));
    ck_assert(stands(&w, &claim, NULL, &letter, false));
    world_end(&w);
}
END_TEST

/* Also of what was no harm when the message was written: the flag is asked as it stands now. */
START_TEST(never_of_what_is_harmful)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record rupa = party("rupa", "representative", "appointee");
    struct uuid claim = world_claim_with(&w, "ada", &rupa, 1), sr1 = world_sr1(&w, &claim);
    struct uuid letter = world_letter(&w, "ada", &claim, "hi"), request = uuid_new();
    for (int written = 0; written < 2; written++) {
        ck_assert(!stands(&w, &claim, "ada", &sr1, written == 1));
        ck_assert(!stands(&w, &claim, "rupa", &sr1, written == 1));
        ck_assert(stands(&w, &claim, NULL, &sr1, written == 1));
        ck_assert_int_eq(stands(&w, &claim, "ada", &letter, written == 1), written == 0);
        ck_assert_int_eq(stands(&w, &claim, "ada", &request, written == 1), written == 0);
    }
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/claims/telling", only_who_may_read_the_claim_now,
                     never_of_what_is_harmful);
}
