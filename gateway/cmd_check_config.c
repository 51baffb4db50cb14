/* `check-config`: what is in effect, and what an operator should mind before `serve` does.
 *
 * Changes nothing, opens no key and no database. A warning is allowed and not for production;
 * an error keeps the gateway from starting or from serving everybody. */
#include "gateway/cli.h"
#include "gateway/commands.h"
#include "gateway/keeper/keyring.h"
#include "gateway/setup.h"

#include <linux/landlock.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { EFFECTIVE_MAX = 4 * 1024 * 1024, EXPIRY_WARN_DAYS = 30, DAY_S = 86400 };

struct report {
    unsigned warnings, errors;
};

static void warn(void *ctx, const char *name, const char *text)
{
    struct report *r = ctx;

    r->warnings++;
    (void)printf("warning: %s: %s\n", name, text);
}

static PRINTF_LIKE(2, 3) void wrong(struct report *r, const char *fmt, ...)
{
    va_list args;

    r->errors++;
    (void)fputs("error: ", stdout);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)putchar('\n');
}

static void wrong_err(struct report *r, enum err e)
{
    if (e != ERR_OK)
        wrong(r, "%s", err_message(e));
}

/* --- files ---------------------------------------------------------------------------------
 */
/* A secret: nobody but its owner. */
static void check_secret(struct report *r, const char *setting, const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        wrong(r, "%s: %s is not there", setting, path);
    else if (!S_ISREG(st.st_mode))
        wrong(r, "%s: %s is not a regular file", setting, path);
    else if (st.st_mode & 0077)
        wrong(r, "%s: %s has mode %04o (wanted: 0400)", setting, path,
              (unsigned)st.st_mode & 07777);
}

static void check_folder(struct report *r, const char *setting, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        wrong(r, "%s: %s is not there", setting, path);
    else if (!S_ISDIR(st.st_mode))
        wrong(r, "%s: %s is not a folder", setting, path);
    else if (st.st_mode & 0022)
        wrong(r, "%s: %s can be written by others (mode %04o)", setting, path,
              (unsigned)st.st_mode & 07777);
}

/* What others may read but not write. */
static void check_public(struct report *r, const char *setting, const char *path)
{
    struct stat st;

    if (!*path)
        return;
    if (stat(path, &st) != 0)
        wrong(r, "%s: %s is not there", setting, path);
    else if (st.st_mode & 0022)
        wrong(r, "%s: %s can be written by others (mode %04o)", setting, path,
              (unsigned)st.st_mode & 07777);
}

/* Where keys are credentials of the service manager, only the service sees them. */
static void check_intake_key(struct report *r, const char *keys_dir)
{
    char path[CLI_PATH_MAX];
    struct stat st;

    if (!*keys_dir)
        return;
    (void)snprintf(path, sizeof(path), "%s/" KEEPER_INTAKE_KEY_FILE, keys_dir);
    if (lstat(path, &st) == 0)
        check_secret(r, "intake key", path);
    else
        warn(r, "no-intake-key",
             "keeper.keys_dir has no " KEEPER_INTAKE_KEY_FILE
             ": unfinished uploads do not survive a restart");
}

/* A plane for intake has its public side in the keyring, and seals to that. */
static void check_column_keys(struct report *r, const struct config *c)
{
    static const char advice[] = "has no column key: `" PROGRAM " keys column-add` makes one";
    char path[CLI_PATH_MAX];
    struct keyring ring;
    unsigned found = 0;

    if (keyring_read(c->keeper.keyring_file, &ring) == ERR_OK && ring.n_columns == 0)
        wrong(r, "keeper.keyring_file: %s", advice);
    if (!*c->keeper.keys_dir || c->policy.intake_only)
        return;
    for (unsigned i = 1; i <= KEEPER_COLUMN_KEY_NUMBER_MAX; i++) {
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/column-%u.key", c->keeper.keys_dir, i);
        if (lstat(path, &st) != 0)
            continue;
        check_secret(r, "column key", path);
        found++;
    }
    if (found == 0)
        wrong(r, "keeper.keys_dir: %s", advice);
}

