/* Signed notes (C2SP signed-note.md) and checkpoints (tlog-checkpoint.md), Ed25519.
 *
 *     <origin>\n<size, decimal>\n<base64 root>\n        the text of a checkpoint
 *     \n
 *     — <key name> <base64(key id[4] || signature[64])>\n     one line per signature (U+2014 EM DASH)
 *
 * key id = first 4 bytes of SHA-256(name || "\n" || 0x01 || public key)
 * verifier key text: <name>+<key id, 8 hex>+<base64(0x01 || public key)>
 * cosignature/v1 (tlog-cosignature.md): algorithm byte 0x04, body = key id[4] || time[8, big-endian seconds] || signature[64] over
 *     "cosignature/v1\ntime <decimal>\n" || checkpoint text.
 */
#ifndef CRYPTO_NOTE_H
#define CRYPTO_NOTE_H

#include "crypto/merkle.h"
#include "crypto/secret.h"
#include "gateway/base/buf.h"

enum { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 }; /* algorithm bytes */
enum { NOTE_KEY_SIZE = 32, NOTE_SIGNATURE_SIZE = 64 };
enum { NOTE_NAME_MAX = 128, NOTE_MAX = 8192, NOTE_SIGNATURES_MAX = 16, NOTE_VKEY_MAX = 256, CHECKPOINT_TEXT_MAX = 512 };

struct note_verifier { /* a public key with its name */
    char name[NOTE_NAME_MAX + 1];
    uint32_t key_id;
    uint8_t algorithm; /* 1: Ed25519, 4: cosignature/v1 */
    uint8_t public_key[NOTE_KEY_SIZE];
};
MUST_USE enum err note_verifier_parse(const char *vkey, size_t len, struct note_verifier *out); /* one trailing newline allowed */
/* Computes the key id. name: non-empty valid UTF-8 without spaces, plus and control characters; algorithm 1 or 4. */
MUST_USE enum err note_verifier_make(const char *name, uint8_t algorithm, const uint8_t public_key[NOTE_KEY_SIZE], struct note_verifier *out);
void note_verifier_format(const struct note_verifier *v, char out[NOTE_VKEY_MAX]);

struct note_signer { /* the log's key: held by the keeper alone */
    struct note_verifier verifier;
    struct secret *seed; /* 32 bytes */
};
/* name: non-empty, no spaces, no plus, no control characters. */
MUST_USE enum err note_signer_generate(const char *name, struct note_signer *out);
MUST_USE enum err note_signer_load(const char *name, const struct secret *seed, struct note_signer *out); /* copies the seed */
void note_signer_clear(struct note_signer *s);
DEFINE_AUTO_CLEAR(struct note_signer, note_signer_clear);

struct checkpoint {
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size;
    struct merkle_hash root;
};
/* size at most MERKLE_SIZE_MAX. Strict: no leading zeros, canonical base64, no NUL; extension lines are allowed and ignored. `text_len` = bytes the signatures cover (with final newline). */
MUST_USE enum err checkpoint_parse(const char *note, size_t len, struct checkpoint *out, size_t *text_len);
/* ERR_INVALID unless the origin is the signer's name: one log, one name. */
MUST_USE enum err checkpoint_sign(const struct note_signer *s, const struct checkpoint *c, struct buf *note);
/* ERR_CRYPTO unless exactly one signature of `v` is there and good. Unknown signatures are ignored (but must be well-formed), a bad
 * or repeated one of v refuses. Any note, not checkpoints alone; ERR_INVALID when it is no well-formed note. */
MUST_USE enum err note_verify(const char *note, size_t len, const struct note_verifier *v);
/* A cosignature line's time (seconds) once it verifies. */
MUST_USE enum err note_verify_cosignature(const char *note, size_t len, const struct note_verifier *witness, uint64_t *time);
/* Appends one signature line for the checkpoint in `note`: to be appended to the note as it is. */
MUST_USE enum err note_cosign(const struct note_signer *witness, uint64_t time, const char *note, size_t len, struct buf *line);

#endif
