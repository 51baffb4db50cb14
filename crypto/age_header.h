/* The age v1 header of an artefact (C2SP age.md, "Header"): who can open it.
 *
 *     age-encryption.org/v1
 *     -> evidence-gateway.invalid/x25519 <key id> <base64 share>      (service stanza, ours)
 *     <base64 of ChaCha20-Poly1305(wrap key, nonce 0, file key, aad = artefact id)>
 *     -> X25519 <base64 ephemeral share>                              (recovery, standard)
 *     <base64 body>
 *     --- <base64 MAC>
 *
 *     MAC = HMAC-SHA-256(HKDF(file key, "", "header"), all up to and including "---")
 *
 * Service wrap key = HKDF-SHA-256(ikm = X25519(ephemeral, recipient), salt = share ||
 * recipient, info = "evidence-gateway.invalid/x25519/v1" || artefact id (16 bytes)). The
 * artefact id binds the stanza: header and payload of two artefacts cannot be swapped. Age
 * tools ignore stanzas they do not know.
 *
 * Parsing is strict: canonical unpadded base64, bodies wrapped at 64 columns with a short last
 * line, at most AGE_STANZAS_MAX stanzas and AGE_HEADER_MAX bytes, nothing else on the MAC
 * line, all-zero shared secrets refused. The stanza type's domain is a reserved name on
 * purpose: a department sets its own before production (see docs/sealing.md).
 */
#ifndef CRYPTO_AGE_HEADER_H
#define CRYPTO_AGE_HEADER_H

#include "crypto/age_key.h"
#include "crypto/age_payload.h"
#include "gateway/base/buf.h"
#include "gateway/base/uuid.h"

#define AGE_SERVICE_STANZA "evidence-gateway.invalid/x25519"
enum {
    AGE_HEADER_MAX = 16384,
    AGE_STANZAS_MAX = 16,
    AGE_STANZA_ARGS_MAX = 8,
    AGE_STANZA_BODY_MAX = 4096
};

struct age_stanza {
    /* args[0] is the type; NUL-terminated, inside the parsed copy */
    const char *args[AGE_STANZA_ARGS_MAX];
    size_t n_args;
    uint8_t body[64]; /* longer bodies are kept only as their length: none of ours is longer */
    size_t body_len;
};
struct age_header {
    struct age_stanza stanzas[AGE_STANZAS_MAX];
    size_t n_stanzas;
    uint8_t mac[32];
    size_t maced_len;  /* bytes of the input that the MAC covers */
    size_t header_len; /* bytes up to and including the newline behind the MAC: where a payload
                          would begin */
    char *text;        /* owned copy */
};

/* ERR_CORRUPT; bytes behind the header are allowed (a whole file may be given). */
MUST_USE enum err age_header_parse(const void *data, size_t len, struct age_header *out);
void age_header_clear(struct age_header *h);
DEFINE_AUTO_CLEAR(struct age_header, age_header_clear);

/* Appends a header for the artefact: the service stanza for `service`, the standard one for
 * `recovery` (may be NULL). On failure what was appended is of no use. */
MUST_USE enum err age_header_seal(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                  const struct uuid *artefact,
                                  const struct age_recipient *service,
                                  const struct age_recipient *recovery, struct buf *out);
/* Appends a plain age header for one standard recipient (export). */
MUST_USE enum err age_header_seal_plain(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                        const struct age_recipient *recipient, struct buf *out);

/* Finds our stanza for this identity and unwraps; verifies the MAC before returning.
 * ERR_NOT_FOUND: no stanza for this key; ERR_CORRUPT: it is malformed (share, size, low order);
 * ERR_CRYPTO: it does not open (wrong artefact, tampered) or the MAC is wrong. file_key is
 * wiped on every failure. */
MUST_USE enum err age_header_open_service(const struct age_header *h,
                                          const struct uuid *artefact,
                                          const struct secret *identity,
                                          uint8_t file_key[AGE_FILE_KEY_SIZE]);
/* The same for the standard X25519 stanza (recovery; vectors). These name no key, so each is
 * tried: ERR_NOT_FOUND when none opens, ERR_CRYPTO only for a wrong MAC. */
MUST_USE enum err age_header_open_plain(const struct age_header *h,
                                        const struct secret *identity,
                                        uint8_t file_key[AGE_FILE_KEY_SIZE]);
/* Key id named by the service stanza, or ERR_NOT_FOUND. */
MUST_USE enum err age_header_key_id(const struct age_header *h, char out[KEY_ID_SIZE]);

#endif
