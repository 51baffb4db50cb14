/* What the log says to a witness, and what the witness answers (C2SP tlog-witness.md,
 * add-checkpoint; cosignatures: tlog-cosignature.md).
 *
 *     request                              answer
 *     old <decimal>\n                      200: one or more signature lines
 *     <base64 hash>\n ...                       — <name> <base64(key id[4] || time[8] ||
 * signature[64])>\n \n                                   409: <decimal>\n: the size that the
 * witness stands at <checkpoint note>
 *
 * The proof is that of RFC 6962 from the old size to the checkpoint's. An answer is somebody
 * else's text: it is taken apart strictly, and a cosignature is given out only once it
 * verifies.
 */
#ifndef CRYPTO_WITNESS_H
#define CRYPTO_WITNESS_H

#include "crypto/note.h"

enum {
    WITNESS_HASHES_MAX = 63,     /* proof lines; the specification's limit */
    WITNESS_REQUEST_MAX = 16384, /* bytes: all of them and the largest note */
    WITNESS_ANSWER_MAX = 65536,  /* bytes, of any answer */
    WITNESS_LINES_MAX = 16,      /* signature lines of an answer */
    COSIGNATURE_LINE_MAX = 256,  /* bytes of a line of cosignature/v1, newline included */
};

/* Appends the body. `note` as the log signed it. ERR_TOO_LARGE: more hashes than may be sent.
 */
MUST_USE enum err witness_request_format(uint64_t old_size, const struct merkle_proof *proof,
                                         const char *note, size_t len, struct buf *out);

struct cosignature {
    char line[COSIGNATURE_LINE_MAX + 1]; /* with its newline: appended to the note as it is */
    uint64_t time;                       /* seconds since 1970, not 0 */
};
/* The cosignature of `witness` for the checkpoint `note` (without cosignatures) in the body of
 * a 200. Lines of other keys and of other algorithms are passed over. ERR_INVALID: not
 * signature lines; ERR_CRYPTO: none by this key, more than one, a bad one, or one without a
 * time. */
MUST_USE enum err witness_answer_parse(const char *answer, size_t answer_len, const char *note,
                                       size_t note_len, const struct note_verifier *witness,
                                       struct cosignature *out);
/* The body of a 409. ERR_INVALID */
MUST_USE enum err witness_size_parse(const char *answer, size_t len, uint64_t *size);

#endif
