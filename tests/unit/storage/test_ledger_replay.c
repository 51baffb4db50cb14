#include "tests/unit/storage/ledger_world.h"

static struct world w;

/* --- what was found -------------------------------------------------------------------- */
struct found {
    unsigned erased, unordered, commitment, columns, tile, gap, root, other;
    uint64_t last; /* index of the latest finding */
    uint64_t done, all;
};

static void take_finding(void *ctx, const struct ledger_finding *f)
{
    struct found *found = ctx;
    static const char *const kinds[] = {"erased", "unordered", "commitment", "columns",
                                        "tile",   "gap",       "root"};
    unsigned *const counts[] = {&found->erased,  &found->unordered, &found->commitment,
                                &found->columns, &found->tile,      &found->gap,
                                &found->root};

    ck_assert_uint_gt(strlen(f->message), 0);
    found->last = f->index;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(f->kind, kinds[i]) == 0) {
            (*counts[i])++;
            return;
        }
    }
    found->other++;
}

static void take_progress(void *ctx, uint64_t done, uint64_t all)
{
    struct found *found = ctx;

    ck_assert_uint_gt(done, found->done);
    found->done = done;
    found->all = all;
}

static struct found replayed(void)
{
    struct found found = {.erased = 0};
    uint64_t findings;

    ok(ledger_replay(w.ledger, take_finding, take_progress, &found, &findings));
    ck_assert_uint_eq(found.other, 0);
    ck_assert_uint_eq(findings, found.unordered + found.commitment + found.columns +
                                    found.tile + found.gap + found.root);
    ck_assert_uint_eq(found.done, found.all);
    return found;
}

static void log_of(size_t entries)
{
    world_begin(&w);
    for (size_t i = 0; i < entries; i += 100) {
        struct entry_job j = {.actor = "ada",
                              .claim = uuid_new(),
                              .artefact = uuid_new(),
                              .n = entries - i < 100 ? entries - i : 100};
        ok(world_run(&w, &j));
    }
    (void)world_append(&w, 1); /* stores the checkpoint of the others */
}

/* --- sound logs ------------------------------------------------------------------------ */
START_TEST(sound_log_has_no_findings)
{
    static const size_t sizes[] = {1, 255, 256, 300, 5000};

    world_begin(&w);
    ck_assert_uint_eq(replayed().root, 0);
    world_end(&w);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        log_of(sizes[i]);
        struct found found = replayed();
        ck_assert_uint_eq(found.commitment + found.columns + found.tile + found.gap +
                              found.root + found.erased,
                          0);
        ck_assert_uint_eq(found.all, sizes[i] + 1);
        world_end(&w);
    }
}
END_TEST

static enum err erase_some(struct commit_tx *tx, void *ctx)
{
    (void)ctx;
    for (uint64_t i = 10; i < 500; i += 70) {
        AUTO(json_free) json_t *order = json_object();
        struct ledger_ref ref;

        TRY(ledger_erase(tx, i, order, &ref));
    }
    return ERR_OK;
}

START_TEST(erased_entries_are_told_and_lawful)
{
    struct commit_job job = {.apply = erase_some};

    log_of(600);
    ok(committer_run(w.committer, &job));
    struct found found = replayed();
    ck_assert_uint_eq(found.erased, 7);
    ck_assert_uint_eq(found.unordered + found.commitment + found.columns + found.tile +
                          found.gap + found.root,
                      0);
    world_end(&w);
}
END_TEST

