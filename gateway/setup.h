/* From the whole configuration to the structs that the layers want. The texts of the results
 * belong to the config (and to struct setup), which must outlive them. */
#ifndef GATEWAY_SETUP_H
#define GATEWAY_SETUP_H

#include "config/config.h"
#include "gateway/auth/authenticate.h"
#include "gateway/base/log.h"
#include "gateway/evidence/evidence.h"
#include "gateway/http/server.h"

struct setup {
    const struct config *config;
    struct issuer_config *issuers;
    struct certificate_mapping *mappings;
};
MUST_USE enum err setup_new(const struct config *c, struct setup **out);
void setup_free(struct setup *s);
DEFINE_AUTO(struct setup, setup_free);

void setup_auth(const struct setup *s, struct auth_config *out);
void setup_evidence(const struct config *c, struct evidence_config *out);
struct inspectors_config;
/* `program` is of the caller: where it stands if the setting is empty. */
void setup_inspectors(const struct config *c, const char *program, uint64_t largest,
                      struct inspectors_config *out);
void setup_keeper(const struct config *c, bool admin, struct keeper_config *out);
void setup_permissions(const struct config *c); /* permission_configure */
/* The service's listener: routes, n_routes, context and finished are left to the caller. */
void setup_server(const struct config *c, struct http_server_config *out);
/* The operations listener: plain HTTP, the same limits. */
void setup_ops_server(const struct config *c, struct http_server_config *out);
enum log_level setup_log_level(const struct config *c);
/* Words of a list of role names as bits. ERR_INVALID */
MUST_USE enum err setup_roles(const char *words, uint32_t *out);

#endif
