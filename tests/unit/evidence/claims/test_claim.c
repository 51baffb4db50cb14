/* Claims, their lists and consents: a list shows what the claim itself would, and nobody uses
 * the room up. */
#include "tests/unit/evidence/world.h"

static size_t listed(struct world *w, const struct principal *p, struct uuid after,
                     size_t limit, struct uuid *last)
{
    struct claim_view *rows = calloc(limit, sizeof(*rows));
    struct claim_query q = {.after = after, .limit = limit};
    size_t n = 0;
    ok(claim_find_all(w->ev, p, &q, rows, &n));
    ck_assert_uint_le(n, limit);
    for (size_t i = 0; i < n; i++) {
        struct claim_view *one = calloc(1, sizeof(*one));
        ok(claim_get(w->ev, p, &rows[i].record.id, one)); /* each can be read by itself */
        ck_assert_int_eq(one->personal, rows[i].personal);
        ck_assert_int_eq(one->special, rows[i].special);
        free(one);
    }
    if (n > 0 && last)
        *last = rows[n - 1].record.id;
    free(rows);
    return n;
}

/* A person with a claim of their own, who represents others, and comes in one role at a time.
 */
START_TEST(a_list_is_narrowed_by_role_too)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record rep = party("ada", "representative", "appointee");
    struct uuid none = {{0}};
    for (int i = 0; i < 7; i++) {
        (void)world_claim(&w, "ada");
        (void)world_claim_with(&w, "bob", &rep, 1);
        (void)world_claim(&w, "zoe");
    }
    struct principal own = claimant("ada"), other = someone("ada", 1u << ROLE_REPRESENTATIVE);
    struct principal both = someone("ada", 1u << ROLE_CLAIMANT | 1u << ROLE_REPRESENTATIVE);
    ck_assert_uint_eq(listed(&w, &own, none, 50, NULL), 7);
    ck_assert_uint_eq(listed(&w, &other, none, 50, NULL), 7);
    ck_assert_uint_eq(listed(&w, &both, none, 50, NULL), 14);
    struct principal morgan = manager(), doc = doctor();
    ck_assert_uint_eq(listed(&w, &morgan, none, 50, NULL), 21);
    struct claim_query q = {.limit = 1};
    struct claim_view *row = calloc(1, sizeof(*row));
    size_t n = 0;
    refused(REFUSAL_NOT_PERMITTED, claim_find_all(w.ev, &doc, &q, row, &n));
    free(row);
    /* pages are full although rows between them are left out */
    struct uuid after = none;
    for (int page = 0; page < 3; page++)
        ck_assert_uint_eq(listed(&w, &own, after, 2, &after), 2);
    ck_assert_uint_eq(listed(&w, &own, after, 2, &after), 1);
    ck_assert_uint_eq(listed(&w, &own, after, 2, &after), 0);
    world_end(&w);
}
END_TEST

static enum err decide(struct world *w, const struct principal *p, const struct uuid *claim,
                       const char *id, const char *purpose, const char *decision,
                       bool *repeated)
{
    struct consent_record c = {.claim = *claim, .effective_at = 1000};
    struct consent_result r = {.repeated = false};
    strcpy(c.event_id, id);
    strcpy(c.purpose, purpose);
    strcpy(c.decision, decision);
    strcpy(c.statement_version, "1");
    buf_init(&r.receipt, RECEIPT_MAX);
    enum err e = consent_record_decision(w->ev, p, &c, NULL, &r);
    struct err_info info;
    err_save(e, &info);
    buf_clear(&r.receipt);
    if (repeated)
        *repeated = r.repeated;
    return e == ERR_OK ? ERR_OK : err_restore(&info);
}

