/* Opening the parts in the order of serve: keeper before threads, then storage, then the log.
 */
#include "gateway/offline.h"

#include "crypto/secret.h"
#include "gateway/columns.h"
#include "gateway/commands.h"
#include "gateway/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { OFFLINE_READERS = 2, ACTOR_TEXT_MAX = 32 };

static enum err sign(void *ctx, uint64_t first, const struct merkle_hash *leaves, size_t n,
                     const struct merkle_hash *root, struct buf *note, uint64_t *signed_size)
{
    return keeper_sign(ctx, first, leaves, n, root, note, signed_size);
}

static enum err log_open(struct offline *o)
{
    o->signer = (struct ledger_signer){.sign = sign, .ctx = o->keeper};
    enum err fits = ledger_open(o->db, &o->signer, &o->ledger);
    if (!o->ledger)
        return fits;
    err_save(fits, &o->log_trouble);
    return committer_start(o->db, o->ledger, o->blobs, &o->committer);
}

static enum err keeper_open_admin(struct offline *o, bool identities)
{
    struct keeper_config config;

    setup_keeper(o->config, true, &config);
    config.intake_only = config.intake_only || !identities;
    return keeper_start(&config, &o->keeper);
}

static enum err parts_open(struct offline *o, unsigned needs)
{
    const struct config *c = o->config;

    secrets_allow_unlocked(!c->keeper.require_mlock);
    log_set_level(LOG_WARN); /* the command's own words are enough */
    log_set_source("admin");
    TRY(crypto_init());
    if (needs & (OFFLINE_LOG | OFFLINE_IDENTITIES))
        TRY(keeper_open_admin(o, (needs & OFFLINE_IDENTITIES) != 0));
    TRY(db_pool_open(c->storage.database_file, false, OFFLINE_READERS, &o->db));
    if (o->keeper)
        TRY(columns_open(c, o->keeper, COLUMNS_MAY, o->db, &o->columns));
    if (needs & (OFFLINE_BLOBS | OFFLINE_LOG | OFFLINE_IDENTITIES))
        TRY(blob_store_open_fs(c->storage.blobs_dir, &o->blobs));
    if (needs & (OFFLINE_LOG | OFFLINE_IDENTITIES))
        TRY(log_open(o));
    return ERR_OK;
}

int offline_open(struct offline *o, const char *command, const char *config_file,
                 unsigned needs)
{
    *o = (struct offline){.command = command};
    int code = cli_config(command, config_file, &o->config);
    if (code != CLI_GO)
        return code;
    enum err e = parts_open(o, needs);
    if (e == ERR_OK)
        return CLI_GO;
    cli_error(command, "%s", err_message(e));
    return EXIT_ENVIRONMENT;
}

int offline_writable(struct offline *o)
{
    enum err e = err_restore(&o->log_trouble);

    if (e == ERR_OK)
        return CLI_GO;
    cli_error(o->command, "the log takes no entries: %s", err_message(e));
    return EXIT_ENVIRONMENT;
}

void offline_close(struct offline *o)
{
    if (o->committer)
        committer_stop(o->committer);
    ledger_free(o->ledger);
    db_pool_free(o->db);
    columns_close(&o->columns);
    blob_store_free(o->blobs);
    if (o->keeper)
        keeper_stop(o->keeper);
    config_free(o->config);
    *o = (struct offline){.command = o->command};
}

/* --- entries -------------------------------------------------------------------------------
 */
json_t *offline_entry(const char *action)
{
    json_t *entry = entry_new(action, NULL, ROLE_OPERATOR);
    char actor[ACTOR_TEXT_MAX];

    (void)snprintf(actor, sizeof(actor), "local#%u", (unsigned)getuid());
    json_put_text(entry, "actor", actor);
    return entry;
}

struct logged {
    json_t *entry;
    enum err (*apply)(struct commit_tx *tx, void *ctx, json_t *entry);
    void *ctx;
    struct ledger_ref ref;
};

static enum err logged_apply(struct commit_tx *tx, void *ctx)
{
    struct logged *l = ctx;

    if (l->apply)
        TRY(l->apply(tx, l->ctx, l->entry));
    return ledger_append(tx, l->entry, &l->ref);
}

enum err offline_log(struct offline *o, json_t *entry,
                     enum err (*apply)(struct commit_tx *tx, void *ctx, json_t *entry),
                     void *ctx, struct buf *receipt)
{
    AUTO(json_free) json_t *owned = entry;
    struct logged logged = {.entry = owned, .apply = apply, .ctx = ctx};
    struct commit_job job = {.apply = logged_apply, .ctx = &logged};

    TRY(committer_run(o->committer, &job));
    return receipt ? ledger_receipt(o->ledger, logged.ref.index, receipt) : ERR_OK;
}

/* --- one at a time -------------------------------------------------------------------------
 */
enum err offline_lock(const struct config *c)
{
    AUTO_FREE char *copy = strdup(c->keeper.keyring_file);

    if (!copy)
        return err_set(ERR_NOMEM, "the keyring's folder");
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(c->keeper.keyring_file);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK; /* stays open: the kernel gives the lock back when we end */
    enum err e = errno == EWOULDBLOCK ? err_set(ERR_BUSY, "another `keys` command is at work")
                                      : err_errno("locking the keyring");
    (void)close(fd);
    return e;
}
