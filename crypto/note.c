/* Signed notes: how the log says "this is my tree", in a text that any C2SP verifier reads.
 *
 *     example.org/log                 the text: what the signatures cover,
 *     1234                            its last newline included
 *     <base64 root>
 *                                     the last empty line of the note
 *     — example.org/log <base64(key id || signature)>
 *     — witness.example <base64(key id || time || signature)>
 *
 * Invariants
 * - A note is one spelling only: canonical base64, no control characters, every line ended.
 * What is ignored (a signature by an unknown key) is still parsed as strictly as what is used.
 * - Nothing of a note is believed before its signature has been verified with a key that was
 * given beforehand; the key id only finds the line, it proves nothing.
 * - The seed stays in guarded memory; the expanded key lives on the stack while it signs and is
 * wiped.
 */
#include "crypto/note.h"

#include "crypto/decimal.h"
#include "gateway/base/encode.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE_PREFIX "\xe2\x80\x94 " /* em dash, space */
#define COSIGNATURE_HEADER "cosignature/v1\ntime "

enum {
    SIGNATURE_PREFIX_LEN = sizeof(SIGNATURE_PREFIX) - 1,
    KEY_ID_SIZE = 4,
    KEY_ID_HEX = 2 * KEY_ID_SIZE,
    TIME_SIZE = 8,
    VKEY_BLOB_SIZE = 1 + NOTE_KEY_SIZE,
    VKEY_BLOB_BASE64 = BASE64_SIZE(VKEY_BLOB_SIZE) - 1,
    HASH_BASE64 = BASE64_SIZE(MERKLE_HASH_SIZE) - 1,
    DECIMAL_MAX = 20,
    COSIGNED_MAX = CHECKPOINT_TEXT_MAX + sizeof(COSIGNATURE_HEADER) + DECIMAL_MAX + 1,
};

