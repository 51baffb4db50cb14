/* From the keeper's keys to those of the columns. */
#include "gateway/columns.h"

#include "crypto/digest.h"
#include "gateway/base/log.h"
#include "gateway/commands.h"
#include "gateway/keeper/keyring.h"
#include "storage/record_sealing.h"

#include <sodium.h>
#include <string.h>

static const char INTAKE_INFO[] = "evidence-gateway.invalid/column/v1/intake";

static enum err from_keyring(const struct config *c, struct column_keys **out)
{
    AUTO(column_keys_free) struct column_keys *keys = NULL;
    struct keyring ring;

    TRY(keyring_read(c->keeper.keyring_file, &ring));
    if (ring.n_columns == 0)
        return err_set(ERR_NOT_FOUND, "the keyring has no column key");
    TRY(column_keys_new(&keys));
    TRY(column_keys_seal_only(keys, ring.columns[ring.n_columns - 1].id,
                              ring.columns[ring.n_columns - 1].recipient.point));
    *out = TAKE(keys);
    return ERR_OK;
}

static enum err personal(const struct config *c, struct keeper *keeper, enum columns_need need,
                         struct column_keys **out)
{
    enum err e = c->policy.intake_only ? from_keyring(c, out) : keeper_column_keys(keeper, out);

    if (e != ERR_NOT_FOUND)
        return e;
    if (need == COLUMNS_MAY)
        return ERR_OK;
    return err_set(ERR_NOT_FOUND,
                   "%s: make one with `evidence-gateway keys column-add --config FILE`",
                   c->policy.intake_only ? "the keyring has no column key"
                                         : "there is no column key in keeper.keys_dir");
}

static enum err passing(struct keeper *keeper, struct column_keys **out, bool *lasts)
{
    AUTO(column_keys_free) struct column_keys *keys = NULL;
    AUTO(secret_free) struct secret *intake = NULL;
    uint8_t master[COLUMN_MASTER_SIZE];
    enum err e;

    TRY(keeper_intake_key(keeper, &intake, lasts));
    TRY(column_keys_new(&keys));
    TRY(hkdf_sha256(intake->bytes, intake->len, NULL, 0, INTAKE_INFO, strlen(INTAKE_INFO),
                    master, sizeof(master)));
    e = column_keys_add(keys, master, sizeof(master));
    sodium_memzero(master, sizeof(master));
    TRY(e);
    *out = TAKE(keys);
    return ERR_OK;
}

enum err columns_open(const struct config *c, struct keeper *keeper, enum columns_need need,
                      struct db_pool *pool, struct db_columns *out)
{
    *out = (struct db_columns){.personal = NULL};
    TRY(personal(c, keeper, need, &out->personal));
    TRY(passing(keeper, &out->intake, &out->intake_lasts));
    db_pool_columns(pool, out);
    return ERR_OK;
}

enum err columns_catch_up(struct db_pool *pool, const struct db_columns *c)
{
    struct sealing told;

    if (!column_keys_can_open(c->personal))
        return ERR_OK;
    TRY(sealing_catch_up(pool, &told));
    if (told.rows > 0)
        log_event(LOG_INFO, "columns.sealed", log_int("rows", (int64_t)told.rows),
                  log_int("plain", (int64_t)told.plain));
    return ERR_OK;
}

void columns_close(struct db_columns *c)
{
    column_keys_free(c->personal);
    column_keys_free(c->intake);
    *c = (struct db_columns){.personal = NULL};
}