/* --- tampered ones --------------------------------------------------------------------- */
static const struct tampering {
    const char *sql;
    struct found want; /* at least one of each kind that is not 0, none of the rest */
    uint64_t last;
} tamperings[] = {
    {"UPDATE ledger_entries SET details = replace(details, 'ada', 'bob') WHERE seq = 100",
     {.commitment = 1, .columns = 1},
     100},
    {"UPDATE ledger_entries SET details = '{' WHERE seq = 100",
     {.commitment = 1, .columns = 1},
     100},
    {"UPDATE ledger_entries SET salt = zeroblob(32) WHERE seq = 100", {.commitment = 1}, 100},
    {"UPDATE ledger_entries SET salt = NULL WHERE seq = 100", {.commitment = 1}, 100},
    {"UPDATE ledger_entries SET details = NULL WHERE seq = 100", {.commitment = 1}, 100},
    {"UPDATE ledger_entries SET salt = x'00' WHERE seq = 600", {.commitment = 1}, 600},
    {"UPDATE ledger_entries SET actor = 'bob' WHERE seq = 100", {.columns = 1}, 100},
    {"UPDATE ledger_entries SET action = NULL WHERE seq = 100", {.columns = 1}, 100},
    {"UPDATE ledger_entries SET claim = zeroblob(16) WHERE seq = 100", {.columns = 1}, 100},
    {"UPDATE ledger_entries SET artefact = NULL WHERE seq = 100", {.columns = 1}, 100},
    {"UPDATE ledger_entries SET time = time + 1 WHERE seq = 100", {.columns = 1}, 100},
    {"UPDATE ledger_entries SET time = time + 60000000 WHERE seq = 100",
     {.columns = 1, .tile = 1, .root = 1},
     0},
    {"UPDATE ledger_entries SET details = NULL, salt = NULL WHERE seq = 100",
     {.unordered = 1, .columns = 1},
     100},
    {"UPDATE ledger_entries SET details = NULL, salt = NULL, action = NULL, actor = NULL,"
     " claim = NULL, artefact = NULL WHERE seq = 100",
     {.unordered = 1},
     100},
    {"UPDATE ledger_entries SET commitment = zeroblob(32) WHERE seq = 100",
     {.commitment = 1, .tile = 1, .root = 1},
     0},
    {"UPDATE ledger_entries SET commitment = zeroblob(32) WHERE seq = 599",
     {.commitment = 1, .root = 1},
     0},
    {"DELETE FROM ledger_entries WHERE seq = 100", {.gap = 1}, 100},
    {"DELETE FROM ledger_entries WHERE seq > 590", {.gap = 1, .root = 1}, 591},
    {"UPDATE ledger_tiles SET hashes = zeroblob(8192) WHERE idx = 1", {.tile = 1}, 1},
    {"UPDATE ledger_tiles SET hashes = zeroblob(10) WHERE idx = 1", {.tile = 1}, 1},
    {"UPDATE ledger_tiles SET middle = zeroblob(512) WHERE idx = 1", {.tile = 1}, 1},
    {"UPDATE ledger_tiles SET middle = zeroblob(10) WHERE idx = 1", {.tile = 1}, 1},
    {"DELETE FROM ledger_tiles WHERE idx = 0", {.tile = 1}, 0},
    {"INSERT INTO ledger_tiles VALUES(3, 9, zeroblob(512), zeroblob(8192))", {.tile = 1}, 0},
    {"UPDATE ledger_checkpoints SET note = replace(note, char(10) || '600' || char(10), "
     "char(10) || '500' || char(10))"
     " WHERE size = 600",
     {.root = 1},
     600},
    {"UPDATE ledger_checkpoints SET note = (SELECT note FROM ledger_checkpoints WHERE size = "
     "200), size = 201"
     " WHERE size = 200",
     {.root = 1},
     201},
};

static void compare(const char *sql, const char *kind, unsigned have, unsigned want)
{
    ck_assert_msg((have > 0) == (want > 0), "%s: %u of %s", sql, have, kind);
}

START_TEST(each_tampering_is_found)
{
    const struct tampering *t = &tamperings[0];

    for (size_t i = 0; i < ARRAY_LEN(tamperings); i++, t++) {
        log_of(600);
        world_sql(&w, t->sql);
        struct found found = replayed();
        compare(t->sql, "erased", found.erased, t->want.erased);
        compare(t->sql, "unordered", found.unordered, t->want.unordered);
        compare(t->sql, "commitment", found.commitment, t->want.commitment);
        compare(t->sql, "columns", found.columns, t->want.columns);
        compare(t->sql, "tile", found.tile, t->want.tile);
        compare(t->sql, "gap", found.gap, t->want.gap);
        compare(t->sql, "root", found.root, t->want.root);
        if (t->last != 0 && t->want.root == 0)
            ck_assert_uint_eq(found.last, t->last);
        world_end(&w);
    }
}
END_TEST

/* Somebody with the database rewrites everything that depends on a row: salt, details,
 * commitment, tile. The roots that were signed remain. */
