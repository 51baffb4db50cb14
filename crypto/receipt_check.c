/* Receipts at the edge: forgiving about how a text was saved, about nothing else. */
#include "crypto/receipt_check.h"

#include "gateway/base/encode.h"
#include "gateway/base/file.h"

#include <string.h>

enum err note_verifier_read(const char *text_or_file, struct note_verifier *out)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};

    if (note_verifier_parse(text_or_file, strlen(text_or_file), out) == ERR_OK)
        return ERR_OK;
    buf_init(&text, NOTE_VKEY_MAX + 1);
    TRY(file_read(text_or_file, &text));
    return note_verifier_parse(buf_text(&text), text.len, out);
}

enum err receipt_check(const char *text, size_t len, const struct note_verifier *key,
                       struct receipt *out)
{
    while (len > 1 && memcmp(text + len - 2, "\n\n", 2) == 0)
        len--; /* a tool that saved the text of a JSON member added a line's end */
    enum err e = receipt_parse(text, len, out);
    if (e == ERR_INVALID)
        return err_set(ERR_CRYPTO, "it is no receipt");
    TRY(e);
    return key ? receipt_verify(out, key) : ERR_OK;
}

enum err receipt_check_digest(const json_t *details, const uint8_t sha256[SHA256_SIZE])
{
    const char *stated = json_string_value(json_object_get(details, "sha256"));
    char hex[HEX_SIZE(SHA256_SIZE)];

    if (!stated)
        return err_set(ERR_CRYPTO, "the receipt is not of a file: its entry names no sha256");
    hex_encode(sha256, SHA256_SIZE, hex);
    if (strcmp(hex, stated) != 0)
        return err_set(
            ERR_CRYPTO,
            "the file is not the one that was received: its SHA-256 is %s, the receipt says %s",
            hex, stated);
    return ERR_OK;
}
