/* Parts put together. */
#include "tests/unit/evidence/resumable/world.h"

static struct uuid whole_part(struct world *w, const struct principal *p, uint64_t at,
                              uint64_t upto, const struct uuid *claim)
{
    struct resumable_request rq = part_request((int64_t)(upto - at));
    struct resumable_view view;
    struct upload_result result;
    struct resumable_writer *rw = NULL;
    struct resumable_piece piece = {.offset = 0, .length = -1};
    if (claim)
        rq.upload.claim = *claim;
    struct uuid id = session_begin(w, p, &rq);
    ok(resumable_open(w->ev, p, &id, &piece, &view, &rw));
    ok(text_write(rw, at, upto));
    ok(resumable_close(rw, RESUMABLE_BY_LENGTH, &view, &result));
    ck_assert(uuid_is_nil(&result.artefact.id));
    buf_clear(&result.receipt);
    ck_assert_int_eq(view.record.state, UPLOAD_WHOLE);
    ck_assert_str_eq(view.concat, "partial");
    resumable_free(rw);
    return id;
}

static struct sent *put_together(struct world *w, const struct principal *p,
                                 const struct resumable_request *rq, const struct uuid *parts,
                                 size_t n)
{
    static struct sent s;
    memset(&s, 0, sizeof(s));
    sent_end(&s,
             resumable_concatenate(w->ev, p, rq, "final;/a /b", parts, n, &s.view, &s.result));
    return &s;
}

START_TEST(parts_become_one)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_intake_key);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), parts[4];
    struct resumable_request rq = session_request(&claim, -1);
    struct resumable_view view;
    parts[2] = whole_part(&w, &ada, 300000, 300000, &claim);
    parts[1] = whole_part(&w, &ada, 100000, 300000, NULL);
    parts[0] = whole_part(&w, &ada, 0, 100000, &claim);
    parts[3] = whole_part(&w, &ada, 300000, 300001, NULL);
    world_restart(&w); /* they wait as long as need be */
    struct sent *s = put_together(&w, &ada, &rq, parts, 4);
    ck_became_evidence(&w, &ada, s, 300001);
    ck_assert(s->view.record.is_final);
    ck_assert_str_eq(s->view.concat, "final;/a /b");
    struct uuid final = s->view.record.id;
    ck_assert_uint_eq(world_parts(&w), 0);
    for (size_t i = 0; i < 4; i++)
        refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &parts[i], &view));
    ck_assert_int_eq(session_at(&w, &ada, &final).record.state, UPLOAD_FINISHED);
    ck_sent_refused(REFUSAL_UPLOAD_FINAL,
                    session_send(&w, &ada, &final, 300001, 300001, RESUMABLE_BY_LENGTH));
    ck_sent_refused(REFUSAL_UPLOAD_GONE, put_together(&w, &ada, &rq, parts, 4));
    ck_assert_uint_eq(world_entries(&w, "upload.started", NULL), 0);
    ck_assert_uint_eq(world_entries(&w, "upload.committed", "\"upload\""), 1);
    world_end(&w);
}
END_TEST

/* Before a byte was read back. */
START_TEST(each_refusal_leaves_the_parts)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob");
    struct uuid claim = world_claim(&w, "ada"), other = world_claim(&w, "ada");
    struct uuid hers = world_claim(&w, "bob"), none = uuid_new();
    struct resumable_request rq = session_request(&claim, -1), open = part_request(10);
    struct uuid parts[2] = {whole_part(&w, &ada, 0, 100000, &claim),
                            whole_part(&w, &ada, 100000, 200000, NULL)};
    struct uuid half = session_begin(&w, &ada, &open), evidence = session_begin(&w, &ada, &rq);
    struct uuid stray = whole_part(&w, &ada, 0, 10, &other);
    struct uuid foreign = whole_part(&w, &bob, 0, 10, &hers);
    const struct {
        struct uuid second;
        enum refusal why;
    } rows[] = {{none, REFUSAL_NOT_FOUND},        {foreign, REFUSAL_NOT_FOUND},
                {half, REFUSAL_INVALID_REQUEST},  {evidence, REFUSAL_INVALID_REQUEST},
                {stray, REFUSAL_INVALID_REQUEST}, {parts[0], REFUSAL_INVALID_REQUEST}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct uuid pair[2] = {parts[0], rows[i].second};
        struct sent *s = put_together(&w, &ada, &rq, pair, 2);
        ck_sent_refused(rows[i].why, s);
    }
    struct uuid many[RESUMABLE_PARTS_MAX + 1] = {parts[0]};
    ck_sent_refused(REFUSAL_INVALID_REQUEST, put_together(&w, &ada, &rq, parts, 0));
    ck_sent_refused(REFUSAL_INVALID_REQUEST,
                    put_together(&w, &ada, &rq, many, RESUMABLE_PARTS_MAX + 1));
    strcpy(rq.upload.kind, "medical_report");
    ck_sent_refused(REFUSAL_NOT_PERMITTED, put_together(&w, &ada, &rq, parts, 2));
    rq = session_request(&hers, -1);
    ck_sent_refused(REFUSAL_INVALID_REQUEST, put_together(&w, &ada, &rq, parts, 2));
    ck_sent_refused(REFUSAL_CLAIM_NOT_FOUND, put_together(&w, &ada, &rq, &parts[1], 1));
    rq = session_request(&claim, -1);
    rq.upload.has_digest = true;
    text_digest(200000, rq.upload.digest);
    ck_became_evidence(&w, &ada, put_together(&w, &ada, &rq, parts, 2), 200000);
    world_end(&w);
}
END_TEST

