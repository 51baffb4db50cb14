/* The road in: each refusal by itself, what it leaves in the log, and that nothing else is left
 * behind, wherever it ends. */
#include "gateway/evidence/intake/seal.h"
#include "tests/unit/evidence/world.h"

#include <dirent.h>
#include <pthread.h>

static enum err send(struct world *w, const struct principal *p,
                     const struct upload_request *rq, const char *text,
                     struct upload_result *out)
{
    return world_upload(w, p, rq, text, strlen(text), out);
}

static size_t descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void ck_nothing_left(struct world *w, size_t blobs)
{
    struct evidence_stats stats;
    ck_assert_uint_eq(world_blobs(w), blobs);
    evidence_stats(w->ev, &stats);
    ck_assert_uint_eq(stats.uploads_now, 0);
}

/* --- what works --------------------------------------------------------------------------- */

START_TEST(what_comes_in_is_recorded_as_it_came)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    struct upload_result r;
    uint8_t digest[32];
    strcpy(rq.description, "about my knees");
    strcpy(rq.media_type, "text/plain");
    rq.length = 11;
    ok(upload_begin(w.ev, &ada, &rq, &u));
    ok(upload_write(u, "hello ", 6));
    ok(upload_write(u, "world", 5));
    ok(sha256_once("hello world", 11, digest));
    upload_expect_digest(u, digest);
    ok(upload_finish(u, &r));
    upload_free(u);
    ck_assert(!r.repeated && r.receipt.len > 0);
    buf_clear(&r.receipt);
    struct artefact_view v;
    ok(artefact_get(w.ev, &ada, &r.artefact.id, &v));
    ck_assert_uint_eq(v.record.size, 11);
    ck_assert_mem_eq(v.record.sha256, digest, 32);
    ck_assert_str_eq(v.record.filename, "letter.txt");
    ck_assert_str_eq(v.record.description, "about my knees");
    ck_assert_str_eq(v.record.media_type, "text/plain");
    ck_assert_str_eq(v.record.uploader_role, "claimant");
    ck_assert_int_eq(v.record.status, ARTEFACT_AVAILABLE);
    ck_assert(v.mine && v.n_links == 1);
    ck_nothing_left(&w, 1);
    world_end(&w);
}
END_TEST

static void with_inspection(struct world *w)
{
    w->config.inspection = true;
}

START_TEST(what_was_not_inspected_is_not_available)
{
    struct world w = {.tiny = NULL};
    world_make(&w, with_inspection);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), id = world_letter(&w, "ada", &claim, "x");
    struct artefact_view v;
    ok(artefact_get(w.ev, &ada, &id, &v));
    ck_assert_int_eq(v.record.status, ARTEFACT_QUARANTINED);
    ck_assert_str_eq(v.record.status_reason, "not-inspected");
    refused(REFUSAL_NOT_AVAILABLE, world_open_only(&w, &ada, &id, PURPOSE_NONE));
    world_end(&w);
}
END_TEST

/* --- each refusal ------------------------------------------------------------------------- */

START_TEST(who_and_where)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob"), doc = doctor();
    struct principal audrey = someone("audrey", 1u << ROLE_AUDITOR);
    struct uuid claim = world_claim(&w, "ada"), none = uuid_new();
    struct upload_request rq = letter_request(&claim), nowhere = letter_request(&none);
    refused(REFUSAL_CLAIM_NOT_FOUND, send(&w, &bob, &rq, "x", NULL));
    refused(REFUSAL_CLAIM_NOT_FOUND, send(&w, &ada, &nowhere, "x", NULL));
    refused(REFUSAL_NOT_PERMITTED, send(&w, &audrey, &rq, "x", NULL));
    refused(REFUSAL_NOT_PERMITTED, send(&w, &audrey, &nowhere, "x", NULL));
    strcpy(rq.kind, "medical_report");
    refused(REFUSAL_NOT_PERMITTED, send(&w, &ada, &rq, PDF, NULL));
    strcpy(rq.kind, "correspondence");
    refused(REFUSAL_NOT_PERMITTED, send(&w, &doc, &rq, PDF, NULL));
    strcpy(rq.kind, "no_such_kind");
    refused(REFUSAL_INVALID_REQUEST, send(&w, &ada, &rq, "x", NULL));
    strcpy(rq.kind, "");
    refused(REFUSAL_INVALID_REQUEST, send(&w, &ada, &rq, "x", NULL));
    ck_nothing_left(&w, 0);
    world_end(&w);
}
END_TEST

