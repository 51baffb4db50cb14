#include "tests/unit/storage/ledger_world.h"

static struct world w;

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
/* All leaf hashes as the tiles have them. */
static struct merkle_hash *read_leaves(uint64_t size)
{
    struct merkle_hash *leaves = calloc(size + TILE_WIDTH, sizeof(*leaves));

    for (uint64_t at = 0; at < size; at += TILE_WIDTH) {
        unsigned width = size - at < TILE_WIDTH ? (unsigned)(size - at) : TILE_WIDTH;
        ok(ledger_tile(w.ledger, 0, at / TILE_WIDTH, width, &leaves[at]));
    }
    return leaves;
}

static void root_at(const struct merkle_hash *leaves, uint64_t size, struct merkle_hash *root)
{
    struct merkle_frontier f = {.size = 0};

    for (uint64_t i = 0; i < size; i++)
        ok(merkle_frontier_append(&f, &leaves[i]));
    ok(merkle_frontier_root(&f, root));
}

/* roots[n] is the root of the first n leaves. */
static struct merkle_hash *all_roots(const struct merkle_hash *leaves, uint64_t size)
{
    struct merkle_hash *roots = calloc(size + 1, sizeof(*roots));
    struct merkle_frontier f = {.size = 0};

    for (uint64_t i = 0; i < size; i++) {
        ok(merkle_frontier_append(&f, &leaves[i]));
        ok(merkle_frontier_root(&f, &roots[i + 1]));
    }
    return roots;
}

static void tree_holds(uint64_t size)
{
    AUTO_FREE struct merkle_hash *leaves = read_leaves(size);
    struct merkle_hash root, upper[TILE_WIDTH], want;
    struct checkpoint c;

    world_checkpoint(&w, &c);
    ck_assert_uint_eq(c.size, size);
    root_at(leaves, size, &root);
    ck_assert_mem_eq(root.bytes, c.root.bytes, sizeof(root.bytes));
    for (uint64_t i = 0; i < size / TILE_WIDTH; i += 16) {
        ok(ledger_tile(w.ledger, 1, i / TILE_WIDTH, (unsigned)(i % TILE_WIDTH) + 1, upper));
        ok(tile_subtree(&leaves[i * TILE_WIDTH], TILE_HEIGHT, 0, &want));
        ck_assert_mem_eq(&upper[i % TILE_WIDTH], &want, sizeof(want));
    }
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, 0, size / TILE_WIDTH,
                                     (unsigned)(size % TILE_WIDTH) + 1, upper));
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, 0, size / TILE_WIDTH + 1, 1, upper));
    fails(ERR_NOT_FOUND, ledger_tile(w.ledger, TILE_LEVELS, 0, 1, upper));
    fails(ERR_INVALID, ledger_tile(w.ledger, 0, 0, 0, upper));
    fails(ERR_INVALID, ledger_tile(w.ledger, 0, 0, TILE_WIDTH + 1, upper));
    world_receipted(&w, 0);
    world_receipted(&w, size / 2);
    world_receipted(&w, size - 1);
}

static void grow_to(uint64_t size, size_t at_once)
{
    struct checkpoint c = {.size = 0};

    if (signer_size(w.signer) > 0)
        world_checkpoint(&w, &c);
    while (c.size < size) {
        uint64_t missing = size - c.size;
        c.size += missing < at_once ? missing : at_once;
        (void)world_append(&w, missing < at_once ? missing : at_once);
    }
}

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

/* --- what does not fit ----------------------------------------------------------------- */
static void copy_file(const char *from, const char *to)
{
    char buffer[65536], from_path[PATH_MAX];
    size_t n;
    FILE *in, *out;

    (void)snprintf(from_path, sizeof(from_path), "%s", scratch_path(&w.dir, from));
    in = fopen(from_path, "rb");
    out = fopen(scratch_path(&w.dir, to), "wb");
    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_nonnull(out);
    while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
        ck_assert_uint_eq(fwrite(buffer, 1, n, out), n);
    ck_assert_int_eq(fclose(out), 0);
    (void)fclose(in);
}

