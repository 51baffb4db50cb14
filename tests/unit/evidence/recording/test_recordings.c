/* The recording choice against a whole context: what an opt-out reaches, whatever is done to
 * get past it, and what it must leave alone. */
#include "tests/unit/evidence/world.h"

static const int64_t MINUTE = 60 * MICROS_PER_SECOND;

static enum artefact_status status_of(struct world *w, const struct uuid *id)
{
    struct principal p = manager();
    struct artefact_view v;
    ok(artefact_get(w->ev, &p, id, &v));
    return v.record.status;
}

/* An assessment of which notice was given two hours ago. */
static struct uuid noticed(struct world *w, const struct uuid *claim)
{
    struct principal p = assessor();
    struct uuid id = world_assessment(w, claim);
    struct choice_result r;
    ok(world_choose(w, &p, &id, "notice", clock_now() - 120 * MINUTE, &r));
    return id;
}

static enum err record(struct world *w, const struct uuid *claim, const struct uuid *assessment,
                       struct upload_result *out)
{
    struct principal p = assessor();
    struct upload_request rq =
        audio_request(claim, assessment, clock_now() - 60 * MINUTE, clock_now() - 30 * MINUTE);
    return world_upload(w, &p, &rq, WAV, sizeof(WAV), out);
}

static enum err send(struct world *w, const struct principal *p, const struct uuid *claim,
                     const struct uuid *assessment, const char *kind, const void *data,
                     size_t len, struct uuid *id)
{
    struct upload_request rq = letter_request(claim);
    struct upload_result result;
    (void)snprintf(rq.kind, sizeof(rq.kind), "%s", kind);
    rq.has_assessment = true;
    rq.assessment = *assessment;
    TRY(world_upload(w, p, &rq, data, len, &result));
    *id = result.artefact.id;
    return ERR_OK;
}

/* Letters that name the assessment used to push the recording off the list of what is
 * restricted. */
START_TEST(an_opt_out_reaches_a_recording_behind_many_others)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), made = noticed(&w, &claim), id;
    struct upload_result recording;
    struct choice_result r;
    ok(record(&w, &claim, &made, &recording));
    for (int i = 0; i < RECORDINGS_MAX + 2; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "letter %d", i);
        ok(send(&w, &ada, &claim, &made, "further_evidence", text, strlen(text), &id));
    }
    ok(world_choose(&w, &ada, &made, "opt_out", clock_now(), &r));
    ck_assert_uint_eq(r.restricted, 1);
    ck_assert_int_eq(status_of(&w, &recording.artefact.id), ARTEFACT_RESTRICTED);
    ck_assert_int_eq(status_of(&w, &id), ARTEFACT_AVAILABLE);
    world_end(&w);
}
END_TEST

/* A report and a doctor's letter under the harm rule that name the assessment are no
 * recordings: the claimant's choice neither blocks nor counts them. */
START_TEST(an_opt_out_leaves_other_evidence_alone)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), doc = doctor(), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), made = noticed(&w, &claim), report, sr1;
    struct choice_result r;
    ok(send(&w, &asim, &claim, &made, "assessment_report", PDF, strlen(PDF), &report));
    ok(send(&w, &doc, &claim, &made, "medical_report", PDF, strlen(PDF), &sr1));
    ok(world_choose(&w, &ada, &made, "opt_out", clock_now(), &r));
    ck_assert_uint_eq(r.restricted, 0);
    ck_assert_int_eq(status_of(&w, &report), ARTEFACT_AVAILABLE);
    ck_assert_int_eq(status_of(&w, &sr1), ARTEFACT_AVAILABLE);
    world_end(&w);
}
END_TEST

START_TEST(sound_of_an_assessment_comes_in_as_a_recording)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), doc = doctor(), morgan = manager();
    struct uuid claim = world_claim(&w, "ada"), made = noticed(&w, &claim), id;
    refused(REFUSAL_INVALID_REQUEST,
            send(&w, &doc, &claim, &made, "further_evidence", WAV, sizeof(WAV), &id));
    refused(REFUSAL_INVALID_REQUEST,
            send(&w, &morgan, &claim, &made, "further_evidence", WAV, sizeof(WAV), &id));
    ok(send(&w, &ada, &claim, &made, "claimant_recording", WAV, sizeof(WAV), &id));
    /* stated at the head, it is refused before a byte is taken */
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    rq.has_assessment = true;
    rq.assessment = made;
    strcpy(rq.media_type, "audio/mpeg");
    refused(REFUSAL_INVALID_REQUEST, upload_begin(w.ev, &morgan, &rq, &u));
    world_end(&w);
}
END_TEST