static void small_letters(struct world *w)
{
    w->kinds.rows[0].max_bytes = 100; /* further_evidence */
}

START_TEST(sizes)
{
    struct world w = {.tiny = NULL};
    world_make(&w, small_letters);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    struct upload_result r;
    char text[102];
    memset(text, 'x', sizeof(text));
    ck_assert_str_eq(w.kinds.rows[0].name, "further_evidence");
    rq.length = 0;
    refused(REFUSAL_FILE_EMPTY, send(&w, &ada, &rq, "", NULL));
    rq.length = 101;
    refused(REFUSAL_FILE_TOO_LARGE, send(&w, &ada, &rq, "x", NULL));
    rq.length = -1; /* chunked: in mid-stream, at the very byte */
    refused(REFUSAL_FILE_EMPTY, send(&w, &ada, &rq, "", NULL));
    ok(world_upload(&w, &ada, &rq, text, 100, NULL));
    refused(REFUSAL_FILE_TOO_LARGE, world_upload(&w, &ada, &rq, text, 101, NULL));
    ok(upload_begin(w.ev, &ada, &rq, &u));
    ok(upload_write(u, text, 60));
    ok(upload_write(u, text, 40));
    refused(REFUSAL_FILE_TOO_LARGE, upload_write(u, text, 1));
    upload_free(u);
    rq.length = 50; /* a length that lies is the transport's to hold; the kind's limit ours */
    refused(REFUSAL_FILE_TOO_LARGE, world_upload(&w, &ada, &rq, text, 101, &r));
    ck_nothing_left(&w, 1);
    world_end(&w);
}
END_TEST

START_TEST(types)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    static const struct {
        const char *stated, *bytes;
        bool good;
    } CASES[] = {
        {"", "hello", true},
        {"application/octet-stream", PDF, true},
        {"text/plain", "hello again", true},
        {"application/x-msdownload", "MZ", false},
        {"application/pdf", "hello", false}, /* not what it is called */
        {"text/plain", PDF, false},
        {"", "<!DOCTYPE html><html><body>x</body></html>", false},
        {"",
         "\x7f"
         "ELF\2\1\1",
         false},
        {"text/html", "hello", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct upload_request rq = letter_request(&claim);
        strcpy(rq.media_type, CASES[i].stated);
        enum err e = send(&w, &ada, &rq, CASES[i].bytes, NULL);
        ck_assert_msg(e == (CASES[i].good ? ERR_OK : ERR_REFUSED), "case %zu: %s", i,
                      err_message(e));
        if (!CASES[i].good)
            ck_assert_int_eq(err_detail(e), REFUSAL_TYPE_NOT_ALLOWED);
    }
    /* a large one is looked at as soon as its head is there, not at the end */
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    char *zeros = calloc(1, SNIFF_HEAD_MAX);
    ok(upload_begin(w.ev, &ada, &rq, &u));
    refused(REFUSAL_TYPE_NOT_ALLOWED, upload_write(u, zeros, SNIFF_HEAD_MAX));
    upload_free(u);
    free(zeros);
    ck_nothing_left(&w, 3);
    world_end(&w);
}
END_TEST

START_TEST(digests)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    rq.has_digest = true;
    refused(REFUSAL_DIGEST_MISMATCH, send(&w, &ada, &rq, "hello", NULL));
    ok(sha256_once("hello", 5, rq.digest));
    ok(send(&w, &ada, &rq, "hello", NULL));
    refused(REFUSAL_DIGEST_MISMATCH, send(&w, &ada, &rq, "hellO", NULL));

    /* behind the bytes: each that was stated has to hold */
    uint8_t right[32], wrong[32] = {7};
    memcpy(right, rq.digest, sizeof(right));
    const struct {
        const uint8_t *head, *first, *second;
        bool holds;
    } STATED[] = {{NULL, right, right, true},   {right, right, NULL, true},
                  {NULL, wrong, right, false},  {NULL, right, wrong, false},
                  {wrong, right, right, false}, {right, NULL, wrong, false},
                  {wrong, right, NULL, false}};
    for (size_t i = 0; i < ARRAY_LEN(STATED); i++) {
        AUTO(upload_free) struct upload *u = NULL;
        struct upload_result r;
        rq.has_digest = STATED[i].head != NULL;
        if (rq.has_digest)
            memcpy(rq.digest, STATED[i].head, 32);
        ok(upload_begin(w.ev, &ada, &rq, &u));
        ok(upload_write(u, "hello", 5));
        if (STATED[i].first)
            upload_expect_digest(u, STATED[i].first);
        if (STATED[i].second)
            upload_expect_digest(u, STATED[i].second);
        if (!STATED[i].holds) {
            refused(REFUSAL_DIGEST_MISMATCH, upload_finish(u, &r));
            continue;
        }
        ok(upload_finish(u, &r));
        buf_clear(&r.receipt);
    }
    world_end(&w);
}
END_TEST

