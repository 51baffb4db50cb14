/* Entries, the tree over them, erasing and look-ups. */
#include "tests/unit/storage/ledger_tree.h"

/* --- an empty log, the first entries --------------------------------------------------- */
START_TEST(empty_log_has_nothing)
{
    AUTO_CLEAR(buf_clear) struct buf out;
    struct merkle_hash hashes[TILE_WIDTH];
    struct merkle_proof proof;
    uint64_t size;

    world_begin(&w);
    buf_init(&out, RECEIPT_MAX);
    ok(ledger_health(w.ledger));
    fails(ERR_NOT_FOUND, ledger_checkpoint(w.ledger, &out, &size));
    fails(ERR_NOT_FOUND, ledger_receipt(w.ledger, 0, &out));
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, 0, 0, 1, hashes));
    fails(ERR_NOT_FOUND, ledger_inclusion(w.ledger, 0, 1, &proof));
    world_reopen(&w);
    fails(ERR_NOT_FOUND, ledger_checkpoint(w.ledger, &out, &size));
    world_end(&w);
}
END_TEST

static const char *text_of(const json_t *details, const char *name)
{
    const char *text = json_string_value(json_object_get(details, name));

    ck_assert_msg(text != NULL, "no text %s", name);
    return text;
}

START_TEST(entry_says_what_happened_and_when)
{
    struct entry_job j = {.action = "upload.committed",
                          .actor = "ada",
                          .claim = uuid_new(),
                          .artefact = uuid_new()};
    char claim[UUID_TEXT_SIZE];
    int64_t before = clock_now(), time;
    json_t *details;

    world_begin(&w);
    ok(world_run(&w, &j));
    ck_assert_uint_eq(j.ref.index, 0);
    ck_assert_int_ge(j.ref.time, before);
    details = world_receipt(&w, 0);
    uuid_format(&j.claim, claim);
    ck_assert_str_eq(text_of(details, "action"), "upload.committed");
    ck_assert_str_eq(text_of(details, "actor"), "ada");
    ck_assert_str_eq(text_of(details, "claim"), claim);
    ck_assert_int_eq(json_integer_value(json_object_get(details, "v")), 1);
    ok(time_parse(text_of(details, "time"), &time));
    ck_assert_int_eq(time, j.ref.time);
    json_free(details);
    world_end(&w);
}
END_TEST

static enum err no_action(struct commit_tx *tx, void *ctx)
{
    AUTO(json_free) json_t *details = json_object();
    struct ledger_ref ref;

    (void)ctx;
    return ledger_append(tx, details, &ref);
}

static enum err foreign_claim(struct commit_tx *tx, void *ctx)
{
    AUTO(json_free) json_t *details = json_object();
    struct ledger_ref ref;

    (void)ctx;
    json_put_text(details, "action", "x");
    json_put_text(details, "claim", "not an identifier");
    return ledger_append(tx, details, &ref);
}

static enum err endless(struct commit_tx *tx, void *ctx)
{
    AUTO(json_free) json_t *details = json_object();
    char text[DETAILS_MAX + 1];
    struct ledger_ref ref;

    (void)ctx;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    json_put_text(details, "action", text);
    return ledger_append(tx, details, &ref);
}

START_TEST(bad_entries_are_refused)
{
    static const struct {
        enum err (*apply)(struct commit_tx *tx, void *ctx);
        enum err e;
    } table[] = {
        {no_action, ERR_INVALID}, {foreign_claim, ERR_INVALID}, {endless, ERR_TOO_LARGE}};

    world_begin(&w);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct commit_job job = {.apply = table[i].apply};
        fails(table[i].e, committer_run(w.committer, &job));
    }
    ck_assert_uint_eq(world_append(&w, 1), 0);
    world_receipted(&w, 0);
    world_end(&w);
}
END_TEST

/* --- the tree -------------------------------------------------------------------------- */
START_TEST(tile_boundaries)
{
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 513, 1000};

    world_begin(&w);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        grow_to(sizes[i], 100);
        tree_holds(sizes[i]);
        world_reopen(&w);
        tree_holds(sizes[i]);
    }
    world_end(&w);
}
END_TEST

START_TEST(second_tile_level)
{
    static const uint64_t sizes[] = {65535, 65536, 65537, 65800};

    world_begin(&w);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        grow_to(sizes[i], 4000);
        tree_holds(sizes[i]);
    }
    world_reopen(&w);
    tree_holds(65800);
    grow_to(66000, 7);
    tree_holds(66000);
    world_end(&w);
}
END_TEST

/* More entries in one job than the signer takes in one call. */
START_TEST(large_batch_is_signed_in_pieces)
{
    unsigned before;

    world_begin(&w);
    before = w.signer->calls;
    (void)world_append(&w, 10000);
    ck_assert_uint_eq(w.signer->calls - before, 3);
    tree_holds(10000);
    world_end(&w);
}
END_TEST

START_TEST(consistency_between_any_sizes)
{
    enum { SIZE = 3000, TRIALS = 300 };
    struct merkle_hash *leaves, *roots;
    struct merkle_proof proof;

    world_begin(&w);
    grow_to(SIZE, 333);
    leaves = read_leaves(SIZE);
    roots = all_roots(leaves, SIZE);
    for (unsigned i = 0; i < TRIALS; i++) {
        uint64_t size = 1 + (uint64_t)rand() % SIZE, old = 1 + (uint64_t)rand() % size;
        ok(ledger_consistency(w.ledger, old, size, &proof));
        ok(merkle_consistency_verify(old, &roots[old], size, &roots[size], &proof));
        ok(ledger_inclusion(w.ledger, old - 1, size, &proof));
        ok(merkle_inclusion_verify(&leaves[old - 1], old - 1, size, &proof, &roots[size]));
    }
    fails(ERR_NOT_FOUND, ledger_consistency(w.ledger, 1, SIZE + 1, &proof));
    fails(ERR_NOT_FOUND, ledger_inclusion(w.ledger, 0, SIZE + 1, &proof));
    fails(ERR_INVALID, ledger_consistency(w.ledger, 9, 8, &proof));
    fails(ERR_INVALID, ledger_inclusion(w.ledger, 8, 8, &proof));
    free(leaves);
    free(roots);
    world_end(&w);
}
END_TEST

