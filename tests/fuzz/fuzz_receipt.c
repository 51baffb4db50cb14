/* layer: eg_crypto */
/* Any bytes: receipt_parse either refuses them or gives parts that, written out again, are the
 * same bytes: a receipt has one spelling. Verifying must not be led past the end of anything by
 * what was parsed, and must accept nothing that the published test key did not sign. */
#include "crypto/receipt.h"

#include <stdlib.h>
#include <string.h>

/* The log of tests/support/receipt_tool.c: its seed is 32 zero bytes. */
static const char VKEY[] =
    "gateway.example/log+1c9de5b3+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct receipt *r, const uint8_t *data, size_t size)
{
    AUTO_CLEAR(buf_clear) struct buf again;

    buf_init(&again, RECEIPT_MAX);
    if (receipt_format(&r->leaf, r->salt, r->details, r->details_len, r->index, &r->proof,
                       r->note, r->note_len, &again) != ERR_OK)
        abort();
    assert(again.len == size && memcmp(again.data, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CLEAR(receipt_clear) struct receipt r = {.details = NULL};
    struct note_verifier key;

    if (receipt_parse((const char *)data, size, &r) != ERR_OK)
        return 0;
    same_again(&r, data, size);
    if (note_verifier_parse(VKEY, sizeof(VKEY) - 1, &key) != ERR_OK)
        abort();
    if (receipt_verify(&r, &key) == ERR_OK)
        assert(r.index < r.checkpoint.size && strcmp(r.checkpoint.origin, key.name) == 0);
    return 0;
}
