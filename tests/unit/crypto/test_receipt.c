/* Leaf and receipt: the worked example of docs/receipt.md, round trips, and every damage to a
 * receipt refused. */
#include "crypto/receipt.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "tests/support/suite.h"
#include "tests/unit/crypto/naive_merkle.h"

#include <stdio.h>

#define LOG_NAME "gateway.example/log"
#define DETAILS                                                                                \
    "{\"action\":\"upload\",\"sha256\":"                                                       \
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}"
#define ENTRY_TIME INT64_C(1795323789123456) /* 2026-11-22T05:03:09.123456Z */

static const uint8_t SALT[LEAF_SALT_SIZE] = {1, 2, 3};

static struct note_signer log_signer(uint8_t seed_byte)
{
    struct note_signer s;
    AUTO(secret_free) struct secret *seed = NULL;
    ck_assert_int_eq(secret_new(32, &seed), ERR_OK);
    memset(seed->bytes, seed_byte, 32);
    ck_assert_int_eq(note_signer_load(LOG_NAME, seed, &s), ERR_OK);
    return s;
}

/* A tree of `size` leaves, ours at `index`, the others those of naive_leaf. */
struct tree {
    uint64_t size, index;
    struct merkle_hash ours;
};

static struct merkle_hash tree_root(const struct tree *t, uint64_t start, uint64_t end)
{
    if (end - start == 1)
        return start == t->index ? t->ours : naive_leaf(start);
    uint64_t k = naive_split(end - start);
    struct merkle_hash l = tree_root(t, start, start + k), r = tree_root(t, start + k, end);
    return naive_node(&l, &r);
}

static enum err tree_get(void *ctx, unsigned level, uint64_t index, struct merkle_hash *out)
{
    *out = tree_root(ctx, index << level, (index + 1) << level);
    return ERR_OK;
}

struct parts {
    struct leaf leaf;
    uint64_t index;
    struct merkle_proof proof;
    struct buf note;
};

static void parts_make(const struct note_signer *s, uint64_t index, uint64_t size,
                       struct parts *p)
{
    struct tree tree = {.size = size, .index = index};
    struct checkpoint c = {.origin = LOG_NAME, .size = size};
    ck_assert_int_eq(leaf_make(ENTRY_TIME, SALT, DETAILS, strlen(DETAILS), &p->leaf), ERR_OK);
    ck_assert_int_eq(merkle_leaf_hash(p->leaf.bytes, LEAF_SIZE, &tree.ours), ERR_OK);
    ck_assert_int_eq(merkle_inclusion(index, size, tree_get, &tree, &p->proof), ERR_OK);
    c.root = tree_root(&tree, 0, size);
    p->index = index;
    buf_init(&p->note, NOTE_MAX);
    ck_assert_int_eq(checkpoint_sign(s, &c, &p->note), ERR_OK);
}

static void receipt_text(const struct parts *p, struct buf *out)
{
    buf_init(out, RECEIPT_MAX);
    ck_assert_int_eq(receipt_format(&p->leaf, SALT, DETAILS, strlen(DETAILS), p->index,
                                    &p->proof, buf_text(&p->note), p->note.len, out),
                     ERR_OK);
}

static void receipt_make(const struct note_signer *s, uint64_t index, uint64_t size,
                         struct buf *out)
{
    struct parts p;
    parts_make(s, index, size, &p);
    receipt_text(&p, out);
    buf_clear(&p.note);
}

/* What a verifier does: both steps, the first failure counts. */
static enum err check(const char *text, size_t len, const struct note_verifier *key)
{
    AUTO_CLEAR(receipt_clear) struct receipt r;
    TRY(receipt_parse(text, len, &r));
    return receipt_verify(&r, key);
}