START_TEST(consistent_forgery_is_found_by_the_root)
{
    struct merkle_hash hashes[TILE_WIDTH], middle[TILE_MIDDLE_WIDTH];
    struct leaf leaf;
    struct ledger_entry e;
    struct db *db;
    sqlite3 *file;
    sqlite3_stmt *s;
    uint8_t salt[LEAF_SALT_SIZE] = "somebody else's salt";
    size_t n;

    log_of(600);
    ok(db_read_begin(w.pool, &db));
    ok(ledger_query(db, &(struct ledger_filter){.claim = NULL}, 99, &e, 1, &n));
    db_read_end(db);
    char *at = strstr(e.details, "ada");
    ck_assert_ptr_nonnull(at);
    memcpy(at, "eve", 3);
    ok(leaf_make(e.time, salt, e.details, strlen(e.details), &leaf));
    ok(ledger_tile(w.ledger, 0, 0, TILE_WIDTH, hashes));
    ok(merkle_leaf_hash(leaf.bytes, sizeof(leaf.bytes), &hashes[100]));
    for (size_t i = 0; i < ARRAY_LEN(middle); i++)
        ok(tile_subtree(hashes, TILE_MIDDLE, i, &middle[i]));

    ck_assert_int_eq(sqlite3_open(scratch_path(&w.dir, "db"), &file), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_prepare_v2(
            file,
            "UPDATE ledger_entries SET actor = 'eve', details = ?, salt = ?, commitment = ?"
            " WHERE seq = 100",
            -1, &s, NULL),
        SQLITE_OK);
    sqlite3_bind_text(s, 1, e.details, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, salt, sizeof(salt), SQLITE_STATIC);
    sqlite3_bind_blob(s, 3, leaf.bytes + LEAF_SIZE - SHA256_SIZE, SHA256_SIZE, SQLITE_STATIC);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
    ck_assert_int_eq(sqlite3_prepare_v2(file,
                                        "UPDATE ledger_tiles SET middle = ?, hashes = ?"
                                        " WHERE level = 0 AND idx = 0",
                                        -1, &s, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(s, 1, middle, sizeof(middle), SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, hashes, sizeof(hashes), SQLITE_STATIC);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
    sqlite3_close(file);
    ledger_entry_clear(&e);

    struct found found = replayed();
    ck_assert_uint_eq(found.commitment + found.columns + found.tile + found.gap, 0);
    ck_assert_uint_gt(found.root, 0);
    world_sql(&w,
              "DELETE FROM ledger_checkpoints"); /* the newest is in memory, from the signer */
    ck_assert_uint_eq(replayed().root, 1);
    world_close(&w);
    (void)world_open_ledger(&w); /* nor does it open any more */
    fails(ERR_CONFLICT, ledger_health(w.ledger));
    world_end(&w);
}
END_TEST

/* A ledger that was refused at open is what somebody wants to replay. */
START_TEST(refused_ledger_can_be_replayed)
{
    log_of(300);
    world_close(&w);
    world_sql(&w, "UPDATE ledger_entries SET commitment = zeroblob(32) WHERE seq = 290");
    fails(ERR_CONFLICT, world_open_ledger(&w));
    struct found found = replayed();
    ck_assert_uint_eq(found.commitment, 1);
    ck_assert_uint_ge(found.root, 1);
    world_end(&w);
}
END_TEST

/* --- while it grows -------------------------------------------------------------------- */
static atomic_bool stop;

static void *grow(void *arg)
{
    (void)arg;
    while (!stop)
        (void)world_append(&w, 37);
    return NULL;
}

START_TEST(replay_of_a_growing_log)
{
    pthread_t thread;

    log_of(9000);
    ck_assert_int_eq(pthread_create(&thread, NULL, grow, NULL), 0);
    for (unsigned i = 0; i < 5; i++) {
        struct found found = replayed();
        ck_assert_uint_eq(
            found.commitment + found.columns + found.tile + found.gap + found.root, 0);
    }
    stop = true;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/ledger_replay", sound_log_has_no_findings,
                     erased_entries_are_told_and_lawful, each_tampering_is_found,
                     consistent_forgery_is_found_by_the_root, refused_ledger_can_be_replayed,
                     replay_of_a_growing_log);
}
