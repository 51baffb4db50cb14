/* What follows from an opt-out beside the status: reads stop at once, retrievers are listed and
 * asked to delete, an incident is raised and reviewed; receipts, deaths, and for whom somebody
 * acted. */
#include "gateway/evidence/recording/copies.h"

#include "gateway/evidence/recording/incident.h"
#include "tests/unit/evidence/world.h"

enum { HOUR = 3600 };

struct scene {
    struct world w;
    struct uuid claim, assessment, recording;
    int64_t from, to;
};

static struct principal owner(void)
{
    return someone("rosa", 1u << ROLE_RECORDS_OWNER);
}

/* ada's claim with the appointee rupa, and a recording that is available. */
static void scene_make(struct scene *s, bool noticed)
{
    struct principal asim = assessor();
    struct choice_result told;
    struct upload_result result;
    const struct party_record rupa = party("rupa", "representative", "appointee");
    static uint8_t sound[300 * 1024];
    memset(s, 0, sizeof(*s));
    world_make(&s->w, NULL);
    s->claim = world_claim_with(&s->w, "ada", &rupa, 1);
    s->assessment = world_assessment(&s->w, &s->claim);
    s->to = clock_now() - 2 * HOUR * MICROS_PER_SECOND;
    s->from = s->to - HOUR * MICROS_PER_SECOND;
    if (noticed)
        ok(world_choose(&s->w, &asim, &s->assessment, "notice", s->from - 1, &told));
    struct upload_request rq = audio_request(&s->claim, &s->assessment, s->from, s->to);
    memset(sound, 7, sizeof(sound));
    memcpy(sound, WAV, sizeof(WAV) - 1);
    ok(world_upload(&s->w, &asim, &rq, sound, sizeof(sound), &result));
    s->recording = result.artefact.id;
    ck_assert_int_eq(result.artefact.status,
                     noticed ? ARTEFACT_AVAILABLE : ARTEFACT_QUARANTINED);
}

static void opt_out(struct scene *s, const struct principal *p, int64_t effective_at)
{
    struct choice_result told;
    ok(world_choose(&s->w, p, &s->assessment, "opt_out", effective_at, &told));
}

static void retrievals(struct scene *s, const struct principal *p, struct retrievals_view *out)
{
    struct uuid start = {{0}};
    ok(retrievals_get(s->w.ev, p, &s->recording, &start, RETRIEVALS_PAGE_MAX, out));
}

START_TEST(a_read_that_begins_after_the_opt_out_gets_nothing)
{
    struct scene s;
    scene_make(&s, true);
    struct principal asim = assessor(), ada = claimant("ada");
    AUTO(retrieve_free) struct retrieval *r = NULL;
    static uint8_t piece[AGE_CHUNK_SIZE];
    size_t len = 0;
    ok(world_retrieve(&s.w, &asim, &s.recording, PURPOSE_ASSESSMENT, &r));
    ok(retrieve_read(r, 0, piece, sizeof(piece), &len));
    ck_assert_uint_eq(len, sizeof(piece));
    opt_out(&s, &ada, clock_now());
    refused(REFUSAL_NOT_AVAILABLE, retrieve_read(r, sizeof(piece), piece, sizeof(piece), &len));
    ck_assert_uint_eq(len, 0);
    retrieve_free(TAKE(r));
    world_end(&s.w);
}
END_TEST