START_TEST(a_withdrawal_always_finds_room)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    char id[32], purpose[32];
    for (int i = 0; i < CONSENT_CHANGES_MAX; i++) {
        (void)snprintf(id, sizeof(id), "e-%d", i);
        (void)snprintf(purpose, sizeof(purpose), "p-%d", i);
        ok(decide(&w, &ada, &claim, id, purpose, "given", NULL));
    }
    refused(REFUSAL_QUOTA_EXCEEDED,
            decide(&w, &ada, &claim, "more", "contact_gp", "given", NULL));
    refused(REFUSAL_QUOTA_EXCEEDED,
            decide(&w, &ada, &claim, "never", "contact_gp", "withdrawn", NULL));
    for (int i = 0; i < CONSENT_CHANGES_MAX; i++) {
        (void)snprintf(id, sizeof(id), "w-%d", i);
        (void)snprintf(purpose, sizeof(purpose), "p-%d", i);
        ok(decide(&w, &ada, &claim, id, purpose, "withdrawn", NULL));
    }
    refused(REFUSAL_QUOTA_EXCEEDED,
            decide(&w, &ada, &claim, "again", "p-1", "withdrawn", NULL));
    struct consent_record *all = calloc(CONSENTS_MAX, sizeof(*all));
    size_t n = 0;
    ok(consent_get_all(w.ev, &ada, &claim, all, CONSENTS_MAX, &n));
    ck_assert_uint_eq(n, CONSENTS_MAX); /* every one of them is shown */
    free(all);
    world_end(&w);
}
END_TEST

START_TEST(a_decision_is_repeated_by_whoever_made_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record rupa = party("rupa", "representative", "appointee");
    struct principal ada = claimant("ada"), rep = someone("rupa", 1u << ROLE_REPRESENTATIVE);
    struct uuid claim = world_claim_with(&w, "ada", &rupa, 1);
    bool repeated = true;
    ok(decide(&w, &ada, &claim, "e", "contact_gp", "given", &repeated));
    ck_assert(!repeated);
    ok(decide(&w, &ada, &claim, "e", "contact_gp", "given", &repeated));
    ck_assert(repeated);
    refused(REFUSAL_CONFLICT, decide(&w, &rep, &claim, "e", "contact_gp", "given", NULL));
    refused(REFUSAL_CONFLICT, decide(&w, &ada, &claim, "e", "contact_gp", "withdrawn", NULL));
    refused(REFUSAL_INVALID_REQUEST,
            decide(&w, &ada, &claim, "f", "contact_gp", "perhaps", NULL));
    world_end(&w);
}
END_TEST

struct refuse_act {
    struct uuid id;
};

static enum err refuse_apply(struct commit_tx *tx, void *ctx)
{
    struct refuse_act *act = ctx;
    return artefact_status_change(commit_db(tx), &act->id, ARTEFACT_AVAILABLE, ARTEFACT_REFUSED,
                                  "contains-virus");
}

/* What the inspection refused is there for its sender, in the list as by itself. */
START_TEST(refused_ones_are_their_senders)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    const struct party_record rupa = party("rupa", "representative", "appointee");
    struct principal people[] = {claimant("ada"), someone("rupa", 1u << ROLE_REPRESENTATIVE),
                                 manager()};
    struct uuid claim = world_claim_with(&w, "ada", &rupa, 1);
    struct refuse_act act = {world_letter(&w, "ada", &claim, "x")};
    ok(evidence_commit(w.ev, refuse_apply, &act, NULL));
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        struct artefact_record rows[2];
        struct artefact_query q = {.limit = 2};
        struct artefact_view v;
        size_t n = 9;
        ok(artefact_find_all(w.ev, &people[i], &claim, &q, rows, &n));
        ck_assert_uint_eq(n, people[i].subject[0] != 'r');
        enum err e = artefact_get(w.ev, &people[i], &act.id, &v);
        ck_assert_int_eq(e == ERR_OK, n == 1);
    }
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/claims/claim", a_list_is_narrowed_by_role_too,
                     a_withdrawal_always_finds_room, a_decision_is_repeated_by_whoever_made_it,
                     refused_ones_are_their_senders);
}
