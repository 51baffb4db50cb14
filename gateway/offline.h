/* The gateway's parts for commands that work beside (or without) a running server: the same
 * database, log and keeper, but no network. Everything they do that may be disputed stands in
 * the log first. */
#ifndef GATEWAY_OFFLINE_H
#define GATEWAY_OFFLINE_H

#include "gateway/cli.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/keeper/keeper.h"
#include "gateway/keeper/keyring.h"
#include "storage/committer.h"
#include "storage/sealed.h"

enum offline_needs {
    OFFLINE_BLOBS = 1,
    OFFLINE_LOG = 2, /* ledger and committer, behind a keeper that holds the log's key alone */
    OFFLINE_IDENTITIES = 4, /* that keeper holds the service identities, too */
};
struct offline {
    const char *command;
    struct config *config;
    struct db_pool *db;
    struct db_columns columns; /* where there is a keeper that has them */
    struct blob_store *blobs;
    struct keeper *keeper;
    struct ledger_signer signer;
    struct ledger *ledger;
    struct committer *committer;
    struct err_info log_trouble; /* the log does not fit what was signed: ERR_OK when it does */
};
/* CLI_GO, or the exit code of what was explained. offline_close in any case. */
MUST_USE int offline_open(struct offline *o, const char *command, const char *config_file,
                          unsigned needs);
void offline_close(struct offline *o);
DEFINE_AUTO_CLEAR(struct offline, offline_close);
/* For commands that write: explains and returns the exit code if the log refuses entries, else
 * CLI_GO. */
MUST_USE int offline_writable(struct offline *o);

/* An entry of the operator: actor "local#<uid>". */
json_t *offline_entry(const char *action);
/* Commits one entry (steals it) together with what `apply` writes (may be NULL); its receipt is
 * appended to `receipt` (may be NULL). */
MUST_USE enum err offline_log(struct offline *o, json_t *entry,
                              enum err (*apply)(struct commit_tx *tx, void *ctx, json_t *entry),
                              void *ctx, struct buf *receipt);

/* One administrator at a time: a lock on the keyring's folder, held until the process ends.
 * ERR_BUSY. */
MUST_USE enum err offline_lock(const struct config *c);

#endif
