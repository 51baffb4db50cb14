/* Signing, asked of the real process: only what continues what was signed last. */
#include "tests/unit/keeper/keeper_world.h"

START_TEST(empty_log)
{
    AUTO_CLEAR(buf_clear) struct buf note, again;
    struct world w;
    uint64_t size = 99;

    buf_init(&note, NOTE_MAX);
    buf_init(&again, NOTE_MAX);
    world_reader(&w);
    ck_ok(keeper_sign(w.keeper, 0, NULL, 0, NULL, &note, &size));
    ck_assert_uint_eq(size, 0);
    check_note(&w, &note, 0);
    world_restart(&w);
    ck_ok(keeper_sign(w.keeper, 7, NULL, 0, NULL, &again, &size));
    ck_assert_str_eq(buf_text(&note), buf_text(&again));
    world_end(&w);
}
END_TEST

START_TEST(grows)
{
    struct world w;
    uint64_t size;

    world_reader(&w);
    for (size_t n = 1; n <= 40; n += 3) {
        AUTO_CLEAR(buf_clear) struct buf note;
        size_t first = w.n;

        buf_init(&note, NOTE_MAX);
        world_append(&w, n % 5 + 1);
        ck_ok(world_sign(&w, first, w.n - first, &note, &size));
        ck_assert_uint_eq(size, w.n);
        check_note(&w, &note, w.n);
    }
    world_end(&w);
}
END_TEST

START_TEST(overlap_is_skipped)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct world w;
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    world_append(&w, 10);
    ck_ok(world_sign(&w, 0, 6, &note, &size));
    buf_reset(&note);
    ck_ok(world_sign(&w, 2, 8, &note, &size)); /* 2..5 are known */
    ck_assert_uint_eq(size, 10);
    check_note(&w, &note, 10);
    buf_reset(&note);
    ck_ok(world_sign(&w, 3, 4, &note, &size)); /* nothing new: the last note */
    ck_assert_uint_eq(size, 10);
    check_note(&w, &note, 10);
    world_end(&w);
}
END_TEST

START_TEST(conflicts_sign_nothing)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct merkle_hash other = some_leaf(1000), root;
    struct world w;
    uint64_t size = 0;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    world_append(&w, 8);
    ck_ok(world_sign(&w, 0, 5, &note, &size));
    ck_err(world_sign(&w, 6, 2, &note, &size), ERR_CONFLICT); /* leaf 5 is missing */
    ck_assert_uint_eq(size, 5);
    root = world_root(&w, 6);
    ck_err(keeper_sign(w.keeper, 5, &other, 1, &root, &note, &size), ERR_CONFLICT);
    ck_assert_uint_eq(size, 5);
    ck_err(keeper_sign(w.keeper, UINT64_MAX, &other, 1, &root, &note, &size), ERR_INVALID);
    buf_reset(&note);
    ck_ok(keeper_sign(w.keeper, 0, NULL, 0, NULL, &note, &size));
    check_note(&w, &note, 5);
    buf_reset(&note);
    ck_ok(world_sign(&w, 5, 3, &note, &size)); /* the true ones still fit */
    check_note(&w, &note, 8);
    world_end(&w);
}
END_TEST

START_TEST(largest_batch)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    AUTO_FREE struct merkle_hash *leaves = calloc(KEEPER_LEAVES_MAX + 1, sizeof(*leaves));
    struct merkle_frontier f = {0};
    struct merkle_hash root;
    struct world w;
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    for (unsigned i = 0; i < KEEPER_LEAVES_MAX; i++) {
        leaves[i] = some_leaf(i);
        ck_ok(merkle_frontier_append(&f, &leaves[i]));
    }
    ck_ok(merkle_frontier_root(&f, &root));
    ck_ok(keeper_sign(w.keeper, 0, leaves, KEEPER_LEAVES_MAX, &root, &note, &size));
    ck_assert_uint_eq(size, KEEPER_LEAVES_MAX);
    ck_err(keeper_sign(w.keeper, size, leaves, KEEPER_LEAVES_MAX + 1, &root, &note, &size),
           ERR_TOO_LARGE);
    world_end(&w);
}
END_TEST

START_TEST(restart_remembers)
{
    AUTO_CLEAR(buf_clear) struct buf note, again;
    struct keeper_info info;
    struct world w;
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    buf_init(&again, NOTE_MAX);
    world_reader(&w);
    world_append(&w, 9);
    ck_ok(world_sign(&w, 0, 9, &note, &size));
    world_restart(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert_uint_eq(info.signed_size, 9);
    ck_assert_str_eq(info.log_vkey, w.vkey);
    ck_ok(keeper_sign(w.keeper, 9, NULL, 0, NULL, &again, &size));
    ck_assert_str_eq(buf_text(&note), buf_text(&again));
    world_append(&w, 1);
    buf_reset(&again);
    ck_ok(world_sign(&w, 9, 1, &again, &size));
    check_note(&w, &again, 10);
    world_end(&w);
}
END_TEST

/* An administrator's keeper beside the front's: each sees what the other signed. */
START_TEST(two_keepers_one_state)
{
    struct keeper *mine, *other = NULL;
    struct world w;
    uint64_t size;

    world_reader(&w);
    mine = w.keeper;
    w.config.admin = true;
    ck_ok(keeper_start(&w.config, &other));
    for (unsigned turn = 0; turn < 20; turn++) {
        AUTO_CLEAR(buf_clear) struct buf note;

        buf_init(&note, NOTE_MAX);
        w.keeper = turn % 2 == 0 ? mine : other;
        world_append(&w, 2);
        ck_ok(world_sign(&w, w.n - 2, 2, &note, &size));
        check_note(&w, &note, w.n);
        w.keeper = turn % 2 == 0 ? other : mine;
        buf_reset(&note);
        ck_ok(world_sign(&w, 0, 1, &note, &size)); /* known to the other at once */
        check_note(&w, &note, w.n);
    }
    keeper_stop(other);
    w.keeper = mine;
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/sign", empty_log, grows, overlap_is_skipped,
                     conflicts_sign_nothing, largest_batch, restart_remembers,
                     two_keepers_one_state);
}
