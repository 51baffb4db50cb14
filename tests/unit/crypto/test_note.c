/* Signed notes, checkpoints and cosignatures: the examples of the specifications, what we sign
 * ourselves, and every way a note can be damaged. */
#include "crypto/note.h"
#include "gateway/base/encode.h"
#include "tests/support/suite.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define LOG_NAME "gateway.example/log"
#define DASH "\xe2\x80\x94"

/* signed-note.md, "Example" */
static const char SPEC_VKEY[] =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char SPEC_NOTE[] = "This is an example message.\n\n" DASH " example.com/foo "
                                "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7"
                                "Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

static struct note_signer signer_of(const char *name, uint8_t seed_byte)
{
    struct note_signer s;
    AUTO(secret_free) struct secret *seed = NULL;
    ck_assert_int_eq(secret_new(32, &seed), ERR_OK);
    memset(seed->bytes, seed_byte, 32);
    ck_assert_int_eq(note_signer_load(name, seed, &s), ERR_OK);
    return s;
}

static void checkpoint_note(const struct note_signer *s, struct buf *note)
{
    struct checkpoint c = {.size = 20852163};
    (void)snprintf(c.origin, sizeof(c.origin), "%s", s->verifier.name);
    memset(c.root.bytes, 7, sizeof(c.root.bytes));
    buf_init(note, NOTE_MAX);
    ck_assert_int_eq(checkpoint_sign(s, &c, note), ERR_OK);
}

START_TEST(test_specification_example)
{
    struct note_verifier v;
    ck_assert_int_eq(note_verifier_parse(SPEC_VKEY, strlen(SPEC_VKEY), &v), ERR_OK);
    ck_assert_str_eq(v.name, "example.com/foo");
    ck_assert_uint_eq(v.key_id, 0x530d903a);
    ck_assert_int_eq(note_verify(SPEC_NOTE, strlen(SPEC_NOTE), &v), ERR_OK);

    char text[NOTE_VKEY_MAX];
    note_verifier_format(&v, text);
    ck_assert_str_eq(text, SPEC_VKEY);
}
END_TEST

START_TEST(test_specification_example_flipped)
{
    struct note_verifier v;
    char note[sizeof(SPEC_NOTE)];
    ck_assert_int_eq(note_verifier_parse(SPEC_VKEY, strlen(SPEC_VKEY), &v), ERR_OK);
    for (size_t i = 0; i < strlen(SPEC_NOTE); i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(note, SPEC_NOTE, sizeof(note));
            note[i] = (char)(note[i] ^ (1 << bit));
            ck_assert_msg(note_verify(note, strlen(SPEC_NOTE), &v) != ERR_OK, "byte %zu bit %d",
                          i, bit);
        }
    }
    for (size_t len = 0; len < strlen(SPEC_NOTE); len++)
        ck_assert_int_ne(note_verify(SPEC_NOTE, len, &v), ERR_OK);
}
END_TEST

START_TEST(test_vkey_round_trip)
{
    struct note_signer s;
    ck_assert_int_eq(note_signer_generate(LOG_NAME, &s), ERR_OK);
    for (uint8_t algorithm = NOTE_ED25519; algorithm <= NOTE_COSIGNATURE; algorithm += 3) {
        struct note_verifier made, parsed;
        char text[NOTE_VKEY_MAX];
        ck_assert_int_eq(note_verifier_make(LOG_NAME, algorithm, s.verifier.public_key, &made),
                         ERR_OK);
        note_verifier_format(&made, text);
        ck_assert_int_eq(note_verifier_parse(text, strlen(text), &parsed), ERR_OK);
        ck_assert_mem_eq(&made, &parsed, sizeof(made));
        strcat(text, "\n");
        ck_assert_int_eq(note_verifier_parse(text, strlen(text), &parsed), ERR_OK);
        strcat(text, "\n");
        ck_assert_int_eq(note_verifier_parse(text, strlen(text), &parsed), ERR_INVALID);
    }
    note_signer_clear(&s);
    ck_assert_ptr_null(s.seed);
}
END_TEST