START_TEST(room)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    enum { PIECE = 1 << 20, PIECES = 65 };
    char *piece = malloc(PIECE);
    memset(piece, 'x', PIECE);
    w.ev->config.reserve_bytes = UINT64_C(1) << 60;
    refused(REFUSAL_STORAGE_FULL, send(&w, &ada, &rq, "x", NULL));
    ck_assert_int_eq(evidence_health(w.ev), ERR_NO_SPACE);
    w.ev->config.reserve_bytes = 0;
    ok(evidence_health(w.ev));
    /* it gets narrow while a body comes whose length nobody stated */
    ok(upload_begin(w.ev, &ada, &rq, &u));
    w.ev->config.reserve_bytes = UINT64_C(1) << 60;
    enum err e = ERR_OK;
    int taken = 0;
    for (; taken < PIECES && e == ERR_OK; taken++)
        e = upload_write(u, piece, PIECE);
    refused(REFUSAL_STORAGE_FULL, e);
    upload_free(u);
    free(piece);
    ck_nothing_left(&w, 0);
    world_end(&w);
}
END_TEST

START_TEST(nobody_takes_all_uploads)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL); /* eight at once, so two each */
    struct principal ada = claimant("ada"), bob = claimant("bob");
    struct uuid claim = world_claim(&w, "ada"), his = world_claim(&w, "bob");
    struct upload_request rq = letter_request(&claim), hers = letter_request(&his);
    struct upload *u[3] = {NULL};
    ok(upload_begin(w.ev, &ada, &rq, &u[0]));
    ok(upload_begin(w.ev, &ada, &rq, &u[1]));
    refused(REFUSAL_QUOTA_EXCEEDED, upload_begin(w.ev, &ada, &rq, &u[2]));
    ok(send(&w, &bob, &hers, "x", NULL));
    upload_free(u[0]);
    ok(send(&w, &ada, &rq, "x", NULL));
    upload_free(u[1]);
    ck_nothing_left(&w, 2);
    world_end(&w);
}
END_TEST

/* --- idempotency -------------------------------------------------------------------------- */

START_TEST(a_key_is_one_artefact)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob");
    const struct party_record bobs = party("bob", "representative", "carer");
    struct uuid claim = world_claim_with(&w, "ada", &bobs, 1), other = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload_result first, again;
    strcpy(rq.idempotency_key, "key");
    ok(send(&w, &ada, &rq, "hello", &first));
    ok(send(&w, &ada, &rq, "hello", &again));
    ck_assert(again.repeated && uuid_equal(&first.artefact.id, &again.artefact.id));
    refused(REFUSAL_KEY_REUSED, send(&w, &ada, &rq, "other", NULL));
    struct upload_request changed[] = {rq, rq, rq};
    changed[0].claim = other;
    strcpy(changed[1].kind, "carer_statement");
    changed[2].recording_started_at = 1;
    changed[2].recording_stopped_at = 2;
    for (size_t i = 0; i < ARRAY_LEN(changed); i++)
        refused(REFUSAL_KEY_REUSED, send(&w, &ada, &changed[i], "hello", NULL));
    bob.roles = 1u << ROLE_REPRESENTATIVE; /* somebody else's key is another key */
    ok(send(&w, &bob, &rq, "hello", &again));
    ck_assert(!again.repeated);
    ck_assert(again.duplicate);
    ck_nothing_left(&w, 1);
    world_end(&w);
}
END_TEST

