/* `keys list|add|rotate|retire`: the life of a service key.
 *
 *     add -> SIGHUP -> rotate -> SIGHUP -> rotate (what came in between) -> retire
 *
 * Invariants: every change stands in the log before the keyring shows it; a key is retired only
 * when no header names it; an identity file is overwritten before it is unlinked. Each command
 * may be repeated after an interruption. */
#include "gateway/cmd_keys.h"

#include "gateway/base/clock.h"
#include "gateway/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDENTITY_FILE_MAX = 4096 };

static const char RELOAD_ADVICE[] =
    "Send SIGHUP to a running server, so that it reads the keys again.";

int keys_open(struct offline *o, const char *command, const char *config_file, unsigned needs,
              struct keyring *ring)
{
    int code = offline_open(o, command, config_file, needs);

    if (code == CLI_GO && needs != 0)
        code = offline_writable(o);
    if (code != CLI_GO)
        return code;
    enum err e = needs != 0 ? offline_lock(o->config) : ERR_OK;
    if (e == ERR_OK)
        e = keyring_read(o->config->keeper.keyring_file, ring);
    if (e == ERR_OK)
        return CLI_GO;
    cli_error(command, "%s", err_message(e));
    return EXIT_ENVIRONMENT;
}

int keys_begin(struct offline *o, const char *about, unsigned needs, int argc, char **argv,
               struct keyring *ring, const char **id)
{
    const char *config = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config}};
    const struct cli_command command = {
        .name = o->command,
        .operands = id ? "ID" : "",
        .about = about,
        .options = options,
        .n_options = ARRAY_LEN(options),
        .operands_min = id ? 1 : 0,
        .operands_max = id ? 1 : 0,
        .operand = id,
    };
    int code = cli_parse(&command, argc, argv);

    return code == CLI_GO ? keys_open(o, o->command, config, needs, ring) : code;
}

static enum err identity_path(const struct config *c, const char *id, char out[CLI_PATH_MAX])
{
    if (!*c->keeper.keys_dir)
        return err_set(ERR_UNAVAILABLE, "keeper.keys_dir is empty: keys come from the service "
                                        "manager and are made by hand");
    (void)snprintf(out, CLI_PATH_MAX, "%s/%s.identity", c->keeper.keys_dir, id);
    return ERR_OK;
}

/* --- list ----------------------------------------------------------------------------------
 */
static enum err list_print(struct offline *o, const struct keyring *ring)
{
    AUTO(db_read_end) struct db *db = NULL;

    TRY(db_read_begin(o->db, &db));
    for (size_t i = 0; i < ring->n; i++) {
        const struct keyring_key *key = &ring->keys[i];
        char recipient[AGE_RECIPIENT_TEXT_SIZE], created[TIME_TEXT_SIZE];
        uint64_t headers;

        TRY(header_count_key(db, key->id, &headers));
        age_recipient_format(&key->recipient, recipient);
        time_format(key->created_at, created);
        (void)printf("%s  %-8s %8llu artefacts  %.10s  %s\n", key->id,
                     i == ring->active ? "active"
                     : key->retired    ? "retired"
                                       : "loaded",
                     (unsigned long long)headers, created, recipient);
    }
    if (ring->has_recovery) {
        char recipient[AGE_RECIPIENT_TEXT_SIZE];
        age_recipient_format(&ring->recovery, recipient);
        (void)printf("recovery  %s\n", recipient);
    }
    return columns_print(o, ring);
}

static int keys_list(int argc, char **argv)
{
    static const char ABOUT[] =
        "Prints the service keys, their state and how many artefacts each one opens; and "
        "the column keys, with how many values each one seals.";
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys list"};
    struct keyring ring;
    int code = keys_begin(&o, ABOUT, 0, argc, argv, &ring, NULL);

    if (code != CLI_GO)
        return code;
    enum err e = list_print(&o, &ring);
    return e == ERR_OK ? EXIT_GOOD : cli_failed("keys list", e);
}

/* --- add -----------------------------------------------------------------------------------
 */
static enum err key_entry_log(struct offline *o, const char *action,
                              const struct keyring_key *key)
{
    json_t *entry = offline_entry(action);
    char recipient[AGE_RECIPIENT_TEXT_SIZE];

    age_recipient_format(&key->recipient, recipient);
    json_put_text(entry, "key", key->id);
    json_put_text(entry, "recipient", recipient);
    return offline_log(o, entry, NULL, NULL, NULL);
}

static enum err key_add(struct offline *o, struct keyring *ring)
{
    struct keyring_key *key = &ring->keys[ring->n];
    char path[CLI_PATH_MAX];

    if (ring->n == KEYRING_MAX)
        return err_set(ERR_TOO_LARGE, "the keyring is full (%d keys)", KEYRING_MAX);
    TRY(identity_path(o->config, "", path));
    *key = (struct keyring_key){.created_at = clock_now()};
    TRY(keeper_identity_create(o->config->keeper.keys_dir, key->id, &key->recipient));
    ring->n++;
    enum err e = key_entry_log(o, "key.added", key);
    if (e == ERR_OK)
        e = keyring_write(o->config->keeper.keyring_file, ring);
    if (e == ERR_OK)
        return ERR_OK;
    struct err_info why;
    err_save(e, &why);
    if (identity_path(o->config, key->id, path) == ERR_OK)
        (void)unlink(path); /* it sealed nothing yet */
    return err_restore(&why);
}