/* Every changed byte is refused: name and key are bound by the id. */
START_TEST(test_vkey_flipped)
{
    for (size_t i = 0; i < strlen(SPEC_VKEY); i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct note_verifier v;
            char text[sizeof(SPEC_VKEY)];
            memcpy(text, SPEC_VKEY, sizeof(text));
            text[i] = (char)(text[i] ^ (1 << bit));
            ck_assert_int_ne(note_verifier_parse(text, strlen(SPEC_VKEY), &v), ERR_OK);
        }
    }
    for (size_t len = 0; len < strlen(SPEC_VKEY); len++) {
        struct note_verifier v;
        ck_assert_int_ne(note_verifier_parse(SPEC_VKEY, len, &v), ERR_OK);
    }
}
END_TEST

START_TEST(test_names)
{
    static const char *const bad[] = {"",
                                      "a b",
                                      "a+b",
                                      "a\nb",
                                      "a\tb",
                                      "a\x1f",
                                      "\xff",
                                      "a\xc2\xa0"
                                      "b",
                                      "\xe2\x80\x83",
                                      "a\xe3\x80\x80",
                                      "\xed\xa0\x80",
                                      "a\xe2\x80\xa8",
                                      "\xe1\x9a\x80x",
                                      "x\xe2\x80\x8a",
                                      "\xc2\x85"};
    char longest[NOTE_NAME_MAX + 2];
    uint8_t key[32] = {0};
    struct note_verifier v;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(note_verifier_make(bad[i], NOTE_ED25519, key, &v) == ERR_INVALID, "%zu",
                      i);
    memset(longest, 'n', sizeof(longest));
    longest[NOTE_NAME_MAX + 1] = '\0';
    ck_assert_int_eq(note_verifier_make(longest, NOTE_ED25519, key, &v), ERR_INVALID);
    longest[NOTE_NAME_MAX] = '\0';
    ck_assert_int_eq(note_verifier_make(longest, NOTE_ED25519, key, &v), ERR_OK);
    ck_assert_int_eq(note_verifier_make("b\xc3\xbcro.example", NOTE_ED25519, key, &v), ERR_OK);
    ck_assert_int_eq(note_verifier_make(LOG_NAME, 2, key, &v), ERR_UNSUPPORTED);
}
END_TEST

START_TEST(test_longest_name_round_trip)
{
    char name[NOTE_NAME_MAX + 1], text[NOTE_VKEY_MAX];
    memset(name, 'n', NOTE_NAME_MAX);
    name[NOTE_NAME_MAX] = '\0';
    struct note_signer s = signer_of(name, 3);
    struct note_verifier v;
    struct checkpoint c;
    size_t text_len;
    note_verifier_format(&s.verifier, text);
    ck_assert_int_eq(note_verifier_parse(text, strlen(text), &v), ERR_OK);
    AUTO_CLEAR(buf_clear) struct buf note;
    checkpoint_note(&s, &note);
    ck_assert_int_eq(checkpoint_parse(buf_text(&note), note.len, &c, &text_len), ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &v), ERR_OK);
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_signer)
{
    struct note_signer a, b;
    AUTO(secret_free) struct secret *seed = NULL, *shorter = NULL;
    ck_assert_int_eq(note_signer_generate(LOG_NAME, &a), ERR_OK);
    ck_assert_int_eq(note_signer_load(LOG_NAME, a.seed, &b), ERR_OK);
    ck_assert_mem_eq(&a.verifier, &b.verifier, sizeof(a.verifier));
    ck_assert_ptr_ne(a.seed, b.seed);
    note_signer_clear(&a);

    AUTO_CLEAR(buf_clear) struct buf note; /* b goes on by itself */
    checkpoint_note(&b, &note);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &b.verifier), ERR_OK);
    note_signer_clear(&b);

    ck_assert_int_eq(note_signer_generate("no good", &a), ERR_INVALID);
    ck_assert_ptr_null(a.seed);
    ck_assert_int_eq(secret_new(31, &shorter), ERR_OK);
    ck_assert_int_eq(note_signer_load(LOG_NAME, shorter, &a), ERR_INVALID);
    ck_assert_ptr_null(a.seed);
    note_signer_clear(&a); /* a failed one may be cleared */
}
END_TEST

