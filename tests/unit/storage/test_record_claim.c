#include "tests/unit/storage/records_fixture.h"

static struct claim_record found[PAGE_MAX];
static size_t n;

static void list(const struct claim_filter *f)
{
    ok(claim_list(db, f, &nil, found, PAGE_MAX, &n));
}

START_TEST(a_claim_comes_back_as_it_went)
{
    struct claim_record c, back;

    open_records();
    c = claim_of("PIP-1", "alex");
    ok(claim_insert(db, &c));
    memset(&back, 0x55, sizeof(back));
    ok(claim_find(db, &c.id, &back));
    ck_assert(uuid_equal(&back.id, &c.id));
    ck_assert_str_eq(back.external_reference, "PIP-1");
    ck_assert_str_eq(back.benefit, "pip");
    ck_assert_str_eq(back.stage, "evidence");
    ck_assert(back.special_rules);
    ck_assert_str_eq(back.claimant.issuer, "https://login.example");
    ck_assert_str_eq(back.claimant.subject, "alex");
    ck_assert_str_eq(back.claimant_name, "Alex Ødegård");
    ck_assert_str_eq(back.claimant_born, "1980-02-29");
    ck_assert_str_eq(back.claimant_nino, "AB123456C");
    ck_assert_int_eq(back.created_at, 11);
    ck_assert_int_eq(back.updated_at, 12);
    ok(claim_find_reference(db, "PIP-1", &back));
    ck_assert(uuid_equal(&back.id, &c.id));
    fails(ERR_NOT_FOUND, claim_find(db, &nil, &back));
    fails(ERR_NOT_FOUND, claim_find_reference(db, "pip-1", &back));
    close_records();
}
END_TEST

START_TEST(keys_are_taken_once)
{
    struct claim_record c, same_reference;

    open_records();
    c = claim_of("PIP-1", "alex");
    ok(claim_insert(db, &c));
    same_reference = claim_of("PIP-1", "alex");
    fails(ERR_EXISTS, claim_insert(db, &c));
    fails(ERR_EXISTS, claim_insert(db, &same_reference));
    close_records();
}
END_TEST

START_TEST(an_update_changes_what_may_change)
{
    struct claim_record c, back;

    open_records();
    c = claim_of("PIP-1", "alex");
    ok(claim_insert(db, &c));
    (void)strcpy(c.stage, "decision");
    (void)strcpy(c.benefit, "other");
    c.special_rules = false;
    c.updated_at = 99;
    c.created_at = 98;
    ok(claim_update(db, &c));
    ok(claim_find(db, &c.id, &back));
    ck_assert_str_eq(back.stage, "decision");
    ck_assert(!back.special_rules);
    ck_assert_int_eq(back.updated_at, 99);
    ck_assert_str_eq(back.benefit, "pip");
    ck_assert_int_eq(back.created_at, 11);
    c.id = id_in_order();
    fails(ERR_NOT_FOUND, claim_update(db, &c));
    close_records();
}
END_TEST