START_TEST(a_repeat_is_asked_who_it_is_too)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal rupa = someone("rupa", 1u << ROLE_REPRESENTATIVE), system = registry();
    const struct party_record appointee = party("rupa", "representative", "appointee");
    struct uuid claim = world_claim_with(&w, "ada", &appointee, 1);
    struct upload_request rq = letter_request(&claim);
    struct claim_draft *d = calloc(1, sizeof(*d));
    struct claim_view *v = calloc(1, sizeof(*v));
    strcpy(rq.idempotency_key, "key");
    ok(send(&w, &rupa, &rq, "hello", NULL));
    d->has_parties = true; /* none any more */
    ok(claim_change(w.ev, &system, &claim, d, v));
    refused(REFUSAL_CLAIM_NOT_FOUND, send(&w, &rupa, &rq, "hello", NULL));
    free(d);
    free(v);
    world_end(&w);
}
END_TEST

START_TEST(a_key_that_runs_is_busy_and_free_again_whatever_became_of_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL, *second = NULL;
    struct upload_result r;
    strcpy(rq.idempotency_key, "key");
    ok(upload_begin(w.ev, &ada, &rq, &u));
    refused(REFUSAL_KEY_BUSY, upload_begin(w.ev, &ada, &rq, &second));
    upload_free(u); /* the client went away */
    rq.length = 0;
    refused(REFUSAL_FILE_EMPTY, upload_begin(w.ev, &ada, &rq, &u));
    rq.length = -1;
    ok(send(&w, &ada, &rq, "hello", &r));
    ck_assert(!r.repeated);
    ck_nothing_left(&w, 1);
    world_end(&w);
}
END_TEST

enum { KEYS = 60, SENDERS = 4 };
struct senders {
    struct world *w;
    struct uuid claim;
    struct uuid ids[SENDERS][KEYS];
    _Atomic unsigned next;
};

static void *send_each_key(void *arg)
{
    struct senders *s = arg;
    unsigned me = atomic_fetch_add(&s->next, 1);
    struct principal ada = claimant("ada");
    for (int i = 0; i < KEYS; i++) {
        struct upload_request rq = letter_request(&s->claim);
        struct upload_result r;
        (void)snprintf(rq.idempotency_key, sizeof(rq.idempotency_key), "key-%d", i);
        enum err e = ERR_REFUSED;
        while ((e = send(s->w, &ada, &rq, rq.idempotency_key, &r)) != ERR_OK) {
            ck_assert_msg(e == ERR_REFUSED && (err_detail(e) == REFUSAL_KEY_BUSY ||
                                               err_detail(e) == REFUSAL_QUOTA_EXCEEDED),
                          "%s: %s", err_name(e), err_message(e));
            (void)usleep(200);
        }
        s->ids[me][i] = r.artefact.id;
    }
    return NULL;
}

/* Busy, or the first answer: never a fault, never a second artefact. */
START_TEST(the_same_keys_from_several_threads)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct senders *s = calloc(1, sizeof(*s));
    pthread_t threads[SENDERS];
    s->w = &w;
    s->claim = world_claim(&w, "ada");
    for (int i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_each_key, s), 0);
    for (int i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < KEYS; i++) {
        for (int k = 1; k < SENDERS; k++)
            ck_assert(uuid_equal(&s->ids[0][i], &s->ids[k][i]));
    }
    ck_nothing_left(&w, KEYS);
    free(s);
    world_end(&w);
}
END_TEST

/* --- endings ------------------------------------------------------------------------------ */

START_TEST(an_upload_that_is_given_up_leaves_nothing)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    char *piece = malloc(SEAL_BLOCK);
    memset(piece, 'x', SEAL_BLOCK);
    ok(send(&w, &ada, &rq, "warm", NULL));
    size_t before = descriptors();
    for (int i = 0; i < 100; i++) {
        struct upload *u = NULL;
        ok(upload_begin(w.ev, &ada, &rq, &u));
        for (int k = 0; k < i % 4; k++)
            ok(upload_write(u, piece, SEAL_BLOCK));
        upload_free(u);
    }
    struct upload *u = NULL; /* one that has a worker of its own by then */
    ok(upload_begin(w.ev, &ada, &rq, &u));
    for (int k = 0; k < 40; k++)
        ok(upload_write(u, piece, SEAL_BLOCK));
    upload_free(u);
    ck_assert_uint_eq(descriptors(), before);
    ck_nothing_left(&w, 1);
    free(piece);
    world_end(&w);
}
END_TEST

