/* The talk with a witness: requests as the specification spells them, and answers of honest,
 * mistaken and hostile witnesses. */
#include "crypto/witness.h"
#include "gateway/base/encode.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define LOG_NAME "gateway.example/log"
#define WITNESS_NAME "witness.example/w1"
#define DASH "\xe2\x80\x94 "

static struct note_signer log_key, keys[2]; /* the witness's, and a stranger's */
static struct note_verifier witness, stranger;
static struct buf note, line, other_line;

static void signer_of(const char *name, uint8_t seed_byte, struct note_signer *out)
{
    AUTO(secret_free) struct secret *seed = NULL;

    ck_assert_int_eq(secret_new(NOTE_KEY_SIZE, &seed), ERR_OK);
    memset(seed->bytes, seed_byte, NOTE_KEY_SIZE);
    ck_assert_int_eq(note_signer_load(name, seed, out), ERR_OK);
}

static void witness_of(struct note_signer *s, struct note_verifier *v, uint64_t time,
                       struct buf *out)
{
    ck_assert_int_eq(
        note_verifier_make(s->verifier.name, NOTE_COSIGNATURE, s->verifier.public_key, v),
        ERR_OK);
    buf_init(out, NOTE_MAX);
    ck_assert_int_eq(note_cosign(s, time, buf_text(&note), note.len, out), ERR_OK);
}

static void begin(void)
{
    struct checkpoint c = {.origin = LOG_NAME, .size = 1234};

    memset(c.root.bytes, 7, sizeof(c.root.bytes));
    signer_of(LOG_NAME, 1, &log_key);
    signer_of(WITNESS_NAME, 2, &keys[0]);
    signer_of("witness.example/w2", 3, &keys[1]);
    buf_init(&note, NOTE_MAX);
    ck_assert_int_eq(checkpoint_sign(&log_key, &c, &note), ERR_OK);
    witness_of(&keys[0], &witness, 1795323790, &line);
    witness_of(&keys[1], &stranger, 1795323791, &other_line);
}

static void end(void)
{
    note_signer_clear(&log_key);
    note_signer_clear(&keys[0]);
    note_signer_clear(&keys[1]);
    buf_clear(&note);
    buf_clear(&line);
    buf_clear(&other_line);
}

static enum err answer(const char *text, struct cosignature *out)
{
    return witness_answer_parse(text, strlen(text), buf_text(&note), note.len, &witness, out);
}

static void text_of(struct buf *out, const char *const *parts, size_t n)
{
    buf_init(out, 2 * WITNESS_ANSWER_MAX);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(buf_append_str(out, parts[i]), ERR_OK);
}
#define ANSWER(out, ...)                                                                       \
    text_of(&(out), (const char *const[]){__VA_ARGS__},                                        \
            ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

START_TEST(a_request_is_what_the_specification_draws)
{
    static const char want[] = "old 20852014\n"
                               "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
                               "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
                               "\n"
                               "the note\n";
    AUTO_CLEAR(buf_clear) struct buf body;
    struct merkle_proof proof = {.n = 2};
    const char *at = strchr(want, '\n') + 1;

    for (size_t i = 0; i < proof.n; i++, at = strchr(at, '\n') + 1) {
        size_t n;
        ck_assert_int_eq(
            base64_decode(BASE64_STANDARD, at, 44, proof.hashes[i].bytes, MERKLE_HASH_SIZE, &n),
            ERR_OK);
    }
    buf_init(&body, WITNESS_REQUEST_MAX);
    ck_assert_int_eq(witness_request_format(20852014, &proof, "the note\n", 9, &body), ERR_OK);
    ck_assert_str_eq(buf_text(&body), want);
    buf_reset(&body);
    proof.n = 0;
    ck_assert_int_eq(witness_request_format(0, &proof, "the note\n", 9, &body), ERR_OK);
    ck_assert_str_eq(buf_text(&body), "old 0\n\nthe note\n");
}
END_TEST

START_TEST(a_request_holds_no_more_hashes_than_may_be_sent)
{
    AUTO_CLEAR(buf_clear) struct buf body;
    static char largest[NOTE_MAX];
    struct merkle_proof proof = {.n = WITNESS_HASHES_MAX};

    memset(largest, 'x', sizeof(largest));
    buf_init(&body, WITNESS_REQUEST_MAX);
    ck_assert_int_eq(
        witness_request_format(MERKLE_SIZE_MAX, &proof, largest, sizeof(largest), &body),
        ERR_OK);
    proof.n++;
    ck_assert_int_eq(witness_request_format(1, &proof, "n\n", 2, &body), ERR_TOO_LARGE);
}
END_TEST

START_TEST(a_cosignature_is_found_and_verified)
{
    struct cosignature c;
    AUTO_CLEAR(buf_clear) struct buf whole;
    uint64_t time;

    begin();
    ck_assert_int_eq(answer(buf_text(&line), &c), ERR_OK);
    ck_assert_str_eq(c.line, buf_text(&line));
    ck_assert_uint_eq(c.time, 1795323790);
    ANSWER(whole, buf_text(&note), c.line);
    ck_assert_int_eq(note_verify_cosignature(buf_text(&whole), whole.len, &witness, &time),
                     ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&whole), whole.len, &log_key.verifier), ERR_OK);
    end();
}
END_TEST