START_TEST(parties_are_replaced_as_a_whole)
{
    static struct party_record in[PARTIES_MAX + 1], out[PARTIES_MAX];
    struct uuid claim;
    struct claim_record back;

    open_records();
    claim = new_claim("PIP-1", "alex");
    ok(party_list(db, &claim, out, &n));
    ck_assert_uint_eq(n, 0);
    for (int i = 0; i < PARTIES_MAX; i++) {
        in[i] = (struct party_record){.role = "representative",
                                      .kind = "carer",
                                      .scope = "evidence",
                                      .from = i,
                                      .until = i ? 100 + i : 0};
        (void)snprintf(in[i].person.subject, SUBJECT_MAX, "party-%d", i);
    }
    ok(party_replace(db, &claim, in, PARTIES_MAX));
    ok(party_list(db, &claim, out, &n));
    ck_assert_uint_eq(n, PARTIES_MAX);
    for (int i = 0; i < PARTIES_MAX; i++) {
        ck_assert_str_eq(out[i].person.subject, in[i].person.subject);
        ck_assert_str_eq(out[i].role, "representative");
        ck_assert_str_eq(out[i].kind, "carer");
        ck_assert_str_eq(out[i].scope, "evidence");
        ck_assert_int_eq(out[i].from, in[i].from);
        ck_assert_int_eq(out[i].until, in[i].until);
    }
    fails(ERR_TOO_LARGE, party_replace(db, &claim, in, PARTIES_MAX + 1));
    ok(party_replace(db, &claim, &in[3], 1));
    ok(party_list(db, &claim, out, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(out[0].person.subject, "party-3");
    ok(party_replace(db, &claim, NULL, 0));
    ok(party_list(db, &claim, out, &n));
    ck_assert_uint_eq(n, 0);
    ok(claim_find(db, &claim, &back)); /* the claimant is not among them and stays */
    ck_assert_str_eq(back.claimant.subject, "alex");
    fails(ERR_CONFLICT, party_replace(db, &nil, in, 1));
    close_records();
}
END_TEST

START_TEST(assignments_are_replaced_as_a_whole)
{
    static char out[ASSIGNED_MAX][SUBJECT_MAX + 1];
    static const char *const many[ASSIGNED_MAX + 1] = {"zoe", "adam"};
    static const char *const twice[] = {"adam", "adam"};
    struct uuid claim;

    open_records();
    claim = new_claim("PIP-1", "alex");
    ok(assigned_replace(db, &claim, many, 2));
    ok(assigned_list(db, &claim, out, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(out[0], "zoe");
    ck_assert_str_eq(out[1], "adam");
    fails(ERR_TOO_LARGE, assigned_replace(db, &claim, many, ASSIGNED_MAX + 1));
    fails(ERR_EXISTS, assigned_replace(db, &claim, twice, 2));
    ok(assigned_replace(db, &claim, many, 0));
    ok(assigned_list(db, &claim, out, &n));
    ck_assert_uint_eq(n, 0);
    close_records();
}
END_TEST

/* --- lists -------------------------------------------------------------------------------- */
static struct uuid claims[4];

static void make_four(void)
{
    static const char *const team[] = {"worker", "other"};
    const struct party_record helper[] = {{.person = person("helper"), .from = 10, .until = 20},
                                          {.person = person("helper"), .from = 15, .until = 0}};
    struct claim_record third;

    claims[0] = new_claim("PIP-0", "alex");
    claims[1] = new_claim("PIP-1", "alex");
    claims[2] = new_claim("PIP-2", "billie");
    claims[3] = new_claim("PIP-3", "helper");
    ok(party_replace(db, &claims[0], &helper[0], 1));
    ok(party_replace(db, &claims[1], helper, 2));
    ok(assigned_replace(db, &claims[1], team, 2));
    ok(assigned_replace(db, &claims[2], team, 1));
    ok(claim_find(db, &claims[2], &third));
    (void)strcpy(third.stage, "decision");
    ok(claim_update(db, &third));
}

static void expect(size_t count, const int *which)
{
    ck_assert_uint_eq(n, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(uuid_equal(&found[i].id, &claims[which[i]]), "place %zu is not claim %d",
                      i, which[i]);
}
#define EXPECT(...) expect(sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})

START_TEST(each_filter_finds_its_own_newest_first)
{
    struct person alex = person("alex"), helper = person("helper"), nobody = person("nobody");
    struct person foreign = {.issuer = "https://other.example", .subject = "alex"};

    open_records();
    make_four();
    list(&(struct claim_filter){0});
    EXPECT(3, 2, 1, 0);
    list(&(struct claim_filter){.external_reference = "PIP-2"});
    EXPECT(2);
    list(&(struct claim_filter){.stage = "evidence"});
    EXPECT(3, 1, 0);
    list(&(struct claim_filter){.stage = "decision"});
    EXPECT(2);
    list(&(struct claim_filter){.assigned_to = "worker"});
    EXPECT(2, 1);
    list(&(struct claim_filter){.assigned_to = "worker", .stage = "evidence"});
    EXPECT(1);
    list(&(struct claim_filter){.party = &alex, .now = 1});
    EXPECT(1, 0);
    list(&(struct claim_filter){.party = &foreign, .now = 1});
    expect(0, NULL);
    list(&(struct claim_filter){.party = &nobody, .now = 1});
    expect(0, NULL);
    list(&(struct claim_filter){.party = &alex, .assigned_to = "other", .now = 1});
    EXPECT(1);
    list(&(struct claim_filter){.party = &helper, .external_reference = "PIP-0", .now = 12});
    EXPECT(0);
    list(&(struct claim_filter){.party = &helper, .external_reference = "PIP-2", .now = 12});
    expect(0, NULL);
    list(&(struct claim_filter){.external_reference = "PIP-2", .stage = "evidence"});
    expect(0, NULL);
    close_records();
}
END_TEST

START_TEST(a_party_counts_from_its_start_until_its_end_and_once)
{
    struct person helper = person("helper");

    open_records();
    make_four();
    list(&(struct claim_filter){.party = &helper, .now = 9});
    EXPECT(3);
    list(&(struct claim_filter){.party = &helper, .now = 10});
    EXPECT(3, 1, 0);
    list(&(struct claim_filter){.party = &helper, .now = 19}); /* two roles on 1: one row */
    EXPECT(3, 1, 0);
    list(&(struct claim_filter){.party = &helper, .now = 20});
    EXPECT(3, 1);
    list(&(struct claim_filter){.party = &helper, .external_reference = "PIP-0", .now = 20});
    expect(0, NULL);
    close_records();
}
END_TEST

START_TEST(pages_do_not_move_when_claims_arrive)
{
    const struct claim_filter all = {0};
    struct uuid after = {{0}}, seen[10];
    size_t total = 0;

    open_records();
    for (int i = 0; i < 10; i++) {
        char reference[16];

        (void)snprintf(reference, sizeof(reference), "R%d", i);
        seen[9 - i] = new_claim(reference, "alex");
    }
    for (int page = 0; page < 4; page++) {
        char reference[16];

        ok(claim_list(db, &all, &after, found, 3, &n));
        ck_assert_uint_eq(n, page < 3 ? 3 : 1);
        for (size_t i = 0; i < n; i++)
            ck_assert(uuid_equal(&found[i].id, &seen[total++]));
        after = found[n - 1].id;
        (void)snprintf(reference, sizeof(reference), "late%d", page);
        (void)new_claim(reference, "alex");
    }
    ok(claim_list(db, &all, &after, found, 3, &n));
    ck_assert_uint_eq(n, 0);
    ok(claim_list(db, &all, &nil, found, 0, &n));
    ck_assert_uint_eq(n, 0);
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_claim", a_claim_comes_back_as_it_went, keys_are_taken_once,
                     an_update_changes_what_may_change, parties_are_replaced_as_a_whole,
                     assignments_are_replaced_as_a_whole,
                     each_filter_finds_its_own_newest_first,
                     a_party_counts_from_its_start_until_its_end_and_once,
                     pages_do_not_move_when_claims_arrive);
}
