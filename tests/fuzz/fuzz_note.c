/* layer: eg_crypto */
/* Any bytes as a note, and as a verifier key. A checkpoint that parses has its parts where its
 * text has them; a note that verifies is well-formed; a verifier key has one spelling. */
#include "crypto/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The key of the example in signed-note.md; the log and the witness of
 * tests/support/receipt_tool.c. */
static const char *const VKEYS[] = {
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "gateway.example/log+1c9de5b3+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    "witness.example/w1+0ad7d35e+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_vkey(const char *text, size_t size)
{
    struct note_verifier v;
    char again[NOTE_VKEY_MAX];

    if (note_verifier_parse(text, size, &v) != ERR_OK)
        return;
    note_verifier_format(&v, again);
    assert(strncmp(again, text, strlen(again)) == 0);
    assert(size - strlen(again) <= 1);
}

static bool try_checkpoint(const char *text, size_t size)
{
    struct checkpoint c;
    size_t text_len = 0;
    char head[CHECKPOINT_TEXT_MAX];

    if (checkpoint_parse(text, size, &c, &text_len) != ERR_OK)
        return false;
    int n = snprintf(head, sizeof(head), "%s\n%" PRIu64 "\n", c.origin, c.size);
    assert(n > 0 && (size_t)n < text_len && text_len < size);
    assert(memcmp(head, text, (size_t)n) == 0);
    assert(text[text_len - 1] == '\n' && text[text_len] == '\n');
    return true;
}

static void try_verify(const char *text, size_t size, bool is_checkpoint)
{
    for (size_t i = 0; i < ARRAY_LEN(VKEYS); i++) {
        struct note_verifier v;
        uint64_t time = 0;

        if (note_verifier_parse(VKEYS[i], strlen(VKEYS[i]), &v) != ERR_OK)
            abort();
        if (v.algorithm == NOTE_COSIGNATURE) {
            if (note_verify_cosignature(text, size, &v, &time) == ERR_OK)
                assert(is_checkpoint && time <= INT64_MAX);
        } else if (note_verify(text, size, &v) == ERR_OK) {
            assert(size <= NOTE_MAX && text[size - 1] == '\n');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    if (size == 0)
        return 0;
    try_vkey(text, size);
    try_verify(text, size, try_checkpoint(text, size));
    return 0;
}
