/* `export`: one artefact as a plain age file for one recipient.
 *
 * Invariants: the entry in the log comes first and names the recipient (the keeper wants its
 * receipt); the payload is copied as it is stored, never opened; a file that turned out damaged
 * is not left behind. */
#include "crypto/checksum.h"
#include "gateway/commands.h"
#include "gateway/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_PIECE = 262144 };

struct export
{
    const char *config, *artefact, *recipient, *out, *reason;
    struct uuid id;
    struct age_recipient to;
    struct artefact_record record;
};

static bool may_leave(enum artefact_status s)
{
    return s == ARTEFACT_AVAILABLE || s == ARTEFACT_QUARANTINED || s == ARTEFACT_COULD_NOT_SCAN;
}

/* In the transaction of the entry: the status cannot change in between. */
static enum err order_apply(struct commit_tx *tx, void *ctx, json_t *entry)
{
    struct export *x = ctx;

    TRY(artefact_find(commit_db(tx), &x->id, &x->record));
    if (!may_leave(x->record.status))
        return err_set(ERR_REFUSED, "the artefact is %s: it is not exported",
                       artefact_status_name(x->record.status));
    entry_artefact(entry, &x->record);
    json_put_text(entry, "status", artefact_status_name(x->record.status));
    return ERR_OK;
}

static enum err order(struct offline *o, struct export *x, struct buf *receipt)
{
    json_t *entry = offline_entry("artefact.exported");
    char recipient[AGE_RECIPIENT_TEXT_SIZE];

    age_recipient_format(&x->to, recipient);
    json_put_text(entry, "recipient", recipient);
    json_put_text_if(entry, "reason", x->reason ? x->reason : "");
    return offline_log(o, entry, order_apply, x, receipt);
}

static enum err header_make(struct offline *o, struct export *x, struct buf *out)
{
    AUTO_CLEAR(buf_clear) struct buf receipt = {0};
    AUTO_CLEAR(buf_clear) struct buf sealed = {0};
    AUTO(db_read_end) struct db *db = NULL;

    buf_init(&receipt, RECEIPT_MAX);
    buf_init(&sealed, AGE_HEADER_MAX);
    TRY(order(o, x, &receipt));
    TRY(db_read_begin(o->db, &db));
    TRY(header_get(db, &x->id, &sealed));
    const struct keeper_rewrap rewrap = {
        .receipt = buf_text(&receipt),
        .receipt_len = receipt.len,
        .header = sealed.data,
        .header_len = sealed.len,
        .artefact = x->id,
        .plain = &x->to,
    };
    return keeper_rewrap(o->keeper, &rewrap, out);
}

static enum err put(int fd, const char *path, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(path);
        data += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

static enum err payload_copy(const struct export *x, const struct blob_reader *blob, int fd)
{
    AUTO_CLEAR(checksum_clear) struct checksum sum = {0};
    AUTO_FREE uint8_t *piece = malloc(COPY_PIECE);
    struct progress bar = {.label = "copying"};
    uint8_t found[SHA256_SIZE];
    uint64_t size = blob_size(blob);

    if (!piece)
        return err_set(ERR_NOMEM, "a buffer");
    TRY(checksum_begin(&sum));
    for (uint64_t at = 0; at < size;) {
        size_t len = size - at < COPY_PIECE ? (size_t)(size - at) : COPY_PIECE;
        TRY(blob_read(blob, at, piece, len));
        TRY(checksum_update(&sum, piece, len));
        TRY(put(fd, x->out, piece, len));
        at += len;
        progress_step(&bar, at, size);
    }
    progress_end(&bar);
    TRY(checksum_final(&sum, found));
    if (size != x->record.sealed_size ||
        memcmp(found, x->record.sealed_sha256, sizeof(found)) != 0)
        return err_set(ERR_CORRUPT, "the stored payload is damaged");
    return fsync(fd) == 0 ? ERR_OK : err_errno(x->out);
}

static enum err export_write(struct offline *o, struct export *x, int fd)
{
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    AUTO_CLEAR(buf_clear) struct buf header = {0};

    buf_init(&header, AGE_HEADER_MAX);
    TRY(header_make(o, x, &header));
    TRY(blob_open(o->blobs, &x->id, &blob));
    TRY(put(fd, x->out, header.data, header.len));
    return payload_copy(x, blob, fd);
}

static int export_run(struct export *x)
{
    AUTO_CLEAR(offline_close) struct offline o;
    AUTO_FD int fd = -1;
    int code = offline_open(&o, "export", x->config, OFFLINE_BLOBS | OFFLINE_IDENTITIES);

    if (code == CLI_GO)
        code = offline_writable(&o);
    if (code != CLI_GO)
        return code;
    fd = open(x->out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cli_failed("export", err_errno(x->out));
    enum err e = export_write(&o, x, fd);
    if (e == ERR_OK) {
        (void)printf("%s: %llu bytes sealed; open with: age -d -i IDENTITY %s\n", x->out,
                     (unsigned long long)x->record.size, x->out);
        return EXIT_GOOD;
    }
    (void)unlink(x->out);
    return cli_failed("export", e);
}

int cmd_export(int argc, char **argv)
{
    struct export x = {.config = NULL};
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &x.config},
        {"artefact", "ID", "which one", CLI_TEXT, true, &x.artefact},
        {"recipient", "age1...", "who will be able to open the file", CLI_TEXT, true,
         &x.recipient},
        {"out", "FILE", "the age file to make; it may not be there yet", CLI_TEXT, true,
         &x.out},
        {"reason", "TEXT", "why; it stands in the log", CLI_TEXT, false, &x.reason},
    };
    const struct cli_command command = {
        .name = "export",
        .operands = "",
        .about = "Writes an artefact as an age file that this one recipient opens with the "
                 "ordinary age command. The export stands in\n"
                 "the log. Restricted and disposed artefacts are refused.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    if (uuid_parse(x.artefact, &x.id) != ERR_OK ||
        age_recipient_parse(x.recipient, &x.to) != ERR_OK) {
        cli_error("export",
                  "--artefact wants an artefact's id, --recipient an age recipient (age1...)");
        return EXIT_USAGE;
    }
    if (x.reason && strlen(x.reason) > REASON_MAX) {
        cli_error("export", "--reason: more than %d bytes", REASON_MAX);
        return EXIT_USAGE;
    }
    return export_run(&x);
}