/* Reads go on, nothing is committed, and the operator is told why. */
static void stands_refused(const char *words)
{
    struct entry_job j = {.n = 1};
    struct commit_job housekeeping = {.apply = entry_apply, .ctx = &j, .unlogged = true};
    uint64_t before = signer_size(w.signer);

    fails(ERR_CONFLICT, ledger_health(w.ledger));
    ck_assert_msg(strstr(err_message(ERR_CONFLICT), words) != NULL, "%s",
                  err_message(ERR_CONFLICT));
    ck_assert_ptr_nonnull(
        strstr(err_message(ERR_CONFLICT), "see docs/operations.md, \"The log does not fit\""));
    world_start(&w);
    fails(ERR_UNAVAILABLE, world_run(&w, &j));
    fails(ERR_UNAVAILABLE, committer_run(w.committer, &housekeeping));
    fails(ERR_CONFLICT, ledger_health(w.ledger));
    ck_assert_uint_eq(signer_size(w.signer), before);
}

START_TEST(restored_backup_is_refused)
{
    struct checkpoint c;

    world_begin(&w);
    grow_to(300, 50);
    world_reopen(&w);
    grow_to(310, 1); /* stores the checkpoint of 309 */
    world_close(&w);
    copy_file("db", "backup");
    ok(world_open_ledger(&w));
    world_start(&w);
    grow_to(320, 1);
    world_close(&w);
    copy_file("backup", "db");
    fails(ERR_CONFLICT, world_open_ledger(&w));
    stands_refused("320 entries were signed, this database has 310");
    world_checkpoint(&w, &c);
    ck_assert_uint_eq(c.size, 309);
    world_receipted(&w, 308);
    world_end(&w);
}
END_TEST

/* The copy went on under another signer: it is as long as what was signed, or longer, but
 * another log. */
START_TEST(fork_is_refused)
{
    struct test_signer *elsewhere, *here;

    world_begin(&w);
    grow_to(300, 50);
    world_close(&w);
    copy_file("db", "backup");
    ok(world_open_ledger(&w));
    world_start(&w);
    grow_to(320, 1);
    world_close(&w);
    copy_file("backup", "db");
    here = w.signer;
    elsewhere = signer_new();
    w.signer = elsewhere;
    ok(world_open_ledger(&w));
    world_start(&w);
    grow_to(321, 1);
    world_close(&w);
    w.signer = here;
    fails(ERR_CONFLICT, world_open_ledger(&w));
    stands_refused("at 320 entries root");
    signer_free(elsewhere);
    world_end(&w);
}
END_TEST

START_TEST(rewritten_row_of_the_edge_is_found_at_open)
{
    world_begin(&w);
    grow_to(300, 50);
    world_append(&w, 1);
    world_close(&w);
    world_sql(&w, "UPDATE ledger_entries SET commitment = zeroblob(32) WHERE seq = 290");
    fails(ERR_CONFLICT, world_open_ledger(&w));
    stands_refused("rows were changed");
    world_end(&w);
}
END_TEST

/* Behind the newest stored checkpoint only the signer knows. */
START_TEST(rewritten_tail_is_refused_by_the_signer)
{
    world_begin(&w);
    grow_to(300, 50);
    world_close(&w);
    world_sql(&w, "UPDATE ledger_entries SET commitment = zeroblob(32) WHERE seq = 299;"
                  "DELETE FROM ledger_checkpoints");
    fails(ERR_CONFLICT, world_open_ledger(&w));
    stands_refused("at 300 entries root");
    world_end(&w);
}
END_TEST

