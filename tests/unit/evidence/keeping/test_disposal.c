#include "tests/unit/evidence/world.h"

#include "gateway/evidence/keeping/disposal.h"
#include "gateway/evidence/keeping/keeping.h"
#include "gateway/evidence/keeping/retention.h"

static struct principal owner(const char *subject)
{
    return someone(subject, 1u << ROLE_RECORDS_OWNER);
}

static enum disposal_state state_of(struct world *w, const struct uuid *id)
{
    struct principal p = owner("olive");
    struct disposal_record d;
    ok(disposal_get(w->ev, &p, id, &d));
    return d.state;
}

static enum artefact_status status_of(struct world *w, const struct uuid *id)
{
    struct db *reader = NULL;
    struct artefact_record a;
    ok(db_read_begin(w->db, &reader));
    ok(artefact_find(reader, id, &a));
    db_read_end(reader);
    return a.status;
}

static struct uuid approved_letter(struct world *w)
{
    struct principal olive = owner("olive"), oscar = owner("oscar");
    struct disposal_record d;
    struct uuid claim = world_claim(w, "ada"), id = world_new_letter(w, "ada", &claim);
    ok(disposal_propose(w->ev, &olive, &id, "done with", NULL, &d));
    refused(REFUSAL_NOT_PERMITTED, disposal_approve(w->ev, &olive, &id, "", NULL, &d));
    ok(disposal_approve(w->ev, &oscar, &id, "", NULL, &d));
    return id;
}

START_TEST(a_hold_behind_the_approval_wins)
{
    struct world w = {.tiny = NULL};
    struct principal olive = owner("olive"), morgan = manager(), ada = claimant("ada");
    struct hold_record hold;
    bool existed = true, shredded = true;
    world_make(&w, NULL);
    struct uuid id = approved_letter(&w);
    ok(hold_place(w.ev, &morgan, &id, "appeal", &existed, &hold));
    ck_assert(!existed);
    ok(disposal_shred(w.ev, &id, &shredded)); /* as the tick found it before the hold came */
    ck_assert(!shredded);
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_APPROVED);
    ck_assert_int_eq(status_of(&w, &id), ARTEFACT_AVAILABLE);
    ok(world_open_only(&w, &ada, &id, PURPOSE_NONE));
    ok(hold_lift(w.ev, &olive, &id, ""));
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_DONE);
    refused(REFUSAL_NOT_AVAILABLE, world_open_only(&w, &ada, &id, PURPOSE_NONE));
    refused(REFUSAL_CONFLICT, hold_place(w.ev, &morgan, &id, "late", &existed, &hold));
    refused(REFUSAL_CONFLICT, disposal_cancel(w.ev, &olive, &id, ""));
    world_end(&w);
}
END_TEST

static void with_grace(struct world *w)
{
    w->config.keeping.grace_s = 3600;
    w->config.keeping.backups_kept_s = 86400;
}

START_TEST(nothing_goes_before_its_grace_period_is_over)
{
    struct world w = {.tiny = NULL};
    struct principal olive = owner("olive"), oscar = owner("oscar");
    struct disposal_record d;
    struct hold_record hold;
    bool existed, shredded = true;
    world_make(&w, with_grace);
    struct uuid id = approved_letter(&w);
    ok(disposal_shred(w.ev, &id, &shredded));
    ck_assert(!shredded);
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_APPROVED);
    ok(disposal_get(w.ev, &olive, &id, &d));
    int64_t due = d.due_at;
    ck_assert_int_ge(due, d.approved_at + 3600 * MICROS_PER_SECOND);
    ok(hold_place(w.ev, &olive, &id, "wait", &existed, &hold));
    ok(hold_lift(w.ev, &oscar, &id, ""));
    ok(disposal_get(w.ev, &olive, &id, &d));
    ck_assert_int_gt(d.due_at, due); /* the whole of it again */
    ok(disposal_cancel(w.ev, &olive, &id, ""));
    refused(REFUSAL_NOT_FOUND, disposal_get(w.ev, &olive, &id, &d));
    ck_assert_int_eq(disposal_shred(w.ev, &id, &shredded), ERR_NOT_FOUND);
    world_end(&w);
}
END_TEST