START_TEST(test_leaf)
{
    struct leaf leaf, same;
    ck_assert_int_eq(leaf_make(ENTRY_TIME, SALT, DETAILS, strlen(DETAILS), &leaf), ERR_OK);
    ck_assert_uint_eq(leaf.bytes[0], 1);
    ck_assert_uint_eq(leaf_time(&leaf), 1795323780); /* 05:03:00 */
    static const uint8_t time[8] = {0, 0, 0, 0, 0x6b, 0x02, 0x77, 0x84};
    ck_assert_mem_eq(leaf.bytes + 1, time, 8);
    uint8_t commitment[32];
    crypto_auth_hmacsha256(commitment, (const uint8_t *)DETAILS, strlen(DETAILS), SALT);
    ck_assert_mem_eq(leaf.bytes + 9, commitment, 32);

    int64_t minute = ENTRY_TIME / 60000000 * 60000000;
    ck_assert_int_eq(leaf_make(minute, SALT, DETAILS, strlen(DETAILS), &same), ERR_OK);
    ck_assert_mem_eq(&leaf, &same, LEAF_SIZE);
    ck_assert_int_eq(leaf_make(minute + 59999999, SALT, DETAILS, strlen(DETAILS), &same),
                     ERR_OK);
    ck_assert_mem_eq(&leaf, &same, LEAF_SIZE);
    ck_assert_int_eq(leaf_make(minute + 60000000, SALT, DETAILS, strlen(DETAILS), &same),
                     ERR_OK);
    ck_assert_uint_eq(leaf_time(&same), 1795323840);
}
END_TEST

START_TEST(test_leaf_refuses)
{
    struct leaf leaf;
    char details[DETAILS_MAX + 1];
    memset(details, 'x', sizeof(details));
    ck_assert_int_eq(leaf_make(-1, SALT, "{}", 2, &leaf), ERR_INVALID);
    ck_assert_int_eq(leaf_make(0, SALT, "", 0, &leaf), ERR_INVALID);
    ck_assert_int_eq(leaf_make(0, SALT, details, DETAILS_MAX + 1, &leaf), ERR_TOO_LARGE);
    ck_assert_int_eq(leaf_make(0, SALT, details, DETAILS_MAX, &leaf), ERR_OK);
}
END_TEST

/* The contents of the block of docs/receipt.md that begins with the line ```<name>. */
static void example_block(const char *document, const char *name, char *out, size_t cap)
{
    char fence[32];
    (void)snprintf(fence, sizeof(fence), "\n```%s\n", name);
    const char *start = strstr(document, fence);
    ck_assert_ptr_nonnull(start);
    start += strlen(fence);
    const char *end = strstr(start, "```");
    ck_assert_ptr_nonnull(end);
    ck_assert_uint_lt((size_t)(end - start), cap);
    memcpy(out, start, (size_t)(end - start));
    out[end - start] = '\0';
}