_Static_assert(NOTE_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(NOTE_KEY_SIZE == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(NOTE_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");
_Static_assert(NOTE_NAME_MAX + 1 + KEY_ID_HEX + 1 + VKEY_BLOB_BASE64 + 1 <= NOTE_VKEY_MAX,
               "vkey text");
_Static_assert(NOTE_NAME_MAX + 1 + DECIMAL_MAX + 1 + HASH_BASE64 + 1 <= CHECKPOINT_TEXT_MAX,
               "a checkpoint without extensions fits");

static enum err malformed(const char *what)
{
    return err_set(ERR_INVALID, "malformed note: %s", what);
}

static void put_be32(uint8_t out[4], uint32_t v)
{
    for (int i = 3; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

static void put_be64(uint8_t out[8], uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

static uint32_t get_be32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static uint64_t get_be64(const uint8_t in[8])
{
    return (uint64_t)get_be32(in) << 32 | get_be32(in + 4);
}

/* --- names and keys ---------------------------------------------------------------------- */

/* Unicode White_Space beyond ASCII; UTF-8 is self-synchronising, so that a search for the bytes
 * is exact. */
static const char *const WIDE_SPACES[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

static bool name_valid(const char *name, size_t len)
{
    if (len == 0 || !utf8_valid(name, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] <= ' ' || name[i] == '+')
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(WIDE_SPACES); i++) {
        if (memmem(name, len, WIDE_SPACES[i], strlen(WIDE_SPACES[i])))
            return false;
    }
    return true;
}

enum err note_verifier_make(const char *name, uint8_t algorithm,
                            const uint8_t public_key[NOTE_KEY_SIZE], struct note_verifier *out)
{
    size_t name_len = strlen(name);
    if (name_len > NOTE_NAME_MAX || !name_valid(name, name_len))
        return err_set(ERR_INVALID, "not a name for a key");
    if (algorithm != NOTE_ED25519 && algorithm != NOTE_COSIGNATURE)
        return err_set(ERR_UNSUPPORTED, "a key of an unknown algorithm");

    struct note_verifier v = {.algorithm = algorithm};
    memcpy(v.name, name, name_len + 1);
    memcpy(v.public_key, public_key, NOTE_KEY_SIZE);
    const uint8_t between[] = {'\n', algorithm};
    const void *parts[] = {name, between, public_key};
    const size_t lens[] = {name_len, sizeof(between), NOTE_KEY_SIZE};
    uint8_t hash[SHA256_SIZE];
    TRY(sha256_parts(parts, lens, ARRAY_LEN(parts), hash));
    v.key_id = get_be32(hash);
    *out = v;
    return ERR_OK;
}

enum err note_verifier_parse(const char *vkey, size_t len, struct note_verifier *out)
{
    static const char words[] = "not a verifier key";
    if (len > 0 && vkey[len - 1] == '\n')
        len--;
    const char *plus = memchr(vkey, '+', len);
    if (!plus)
        return err_set(ERR_INVALID, words);
    size_t name_len = (size_t)(plus - vkey);
    if (name_len > NOTE_NAME_MAX || len - name_len != 1 + KEY_ID_HEX + 1 + VKEY_BLOB_BASE64 ||
        plus[1 + KEY_ID_HEX] != '+' || memchr(vkey, '\0', len))
        return err_set(ERR_INVALID, words);

    char name[NOTE_NAME_MAX + 1] = "";
    memcpy(name, vkey, name_len);
    uint8_t blob[VKEY_BLOB_SIZE];
    size_t blob_len = 0;
    if (base64_decode(BASE64_STANDARD, plus + 1 + KEY_ID_HEX + 1, VKEY_BLOB_BASE64, blob,
                      sizeof(blob), &blob_len) != ERR_OK ||
        blob_len != VKEY_BLOB_SIZE)
        return err_set(ERR_INVALID, words);
    struct note_verifier v;
    TRY(note_verifier_make(name, blob[0], blob + 1, &v));
    char key_id[KEY_ID_HEX + 1];
    (void)snprintf(key_id, sizeof(key_id), "%08" PRIx32, v.key_id);
    if (memcmp(plus + 1, key_id, KEY_ID_HEX) != 0)
        return err_set(ERR_INVALID, "a verifier key whose id does not belong to it");
    *out = v;
    return ERR_OK;
}

void note_verifier_format(const struct note_verifier *v, char out[NOTE_VKEY_MAX])
{
    uint8_t blob[VKEY_BLOB_SIZE] = {v->algorithm};
    memcpy(blob + 1, v->public_key, NOTE_KEY_SIZE);
    char base64[BASE64_SIZE(VKEY_BLOB_SIZE)];
    (void)base64_encode(BASE64_STANDARD, blob, sizeof(blob), base64);
    int n = snprintf(out, NOTE_VKEY_MAX, "%s+%08" PRIx32 "+%s", v->name, v->key_id, base64);
    assert(n > 0 && n < NOTE_VKEY_MAX);
}

/* --- the signer -------------------------------------------------------------------------- */

enum err note_signer_load(const char *name, const struct secret *seed, struct note_signer *out)
{
    memset(out, 0, sizeof(*out));
    if (seed->len != NOTE_KEY_SIZE)
        return err_set(ERR_INVALID, "a signing key is %d bytes long", NOTE_KEY_SIZE);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t expanded[crypto_sign_SECRETKEYBYTES];
    int failed = crypto_sign_seed_keypair(public_key, expanded, seed->bytes);
    sodium_memzero(expanded, sizeof(expanded));
    if (failed)
        return err_set(ERR_CRYPTO, "the signing key could not be expanded");

    struct note_signer s = {.seed = NULL};
    TRY(note_verifier_make(name, NOTE_ED25519, public_key, &s.verifier));
    TRY(secret_new(NOTE_KEY_SIZE, &s.seed));
    memcpy(s.seed->bytes, seed->bytes, NOTE_KEY_SIZE);
    *out = s;
    return ERR_OK;
}

enum err note_signer_generate(const char *name, struct note_signer *out)
{
    memset(out, 0, sizeof(*out));
    AUTO(secret_free) struct secret *seed = NULL;
    TRY(secret_new(NOTE_KEY_SIZE, &seed));
    randombytes_buf(seed->bytes, seed->len);
    return note_signer_load(name, seed, out);
}

void note_signer_clear(struct note_signer *s)
{
    secret_free(s->seed);
    sodium_memzero(s, sizeof(*s));
}

static enum err sign(const struct note_signer *s, const void *message, size_t len,
                     uint8_t signature[NOTE_SIGNATURE_SIZE])
{
    assert(s->seed && s->seed->len == NOTE_KEY_SIZE);
    uint8_t expanded[crypto_sign_SECRETKEYBYTES]; /* seed || public key */
    memcpy(expanded, s->seed->bytes, NOTE_KEY_SIZE);
    memcpy(expanded + NOTE_KEY_SIZE, s->verifier.public_key, NOTE_KEY_SIZE);
    int failed = crypto_sign_detached(signature, NULL, message, len, expanded);
    sodium_memzero(expanded, sizeof(expanded));
    return failed ? err_set(ERR_CRYPTO, "signing failed") : ERR_OK;
}

/* --- taking a note apart ----------------------------------------------------------------- */

struct signature_line {
    const char *name;
    size_t name_len;
    uint32_t key_id;
    uint8_t blob[TIME_SIZE + NOTE_SIGNATURE_SIZE]; /* what follows the key id, cut: longer ones
                                                      are not ours */
    size_t blob_len;                               /* uncut */
};

/* Takes the line that begins at *at and moves *at behind its newline. */
static enum err signature_line_take(const char **at, const char *end,
                                    struct signature_line *out)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    if (!newline)
        return malformed("a line without its end");
    size_t len = (size_t)(newline - *at);
    if (len < SIGNATURE_PREFIX_LEN || memcmp(*at, SIGNATURE_PREFIX, SIGNATURE_PREFIX_LEN) != 0)
        return malformed("a signature line begins with a dash");
    out->name = *at + SIGNATURE_PREFIX_LEN;
    len -= SIGNATURE_PREFIX_LEN;
    const char *space = memchr(out->name, ' ', len);
    if (!space)
        return malformed("a signature line without a signature");
    out->name_len = (size_t)(space - out->name);
    if (!name_valid(out->name, out->name_len))
        return malformed("a key name");

    uint8_t bytes[NOTE_MAX];
    size_t n = 0;
    if (base64_decode(BASE64_STANDARD, space + 1, len - out->name_len - 1, bytes, sizeof(bytes),
                      &n) != ERR_OK ||
        n <= KEY_ID_SIZE)
        return malformed("the base64 of a signature");
    out->key_id = get_be32(bytes);
    out->blob_len = n - KEY_ID_SIZE;
    memcpy(out->blob, bytes + KEY_ID_SIZE,
           out->blob_len < sizeof(out->blob) ? out->blob_len : sizeof(out->blob));
    *at = newline + 1;
    return ERR_OK;
}

static bool characters_valid(const char *note, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)note[i] < ' ' && note[i] != '\n')
            return false;
    }
    return utf8_valid(note, len);
}

/* Splits at the last empty line: the text is note[0..*text_len), the signature lines begin one
 * byte further on. */
static enum err note_split(const char *note, size_t len, size_t *text_len)
{
    *text_len = 0;
    if (len > NOTE_MAX)
        return err_set(ERR_TOO_LARGE, "a note of more than %d bytes", NOTE_MAX);
    if (!characters_valid(note, len))
        return malformed("not plain UTF-8 text");
    if (len < 3 || note[len - 1] != '\n')
        return malformed("it does not end with a newline");
    /* The last byte is the end of a signature line: an empty line before it ends at len - 2 at
     * the latest. */
    for (size_t i = len - 2; i > 0; i--) {
        if (note[i] == '\n' && note[i - 1] == '\n') {
            *text_len = i;
            return ERR_OK;
        }
    }
    return malformed("no empty line before the signatures");
}

/* Walks every signature line, strictly; finds the one of `v`, of which there may be one only.
 */
static enum err signature_find(const char *note, size_t len, size_t text_len,
                               const struct note_verifier *v, bool *found,
                               struct signature_line *out)
{
    *found = false;
    const char *at = note + text_len + 1;
    size_t name_len = v ? strlen(v->name) : 0;
    for (int n = 0; at < note + len; n++) {
        struct signature_line line;
        if (n == NOTE_SIGNATURES_MAX)
            return malformed("too many signatures");
        TRY(signature_line_take(&at, note + len, &line));
        if (!v || line.key_id != v->key_id || line.name_len != name_len ||
            memcmp(line.name, v->name, name_len) != 0)
            continue;
        if (*found)
            return err_set(ERR_CRYPTO, "the note is signed twice with one key");
        *found = true;
        *out = line;
    }
    return ERR_OK;
}

/* The signature of v's key, of the length its algorithm has. */
static enum err signature_of(const char *note, size_t len, const struct note_verifier *v,
                             size_t want_len, size_t *text_len, struct signature_line *line)
{
    bool found;
    TRY(note_split(note, len, text_len));
    TRY(signature_find(note, len, *text_len, v, &found, line));
    if (!found)
        return err_set(ERR_CRYPTO, "the note is not signed with this key");
    if (line->blob_len != want_len)
        return err_set(ERR_CRYPTO, "a signature of the wrong length");
    return ERR_OK;
}

static enum err signature_check(const uint8_t signature[NOTE_SIGNATURE_SIZE],
                                const void *message, size_t len, const struct note_verifier *v)
{
    if (crypto_sign_verify_detached(signature, message, len, v->public_key) != 0)
        return err_set(ERR_CRYPTO, "the signature of the note does not verify");
    return ERR_OK;
}

enum err note_verify(const char *note, size_t len, const struct note_verifier *v)
{
    if (v->algorithm != NOTE_ED25519)
        return err_set(ERR_UNSUPPORTED, "not a key that signs notes");
    size_t text_len;
    struct signature_line line;
    TRY(signature_of(note, len, v, NOTE_SIGNATURE_SIZE, &text_len, &line));
    return signature_check(line.blob, note, text_len, v);
}

/* --- checkpoints ------------------------------------------------------------------------- */

struct text_lines {
    const char *at;
    const char *end;
};

static bool text_line_take(struct text_lines *t, const char **line, size_t *len)
{
    const char *newline = memchr(t->at, '\n', (size_t)(t->end - t->at));
    if (!newline)
        return false;
    *line = t->at;
    *len = (size_t)(newline - t->at);
    t->at = newline + 1;
    return true;
}

static enum err checkpoint_text_parse(const char *text, size_t text_len, struct checkpoint *out)
{
    struct text_lines lines = {text, text + text_len};
    const char *line;
    size_t len;
    memset(out, 0, sizeof(*out));
    if (!text_line_take(&lines, &line, &len) || len == 0 || len > NOTE_NAME_MAX)
        return malformed("the origin of a checkpoint");
    memcpy(out->origin, line, len);
    if (!text_line_take(&lines, &line, &len) ||
        decimal_parse(line, len, MERKLE_SIZE_MAX, &out->size) != ERR_OK)
        return malformed("the size of a checkpoint");
    size_t n = 0;
    if (!text_line_take(&lines, &line, &len) || len != HASH_BASE64 ||
        base64_decode(BASE64_STANDARD, line, len, out->root.bytes, MERKLE_HASH_SIZE, &n) !=
            ERR_OK ||
        n != MERKLE_HASH_SIZE)
        return malformed("the root of a checkpoint");
    while (text_line_take(&lines, &line, &len)) {
        if (len == 0)
            return malformed("an empty extension line");
    }
    return ERR_OK;
}

enum err checkpoint_parse(const char *note, size_t len, struct checkpoint *out,
                          size_t *text_len)
{
    TRY(note_split(note, len, text_len));
    if (*text_len > CHECKPOINT_TEXT_MAX)
        return err_set(ERR_TOO_LARGE, "a checkpoint of more than %d bytes",
                       CHECKPOINT_TEXT_MAX);
    bool found;
    struct signature_line unused;
    TRY(signature_find(note, len, *text_len, NULL, &found, &unused));
    return checkpoint_text_parse(note, *text_len, out);
}

static enum err signature_line_append(struct buf *out, const char *name, uint32_t key_id,
                                      const uint8_t *blob, size_t blob_len)
{
    uint8_t bytes[KEY_ID_SIZE + TIME_SIZE + NOTE_SIGNATURE_SIZE];
    assert(blob_len <= sizeof(bytes) - KEY_ID_SIZE);
    put_be32(bytes, key_id);
    memcpy(bytes + KEY_ID_SIZE, blob, blob_len);
    char base64[BASE64_SIZE(sizeof(bytes))];
    (void)base64_encode(BASE64_STANDARD, bytes, KEY_ID_SIZE + blob_len, base64);
    return buf_printf(out, SIGNATURE_PREFIX "%s %s\n", name, base64);
}

enum err checkpoint_sign(const struct note_signer *s, const struct checkpoint *c,
                         struct buf *note)
{
    if (strcmp(c->origin, s->verifier.name) != 0)
        return err_set(ERR_INVALID, "a checkpoint of another log");
    if (c->size > MERKLE_SIZE_MAX)
        return err_set(ERR_TOO_LARGE, "the tree is too large");
    char root[BASE64_SIZE(MERKLE_HASH_SIZE)];
    (void)base64_encode(BASE64_STANDARD, c->root.bytes, MERKLE_HASH_SIZE, root);
    char text[CHECKPOINT_TEXT_MAX];
    int n = snprintf(text, sizeof(text), "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, root);
    assert(n > 0 && (size_t)n < sizeof(text));

    uint8_t signature[NOTE_SIGNATURE_SIZE];
    TRY(sign(s, text, (size_t)n, signature));
    TRY(buf_append(note, text, (size_t)n));
    TRY(buf_append_byte(note, '\n'));
    return signature_line_append(note, s->verifier.name, s->verifier.key_id, signature,
                                 sizeof(signature));
}

/* --- cosignatures ------------------------------------------------------------------------ */

/* What a witness signs: two lines of its own, then the text of the checkpoint. */
static size_t cosigned_message(uint64_t time, const char *text, size_t text_len,
                               char out[COSIGNED_MAX])
{
    int n = snprintf(out, COSIGNED_MAX, COSIGNATURE_HEADER "%" PRIu64 "\n", time);
    assert(n > 0 && text_len <= CHECKPOINT_TEXT_MAX && (size_t)n + text_len <= COSIGNED_MAX);
    memcpy(out + n, text, text_len);
    return (size_t)n + text_len;
}

enum err note_verify_cosignature(const char *note, size_t len,
                                 const struct note_verifier *witness, uint64_t *time)
{
    if (witness->algorithm != NOTE_COSIGNATURE)
        return err_set(ERR_UNSUPPORTED, "not the key of a witness");
    struct checkpoint checkpoint;
    struct signature_line line;
    size_t text_len;
    TRY(checkpoint_parse(note, len, &checkpoint, &text_len));
    TRY(signature_of(note, len, witness, TIME_SIZE + NOTE_SIGNATURE_SIZE, &text_len, &line));
    uint64_t claimed = get_be64(line.blob);
    if (claimed > INT64_MAX)
        return err_set(ERR_CRYPTO, "the time of a cosignature is out of range");
    char message[COSIGNED_MAX];
    size_t n = cosigned_message(claimed, note, text_len, message);
    TRY(signature_check(line.blob + TIME_SIZE, message, n, witness));
    *time = claimed;
    return ERR_OK;
}

enum err note_cosign(const struct note_signer *witness, uint64_t time, const char *note,
                     size_t len, struct buf *line)
{
    if (time > INT64_MAX)
        return err_set(ERR_INVALID, "the time of a cosignature is out of range");
    struct checkpoint checkpoint;
    size_t text_len;
    TRY(checkpoint_parse(note, len, &checkpoint, &text_len));
    struct note_verifier v;
    TRY(note_verifier_make(witness->verifier.name, NOTE_COSIGNATURE,
                           witness->verifier.public_key, &v));
    char message[COSIGNED_MAX];
    size_t n = cosigned_message(time, note, text_len, message);
    uint8_t blob[TIME_SIZE + NOTE_SIGNATURE_SIZE];
    put_be64(blob, time);
    TRY(sign(witness, message, n, blob + TIME_SIZE));
    return signature_line_append(line, v.name, v.key_id, blob, sizeof(blob));
}
