/* Client certificates: a peer's chain in, a subject and roles out.
 *
 * Verified: path to a root of client_ca_file (intermediates may come from the peer), purpose
 * clientAuth, validity, strength of keys and signatures (112 bits), and with a
 * revocation list that every certificate of the path is on none; the list file may hold several
 * lists. A missing, malformed or expired list refuses everybody. The files are looked at once a
 * FILE_CHECK_MS; a broken CA file leaves the roots as they are, and shows in
 * certificates_health. */
#ifndef GATEWAY_AUTH_CERTIFICATE_H
#define GATEWAY_AUTH_CERTIFICATE_H

#include "crypto/digest.h"
#include "gateway/auth/authenticate.h"

enum {
    CERTIFICATE_CHAIN_MAX = 10,
    CERTIFICATE_DER_MAX = 65536,
    CERTIFICATE_DEPTH_MAX = 5,
    CERTIFICATE_FILE_MAX = 4 * 1024 * 1024,
    CERTIFICATE_TEXT_MAX = 1024, /* of a distinguished name */
};

struct certificates;
/* Copies the mappings. ERR_INVALID: a row that can match nothing; or what is wrong with a file.
 * An unusable revocation list is no error here: it refuses later. */
MUST_USE enum err certificates_new(const struct auth_config *config, struct certificates **out);
void certificates_free(struct certificates *c);
DEFINE_AUTO(struct certificates, certificates_free);

struct certificate_result {
    uint8_t thumbprint[SHA256_SIZE]; /* of the leaf as sent */
    int64_t valid_until_us;          /* of the path and the lists, the earliest */
    struct principal principal;      /* subject "": verified, and nobody we know */
};

/* Looks at the files if it is time. Grows whenever the roots or the lists change; what was
 * verified under another generation counts no more. */
uint64_t certificates_generation(struct certificates *c, int64_t steady_ms);
/* ERR_UNAUTHENTICATED: it does not verify. */
MUST_USE enum err certificates_check(struct certificates *c, const struct auth_der *chain,
                                     size_t n, struct certificate_result *out);
MUST_USE enum err certificates_health(struct certificates *c, int64_t steady_ms);

#endif