/* --- erasing --------------------------------------------------------------------------- */
static enum err erase_one(struct commit_tx *tx, void *ctx)
{
    AUTO(json_free) json_t *order = json_object();
    struct ledger_ref ref;

    json_put_text(order, "reason", "a test");
    return ledger_erase(tx, *(uint64_t *)ctx, order, &ref);
}

START_TEST(erased_entry_keeps_its_leaf)
{
    AUTO_CLEAR(buf_clear) struct buf out;
    uint64_t index = 311;
    struct commit_job job = {.apply = erase_one, .ctx = &index};
    struct ledger_entry e;
    struct db *db;
    size_t n;

    world_begin(&w);
    buf_init(&out, RECEIPT_MAX);
    grow_to(600, 100);
    ok(committer_run(w.committer, &job));
    fails(ERR_EXPIRED, ledger_receipt(w.ledger, index, &out));
    fails(ERR_EXISTS, committer_run(w.committer, &job));
    index = 600; /* the order */
    fails(ERR_CONFLICT, committer_run(w.committer, &job));
    index = 311;
    ok(db_read_begin(w.pool, &db));
    ok(ledger_query(db, &(struct ledger_filter){.claim = NULL}, index - 1, &e, 1, &n));
    db_read_end(db);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(e.index, index);
    ck_assert_ptr_null(e.details);
    ck_assert_int_eq(e.time % (LEAF_TIME_GRAIN * MICROS_PER_SECOND), 0);
    index = 601;
    fails(ERR_NOT_FOUND, committer_run(w.committer, &job));
    world_reopen(&w);
    tree_holds(601);
    grow_to(602, 1);
    tree_holds(602);
    world_end(&w);
}
END_TEST

/* --- look-ups -------------------------------------------------------------------------- */
static size_t found(struct ledger_filter f, uint64_t after, uint64_t *indices, size_t max)
{
    struct ledger_entry e[32];
    struct db *db;
    size_t n;

    ck_assert_uint_le(max, ARRAY_LEN(e));
    ok(db_read_begin(w.pool, &db));
    ok(ledger_query(db, &f, after, e, max, &n));
    db_read_end(db);
    for (size_t i = 0; i < n; i++) {
        ck_assert_ptr_nonnull(e[i].details);
        indices[i] = e[i].index;
        ledger_entry_clear(&e[i]);
    }
    return n;
}

START_TEST(query_by_each_column)
{
    struct uuid claims[2] = {uuid_new(), uuid_new()}, artefact = uuid_new();
    int64_t times[12] = {0};
    uint64_t at[32];

    world_begin(&w);
    for (unsigned i = 0; i < 12; i++) {
        struct entry_job j = {.action = i % 3 == 0 ? "read.opened" : "upload.committed",
                              .actor = i % 4 == 0 ? "ada" : "bob",
                              .claim = claims[i % 2]};
        if (i == 5)
            j.artefact = artefact;
        ok(world_run(&w, &j));
        times[i] = j.ref.time;
    }
    ck_assert_uint_eq(found((struct ledger_filter){.claim = NULL}, UINT64_MAX, at, 32), 12);
    ck_assert_uint_eq(at[0], 0);
    ck_assert_uint_eq(found((struct ledger_filter){.claim = NULL}, 0, at, 5), 5);
    ck_assert_uint_eq(at[0], 1);
    ck_assert_uint_eq(found((struct ledger_filter){.claim = &claims[1]}, 3, at, 32), 4);
    ck_assert_uint_eq(at[0], 5);
    ck_assert_uint_eq(found((struct ledger_filter){.artefact = &artefact}, UINT64_MAX, at, 32),
                      1);
    ck_assert_uint_eq(at[0], 5);
    ck_assert_uint_eq(found((struct ledger_filter){.actor = "ada", .action = "read.opened"},
                            UINT64_MAX, at, 32),
                      1);
    ck_assert_uint_eq(at[0], 0);
    ck_assert_uint_eq(found((struct ledger_filter){.artefact = &artefact, .claim = &claims[0]},
                            UINT64_MAX, at, 32),
                      0);
    ck_assert_uint_eq(
        found((struct ledger_filter){.from = times[4], .to = times[7]}, UINT64_MAX, at, 32), 3);
    ck_assert_uint_eq(at[0], 4);
    ck_assert_uint_eq(
        found((struct ledger_filter){.from = times[4], .to = times[7], .claim = &claims[0]},
              UINT64_MAX, at, 32),
        2);
    ck_assert_uint_eq(found((struct ledger_filter){.to = times[2]}, UINT64_MAX, at, 32), 2);
    ck_assert_uint_eq(
        found((struct ledger_filter){.action = "read.refused"}, UINT64_MAX, at, 32), 0);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/ledger", empty_log_has_nothing, entry_says_what_happened_and_when,
                     bad_entries_are_refused, tile_boundaries, second_tile_level,
                     large_batch_is_signed_in_pieces, consistency_between_any_sizes,
                     erased_entry_keeps_its_leaf, query_by_each_column);
}
