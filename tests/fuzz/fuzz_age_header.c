/* layer: eg_crypto */
/* Any bytes as an age header: parsed or refused, never opened by a key that it was not made
 * for, and what was parsed points into the header's own copy. */
#include "crypto/age_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct secret *identity;

static void start(void)
{
    struct age_recipient recipient;

    if (identity == NULL &&
        (crypto_init() != ERR_OK || age_identity_generate(&identity, &recipient) != ERR_OK))
        abort();
}

static void check_stanza(const struct age_stanza *stanza)
{
    assert(stanza->n_args >= 1 && stanza->n_args <= AGE_STANZA_ARGS_MAX);
    assert(stanza->body_len <= AGE_STANZA_BODY_MAX);
    for (size_t i = 0; i < stanza->n_args; i++)
        assert(strlen(stanza->args[i]) > 0 && strlen(stanza->args[i]) < AGE_HEADER_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    const struct uuid artefact = {{0}};
    uint8_t file_key[AGE_FILE_KEY_SIZE];
    char id[KEY_ID_SIZE];

    start();
    if (age_header_parse(data, size, &h) != ERR_OK)
        return 0;
    assert(h.header_len <= size && h.header_len <= AGE_HEADER_MAX);
    assert(h.maced_len + 45 == h.header_len && data[h.header_len - 1] == '\n');
    assert(memcmp(h.text, data, h.header_len) == 0);
    assert(h.n_stanzas >= 1 && h.n_stanzas <= AGE_STANZAS_MAX);
    for (size_t i = 0; i < h.n_stanzas; i++)
        check_stanza(&h.stanzas[i]);
    if (age_header_open_plain(&h, identity, file_key) == ERR_OK ||
        age_header_open_service(&h, &artefact, identity, file_key) == ERR_OK)
        abort();
    if (age_header_key_id(&h, id) == ERR_OK)
        assert(strlen(id) == KEY_ID_SIZE - 1);
    return 0;
}
