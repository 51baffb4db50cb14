/* layer: eg_crypto */
/* Any bytes as an access token: the gate refuses them or gives back a head within its limits;
 * an input that passed the gate is verified against an empty and a foreign key set, and never
 * good. */
#include "crypto/jws.h"

#include "crypto/secret.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Public halves of keys that nobody has. */
static const char foreign[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k1\","
                              "\"x\":\"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY\","
                              "\"y\":\"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU\"}]}";

static struct jwks *set;

static void start(void)
{
    if (set == NULL &&
        (crypto_init() != ERR_OK || jwks_parse(foreign, strlen(foreign), &set) != ERR_OK ||
         jwks_count(set) != 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(json_free) json_t *claims = NULL;
    const char *token = (const char *)data;
    struct jws_head head;
    enum err e;

    start();
    if (jws_head_read(token, size, &head) != ERR_OK)
        return 0;
    assert(size <= JWS_MAX && memchr(data, '.', size) != NULL);
    assert(strlen(head.alg) == 5 && strlen(head.kid) <= JWS_KID_MAX);
    assert(strlen(head.typ) < sizeof(head.typ));
    e = jws_verify(set, &head, token, size, &claims);
    assert(e == ERR_CRYPTO || e == ERR_NOT_FOUND || e == ERR_NOMEM);
    assert(claims == NULL);
    return 0;
}
