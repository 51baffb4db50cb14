/* The state machine of uploads over several requests: each transition, each refusal. */
#include "tests/unit/evidence/resumable/world.h"

/* --- what works --------------------------------------------------------------------------- */

START_TEST(an_upload_in_pieces_becomes_evidence)
{
    static const uint64_t CUTS[] = {0, 1, 70000, 70000, 131072, 200001, 300000};
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 300000);
    strcpy(rq.upload.description, "about my \"knees\"\nand more");
    struct uuid id = session_begin(&w, &ada, &rq);
    for (size_t i = 1; i < ARRAY_LEN(CUTS); i++) {
        struct sent *s = session_send(&w, &ada, &id, CUTS[i - 1], CUTS[i], RESUMABLE_BY_LENGTH);
        ck_assert_msg(s->e == ERR_OK, "%zu: %s", i, err_message(s->e));
        ck_assert_uint_eq(s->view.record.offset, CUTS[i]);
        ck_assert_str_eq(s->view.metadata, rq.metadata);
        ck_assert_str_eq(s->view.kind, "further_evidence");
        if (i + 1 == ARRAY_LEN(CUTS))
            ck_became_evidence(&w, &ada, s, 300000);
        else
            ck_assert(uuid_is_nil(&s->result.artefact.id));
    }
    ck_assert_uint_eq(world_parts(&w), 0);
    ck_assert_uint_eq(world_blobs(&w), 1);
    ck_assert_uint_eq(world_entries(&w, "upload.started", NULL), 1);
    ck_assert_uint_eq(world_entries(&w, "upload.committed", "\"upload\""), 1);
    struct evidence_stats stats;
    evidence_stats(w.ev, &stats);
    ck_assert_uint_eq(stats.uploads_now, 0);
    world_end(&w);
}
END_TEST

/* --- offsets and lengths ------------------------------------------------------------------ */

static enum err open_at(struct world *w, const struct principal *p, const struct uuid *id,
                        uint64_t offset, int64_t length, struct resumable_view *view)
{
    struct resumable_writer *rw = NULL;
    struct resumable_piece piece = {.offset = offset, .length = length};
    enum err e = resumable_open(w->ev, p, id, &piece, view, &rw);
    struct err_info why;
    err_save(e, &why);
    resumable_free(rw);
    return e == ERR_OK ? ERR_OK : err_restore(&why);
}

START_TEST(offsets_and_lengths_have_to_fit)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_view view;
    struct sent *s = session_send(&w, &ada, &id, 0, 100000, RESUMABLE_BY_LENGTH);
    ck_assert_int_eq(s->e, ERR_OK);
    refused(REFUSAL_OFFSET_MISMATCH, open_at(&w, &ada, &id, 99999, -1, &view));
    ck_assert_uint_eq(view.record.offset, 100000);
    refused(REFUSAL_OFFSET_MISMATCH, open_at(&w, &ada, &id, 100001, -1, &view));
    refused(REFUSAL_OFFSET_MISMATCH, open_at(&w, &ada, &id, 0, 120000, &view));
    ck_assert_int_eq(view.record.length, -1); /* nothing was changed */
    refused(REFUSAL_INVALID_REQUEST, open_at(&w, &ada, &id, 100000, 99999, &view));
    ck_assert_int_eq(view.record.length, -1);
    refused(REFUSAL_FILE_TOO_LARGE, open_at(&w, &ada, &id, 100000, INT64_MAX, &view));
    ck_assert_int_eq(view.record.length, -1);
    ok(open_at(&w, &ada, &id, 100000, 120000, &view));
    ck_assert_int_eq(session_at(&w, &ada, &id).record.length, 120000); /* told once, it stays */
    refused(REFUSAL_INVALID_REQUEST, open_at(&w, &ada, &id, 100000, 120001, &view));
    ck_assert_int_eq(view.record.length, 120000);
    ok(open_at(&w, &ada, &id, 100000, 120000, &view));
    s = session_send(&w, &ada, &id, 100000, 120001, RESUMABLE_BY_LENGTH);
    ck_sent_refused(REFUSAL_INVALID_REQUEST, s); /* too many, what fits is kept */
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 120000);
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 120000, 120000, RESUMABLE_BY_LENGTH), 120000);
    world_end(&w);
}
END_TEST

