/* What one person may begin, and what is kept of what came to nothing. */
#include "tests/unit/evidence/resumable/world.h"

static struct uuid whole_part(struct world *w, const struct principal *p, uint64_t size)
{
    struct resumable_request rq = part_request((int64_t)size);
    struct uuid id = session_begin(w, p, &rq);
    struct sent *s = session_send(w, p, &id, 0, size, RESUMABLE_BY_LENGTH);
    ck_assert_msg(s->e == ERR_OK, "%s", err_message(s->e));
    ck_assert_int_eq(s->view.record.state, UPLOAD_WHOLE);
    return id;
}

static struct sent *put_together(struct world *w, const struct principal *p,
                                 const struct resumable_request *rq, const struct uuid *parts,
                                 size_t n)
{
    static struct sent s;
    memset(&s, 0, sizeof(s));
    sent_end(&s, resumable_concatenate(w->ev, p, rq, "final;/a", parts, n, &s.view, &s.result));
    return &s;
}

static struct row row_of(struct world *w, const struct uuid *id)
{
    struct row row;
    ok(row_get(w->ev, id, &row));
    row_clear(&row);
    return row;
}

/* --- room --------------------------------------------------------------------------------- */

START_TEST(what_is_announced_is_asked_for)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob"), morgan = manager();
    struct uuid claim = world_claim(&w, "ada"), hers = world_claim(&w, "bob");
    struct resumable_request big = session_request(&claim, 600000), part = part_request(400001);
    struct resumable_request other = session_request(&hers, 600000);
    struct resumable_view view;
    w.ev->config.quota.person_bytes = 1000000;
    struct uuid id = session_begin(&w, &ada, &big);
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_create(w.ev, &ada, &part, &view));
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_create(w.ev, &ada, &big, &view));
    (void)session_begin(&w, &bob, &other); /* hers is not his */
    (void)session_begin(&w, &morgan, &big);
    (void)session_begin(&w, &morgan, &big); /* and staff have no such limit */
    part.upload.length = 400000;
    struct uuid second = session_begin(&w, &ada, &part);
    /* its own bytes do not stand in its way */
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &id, 0, 600000, RESUMABLE_BY_LENGTH),
                       600000);
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_create(w.ev, &ada, &part, &view));
    ok(resumable_terminate(w.ev, &ada, &second)); /* makes room */
    (void)session_begin(&w, &ada, &part);
    world_end(&w);
}
END_TEST

START_TEST(what_came_unannounced_is_asked_for)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1),
                             told = session_request(&claim, 300001);
    struct resumable_view view;
    w.ev->config.quota.claim_bytes = 1000000;
    struct uuid id = session_begin(&w, &ada, &rq), other = session_begin(&w, &ada, &rq);
    ck_assert_int_eq(session_send(&w, &ada, &id, 0, 700000, RESUMABLE_MORE)->e, ERR_OK);
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_create(w.ev, &ada, &told, &view));
    ck_sent_refused(REFUSAL_QUOTA_EXCEEDED,
                    session_send(&w, &ada, &other, 0, 310000, RESUMABLE_MORE));
    uint64_t at = session_offset(&w, &ada, &other);
    ck_assert_uint_le(at, 300000);
    ok(resumable_terminate(w.ev, &ada, &id));
    told.upload.claim = world_claim(&w, "ada"); /* another claim has room of its own */
    (void)session_begin(&w, &ada, &told);
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &other, at, 320000, RESUMABLE_LAST),
                       320000);
    world_end(&w);
}
END_TEST

START_TEST(parts_are_not_asked_for_twice)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    w.ev->config.quota.person_bytes = 100000;
    struct uuid part = whole_part(&w, &ada, 100000);
    ck_became_evidence(&w, &ada, put_together(&w, &ada, &rq, &part, 1), 100000);
    world_end(&w);
}
END_TEST

