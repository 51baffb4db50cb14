/* The log and its signer: gone, behind, wandering; and two processes that share both. */
#include "tests/unit/storage/ledger_tree.h"

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
    return SUITE_RUN("storage/ledger_signer", signer_gone_at_open,
                     unsigned_tail_is_signed_at_open, signer_behind_is_brought_up,
                     signer_that_makes_no_sense, two_processes_make_one_log);
}