START_TEST(lines_of_other_keys_and_algorithms_are_passed_over)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    struct cosignature c;
    char longer[4096];
    uint8_t blob[4 + 8 + 2420] = {1, 2, 3, 4}; /* as long as ML-DSA-44 */
    char b64[BASE64_SIZE(sizeof(blob))];

    begin();
    (void)base64_encode(BASE64_STANDARD, blob, sizeof(blob), b64);
    (void)snprintf(longer, sizeof(longer), DASH WITNESS_NAME " %s\n", b64);
    ANSWER(text, buf_text(&other_line), longer, buf_text(&line), buf_text(&other_line));
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_OK);
    ck_assert_str_eq(c.line, buf_text(&line));
    buf_clear(&text);
    ANSWER(text, buf_text(&other_line), longer);
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_CRYPTO);
    end();
}
END_TEST

START_TEST(a_name_alone_is_not_the_key)
{
    struct note_signer same_name;
    struct note_verifier v;
    struct cosignature c;
    AUTO_CLEAR(buf_clear) struct buf theirs, both;

    begin();
    signer_of(WITNESS_NAME, 9, &same_name);
    witness_of(&same_name, &v, 5, &theirs);
    ck_assert_int_eq(answer(buf_text(&theirs), &c), ERR_CRYPTO);
    ANSWER(both, buf_text(&theirs), buf_text(&line));
    ck_assert_int_eq(answer(buf_text(&both), &c), ERR_OK);
    ck_assert_uint_eq(c.time, 1795323790);
    note_signer_clear(&same_name);
    end();
}
END_TEST

START_TEST(every_changed_bit_is_refused)
{
    struct cosignature c;

    begin();
    for (size_t i = 0; i < line.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            line.data[i] ^= (uint8_t)(1 << bit);
            ck_assert_msg(witness_answer_parse(buf_text(&line), line.len, buf_text(&note),
                                               note.len, &witness, &c) != ERR_OK,
                          "byte %zu bit %d", i, bit);
            line.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t len = 0; len < line.len; len++)
        ck_assert_int_ne(
            witness_answer_parse(buf_text(&line), len, buf_text(&note), note.len, &witness, &c),
            ERR_OK);
    end();
}
END_TEST

START_TEST(a_cosignature_of_another_checkpoint_is_refused)
{
    struct checkpoint c = {.origin = LOG_NAME, .size = 1235};
    AUTO_CLEAR(buf_clear) struct buf other;
    struct cosignature out;

    begin();
    buf_init(&other, NOTE_MAX);
    ck_assert_int_eq(checkpoint_sign(&log_key, &c, &other), ERR_OK);
    ck_assert_int_eq(witness_answer_parse(buf_text(&line), line.len, buf_text(&other),
                                          other.len, &witness, &out),
                     ERR_CRYPTO);
    end();
}
END_TEST

START_TEST(two_lines_of_the_key_are_refused)
{
    AUTO_CLEAR(buf_clear) struct buf text, later;
    struct note_verifier v;
    struct cosignature c;

    begin();
    witness_of(&keys[0], &v, 1795323999, &later);
    ANSWER(text, buf_text(&line), buf_text(&later));
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_CRYPTO);
    end();
}
END_TEST

START_TEST(a_bad_line_of_the_key_spoils_a_good_one)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    struct cosignature c;
    char bad[COSIGNATURE_LINE_MAX];

    begin();
    (void)snprintf(bad, sizeof(bad), "%s", buf_text(&line));
    bad[line.len - 20] = bad[line.len - 20] == 'A' ? 'B' : 'A';
    ANSWER(text, buf_text(&line), bad);
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_CRYPTO);
    end();
}
END_TEST

START_TEST(a_cosignature_without_a_time_is_refused)
{
    AUTO_CLEAR(buf_clear) struct buf timeless;
    struct note_verifier v;
    struct cosignature c;

    begin();
    witness_of(&keys[0], &v, 0, &timeless);
    ck_assert_int_eq(answer(buf_text(&timeless), &c), ERR_CRYPTO);
    end();
}
END_TEST

START_TEST(the_logs_own_signature_is_no_cosignature)
{
    struct cosignature c;

    begin();
    ck_assert_int_eq(answer(strstr(buf_text(&note), "\n\n") + 2, &c), ERR_CRYPTO);
    ck_assert_int_eq(witness_answer_parse(buf_text(&line), line.len, buf_text(&note), note.len,
                                          &log_key.verifier, &c),
                     ERR_UNSUPPORTED);
    end();
}
END_TEST