/* Making room mends it: no byte that came is dropped for it. */
START_TEST(no_room_at_the_end_keeps_the_bytes)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 200000);
    struct uuid id = session_begin(&w, &ada, &rq);
    session_break(&w, &ada, &id, 0, 150000);
    struct resumable_piece piece = {.offset = 150000, .length = -1};
    struct resumable_writer *rw = NULL;
    struct resumable_view view;
    struct upload_result result;
    ok(resumable_open(w.ev, &ada, &id, &piece, &view, &rw));
    ok(text_write(rw, 150000, 200000));
    w.ev->config.quota.person_bytes = 1000; /* somebody's upload was faster */
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_close(rw, RESUMABLE_BY_LENGTH, &view, &result));
    buf_clear(&result.receipt);
    resumable_free(rw);
    uint64_t at = session_offset(&w, &ada, &id);
    ck_assert_uint_ge(at, 150000);
    ck_sent_refused(REFUSAL_QUOTA_EXCEEDED,
                    session_send(&w, &ada, &id, at, 200000, RESUMABLE_BY_LENGTH));
    ck_assert_uint_eq(session_offset(&w, &ada, &id), at);
    w.ev->config.quota.person_bytes = 0;
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &id, at, 200000, RESUMABLE_BY_LENGTH),
                       200000);
    world_end(&w);
}
END_TEST

/* --- records ------------------------------------------------------------------------------ */

START_TEST(beginning_and_giving_up_has_an_end)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob");
    struct uuid claim = world_claim(&w, "ada"), hers = world_claim(&w, "bob");
    struct resumable_request rq = session_request(&claim, 10),
                             other = session_request(&hers, 10);
    struct resumable_view view;
    w.ev->config.upload_records_per_person = 3;
    for (int i = 0; i < 3; i++) {
        struct uuid id = session_begin(&w, &ada, &rq);
        ok(resumable_terminate(w.ev, &ada, &id));
        refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view));
        ck_assert_int_eq(view.record.state, UPLOAD_TERMINATED);
        ck_assert_str_eq(view.metadata, ""); /* may name people */
        ck_assert_str_eq(view.kind, "");
    }
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_create(w.ev, &ada, &rq, &view));
    ck_assert_uint_eq(world_entries(&w, "upload.started", NULL), 3);
    (void)session_begin(&w, &bob, &other);
    world_end(&w);
}
END_TEST

/* --- concatenations ----------------------------------------------------------------------- */

START_TEST(one_is_put_together_at_a_time)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob");
    struct uuid claim = world_claim(&w, "ada"), hers = world_claim(&w, "bob");
    struct resumable_request rq = session_request(&claim, -1),
                             other = session_request(&hers, -1);
    struct uuid part = whole_part(&w, &ada, 1000), his = whole_part(&w, &bob, 1000);
    struct running_ticket ticket;
    ok(running_take(w.ev->running, &ada, RUNNING_CONCATENATION, &ticket)); /* one is at it */
    ck_sent_refused(REFUSAL_QUOTA_EXCEEDED, put_together(&w, &ada, &rq, &part, 1));
    ck_assert_int_eq(session_at(&w, &ada, &part).record.state, UPLOAD_WHOLE);
    ck_became_evidence(&w, &bob, put_together(&w, &bob, &other, &his, 1), 1000);
    running_give(w.ev->running, &ticket);
    ck_became_evidence(&w, &ada, put_together(&w, &ada, &rq, &part, 1), 1000);
    world_end(&w);
}
END_TEST

/* --- who may know, and what is kept ------------------------------------------------------- */

static int64_t in_two_hours(void)
{
    struct timespec t;
    ck_assert_int_eq(clock_gettime(CLOCK_REALTIME, &t), 0);
    return (t.tv_sec + 7200) * MICROS_PER_SECOND + t.tv_nsec / 1000;
}

