/* layer: eg_crypto */
/* Any bytes as a witness's answer, about the checkpoint of docs/receipt.md and the published
 * test key of tests/support/receipt_tool.c (its seed is 32 bytes of 0x01): a cosignature that
 * is given out is one line of the answer and verifies under the note; a size is spelt in one
 * way. */
#include "crypto/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char VKEY[] =
    "witness.example/w1+0ad7d35e+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
static const char NOTE[] =
    "gateway.example/log\n3\n20CFI3NS07VqekS0aercY9/7qtay0LcyZM4e4fpDsfM=\n\n"
    "\xe2\x80\x94 gateway.example/log "
    "HJ3ls063rsvJfGRUv5qtNCnAgD/qqG2kptCz6H8nPgveyY6URGh75FSlacPYYJTbgSJqzYHW"
    "iJCmTcfGMcZR77ebEwI=\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cosignature_holds(const struct cosignature *c, const struct note_verifier *witness,
                              const uint8_t *data, size_t size)
{
    AUTO_CLEAR(buf_clear) struct buf whole;
    uint64_t time = 0;

    assert(memmem(data, size, c->line, strlen(c->line)) != NULL);
    buf_init(&whole, NOTE_MAX);
    if (buf_append_str(&whole, NOTE) != ERR_OK || buf_append_str(&whole, c->line) != ERR_OK)
        abort();
    if (note_verify_cosignature(buf_text(&whole), whole.len, witness, &time) != ERR_OK)
        abort();
    assert(time == c->time && time != 0);
}

static void size_is_its_own_spelling(uint64_t parsed, const uint8_t *data, size_t size)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", parsed);

    assert(n > 0 && (size_t)n == size && memcmp(text, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct note_verifier witness;
    struct cosignature c;
    uint64_t parsed;

    if (note_verifier_parse(VKEY, sizeof(VKEY) - 1, &witness) != ERR_OK)
        abort();
    if (witness_answer_parse((const char *)data, size, NOTE, sizeof(NOTE) - 1, &witness, &c) ==
        ERR_OK)
        cosignature_holds(&c, &witness, data, size);
    if (witness_size_parse((const char *)data, size, &parsed) == ERR_OK)
        size_is_its_own_spelling(parsed, data, size);
    return 0;
}
