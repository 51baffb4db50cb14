/* What a claim's history tells, and whom: the harm rule on every page of it, and nothing of
 * other people's claims. */
#include "gateway/evidence/log/entry.h"
#include "tests/unit/evidence/world.h"

static bool told(struct world *w, const struct principal *p, const struct uuid *claim,
                 const char *what)
{
    char *text = world_history(w, p, claim);
    bool found = strstr(text, what) != NULL;
    free(text);
    return found;
}

static void id_text(const struct uuid *id, char out[UUID_TEXT_SIZE])
{
    uuid_format(id, out);
}

START_TEST(reads_are_told_by_whom_to_staff_and_by_role_to_others)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), morgan = manager();
    struct uuid claim = world_claim(&w, "ada"), letter = world_letter(&w, "ada", &claim, "hi");
    ok(world_open_only(&w, &morgan, &letter, PURPOSE_DECISION));
    ck_assert(told(&w, &morgan, &claim, "read.opened"));
    ck_assert(told(&w, &morgan, &claim, "#morgan"));
    ck_assert(told(&w, &ada, &claim, "read.opened"));
    ck_assert(told(&w, &ada, &claim, "case_manager"));
    ck_assert(!told(&w, &ada, &claim, "morgan"));
    world_end(&w);
}
END_TEST

START_TEST(harmful_entries_are_not_there)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record rupa = party("rupa", "representative", "appointee");
    struct principal people[] = {claimant("ada"), someone("rupa", 1u << ROLE_REPRESENTATIVE),
                                 someone("ada", 1u << ROLE_CASE_MANAGER | 1u << ROLE_AUDITOR)};
    struct principal morgan = manager();
    struct uuid claim = world_claim_with(&w, "ada", &rupa, 1);
    char *before[ARRAY_LEN(people)];
    for (size_t i = 0; i < ARRAY_LEN(people); i++)
        before[i] = world_history(&w, &people[i], &claim);
    struct uuid sr1 = world_sr1(&w, &claim);
    ok(world_open_only(&w, &morgan, &sr1, PURPOSE_DECISION));
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        refused(REFUSAL_NOT_FOUND, world_open_only(&w, &people[i], &sr1, PURPOSE_DECISION));
        char *after = world_history(&w, &people[i], &claim);
        ck_assert_str_eq(after, before[i]);
        free(after);
        free(before[i]);
    }
    ck_assert(told(&w, &morgan, &claim, "medical_report"));
    world_awaits(&w, "read.denied", NULL, ARRAY_LEN(people));
    ck_assert(!told(&w, &morgan, &claim, "read.denied"));
    world_end(&w);
}
END_TEST

/* The person who sent it as a doctor does not see it as a claimant. */
START_TEST(what_one_sent_in_another_role_is_not_there_either)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal doc = doctor(), self = claimant("dr-gray");
    struct uuid claim = world_claim(&w, "dr-gray"), sr1 = world_sr1(&w, &claim);
    struct artefact_query q = {.limit = 10};
    struct artefact_record found[10];
    struct artefact_view v;
    size_t n = 9;
    char id[UUID_TEXT_SIZE];
    id_text(&sr1, id);
    ck_assert(!told(&w, &self, &claim, id));
    ok(artefact_find_all(w.ev, &self, &claim, &q, found, &n));
    ck_assert_uint_eq(n, 0);
    refused(REFUSAL_NOT_FOUND, artefact_get(w.ev, &self, &sr1, &v));
    ok(artefact_get(w.ev, &doc, &sr1, &v));
    doc.roles |= 1u << ROLE_CLAIMANT; /* with both roles, as who sent it */
    ok(artefact_find_all(w.ev, &doc, &claim, &q, found, &n));
    ck_assert_uint_eq(n, 1);
    world_end(&w);
}
END_TEST

START_TEST(pages_end_alike_whatever_is_hidden)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    for (int i = 0; i < 3; i++) {
        (void)world_new_letter(&w, "ada", &claim);
        (void)world_sr1(&w, &claim);
    }
    uint64_t after = UINT64_MAX;
    size_t shown = 0;
    for (int page = 0; page < 4; page++) { /* claim.created and three letters */
        json_t *events = NULL;
        ok(history_of_claim(w.ev, &ada, &claim, after, 1, &events, &after));
        shown += json_array_size(events);
        json_decref(events);
        ck_assert_uint_ne(after, UINT64_MAX);
    }
    ck_assert_uint_eq(shown, 4);
    json_t *events = NULL;
    ok(history_of_claim(w.ev, &ada, &claim, after, 1, &events, &after));
    ck_assert_uint_eq(json_array_size(events), 0);
    ck_assert_uint_eq(after, UINT64_MAX);
    json_decref(events);
    world_end(&w);
}
END_TEST