/* Or a short request would have them read back and sealed again and again. */
START_TEST(a_refusal_of_the_whole_is_the_end_of_its_parts)
{
    static const enum refusal WHY[] = {REFUSAL_TYPE_NOT_ALLOWED, REFUSAL_DIGEST_MISMATCH};
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_view view;
    for (size_t i = 0; i < ARRAY_LEN(WHY); i++) {
        struct resumable_request rq = session_request(&claim, -1);
        struct uuid parts[2] = {whole_part(&w, &ada, 0, 100000, &claim),
                                whole_part(&w, &ada, 100000, 200000, NULL)};
        if (WHY[i] == REFUSAL_TYPE_NOT_ALLOWED)
            strcpy(rq.upload.media_type, "application/pdf");
        else
            rq.upload.has_digest = true;
        ck_sent_refused(WHY[i], put_together(&w, &ada, &rq, parts, 2));
        ck_assert_uint_eq(world_parts(&w), 0);
        for (size_t n = 0; n < 2; n++) {
            refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &parts[n], &view));
            ck_assert_int_eq(view.record.state, UPLOAD_FAILED);
            ck_assert_str_eq(view.record.reason, refusal_name(WHY[i]));
        }
        ck_sent_refused(REFUSAL_UPLOAD_GONE, put_together(&w, &ada, &rq, parts, 2));
    }
    ck_assert_uint_eq(world_blobs(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(a_lost_answer_is_given_again_by_its_key)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    struct uuid part = whole_part(&w, &ada, 0, 70000, NULL);
    strcpy(rq.upload.idempotency_key, "k");
    struct sent first = *put_together(&w, &ada, &rq, &part, 1);
    ck_became_evidence(&w, &ada, &first, 70000);
    struct sent *again = put_together(&w, &ada, &rq, &part, 1);
    ck_became_evidence(&w, &ada, again, 70000);
    ck_assert(uuid_equal(&first.view.record.id, &again->view.record.id));
    ck_assert(again->result.repeated);
    strcpy(rq.metadata, "another");
    ck_sent_refused(REFUSAL_KEY_REUSED, put_together(&w, &ada, &rq, &part, 1));
    world_end(&w);
}
END_TEST

START_TEST(trouble_leaves_the_parts)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    struct uuid part = whole_part(&w, &ada, 0, 70000, NULL);
    struct choice_result choice;
    struct uuid assessment = world_assessment(&w, &claim);
    w.mute = true;
    (void)world_choose(&w, &ada, &assessment, "opt_out", clock_now(), &choice); /* unsigned */
    ck_assert_int_eq(put_together(&w, &ada, &rq, &part, 1)->e, ERR_UNAVAILABLE);
    ck_assert_int_eq(session_at(&w, &ada, &part).record.state, UPLOAD_WHOLE);
    ck_assert_uint_eq(world_blobs(&w), 0);
    w.mute = false;
    (void)world_claim(&w, "somebody");
    ck_became_evidence(&w, &ada, put_together(&w, &ada, &rq, &part, 1), 70000);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/resumable/concat", parts_become_one,
                     each_refusal_leaves_the_parts,
                     a_refusal_of_the_whole_is_the_end_of_its_parts,
                     a_lost_answer_is_given_again_by_its_key, trouble_leaves_the_parts);
}