START_TEST(retrievers_are_listed_asked_and_confirm)
{
    struct scene s;
    static struct retrievals_view view;
    struct retrieval_record told;
    scene_make(&s, true);
    struct principal asim = assessor(), ada = claimant("ada"), morgan = manager(),
                     rosa = owner(), ines = someone("ines", 1u << ROLE_ASSESSOR);
    ok(world_open_only(&s.w, &asim, &s.recording, PURPOSE_ASSESSMENT));
    ok(world_open_only(&s.w, &morgan, &s.recording, PURPOSE_DECISION));
    ok(world_open_only(&s.w, &ada, &s.recording, PURPOSE_NONE));
    retrievals(&s, &rosa, &view);
    ck_assert_uint_eq(view.n, 3);
    for (size_t i = 0; i < view.n; i++)
        ck_assert_int_eq(view.rows[i].deletion_requested_at, 0);
    refused(REFUSAL_CONFLICT,
            copy_deleted(s.w.ev, &asim, &s.recording, &view.rows[2].session.id, NULL, &told));

    opt_out(&s, &ada, clock_now());
    ck_assert_uint_eq(world_entries(&s.w, "copy.deletion_requested", "\"count\":2"), 1);
    retrievals(&s, &morgan, &view);
    ck_assert_uint_eq(view.n, 3); /* the newest first: ada's own is hers to keep */
    ck_assert_int_eq(view.rows[0].deletion_requested_at, 0);
    ck_assert_int_gt(view.rows[1].deletion_requested_at, 0);
    ck_assert_int_gt(view.rows[2].deletion_requested_at, 0);
    struct uuid asims = view.rows[2].session.id, morgans = view.rows[1].session.id;

    refused(REFUSAL_NOT_FOUND,
            copy_deleted(s.w.ev, &asim, &s.recording, &morgans, NULL, &told));
    refused(REFUSAL_NOT_FOUND, copy_deleted(s.w.ev, &ines, &s.recording, &asims, NULL, &told));
    refused(REFUSAL_NOT_PERMITTED,
            copy_deleted(s.w.ev, &ada, &s.recording, &view.rows[0].session.id, NULL, &told));
    ok(copy_deleted(s.w.ev, &asim, &s.recording, &asims, NULL, &told));
    int64_t first = told.deletion_confirmed_at;
    ck_assert_int_gt(first, 0);
    ok(copy_deleted(s.w.ev, &asim, &s.recording, &asims, NULL, &told));
    ck_assert_int_eq(told.deletion_confirmed_at, first);
    ck_assert_uint_eq(world_entries(&s.w, "copy.deletion_confirmed", NULL), 1);

    retrievals(&s, &asim, &view); /* an assessor sees their own */
    ck_assert_uint_eq(view.n, 1);
    ck_assert_int_eq(view.rows[0].deletion_confirmed_at, first);
    struct uuid start = {{0}};
    refused(REFUSAL_NOT_FOUND, retrievals_get(s.w.ev, &ines, &s.recording, &start, 1, &view));
    refused(REFUSAL_NOT_PERMITTED,
            retrievals_get(s.w.ev, &ada, &s.recording, &start, 1, &view));
    world_end(&s.w);
}
END_TEST

static size_t incidents(struct scene *s, bool open_only, struct incident_record *first)
{
    struct principal rosa = owner();
    struct incident_record page[4];
    struct uuid start = {{0}};
    size_t n = 0;
    ok(incident_get_all(s->w.ev, &rosa, open_only, &start, page, ARRAY_LEN(page), &n));
    if (n > 0)
        *first = page[0];
    return n;
}

START_TEST(an_opt_out_from_before_that_comes_late_is_an_incident)
{
    struct scene s;
    struct incident_record r;
    scene_make(&s, true);
    struct principal ada = claimant("ada"), asim = assessor(), morgan = manager(),
                     rosa = owner();
    opt_out(&s, &ada, s.to + 1); /* after its end: restricted, and nothing to look into */
    ck_assert_uint_eq(incidents(&s, true, &r), 0);
    opt_out(&s, &asim, s.from - 1);
    opt_out(&s, &ada, s.to - 1);
    ck_assert_uint_eq(incidents(&s, true, &r), 1); /* one, however often it is said */
    ck_assert_str_eq(r.kind, INCIDENT_AGAINST_OPT_OUT);
    ck_assert(uuid_equal(&r.artefact, &s.recording));
    ck_assert_uint_eq(world_entries(&s.w, "incident.raised", r.event_id), 1);

    AUTO_CLEAR(assessment_view_clear) struct assessment_view view = {.n_events = 0};
    ok(assessment_get(s.w.ev, &ada, &s.assessment, &view));
    ck_assert_uint_eq(view.n_incidents, 1); /* the claimant is told */

    struct incident_record done;
    refused(REFUSAL_NOT_PERMITTED, incident_close(s.w.ev, &morgan, &r.id, "fine", NULL, &done));
    ok(incident_close(s.w.ev, &rosa, &r.id, "the provider was told", NULL, &done));
    ck_assert_int_gt(done.reviewed_at, 0);
    refused(REFUSAL_CONFLICT, incident_close(s.w.ev, &rosa, &r.id, "again", NULL, &done));
    struct uuid missing = uuid_new();
    refused(REFUSAL_NOT_FOUND, incident_close(s.w.ev, &rosa, &missing, "x", NULL, &done));
    ck_assert_uint_eq(incidents(&s, true, &r), 0);
    ck_assert_uint_eq(incidents(&s, false, &r), 1);
    ck_assert_str_eq(r.outcome, "the provider was told");
    ck_assert_uint_eq(world_entries(&s.w, "incident.reviewed", NULL), 1);
    world_end(&s.w);
}
END_TEST

