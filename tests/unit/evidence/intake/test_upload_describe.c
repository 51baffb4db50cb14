/* What a form says behind its files: the kind comes when the bytes are there, and everything
 * that it decides about is decided then. */
#include "gateway/inspect/sniff.h"
#include "tests/unit/evidence/world.h"

static const size_t LETTER_MAX = 100, REPORT_MAX = 50;

static void small_kinds(struct world *w)
{
    for (size_t i = 0; i < w->kinds.n; i++)
        w->kinds.rows[i].max_bytes = i == 0 ? LETTER_MAX : REPORT_MAX;
}

static struct upload_request later_request(const struct uuid *claim)
{
    struct upload_request rq = {.claim = *claim, .length = -1, .described_later = true};
    strcpy(rq.filename, "letter.txt");
    return rq;
}

static struct upload *sent(struct world *w, const struct principal *p,
                           const struct upload_request *rq, const char *text)
{
    struct upload *u = NULL;
    ok(upload_begin(w->ev, p, rq, &u));
    ok(upload_write(u, text, strlen(text)));
    return u;
}

START_TEST(the_kind_comes_behind_the_bytes)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = later_request(&claim), words = letter_request(&claim);
    struct upload_result r;
    strcpy(words.description, "about my knees");
    struct upload *u = sent(&w, &ada, &rq, "hello");
    ok(upload_describe(u, &words));
    ok(upload_finish(u, &r));
    buf_clear(&r.receipt);
    upload_free(u);
    struct artefact_view v;
    ok(artefact_get(w.ev, &ada, &r.artefact.id, &v));
    ck_assert_str_eq(v.record.kind, "further_evidence");
    ck_assert_str_eq(v.record.filename, "letter.txt");
    ck_assert_str_eq(v.record.description, "about my knees");
    ck_assert_str_eq(v.record.media_type, "text/plain");
    world_end(&w);
}
END_TEST