static void check_files(struct report *r, const struct config *c)
{
    check_public(r, "configuration", c->file);
    check_secret(r, "server.private_key_file", c->server.private_key_file);
    check_public(r, "server.client_ca_file", c->server.client_ca_file);
    check_secret(r, "storage.database_file", c->storage.database_file);
    check_folder(r, "storage.blobs_dir", c->storage.blobs_dir);
    check_public(r, "keeper.keyring_file", c->keeper.keyring_file);
    if (*c->keeper.keys_dir)
        check_folder(r, "keeper.keys_dir", c->keeper.keys_dir);
    check_intake_key(r, c->keeper.keys_dir);
    check_column_keys(r, c);
    check_secret(r, "keeper.log_key_file", c->keeper.log_key_file);
    check_public(r, "keeper.log_vkey_file", c->keeper.log_vkey_file);
    check_secret(r, "keeper.state_file", c->keeper.state_file);
    if (c->development_issuer.enabled)
        check_secret(r, "development_issuer.key_file", c->development_issuer.key_file);
    for (size_t i = 0; i < c->n_issuers; i++) {
        check_public(r, "issuers.jwks_file", c->issuers[i].jwks_file);
        check_public(r, "issuers.ca_file", c->issuers[i].ca_file);
    }
}

/* --- certificates --------------------------------------------------------------------------
 */
static void check_expiry(struct report *r, const char *setting, const ASN1_TIME *until)
{
    int days = 0, seconds = 0;

    if (!until || !ASN1_TIME_diff(&days, &seconds, NULL, until)) {
        wrong(r, "%s: its date is malformed", setting);
    } else if (days < 0 || seconds < 0) {
        wrong(r, "%s: it has expired", setting);
    } else if (days < EXPIRY_WARN_DAYS) {
        r->warnings++;
        (void)printf("warning: certificate-expiry: %s expires in %d days\n", setting, days);
    }
}

static void check_certificate(struct report *r, const char *setting, const char *path)
{
    FILE *in = *path ? fopen(path, "re") : NULL;
    X509 *x = in ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;

    if (x)
        check_expiry(r, setting, X509_get0_notAfter(x));
    else if (*path)
        wrong(r, "%s: %s is no certificate in PEM", setting, path);
    X509_free(x);
    if (in)
        (void)fclose(in);
}

static void check_crl(struct report *r, const char *path)
{
    FILE *in = *path ? fopen(path, "re") : NULL;
    X509_CRL *crl = in ? PEM_read_X509_CRL(in, NULL, NULL, NULL) : NULL;

    if (crl)
        check_expiry(r, "server.client_crl_file", X509_CRL_get0_nextUpdate(crl));
    else if (*path)
        wrong(r,
              "server.client_crl_file: %s is no revocation list in PEM: every client "
              "certificate is refused",
              path);
    X509_CRL_free(crl);
    if (in)
        (void)fclose(in);
}

/* --- the machine and the policy ------------------------------------------------------------
 */
static void check_landlock(struct report *r, const struct config *c)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi > 0)
        return;
    if (c->keeper.confine_required)
        wrong(r, "keeper.confine_required: this kernel has no Landlock");
    else
        warn(r, "no-landlock",
             "this kernel has no Landlock: the front is not kept away from the key files");
}

static void check_policy(struct report *r, const struct config *c)
{
    AUTO(setup_free) struct setup *setup = NULL;
    struct kinds kinds;
    struct keyring ring;

    wrong_err(r, setup_new(c, &setup));
    wrong_err(r, kinds_load(c->policy.kinds_file, &kinds));
    wrong_err(r, keyring_read(c->keeper.keyring_file, &ring));
    if (r->errors == 0 && !ring.has_recovery)
        warn(r, "no-recovery",
             "the keyring has no recovery recipient: lost service keys lose every artefact");
}

static int check_run(const struct config *c)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    struct report r = {.warnings = 0};

    buf_init(&text, EFFECTIVE_MAX);
    enum err e = config_effective(c, &text);
    if (e != ERR_OK)
        return cli_failed("check-config", e);
    (void)printf("%s\n", buf_text(&text));
    config_warnings(c, warn, &r);
    check_landlock(&r, c);
    check_files(&r, c);
    check_certificate(&r, "server.certificate_file", c->server.certificate_file);
    check_certificate(&r, "server.client_ca_file", c->server.client_ca_file);
    check_crl(&r, c->server.client_crl_file);
    check_policy(&r, c);
    (void)printf("%u errors, %u warnings\n", r.errors, r.warnings);
    return r.errors == 0 ? EXIT_GOOD : EXIT_CHECK_FAILED;
}

int cmd_check_config(int argc, char **argv)
{
    AUTO(config_free) struct config *c = NULL;
    const char *path = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &path}};
    const struct cli_command command = {
        .name = "check-config",
        .operands = "",
        .about = "Reads a configuration as `serve` does; prints every setting as it is in "
                 "effect, what is not for production, and what\n"
                 "is wrong with the files that it names. Ends with 1 on an error, 2 if the "
                 "file itself is not understood.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = cli_config("check-config", path, &c);
    return code == CLI_GO ? check_run(c) : code;
}