START_TEST(a_named_owner_decides_about_the_quarantine)
{
    struct scene s;
    struct artefact_record told;
    scene_make(&s, false);
    struct principal rosa = owner(), morgan = manager(), ada = claimant("ada"),
                     asim = assessor();
    refused(REFUSAL_NOT_PERMITTED,
            recording_decide(s.w.ev, &morgan, &s.recording, "seen", NULL, &told));
    ok(recording_decide(s.w.ev, &rosa, &s.recording, "told by telephone", NULL, &told));
    ck_assert_int_eq(told.status, ARTEFACT_AVAILABLE);
    ok(world_open_only(&s.w, &asim, &s.recording, PURPOSE_ASSESSMENT));
    refused(REFUSAL_CONFLICT,
            recording_decide(s.w.ev, &rosa, &s.recording, "again", NULL, &told));
    ck_assert_uint_eq(world_entries(&s.w, "recording.decided", "available"), 1);
    opt_out(&s, &ada, s.from - 1); /* the claimant has the last word */
    refused(REFUSAL_NOT_AVAILABLE,
            world_open_only(&s.w, &asim, &s.recording, PURPOSE_ASSESSMENT));
    refused(REFUSAL_CONFLICT,
            recording_decide(s.w.ev, &rosa, &s.recording, "after all", NULL, &told));
    world_end(&s.w);
}
END_TEST

static enum err choose_as(struct scene *s, const struct principal *p, const char *id,
                          const char *event, int64_t at, const char *whose,
                          struct choice_event *e)
{
    struct choice_result told = {.repeated = false};
    *e = (struct choice_event){.assessment = s->assessment, .effective_at = at};
    strcpy(e->event_id, id);
    strcpy(e->event, event);
    strcpy(e->channel, "phone");
    strcpy(e->on_behalf_of, whose);
    buf_init(&told.receipt, RECEIPT_MAX);
    enum err code = choice_record(s->w.ev, p, e, NULL, &told);
    buf_clear(&told.receipt);
    return code;
}

START_TEST(events_say_as_what_and_for_whom)
{
    struct scene s;
    struct choice_event e;
    scene_make(&s, true);
    int64_t now = clock_now();
    struct principal ada = claimant("ada"), asim = assessor(),
                     rupa = someone("rupa", 1u << ROLE_REPRESENTATIVE);
    ok(choose_as(&s, &ada, "a", "opt_out", now, "", &e));
    ck_assert_str_eq(e.authority, "claimant");
    ck_assert_str_eq(e.on_behalf_of, "");
    ok(choose_as(&s, &rupa, "b", "opt_in", now, "", &e));
    ck_assert_str_eq(e.authority, "appointee");
    ck_assert_str_eq(e.on_behalf_of, "ada");
    ok(choose_as(&s, &asim, "c", "opt_out", now, "rupa", &e));
    ck_assert_str_eq(e.authority, "relay");
    ck_assert_str_eq(e.on_behalf_of, "rupa");
    ck_assert_mem_eq(e.policy, s.w.kinds.sha256, 32);
    ok(choose_as(&s, &asim, "n", "notice", now, "", &e));
    ck_assert_str_eq(e.authority, "assessor");
    ok(choose_as(&s, &asim, "d", "opt_out", now, "", &e));
    ok(choose_as(&s, &asim, "d", "opt_out", now, "ada", &e)); /* the same, said in full */
    refused(REFUSAL_INVALID_REQUEST, choose_as(&s, &asim, "x", "opt_out", now, "bob", &e));
    refused(REFUSAL_INVALID_REQUEST, choose_as(&s, &ada, "x", "opt_out", now, "rupa", &e));
    int64_t before_rupa = now - 2 * HOUR * MICROS_PER_SECOND;
    refused(REFUSAL_INVALID_REQUEST,
            choose_as(&s, &asim, "x", "opt_out", before_rupa, "rupa", &e));
    ck_assert_uint_eq(world_entries(&s.w, "choice.opt_in", "\"on_behalf_of\":\"ada\""), 1);
    ck_assert_uint_eq(world_entries(&s.w, "choice.opt_out", "\"authority\":\"relay\""), 2);
    world_end(&s.w);
}
END_TEST