START_TEST(authority_that_ends_during_the_upload)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal rupa = someone("rupa", 1u << ROLE_REPRESENTATIVE), system = registry();
    const struct party_record appointee = party("rupa", "representative", "appointee");
    struct uuid claim = world_claim_with(&w, "ada", &appointee, 1);
    struct upload_request rq = letter_request(&claim);
    struct claim_draft *d = calloc(1, sizeof(*d));
    struct claim_view *v = calloc(1, sizeof(*v));
    struct upload *u = NULL;
    struct upload_result r;
    ok(upload_begin(w.ev, &rupa, &rq, &u));
    ok(upload_write(u, "hello", 5));
    d->has_parties = true;
    ok(claim_change(w.ev, &system, &claim, d, v));
    refused(REFUSAL_CLAIM_NOT_FOUND, upload_finish(u, &r));
    upload_free(u);
    ck_nothing_left(&w, 0);
    world_awaits(&w, "upload.refused", "claim-not-found", 1);
    free(d);
    free(v);
    world_end(&w);
}
END_TEST

START_TEST(a_log_that_cannot_be_signed_takes_nothing)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload_result r;
    strcpy(rq.idempotency_key, "key");
    atomic_store(&w.mute, true);
    ck_assert_int_eq(send(&w, &ada, &rq, "hello", NULL), ERR_UNAVAILABLE);
    ck_assert_int_eq(send(&w, &ada, &rq, "hello", NULL), ERR_UNAVAILABLE);
    atomic_store(&w.mute, false);
    evidence_tick(w.ev);                  /* signs what is not signed yet */
    ok(send(&w, &ada, &rq, "hello", &r)); /* one artefact, whichever attempt made it */
    ck_nothing_left(&w, 1);
    world_end(&w);
}
END_TEST

/* A file system of two megabytes: refused honestly, and back as soon as there is room. */
START_TEST(a_full_disk)
{
    struct world w = {.tiny = "size=6m"};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    enum { BODY = 300 * 1024 };
    char *body = malloc(BODY);
    memset(body, 'x', BODY);
    size_t stored = 0;
    enum err e = ERR_OK;
    while (stored < 40 && (e = world_upload(&w, &ada, &rq, body, BODY, NULL)) == ERR_OK)
        body[stored++] = 'y'; /* another file each time */
    ck_assert_msg(e == ERR_NO_SPACE ||
                      (e == ERR_REFUSED && err_detail(e) == REFUSAL_STORAGE_FULL),
                  "%s: %s", err_name(e), err_message(e));
    ck_assert_uint_gt(stored, 2);
    ck_nothing_left(&w, stored);
    for (int i = 0; i < 5; i++)
        ck_assert_int_ne(world_upload(&w, &ada, &rq, body, BODY, NULL), ERR_OK);
    ck_nothing_left(&w, stored);
    ck_assert_int_eq(mount("tiny", w.dir.root, "tmpfs", MS_REMOUNT, "size=64m"), 0);
    ok(world_upload(&w, &ada, &rq, body, BODY, NULL));
    ck_nothing_left(&w, stored + 1);
    free(body);
    world_end(&w);
}
END_TEST

/* --- what the log is told ----------------------------------------------------------------- */

START_TEST(refusals_name_what_they_may)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), bob = claimant("bob"), doc = doctor();
    struct principal audrey = someone("audrey", 1u << ROLE_AUDITOR);
    struct uuid claim = world_claim(&w, "ada");
    char id[UUID_TEXT_SIZE];
    struct upload_request rq = letter_request(&claim);
    uuid_format(&claim, id);
    char *before = world_history(&w, &ada, &claim);
    refused(REFUSAL_NOT_PERMITTED, send(&w, &audrey, &rq, "x", NULL));
    refused(REFUSAL_CLAIM_NOT_FOUND, send(&w, &bob, &rq, "x", NULL));
    strcpy(rq.kind, "medical_reprot"); /* it might have been one */
    refused(REFUSAL_INVALID_REQUEST, send(&w, &doc, &rq, PDF, NULL));
    strcpy(rq.kind, "medical_report");
    refused(REFUSAL_TYPE_NOT_ALLOWED, send(&w, &doc, &rq, "text", NULL));
    world_awaits(&w, "upload.refused", NULL, 3);
    ck_assert_uint_eq(world_entries(&w, "upload.refused", "\"role\":\"auditor\""), 1);
    ck_assert_uint_eq(world_entries(&w, "upload.refused", "\"role\":\"claimant\""), 0);
    ck_assert_uint_eq(world_entries(&w, "upload.refused", id), 2);
    char *after = world_history(&w, &ada, &claim);
    ck_assert_str_eq(after, before); /* not a word of it for the claimant */
    strcpy(rq.kind, "further_evidence");
    rq.has_digest = true;
    refused(REFUSAL_DIGEST_MISMATCH, send(&w, &ada, &rq, "x", NULL));
    world_awaits(&w, "upload.refused", "\"sha256\"", 2); /* the doctor's text, and this */
    free(after);
    after = world_history(&w, &ada, &claim);
    ck_assert_ptr_nonnull(strstr(after, "digest-mismatch"));
    free(after);
    free(before);
    world_end(&w);
}
END_TEST