START_TEST(lost_rows_are_found_at_open)
{
    static const struct {
        const char *sql, *words;
    } table[] = {
        {"DELETE FROM ledger_entries WHERE seq >= 280", "280 are left"},
        {"DELETE FROM ledger_entries WHERE seq = 280", "entry 280 of the log is not there"},
        {"DELETE FROM ledger_tiles", "tile 0 of level 0 of the log is not there"},
        {"UPDATE ledger_checkpoints SET note = 'x'", "newest checkpoint is damaged"},
        {"DELETE FROM ledger_entries WHERE seq = 100; DELETE FROM ledger_checkpoints",
         "entry 100 is not there"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        world_begin(&w);
        grow_to(300, 50);
        world_append(&w, 1);
        world_close(&w);
        world_sql(&w, table[i].sql);
        fails(ERR_CONFLICT, world_open_ledger(&w));
        stands_refused(table[i].words);
        world_end(&w);
    }
}
END_TEST

START_TEST(rows_lost_while_running_stop_the_log)
{
    struct entry_job j = {.n = 1};

    world_begin(&w);
    grow_to(10, 5);
    world_sql(&w, "DELETE FROM ledger_entries WHERE seq = 9");
    fails(ERR_UNAVAILABLE, world_run(&w, &j));
    fails(ERR_CONFLICT, ledger_health(w.ledger));
    fails(ERR_UNAVAILABLE, world_run(&w, &j));
    world_end(&w);
}
END_TEST

START_TEST(changed_row_has_no_receipt)
{
    AUTO_CLEAR(buf_clear) struct buf out;

    world_begin(&w);
    buf_init(&out, RECEIPT_MAX);
    grow_to(10, 5);
    world_receipted(&w, 3); /* the first one needs no row */
    world_sql(
        &w,
        "UPDATE ledger_entries SET details = replace(details, 'test', 'best') WHERE seq = 3");
    fails(ERR_CORRUPT, ledger_receipt(w.ledger, 3, &out));
    world_receipted(&w, 4);
    world_end(&w);
}
END_TEST

static int64_t eleven_seconds_later(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec + 11) * MICROS_PER_SECOND;
}

START_TEST(first_receipt_comes_out_of_memory_once)
{
    AUTO_CLEAR(buf_clear) struct buf out;

    world_begin(&w);
    buf_init(&out, RECEIPT_MAX);
    grow_to(10, 5);
    world_sql(&w, "UPDATE ledger_entries SET details = 'changed' WHERE seq IN (3, 4)");
    world_receipted(&w, 3);
    fails(ERR_CORRUPT, ledger_receipt(w.ledger, 3, &out));
    clock_replace(eleven_seconds_later);
    fails(ERR_CORRUPT, ledger_receipt(w.ledger, 4, &out)); /* too late for it */
    clock_replace(NULL);
    world_end(&w);
}
END_TEST

/* --- the signer ------------------------------------------------------------------------ */
START_TEST(signer_gone_at_open)
{
    AUTO_CLEAR(buf_clear) struct buf out;

    world_begin(&w);
    buf_init(&out, RECEIPT_MAX);
    grow_to(10, 5);
    world_close(&w);
    w.signer->fail = ERR_UNAVAILABLE;
    fails(ERR_UNAVAILABLE, world_open_ledger(&w));
    fails(ERR_UNAVAILABLE, ledger_health(w.ledger));
    world_receipted(&w, 4); /* the checkpoint of 5 is stored */
    fails(ERR_NOT_FOUND, ledger_receipt(w.ledger, 9, &out));
    world_start(&w);
    w.signer->fail = ERR_OK;
    (void)world_append(&w, 1);
    ok(ledger_health(w.ledger));
    world_receipted(&w, 9);
    tree_holds(11);
    world_end(&w);
}
END_TEST

/* Committed, and then no signature: a crash right there. */
START_TEST(unsigned_tail_is_signed_at_open)
{
    struct entry_job j = {.n = 300};

    world_begin(&w);
    grow_to(10, 5);
    w.signer->fail = ERR_UNAVAILABLE;
    fails(ERR_UNAVAILABLE, world_run(&w, &j));
    world_close(&w);
    w.signer->fail = ERR_OK;
    ck_assert_uint_eq(signer_size(w.signer), 10);
    ok(world_open_ledger(&w));
    ck_assert_uint_eq(signer_size(w.signer), 310);
    tree_holds(310);
    world_end(&w);
}
END_TEST