static void one_notice(struct world *w)
{
    struct notice *n = &w->kinds.notices[w->kinds.n_notices++];
    strcpy(n->version, "2026-1");
    memset(n->sha256, 0xab, sizeof(n->sha256));
}

START_TEST(the_notice_of_a_version_has_its_hash)
{
    struct scene s;
    struct choice_event e;
    struct choice_result told = {.repeated = false};
    struct principal asim = assessor();
    scene_make(&s, true);
    one_notice(&s.w);
    for (unsigned i = 0; i < 4; i++) { /* by version, again, with the hash, with another */
        e = (struct choice_event){.assessment = s.assessment, .effective_at = 5};
        strcpy(e.event_id, i < 3 ? "told" : "other");
        strcpy(e.event, "notice");
        strcpy(e.notice_version, "2026-1");
        e.has_notice_sha256 = i >= 2;
        memset(e.notice_sha256, i < 2 ? 0 : i == 2 ? 0xab : 0xac, sizeof(e.notice_sha256));
        buf_init(&told.receipt, RECEIPT_MAX);
        enum err code = choice_record(s.w.ev, &asim, &e, NULL, &told);
        buf_clear(&told.receipt);
        if (i == 3) {
            ck_assert_int_eq(code, ERR_REFUSED);
            continue;
        }
        ck_assert_int_eq(code, ERR_OK);
        ck_assert_int_eq(told.repeated, i > 0);
        ck_assert(e.has_notice_sha256 && e.notice_sha256[31] == 0xab);
    }
    ck_assert_uint_eq(world_entries(&s.w, "choice.notice", "\"notice_sha256\":\"abab"), 1);
    world_end(&s.w);
}
END_TEST

START_TEST(whatever_a_representative_does_is_for_the_claimant)
{
    struct scene s;
    struct upload_result sent;
    scene_make(&s, true);
    struct principal rupa = someone("rupa", 1u << ROLE_REPRESENTATIVE), ada = claimant("ada"),
                     morgan = manager();
    struct upload_request rq = letter_request(&s.claim);
    ok(world_upload(&s.w, &rupa, &rq, "for ada", 7, &sent));
    ok(world_open_only(&s.w, &rupa, &sent.artefact.id, PURPOSE_NONE));
    ok(world_open_only(&s.w, &ada, &sent.artefact.id, PURPOSE_NONE));
    ok(world_open_only(&s.w, &morgan, &sent.artefact.id, PURPOSE_DECISION));
    static const char FOR_ADA[] = "\"on_behalf_of\":\"ada\"";
    ck_assert_uint_eq(world_entries(&s.w, "upload.committed", FOR_ADA), 1);
    ck_assert_uint_eq(world_entries(&s.w, "read.opened", NULL), 3);
    ck_assert_uint_eq(world_entries(&s.w, "read.opened", FOR_ADA), 1);
    world_end(&s.w);
}
END_TEST

START_TEST(receipts_are_for_those_whose_choice_it_is)
{
    struct scene s;
    struct choice_event e;
    AUTO_CLEAR(buf_clear) struct buf receipt;
    scene_make(&s, true);
    buf_init(&receipt, RECEIPT_MAX);
    struct principal ada = claimant("ada"), asim = assessor(), bob = claimant("bob"),
                     rupa = someone("rupa", 1u << ROLE_REPRESENTATIVE), morgan = manager();
    ok(choose_as(&s, &asim, "relayed", "opt_out", clock_now(), "", &e));
    const struct principal *const SEE[] = {&ada, &asim, &rupa, &morgan};
    for (size_t i = 0; i < ARRAY_LEN(SEE); i++) {
        buf_reset(&receipt);
        ok(choice_receipt(s.w.ev, SEE[i], &s.assessment, "relayed", &receipt));
        ck_assert_uint_gt(receipt.len, 0);
    }
    refused(REFUSAL_NOT_FOUND,
            choice_receipt(s.w.ev, &bob, &s.assessment, "relayed", &receipt));
    refused(REFUSAL_NOT_FOUND, choice_receipt(s.w.ev, &ada, &s.assessment, "none", &receipt));
    world_end(&s.w);
}
END_TEST

/* --- deaths ------------------------------------------------------------------------------- */