START_TEST(test_checkpoint)
{
    struct note_signer s = signer_of(LOG_NAME, 0);
    AUTO_CLEAR(buf_clear) struct buf note;
    checkpoint_note(&s, &note);
    struct checkpoint c;
    size_t text_len;
    ck_assert_int_eq(checkpoint_parse(buf_text(&note), note.len, &c, &text_len), ERR_OK);
    ck_assert_str_eq(c.origin, LOG_NAME);
    ck_assert_uint_eq(c.size, 20852163);
    ck_assert_uint_eq(c.root.bytes[31], 7);
    static const char text[] =
        LOG_NAME "\n20852163\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
    ck_assert_uint_eq(text_len, strlen(text));
    ck_assert_mem_eq(note.data, text, text_len);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_OK);

    AUTO_CLEAR(buf_clear) struct buf other;
    buf_init(&other, NOTE_MAX);
    ck_assert_int_eq(
        checkpoint_sign(&s, &(struct checkpoint){.origin = "another.example/log"}, &other),
        ERR_INVALID);
    ck_assert_int_eq(
        checkpoint_sign(
            &s, &(struct checkpoint){.origin = LOG_NAME, .size = MERKLE_SIZE_MAX + 1}, &other),
        ERR_TOO_LARGE);
    ck_assert_uint_eq(other.len, 0);
    other.max = 60; /* the text does not fit */
    ck_assert_int_eq(checkpoint_sign(&s, &c, &other), ERR_TOO_LARGE);
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_checkpoint_flipped)
{
    struct note_signer s = signer_of(LOG_NAME, 0);
    AUTO_CLEAR(buf_clear) struct buf note;
    checkpoint_note(&s, &note);
    for (size_t i = 0; i < note.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            note.data[i] ^= (uint8_t)(1 << bit);
            ck_assert_msg(note_verify(buf_text(&note), note.len, &s.verifier) != ERR_OK,
                          "byte %zu bit %d", i, bit);
            note.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_OK);
    note_signer_clear(&s);
}
END_TEST

#define ROOT "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
#define SIGNED "\n" DASH " x AAAAAAA=\n"

