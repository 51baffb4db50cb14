/* The roots and revocation lists of one moment, as OpenSSL wants them: read from two files,
 * immutable afterwards. */
#ifndef GATEWAY_AUTH_TRUST_H
#define GATEWAY_AUTH_TRUST_H

#include "gateway/base/buf.h"

#include <openssl/x509.h>

struct trust;
/* crls NULL: no revocation is asked for. ERR_INVALID: nothing usable in one of them. */
MUST_USE enum err trust_new(const struct buf *roots, const struct buf *crls,
                            struct trust **out);
struct trust *trust_ref(struct trust *t);
void trust_free(struct trust *t);
DEFINE_AUTO(struct trust, trust_free);

/* Verifies the leaf over `others` at now_s. *valid_until_s: the earliest end of what it rests
 * on. ERR_UNAUTHENTICATED with OpenSSL's words. */
MUST_USE enum err trust_verify(struct trust *t, X509 *leaf, STACK_OF(X509) * others,
                               int64_t now_s, int64_t *valid_until_s);
int64_t trust_crls_until_s(const struct trust *t); /* INT64_MAX without lists */

#endif