/* Begun, and no end that anybody was told of. */
START_TEST(a_broken_upload_is_told)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), doc = doctor();
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    struct upload_result r;
    ok(upload_begin(w.ev, &ada, &rq, &u));
    ok(upload_write(u, "hello", 5));
    upload_free(u); /* the connection broke */
    world_awaits(&w, "upload.broken", "\"size\":5", 1);
    ck_assert_uint_eq(world_entries(&w, "upload.broken", "\"reason\":\"incomplete\""), 1);
    ck_assert_uint_eq(world_entries(&w, "upload.broken", "\"harmful\":false"), 1);

    rq.described_later = true; /* by one who might send what is harmful, or who might not */
    rq.kind[0] = 0;
    ok(upload_begin(w.ev, &doc, &rq, &u));
    upload_free(u);
    world_awaits(&w, "upload.broken", "\"harmful\":true", 1);
    ok(upload_begin(w.ev, &ada, &rq, &u));
    upload_free(u);
    world_awaits(&w, "upload.broken", "\"harmful\":false", 2);

    /* other ends are told otherwise */
    rq = letter_request(&claim);
    strcpy(rq.idempotency_key, "key");
    ok(send(&w, &ada, &rq, "whole", NULL));
    ok(upload_begin(w.ev, &ada, &rq, &u)); /* what is repeated has arrived */
    upload_free(u);
    refused(REFUSAL_KEY_REUSED, send(&w, &ada, &rq, "other", NULL));
    rq.idempotency_key[0] = 0;
    refused(REFUSAL_FILE_EMPTY, send(&w, &ada, &rq, "", NULL));
    rq.length = 0;
    refused(REFUSAL_FILE_EMPTY, upload_begin(w.ev, &ada, &rq, &u));
    world_close(&w);
    world_open(&w);
    ck_assert_uint_eq(world_entries(&w, "upload.broken", NULL), 3);

    /* trouble of ours: told, unless it was stored all the same */
    rq = letter_request(&claim);
    atomic_store(&w.mute, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(send(&w, &ada, &rq, i == 0 ? "first" : "second", NULL),
                         ERR_UNAVAILABLE);
    atomic_store(&w.mute, false);
    evidence_tick(w.ev);
    ok(upload_begin(w.ev, &ada, &rq, &u));
    ok(upload_write(u, "third", 5));
    ok(upload_finish(u, &r));
    buf_clear(&r.receipt);
    upload_free(u);
    size_t stored = world_blobs(&w) - 2; /* of the two */
    ck_assert_uint_le(stored, 2);
    world_awaits(&w, "upload.broken", "\"reason\":\"trouble\"", 2 - stored);
    world_end(&w);
}
END_TEST

START_TEST(a_flood_of_refusals_is_counted)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    rq.length = 0;
    for (int i = 0; i < 300; i++)
        refused(REFUSAL_FILE_EMPTY, send(&w, &ada, &rq, "", NULL));
    world_close(&w);
    world_open(&w);
    ck_assert_uint_eq(world_entries(&w, "upload.refused", NULL), 20);
    ck_assert_uint_eq(world_entries(&w, "refusals.counted", "\"count\":280"), 1);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/intake/upload", what_comes_in_is_recorded_as_it_came,
        what_was_not_inspected_is_not_available, who_and_where, sizes, types, digests, room,
        nobody_takes_all_uploads, a_key_is_one_artefact, a_repeat_is_asked_who_it_is_too,
        a_key_that_runs_is_busy_and_free_again_whatever_became_of_it,
        the_same_keys_from_several_threads, an_upload_that_is_given_up_leaves_nothing,
        authority_that_ends_during_the_upload, a_log_that_cannot_be_signed_takes_nothing,
        a_full_disk, refusals_name_what_they_may, a_broken_upload_is_told,
        a_flood_of_refusals_is_counted);
}