START_TEST(how_the_bytes_of_a_request_end)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 1000),
                             open = session_request(&claim, -1);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct sent *s = session_send(&w, &ada, &id, 0, 600, RESUMABLE_LAST);
    ck_sent_refused(REFUSAL_INVALID_REQUEST, s); /* fewer than announced: kept */
    ck_assert_uint_eq(s->view.record.offset, 600);
    s = session_send(&w, &ada, &id, 600, 1000, RESUMABLE_MORE);
    ck_assert_int_eq(s->e, ERR_OK); /* the length alone completes nothing */
    ck_assert_int_eq(s->view.record.state, UPLOAD_OPEN);
    ck_assert_uint_eq(s->view.record.offset, 1000);
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &id, 1000, 1000, RESUMABLE_LAST), 1000);
    id = session_begin(&w, &ada, &open);
    ck_assert_int_eq(session_send(&w, &ada, &id, 0, 65536, RESUMABLE_MORE)->e, ERR_OK);
    ck_assert_int_eq(session_send(&w, &ada, &id, 65536, 131072, RESUMABLE_BY_LENGTH)->e,
                     ERR_OK);
    ck_assert_int_eq(session_at(&w, &ada, &id).record.state, UPLOAD_OPEN);
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &id, 131072, 131073, RESUMABLE_LAST),
                       131073);
    id = session_begin(&w, &ada, &open); /* all at once */
    ck_became_evidence(&w, &ada, session_send(&w, &ada, &id, 0, 262144, RESUMABLE_LAST),
                       262144);
    world_end(&w);
}
END_TEST

START_TEST(what_came_before_the_connection_broke_is_kept)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 900000);
    struct uuid id = session_begin(&w, &ada, &rq);
    static const uint64_t BREAKS[] = {0, 17, 65536, 65537, 327680, 899999};
    for (size_t i = 1; i < ARRAY_LEN(BREAKS); i++) {
        session_break(&w, &ada, &id, BREAKS[i - 1], BREAKS[i]);
        ck_assert_uint_eq(session_offset(&w, &ada, &id), BREAKS[i]);
        ck_assert_uint_eq(session_offset(&w, &ada, &id), BREAKS[i]);
    }
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 899999, 900000, RESUMABLE_BY_LENGTH), 900000);
    world_end(&w);
}
END_TEST

/* --- who ---------------------------------------------------------------------------------- */

START_TEST(nobody_else_has_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob"), boss = manager();
    struct uuid claim = world_claim(&w, "ada"), none = uuid_new();
    struct resumable_request rq = session_request(&claim, 10), part = part_request(4);
    struct uuid id = session_begin(&w, &ada, &rq), piece = session_begin(&w, &ada, &part);
    const struct principal *const strangers[] = {&bob, &boss};
    struct resumable_view view;
    struct upload_result result;
    for (size_t i = 0; i < 2; i++) {
        const struct principal *p = strangers[i];
        refused(REFUSAL_NOT_FOUND, resumable_find(w.ev, p, &id, &view));
        ck_assert(uuid_is_nil(&view.record.id));
        refused(REFUSAL_NOT_FOUND, resumable_result(w.ev, p, &id, &result));
        refused(REFUSAL_NOT_FOUND, open_at(&w, p, &id, 0, -1, &view));
        refused(REFUSAL_NOT_FOUND, resumable_terminate(w.ev, p, &id));
    }
    refused(REFUSAL_NOT_FOUND, resumable_find(w.ev, &ada, &none, &view));
    ck_assert_int_eq(session_send(&w, &ada, &piece, 0, 4, RESUMABLE_BY_LENGTH)->e, ERR_OK);
    struct uuid hers = world_claim(&w, "bob");
    struct resumable_request final = session_request(&hers, -1);
    refused(REFUSAL_NOT_FOUND,
            resumable_concatenate(w.ev, &bob, &final, "final;x", &piece, 1, &view, &result));
    world_end(&w);
}
END_TEST