/* What the documentation shows holds, and it says that the key is the one of 32 zero bytes. */
START_TEST(test_documented_example)
{
    char document[32768] = "", vkey[NOTE_VKEY_MAX], text[4096];
    FILE *f = fopen(TEST_SOURCE_DIR "/docs/receipt.md", "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_lt(fread(document, 1, sizeof(document), f), sizeof(document));
    ck_assert_int_eq(fclose(f), 0);
    example_block(document, "vkey", vkey, sizeof(vkey));
    example_block(document, "tlog-proof", text, sizeof(text));

    struct note_verifier key;
    struct note_signer zeros = log_signer(0);
    ck_assert_int_eq(note_verifier_parse(vkey, strlen(vkey), &key), ERR_OK);
    ck_assert_mem_eq(&key, &zeros.verifier, sizeof(key));
    ck_assert_int_eq(check(text, strlen(text), &key), ERR_OK);
    note_signer_clear(&zeros);
}
END_TEST

START_TEST(test_round_trip)
{
    struct note_signer s = log_signer(0);
    for (uint64_t size = 1; size <= 40; size++) {
        for (uint64_t index = 0; index < size; index++) {
            AUTO_CLEAR(buf_clear) struct buf text;
            AUTO_CLEAR(receipt_clear) struct receipt r;
            receipt_make(&s, index, size, &text);
            ck_assert_int_eq(receipt_parse(buf_text(&text), text.len, &r), ERR_OK);
            ck_assert_str_eq(r.details, DETAILS);
            ck_assert_uint_eq(r.details_len, strlen(DETAILS));
            ck_assert_mem_eq(r.salt, SALT, LEAF_SALT_SIZE);
            ck_assert_uint_eq(r.index, index);
            ck_assert_uint_eq(r.checkpoint.size, size);
            ck_assert_str_eq(r.checkpoint.origin, LOG_NAME);
            ck_assert_int_eq(receipt_verify(&r, &s.verifier), ERR_OK);

            AUTO_CLEAR(buf_clear) struct buf again; /* one spelling */
            buf_init(&again, RECEIPT_MAX);
            ck_assert_int_eq(receipt_format(&r.leaf, r.salt, r.details, r.details_len, r.index,
                                            &r.proof, r.note, r.note_len, &again),
                             ERR_OK);
            ck_assert_str_eq(buf_text(&again), buf_text(&text));
        }
    }
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_every_bit_counts)
{
    struct note_signer s = log_signer(0);
    AUTO_CLEAR(buf_clear) struct buf text;
    receipt_make(&s, 5, 11, &text);
    ck_assert_int_eq(check(buf_text(&text), text.len, &s.verifier), ERR_OK);
    for (size_t i = 0; i < text.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text.data[i] ^= (uint8_t)(1 << bit);
            enum err e = check(buf_text(&text), text.len, &s.verifier);
            ck_assert_msg(e == ERR_INVALID || e == ERR_CRYPTO, "byte %zu bit %d: %s", i, bit,
                          err_name(e));
            text.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    ck_assert_int_eq(check(buf_text(&text), text.len, &s.verifier), ERR_OK);
    note_signer_clear(&s);
}
END_TEST

/* Every byte replaced by every other value, left out, or doubled. */
START_TEST(test_every_byte_counts)
{
    struct note_signer s = log_signer(0);
    AUTO_CLEAR(buf_clear) struct buf text;
    receipt_make(&s, 2, 3, &text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t was = text.data[i];
        for (int value = 0; value < 256; value++) {
            text.data[i] = (uint8_t)value;
            if (value != was)
                ck_assert_msg(check(buf_text(&text), text.len, &s.verifier) != ERR_OK,
                              "byte %zu = %d", i, value);
        }
        text.data[i] = was;

        AUTO_FREE char *other = malloc(text.len + 1);
        ck_assert_ptr_nonnull(other);
        memcpy(other, text.data, i);
        memcpy(other + i, text.data + i + 1, text.len - i - 1);
        ck_assert_msg(check(other, text.len - 1, &s.verifier) != ERR_OK, "byte %zu left out",
                      i);
        memcpy(other, text.data, i + 1);
        memcpy(other + i + 1, text.data + i, text.len - i);
        ck_assert_msg(check(other, text.len + 1, &s.verifier) != ERR_OK, "byte %zu doubled", i);
    }
    for (size_t len = 0; len < text.len; len++) {
        AUTO_FREE char *exact = malloc(len ? len : 1); /* nothing is read past the end */
        memcpy(exact, text.data, len);
        ck_assert_int_eq(check(exact, len, &s.verifier), ERR_INVALID);
    }
    note_signer_clear(&s);
}
END_TEST

/* Each of the four checks, with everything else intact. */
START_TEST(test_commitment_does_not_hold)
{
    struct note_signer s = log_signer(0);
    struct parts p;
    parts_make(&s, 1, 4, &p);
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r;
    receipt_text(&p, &text);
    ck_assert_int_eq(receipt_parse(buf_text(&text), text.len, &r), ERR_OK);
    r.salt[31] ^= 1;
    ck_assert_int_eq(receipt_verify(&r, &s.verifier), ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "commitment"));
    r.salt[31] ^= 1;
    r.details[2] = 'A';
    ck_assert_int_eq(receipt_verify(&r, &s.verifier), ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "commitment"));
    buf_clear(&p.note);
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_leaf_is_not_included)
{
    struct note_signer s = log_signer(0);
    struct parts p;
    parts_make(&s, 1, 4, &p);
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(receipt_clear) struct receipt r;
    p.leaf.bytes[8] = 0xc0; /* another minute */
    receipt_text(&p, &text);
    ck_assert_int_eq(receipt_parse(buf_text(&text), text.len, &r), ERR_OK);
    ck_assert_int_eq(receipt_verify(&r, &s.verifier), ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "inclusion"));
    receipt_clear(&r);

    buf_clear(&text);
    buf_clear(&p.note);
    parts_make(&s, 1, 4, &p);
    p.index = 0;
    receipt_text(&p, &text);
    ck_assert_int_eq(check(buf_text(&text), text.len, &s.verifier), ERR_CRYPTO);
    buf_clear(&text);
    p.index = 4;
    receipt_text(&p, &text);
    ck_assert_int_eq(check(buf_text(&text), text.len, &s.verifier), ERR_CRYPTO);
    buf_clear(&p.note);
    note_signer_clear(&s);
}
END_TEST

