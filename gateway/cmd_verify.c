/* `verify`: a receipt, and the file it is about, against the log's public key. Opens no
 * network, no database, no configuration. */
#include "crypto/receipt.h"
#include "crypto/secret.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/cli.h"
#include "gateway/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 65536 };

struct verification {
    const char *key, *operands[2]; /* receipt, file */
    bool quiet;
};

/* A file that holds the text, or the text itself. */
static enum err key_read(const char *text_or_file, struct note_verifier *out)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};

    if (note_verifier_parse(text_or_file, strlen(text_or_file), out) == ERR_OK)
        return ERR_OK;
    buf_init(&text, NOTE_VKEY_MAX + 1);
    TRY(file_read(text_or_file, &text));
    return note_verifier_parse(buf_text(&text), text.len, out);
}

static enum err file_digest(const char *path, uint8_t out[SHA256_SIZE], uint64_t *size)
{
    AUTO_CLEAR(sha256_clear) struct sha256 h = {0};
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    static uint8_t piece[PIECE];

    if (fd < 0)
        return err_errno(path);
    TRY(sha256_begin(&h));
    for (*size = 0;;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(path);
        if (got == 0)
            return sha256_final(&h, out);
        TRY(sha256_update(&h, piece, (size_t)got));
        *size += (uint64_t)got;
    }
}

static enum err file_check(const char *path, const json_t *details)
{
    const char *stated = json_string_value(json_object_get(details, "sha256"));
    uint8_t digest[SHA256_SIZE];
    char hex[HEX_SIZE(SHA256_SIZE)];
    uint64_t size;

    if (!stated)
        return err_set(ERR_CRYPTO, "the receipt is not of a file: its entry names no sha256");
    TRY(file_digest(path, digest, &size));
    hex_encode(digest, sizeof(digest), hex);
    if (strcmp(hex, stated) != 0)
        return err_set(
            ERR_CRYPTO,
            "the file is not the one that was received: its SHA-256 is %s, the receipt says %s",
            hex, stated);
    return ERR_OK;
}

static void print_good(const struct receipt *r, const json_t *details, bool with_file)
{
    AUTO_FREE char *text =
        json_dumps(details, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_SORT_KEYS);

    (void)printf(
        "good: entry %llu of the log %s, in a tree of %llu entries that its key has signed\n",
        (unsigned long long)r->index, r->checkpoint.origin,
        (unsigned long long)r->checkpoint.size);
    if (with_file)
        (void)printf("good: the file is the one that was received\n");
    (void)printf("%s\n", text ? text : "");
}

static enum err verify(const struct verification *v)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};
    AUTO(json_free) json_t *details = NULL;
    struct note_verifier key;

    buf_init(&text, RECEIPT_MAX);
    TRY(key_read(v->key, &key));
    TRY(file_read(v->operands[0], &text));
    while (text.len > 1 && memcmp(text.data + text.len - 2, "\n\n", 2) == 0)
        text.len--; /* a tool that saved the text of a JSON member added a line's end */
    enum err e = receipt_parse(buf_text(&text), text.len, &r);
    if (e == ERR_INVALID)
        return err_set(ERR_CRYPTO, "it is no receipt");
    TRY(e);
    TRY(receipt_verify(&r, &key));
    TRY(json_parse(r.details, r.details_len, &details));
    if (v->operands[1])
        TRY(file_check(v->operands[1], details));
    if (!v->quiet)
        print_good(&r, details, v->operands[1] != NULL);
    return ERR_OK;
}

int cmd_verify(int argc, char **argv)
{
    struct verification v = {.key = NULL};
    const struct cli_option options[] = {
        {"key", "PUBKEY", "the log's public key: the file log.vkey or its text", CLI_TEXT, true,
         &v.key},
        {"quiet", NULL, "prints nothing when all is good", CLI_FLAG, false, &v.quiet},
    };
    const struct cli_command command = {
        .name = "verify",
        .operands = "RECEIPT [FILE]",
        .about = "Verifies a receipt (\"-\": standard input) offline: its commitment, its "
                 "place in the log, the log's signature; and\n"
                 "that FILE is what was received.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .operands_min = 1,
        .operands_max = 2,
        .operand = v.operands,
    };
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    enum err e = crypto_init();
    if (e == ERR_OK)
        e = verify(&v);
    return e == ERR_OK ? EXIT_GOOD : cli_failed("verify", e);
}
