/* `log verify|proof`: the auditor's commands (`log witness-push`: cmd_log_witness.c).
 *
 * verify = the replay of storage/ledger.h (commitments, tiles, roots, checkpoints) and the
 * records against it: what the rows say today must follow from the entries. */
#include "gateway/cmd_log.h"

#include "crypto/decimal.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <string.h>

/* --- verify --------------------------------------------------------------------------------
 */
void log_finding(struct log_check *c, const char *kind, uint64_t index, const char *message)
{
    bool erased = strcmp(kind, "erased") == 0;
    bool lawful = erased || strcmp(kind, "unknown-witness") == 0;

    c->unlawful += !lawful;
    c->erased += erased;
    if (lawful && !c->verbose)
        return;
    progress_end(&c->bar);
    (void)printf("%s: entry %llu: %s: %s\n", lawful ? "note" : "UNLAWFUL",
                 (unsigned long long)index, kind, message);
}

static void replay_report(void *ctx, const struct ledger_finding *f)
{
    log_finding(ctx, f->kind, f->index, f->message);
}

static void replay_progress(void *ctx, uint64_t done, uint64_t all)
{
    struct log_check *c = ctx;

    progress_step(&c->bar, done, all);
}

static enum err tree_size(struct offline *o, uint64_t *size)
{
    AUTO_CLEAR(buf_clear) struct buf note = {0};

    buf_init(&note, NOTE_MAX);
    enum err e = ledger_checkpoint(o->ledger, &note, size);
    if (e != ERR_NOT_FOUND)
        return e;
    *size = 0; /* nothing was logged yet */
    return ERR_OK;
}

static enum err check_all(struct log_check *c, uint64_t *size)
{
    uint64_t findings = 0;
    enum err fits = err_restore(&c->o->log_trouble);

    if (fits != ERR_OK)
        log_finding(c, "signed", 0, err_message(fits));
    TRY(ledger_replay(c->o->ledger, replay_report, replay_progress, c, &findings));
    progress_end(&c->bar);
    c->bar.label = "records";
    TRY(log_check_records(c));
    progress_end(&c->bar);
    TRY(log_check_cosignatures(c));
    return tree_size(c->o, size);
}

static int log_verify(int argc, char **argv)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "log verify"};
    struct log_check c = {.o = &o, .bar = {.label = "entries"}};
    const char *config = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config},
        {"verbose", NULL, "names lawful findings (erased details), too", CLI_FLAG, false,
         &c.verbose},
    };
    const struct cli_command command = {
        .name = "log verify",
        .operands = "",
        .about = "Recomputes the whole log from its rows, compares it with what was signed, "
                 "the records with the log, and the cosignatures with the keys of the "
                 "configured witnesses. Ends with 1\n"
                 "on any unlawful finding.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    uint64_t size = 0;
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = offline_open(&o, "log verify", config, OFFLINE_LOG);
    if (code != CLI_GO)
        return code;
    enum err e = check_all(&c, &size);
    progress_end(&c.bar);
    if (e != ERR_OK) {
        cli_error("log verify", "%s", err_message(e));
        return EXIT_ENVIRONMENT;
    }
    (void)printf("%llu entries signed, %llu records compared, %llu cosignatures good, "
                 "%llu erased, %llu unlawful\n",
                 (unsigned long long)size, (unsigned long long)c.records,
                 (unsigned long long)c.cosignatures, (unsigned long long)c.erased,
                 (unsigned long long)c.unlawful);
    return c.unlawful == 0 ? EXIT_GOOD : EXIT_CHECK_FAILED;
}

/* --- proof ---------------------------------------------------------------------------------
 */
/* The body that a witness takes (crypto/witness.h). */
static enum err proof_print(struct offline *o, uint64_t old_size)
{
    AUTO_CLEAR(buf_clear) struct buf note = {0}, body = {0};
    struct merkle_proof proof = {.n = 0};
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    buf_init(&body, WITNESS_REQUEST_MAX);
    TRY(ledger_checkpoint(o->ledger, &note, &size));
    if (old_size > size)
        return err_set(ERR_INVALID, "the newest checkpoint is of %llu entries only",
                       (unsigned long long)size);
    TRY(ledger_consistency(o->ledger, old_size, size, &proof));
    TRY(witness_request_format(old_size, &proof, buf_text(&note), note.len, &body));
    (void)printf("%s", buf_text(&body));
    return ERR_OK;
}

static int log_proof(int argc, char **argv)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "log proof"};
    const char *config = NULL, *old = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config}};
    const struct cli_command command = {
        .name = "log proof",
        .operands = "OLD_SIZE",
        .about = "Prints the newest checkpoint and the proof that it continues the one of "
                 "OLD_SIZE entries, in the form that\n"
                 "witnesses take (C2SP tlog-witness, add-checkpoint).",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .operands_min = 1,
        .operands_max = 1,
        .operand = &old,
    };
    uint64_t old_size;
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    if (decimal_parse(old, strlen(old), MERKLE_SIZE_MAX, &old_size) != ERR_OK) {
        cli_error("log proof", "OLD_SIZE wants a whole number");
        return EXIT_USAGE;
    }
    code = offline_open(&o, "log proof", config, OFFLINE_LOG);
    if (code == CLI_GO)
        code = offline_writable(&o);
    if (code != CLI_GO)
        return code;
    enum err e = proof_print(&o, old_size);
    return e == ERR_OK ? EXIT_GOOD : cli_failed("log proof", e);
}

int cmd_log(int argc, char **argv)
{
    static const struct cli_subcommand table[] = {
        {"verify", log_verify, "recomputes the whole log and compares the records with it"},
        {"proof", log_proof, "proves that the newest checkpoint continues an older one"},
        {"witness-push", log_witness_push, "has the witnesses cosign the newest checkpoint"},
        {"erase", log_erase, "erases the details of one entry, by an order in the log"},
    };

    return cli_dispatch("log", table, ARRAY_LEN(table), argc, argv);
}
