/* Who is calling: issuer + subject, and roles. Made by authenticate.h from a token or a client
 * certificate. */
#ifndef GATEWAY_AUTH_PRINCIPAL_H
#define GATEWAY_AUTH_PRINCIPAL_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define ROLE_TABLE(X)                                                                          \
    X(ROLE_CLAIMANT, "claimant")                                                               \
    X(ROLE_REPRESENTATIVE, "representative")                                                   \
    X(ROLE_HEALTH_PROFESSIONAL, "health_professional")                                         \
    X(ROLE_ASSESSOR, "assessor")                                                               \
    X(ROLE_CASE_MANAGER, "case_manager")                                                       \
    X(ROLE_AUDITOR, "auditor")                                                                 \
    X(ROLE_RECORDS_OWNER, "records_owner")                                                     \
    X(ROLE_CLAIMS_SYSTEM, "claims_system")                                                     \
    X(ROLE_OPERATOR, "operator")

enum role {
#define X(role, name) role,
    ROLE_TABLE(X)
#undef X
        ROLE_COUNT
};

const char *role_name(enum role r);
MUST_USE enum err role_parse(const char *name, enum role *out); /* ERR_INVALID */

enum {
    PRINCIPAL_TEXT_MAX = 255,
    THUMBPRINT_TEXT_SIZE = 44 /* base64url of SHA-256, and the NUL */
};

struct principal {
    char issuer[PRINCIPAL_TEXT_MAX + 1];
    char subject[PRINCIPAL_TEXT_MAX + 1];
    char client_id[PRINCIPAL_TEXT_MAX + 1]; /* "" for certificates */
    uint32_t roles;                         /* bit 1 << enum role */
    bool by_certificate;
    int64_t expires_at; /* microseconds; of the token or the certificate */
};

static inline bool principal_has(const struct principal *p, enum role r)
{
    return (p->roles >> r & 1u) != 0;
}
bool principal_equal(const struct principal *a,
                     const struct principal *b); /* issuer and subject */

#endif
