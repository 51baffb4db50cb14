/* A log whose rows, checkpoint and signer do not fit each other. */
#include "tests/unit/storage/ledger_tree.h"

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

int main(void)
{
    return SUITE_RUN("storage/ledger_damage", restored_backup_is_refused, fork_is_refused,
                     rewritten_row_of_the_edge_is_found_at_open,
                     rewritten_tail_is_refused_by_the_signer, lost_rows_are_found_at_open,
                     rows_lost_while_running_stop_the_log, changed_row_has_no_receipt,
                     first_receipt_comes_out_of_memory_once);
}