static enum err tell_death(struct scene *s, int64_t died_at)
{
    struct principal system = registry();
    static struct claim_draft draft;
    static struct claim_view view;
    draft = (struct claim_draft){.has_death = true, .died_at = died_at};
    TRY(claim_change(s->w.ev, &system, &s->claim, &draft, &view));
    ck_assert_int_eq(view.died_at, died_at);
    return ERR_OK;
}

START_TEST(death_ends_authority_and_freezes_the_choice)
{
    struct scene s;
    struct choice_event e;
    scene_make(&s, true);
    struct principal ada = claimant("ada"), asim = assessor(),
                     rupa = someone("rupa", 1u << ROLE_REPRESENTATIVE);
    int64_t died = clock_now() - 60 * MICROS_PER_SECOND;
    ok(choose_as(&s, &rupa, "before", "opt_in", died - 1, "", &e));
    AUTO(upload_free) struct upload *running = NULL;
    struct upload_request rq = letter_request(&s.claim);
    struct upload_result sent;
    ok(upload_begin(s.w.ev, &rupa, &rq, &running)); /* it starts before, and ends after */
    ok(upload_write(running, "hello", 5));
    refused(REFUSAL_INVALID_REQUEST, tell_death(&s, clock_now() + HOUR * MICROS_PER_SECOND));
    ok(tell_death(&s, died));
    refused(REFUSAL_CLAIM_NOT_FOUND, upload_finish(running, &sent));
    upload_free(TAKE(running));

    refused(REFUSAL_NOT_FOUND, choose_as(&s, &ada, "x", "opt_out", clock_now(), "", &e));
    refused(REFUSAL_NOT_FOUND, choose_as(&s, &rupa, "x", "opt_out", clock_now(), "", &e));
    refused(REFUSAL_CONFLICT, choose_as(&s, &asim, "x", "opt_out", died + 1, "", &e));
    refused(REFUSAL_CLAIM_NOT_FOUND, world_upload(&s.w, &ada, &rq, "x", 1, NULL));
    refused(REFUSAL_NOT_FOUND, world_open_only(&s.w, &ada, &s.recording, PURPOSE_NONE));
    /* what stands stands: the event of before, the recording, and the word of before */
    AUTO_CLEAR(assessment_view_clear) struct assessment_view view = {.n_events = 0};
    ok(assessment_get(s.w.ev, &asim, &s.assessment, &view));
    ck_assert_uint_eq(view.n_events, 2);
    ok(world_open_only(&s.w, &asim, &s.recording, PURPOSE_ASSESSMENT));
    ok(choose_as(&s, &asim, "word", "opt_out", died, "", &e));
    refused(REFUSAL_NOT_AVAILABLE,
            world_open_only(&s.w, &asim, &s.recording, PURPOSE_ASSESSMENT));

    ok(tell_death(&s, 0)); /* it was not so */
    ok(choose_as(&s, &ada, "alive", "opt_in", clock_now(), "", &e));
    ck_assert_uint_eq(world_entries(&s.w, "claim.death_recorded", NULL), 1);
    ck_assert_uint_eq(world_entries(&s.w, "claim.death_withdrawn", NULL), 1);
    world_end(&s.w);
}
END_TEST

START_TEST(a_running_download_ends_with_the_authority)
{
    struct scene s;
    scene_make(&s, true);
    struct principal ada = claimant("ada");
    AUTO(retrieve_free) struct retrieval *r = NULL;
    uint8_t byte[1];
    size_t len = 0;
    ok(world_retrieve(&s.w, &ada, &s.recording, PURPOSE_NONE, &r));
    ok(retrieve_read(r, 0, byte, 1, &len));
    ok(tell_death(&s, clock_now()));
    refused(REFUSAL_NOT_FOUND, retrieve_read(r, 1, byte, 1, &len));
    retrieve_free(TAKE(r));
    world_end(&s.w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/recording/copies", a_read_that_begins_after_the_opt_out_gets_nothing,
        retrievers_are_listed_asked_and_confirm,
        an_opt_out_from_before_that_comes_late_is_an_incident,
        a_named_owner_decides_about_the_quarantine, events_say_as_what_and_for_whom,
        the_notice_of_a_version_has_its_hash,
        whatever_a_representative_does_is_for_the_claimant,
        receipts_are_for_those_whose_choice_it_is, death_ends_authority_and_freezes_the_choice,
        a_running_download_ends_with_the_authority);
}