static void small_world(struct world *w)
{
    w->config.open_uploads_per_person = 2;
    w->kinds.rows[0].max_bytes = 1000;
    for (size_t i = 1; i < w->kinds.n; i++)
        w->kinds.rows[i].max_bytes = 500;
}

START_TEST(what_creation_asks)
{
    struct world w = {.tiny = NULL};
    world_make(&w, small_world);
    struct principal ada = claimant("ada"), bob = claimant("bob");
    struct principal audrey = someone("audrey", 1u << ROLE_AUDITOR);
    struct uuid claim = world_claim(&w, "ada"), assessment = world_assessment(&w, &claim);
    struct resumable_request rq = session_request(&claim, 1001), part = part_request(1001);
    struct resumable_view view;
    refused(REFUSAL_FILE_TOO_LARGE, resumable_create(w.ev, &ada, &rq, &view));
    refused(REFUSAL_FILE_TOO_LARGE, resumable_create(w.ev, &ada, &part, &view));
    rq.upload.length = part.upload.length = 1000;
    refused(REFUSAL_CLAIM_NOT_FOUND, resumable_create(w.ev, &bob, &rq, &view));
    refused(REFUSAL_NOT_PERMITTED, resumable_create(w.ev, &audrey, &rq, &view));
    refused(REFUSAL_NOT_PERMITTED, resumable_create(w.ev, &audrey, &part, &view));
    part.upload.claim = claim;
    refused(REFUSAL_CLAIM_NOT_FOUND, resumable_create(w.ev, &bob, &part, &view));
    strcpy(rq.upload.kind, "medical_report");
    refused(REFUSAL_NOT_PERMITTED, resumable_create(w.ev, &ada, &rq, &view));
    strcpy(rq.upload.kind, "");
    refused(REFUSAL_INVALID_REQUEST, resumable_create(w.ev, &ada, &rq, &view));
    rq = session_request(&claim, 1000);
    strcpy(rq.upload.media_type, "application/x-made-up");
    refused(REFUSAL_TYPE_NOT_ALLOWED, resumable_create(w.ev, &ada, &rq, &view));
    strcpy(rq.upload.media_type, "");
    strcpy(rq.upload.description, "\x01");
    refused(REFUSAL_INVALID_REQUEST, resumable_create(w.ev, &ada, &rq, &view));
    struct choice_result choice;
    struct principal asim = assessor();
    int64_t now = clock_now();
    ok(world_choose(&w, &ada, &assessment, "opt_out", now, &choice));
    rq.upload = audio_request(&claim, &assessment, now + 1, now + 2);
    refused(REFUSAL_RECORDING_OPTED_OUT, resumable_create(w.ev, &asim, &rq, &view));
    ck_assert_uint_eq(world_entries(&w, "upload.started", NULL), 0);
    rq = session_request(&claim, 0); /* whether it is empty is seen at its end */
    struct uuid id = session_begin(&w, &ada, &rq);
    (void)session_begin(&w, &ada, &part);
    refused(REFUSAL_QUOTA_EXCEEDED, resumable_create(w.ev, &ada, &part, &view));
    ok(resumable_terminate(w.ev, &ada, &id));
    (void)session_begin(&w, &ada, &part);
    world_end(&w);
}
END_TEST

static void no_room(struct world *w)
{
    w->config.reserve_bytes = UINT64_MAX / 4;
}

START_TEST(without_room_nothing_begins)
{
    struct world w = {.tiny = NULL};
    world_make(&w, no_room);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 10);
    struct resumable_view view;
    refused(REFUSAL_STORAGE_FULL, resumable_create(w.ev, &ada, &rq, &view));
    world_end(&w);
}
END_TEST