/* "Moved to the right claim": both sides are told that, but not whose claim the other is. */
START_TEST(a_move_does_not_tell_of_the_other_claim)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob"), morgan = manager();
    struct uuid wrong = world_claim(&w, "ada"), right = world_claim(&w, "bob");
    struct uuid letter = world_letter(&w, "ada", &wrong, "for bob");
    struct artefact_view v;
    char texts[2][UUID_TEXT_SIZE];
    id_text(&wrong, texts[0]);
    id_text(&right, texts[1]);
    ok(artefact_link(w.ev, &morgan, &letter, &right, "it is Bob Smith's", NULL, &v));
    ok(artefact_unlink(w.ev, &morgan, &letter, &wrong, "not theirs"));
    for (int i = 0; i < 2; i++) {
        const struct principal *who = i ? &bob : &ada;
        const struct uuid *claim = i ? &right : &wrong;
        ck_assert(told(&w, who, claim, "link.made"));
        ck_assert(told(&w, who, claim, "link.removed"));
        ck_assert(!told(&w, who, claim, texts[!i]));
        ck_assert(!told(&w, who, claim, "Smith"));
        ck_assert(told(&w, &morgan, claim, texts[0]));
        ck_assert(told(&w, &morgan, claim, "Smith"));
    }
    ok(artefact_get(w.ev, &bob, &letter, &v));
    ck_assert_uint_eq(v.n_links, 1);
    ck_assert_str_eq(v.links[0].reason, "");
    ck_assert(uuid_equal(&v.record.claim, &right));
    ok(artefact_get(w.ev, &morgan, &letter, &v));
    ck_assert_str_eq(v.links[0].reason, "it is Bob Smith's");
    world_end(&w);
}
END_TEST

/* Who reads it is told to the claims it belongs to now. */
START_TEST(reads_are_told_where_the_artefact_is)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob"), morgan = manager();
    struct uuid wrong = world_claim(&w, "ada"), right = world_claim(&w, "bob");
    struct uuid letter = world_letter(&w, "ada", &wrong, "for bob");
    struct artefact_view v;
    ok(artefact_link(w.ev, &morgan, &letter, &right, "bob's", NULL, &v));
    ok(world_open_only(&w, &morgan, &letter, PURPOSE_DECISION));
    ck_assert(told(&w, &ada, &wrong, "read.opened"));
    ck_assert(told(&w, &bob, &right, "read.opened"));
    ck_assert_uint_eq(world_entries(&w, "read.opened", NULL), 2);
    ok(artefact_unlink(w.ev, &morgan, &letter, &wrong, "not theirs"));
    ok(world_open_only(&w, &morgan, &letter, PURPOSE_APPEAL));
    ck_assert(!told(&w, &ada, &wrong, "appeal"));
    ck_assert(told(&w, &bob, &right, "appeal"));
    world_close(&w); /* sessions are closed where it is by then */
    world_open(&w);
    ck_assert(!told(&w, &ada, &wrong, "read.closed"));
    ck_assert(told(&w, &bob, &right, "read.closed"));
    world_end(&w);
}
END_TEST

/* A receipt says who sent it and to which claim: it is not for everybody who sees the item. */
START_TEST(receipts_are_for_whom_they_tell_nothing_new)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record rupa = party("rupa", "representative", "appointee");
    struct principal ada = claimant("ada"), bob = claimant("bob"), morgan = manager();
    struct principal doc = doctor(), rep = someone("rupa", 1u << ROLE_REPRESENTATIVE);
    struct uuid wrong = world_claim_with(&w, "ada", &rupa, 1), right = world_claim(&w, "bob");
    struct uuid letter = world_letter(&w, "ada", &wrong, "for bob");
    struct upload_request rq = letter_request(&wrong);
    struct upload_result theirs, from_staff;
    struct artefact_view v;
    struct buf receipt;
    ok(world_upload(&w, &doc, &rq, "from the doctor", 15, &theirs));
    ok(world_upload(&w, &morgan, &rq, "from the office", 15, &from_staff));
    ok(artefact_link(w.ev, &morgan, &letter, &right, "bob's", NULL, &v));
    ok(artefact_link(w.ev, &morgan, &theirs.artefact.id, &right, "too", NULL, &v));
    const struct {
        const struct principal *who;
        const struct uuid *artefact;
        bool may;
    } CASES[] = {
        {&ada, &letter, true},
        {&rep, &letter, true},
        {&morgan, &letter, true},
        {&bob, &letter, false},
        {&ada, &theirs.artefact.id, false},
        {&bob, &theirs.artefact.id, false},
        {&doc, &theirs.artefact.id, true},
        {&morgan, &theirs.artefact.id, true},
        {&ada, &from_staff.artefact.id, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        buf_init(&receipt, RECEIPT_MAX);
        enum err e = artefact_receipt(w.ev, CASES[i].who, CASES[i].artefact, &receipt);
        ck_assert_msg(e == (CASES[i].may ? ERR_OK : ERR_REFUSED), "case %zu: %s", i,
                      err_name(e));
        if (!CASES[i].may)
            ck_assert_int_eq(err_detail(e), REFUSAL_NOT_PERMITTED);
        buf_clear(&receipt);
    }
    world_end(&w);
}
END_TEST

