/* Cosignatures: kept under the checkpoint they were made for, carried by later receipts, and
 * what happens when the rows are not what was written. */
#include "gateway/base/clock.h"
#include "tests/unit/storage/ledger_world.h"

#define COSIGNED_AT UINT64_C(1795323790)

static struct world w;
static struct note_signer keys[16];
static struct note_verifier witnesses[16];

static void witness_make(size_t i)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "witness.example/w%02zu", i);
    ok(note_signer_generate(name, &keys[i]));
    ok(note_verifier_make(name, NOTE_COSIGNATURE, keys[i].verifier.public_key, &witnesses[i]));
}

static void begin(void)
{
    world_begin(&w);
    witness_make(0);
    witness_make(1);
}

static void end(void)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].seed != NULL)
            note_signer_clear(&keys[i]);
    }
    world_end(&w);
}

/* What a witness gives for a note. */
static void cosign(size_t witness, uint64_t time, const struct buf *note,
                   struct cosignature *out)
{
    AUTO_CLEAR(buf_clear) struct buf line;

    buf_init(&line, COSIGNATURE_LINE_MAX);
    ok(note_cosign(&keys[witness], time, buf_text(note), note->len, &line));
    ok(witness_answer_parse(buf_text(&line), line.len, buf_text(note), note->len,
                            &witnesses[witness], out));
}

struct put_job {
    const struct buf *note;
    const char *witness;
    struct cosignature cosignature;
};

static enum err put_apply(struct commit_tx *tx, void *ctx)
{
    struct put_job *j = ctx;

    return ledger_cosignature_put(tx, j->note, j->witness, &j->cosignature);
}

static enum err put(struct world *in, struct put_job *j)
{
    struct commit_job job = {.apply = put_apply, .ctx = j, .unlogged = true};

    return committer_run(in->committer, &job);
}

static void cosign_newest_at(struct world *in, size_t witness, uint64_t time)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct put_job j = {.note = &note, .witness = witnesses[witness].name};
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    ok(ledger_checkpoint(in->ledger, &note, &size));
    cosign(witness, time, &note, &j.cosignature);
    ok(put(in, &j));
}

static void cosign_newest(size_t witness)
{
    cosign_newest_at(&w, witness, COSIGNED_AT);
}

static bool has_cosignature(const struct receipt *r, size_t witness, uint64_t *time)
{
    return note_verify_cosignature(r->note, r->note_len, &witnesses[witness], time) == ERR_OK;
}

/* The receipt of an entry in the shape of GET .../receipt, verified; the size of its tree. */
static uint64_t receipt_size(struct world *in, uint64_t index, bool cosigned[2])
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r = {.index = 0};
    uint64_t time;

    buf_init(&text, RECEIPT_MAX);
    ok(ledger_receipt_cosigned(in->ledger, index, &text));
    ok(receipt_parse(buf_text(&text), text.len, &r));
    ok(receipt_verify(&r, &w.signer->key.verifier));
    ck_assert_uint_eq(r.index, index);
    for (size_t i = 0; i < 2; i++)
        cosigned[i] = has_cosignature(&r, i, &time);
    return r.checkpoint.size;
}

static void receipt_is(uint64_t index, uint64_t size, bool first, bool second)
{
    bool cosigned[2];

    ck_assert_uint_eq(receipt_size(&w, index, cosigned), size);
    ck_assert_int_eq(cosigned[0], first);
    ck_assert_int_eq(cosigned[1], second);
}

START_TEST(without_cosignatures_the_newest_checkpoint_serves)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint64_t size;

    begin();
    buf_init(&note, NOTE_MAX);
    fails(ERR_NOT_FOUND, ledger_checkpoint_cosigned(w.ledger, &note, &size));
    fails(ERR_NOT_FOUND, ledger_receipt_cosigned(w.ledger, 0, &note));
    world_append(&w, 3);
    fails(ERR_NOT_FOUND, ledger_checkpoint_cosigned(w.ledger, &note, &size));
    receipt_is(2, 3, false, false);
    fails(ERR_NOT_FOUND, ledger_receipt_cosigned(w.ledger, 3, &note));
    end();
}
END_TEST

START_TEST(a_receipt_is_of_the_newest_cosigned_checkpoint_that_covers_it)
{
    AUTO_CLEAR(buf_clear) struct buf text;

    begin();
    world_append(&w, 3);
    cosign_newest(0);
    receipt_is(1, 3, true, false);
    world_append(&w, 5);
    receipt_is(1, 3, true, false);
    receipt_is(2, 3, true, false);
    receipt_is(3, 8, false, false); /* not covered yet */
    cosign_newest(1);
    receipt_is(1, 8, false, true);
    receipt_is(7, 8, false, true);
    cosign_newest(0);
    receipt_is(7, 8, true, true);
    world_append(&w, 1);
    receipt_is(7, 8, true, true);
    receipt_is(8, 9, false, false);

    /* What the answer to an upload carries is the newest, as ever. */
    buf_init(&text, RECEIPT_MAX);
    ok(ledger_receipt(w.ledger, 1, &text));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "\nlog.example\n9\n"));
    ck_assert_ptr_null(strstr(buf_text(&text), "witness.example"));
    end();
}
END_TEST