START_TEST(a_key_gives_the_upload_that_it_made)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 10);
    struct upload_request plain = letter_request(&claim);
    struct resumable_view view;
    strcpy(rq.upload.idempotency_key, "k");
    strcpy(plain.idempotency_key, "k");
    struct uuid id = session_begin(&w, &ada, &rq);
    (void)session_send(&w, &ada, &id, 0, 5, RESUMABLE_BY_LENGTH);
    ok(resumable_create(w.ev, &ada, &rq, &view));
    ck_assert(uuid_equal(&view.record.id, &id));
    ck_assert_uint_eq(view.record.offset, 5);
    rq.upload.length = 11;
    refused(REFUSAL_KEY_REUSED, resumable_create(w.ev, &ada, &rq, &view));
    rq.upload.length = 10;
    refused(REFUSAL_KEY_REUSED, world_upload(&w, &ada, &plain, "hello", 5, NULL));
    ck_assert_int_eq(session_send(&w, &ada, &id, 5, 10, RESUMABLE_BY_LENGTH)->e, ERR_OK);
    ok(resumable_create(w.ev, &ada, &rq, &view));
    ck_assert_int_eq(view.record.state, UPLOAD_FINISHED);
    ck_assert_uint_eq(world_entries(&w, "upload.started", NULL), 1);
    strcpy(rq.upload.idempotency_key, "other");
    id = session_begin(&w, &ada, &rq);
    ok(resumable_terminate(w.ev, &ada, &id));
    refused(REFUSAL_UPLOAD_GONE, resumable_create(w.ev, &ada, &rq, &view));
    strcpy(plain.idempotency_key, "third"); /* and a file's key makes no upload */
    ok(world_upload(&w, &ada, &plain, "hello", 5, NULL));
    strcpy(rq.upload.idempotency_key, "third");
    refused(REFUSAL_KEY_REUSED, resumable_create(w.ev, &ada, &rq, &view));
    world_end(&w);
}
END_TEST

/* --- how it ends -------------------------------------------------------------------------- */

START_TEST(closing_twice_gives_the_same_receipt)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 70000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct upload_result result;
    struct resumable_view view;
    ck_assert_int_eq(resumable_result(w.ev, &ada, &id, &result), ERR_NOT_FOUND);
    struct sent *s = session_send(&w, &ada, &id, 0, 70000, RESUMABLE_BY_LENGTH);
    ck_became_evidence(&w, &ada, s, 70000);
    struct sent first = *s;
    s = session_send(&w, &ada, &id, 70000, 70000, RESUMABLE_BY_LENGTH);
    ck_became_evidence(&w, &ada, s, 70000);
    ck_assert(s->result.repeated && !first.result.repeated);
    ck_assert(uuid_equal(&s->result.artefact.id, &first.result.artefact.id));
    ck_assert_uint_eq(s->result.artefact.ledger_index, first.result.artefact.ledger_index);
    ok(resumable_result(w.ev, &ada, &id, &result));
    ck_assert_str_eq(buf_text(&result.receipt), s->receipt);
    buf_clear(&result.receipt);
    refused(REFUSAL_OFFSET_MISMATCH, open_at(&w, &ada, &id, 0, -1, &view));
    ck_sent_refused(REFUSAL_INVALID_REQUEST,
                    session_send(&w, &ada, &id, 70000, 70001, RESUMABLE_BY_LENGTH));
    refused(REFUSAL_CONFLICT, resumable_terminate(w.ev, &ada, &id));
    ck_assert_int_eq(session_at(&w, &ada, &id).record.state, UPLOAD_FINISHED);
    ck_assert_uint_eq(world_blobs(&w), 1);
    world_end(&w);
}
END_TEST

