/* The development certificate authority: self-made X.509 for one machine. ECDSA P-256, random
 * serials. Not for production: there the department's own authority issues. */
#ifndef GATEWAY_DEV_CA_H
#define GATEWAY_DEV_CA_H

#include "gateway/base/error.h"

#include <openssl/x509.h>
#include <stdbool.h>

enum { DEV_CA_DAYS = 825, DEV_LEAF_DAYS = 397 /* more is frowned upon for servers */ };

struct dev_ca {
    EVP_PKEY *key;
    X509 *certificate;
};
MUST_USE enum err dev_ca_make(struct dev_ca *out);
void dev_ca_clear(struct dev_ca *ca);
DEFINE_AUTO_CLEAR(struct dev_ca, dev_ca_clear);
/* Certificate 0644, key 0400; ERR_EXISTS leaves what is there. */
MUST_USE enum err dev_ca_write(const struct dev_ca *ca, const char *certificate_file,
                               const char *key_file);

struct dev_leaf {
    const char *common_name;
    const char *
        alternative_names; /* OpenSSL's syntax: "IP:127.0.0.1,DNS:localhost" or "URI:urn:..." */
    bool server;           /* else a client */
};
/* Makes a key and has it certified. */
MUST_USE enum err dev_ca_issue(const struct dev_ca *ca, const struct dev_leaf *leaf,
                               const char *certificate_file, const char *key_file);
/* An empty revocation list, number 1. */
MUST_USE enum err dev_ca_write_crl(const struct dev_ca *ca, const char *path);

#endif