START_TEST(an_assessment_has_so_many_recordings)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct uuid claim = world_claim(&w, "ada"), made = noticed(&w, &claim);
    struct uuid other = noticed(&w, &claim);
    for (int i = 0; i < RECORDINGS_MAX; i++)
        ok(record(&w, &claim, &made, NULL));
    refused(REFUSAL_QUOTA_EXCEEDED, record(&w, &claim, &made, NULL));
    ok(record(&w, &claim, &other, NULL));
    world_end(&w);
}
END_TEST

/* "One provider sent a claimant another person's recording": once it is moved, the assessment
 * no longer shows it to the claimant it strayed to. */
START_TEST(a_moved_recording_is_not_seen_by_whom_it_strayed_to)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), morgan = manager();
    struct uuid claim = world_claim(&w, "ada"), right = world_claim(&w, "bob");
    struct uuid made = noticed(&w, &claim);
    struct upload_result recording;
    struct artefact_view v;
    struct assessment_view a;
    ok(record(&w, &claim, &made, &recording));
    ok(assessment_get(w.ev, &ada, &made, &a));
    ck_assert_uint_eq(a.n_recordings, 1);
    assessment_view_clear(&a);
    ok(artefact_link(w.ev, &morgan, &recording.artefact.id, &right, "bob's", NULL, &v));
    ok(artefact_unlink(w.ev, &morgan, &recording.artefact.id, &claim, "not theirs"));
    ok(assessment_get(w.ev, &ada, &made, &a));
    ck_assert_uint_eq(a.n_recordings, 0);
    assessment_view_clear(&a);
    ok(assessment_get(w.ev, &morgan, &made, &a));
    ck_assert_uint_eq(a.n_recordings, 1);
    assessment_view_clear(&a);
    world_end(&w);
}
END_TEST

static enum err repeat(struct world *w, const struct principal *p, struct choice_event e,
                       struct choice_result *r)
{
    memset(r, 0, sizeof(*r));
    buf_init(&r->receipt, RECEIPT_MAX);
    enum err code = choice_record(w->ev, p, &e, NULL, r);
    struct err_info info;
    err_save(code, &info);
    buf_clear(&r->receipt);
    return code == ERR_OK ? ERR_OK : err_restore(&info);
}

/* The assessment shows a claimant what the assessor recorded: posting it again must not hand
 * out a receipt that names the assessor. */
START_TEST(an_event_is_repeated_by_whoever_recorded_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), made = world_assessment(&w, &claim);
    struct uuid other = world_assessment(&w, &claim);
    struct choice_event e = {.assessment = made,
                             .event_id = "e-1",
                             .event = "opt_out",
                             .channel = "phone",
                             .on_behalf_of = "ada",
                             .effective_at = clock_now()};
    struct choice_result r;
    ok(repeat(&w, &asim, e, &r));
    ck_assert(!r.repeated);
    ok(repeat(&w, &asim, e, &r));
    ck_assert(r.repeated);
    refused(REFUSAL_CONFLICT, repeat(&w, &ada, e, &r));
    struct choice_event changed[] = {e, e, e, e, e};
    strcpy(changed[0].channel, "web");
    strcpy(changed[1].on_behalf_of, "bob");
    strcpy(changed[2].notice_version, "2");
    strcpy(changed[3].event, "opt_in");
    changed[4].effective_at--;
    for (size_t i = 0; i < ARRAY_LEN(changed); i++)
        refused(REFUSAL_CONFLICT, repeat(&w, &asim, changed[i], &r));
    e.assessment = other; /* the id is another assessment's there */
    ok(repeat(&w, &ada, e, &r));
    ck_assert(!r.repeated);
    world_end(&w);
}
END_TEST

