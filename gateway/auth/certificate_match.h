/* The rows that say whose a verified certificate is: "san-uri:<value>", "san-dns:<value>",
 * "subject:<RFC 2253 name>" or "sha256:<hex>", each compared exactly. */
#ifndef GATEWAY_AUTH_CERTIFICATE_MATCH_H
#define GATEWAY_AUTH_CERTIFICATE_MATCH_H

#include "crypto/digest.h"

#include <openssl/x509.h>

enum match_kind { MATCH_SAN_URI, MATCH_SAN_DNS, MATCH_SUBJECT, MATCH_SHA256, MATCH_KIND_COUNT };

struct match {
    enum match_kind kind;
    const char *value;               /* borrowed from the text; what follows the colon */
    uint8_t thumbprint[SHA256_SIZE]; /* MATCH_SHA256 */
};

/* ERR_INVALID: no such kind, no value, or not the hex of a SHA-256. */
MUST_USE enum err match_parse(const char *text, struct match *out);
bool match_certificate(const struct match *m, X509 *leaf,
                       const uint8_t thumbprint[SHA256_SIZE]);

#endif
