/* An issuer we trust: its settings, checked and copied, and its key set. */
#ifndef GATEWAY_AUTH_ISSUER_H
#define GATEWAY_AUTH_ISSUER_H

#include "gateway/auth/authenticate.h"
#include "gateway/auth/jwks_source.h"

enum { LEEWAY_MAX_S = 300 };

struct issuer {
    struct issuer_config config; /* texts belong to it */
    struct jwks_source *keys;
};

/* ERR_INVALID: a setting that cannot be meant. Loads no keys. */
MUST_USE enum err issuer_init(struct issuer *i, const struct issuer_config *config);
void issuer_clear(struct issuer *i);
/* `word` is one of the words of `list`, which single spaces part. */
bool word_in_list(const char *list, const char *word);

#endif