/* Its state was put back, or lost altogether: it gets what it lacks, in pieces. */
START_TEST(signer_behind_is_brought_up)
{
    struct signer_slot *old = malloc(sizeof(*old));
    unsigned before;

    world_begin(&w);
    grow_to(100, 50);
    *old = w.signer->slots[w.signer->now];
    grow_to(9000, 500);
    world_close(&w);
    w.signer->slots[w.signer->now] = *old;
    before = w.signer->calls;
    ok(world_open_ledger(&w));
    ck_assert_uint_eq(w.signer->calls - before, 1 + 3);
    tree_holds(9000);
    world_close(&w);
    memset(w.signer->slots, 0, sizeof(w.signer->slots));
    ok(world_open_ledger(&w));
    tree_holds(9000);

    world_start(&w); /* and while running */
    w.signer->slots[w.signer->now] = *old;
    (void)world_append(&w, 1);
    tree_holds(9001);
    free(old);
    world_end(&w);
}
END_TEST

static enum err sign_nonsense(void *ctx, uint64_t first, const struct merkle_hash *leaves,
                              size_t n, const struct merkle_hash *root, struct buf *note,
                              uint64_t *signed_size)
{
    (void)ctx, (void)first, (void)leaves, (void)n, (void)root, (void)signed_size;
    return buf_append_str(note, "not a note\n");
}

static enum err sign_wandering(void *ctx, uint64_t first, const struct merkle_hash *leaves,
                               size_t n, const struct merkle_hash *root, struct buf *note,
                               uint64_t *signed_size)
{
    unsigned *calls = ctx;

    (void)leaves, (void)n, (void)root, (void)note;
    (*calls)++;
    *signed_size = first == 3 ? 4 : 3;
    return err_set(ERR_CONFLICT, "somewhere else");
}

START_TEST(signer_that_makes_no_sense)
{
    struct ledger *l = NULL;
    unsigned calls = 0;

    world_begin(&w);
    grow_to(10, 5);
    fails(ERR_INVALID, ledger_open(w.pool, &(struct ledger_signer){.sign = sign_nonsense}, &l));
    fails(ERR_INVALID, ledger_health(l));
    ledger_free(l);
    fails(ERR_BUSY,
          ledger_open(w.pool, &(struct ledger_signer){.sign = sign_wandering, .ctx = &calls},
                      &l));
    ledger_free(l);
    ck_assert_uint_lt(calls, 200);
    world_end(&w);
}
END_TEST

/* --- two processes --------------------------------------------------------------------- */
static void *append_many(void *arg)
{
    for (unsigned i = 0; i < 120; i++)
        world_receipted(arg, world_append(arg, 1 + i % 3));
    return NULL;
}

START_TEST(two_processes_make_one_log)
{
    struct world other;
    pthread_t threads[4];
    struct checkpoint a, b;

    world_begin(&w);
    world_beside(&other, &w);
    world_receipted(&w, world_append(&w, 3));
    world_receipted(&other, world_append(&other, 300));
    world_receipted(&w, world_append(&w, 1));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, append_many, i % 2 ? &other : &w),
                         0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    world_append(&w, 1);
    world_append(&other, 1);
    world_checkpoint(&w, &a);
    world_checkpoint(&other, &b);
    ck_assert_uint_eq(a.size, 304 + 4 * 240 + 1);
    ck_assert_uint_eq(b.size, a.size + 1);
    tree_holds(a.size);
    world_close(&other);
    world_reopen(&w);
    tree_holds(b.size);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/ledger", empty_log_has_nothing, entry_says_what_happened_and_when,
                     bad_entries_are_refused, tile_boundaries, second_tile_level,
                     large_batch_is_signed_in_pieces, consistency_between_any_sizes,
                     erased_entry_keeps_its_leaf, query_by_each_column,
                     restored_backup_is_refused, fork_is_refused,
                     rewritten_row_of_the_edge_is_found_at_open,
                     rewritten_tail_is_refused_by_the_signer, lost_rows_are_found_at_open,
                     rows_lost_while_running_stop_the_log, changed_row_has_no_receipt,
                     first_receipt_comes_out_of_memory_once, signer_gone_at_open,
                     unsigned_tail_is_signed_at_open, signer_behind_is_brought_up,
                     signer_that_makes_no_sense, two_processes_make_one_log);
}
