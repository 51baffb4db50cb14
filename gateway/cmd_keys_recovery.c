/* `keys recovery`, `keys recovery-destroy`: the epochs of the recovery key.
 *
 *     recovery -> add -> SIGHUP -> rotate -> SIGHUP -> rotate -> retire -> recovery-destroy
 *
 * Headers do not name their recovery recipient, so an epoch is told by the service keys: one
 * that was added after a recovery recipient was named has never been wrapped to beside an older
 * one, because a server reads both from the same file. Invariant: an identity is destroyed only
 * when no header names a service key that is older than the recovery recipient in force. Of
 * copies on paper the log has what people say of them. */
#include "gateway/cmd_keys.h"

#include "gateway/base/clock.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <string.h>

static bool same(const struct age_recipient *a, const struct age_recipient *b)
{
    return memcmp(a->point, b->point, sizeof(a->point)) == 0;
}

static void put_recipient(json_t *entry, const char *name, const struct age_recipient *r)
{
    char text[AGE_RECIPIENT_TEXT_SIZE];

    age_recipient_format(r, text);
    json_put_text(entry, name, text);
}

/* --- a new epoch ---------------------------------------------------------------------------
 */
static enum err recovery_set(struct offline *o, struct keyring *ring, const char *text)
{
    struct age_recipient fresh;
    json_t *entry;

    TRY(age_recipient_parse(text, &fresh));
    if (ring->has_recovery && same(&fresh, &ring->recovery))
        return err_set(ERR_CONFLICT, "it is the recovery recipient already");
    entry = offline_entry("key.recovery");
    put_recipient(entry, "recipient", &fresh);
    if (ring->has_recovery)
        put_recipient(entry, "before", &ring->recovery);
    TRY(offline_log(o, entry, NULL, NULL, NULL));
    ring->recovery = fresh;
    ring->has_recovery = true;
    ring->recovery_since = clock_now();
    return keyring_write(o->config->keeper.keyring_file, ring);
}

int keys_recovery(int argc, char **argv)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys recovery"};
    struct keyring ring;
    const char *config = NULL, *recipient = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config},
        {"recipient", "age1...", "whose identity was made offline (age-keygen) and stays there",
         CLI_TEXT, true, &recipient},
    };
    const struct cli_command command = {
        .name = "keys recovery",
        .operands = "",
        .about = "Names another recovery recipient. What is sealed already goes over to it by "
                 "`keys add` and `keys rotate`.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = keys_open(&o, "keys recovery", config, OFFLINE_LOG, &ring);
    if (code != CLI_GO)
        return code;
    enum err e = recovery_set(&o, &ring, recipient);
    if (e != ERR_OK)
        return cli_failed("keys recovery", e);
    (void)fprintf(stderr, "Then: %s keys add, SIGHUP, keys rotate, SIGHUP, keys rotate\n",
                  PROGRAM);
    return EXIT_GOOD;
}

/* --- the end of one ------------------------------------------------------------------------
 */
static enum err epoch_over(struct offline *o, const struct keyring *ring,
                           const struct age_recipient *old)
{
    AUTO(db_read_end) struct db *db = NULL;

    if (!ring->has_recovery || same(old, &ring->recovery))
        return err_set(ERR_CONFLICT,
                       "it is the recovery recipient in force: name another first");
    TRY(db_read_begin(o->db, &db));
    for (size_t i = 0; i < ring->n; i++) {
        uint64_t headers = 0;
        if (ring->keys[i].created_at > ring->recovery_since)
            continue;
        TRY(header_count_key(db, ring->keys[i].id, &headers));
        if (headers > 0)
            return err_set(ERR_CONFLICT,
                           "%llu artefacts may still open with it (key %s is of its epoch): "
                           "`keys add` and `keys rotate` first",
                           (unsigned long long)headers, ring->keys[i].id);
    }
    return ERR_OK;
}

struct destruction {
    const char *config, *identity, *recipient, *reason;
};

static enum err whose(const struct destruction *d, struct age_recipient *out)
{
    AUTO(secret_free) struct secret *identity = NULL;

    if (d->recipient)
        return age_recipient_parse(d->recipient, out);
    TRY(age_identity_file_read(d->identity, &identity));
    return age_identity_recipient(identity, out);
}

static enum err recovery_destroy(struct offline *o, const struct keyring *ring,
                                 const struct destruction *d)
{
    struct age_recipient old;
    json_t *entry;

    TRY(whose(d, &old));
    TRY(epoch_over(o, ring, &old));
    entry = offline_entry("key.recovery_destroyed");
    put_recipient(entry, "recipient", &old);
    json_put_bool(entry, "witnessed", d->identity != NULL);
    json_put_text(entry, "reason", d->reason);
    TRY(offline_log(o, entry, NULL, NULL, NULL));
    return d->identity ? keys_identity_destroy(d->identity) : ERR_OK;
}

int keys_recovery_destroy(int argc, char **argv)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys recovery-destroy"};
    struct destruction d = {.config = NULL};
    struct keyring ring;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &d.config},
        {"identity", "FILE", "the identity, which is overwritten and removed", CLI_TEXT, false,
         &d.identity},
        {"recipient", "age1...", "or whose it is: its holders have destroyed it elsewhere",
         CLI_TEXT, false, &d.recipient},
        {"reason", "TEXT", "who saw to it and how; stands in the log", CLI_TEXT, true,
         &d.reason},
    };
    const struct cli_command command = {
        .name = "keys recovery-destroy",
        .operands = "",
        .about = "Ends the epoch of a recovery recipient that was replaced. Refused while an "
                 "artefact may still open with it. Every copy\n"
                 "has to go: with one, an old backup opens.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO && (d.identity != NULL) == (d.recipient != NULL)) {
        cli_error("keys recovery-destroy", "wants --identity or --recipient");
        code = EXIT_USAGE;
    }
    if (code == CLI_GO)
        code = keys_open(&o, "keys recovery-destroy", d.config, OFFLINE_LOG, &ring);
    if (code != CLI_GO)
        return code;
    enum err e = recovery_destroy(&o, &ring, &d);
    if (e != ERR_OK)
        return cli_failed("keys recovery-destroy", e);
    (void)puts("the epoch is over");
    return EXIT_GOOD;
}