START_TEST(test_checkpoint_of_another_log)
{
    struct note_signer s = log_signer(0), other = log_signer(1);
    AUTO_CLEAR(buf_clear) struct buf text;
    receipt_make(&s, 1, 4, &text);
    ck_assert_int_eq(check(buf_text(&text), text.len, &other.verifier), ERR_CRYPTO);
    struct note_verifier renamed;
    ck_assert_int_eq(
        note_verifier_make("other.example/log", NOTE_ED25519, s.verifier.public_key, &renamed),
        ERR_OK);
    ck_assert_int_eq(check(buf_text(&text), text.len, &renamed), ERR_CRYPTO);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_CRYPTO), "another log"));
    note_signer_clear(&s);
    note_signer_clear(&other);
}
END_TEST

START_TEST(test_witnessed)
{
    struct note_signer s = log_signer(0), w = log_signer(7);
    struct parts p;
    struct note_verifier wv;
    AUTO_CLEAR(buf_clear) struct buf line, text;
    buf_init(&line, NOTE_MAX);
    parts_make(&s, 2, 9, &p);
    ck_assert_int_eq(note_cosign(&w, 1795323790, buf_text(&p.note), p.note.len, &line), ERR_OK);
    ck_assert_int_eq(buf_append(&p.note, line.data, line.len), ERR_OK);
    receipt_text(&p, &text);
    AUTO_CLEAR(receipt_clear) struct receipt r;
    ck_assert_int_eq(receipt_parse(buf_text(&text), text.len, &r), ERR_OK);
    ck_assert_int_eq(receipt_verify(&r, &s.verifier), ERR_OK);
    uint64_t time;
    ck_assert_int_eq(note_verifier_make(LOG_NAME, NOTE_COSIGNATURE, w.verifier.public_key, &wv),
                     ERR_OK);
    ck_assert_int_eq(note_verify_cosignature(r.note, r.note_len, &wv, &time), ERR_OK);
    ck_assert_uint_eq(time, 1795323790);
    buf_clear(&p.note);
    note_signer_clear(&s);
    note_signer_clear(&w);
}
END_TEST

/* --- shapes that parse refuses ----------------------------------------------------------- */

#define EXTRA_HEAD "ZWcx" /* "eg1" */
#define H "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define NOTE_TEXT "o\n1\n" H "\n\n\xe2\x80\x94 x AAAAAAA=\n"

/* "eg1" || leaf || salt || details, with one leaf byte set */
static void extra_line(const char *magic, size_t at, uint8_t value, const char *details,
                       size_t len, char *out)
{
    uint8_t extra[3 + LEAF_SIZE + LEAF_SALT_SIZE + DETAILS_MAX + 8] = {0};
    memcpy(extra, magic, 3);
    extra[3] = 1;
    extra[3 + at] = value;
    memcpy(extra + 3 + LEAF_SIZE + LEAF_SALT_SIZE, details, len);
    (void)base64_encode(BASE64_STANDARD, extra, 3 + LEAF_SIZE + LEAF_SALT_SIZE + len, out);
}

static enum err parse_extra(const char *magic, size_t at, uint8_t value, const char *details,
                            size_t len)
{
    char base64[BASE64_SIZE(9000)];
    AUTO_CLEAR(buf_clear) struct buf text;
    buf_init(&text, RECEIPT_MAX);
    extra_line(magic, at, value, details, len, base64);
    TRY(buf_printf(&text, "c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n" NOTE_TEXT, base64));
    struct receipt r;
    enum err e = receipt_parse(buf_text(&text), text.len, &r);
    if (e != ERR_OK) {
        ck_assert_ptr_null(r.details);
        ck_assert_ptr_null(r.note);
    }
    receipt_clear(&r);
    return e;
}

START_TEST(test_extra)
{
    char details[DETAILS_MAX + 2] = "{\"a\":\"";
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "{}", 2), ERR_OK);
    ck_assert_int_eq(parse_extra("eg1", 8, 60, "{}", 2), ERR_OK);
    ck_assert_int_eq(parse_extra("eg1", 8, 61, "{}", 2), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 0, 2, "{}", 2), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg2", 8, 0, "{}", 2), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "", 0), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "[]", 2), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "{", 1), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "{}\n", 3), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "{}\0", 3), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "{\"\xff\":1}", 7), ERR_INVALID);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, "{\"a\":1,\"a\":2}", 13), ERR_INVALID);
    memset(details + 6, 'x', DETAILS_MAX - 8);
    memcpy(details + DETAILS_MAX - 2, "\"}", 2);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, details, DETAILS_MAX), ERR_OK);
    memcpy(details + DETAILS_MAX - 2, "x\"}", 3);
    ck_assert_int_eq(parse_extra("eg1", 8, 0, details, DETAILS_MAX + 1), ERR_INVALID);
}
END_TEST