START_TEST(the_cosigned_checkpoint_carries_every_line)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint64_t size, time;

    begin();
    world_append(&w, 4);
    cosign_newest(1);
    cosign_newest_at(&w, 0, COSIGNED_AT + 7);
    world_append(&w, 1);
    buf_init(&note, NOTE_MAX);
    ok(ledger_checkpoint_cosigned(w.ledger, &note, &size));
    ck_assert_uint_eq(size, 4);
    ok(note_verify(buf_text(&note), note.len, &w.signer->key.verifier));
    ok(note_verify_cosignature(buf_text(&note), note.len, &witnesses[0], &time));
    ck_assert_uint_eq(time, COSIGNED_AT + 7);
    ok(note_verify_cosignature(buf_text(&note), note.len, &witnesses[1], &time));
    ck_assert_uint_eq(time, COSIGNED_AT);
    end();
}
END_TEST

START_TEST(proofs_hold_against_older_trees_of_any_shape)
{
    static const uint64_t sizes[] = {1, 3, 255, 257, 512, 600, 5000, 65536, 65793};
    uint64_t grown = 0;
    bool cosigned[2];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint64_t size = sizes[i];
        world_append(&w, size - grown);
        cosign_newest(0);
        world_append(&w, 1); /* so that the cosigned tree is never the newest */
        grown = size + 1;
        for (uint64_t index = 0; index < size; index += 1 + size / 13) {
            ck_assert_uint_eq(receipt_size(&w, index, cosigned), size);
            ck_assert(cosigned[0]);
        }
        ck_assert_uint_eq(receipt_size(&w, size - 1, cosigned), size);
        ck_assert_uint_eq(receipt_size(&w, size, cosigned), size + 1);
        ck_assert(!cosigned[0]);
    }
    end();
}
END_TEST

START_TEST(what_another_process_stored_is_noticed)
{
    struct world other;

    begin();
    world_append(&w, 3);
    world_beside(&other, &w);
    receipt_is(0, 3, false, false);
    cosign_newest_at(&other, 0, COSIGNED_AT);
    receipt_is(0, 3, true, false);
    world_close(&other);
    world_reopen(&w);
    receipt_is(0, 3, true, false);
    end();
}
END_TEST

/* The other process has signed what we have not published yet. */
START_TEST(a_cosigned_checkpoint_beyond_ours_has_to_wait)
{
    struct world other;

    begin();
    world_append(&w, 3);
    cosign_newest(0);
    world_beside(&other, &w);
    world_append(&other, 2);
    cosign_newest_at(&other, 1, COSIGNED_AT);
    receipt_is(0, 3, true, false);
    world_append(&w, 1);
    receipt_is(0, 5, false, true);
    world_close(&other);
    end();
}
END_TEST

START_TEST(cosigning_again_replaces_the_older_one)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r = {.index = 0};
    uint64_t time = 0;

    begin();
    world_append(&w, 3);
    cosign_newest_at(&w, 0, COSIGNED_AT);
    cosign_newest_at(&w, 0, COSIGNED_AT + 100);
    buf_init(&text, RECEIPT_MAX);
    ok(ledger_receipt_cosigned(w.ledger, 0, &text));
    ok(receipt_parse(buf_text(&text), text.len, &r));
    ck_assert(has_cosignature(&r, 0, &time));
    ck_assert_uint_eq(time, COSIGNED_AT + 100);
    end();
}
END_TEST

START_TEST(the_last_size_of_each_witness_is_known)
{
    uint64_t size = 0;
    struct db *db;

    begin();
    world_append(&w, 3);
    cosign_newest(0);
    world_append(&w, 2);
    cosign_newest(1);
    ok(db_read_begin(w.pool, &db));
    ok(ledger_cosigned_size(db, witnesses[0].name, &size));
    ck_assert_uint_eq(size, 3);
    ok(ledger_cosigned_size(db, witnesses[1].name, &size));
    ck_assert_uint_eq(size, 5);
    fails(ERR_NOT_FOUND, ledger_cosigned_size(db, "witness.example/w9", &size));
    db_read_end(db);
    end();
}
END_TEST

