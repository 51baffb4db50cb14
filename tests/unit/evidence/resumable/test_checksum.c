/* Pieces with a checksum: what is wrong has never been there. */
#include "tests/unit/evidence/resumable/world.h"

#include <openssl/evp.h>

static struct resumable_piece piece_of(uint64_t at, uint64_t upto, enum resumable_checksum how)
{
    struct resumable_piece piece = {.offset = at, .length = -1, .checksum = how};
    size_t len = (size_t)(upto - at);
    uint8_t *text = malloc(len + 1);
    text_fill(text, at, len);
    const EVP_MD *md = how == CHECKSUM_SHA1 ? EVP_sha1() : EVP_sha256();
    ck_assert_int_eq(EVP_Digest(text, len, piece.expected, NULL, md, NULL), 1);
    free(text);
    return piece;
}

static struct sent *send_piece(struct world *w, const struct principal *p,
                               const struct uuid *id, const struct resumable_piece *piece,
                               uint64_t upto)
{
    static struct sent s;
    struct resumable_writer *rw = NULL;
    memset(&s, 0, sizeof(s));
    enum err e = resumable_open(w->ev, p, id, piece, &s.view, &rw);
    if (e == ERR_OK)
        e = text_write(rw, piece->offset, upto);
    if (e == ERR_OK)
        e = resumable_close(rw, RESUMABLE_BY_LENGTH, &s.view, &s.result);
    sent_end(&s, e);
    resumable_free(rw);
    return &s;
}

START_TEST(right_and_wrong)
{
    static const uint64_t CUTS[] = {0, 5, 5, 70000, 200000, 700000};
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 700000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct sent *s = NULL;
    for (size_t i = 1; i < ARRAY_LEN(CUTS); i++) {
        enum resumable_checksum how = i % 2 ? CHECKSUM_SHA1 : CHECKSUM_SHA256;
        struct resumable_piece piece = piece_of(CUTS[i - 1], CUTS[i], how), wrong = piece;
        wrong.expected[how == CHECKSUM_SHA1 ? 19 : 31] ^= 1;
        s = send_piece(&w, &ada, &id, &wrong, CUTS[i]);
        ck_sent_refused(REFUSAL_DIGEST_MISMATCH, s);
        ck_assert_uint_eq(s->view.record.offset, CUTS[i - 1]);
        ck_assert_uint_eq(session_offset(&w, &ada, &id), CUTS[i - 1]);
        ck_assert_uint_le(world_parts(&w), 1); /* what was staged is gone */
        s = send_piece(&w, &ada, &id, &piece, CUTS[i]);
        ck_assert_msg(s->e == ERR_OK, "%s", err_message(s->e));
        ck_assert_uint_eq(s->view.record.offset, CUTS[i]);
    }
    ck_became_evidence(&w, &ada, s, 700000);
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(with_and_without_by_turns)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = piece_of(100000, 300000, CHECKSUM_SHA1);
    session_break(&w, &ada, &id, 0, 100000);
    ck_assert_int_eq(send_piece(&w, &ada, &id, &piece, 300000)->e, ERR_OK);
    ck_became_evidence(
        &w, &ada, session_send(&w, &ada, &id, 300000, 500000, RESUMABLE_BY_LENGTH), 500000);
    world_end(&w);
}
END_TEST

START_TEST(half_a_piece_is_none)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 500000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = piece_of(100000, 300000, CHECKSUM_SHA256);
    struct resumable_writer *rw = NULL;
    struct resumable_view view;
    session_break(&w, &ada, &id, 0, 100000);
    ok(resumable_open(w.ev, &ada, &id, &piece, &view, &rw));
    ok(text_write(rw, 100000, 250000));
    resumable_free(rw); /* the connection broke */
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 100000);
    rw = NULL;
    ok(resumable_open(w.ev, &ada, &id, &piece, &view, &rw));
    ok(text_write(rw, 100000, 300000));
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 100000); /* taken over */
    refused(REFUSAL_UPLOAD_LOCKED, text_write(rw, 300000, 300001));
    resumable_free(rw);
    piece.length = 200000; /* more than announced: the checksum cannot be right */
    rw = NULL;
    ok(resumable_open(w.ev, &ada, &id,
                      &(struct resumable_piece){.offset = 100000, .length = -1}, &view, &rw));
    resumable_free(rw);
    ck_assert_uint_eq(world_parts(&w), 1);
    world_end(&w);
}
END_TEST

START_TEST(more_than_announced)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 1000);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = piece_of(0, 1001, CHECKSUM_SHA1);
    ck_sent_refused(REFUSAL_INVALID_REQUEST, send_piece(&w, &ada, &id, &piece, 1001));
    ck_assert_uint_eq(session_offset(&w, &ada, &id), 0);
    world_end(&w);
}
END_TEST

static void tiny_kinds(struct world *w)
{
    for (size_t i = 0; i < w->kinds.n; i++)
        w->kinds.rows[i].max_bytes = 1000;
}

START_TEST(more_than_is_taken_at_all)
{
    struct world w = {.tiny = NULL};
    world_make(&w, tiny_kinds);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, -1);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = piece_of(0, 1001, CHECKSUM_SHA1);
    struct resumable_view view;
    ck_sent_refused(REFUSAL_FILE_TOO_LARGE, send_piece(&w, &ada, &id, &piece, 1001));
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view));
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

START_TEST(a_right_piece_of_a_wrong_type_ends_it)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, 100000);
    strcpy(rq.upload.media_type, "application/pdf");
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = piece_of(0, 50000, CHECKSUM_SHA1);
    struct resumable_view view;
    ck_sent_refused(REFUSAL_TYPE_NOT_ALLOWED, send_piece(&w, &ada, &id, &piece, 50000));
    refused(REFUSAL_UPLOAD_GONE, resumable_find(w.ev, &ada, &id, &view));
    ck_assert_uint_eq(world_parts(&w), 0);
    world_end(&w);
}
END_TEST

/* Past SEAL_ASIDE bytes a sealer has a worker, and the sealer of a piece is the upload's. */
START_TEST(a_piece_as_large_as_a_file)
{
    enum { BEFORE = 100000, SIZE = BEFORE + SEAL_ASIDE + 5 * SEAL_BLOCK + 7 };
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct resumable_request rq = session_request(&claim, SIZE);
    struct uuid id = session_begin(&w, &ada, &rq);
    struct resumable_piece piece = piece_of(BEFORE, SIZE, CHECKSUM_SHA256), wrong = piece;
    wrong.expected[0] ^= 1;
    session_break(&w, &ada, &id, 0, BEFORE);
    ck_sent_refused(REFUSAL_DIGEST_MISMATCH, send_piece(&w, &ada, &id, &wrong, SIZE));
    ck_assert_uint_eq(session_offset(&w, &ada, &id), BEFORE);
    struct sent *s = send_piece(&w, &ada, &id, &piece, SIZE);
    ck_assert_msg(s->e == ERR_OK, "%s", err_message(s->e));
    ck_assert_int_eq(s->view.record.state, UPLOAD_FINISHED);
    uint8_t digest[32];
    text_digest(SIZE, digest);
    ck_assert_mem_eq(s->result.artefact.sha256, digest, sizeof(digest));
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/resumable/checksum", right_and_wrong, with_and_without_by_turns,
                     half_a_piece_is_none, more_than_announced, more_than_is_taken_at_all,
                     a_right_piece_of_a_wrong_type_ends_it, a_piece_as_large_as_a_file);
}