/* --- the two halves ----------------------------------------------------------------------- */

START_TEST(a_crash_between_the_halves_is_taken_up)
{
    struct world w = {.tiny = NULL};
    struct principal ada = claimant("ada");
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    bool shredded = false;
    world_make(&w, NULL);
    struct uuid id = approved_letter(&w);
    ok(disposal_shred(w.ev, &id, &shredded));
    ck_assert(shredded);
    world_close(&w); /* nothing of the second half */
    world_open(&w);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_SHREDDING);
    ck_assert_int_eq(status_of(&w, &id), ARTEFACT_DISPOSED);
    refused(REFUSAL_NOT_AVAILABLE, world_open_only(&w, &ada, &id, PURPOSE_NONE));
    ok(blob_open(w.blobs, &id, &blob)); /* the payload, which nothing opens */
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_DONE);
    blob_reader_free(TAKE(blob));
    ck_assert_int_eq(blob_open(w.blobs, &id, &blob), ERR_NOT_FOUND);
    ok(disposal_clean(w.ev, &id)); /* once more is harmless */
    ck_assert_uint_eq(world_entries(&w, "disposal.finished", NULL), 1);
    ck_assert_uint_eq(world_entries(&w, "artefact.disposed", NULL), 1);
    ck_assert_uint_eq(world_entries(&w, "upload.committed", NULL), 0);
    world_end(&w);
}
END_TEST

START_TEST(a_payload_that_is_gone_already_stops_nothing)
{
    struct world w = {.tiny = NULL};
    bool shredded = false;
    world_make(&w, NULL);
    struct uuid id = approved_letter(&w);
    ok(disposal_shred(w.ev, &id, &shredded));
    ok(blob_remove(w.blobs, &id)); /* and then the process died */
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_DONE);
    world_end(&w);
}
END_TEST

/* --- the clock ---------------------------------------------------------------------------- */

START_TEST(a_clock_that_was_set_ahead_destroys_nothing)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct uuid id = approved_letter(&w);
    w.ev->watched_now = clock_now() - INT64_C(7200) * MICROS_PER_SECOND; /* two hours since, */
    w.ev->watched_steady = clock_steady_ms() * 1000;                     /* by no other clock */
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_APPROVED);
    ck_assert(w.ev->watch_told);
    w.ev->watched_now = 0; /* the next start */
    disposal_tick(w.ev);
    ck_assert_int_eq(state_of(&w, &id), DISPOSAL_DONE);
    world_end(&w);
}
END_TEST

/* --- one person on record twice ----------------------------------------------------------- */

static enum err approve_alone(struct commit_tx *tx, void *ctx)
{
    struct disposal_record d;
    TRY(disposal_find(commit_db(tx), ctx, &d));
    d.approved_by = d.proposed_by;
    return disposal_change(commit_db(tx), &d, DISPOSAL_APPROVED);
}

START_TEST(a_row_that_one_person_approved_alone_is_not_believed)
{
    struct world w = {.tiny = NULL};
    bool shredded = false;
    world_make(&w, NULL);
    struct uuid id = approved_letter(&w);
    struct commit_job job = {.apply = approve_alone, .ctx = &id};
    ok(committer_run(w.committer, &job));
    ck_assert_int_eq(disposal_shred(w.ev, &id, &shredded), ERR_CORRUPT);
    ck_assert_int_eq(status_of(&w, &id), ARTEFACT_AVAILABLE);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/keeping/disposal", a_hold_behind_the_approval_wins,
                     nothing_goes_before_its_grace_period_is_over,
                     a_crash_between_the_halves_is_taken_up,
                     a_payload_that_is_gone_already_stops_nothing,
                     a_clock_that_was_set_ahead_destroys_nothing,
                     a_row_that_one_person_approved_alone_is_not_believed);
}