START_TEST(without_a_kind_nothing_is_kept)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), audrey = someone("audrey", 1u << ROLE_AUDITOR);
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = later_request(&claim);
    struct upload *u = sent(&w, &ada, &rq, "hello");
    struct upload_result r;
    refused(REFUSAL_INVALID_REQUEST, upload_finish(u, &r));
    upload_free(u);
    refused(REFUSAL_NOT_PERMITTED, upload_begin(w.ev, &audrey, &rq, &u));
    ck_assert_uint_eq(world_blobs(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(the_largest_limit_holds_until_the_kind_is_known)
{
    struct world w = {.tiny = NULL};
    world_make(&w, small_kinds);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = later_request(&claim), words = letter_request(&claim);
    struct upload *u = NULL;
    char text[101];
    memset(text, 'x', sizeof(text));
    text[60] = 0;
    rq.length = 101;
    refused(REFUSAL_FILE_TOO_LARGE, upload_begin(w.ev, &ada, &rq, &u));
    rq.length = 0;
    refused(REFUSAL_FILE_EMPTY, upload_begin(w.ev, &ada, &rq, &u));
    rq.length = -1;
    u = sent(&w, &ada, &rq, text);
    refused(REFUSAL_FILE_TOO_LARGE, upload_write(u, text, 41));
    upload_free(u);
    u = sent(&w, &ada, &rq, text); /* more than this kind takes, less than another does */
    strcpy(words.kind, "carer_statement");
    refused(REFUSAL_FILE_TOO_LARGE, upload_describe(u, &words));
    upload_free(u);
    ck_assert_uint_eq(world_blobs(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(the_kind_is_judged_as_at_the_beginning)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), other = world_claim(&w, "bob");
    struct uuid assessment = world_assessment(&w, &claim),
                foreign = world_assessment(&w, &other);
    struct upload_request rq = later_request(&claim), words = letter_request(&claim);
    struct choice_result choice;
    struct upload *u = sent(&w, &ada, &rq, PDF);
    strcpy(words.kind, "no_such_kind");
    refused(REFUSAL_INVALID_REQUEST, upload_describe(u, &words));
    upload_free(u);
    u = sent(&w, &ada, &rq, PDF);
    strcpy(words.kind, "medical_report");
    refused(REFUSAL_NOT_PERMITTED, upload_describe(u, &words));
    upload_free(u);
    strcpy(rq.media_type, "application/x-made-up"); /* stated at the beginning */
    u = sent(&w, &ada, &rq, PDF);
    strcpy(words.kind, "further_evidence");
    refused(REFUSAL_TYPE_NOT_ALLOWED, upload_describe(u, &words));
    upload_free(u);
    rq.media_type[0] = 0;
    int64_t now = clock_now();
    words = audio_request(&claim, &foreign, now - 2, now - 1);
    u = sent(&w, &asim, &rq, WAV);
    refused(REFUSAL_INVALID_REQUEST, upload_describe(u, &words));
    upload_free(u);
    ok(world_choose(&w, &ada, &assessment, "opt_out", now, &choice));
    words = audio_request(&claim, &assessment, now + 1, now + 2);
    u = sent(&w, &asim, &rq, WAV);
    refused(REFUSAL_RECORDING_OPTED_OUT, upload_describe(u, &words));
    upload_free(u);
    ck_assert_uint_eq(world_blobs(&w), 0);
    world_awaits(&w, "upload.refused", "\"recording-opted-out\"", 1);
    world_end(&w);
}
END_TEST

START_TEST(bytes_that_showed_their_type_are_judged_by_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = later_request(&claim), words = letter_request(&claim);
    struct upload *u = NULL;
    uint8_t noise[SNIFF_HEAD_MAX];
    memset(noise, 0x01, sizeof(noise));
    ok(upload_begin(w.ev, &ada, &rq, &u));
    ok(upload_write(u, noise, sizeof(noise)));
    refused(REFUSAL_TYPE_NOT_ALLOWED, upload_describe(u, &words));
    upload_free(u);
    strcpy(rq.media_type,
           "application/pdf"); /* and not being what it was called needs no kind */
    ok(upload_begin(w.ev, &ada, &rq, &u));
    refused(REFUSAL_TYPE_NOT_ALLOWED, upload_write(u, noise, sizeof(noise)));
    upload_free(u);
    world_end(&w);
}
END_TEST

START_TEST(a_key_that_is_on_record_gives_the_first_answer)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = later_request(&claim), words = letter_request(&claim);
    struct upload_result first, again;
    strcpy(rq.idempotency_key, "k");
    for (int i = 0; i < 2; i++) {
        struct upload_result *r = i == 0 ? &first : &again;
        struct upload *u = sent(&w, &ada, &rq, "hello");
        ok(upload_describe(u, &words));
        ok(upload_finish(u, r));
        ck_assert(r->repeated == (i == 1));
        buf_clear(&r->receipt);
        upload_free(u);
    }
    ck_assert(uuid_equal(&first.artefact.id, &again.artefact.id));
    ck_assert_uint_eq(world_blobs(&w), 1);
    world_end(&w);
}
END_TEST

START_TEST(what_is_known_at_the_beginning_is_checked_there)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), asim = assessor();
    struct uuid claim = world_claim(&w, "ada"), assessment = world_assessment(&w, &claim),
                other = world_assessment(&w, &claim);
    struct upload_request rq = later_request(&claim);
    struct choice_result choice;
    struct upload *u = NULL;
    strcpy(rq.kind, "no_such_kind");
    refused(REFUSAL_INVALID_REQUEST, upload_begin(w.ev, &ada, &rq, &u));
    strcpy(rq.kind, "medical_report");
    refused(REFUSAL_NOT_PERMITTED, upload_begin(w.ev, &ada, &rq, &u));
    strcpy(rq.kind, "further_evidence");
    strcpy(rq.media_type, "application/x-made-up");
    refused(REFUSAL_TYPE_NOT_ALLOWED, upload_begin(w.ev, &ada, &rq, &u));
    int64_t now = clock_now();
    ok(world_choose(&w, &ada, &assessment, "opt_out", now, &choice));
    rq = audio_request(&claim, &assessment, now + 1, now + 2);
    rq.described_later = true;
    refused(REFUSAL_RECORDING_OPTED_OUT, upload_begin(w.ev, &asim, &rq, &u));
    /* as far as it goes: a recording may name its assessment and its times behind the bytes */
    struct upload_request words = rq;
    rq.has_assessment = false;
    rq.recording_started_at = 0;
    u = sent(&w, &asim, &rq, WAV);
    refused(REFUSAL_RECORDING_OPTED_OUT, upload_describe(u, &words));
    upload_free(u);
    ok(world_choose(&w, &ada, &other, "notice", now - 3, &choice));
    rq = words = audio_request(&claim, &other, now - 2, now - 1);
    rq.described_later = true;
    rq.recording_stopped_at = 0;
    struct upload_result r;
    ok(upload_begin(w.ev, &asim, &rq, &u));
    ok(upload_write(u, WAV, sizeof(WAV) - 1));
    ok(upload_describe(u, &words));
    ok(upload_finish(u, &r));
    buf_clear(&r.receipt);
    upload_free(u);
    ck_assert_int_eq(r.artefact.recording_started_at, words.recording_started_at);
    ck_assert_uint_eq(world_blobs(&w), 1);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/intake/upload_describe", the_kind_comes_behind_the_bytes,
        without_a_kind_nothing_is_kept, the_largest_limit_holds_until_the_kind_is_known,
        the_kind_is_judged_as_at_the_beginning, bytes_that_showed_their_type_are_judged_by_it,
        a_key_that_is_on_record_gives_the_first_answer,
        what_is_known_at_the_beginning_is_checked_there);
}
