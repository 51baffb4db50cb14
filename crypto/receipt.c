/* Leaf and receipt: what lets a claimant show, years later and without us, that a file arrived.
 *
 *     leaf     0x01 | seconds, big-endian, a multiple of 60 [8] | commitment [32]
 *              commitment = HMAC-SHA-256(salt, details)
 *     extra    "eg1" | leaf [41] | salt [32] | details [1..8192]
 *
 * Invariants
 * - The tree holds a commitment only: without the salt, which the log can erase, a leaf says
 * nothing.
 * - The time is inside the leaf and cut to a minute, so that a leaf does not identify a
 * request.
 * - Parsing is strict and complete: no byte can be changed without the receipt being refused,
 * either here or by one of the four checks of receipt_verify.
 */
#include "crypto/receipt.h"

#include "crypto/decimal.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "c2sp.org/tlog-proof@v1"
#define EXTRA_LABEL "extra "
#define INDEX_LABEL "index "
#define EXTRA_MAGIC "eg1"

enum {
    LEAF_VERSION = 1,
    LEAF_TIME_AT = 1,
    LEAF_TIME_SIZE = 8,
    LEAF_COMMITMENT_AT = LEAF_TIME_AT + LEAF_TIME_SIZE,
    MAGIC_SIZE = sizeof(EXTRA_MAGIC) - 1,
    EXTRA_DETAILS_AT = MAGIC_SIZE + LEAF_SIZE + LEAF_SALT_SIZE,
    EXTRA_MAX = EXTRA_DETAILS_AT + DETAILS_MAX,
    HASH_BASE64 = BASE64_SIZE(MERKLE_HASH_SIZE) - 1,
    DECIMAL_MAX = 20,
};

_Static_assert(LEAF_COMMITMENT_AT + SHA256_SIZE == LEAF_SIZE, "the drawing of a leaf");
_Static_assert(sizeof(FIRST_LINE) + sizeof(EXTRA_LABEL) + BASE64_SIZE(EXTRA_MAX) +
                       sizeof(INDEX_LABEL) + DECIMAL_MAX +
                       MERKLE_PROOF_MAX * (HASH_BASE64 + 1) + 1 + NOTE_MAX <=
                   RECEIPT_MAX,
               "the largest parts make a receipt that can be read again");

/* --- the leaf ---------------------------------------------------------------------------- */

enum err leaf_make(int64_t time_us, const uint8_t salt[LEAF_SALT_SIZE], const char *details,
                   size_t len, struct leaf *out)
{
    if (time_us < 0)
        return err_set(ERR_INVALID, "an entry of a time before 1970");
    if (len == 0)
        return err_set(ERR_INVALID, "an entry without details");
    if (len > DETAILS_MAX)
        return err_set(ERR_TOO_LARGE, "details of more than %d bytes", DETAILS_MAX);

    struct leaf leaf = {.bytes = {LEAF_VERSION}};
    uint64_t seconds = (uint64_t)(time_us / MICROS_PER_SECOND);
    seconds -= seconds % LEAF_TIME_GRAIN;
    for (int i = LEAF_TIME_SIZE - 1; i >= 0; i--, seconds >>= 8)
        leaf.bytes[LEAF_TIME_AT + i] = (uint8_t)seconds;
    TRY(hmac_sha256(salt, LEAF_SALT_SIZE, details, len, leaf.bytes + LEAF_COMMITMENT_AT));
    *out = leaf;
    return ERR_OK;
}

uint64_t leaf_time(const struct leaf *leaf)
{
    uint64_t seconds = 0;
    for (int i = 0; i < LEAF_TIME_SIZE; i++)
        seconds = seconds << 8 | leaf->bytes[LEAF_TIME_AT + i];
    return seconds;
}

static enum err leaf_check(const struct leaf *leaf)
{
    if (leaf->bytes[0] != LEAF_VERSION)
        return err_set(ERR_INVALID, "malformed receipt: a leaf of an unknown version");
    if (leaf_time(leaf) % LEAF_TIME_GRAIN != 0)
        return err_set(ERR_INVALID, "malformed receipt: the time of the leaf");
    return ERR_OK;
}