START_TEST(a_note_has_room_for_so_many)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r = {.index = 0};
    uint64_t time;
    size_t n = 0;

    begin();
    world_append(&w, 3);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (i > 1)
            witness_make(i);
        cosign_newest(i);
    }
    buf_init(&text, RECEIPT_MAX);
    ok(ledger_receipt_cosigned(w.ledger, 0, &text));
    ok(receipt_parse(buf_text(&text), text.len, &r));
    ok(receipt_verify(&r, &w.signer->key.verifier));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        n += has_cosignature(&r, i, &time);
    ck_assert_uint_eq(n, NOTE_SIGNATURES_MAX - 1);
    end();
}
END_TEST

START_TEST(another_checkpoint_of_the_size_is_refused)
{
    AUTO_CLEAR(buf_clear) struct buf forked;
    struct checkpoint c = {.origin = "log.example", .size = 3};
    struct put_job j = {.note = &forked, .witness = witnesses[0].name};

    begin();
    world_append(&w, 3);
    cosign_newest(1);
    buf_init(&forked, NOTE_MAX);
    ok(checkpoint_sign(&w.signer->key, &c, &forked));
    cosign(0, COSIGNED_AT, &forked, &j.cosignature);
    fails(ERR_CONFLICT, put(&w, &j));
    receipt_is(0, 3, false, true);
    end();
}
END_TEST

START_TEST(what_makes_no_sense_is_not_stored)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct put_job j = {.note = &note, .witness = witnesses[0].name};
    uint64_t size;

    begin();
    world_append(&w, 3);
    buf_init(&note, NOTE_MAX);
    ok(ledger_checkpoint(w.ledger, &note, &size));
    cosign(0, INT64_MAX / MICROS_PER_SECOND + 1, &note, &j.cosignature);
    fails(ERR_INVALID, put(&w, &j));
    cosign(0, INT64_MAX / MICROS_PER_SECOND, &note, &j.cosignature);
    ok(put(&w, &j));
    note.len--;
    fails(ERR_INVALID, put(&w, &j));
    end();
}
END_TEST

/* A receipt that would not verify is not given out. */
START_TEST(changed_rows_are_found)
{
    static const char *const changes[] = {
        "UPDATE ledger_checkpoints SET note = 'x' WHERE size = 3",
        "UPDATE ledger_checkpoints SET note = replace(note, char(10) || '3' || char(10),"
        " char(10) || '2' || char(10)) WHERE size = 3",
        "UPDATE ledger_cosignatures SET line = 'x'",
        "UPDATE ledger_cosignatures SET line = line || char(10)",
        "DELETE FROM ledger_checkpoints WHERE size = 3",
    };

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        AUTO_CLEAR(buf_clear) struct buf out;
        uint64_t size;

        begin();
        buf_init(&out, RECEIPT_MAX);
        world_append(&w, 3);
        cosign_newest(0);
        world_append(&w, 1);
        world_sql(&w, changes[i]);
        ck_assert_msg(ledger_receipt_cosigned(w.ledger, 0, &out) == ERR_CORRUPT, "%zu", i);
        fails(ERR_CORRUPT, ledger_checkpoint_cosigned(w.ledger, &out, &size));
        world_receipted(&w, 0);
        end();
    }
}
END_TEST

/* The log's own signature of another tree: by a key that was stolen, or by a fork. */
START_TEST(a_cosigned_checkpoint_of_another_tree_is_found)
{
    AUTO_CLEAR(buf_clear) struct buf forked, out;
    struct checkpoint c = {.origin = "log.example", .size = 2};
    struct put_job j = {.note = &forked, .witness = witnesses[0].name};

    begin();
    buf_init(&forked, NOTE_MAX);
    buf_init(&out, RECEIPT_MAX);
    world_append(&w, 4);
    ok(checkpoint_sign(&w.signer->key, &c, &forked));
    cosign(0, COSIGNED_AT, &forked, &j.cosignature);
    ok(put(&w, &j));
    fails(ERR_CORRUPT, ledger_receipt_cosigned(w.ledger, 0, &out));
    ck_assert_uint_eq(out.len, 0);
    world_receipted(&w, 0);
    end();
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "storage/ledger_cosign", without_cosignatures_the_newest_checkpoint_serves,
        a_receipt_is_of_the_newest_cosigned_checkpoint_that_covers_it,
        the_cosigned_checkpoint_carries_every_line,
        proofs_hold_against_older_trees_of_any_shape, what_another_process_stored_is_noticed,
        a_cosigned_checkpoint_beyond_ours_has_to_wait, cosigning_again_replaces_the_older_one,
        the_last_size_of_each_witness_is_known, a_note_has_room_for_so_many,
        another_checkpoint_of_the_size_is_refused, what_makes_no_sense_is_not_stored,
        changed_rows_are_found, a_cosigned_checkpoint_of_another_tree_is_found);
}