START_TEST(the_same_file_again_is_the_one_that_is_there)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 70000);
    struct uuid first = session_begin(&w, &ada, &rq), second = session_begin(&w, &ada, &rq);
    struct sent *s = session_send(&w, &ada, &first, 0, 70000, RESUMABLE_BY_LENGTH);
    struct uuid artefact = s->result.artefact.id;
    uint64_t entry = s->result.artefact.ledger_index;
    ck_became_evidence(&w, &ada, s, 70000);
    s = session_send(&w, &ada, &second, 0, 70000, RESUMABLE_BY_LENGTH);
    ck_became_evidence(&w, &ada, s, 70000);
    ck_assert(s->result.duplicate && uuid_equal(&s->result.artefact.id, &artefact));
    uint64_t its_own = s->result.artefact.ledger_index;
    ck_assert_uint_ne(its_own, entry);
    s = session_send(&w, &ada, &second, 70000, 70000, RESUMABLE_BY_LENGTH);
    ck_became_evidence(&w, &ada, s, 70000);
    ck_assert(s->result.duplicate && s->result.repeated);
    ck_assert_uint_eq(s->result.artefact.ledger_index, its_own);
    ck_assert_uint_eq(world_blobs(&w), 1);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

/* It was refused as this, it is FAILED, it is gone, and nothing is left of its bytes. */
static void ck_failed(struct world *w, const struct principal *p, const struct uuid *id,
                      enum refusal why, const struct sent *s)
{
    struct resumable_view view;
    struct upload_result result;
    struct upload_record r;
    struct db *db = NULL;
    ck_sent_refused(why, s);
    ok(db_read_begin(w->db, &db));
    ok(upload_record_find(db, id, &r));
    db_read_end(db);
    ck_assert_str_eq(upload_state_name(r.state), "failed");
    ck_assert_str_eq(r.reason, refusal_name(why));
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w->ev, p, id, &view));
    refused(REFUSAL_UPLOAD_GONE, resumable_result(w->ev, p, id, &result));
    refused(REFUSAL_UPLOAD_GONE, open_at(w, p, id, 0, -1, &view));
    refused(REFUSAL_UPLOAD_GONE, resumable_terminate(w->ev, p, id));
    ck_assert_uint_eq(world_parts(w), 0);
}

START_TEST(a_refusal_of_the_whole_ends_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 70000);
    strcpy(rq.upload.media_type, "application/pdf"); /* the bytes are text: seen in mid-way */
    struct uuid id = session_begin(&w, &ada, &rq);
    struct sent *s = session_send(&w, &ada, &id, 0, 60000, RESUMABLE_BY_LENGTH);
    ck_failed(&w, &ada, &id, REFUSAL_TYPE_NOT_ALLOWED, s);
    rq.upload.length = 100; /* and at the end */
    id = session_begin(&w, &ada, &rq);
    ck_failed(&w, &ada, &id, REFUSAL_TYPE_NOT_ALLOWED,
              session_send(&w, &ada, &id, 0, 100, RESUMABLE_BY_LENGTH));
    rq = session_request(&claim, 70000);
    rq.upload.has_digest = true; /* of something else */
    id = session_begin(&w, &ada, &rq);
    ck_assert_int_eq(session_send(&w, &ada, &id, 0, 69999, RESUMABLE_BY_LENGTH)->e, ERR_OK);
    ck_failed(&w, &ada, &id, REFUSAL_DIGEST_MISMATCH,
              session_send(&w, &ada, &id, 69999, 70000, RESUMABLE_BY_LENGTH));
    rq = session_request(&claim, 0);
    id = session_begin(&w, &ada, &rq);
    ck_failed(&w, &ada, &id, REFUSAL_FILE_EMPTY,
              session_send(&w, &ada, &id, 0, 0, RESUMABLE_BY_LENGTH));
    world_awaits(&w, "upload.refused", "\"upload\"", 4);
    ck_assert_uint_eq(world_blobs(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(a_digest_behind_the_bytes_has_to_hold)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 1000);
    struct resumable_piece piece = {.offset = 0, .length = -1};
    uint8_t digest[32];
    text_digest(1000, digest);
    for (int right = 0; right < 2; right++) {
        struct uuid id = session_begin(&w, &ada, &rq);
        struct resumable_writer *rw = NULL;
        struct sent s = {.e = ERR_OK};
        digest[0] ^= (uint8_t)!right;
        ok(resumable_open(w.ev, &ada, &id, &piece, &s.view, &rw));
        ok(text_write(rw, 0, 1000));
        resumable_expect_digest(rw, digest);
        sent_end(&s, resumable_close(rw, RESUMABLE_BY_LENGTH, &s.view, &s.result));
        resumable_free(rw);
        digest[0] ^= (uint8_t)!right;
        if (right)
            ck_became_evidence(&w, &ada, &s, 1000);
        else
            ck_failed(&w, &ada, &id, REFUSAL_DIGEST_MISMATCH, &s);
    }
    world_end(&w);
}
END_TEST

