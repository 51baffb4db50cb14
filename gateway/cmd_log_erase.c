/* `log erase`: takes an entry's details out of the database, lawfully: by an order that is an
 * entry itself. The leaf stays and the log verifies as before; a receipt that somebody holds
 * goes on verifying, because it carries the details with it. */
#include "gateway/cmd_log.h"

#include "crypto/decimal.h"
#include "gateway/commands.h"

#include <stdio.h>

struct erasure {
    uint64_t index;
    const char *reason;
};

static enum err erase_apply(struct commit_tx *tx, void *ctx)
{
    const struct erasure *e = ctx;
    AUTO(json_free) json_t *order = offline_entry(LEDGER_ERASED);
    struct ledger_ref ref;

    json_put_text(order, "reason", e->reason);
    return ledger_erase(tx, e->index, order, &ref);
}

static int erase(struct offline *o, struct erasure *e)
{
    struct commit_job job = {.apply = erase_apply, .ctx = e};
    enum err outcome = committer_run(o->committer, &job);

    if (outcome == ERR_OK)
        outcome = db_checkpoint(o->db); /* nothing erased stays in the write-ahead log */
    if (outcome == ERR_OK) {
        (void)printf("entry %llu: details erased; the log holds the order\n",
                     (unsigned long long)e->index);
        return EXIT_GOOD;
    }
    cli_error("log erase", "%s", err_message(outcome));
    return outcome == ERR_NOT_FOUND || outcome == ERR_EXISTS || outcome == ERR_CONFLICT
               ? EXIT_CHECK_FAILED
               : EXIT_ENVIRONMENT;
}

int log_erase(int argc, char **argv)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "log erase"};
    const char *config = NULL;
    struct erasure e = {.reason = NULL};
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config},
        {"entry", "N", "the entry's number", CLI_NUMBER, true, &e.index},
        {"reason", "TEXT", "why; stands in the log", CLI_TEXT, true, &e.reason},
    };
    const struct cli_command command = {
        .name = "log erase",
        .operands = "",
        .about =
            "Erases the details and the salt of one entry, by an order that becomes an entry "
            "itself.\nIts leaf stays: the log verifies as before.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = offline_open(&o, "log erase", config, OFFLINE_LOG);
    if (code == CLI_GO)
        code = offline_writable(&o);
    return code == CLI_GO ? erase(&o, &e) : code;
}