static int keys_add(int argc, char **argv)
{
    static const char ABOUT[] = "Makes a further service key. It is loaded, "
                                "not yet active: `keys rotate` makes it so.";
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys add"};
    struct keyring ring;
    int code = keys_begin(&o, ABOUT, OFFLINE_LOG, argc, argv, &ring, NULL);

    if (code != CLI_GO)
        return code;
    enum err e = key_add(&o, &ring);
    if (e != ERR_OK)
        return cli_failed("keys add", e);
    (void)printf("%s\n", ring.keys[ring.n - 1].id);
    (void)fprintf(stderr, "%s Then: %s keys rotate\n", RELOAD_ADVICE, PROGRAM);
    return EXIT_GOOD;
}

/* --- retire --------------------------------------------------------------------------------
 */
static enum err file_overwrite(int fd, const char *path)
{
    static uint8_t noise[IDENTITY_FILE_MAX];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_errno(path);
    if (!S_ISREG(st.st_mode) || st.st_size > IDENTITY_FILE_MAX)
        return err_set(ERR_DENIED, "%s: not an identity file", path);
    randombytes_buf(noise, sizeof(noise));
    if (pwrite(fd, noise, (size_t)st.st_size, 0) != st.st_size || fsync(fd) != 0)
        return err_errno(path);
    return ERR_OK;
}

/* Absent is good: an interrupted retirement is finished by repeating it. */
enum err keys_identity_destroy(const char *path)
{
    AUTO_FD int fd = -1;

    if (chmod(path, 0600) != 0 && errno != ENOENT)
        return err_errno(path);
    fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return ERR_OK;
    if (fd < 0)
        return err_errno(path);
    TRY(file_overwrite(fd, path));
    return unlink(path) == 0 ? ERR_OK : err_errno(path);
}

static enum err retire_check(struct offline *o, const struct keyring *ring,
                             const struct keyring_key *key)
{
    AUTO(db_read_end) struct db *db = NULL;
    uint64_t headers;

    if (key == &ring->keys[ring->active])
        return err_set(ERR_CONFLICT, "%s is the active key: rotate to another one first",
                       key->id);
    TRY(db_read_begin(o->db, &db));
    TRY(header_count_key(db, key->id, &headers));
    if (headers > 0)
        return err_set(ERR_CONFLICT, "%s still opens %llu artefacts: `keys rotate` first",
                       key->id, (unsigned long long)headers);
    return ERR_OK;
}

static enum err key_retire(struct offline *o, struct keyring *ring, const char *id)
{
    const struct keyring_key *found = keyring_find(ring, id);
    char path[CLI_PATH_MAX];

    if (!found)
        return err_set(ERR_NOT_FOUND, "%s: there is no such key", id);
    struct keyring_key *key = &ring->keys[found - ring->keys];
    TRY(identity_path(o->config, key->id, path));
    TRY(retire_check(o, ring, key));
    if (!key->retired) {
        TRY(key_entry_log(o, "key.retired", key));
        key->retired = true;
        TRY(keyring_write(o->config->keeper.keyring_file, ring));
    }
    TRY(keys_identity_destroy(path));
    return db_checkpoint(o->db);
}

static int keys_retire(int argc, char **argv)
{
    static const char ABOUT[] =
        "Destroys a service key that opens no artefact any more. Rotate first, send "
        "SIGHUP, and rotate once more: a server\n"
        "that still has the old keyring seals to the old key.";
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys retire"};
    struct keyring ring;
    const char *id = NULL;
    int code = keys_begin(&o, ABOUT, OFFLINE_LOG, argc, argv, &ring, &id);

    if (code != CLI_GO)
        return code;
    enum err e = key_retire(&o, &ring, id);
    if (e == ERR_BUSY) {
        cli_error(
            "keys retire",
            "retired; headers may stay in the database's journal until its next checkpoint");
        return EXIT_GOOD;
    }
    if (e != ERR_OK)
        return cli_failed("keys retire", e);
    (void)printf("%s retired, its identity is destroyed\n", id);
    (void)fprintf(stderr, "%s\n", RELOAD_ADVICE);
    return EXIT_GOOD;
}

int cmd_keys(int argc, char **argv)
{
    static const struct cli_subcommand table[] = {
        {"list", keys_list, "the keys, their state, how many artefacts each one opens"},
        {"add", keys_add, "makes a further key"},
        {"rotate", keys_rotate,
         "makes a key the active one and re-wraps every artefact's header to it"},
        {"retire", keys_retire, "destroys a key that opens nothing any more"},
        {"column-add", keys_column_add,
         "makes a key for the personal values of the database, active from the next start"},
        {"column-retire", keys_column_retire,
         "destroys a column key under which no value is any more"},
        {"recovery", keys_recovery, "names another recovery recipient: a new epoch"},
        {"recovery-destroy", keys_recovery_destroy,
         "destroys the recovery identity of an epoch that opens nothing any more"},
    };

    return cli_dispatch("keys", table, ARRAY_LEN(table), argc, argv);
}