static const struct {
    const char *note;
    enum err want;
} CHECKPOINTS[] = {
    {"o\n0\n" ROOT "\n" SIGNED, ERR_OK},
    {"o\n9223372036854775807\n" ROOT "\n" SIGNED, ERR_OK},
    {"o\n1\n" ROOT "\nextension\nanother\n" SIGNED, ERR_OK},
    {"an origin with + and spaces\n1\n" ROOT "\n" SIGNED, ERR_OK},
    {"o\n9223372036854775808\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n18446744073709551616\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n01\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n00\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n+1\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n1 \n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n0x1\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n-0\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd=\n" SIGNED,
     ERR_INVALID}, /* trailing bits */
    {"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n" SIGNED, ERR_INVALID},
    {"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n" SIGNED, ERR_INVALID}, /* 33 bytes */
    {"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==\n" SIGNED, ERR_INVALID}, /* 31 bytes */
    {"o\n1\n" SIGNED, ERR_INVALID},
    {"o\n" SIGNED, ERR_INVALID},
    {"\n1\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"\n" SIGNED, ERR_INVALID},
    {"o\n1\n" ROOT "\n\nbehind an empty line\n" SIGNED, ERR_INVALID},
    {"o\n1\n" ROOT "\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n\n", ERR_INVALID},
    {"o\n1\n" ROOT SIGNED, ERR_INVALID},
    {"o\r\n1\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\t\n1\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\xff\n1\n" ROOT "\n" SIGNED, ERR_INVALID},
    {"o\n1\n" ROOT "\n" SIGNED "more", ERR_INVALID},
    {"o\n1\n" ROOT "\n" SIGNED "\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n- x AAAAAAA=\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH "x AAAAAAA=\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " x\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " \n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " x \n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH "  AAAAAAA=\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " x AAAAAA==\n", ERR_INVALID}, /* a key id alone */
    {"o\n1\n" ROOT "\n\n" DASH " x AAAAAAB=\n", ERR_INVALID}, /* trailing bits */
    {"o\n1\n" ROOT "\n\n" DASH " x AAAAAAA\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " x AAAAAAA= \n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " x+y AAAAAAA=\n", ERR_INVALID},
    {"o\n1\n" ROOT "\n\n" DASH " x\xc2\xa0y AAAAAAA=\n", ERR_INVALID},
};

START_TEST(test_checkpoint_parse)
{
    for (size_t i = 0; i < ARRAY_LEN(CHECKPOINTS); i++) {
        struct checkpoint c;
        size_t text_len;
        enum err e =
            checkpoint_parse(CHECKPOINTS[i].note, strlen(CHECKPOINTS[i].note), &c, &text_len);
        ck_assert_msg(e == CHECKPOINTS[i].want, "%zu: %s", i, err_message(e));
    }
    struct checkpoint c;
    size_t text_len;
    static const char nul[] = "o\0p\n1\n" ROOT "\n" SIGNED;
    ck_assert_int_eq(checkpoint_parse(nul, sizeof(nul) - 1, &c, &text_len), ERR_INVALID);
}
END_TEST

START_TEST(test_limits)
{
    struct checkpoint c;
    size_t text_len;
    struct note_signer s = signer_of(LOG_NAME, 0);
    AUTO_CLEAR(buf_clear) struct buf note;
    checkpoint_note(&s, &note);
    for (int i = 1; i < NOTE_SIGNATURES_MAX; i++)
        ck_assert_int_eq(buf_append_str(&note, DASH " x AAAAAAA=\n"), ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_OK);
    ck_assert_int_eq(buf_append_str(&note, DASH " x AAAAAAA=\n"), ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_INVALID);

    char wide[NOTE_MAX + 2];
    memset(wide, 'a', sizeof(wide));
    ck_assert_int_eq(note_verify(wide, NOTE_MAX + 1, &s.verifier), ERR_TOO_LARGE);
    ck_assert_int_eq(checkpoint_parse(wide, NOTE_MAX + 1, &c, &text_len), ERR_TOO_LARGE);
    (void)snprintf(wide, sizeof(wide), "o\n1\n" ROOT "\n%0*d\n" SIGNED, CHECKPOINT_TEXT_MAX, 1);
    ck_assert_int_eq(checkpoint_parse(wide, strlen(wide), &c, &text_len), ERR_TOO_LARGE);
    (void)snprintf(wide, sizeof(wide), "%0*d\n1\n" ROOT "\n" SIGNED, NOTE_NAME_MAX + 1, 1);
    ck_assert_int_eq(checkpoint_parse(wide, strlen(wide), &c, &text_len), ERR_INVALID);
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_which_key)
{
    struct note_signer s = signer_of(LOG_NAME, 1),
                       renamed = signer_of("gateway.example/log2", 1);
    struct note_signer other = signer_of(LOG_NAME, 2);
    AUTO_CLEAR(buf_clear) struct buf note, second;
    checkpoint_note(&s, &note);
    checkpoint_note(&other, &second);
    const char *text = buf_text(&note);
    ck_assert_int_eq(note_verify(text, note.len, &other.verifier), ERR_CRYPTO);
    ck_assert_int_eq(note_verify(text, note.len, &renamed.verifier), ERR_CRYPTO);

    struct note_verifier forged = other.verifier; /* the id of another key does not help */
    forged.key_id = s.verifier.key_id;
    ck_assert_int_eq(note_verify(text, note.len, &forged), ERR_CRYPTO);
    struct note_verifier witness = s.verifier;
    witness.algorithm = NOTE_COSIGNATURE;
    ck_assert_int_eq(note_verify(text, note.len, &witness), ERR_UNSUPPORTED);

    /* both keys signed the same text: either verifies */
    const char *line = strstr(buf_text(&second), "\n\n") + 2;
    ck_assert_int_eq(buf_append_str(&note, line), ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &other.verifier), ERR_OK);
    ck_assert_int_eq(buf_append_str(&note, line), ERR_OK); /* twice with one key */
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &other.verifier), ERR_CRYPTO);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_OK);
    note_signer_clear(&s);
    note_signer_clear(&renamed);
    note_signer_clear(&other);
}
END_TEST