START_TEST(authority_and_choice_are_asked_again)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct party_record soon = party("rita", "representative", "appointee");
    struct principal ada = claimant("ada"), asim = assessor();
    struct principal rita = someone("rita", 1u << ROLE_REPRESENTATIVE);
    soon.until = clock_now() + 700 * 1000;
    struct uuid claim = world_claim_with(&w, "ada", &soon, 1);
    struct uuid assessment = world_assessment(&w, &claim);
    struct resumable_request rq = session_request(&claim, 10), audio = rq;
    struct uuid open = session_begin(&w, &rita, &rq), id = session_begin(&w, &rita, &rq);
    struct resumable_writer *rw = NULL;
    struct resumable_piece piece = {.offset = 0, .length = -1};
    struct sent s = {.e = ERR_OK};
    struct resumable_view view;
    ok(resumable_open(w.ev, &rita, &id, &piece, &view, &rw));
    ok(text_write(rw, 0, 10));
    (void)usleep(800 * 1000);
    sent_end(&s, resumable_close(rw, RESUMABLE_BY_LENGTH, &s.view, &s.result));
    resumable_free(rw);
    ck_failed(&w, &rita, &id, REFUSAL_CLAIM_NOT_FOUND, &s);
    refused(REFUSAL_CLAIM_NOT_FOUND, open_at(&w, &rita, &open, 0, -1, &view));
    ck_assert_int_eq(session_at(&w, &rita, &open).record.state, UPLOAD_OPEN);

    struct choice_result choice;
    int64_t now = clock_now();
    ok(world_choose(&w, &ada, &assessment, "notice", now - 10, &choice));
    audio.upload = audio_request(&claim, &assessment, now - 9, now - 8);
    audio.upload.length = sizeof(WAV) - 1;
    id = session_begin(&w, &asim, &audio);
    rw = NULL;
    ok(resumable_open(w.ev, &asim, &id, &piece, &view, &rw));
    ok(resumable_write(rw, WAV, sizeof(WAV) - 1));
    ok(world_choose(&w, &ada, &assessment, "opt_out", clock_now(), &choice));
    sent_end(&s, resumable_close(rw, RESUMABLE_BY_LENGTH, &s.view, &s.result));
    resumable_free(rw);
    ck_failed(&w, &asim, &id, REFUSAL_RECORDING_OPTED_OUT, &s);
    world_end(&w);
}
END_TEST

START_TEST(given_up_by_its_owner)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 200000), part = part_request(100000);
    struct uuid id = session_begin(&w, &ada, &rq), whole = session_begin(&w, &ada, &part);
    struct resumable_writer *rw = NULL;
    struct resumable_view view;
    struct resumable_piece piece = {.offset = 0, .length = -1};
    ck_assert_int_eq(session_send(&w, &ada, &whole, 0, 100000, RESUMABLE_BY_LENGTH)->e, ERR_OK);
    ok(resumable_open(w.ev, &ada, &id, &piece, &view, &rw));
    ok(text_write(rw, 0, 150000));
    ok(resumable_terminate(w.ev, &ada, &id)); /* under the writer's hands */
    refused(REFUSAL_UPLOAD_LOCKED, text_write(rw, 150000, 160000));
    resumable_free(rw);
    ok(resumable_terminate(w.ev, &ada, &whole));
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view));
    refused(REFUSAL_UPLOAD_GONE, resumable_terminate(w.ev, &ada, &id));
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &whole, &view));
    ck_assert_uint_eq(world_parts(&w), 0);
    ck_assert_uint_eq(world_entries(&w, "upload.terminated", "\"actor\""), 1);
    world_end(&w);
}
END_TEST