/* Whatever way the same bytes come again after an opt-out, nothing of them is available. */
START_TEST(a_repeat_after_an_opt_out_gives_nothing_back)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), made = noticed(&w, &claim);
    struct upload_request rq =
        audio_request(&claim, &made, clock_now() - 60 * MINUTE, clock_now() - 30 * MINUTE);
    struct upload_result first, again;
    struct choice_result r;
    strcpy(rq.idempotency_key, "key-1");
    ok(world_upload(&w, &asim, &rq, WAV, sizeof(WAV), &first));
    ok(world_choose(&w, &ada, &made, "opt_out", clock_now(), &r));
    ok(world_upload(&w, &asim, &rq, WAV, sizeof(WAV), &again));
    ck_assert(again.repeated && uuid_equal(&again.artefact.id, &first.artefact.id));
    ck_assert_int_eq(again.artefact.status, ARTEFACT_RESTRICTED);
    refused(REFUSAL_NOT_AVAILABLE,
            world_open_only(&w, &asim, &first.artefact.id, PURPOSE_ASSESSMENT));
    strcpy(rq.idempotency_key, "key-2");
    refused(REFUSAL_RECORDING_OPTED_OUT,
            world_upload(&w, &asim, &rq, WAV, sizeof(WAV), &again));
    ck_assert_uint_eq(world_blobs(&w), 1);
    world_end(&w);
}
END_TEST

/* An opt-out that comes while the bytes do: the commit asks again, and nothing is kept. */
START_TEST(an_opt_out_during_the_upload_wins)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), made = noticed(&w, &claim);
    struct upload_request rq =
        audio_request(&claim, &made, clock_now() - 60 * MINUTE, clock_now() - 30 * MINUTE);
    struct upload *u = NULL;
    struct upload_result result;
    struct choice_result r;
    ok(upload_begin(w.ev, &asim, &rq, &u));
    ok(upload_write(u, WAV, sizeof(WAV)));
    ok(world_choose(&w, &ada, &made, "opt_out", clock_now(), &r));
    refused(REFUSAL_RECORDING_OPTED_OUT, upload_finish(u, &result));
    upload_free(u);
    ck_assert_uint_eq(world_blobs(&w), 0);
    world_awaits(&w, "upload.refused", "\"sha256\"", 1); /* hash, size and time are kept */
    world_end(&w);
}
END_TEST

START_TEST(what_a_recording_states)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), other = world_claim(&w, "bob");
    struct uuid made = noticed(&w, &claim), theirs = noticed(&w, &other), none = uuid_new();
    int64_t from = clock_now() - 60 * MINUTE, to = clock_now() - 30 * MINUTE;
    const struct upload_request bad[] = {
        audio_request(&claim, &theirs, from, to), /* an assessment of another claim */
        audio_request(&claim, &none, from, to),
        audio_request(&claim, &made, 0, to),
        audio_request(&claim, &made, from, 0),
        audio_request(&claim, &made, from, from),
        audio_request(&claim, &made, to, from),
        audio_request(&claim, &made, from, clock_now() + 3600 * MICROS_PER_SECOND),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refused(REFUSAL_INVALID_REQUEST,
                world_upload(&w, &asim, &bad[i], WAV, sizeof(WAV), NULL));
    struct upload_request bare = audio_request(&claim, &made, from, to);
    bare.has_assessment = false;
    refused(REFUSAL_INVALID_REQUEST, world_upload(&w, &asim, &bare, WAV, sizeof(WAV), NULL));
    /* long before any notice: kept, not to be heard */
    struct upload_request old = audio_request(&claim, &made, 1000, 2000);
    struct upload_result result;
    ok(world_upload(&w, &asim, &old, WAV, sizeof(WAV), &result));
    ck_assert_int_eq(result.artefact.status, ARTEFACT_QUARANTINED);
    ck_assert_str_eq(result.artefact.status_reason, "recording-no-notice");
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/recording/recordings", an_opt_out_reaches_a_recording_behind_many_others,
        an_opt_out_leaves_other_evidence_alone, sound_of_an_assessment_comes_in_as_a_recording,
        an_assessment_has_so_many_recordings,
        a_moved_recording_is_not_seen_by_whom_it_strayed_to,
        an_event_is_repeated_by_whoever_recorded_it,
        a_repeat_after_an_opt_out_gives_nothing_back, an_opt_out_during_the_upload_wins,
        what_a_recording_states);
}
