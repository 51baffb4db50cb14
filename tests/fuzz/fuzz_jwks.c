/* layer: eg_crypto */
/* Any bytes as a key set: refused, or a set within its limits that a token can be tried
 * against. */
#include "crypto/jws.h"

#include "crypto/secret.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* {"alg":"..."}.{}.<64 or more bytes> */
#define SIGNATURE_64                                                                           \
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
static const char *const tokens[] = {
    "eyJhbGciOiJFUzI1NiJ9.e30." SIGNATURE_64, /* ES256 */
    "eyJhbGciOiJSUzI1NiJ9.e30." SIGNATURE_64, /* RS256: of a wrong length for any key */
};

static void try_token(const struct jwks *set, const char *token)
{
    AUTO(json_free) json_t *claims = NULL;
    struct jws_head head;

    if (jws_head_read(token, strlen(token), &head) != ERR_OK)
        abort();
    if (jws_verify(set, &head, token, strlen(token), &claims) == ERR_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(jwks_free) struct jwks *set = NULL;
    static bool started;

    if (!started && crypto_init() != ERR_OK)
        abort();
    started = true;
    if (jwks_parse(data, size, &set) != ERR_OK)
        return 0;
    assert(size <= JWKS_MAX && jwks_count(set) <= JWKS_KEYS_MAX);
    (void)jwks_has_kid(set, "k1");
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        try_token(set, tokens[i]);
    return 0;
}