/* --- trouble of ours ---------------------------------------------------------------------- */

START_TEST(trouble_leaves_it_open_with_every_byte)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 200000), other = rq;
    struct uuid id = session_begin(&w, &ada, &rq), next = session_begin(&w, &ada, &other);
    struct resumable_view view;
    w.mute = true;
    struct sent *s = session_send(&w, &ada, &id, 0, 200000, RESUMABLE_BY_LENGTH);
    ck_assert_int_eq(s->e, ERR_UNAVAILABLE); /* it stands, but no receipt could be signed */
    ck_assert_int_eq(s->view.record.state, UPLOAD_FINISHED);
    s = session_send(&w, &ada, &id, 200000, 200000, RESUMABLE_BY_LENGTH);
    ck_assert_int_eq(s->e, ERR_UNAVAILABLE);
    s = session_send(&w, &ada, &next, 0, 200000, RESUMABLE_BY_LENGTH);
    ck_assert_int_eq(s->e, ERR_UNAVAILABLE); /* from now on nothing is committed */
    ck_assert_uint_eq(session_offset(&w, &ada, &next), 200000);
    s = session_send(&w, &ada, &next, 200000, 200000, RESUMABLE_BY_LENGTH);
    ck_assert_int_eq(s->e, ERR_UNAVAILABLE);
    ck_assert_int_eq(s->view.record.state, UPLOAD_OPEN);
    ck_assert_uint_eq(session_offset(&w, &ada, &next), 200000);
    refused(REFUSAL_INVALID_REQUEST, open_at(&w, &ada, &next, 200000, 200001, &view));
    w.mute = false;
    (void)world_claim(&w, "somebody"); /* the next commit sees to the signature */
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 200000, 200000, RESUMABLE_BY_LENGTH), 200000);
    s = session_send(&w, &ada, &next, 200000, 200000, RESUMABLE_BY_LENGTH);
    ck_became_evidence(&w, &ada, s, 200000);
    ck_assert(s->result.duplicate); /* of the first one, which did come in */
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(a_full_disk_costs_no_byte_that_was_told)
{
    struct world w = {.tiny = "size=6m"};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_view view;
    uint64_t told = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK) {
        struct sent *s = session_send(&w, &ada, &id, told, told + 700000, RESUMABLE_BY_LENGTH);
        e = s->e;
        told = e == ERR_OK ? s->view.record.offset : told;
        ck_assert_uint_lt(told, 6000000);
    }
    ck_assert_int_eq(e, ERR_NO_SPACE);
    ck_assert_uint_gt(told, 700000);
    e = resumable_find(w.ev, &ada, &id, &view); /* no room to seal it anew either */
    ck_assert(e == ERR_NO_SPACE || (e == ERR_REFUSED && err_detail(e) == REFUSAL_STORAGE_FULL));
    ck_assert_uint_eq(world_parts(&w), 1);
    ck_assert_int_eq(mount("tiny", w.dir.root, "tmpfs", MS_REMOUNT, "size=64m"), 0);
    uint64_t found = session_offset(&w, &ada, &id);
    ck_assert_uint_ge(found, told);
    struct sent *s = session_send(&w, &ada, &id, found, 12000000, RESUMABLE_LAST);
    ck_assert_msg(s->e == ERR_OK, "%s", err_message(s->e));
    uint8_t digest[32];
    text_digest(12000000, digest);
    ck_assert_mem_eq(s->result.artefact.sha256, digest, 32);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

/* --- time --------------------------------------------------------------------------------- */

static void short_lived(struct world *w)
{
    w->config.upload_expiry_s = 1;
    w->config.upload_memory_s = 1;
}