START_TEST(test_shapes)
{
    char extra[BASE64_SIZE(200)];
    extra_line("eg1", 8, 0, "{}", 2, extra);
    static const struct {
        const char *format; /* one %s: the extra data */
        enum err want;
    } shapes[] = {
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n" NOTE_TEXT, ERR_OK},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 9223372036854775807\n" H "\n\n" NOTE_TEXT,
         ERR_OK},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 9223372036854775808\n\n" NOTE_TEXT,
         ERR_INVALID},
        {"c2sp.org/tlog-proof@v2\nextra %s\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1 \nextra %s\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"\nc2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\r\nextra %s\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra  %s\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s \nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nExtra %s\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nextra " EXTRA_HEAD "\nindex 0\n\n" NOTE_TEXT,
         ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 00\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex -1\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex \n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\nindex 0\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nindex 0\nextra %s\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\nAA==\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n" NOTE_TEXT, ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n", ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n" NOTE_TEXT "\n", ERR_INVALID},
        {"c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n" NOTE_TEXT " ", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        AUTO_CLEAR(receipt_clear) struct receipt r;
        char text[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(text, sizeof(text), shapes[i].format, extra);
#pragma GCC diagnostic pop
        ck_assert_msg(receipt_parse(text, strlen(text), &r) == shapes[i].want, "shape %zu", i);
    }
    AUTO_CLEAR(receipt_clear)
    struct receipt r; /* tlog-proof allows it, a receipt needs its extra line */
    static const char bare[] = "c2sp.org/tlog-proof@v1\nindex 0\n\n" NOTE_TEXT;
    ck_assert_int_eq(receipt_parse(bare, strlen(bare), &r), ERR_INVALID);
}
END_TEST

START_TEST(test_limits)
{
    char extra[BASE64_SIZE(200)];
    extra_line("eg1", 8, 0, "{}", 2, extra);
    for (int hashes = MERKLE_PROOF_MAX; hashes <= MERKLE_PROOF_MAX + 1; hashes++) {
        AUTO_CLEAR(buf_clear) struct buf text;
        AUTO_CLEAR(receipt_clear) struct receipt r;
        buf_init(&text, RECEIPT_MAX);
        ck_assert_int_eq(
            buf_printf(&text, "c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n", extra), ERR_OK);
        for (int i = 0; i < hashes; i++)
            ck_assert_int_eq(buf_append_str(&text, H "\n"), ERR_OK);
        ck_assert_int_eq(buf_append_str(&text, "\n" NOTE_TEXT), ERR_OK);
        ck_assert_int_eq(receipt_parse(buf_text(&text), text.len, &r),
                         hashes == MERKLE_PROOF_MAX ? ERR_OK : ERR_INVALID);
    }
    AUTO_FREE char *large = calloc(1, RECEIPT_MAX + 1);
    AUTO_CLEAR(receipt_clear) struct receipt r;
    ck_assert_int_eq(receipt_parse(large, RECEIPT_MAX + 1, &r), ERR_TOO_LARGE);
    ck_assert_int_eq(receipt_parse(NULL, 0, &r), ERR_INVALID);

    struct leaf leaf = {{1}};
    struct merkle_proof proof = {.n = 0};
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, RECEIPT_MAX);
    ck_assert_int_eq(
        receipt_format(&leaf, SALT, large, DETAILS_MAX + 1, 0, &proof, "", 0, &out),
        ERR_TOO_LARGE);
    ck_assert_int_eq(receipt_format(&leaf, SALT, "{}", 2, 0, &proof, large, NOTE_MAX + 1, &out),
                     ERR_TOO_LARGE);
    out.max = 200;
    ck_assert_int_eq(receipt_format(&leaf, SALT, "{}", 2, 0, &proof, large, 200, &out),
                     ERR_TOO_LARGE);
}
END_TEST

int main(void)
{
    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK)
        return EXIT_FAILURE;
    return SUITE_RUN("crypto/receipt", test_leaf, test_leaf_refuses, test_documented_example,
                     test_round_trip, test_every_bit_counts, test_every_byte_counts,
                     test_commitment_does_not_hold, test_leaf_is_not_included,
                     test_checkpoint_of_another_log, test_witnessed, test_extra, test_shapes,
                     test_limits);
}