START_TEST(what_became_of_it_is_for_who_may_send)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal carl = someone("carl", 1u << ROLE_REPRESENTATIVE);
    struct party_record carer = party("carl", "representative", "carer");
    struct resumable_view view;
    struct upload_result result;
    struct resumable_writer *rw = NULL;
    struct resumable_piece piece = {.offset = 1000, .length = -1};
    carer.until = clock_now() + 3600 * MICROS_PER_SECOND;
    struct uuid claim = world_claim_with(&w, "ada", &carer, 1);
    struct resumable_request rq = session_request(&claim, 1000);
    struct uuid id = session_begin(&w, &carl, &rq);
    ck_assert_int_eq(session_send(&w, &carl, &id, 0, 1000, RESUMABLE_BY_LENGTH)->e, ERR_OK);
    ok(resumable_find(w.ev, &carl, &id, &view));
    ck_assert(!uuid_is_nil(&view.record.artefact));
    clock_replace(in_two_hours);
    refused(REFUSAL_NOT_FOUND, resumable_find(w.ev, &carl, &id, &view));
    ck_assert(uuid_is_nil(&view.record.artefact));
    refused(REFUSAL_NOT_FOUND, resumable_look(w.ev, &carl, &id, &view));
    ck_assert(uuid_is_nil(&view.record.artefact));
    refused(REFUSAL_NOT_FOUND, resumable_open(w.ev, &carl, &id, &piece, &view, &rw));
    ck_assert(uuid_is_nil(&view.record.artefact));
    enum err e = resumable_result(w.ev, &carl, &id, &result);
    ck_assert_int_eq(e, ERR_REFUSED);
    buf_clear(&result.receipt);
    clock_replace(NULL);
    world_end(&w);
}
END_TEST

START_TEST(a_recording_opted_out_of_is_not_kept)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), assessment = world_assessment(&w, &claim);
    int64_t now = clock_now();
    struct resumable_request rq = {
        .upload = audio_request(&claim, &assessment, now - 60 * MICROS_PER_SECOND, now)};
    struct choice_result choice;
    struct resumable_view view;
    rq.upload.length = 500000;
    struct uuid id = session_begin(&w, &asim, &rq);
    struct resumable_writer *rw = NULL;
    struct resumable_piece piece = {.offset = 0, .length = -1};
    ok(resumable_open(w.ev, &asim, &id, &piece, &view, &rw));
    ok(resumable_write(rw, WAV, sizeof(WAV) - 1));
    resumable_free(rw);
    uint64_t at = session_offset(&w, &asim, &id);
    ck_assert_uint_gt(at, 0);
    ck_assert_uint_eq(world_parts(&w), 1);
    ok(world_choose(&w, &ada, &assessment, "opt_out", now - 3600 * MICROS_PER_SECOND, &choice));
    piece.offset = at;
    refused(REFUSAL_RECORDING_OPTED_OUT, resumable_open(w.ev, &asim, &id, &piece, &view, &rw));
    ck_assert_uint_eq(world_parts(&w), 0);
    struct row row = row_of(&w, &id);
    ck_assert_int_eq(row.record.state, UPLOAD_FAILED);
    ck_assert_str_eq(row.record.reason, refusal_name(REFUSAL_RECORDING_OPTED_OUT));
    struct buf sealed;
    ck_assert_int_eq(row_sealed(w.ev, &id, &sealed), ERR_NOT_FOUND); /* its key */
    buf_clear(&sealed);
    refused(REFUSAL_UPLOAD_GONE, resumable_open(w.ev, &asim, &id, &piece, &view, &rw));
    world_awaits(&w, "upload.refused", "\"upload\"", 1);
    world_end(&w);
}
END_TEST

/* A piece that gets no byte for an hour is no orphan. */
START_TEST(a_slow_piece_is_not_swept)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 100000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = {.offset = 0, .length = -1, .checksum = CHECKSUM_SHA256};
    struct resumable_writer *rw = NULL;
    static struct sent s;
    text_digest(100000, piece.expected);
    ok(resumable_open(w.ev, &ada, &id, &piece, &s.view, &rw));
    ok(text_write(rw, 0, 70000));
    ck_assert_uint_eq(world_parts(&w), 0); /* nothing that a sweep could find */
    ok(text_write(rw, 70000, 100000));
    sent_end(&s, resumable_close(rw, RESUMABLE_BY_LENGTH, &s.view, &s.result));
    ck_became_evidence(&w, &ada, &s, 100000);
    resumable_free(rw);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/resumable/limits", what_is_announced_is_asked_for,
                     what_came_unannounced_is_asked_for, parts_are_not_asked_for_twice,
                     no_room_at_the_end_keeps_the_bytes, beginning_and_giving_up_has_an_end,
                     one_is_put_together_at_a_time, what_became_of_it_is_for_who_may_send,
                     a_recording_opted_out_of_is_not_kept, a_slow_piece_is_not_swept);
}