START_TEST(nobody_came_back)
{
    struct world w = {.tiny = NULL};
    world_make(&w, short_lived);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 200000), part = part_request(100000);
    struct uuid id = session_begin(&w, &ada, &rq), whole = session_begin(&w, &ada, &part);
    struct uuid busy = session_begin(&w, &ada, &rq);
    struct resumable_writer *rw = NULL;
    struct resumable_view view;
    struct resumable_piece piece = {.offset = 0, .length = -1};
    session_break(&w, &ada, &id, 0, 150000);
    ck_assert_int_eq(session_send(&w, &ada, &whole, 0, 100000, RESUMABLE_BY_LENGTH)->e, ERR_OK);
    ok(resumable_open(w.ev, &ada, &busy, &piece, &view, &rw));
    ok(text_write(rw, 0, 70000));
    (void)usleep(1100 * 1000);
    refused(REFUSAL_UPLOAD_GONE,
            resumable_find(w.ev, &ada, &id, &view)); /* by the clock alone */
    resumable_tick(w.ev);
    ck_assert_uint_eq(
        world_entries(&w, "upload.expired", "\"owner\":\"https://login.test#ada\""), 1);
    ck_assert_uint_eq(world_entries(&w, "upload.expired", "\"actor\""), 0);
    ck_assert_uint_eq(world_parts(&w), 1);
    ok(text_write(rw, 70000, 80000)); /* somebody is at this one */
    resumable_free(rw);
    ck_assert_uint_eq(session_offset(&w, &ada, &busy), 80000);
    refused(REFUSAL_UPLOAD_GONE, resumable_terminate(w.ev, &ada, &whole));
    (void)usleep(1100 * 1000);
    w.ev->parts_swept_ms = 0; /* time for a sweep */
    resumable_tick(w.ev);
    refused(REFUSAL_NOT_FOUND, resumable_find(w.ev, &ada, &id, &view)); /* forgotten */
    world_end(&w);
}
END_TEST

/* All but one were last written two hours ago. */
static void age_parts(struct world *w, const struct uuid *young)
{
    char folder[PATH_MAX + 16], spared[UUID_TEXT_SIZE];
    struct timespec old = {.tv_sec = (time_t)(clock_now() / MICROS_PER_SECOND) - 7200};
    struct timespec times[2] = {old, old};
    (void)snprintf(folder, sizeof(folder), "%s/parts", w->blob_dir);
    uuid_format(young, spared);
    DIR *d = opendir(folder);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] != '.' && strncmp(e->d_name, spared, strlen(spared)) != 0)
            ck_assert_int_eq(utimensat(dirfd(d), e->d_name, times, 0), 0);
    }
    (void)closedir(d);
}

START_TEST(parts_that_no_record_knows_are_removed)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), strays[2] = {uuid_new(), uuid_new()};
    struct resumable_request rq = session_request(&claim, 200000);
    struct uuid id = session_begin(&w, &ada, &rq);
    session_break(&w, &ada, &id, 0, 150000);
    for (size_t i = 0; i < 2; i++) {
        struct blob_writer *stray = NULL;
        ok(blob_part_begin(w.blobs, &strays[i], &stray));
        ok(blob_append(stray, "x", 1));
        ok(blob_flush(stray));
        blob_writer_free(stray);
    }
    age_parts(&w, &strays[1]);
    ck_assert_uint_eq(world_parts(&w), 3);
    resumable_tick(w.ev);
    ck_assert_uint_eq(world_parts(&w), 2); /* the known one and the young one */
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 150000);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/resumable/resumable", an_upload_in_pieces_becomes_evidence,
        offsets_and_lengths_have_to_fit, how_the_bytes_of_a_request_end,
        what_came_before_the_connection_broke_is_kept, nobody_else_has_it, what_creation_asks,
        without_room_nothing_begins, a_key_gives_the_upload_that_it_made,
        closing_twice_gives_the_same_receipt, the_same_file_again_is_the_one_that_is_there,
        a_refusal_of_the_whole_ends_it, a_digest_behind_the_bytes_has_to_hold,
        authority_and_choice_are_asked_again, given_up_by_its_owner,
        trouble_leaves_it_open_with_every_byte, a_full_disk_costs_no_byte_that_was_told,
        nobody_came_back, parts_that_no_record_knows_are_removed);
}