START_TEST(test_signature_length)
{
    struct note_signer s = signer_of(LOG_NAME, 1);
    AUTO_CLEAR(buf_clear) struct buf note;
    checkpoint_note(&s, &note);
    char *b64 = strrchr((char *)note.data, ' ') + 1, line[400], again[BASE64_SIZE(200)];
    uint8_t blob[200] = {0};
    size_t n;
    ck_assert_int_eq(
        base64_decode(BASE64_STANDARD, b64, strlen(b64) - 1, blob, sizeof(blob), &n), ERR_OK);
    ck_assert_uint_eq(n, 68);
    for (size_t len = 5; len < sizeof(blob); len++) {
        (void)base64_encode(BASE64_STANDARD, blob, len, again);
        (void)snprintf(line, sizeof(line), "%.*s%s\n", (int)(b64 - (char *)note.data),
                       (char *)note.data, again);
        ck_assert_int_eq(note_verify(line, strlen(line), &s.verifier),
                         len == 68 ? ERR_OK : ERR_CRYPTO);
    }
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_cosignature)
{
    struct note_signer s = signer_of(LOG_NAME, 1), w = signer_of("witness.example/w1", 9);
    struct note_verifier wv;
    ck_assert_int_eq(
        note_verifier_make(w.verifier.name, NOTE_COSIGNATURE, w.verifier.public_key, &wv),
        ERR_OK);
    AUTO_CLEAR(buf_clear) struct buf note, line;
    checkpoint_note(&s, &note);
    buf_init(&line, NOTE_MAX);
    uint64_t time = 0;
    ck_assert_int_eq(note_verify_cosignature(buf_text(&note), note.len, &wv, &time),
                     ERR_CRYPTO);
    ck_assert_int_eq(note_cosign(&w, 1679315147, buf_text(&note), note.len, &line), ERR_OK);
    size_t unsigned_len = note.len;
    ck_assert_int_eq(buf_append(&note, line.data, line.len), ERR_OK);
    ck_assert_int_eq(note_verify_cosignature(buf_text(&note), note.len, &wv, &time), ERR_OK);
    ck_assert_uint_eq(time, 1679315147);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &s.verifier), ERR_OK);
    ck_assert_int_eq(note_verify(buf_text(&note), note.len, &w.verifier),
                     ERR_CRYPTO); /* not a plain signature */
    ck_assert_int_eq(note_verify_cosignature(buf_text(&note), note.len, &w.verifier, &time),
                     ERR_UNSUPPORTED);

    for (size_t i = 0; i < note.len;
         i++) { /* the log's own signature line is not the witness's business */
        bool log_line = i > unsigned_len - 130 && i < unsigned_len &&
                        i >= (size_t)(strstr(buf_text(&note), "\n\n") + 2 - buf_text(&note));
        for (int bit = 0; bit < 8 && !log_line; bit++) {
            note.data[i] ^= (uint8_t)(1 << bit);
            ck_assert_msg(note_verify_cosignature(buf_text(&note), note.len, &wv, &time) !=
                              ERR_OK,
                          "byte %zu bit %d", i, bit);
            note.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    ck_assert_int_eq(buf_append(&note, line.data, line.len), ERR_OK);
    ck_assert_int_eq(note_verify_cosignature(buf_text(&note), note.len, &wv, &time),
                     ERR_CRYPTO);
    note_signer_clear(&s);
    note_signer_clear(&w);
}
END_TEST

/* What is signed, word for word (tlog-cosignature.md). */
START_TEST(test_cosigned_message)
{
    struct note_signer s = signer_of(LOG_NAME, 1), w = signer_of("witness.example/w1", 9);
    AUTO_CLEAR(buf_clear) struct buf note, line;
    checkpoint_note(&s, &note);
    buf_init(&line, NOTE_MAX);
    ck_assert_int_eq(note_cosign(&w, 1679315147, buf_text(&note), note.len, &line), ERR_OK);
    static const char message[] =
        "cosignature/v1\ntime 1679315147\n" LOG_NAME "\n20852163\n" ROOT "\n";
    uint8_t blob[76], id[32];
    size_t n;
    const char *b64 = strrchr(buf_text(&line), ' ') + 1;
    ck_assert_int_eq(
        base64_decode(BASE64_STANDARD, b64, strlen(b64) - 1, blob, sizeof(blob), &n), ERR_OK);
    ck_assert_uint_eq(n, 76);
    static const uint8_t time[8] = {0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb};
    ck_assert_mem_eq(blob + 4, time, 8);
    ck_assert_int_eq(crypto_sign_verify_detached(blob + 12, (const uint8_t *)message,
                                                 strlen(message), w.verifier.public_key),
                     0);
    uint8_t named[64] = "witness.example/w1\n\x04";
    memcpy(named + 20, w.verifier.public_key, 32);
    crypto_hash_sha256(id, named, 52);
    ck_assert_mem_eq(blob, id, 4);
    note_signer_clear(&s);
    note_signer_clear(&w);
}
END_TEST

START_TEST(test_cosign_refuses)
{
    struct note_signer w = signer_of("witness.example/w1", 9);
    AUTO_CLEAR(buf_clear) struct buf note, line;
    struct note_signer s = signer_of(LOG_NAME, 1);
    checkpoint_note(&s, &note);
    buf_init(&line, NOTE_MAX);
    ck_assert_int_eq(note_cosign(&w, 1, SPEC_NOTE, strlen(SPEC_NOTE), &line),
                     ERR_INVALID); /* no checkpoint */
    ck_assert_int_eq(note_cosign(&w, (uint64_t)INT64_MAX + 1, buf_text(&note), note.len, &line),
                     ERR_INVALID);
    ck_assert_uint_eq(line.len, 0);
    ck_assert_int_eq(note_cosign(&w, INT64_MAX, buf_text(&note), note.len, &line), ERR_OK);
    note_signer_clear(&s);
    note_signer_clear(&w);
}
END_TEST

/* A witness whose time is beyond 2^63 - 1, and one whose signature is too short, properly
 * signed otherwise. */
START_TEST(test_cosignature_refused)
{
    struct note_signer s = signer_of(LOG_NAME, 1), w = signer_of("witness.example/w1", 9);
    struct note_verifier wv;
    ck_assert_int_eq(
        note_verifier_make(w.verifier.name, NOTE_COSIGNATURE, w.verifier.public_key, &wv),
        ERR_OK);
    AUTO_CLEAR(buf_clear) struct buf note;
    checkpoint_note(&s, &note);
    uint8_t secret_key[64], public_key[32], blob[76] = {0, 0, 0, 0, 0x80};
    char b64[BASE64_SIZE(76)];
    static const char message[] =
        "cosignature/v1\ntime 9223372036854775808\n" LOG_NAME "\n20852163\n" ROOT "\n";
    crypto_sign_seed_keypair(public_key, secret_key, w.seed->bytes);
    crypto_sign_detached(blob + 12, NULL, (const uint8_t *)message, strlen(message),
                         secret_key);
    for (int i = 0; i < 4; i++)
        blob[i] = (uint8_t)(wv.key_id >> (24 - 8 * i));
    size_t before = note.len;
    uint64_t time;
    for (size_t cut = 0; cut < 2; cut++) {
        note.len = before;
        (void)base64_encode(BASE64_STANDARD, blob, sizeof(blob) - cut, b64);
        ck_assert_int_eq(buf_printf(&note, DASH " %s %s\n", wv.name, b64), ERR_OK);
        ck_assert_int_eq(note_verify_cosignature(buf_text(&note), note.len, &wv, &time),
                         ERR_CRYPTO);
    }
    note_signer_clear(&s);
    note_signer_clear(&w);
}
END_TEST

int main(void)
{
    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("crypto/note", test_specification_example,
                     test_specification_example_flipped, test_vkey_round_trip,
                     test_vkey_flipped, test_names, test_longest_name_round_trip, test_signer,
                     test_checkpoint, test_checkpoint_flipped, test_checkpoint_parse,
                     test_limits, test_which_key, test_signature_length, test_cosignature,
                     test_cosigned_message, test_cosign_refuses, test_cosignature_refused);
}
