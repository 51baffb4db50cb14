/* `keys column-add|column-retire`: the keys of the personal columns (storage/sealed.h).
 *
 *     column-add -> restart (which seals every value anew) -> column-retire
 *
 * Invariants: a key's file is durable before the log and the keyring show it, and it is active
 * from the next start on even if the command was broken off between; a key is destroyed only
 * when no value is under it. */
#include "gateway/cmd_keys.h"

#include "gateway/base/clock.h"
#include "gateway/commands.h"
#include "storage/record_sealing.h"

#include <stdio.h>
#include <string.h>

static enum err column_log(struct offline *o, const char *action, const char *id)
{
    json_t *entry = offline_entry(action);

    json_put_text(entry, "key", id);
    return offline_log(o, entry, NULL, NULL, NULL);
}

/* --- list ----------------------------------------------------------------------------------
 */
enum err columns_print(struct offline *o, const struct keyring *ring)
{
    AUTO(db_read_end) struct db *db = NULL;

    TRY(db_read_begin(o->db, &db));
    for (size_t i = 0; i < ring->n_columns; i++) {
        char id[COLUMN_ID_TEXT_SIZE], created[TIME_TEXT_SIZE];
        uint64_t values;

        TRY(sealing_count(db, ring->columns[i].id, &values));
        column_id_format(ring->columns[i].id, id);
        time_format(ring->columns[i].created_at, created);
        (void)printf("column %s  %-8s %8llu values  %.10s\n", id,
                     i == ring->n_columns - 1 ? "active" : "loaded", (unsigned long long)values,
                     created);
    }
    return ERR_OK;
}

/* --- add -----------------------------------------------------------------------------------
 */
static enum err column_add(struct offline *o, struct keyring *ring,
                           char id[COLUMN_ID_TEXT_SIZE])
{
    AUTO(column_keys_free) struct column_keys *made = NULL;
    struct keyring_column *column = &ring->columns[ring->n_columns];

    if (!*o->config->keeper.keys_dir)
        return err_set(ERR_UNAVAILABLE, "keeper.keys_dir is empty: keys come from the service "
                                        "manager and are made by hand");
    if (ring->n_columns == COLUMN_KEYS_MAX)
        return err_set(ERR_TOO_LARGE, "there are %d column keys: `keys column-retire` first",
                       COLUMN_KEYS_MAX);
    TRY(column_keys_new(&made));
    TRY(keeper_column_key_create(o->config->keeper.keys_dir, made));
    column_keys_public(made, column->id, column->recipient.point);
    column->created_at = clock_now();
    ring->n_columns++;
    column_id_format(column->id, id);
    TRY(column_log(o, "key.column_added", id));
    return keyring_write(o->config->keeper.keyring_file, ring);
}

int keys_column_add(int argc, char **argv)
{
    static const char ABOUT[] =
        "Makes a key for the personal values of the database. The next start seals "
        "with it, and seals anew what is under another.";
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys column-add"};
    char id[COLUMN_ID_TEXT_SIZE];
    struct keyring ring;
    int code = keys_begin(&o, ABOUT, OFFLINE_LOG, argc, argv, &ring, NULL);

    if (code != CLI_GO)
        return code;
    enum err e = column_add(&o, &ring, id);
    if (e != ERR_OK)
        return cli_failed("keys column-add", e);
    (void)printf("%s\n", id);
    (void)fprintf(stderr, "Restart the server: it seals every value anew before it serves.\n");
    return EXIT_GOOD;
}

/* --- retire --------------------------------------------------------------------------------
 */
static enum err column_find(const struct keyring *ring, const char *text, size_t *at)
{
    for (*at = 0; *at < ring->n_columns; ++*at) {
        char id[COLUMN_ID_TEXT_SIZE];

        column_id_format(ring->columns[*at].id, id);
        if (strcmp(id, text) == 0)
            return ERR_OK;
    }
    return err_set(ERR_NOT_FOUND, "%s: there is no such column key", text);
}

/* Nothing is under it, and nobody is left who would seal with it: a server was started with the
 * active key. */
static enum err column_unused(struct offline *o, const struct keyring *ring,
                              const struct keyring_column *column)
{
    AUTO(db_read_end) struct db *db = NULL;
    uint64_t values;
    bool done;

    TRY(db_read_begin(o->db, &db));
    TRY(sealing_done(db, ring->columns[ring->n_columns - 1].id, &done));
    TRY(sealing_count(db, column->id, &values));
    if (!done || values > 0)
        return err_set(ERR_CONFLICT,
                       "%llu values are still under it: restart the server, so that it seals "
                       "them anew",
                       (unsigned long long)values);
    return ERR_OK;
}

static enum err column_retire(struct offline *o, struct keyring *ring, const char *id)
{
    struct keyring_column column;
    size_t at;
    enum err e;

    TRY(column_find(ring, id, &at));
    if (at == ring->n_columns - 1)
        return err_set(ERR_CONFLICT, "%s is the active column key: `keys column-add` first",
                       id);
    column = ring->columns[at];
    TRY(column_unused(o, ring, &column));
    TRY(column_log(o, "key.column_retired", id));
    e = keeper_column_key_remove(o->config->keeper.keys_dir, column.id);
    if (e != ERR_OK && e != ERR_NOT_FOUND) /* absent: it was broken off here */
        return e;
    memmove(&ring->columns[at], &ring->columns[at + 1],
            (ring->n_columns - at - 1) * sizeof(column));
    ring->n_columns--;
    return keyring_write(o->config->keeper.keyring_file, ring);
}

int keys_column_retire(int argc, char **argv)
{
    static const char ABOUT[] =
        "Destroys a column key under which no value is any more. Backups made before "
        "need it still.";
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys column-retire"};
    struct keyring ring;
    const char *id = NULL;
    int code = keys_begin(&o, ABOUT, OFFLINE_LOG, argc, argv, &ring, &id);

    if (code != CLI_GO)
        return code;
    enum err e = column_retire(&o, &ring, id);
    if (e != ERR_OK)
        return cli_failed("keys column-retire", e);
    (void)printf("%s retired, its file is destroyed\n", id);
    return EXIT_GOOD;
}