START_TEST(what_is_not_signature_lines_is_malformed)
{
    static const char *const bad[] = {
        "",
        "\n",
        "ok\n",
        "<html></html>\n",
        DASH "\n",
        DASH "x\n",
        DASH "x !!!!\n",
        DASH "x AAAA",
        "- x AAAAAAAA\n",
    };
    AUTO_CLEAR(buf_clear) struct buf text;
    struct cosignature c;

    begin();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(answer(bad[i], &c) == ERR_INVALID, "%zu", i);
    ANSWER(text, buf_text(&line), "\n");
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_INVALID);
    buf_clear(&text);
    ANSWER(text, "\n", buf_text(&line));
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_INVALID);
    end();
}
END_TEST

START_TEST(lines_and_bytes_are_counted)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    struct cosignature c;

    begin();
    buf_init(&text, 2 * WITNESS_ANSWER_MAX);
    for (int i = 1; i < WITNESS_LINES_MAX; i++)
        ck_assert_int_eq(buf_append(&text, other_line.data, other_line.len), ERR_OK);
    ck_assert_int_eq(buf_append(&text, line.data, line.len), ERR_OK);
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_OK);
    ck_assert_int_eq(buf_append(&text, other_line.data, other_line.len), ERR_OK);
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_INVALID);

    buf_reset(&text);
    ck_assert_int_eq(buf_append_str(&text, DASH), ERR_OK);
    while (text.len < WITNESS_ANSWER_MAX - line.len - 1)
        ck_assert_int_eq(buf_append_byte(&text, 'x'), ERR_OK);
    ck_assert_int_eq(buf_append_byte(&text, '\n'), ERR_OK);
    ck_assert_int_eq(buf_append(&text, line.data, line.len), ERR_OK);
    ck_assert_uint_eq(text.len, WITNESS_ANSWER_MAX);
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_OK);
    ck_assert_int_eq(buf_append_byte(&text, '\n'), ERR_OK);
    ck_assert_int_eq(answer(buf_text(&text), &c), ERR_INVALID);
    end();
}
END_TEST

START_TEST(the_longest_name_fits)
{
    char name[NOTE_NAME_MAX + 1];
    struct note_signer s;
    struct note_verifier v;
    struct cosignature c;
    AUTO_CLEAR(buf_clear) struct buf theirs;

    begin();
    memset(name, 'n', NOTE_NAME_MAX);
    name[NOTE_NAME_MAX] = '\0';
    signer_of(name, 4, &s);
    witness_of(&s, &v, INT64_MAX, &theirs);
    ck_assert_uint_le(theirs.len, COSIGNATURE_LINE_MAX);
    ck_assert_int_eq(
        witness_answer_parse(buf_text(&theirs), theirs.len, buf_text(&note), note.len, &v, &c),
        ERR_OK);
    ck_assert_uint_eq(c.time, INT64_MAX);
    note_signer_clear(&s);
    end();
}
END_TEST

START_TEST(a_size_has_one_spelling)
{
    static const char *const bad[] = {"",
                                      "\n",
                                      "7",
                                      "07\n",
                                      "+7\n",
                                      "-1\n",
                                      " 7\n",
                                      "7 \n",
                                      "7\r\n",
                                      "7\n\n",
                                      "0x7\n",
                                      "seven\n",
                                      "9223372036854775808\n"};
    uint64_t size = 0;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(witness_size_parse(bad[i], strlen(bad[i]), &size) == ERR_INVALID, "%zu",
                      i);
    ck_assert_int_eq(witness_size_parse("7\0\n", 3, &size), ERR_INVALID);
    ck_assert_int_eq(witness_size_parse("0\n", 2, &size), ERR_OK);
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(witness_size_parse("9223372036854775807\n", 20, &size), ERR_OK);
    ck_assert_uint_eq(size, MERKLE_SIZE_MAX);
}
END_TEST

int main(void)
{
    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN(
        "crypto/witness", a_request_is_what_the_specification_draws,
        a_request_holds_no_more_hashes_than_may_be_sent, a_cosignature_is_found_and_verified,
        lines_of_other_keys_and_algorithms_are_passed_over, a_name_alone_is_not_the_key,
        every_changed_bit_is_refused, a_cosignature_of_another_checkpoint_is_refused,
        two_lines_of_the_key_are_refused, a_bad_line_of_the_key_spoils_a_good_one,
        a_cosignature_without_a_time_is_refused, the_logs_own_signature_is_no_cosignature,
        what_is_not_signature_lines_is_malformed, lines_and_bytes_are_counted,
        the_longest_name_fits, a_size_has_one_spelling);
}
