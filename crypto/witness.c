/* The talk with witnesses: others who sign that our log was only ever appended to.
 *
 * Invariants
 * - A line of an answer becomes a cosignature only by note_verify_cosignature, over the very
 * note that was sent: what is kept verifies, whatever the witness meant.
 * - Of the key that was asked for there is one line, and it is good; a second or a bad one
 * makes the whole answer worthless.
 * - Nothing of an answer decides how much of it is read: lines and bytes are counted.
 */
#include "crypto/witness.h"

#include "crypto/decimal.h"
#include "gateway/base/encode.h"

#include <inttypes.h>
#include <string.h>

#define LINE_PREFIX "\xe2\x80\x94 " /* em dash, space */

enum {
    LINE_PREFIX_LEN = sizeof(LINE_PREFIX) - 1,
    KEY_ID_SIZE = 4,
    KEY_ID_BASE64 = 8, /* characters that hold the key id, and two bytes more */
    KEY_ID_BYTES = 6,
    HASH_BASE64 = BASE64_SIZE(MERKLE_HASH_SIZE) - 1,
    OLD_LINE_MAX = sizeof("old 9223372036854775807\n") - 1,
    COSIGNATURE_BYTES = KEY_ID_SIZE + 8 + NOTE_SIGNATURE_SIZE,
};

_Static_assert(OLD_LINE_MAX + WITNESS_HASHES_MAX * (HASH_BASE64 + 1) + 1 + NOTE_MAX <=
                   WITNESS_REQUEST_MAX,
               "the largest parts make a request");
_Static_assert(LINE_PREFIX_LEN + NOTE_NAME_MAX + 1 + BASE64_SIZE(COSIGNATURE_BYTES) <=
                   COSIGNATURE_LINE_MAX,
               "a cosignature of the longest name fits"); /* BASE64_SIZE counts the newline */

/* --- the request ------------------------------------------------------------------------- */

enum err witness_request_format(uint64_t old_size, const struct merkle_proof *proof,
                                const char *note, size_t len, struct buf *out)
{
    if (proof->n > WITNESS_HASHES_MAX)
        return err_set(ERR_TOO_LARGE, "a consistency proof of more than %d hashes",
                       WITNESS_HASHES_MAX);
    TRY(buf_printf(out, "old %" PRIu64 "\n", old_size));
    for (size_t i = 0; i < proof->n; i++) {
        char text[BASE64_SIZE(MERKLE_HASH_SIZE)];
        (void)base64_encode(BASE64_STANDARD, proof->hashes[i].bytes, MERKLE_HASH_SIZE, text);
        TRY(buf_printf(out, "%s\n", text));
    }
    TRY(buf_append_byte(out, '\n'));
    return buf_append(out, note, len);
}

/* --- the answer -------------------------------------------------------------------------- */

static enum err malformed(const char *what)
{
    return err_set(ERR_INVALID, "the witness's answer: %s", what);
}

/* Whether the line says that it is of this key: its name and the first bytes of its base64. */
static bool line_claims(const char *line, size_t len, const struct note_verifier *v)
{
    size_t name_len = strlen(v->name);
    size_t at = LINE_PREFIX_LEN + name_len + 1;
    uint8_t bytes[KEY_ID_BYTES];
    size_t n = 0;

    if (len < at + KEY_ID_BASE64 || memcmp(line + LINE_PREFIX_LEN, v->name, name_len) != 0 ||
        line[at - 1] != ' ' ||
        base64_decode(BASE64_STANDARD, line + at, KEY_ID_BASE64, bytes, sizeof(bytes), &n) !=
            ERR_OK ||
        n < KEY_ID_SIZE)
        return false;
    uint32_t id = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                  (uint32_t)bytes[2] << 8 | bytes[3];
    return id == v->key_id;
}

/* One line, newline included, under the note: *found if it is a good one of this key. */
static enum err line_verify(const char *line, size_t len, const char *note, size_t note_len,
                            const struct note_verifier *witness, struct cosignature *out,
                            bool *found)
{
    AUTO_CLEAR(buf_clear) struct buf whole;
    uint64_t time = 0;

    buf_init(&whole, NOTE_MAX);
    TRY(buf_append(&whole, note, note_len));
    TRY(buf_append(&whole, line, len));
    enum err e = note_verify_cosignature(buf_text(&whole), whole.len, witness, &time);
    if (e == ERR_CRYPTO && !line_claims(line, len, witness))
        return ERR_OK; /* of another key */
    TRY(e);
    if (time == 0)
        return err_set(ERR_CRYPTO, "a cosignature without a time");
    if (*found)
        return err_set(ERR_CRYPTO, "the witness answered with two cosignatures of one key");
    *found = true;
    memcpy(out->line, line, len);
    out->line[len] = '\0';
    out->time = time;
    return ERR_OK;
}

enum err witness_answer_parse(const char *answer, size_t answer_len, const char *note,
                              size_t note_len, const struct note_verifier *witness,
                              struct cosignature *out)
{
    const char *at = answer, *end = answer + answer_len;
    bool found = false;

    if (witness->algorithm != NOTE_COSIGNATURE)
        return err_set(ERR_UNSUPPORTED, "not the key of a witness");
    if (answer_len == 0 || answer_len > WITNESS_ANSWER_MAX)
        return malformed("empty, or too large");
    for (int n = 0; at < end; n++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline || n == WITNESS_LINES_MAX)
            return malformed(newline ? "too many lines" : "a line without its end");
        size_t len = (size_t)(newline - at) + 1;
        if (len <= LINE_PREFIX_LEN || memcmp(at, LINE_PREFIX, LINE_PREFIX_LEN) != 0)
            return malformed("not a signature line");
        if (len <= COSIGNATURE_LINE_MAX) /* longer ones are of other algorithms */
            TRY(line_verify(at, len, note, note_len, witness, out, &found));
        at = newline + 1;
    }
    return found ? ERR_OK
                 : err_set(ERR_CRYPTO, "the witness's answer has no cosignature of its key");
}

enum err witness_size_parse(const char *answer, size_t len, uint64_t *size)
{
    if (len == 0 || answer[len - 1] != '\n' ||
        decimal_parse(answer, len - 1, MERKLE_SIZE_MAX, size) != ERR_OK)
        return malformed("not the size of a tree");
    return ERR_OK;
}
