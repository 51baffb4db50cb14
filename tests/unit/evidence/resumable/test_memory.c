/* What an upload in many pieces costs in memory: nothing that grows with it, and little while
 * it rests. */
#include "tests/unit/evidence/resumable/world.h"

#include <malloc.h>

/* In builds with the address sanitizer its own count, since malloc is its, too. */
__attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes(void);

static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

enum {
    PIECES = 64,
    PIECE = 1024 * 1024,
    GROWTH_MAX = 256 * 1024, /* of database caches and the like */
    RESTING_MAX = 4 * 1024
};

START_TEST(a_large_upload_in_pieces_grows_nothing)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, (int64_t)PIECES * PIECE);
    struct uuid id = session_begin(&w, &ada, &rq);
    size_t early = 0, late = 0;
    struct sent *s = NULL;
    for (uint64_t i = 0; i < PIECES; i++) {
        s = session_send(&w, &ada, &id, i * PIECE, (i + 1) * PIECE, RESUMABLE_BY_LENGTH);
        ck_assert_msg(s->e == ERR_OK, "%s", err_message(s->e));
        if (i == 7)
            early = allocated();
        if (i == PIECES - 2)
            late = allocated();
    }
    ck_assert_uint_le(late, early + GROWTH_MAX);
    ck_assert_int_eq(s->view.record.state, UPLOAD_FINISHED);
    uint8_t digest[32];
    text_digest((uint64_t)PIECES * PIECE, digest);
    ck_assert_mem_eq(s->result.artefact.sha256, digest, 32);
    world_end(&w);
}
END_TEST

enum { RESTING = 100 };

static void remembering(struct world *w)
{
    w->config.uploads_warm = 2 * RESTING;
    w->config.open_uploads_per_person = 2 * RESTING;
}

static void forgetting(struct world *w)
{
    remembering(w);
    w->config.uploads_warm = 0;
}

/* The rest of what it costs is the database's cache, the same in both worlds. */
static size_t growth_by_resting(void (*adapt)(struct world *w))
{
    struct world w = {.tiny = NULL};
    world_make(&w, adapt);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 1000000);
    size_t before = 0;
    for (size_t i = 0; i < RESTING + 10; i++) {
        if (i == 10)
            before = allocated();
        struct uuid id = session_begin(&w, &ada, &rq);
        session_break(&w, &ada, &id, 0, 70000);
    }
    size_t after = allocated();
    world_end(&w);
    return after - before;
}

START_TEST(one_at_rest_is_small)
{
    size_t base = growth_by_resting(forgetting), all = growth_by_resting(remembering);
    ck_assert_msg(all <= base + RESTING * RESTING_MAX, "%zu each", (all - base) / RESTING);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/resumable/memory", a_large_upload_in_pieces_grows_nothing,
                     one_at_rest_is_small);
}