/* Special rules mean a terminal illness: a change of nothing else leaves no trace for those who
 * must not know. */
START_TEST(special_rules_come_without_a_trace)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), morgan = manager(), system = registry();
    struct uuid claim = world_claim(&w, "ada");
    struct claim_draft *d = calloc(1, sizeof(*d));
    struct claim_view *before = calloc(1, sizeof(*before)), *v = calloc(1, sizeof(*v));
    char *history = world_history(&w, &ada, &claim);
    ok(claim_get(w.ev, &ada, &claim, before));
    d->has_special_rules = d->record.special_rules = d->has_stage = true;
    strcpy(d->record.stage, "evidence"); /* as it was */
    ok(claim_change(w.ev, &system, &claim, d, v));
    char *after = world_history(&w, &ada, &claim);
    ck_assert_str_eq(after, history);
    ok(claim_get(w.ev, &ada, &claim, v));
    ck_assert_int_eq(v->record.updated_at, before->record.updated_at);
    ck_assert(!v->special);
    struct principal odd = someone("ada", 1u << ROLE_CLAIMANT | 1u << ROLE_CLAIMS_SYSTEM);
    ok(claim_get(w.ev, &odd, &claim, v));
    ck_assert(!v->special);
    ok(claim_get(w.ev, &system, &claim, v));
    ck_assert(v->special);
    ck_assert(told(&w, &morgan, &claim, "claim.updated"));
    strcpy(d->record.stage, "assessment");
    ok(claim_change(w.ev, &system, &claim, d, v));
    ck_assert(told(&w, &ada, &claim, "claim.updated"));
    ck_assert_uint_eq(world_entries(&w, "claim.updated", "\"special_rules\":true"), 2);
    free(after);
    free(history);
    free(before);
    free(v);
    free(d);
    world_end(&w);
}
END_TEST

/* What was started and did not arrive is its owner's alone, whoever wrote the entry. */
struct note {
    const char *action, *actor, *owner;
    const struct uuid *claim;
};

static enum err note_apply(struct commit_tx *tx, void *ctx)
{
    const struct note *note = ctx;
    struct ledger_ref ref;
    AUTO(json_free) json_t *entry = json_object();
    json_put_text(entry, "action", note->action);
    if (note->actor)
        json_put_text(entry, "actor", note->actor);
    if (note->owner)
        json_put_text(entry, "owner", note->owner);
    json_put_bool(entry, "harmful", false);
    json_put_text(entry, "upload", "019b0000-0000-7000-8000-000000000000");
    entry_claim(entry, note->claim);
    return ledger_append(tx, entry, &ref);
}

START_TEST(an_unfinished_upload_is_its_owners)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), morgan = manager();
    struct principal carl = someone("carl", 1u << ROLE_REPRESENTATIVE);
    struct principal audrey = someone("audrey", 1u << ROLE_AUDITOR);
    const struct party_record carer = party("carl", "representative", "appointee");
    struct uuid claim = world_claim_with(&w, "ada", &carer, 1);
    const char *const hers = WORLD_ISSUER "#ada", *const his = WORLD_ISSUER "#carl";
    const struct note notes[] = {
        {"upload.broken", hers, NULL, &claim},    {"upload.started", hers, NULL, &claim},
        {"upload.expired", NULL, hers, &claim},   {"upload.terminated", hers, NULL, &claim},
        {"upload.terminated", his, hers, &claim}, /* by whoever: it was hers */
    };
    const struct principal *const others[] = {&carl, &morgan, &audrey};
    char *before[ARRAY_LEN(others)];
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        before[i] = world_history(&w, others[i], &claim);
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        struct note note = notes[i];
        ok(evidence_commit(w.ev, note_apply, &note, NULL));
        char *seen = world_history(&w, &ada, &claim);
        ck_assert_ptr_nonnull(strstr(seen, notes[i].action));
        ck_assert_ptr_nonnull(strstr(seen, "\"upload\":\"019b"));
        free(seen);
        for (size_t k = 0; k < ARRAY_LEN(others); k++) {
            seen = world_history(&w, others[k], &claim);
            ck_assert_str_eq(seen, before[k]);
            free(seen);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        free(before[i]);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/claims/history", reads_are_told_by_whom_to_staff_and_by_role_to_others,
        harmful_entries_are_not_there, what_one_sent_in_another_role_is_not_there_either,
        pages_end_alike_whatever_is_hidden, a_move_does_not_tell_of_the_other_claim,
        reads_are_told_where_the_artefact_is, receipts_are_for_whom_they_tell_nothing_new,
        special_rules_come_without_a_trace, an_unfinished_upload_is_its_owners);
}
