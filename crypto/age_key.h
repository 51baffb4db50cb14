/* X25519 identities and recipients in age's text form (Bech32: AGE-SECRET-KEY-1..., age1...),
 * and the gateway's service keys: an identity with a key id.
 *
 * Key id of a service key: the first 8 bytes of SHA-256(recipient), in 16 hex digits.
 */
#ifndef CRYPTO_AGE_KEY_H
#define CRYPTO_AGE_KEY_H

#include "crypto/secret.h"

enum {
    X25519_SIZE = 32,
    AGE_RECIPIENT_TEXT_SIZE = 63, /* "age1" + 58 and the NUL */
    AGE_IDENTITY_TEXT_SIZE = 75,
    KEY_ID_SIZE = 17
};

struct age_recipient {
    uint8_t point[X25519_SIZE];
};

MUST_USE enum err age_identity_generate(struct secret **identity,
                                        struct age_recipient *recipient);
MUST_USE enum err age_identity_recipient(const struct secret *identity,
                                         struct age_recipient *out);
/* Strict Bech32: right prefix, checksum, case not mixed, no non-zero padding bits; low-order
 * points refused. */
MUST_USE enum err age_recipient_parse(const char *text, struct age_recipient *out);
void age_recipient_format(const struct age_recipient *r, char out[AGE_RECIPIENT_TEXT_SIZE]);
MUST_USE enum err age_identity_parse(const char *text, size_t len, struct secret **out);
void age_identity_format(const struct secret *identity,
                         char out[AGE_IDENTITY_TEXT_SIZE]); /* caller wipes */
void service_key_id(const struct age_recipient *r, char out[KEY_ID_SIZE]);

/* An identity file as age-keygen writes it: comments (#) and one AGE-SECRET-KEY-1 line. Read
 * with secret_file_read's strictness. */
MUST_USE enum err age_identity_file_read(const char *path, struct secret **identity);
/* Writes "# created: <time>", "# public key: age1..." and the identity; 0400. */
MUST_USE enum err age_identity_file_write(const char *path, const struct secret *identity);

#endif
