/* `verify`: a receipt, and the file it is about, against the log's public key. Opens no
 * network, no database, no configuration. */
#include "crypto/receipt_check.h"
#include "crypto/secret.h"
#include "gateway/base/clock.h"
#include "gateway/cli.h"
#include "gateway/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 65536 };
#define TIME_SHOWN_MAX UINT64_C(253402300799) /* 9999-12-31 */

struct verification {
    const char *key, *operands[2]; /* receipt, file */
    struct cli_values witnesses;   /* keys that must have cosigned */
    bool quiet;
};

struct cosigned {
    struct note_verifier witness;
    uint64_t time; /* seconds */
};

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
    uint8_t digest[SHA256_SIZE];
    uint64_t size;

    TRY(file_digest(path, digest, &size));
    return receipt_check_digest(details, digest);
}

/* Each witness that was named must have cosigned the receipt's checkpoint. */
static enum err witnesses_check(const struct verification *v, const struct receipt *r,
                                struct cosigned out[CLI_VALUES_MAX])
{
    for (size_t i = 0; i < v->witnesses.n; i++) {
        struct cosigned *c = &out[i];
        char why[ERR_MESSAGE_MAX];

        TRY(note_verifier_read(v->witnesses.values[i], &c->witness));
        if (c->witness.algorithm != NOTE_COSIGNATURE)
            return err_set(ERR_INVALID, "%s: not the key of a witness", c->witness.name);
        enum err e = note_verify_cosignature(r->note, r->note_len, &c->witness, &c->time);
        if (e == ERR_OK)
            continue;
        (void)snprintf(why, sizeof(why), "%s", err_message(e));
        return err_set(e, "witness %s: %s", c->witness.name, why);
    }
    return ERR_OK;
}

static void print_cosigned(const struct cosigned *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t seconds = c[i].time < TIME_SHOWN_MAX ? c[i].time : TIME_SHOWN_MAX;
        char time[TIME_TEXT_SIZE];

        time_format((int64_t)seconds * MICROS_PER_SECOND, time);
        (void)printf("good: cosigned by the witness %s at %s\n", c[i].witness.name, time);
    }
}

static void print_good(const struct receipt *r, const json_t *details, bool with_file,
                       const struct cosigned *cosigned, size_t n)
{
    AUTO_FREE char *text =
        json_dumps(details, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_SORT_KEYS);

    (void)printf(
        "good: entry %llu of the log %s, in a tree of %llu entries that its key has signed\n",
        (unsigned long long)r->index, r->checkpoint.origin,
        (unsigned long long)r->checkpoint.size);
    print_cosigned(cosigned, n);
    if (with_file)
        (void)printf("good: the file is the one that was received\n");
    (void)printf("%s\n", text ? text : "");
}

static enum err verify(const struct verification *v)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};
    AUTO(json_free) json_t *details = NULL;
    struct cosigned cosigned[CLI_VALUES_MAX];
    struct note_verifier key;

    buf_init(&text, RECEIPT_MAX);
    TRY(note_verifier_read(v->key, &key));
    TRY(file_read(v->operands[0], &text));
    TRY(receipt_check(buf_text(&text), text.len, &key, &r));
    TRY(witnesses_check(v, &r, cosigned));
    TRY(json_parse(r.details, r.details_len, &details));
    if (v->operands[1])
        TRY(file_check(v->operands[1], details));
    if (!v->quiet)
        print_good(&r, details, v->operands[1] != NULL, cosigned, v->witnesses.n);
    return ERR_OK;
}

int cmd_verify(int argc, char **argv)
{
    struct verification v = {.key = NULL};
    const struct cli_option options[] = {
        {"key", "PUBKEY", "the log's public key: the file log.vkey or its text", CLI_TEXT, true,
         &v.key},
        {"witness", "PUBKEY",
         "the public key of a witness that must have cosigned: a file or its text", CLI_MANY,
         false, &v.witnesses},
        {"quiet", NULL, "prints nothing when all is good", CLI_FLAG, false, &v.quiet},
    };
    const struct cli_command command = {
        .name = "verify",
        .operands = "RECEIPT [FILE]",
        .about = "Verifies a receipt (\"-\": standard input) offline: its commitment, its "
                 "place in the log, the log's signature and\n"
                 "those of witnesses; and that FILE is what was received.",
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