/* --- writing ----------------------------------------------------------------------------- */

static enum err extra_append(const struct leaf *leaf, const uint8_t salt[LEAF_SALT_SIZE],
                             const char *details, size_t len, struct buf *out)
{
    uint8_t extra[EXTRA_MAX];
    memcpy(extra, EXTRA_MAGIC, MAGIC_SIZE);
    memcpy(extra + MAGIC_SIZE, leaf->bytes, LEAF_SIZE);
    memcpy(extra + MAGIC_SIZE + LEAF_SIZE, salt, LEAF_SALT_SIZE);
    memcpy(extra + EXTRA_DETAILS_AT, details, len);
    char base64[BASE64_SIZE(EXTRA_MAX)];
    size_t n = base64_encode(BASE64_STANDARD, extra, EXTRA_DETAILS_AT + len, base64);
    TRY(buf_append_str(out, EXTRA_LABEL));
    TRY(buf_append(out, base64, n));
    return buf_append_byte(out, '\n');
}

enum err receipt_format(const struct leaf *leaf, const uint8_t salt[LEAF_SALT_SIZE],
                        const char *details, size_t details_len, uint64_t index,
                        const struct merkle_proof *proof, const char *note, size_t note_len,
                        struct buf *out)
{
    assert(proof->n <= MERKLE_PROOF_MAX);
    if (details_len > DETAILS_MAX || note_len > NOTE_MAX)
        return err_set(ERR_TOO_LARGE, "a part of the receipt is too large");
    TRY(buf_append_str(out, FIRST_LINE "\n"));
    TRY(extra_append(leaf, salt, details, details_len, out));
    TRY(buf_printf(out, INDEX_LABEL "%" PRIu64 "\n", index));
    for (size_t i = 0; i < proof->n; i++) {
        char line[BASE64_SIZE(MERKLE_HASH_SIZE) + 1];
        size_t n =
            base64_encode(BASE64_STANDARD, proof->hashes[i].bytes, MERKLE_HASH_SIZE, line);
        line[n] = '\n';
        TRY(buf_append(out, line, n + 1));
    }
    TRY(buf_append_byte(out, '\n'));
    return buf_append(out, note, note_len);
}

/* --- reading ----------------------------------------------------------------------------- */

struct line {
    const char *text;
    size_t len;
};

static enum err malformed(const char *what)
{
    return err_set(ERR_INVALID, "malformed receipt: %s", what);
}

static enum err line_take(struct reader *r, struct line *out)
{
    const uint8_t *newline = memchr(r->at, '\n', r->left);
    if (!newline)
        return malformed("it ends too early");
    out->text = (const char *)r->at;
    out->len = (size_t)(newline - r->at);
    const uint8_t *skipped;
    return reader_bytes(r, out->len + 1, &skipped);
}

/* Removes the label from the line. */
static bool label_take(struct line *line, const char *label)
{
    size_t len = strlen(label);
    if (line->len < len || memcmp(line->text, label, len) != 0)
        return false;
    line->text += len;
    line->len -= len;
    return true;
}

static enum err text_copy(const void *bytes, size_t len, char **out)
{
    char *copy = malloc(len + 1);
    if (!copy)
        return err_set(ERR_NOMEM, "no memory for a receipt");
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    *out = copy;
    return ERR_OK;
}

static enum err details_check(const uint8_t *details, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (details[i] < ' ')
            return malformed("a control character in the details");
    }
    AUTO(json_free) json_t *json = NULL;
    if (!utf8_valid((const char *)details, len) || json_parse(details, len, &json) != ERR_OK ||
        !json_is_object(json))
        return malformed("the details are not a JSON object");
    return ERR_OK;
}

static enum err extra_parse(const char *base64, size_t base64_len, struct receipt *out)
{
    uint8_t extra[EXTRA_MAX];
    size_t n = 0;
    if (base64_decode(BASE64_STANDARD, base64, base64_len, extra, sizeof(extra), &n) !=
            ERR_OK ||
        n <= EXTRA_DETAILS_AT || memcmp(extra, EXTRA_MAGIC, MAGIC_SIZE) != 0)
        return malformed("the extra line");
    memcpy(out->leaf.bytes, extra + MAGIC_SIZE, LEAF_SIZE);
    memcpy(out->salt, extra + MAGIC_SIZE + LEAF_SIZE, LEAF_SALT_SIZE);
    TRY(leaf_check(&out->leaf));
    out->details_len = n - EXTRA_DETAILS_AT;
    TRY(details_check(extra + EXTRA_DETAILS_AT, out->details_len));
    return text_copy(extra + EXTRA_DETAILS_AT, out->details_len, &out->details);
}

static enum err proof_parse(struct reader *r, struct merkle_proof *proof)
{
    for (proof->n = 0;; proof->n++) {
        struct line line;
        TRY(line_take(r, &line));
        if (line.len == 0)
            return ERR_OK;
        if (proof->n == MERKLE_PROOF_MAX)
            return malformed("too many hashes in the proof");
        size_t n = 0;
        if (line.len != HASH_BASE64 ||
            base64_decode(BASE64_STANDARD, line.text, line.len, proof->hashes[proof->n].bytes,
                          MERKLE_HASH_SIZE, &n) != ERR_OK ||
            n != MERKLE_HASH_SIZE)
            return malformed("a hash of the proof");
    }
}

static enum err receipt_lines_parse(const char *text, size_t len, struct receipt *out)
{
    struct reader r;
    struct line line;
    reader_init(&r, text, len);
    TRY(line_take(&r, &line));
    if (!label_take(&line, FIRST_LINE) || line.len != 0)
        return malformed("the first line");
    TRY(line_take(&r, &line));
    if (!label_take(&line, EXTRA_LABEL))
        return malformed("the extra line");
    TRY(extra_parse(line.text, line.len, out));
    TRY(line_take(&r, &line));
    if (!label_take(&line, INDEX_LABEL) ||
        decimal_parse(line.text, line.len, MERKLE_SIZE_MAX, &out->index) != ERR_OK)
        return malformed("the index line");
    TRY(proof_parse(&r, &out->proof));
    size_t text_len;
    TRY(checkpoint_parse((const char *)r.at, r.left, &out->checkpoint, &text_len));
    out->note_len = r.left;
    return text_copy(r.at, r.left, &out->note);
}

enum err receipt_parse(const char *text, size_t len, struct receipt *out)
{
    memset(out, 0, sizeof(*out));
    if (len == 0)
        return malformed("it is empty");
    if (len > RECEIPT_MAX)
        return err_set(ERR_TOO_LARGE, "a receipt of more than %d bytes", RECEIPT_MAX);
    enum err e = receipt_lines_parse(text, len, out);
    if (e != ERR_OK)
        receipt_clear(out);
    return e;
}

void receipt_clear(struct receipt *r)
{
    free(r->details);
    free(r->note);
    memset(r, 0, sizeof(*r));
}

/* --- verifying --------------------------------------------------------------------------- */

static enum err commitment_verify(const struct receipt *r)
{
    uint8_t commitment[SHA256_SIZE];
    TRY(hmac_sha256(r->salt, LEAF_SALT_SIZE, r->details, r->details_len, commitment));
    if (!equal_constant_time(commitment, r->leaf.bytes + LEAF_COMMITMENT_AT, SHA256_SIZE))
        return err_set(ERR_CRYPTO, "commitment: the details do not belong to the leaf");
    return ERR_OK;
}

enum err receipt_verify(const struct receipt *r, const struct note_verifier *log_key)
{
    struct merkle_hash leaf_hash;
    TRY(commitment_verify(r));
    TRY(merkle_leaf_hash(r->leaf.bytes, LEAF_SIZE, &leaf_hash));
    TRY(merkle_inclusion_verify(&leaf_hash, r->index, r->checkpoint.size, &r->proof,
                                &r->checkpoint.root));
    if (strcmp(r->checkpoint.origin, log_key->name) != 0)
        return err_set(ERR_CRYPTO, "checkpoint: it was issued by another log");
    return note_verify(r->note, r->note_len, log_key);
}
