/* `init`: a whole development set-up in one folder, made once and never over an older one.
 *
 * Invariants: gateway.conf is written last, so that a set-up that failed half-way cannot be
 * served; listeners are on loopback, because the set-up has the development issuer. */
#include "config/kinds_text.h"
#include "crypto/jws.h"
#include "gateway/base/clock.h"
#include "gateway/cli.h"
#include "gateway/commands.h"
#include "gateway/dev_ca.h"
#include "gateway/inspect/clamd.h"
#include "gateway/keeper/keeper.h"
#include "gateway/keeper/keyring.h"
#include "storage/blob.h"
#include "storage/db.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEV_ISSUER "urn:evidence-gateway:dev"
#define DEV_AUDIENCE "urn:evidence-gateway"
#define DEV_CLIENT_URI "urn:evidence-gateway:dev:"
#define RECOVERY_FILE "offline/recovery.identity"

enum { CONFIG_TEXT_MAX = 256 * 1024, NAMES_MAX = 256, CLAMD_WAIT_MS = 20000 };

struct init {
    const char *dir, *log_name;
    const char *clamd; /* its socket; "none"; NULL: where Debian has it, if it answers there */
    char uninspected[ERR_MESSAGE_MAX]; /* why inspection is off; "": it is on */
    struct config *config;
    char host[CONFIG_HOST_SIZE];
    struct dev_ca ca;
    struct keyring keyring;
};

static const struct client {
    const char *name, *role;
} CLIENTS[] = {{"gp-surgery", "health_professional"}, {"claims-system", "claims_system"}};

struct path {
    char text[CLI_PATH_MAX];
};

static struct path in_dir(const struct init *in, const char *relative)
{
    struct path p;

    (void)snprintf(p.text, sizeof(p.text), "%s/%s", in->dir, relative);
    return p;
}

/* --- the steps -----------------------------------------------------------------------------
 */
static enum err folders_make(struct init *in)
{
    static const char *const names[] = {"ca",      "tls",   "clients", "keys", "keyring",
                                        "offline", "state", "issuer",  "data"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct path p = in_dir(in, names[i]);
        if (mkdir(p.text, 0700) != 0)
            return err_errno(p.text);
    }
    return ERR_OK;
}

static enum err authority_make(struct init *in)
{
    struct path certificate = in_dir(in, "ca.pem"), key = in_dir(in, "ca/ca.key");

    TRY(dev_ca_make(&in->ca));
    return dev_ca_write(&in->ca, certificate.text, key.text);
}

static enum err server_make(struct init *in)
{
    struct path certificate = in_dir(in, "tls/server.pem"), key = in_dir(in, "tls/server.key");
    struct path crl = in_dir(in, "tls/crl.pem");
    char names[NAMES_MAX] = "IP:127.0.0.1,IP:::1,DNS:localhost";
    bool own = strcmp(in->host, "127.0.0.1") != 0 && strcmp(in->host, "::1") != 0;

    if (own)
        (void)snprintf(names, sizeof(names), "IP:%s,IP:127.0.0.1,IP:::1,DNS:localhost",
                       in->host);
    TRY(dev_ca_issue(&in->ca,
                     &(struct dev_leaf){.common_name = "localhost",
                                        .alternative_names = names,
                                        .server = true},
                     certificate.text, key.text));
    return dev_ca_write_crl(&in->ca, crl.text);
}

static enum err clients_make(struct init *in)
{
    for (size_t i = 0; i < ARRAY_LEN(CLIENTS); i++) {
        char name[NAMES_MAX];
        struct path certificate, key;

        (void)snprintf(name, sizeof(name), "clients/%s.pem", CLIENTS[i].name);
        certificate = in_dir(in, name);
        (void)snprintf(name, sizeof(name), "clients/%s.key", CLIENTS[i].name);
        key = in_dir(in, name);
        (void)snprintf(name, sizeof(name), "URI:" DEV_CLIENT_URI "%s", CLIENTS[i].name);
        TRY(dev_ca_issue(
            &in->ca,
            &(struct dev_leaf){.common_name = CLIENTS[i].name, .alternative_names = name},
            certificate.text, key.text));
    }
    return ERR_OK;
}

static enum err service_key_make(struct init *in)
{
    struct path keys = in_dir(in, "keys");
    struct keyring_key *key = &in->keyring.keys[0];

    TRY(keeper_identity_create(keys.text, key->id, &key->recipient));
    key->created_at = clock_now();
    in->keyring.n = 1;
    return ERR_OK;
}

static enum err intake_key_make(struct init *in)
{
    struct path keys = in_dir(in, "keys");

    return keeper_intake_key_create(keys.text);
}

static enum err column_key_make(struct init *in)
{
    AUTO(column_keys_free) struct column_keys *made = NULL;
    struct keyring_column *column = &in->keyring.columns[0];
    struct path keys = in_dir(in, "keys");

    TRY(column_keys_new(&made));
    TRY(keeper_column_key_create(keys.text, made));
    column_keys_public(made, column->id, column->recipient.point);
    column->created_at = clock_now();
    in->keyring.n_columns = 1;
    return ERR_OK;
}

static enum err recovery_make(struct init *in)
{
    AUTO(secret_free) struct secret *identity = NULL;
    struct path p = in_dir(in, RECOVERY_FILE);

    TRY(age_identity_generate(&identity, &in->keyring.recovery));
    in->keyring.has_recovery = true;
    return age_identity_file_write(p.text, identity);
}

static enum err keyring_make(struct init *in)
{
    struct path p = in_dir(in, "keyring/keyring.json");

    return keyring_write(p.text, &in->keyring);
}

static enum err log_make(struct init *in)
{
    struct path key = in_dir(in, "keys/log.key"), vkey = in_dir(in, "log.vkey"),
                state = in_dir(in, "state/ledger.state");
    char text[NOTE_VKEY_MAX + 1];

    TRY(keeper_log_key_create(key.text, in->config->keeper.log_name, text));
    (void)strncat(text, "\n", sizeof(text) - strlen(text) - 1);
    TRY(file_create(vkey.text, 0644, text, strlen(text)));
    return keeper_state_create(state.text);
}

static enum err key_set_write(const char *path, json_t *public_jwk)
{
    AUTO(json_free) json_t *set = json_object();
    AUTO_FREE char *text = NULL;
    json_t *keys = json_array();
    size_t len;

    if (json_array_append(keys, public_jwk) != 0) {
        json_decref(keys);
        return err_set(ERR_NOMEM, "the key set");
    }
    json_put(set, "keys", keys);
    TRY(json_text(set, &text, &len));
    return file_create(path, 0644, text, len);
}

static enum err issuer_make(struct init *in)
{
    AUTO(json_free) json_t *private_jwk = NULL;
    AUTO(json_free) json_t *public_jwk = NULL;
    AUTO_FREE char *text = NULL;
    struct path key = in_dir(in, "issuer/dev.key.json"), set = in_dir(in, "issuer/jwks.json");
    size_t len;

    TRY(jws_key_generate(&private_jwk, &public_jwk));
    TRY(json_text(private_jwk, &text, &len));
    enum err e = secret_file_write(key.text, text, len);
    sodium_memzero(text, len);
    TRY(e);
    return key_set_write(set.text, public_jwk);
}

static enum err storage_make(struct init *in)
{
    AUTO(db_pool_free) struct db_pool *pool = NULL;
    AUTO(blob_store_free) struct blob_store *blobs = NULL;
    struct path database = in_dir(in, "data/gateway.db"), objects = in_dir(in, "data/blobs");

    TRY(db_pool_open(database.text, true, 1, &pool));
    return blob_store_open_fs(objects.text, &blobs);
}

static enum err kinds_make(struct init *in)
{
    struct path p = in_dir(in, "kinds.conf");

    return file_create(p.text, 0644, kinds_text, sizeof(kinds_text));
}

/* --- the configuration ---------------------------------------------------------------------
 */
static enum err issuers_set(struct config *c)
{
    struct config_issuer *row = calloc(1, sizeof(*row));

    if (!row)
        return err_set(ERR_NOMEM, "the configuration");
    c->issuers = row;
    TRY(config_issuer_defaults(row));
    c->n_issuers = 1;
    TRY(config_set(&row->issuer, DEV_ISSUER));
    TRY(config_set(&row->audience, DEV_AUDIENCE));
    TRY(config_set(&row->jwks_file, "issuer/jwks.json"));
    return config_set(&row->allowed_roles, CONFIG_ROLES);
}

static enum err certificates_set(struct config *c)
{
    c->certificates = calloc(ARRAY_LEN(CLIENTS), sizeof(*c->certificates));
    if (!c->certificates)
        return err_set(ERR_NOMEM, "the configuration");
    for (size_t i = 0; i < ARRAY_LEN(CLIENTS); i++) {
        struct config_certificate *row = &c->certificates[i];
        char match[NAMES_MAX];

        (void)snprintf(match, sizeof(match), "san-uri:" DEV_CLIENT_URI "%s", CLIENTS[i].name);
        TRY(config_certificate_defaults(row));
        c->n_certificates++;
        TRY(config_set(&row->match, match));
        TRY(config_set(&row->subject, CLIENTS[i].name));
        TRY(config_set(&row->roles, CLIENTS[i].role));
    }
    return ERR_OK;
}

static enum err config_fill(struct config *c, const char *listen, const char *ops_listen,
                            bool inspected)
{
    TRY(config_set(&c->server.listen, listen));
    TRY(config_set(&c->server.ops_listen, ops_listen));
    TRY(config_set(&c->server.client_ca_file, "ca.pem"));
    TRY(config_set(&c->server.client_crl_file, "tls/crl.pem"));
    c->policy.inspection = inspected;
    c->policy.assessors_any_claim = true;
    c->development_issuer.enabled = true;
    TRY(issuers_set(c));
    TRY(certificates_set(c));
    return config_check(c);
}

static enum err configuration_make(struct init *in)
{
    static const struct config_remark remarks[] = {
        {"policy", "inspection",
         "DEVELOPMENT: off, so that an upload can be read at once. Take this line out for "
         "production."},
        {"policy", "assessors_any_claim",
         "DEVELOPMENT: on, so that no claim has to be assigned first. Take this line out for "
         "production."},
        {"development_issuer", "enabled",
         "DEVELOPMENT: whoever can read key_file can be anybody. Never beyond loopback."},
    };
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    struct path p = in_dir(in, "gateway.conf");

    buf_init(&text, CONFIG_TEXT_MAX);
    size_t from = in->uninspected[0] ? 0 : 1; /* the first is about inspection that is off */
    TRY(config_print(in->config, remarks + from, ARRAY_LEN(remarks) - from, &text));
    return file_create(p.text, 0600, text.data, text.len);
}

static const struct step {
    const char *made, *what;
    enum err (*run)(struct init *in);
} STEPS[] = {
    {".", "folders, mode 0700", folders_make},
    {"ca.pem", "certificate authority for development (key: ca/ca.key)", authority_make},
    {"tls/", "server certificate and key, empty revocation list", server_make},
    {"clients/", "client certificates: gp-surgery, claims-system", clients_make},
    {"keys/", "the active service key", service_key_make},
    {"keys/intake.key", "seals what unfinished uploads need to go on", intake_key_make},
    {"keys/column-1.key", "seals the personal values of the database", column_key_make},
    {RECOVERY_FILE, "the recovery identity", recovery_make},
    {"keyring/", "the public side of the service keys", keyring_make},
    {"log.vkey", "the log's public key (its signing key: keys/log.key; what it signed: state/)",
     log_make},
    {"issuer/", "development issuer: its key, its key set", issuer_make},
    {"data/", "an empty database, an empty store", storage_make},
    {"kinds.conf", "the table of artefact kinds", kinds_make},
    {"gateway.conf", "the configuration, every setting with its help", configuration_make},
};

/* --- the command ---------------------------------------------------------------------------
 */
/* A folder of ours, empty: made, or there already. */
static enum err dir_prepare(const char *dir)
{
    size_t entries = 0;
    struct path conf;

    if (mkdir(dir, 0700) == 0)
        return ERR_OK;
    if (errno != EEXIST)
        return err_errno(dir);
    (void)snprintf(conf.text, sizeof(conf.text), "%s/gateway.conf", dir);
    if (access(conf.text, F_OK) == 0)
        return err_set(
            ERR_EXISTS,
            "%s is there already: a set-up is made once, remove it by hand if you mean to",
            conf.text);
    DIR *open = opendir(dir);
    if (!open)
        return err_errno(dir);
    while (readdir(open))
        entries++;
    (void)closedir(open);
    if (entries > 2) /* . and .. */
        return err_set(ERR_EXISTS, "%s is not empty", dir);
    return chmod(dir, 0700) == 0 ? ERR_OK : err_errno(dir);
}

static int steps_run(struct init *in)
{
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        enum err e = STEPS[i].run(in);
        if (e != ERR_OK) {
            cli_error("init", "%s: %s", STEPS[i].made, err_message(e));
            cli_error("init", "%s is incomplete: remove it before you try again", in->dir);
            return EXIT_ENVIRONMENT;
        }
        (void)printf("%-26s %s\n", STEPS[i].made, STEPS[i].what);
    }
    return EXIT_GOOD;
}

#define GET_CLAMD                                                                              \
    ".\n  To have it: apt-get install clamav-daemon, set AlertExceedsMax yes in its\n"         \
    "  /etc/clamav/clamd.conf, start it, and make the set-up again, or set\n"                  \
    "  policy.inspection = true in gateway.conf.\n"

static void advice(const struct init *in)
{
    (void)printf(
        "\nTake %s/" RECOVERY_FILE
        " away from this machine now: whoever holds it can open every\n"
        "artefact with the ordinary age command, and without it nobody can when the "
        "service keys are lost.\n\n"
        "This set-up is for development: %s, and the development issuer is on.\n%s%s%s\n"
        "  " PROGRAM " serve --config %s/gateway.conf\n"
        "  " PROGRAM " token --config %s/gateway.conf --role claimant --subject alice\n",
        in->dir, in->uninspected[0] ? "ARTEFACTS ARE NOT INSPECTED" : "artefacts are inspected",
        in->uninspected[0] ? "WARNING: inspection is off: " : "", in->uninspected,
        in->uninspected[0] ? GET_CLAMD : "", in->dir, in->dir);
}

/* Whether what is inspected could come out clean here. */
static enum err scanner_try(const char *socket)
{
    struct clamd_about about;
    struct clamd_behaviour behaviour;

    TRY(clamd_version(socket, CLAMD_WAIT_MS, &about, NULL));
    TRY(clamd_probe(socket, CLAMD_WAIT_MS, &behaviour));
    if (!behaviour.detects)
        return err_set(ERR_UNAVAILABLE, "clamd has no signatures");
    if (!behaviour.tells_limits)
        return err_set(ERR_UNAVAILABLE,
                       "clamd answers OK for what it gave up on: set AlertExceedsMax yes");
    if (!behaviour.reaches)
        return err_set(ERR_UNAVAILABLE, "clamd gives up too early: raise MaxFileSize and "
                                        "MaxScanSize (its defaults are enough)");
    return ERR_OK;
}

/* A scanner that was asked for has to be there; one that was not may be missing. */
static enum err scanner_find(struct init *in)
{
    struct config *c = in->config;

    if (in->clamd && strcmp(in->clamd, "none") == 0) {
        (void)snprintf(in->uninspected, sizeof(in->uninspected), "--clamd none");
        return ERR_OK;
    }
    if (in->clamd)
        TRY(config_set(&c->inspection.clamd_socket, in->clamd));
    enum err e = scanner_try(c->inspection.clamd_socket);
    if (e == ERR_OK || in->clamd)
        return e;
    (void)snprintf(in->uninspected, sizeof(in->uninspected), "%s", err_message(e));
    return ERR_OK;
}

static int init_run(struct init *in, const char *listen, const char *ops_listen)
{
    enum err e = config_defaults(&in->config);

    if (e == ERR_OK && in->log_name)
        e = config_set(&in->config->keeper.log_name, in->log_name);
    if (e == ERR_OK)
        e = scanner_find(in);
    if (e == ERR_OK)
        e = config_fill(in->config, listen, ops_listen, !in->uninspected[0]);
    if (e == ERR_DENIED) {
        cli_error("init", "listeners must be loopback addresses: init makes a development "
                          "set-up with its own issuer");
        return EXIT_USAGE;
    }
    unsigned port;
    bool loopback;
    if (e == ERR_OK)
        e = config_address_parse(listen, in->host, &port, &loopback);
    if (e == ERR_OK)
        e = crypto_init();
    if (e != ERR_OK)
        return cli_failed("init", e);
    e = dir_prepare(in->dir);
    if (e != ERR_OK) {
        cli_error("init", "%s", err_message(e));
        return EXIT_ENVIRONMENT;
    }
    int code = steps_run(in);
    if (code == EXIT_GOOD)
        advice(in);
    return code;
}

int cmd_init(int argc, char **argv)
{
    const char *listen = NULL, *ops_listen = NULL;
    struct init in = {.dir = NULL};
    const struct cli_option options[] = {
        {"dir", "DIR", "the folder to make; it may be there already if it is empty", CLI_TEXT,
         true, &in.dir},
        {"listen", "ADDR:PORT", "the service's address (127.0.0.1:8443); port 0: any free one",
         CLI_TEXT, false, &listen},
        {"ops-listen", "ADDR:PORT", "health and metrics (127.0.0.1:8444)", CLI_TEXT, false,
         &ops_listen},
        {"clamd", "SOCKET",
         "where clamd answers; \"none\": without inspection. Default: /run/clamav/clamd.ctl, "
         "if "
         "one answers there",
         CLI_TEXT, false, &in.clamd},
        {"log-name", "NAME",
         "the log's name, for ever part of its receipts: one of your own domain", CLI_TEXT,
         false, &in.log_name},
    };
    const struct cli_command command = {
        .name = "init",
        .operands = "",
        .about = "Makes a development set-up: keys, certificate authority and certificates, "
                 "configuration, empty database.\n"
                 "Listeners must be on loopback.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    (void)umask(0077);
    code = init_run(&in, listen ? listen : "127.0.0.1:8443",
                    ops_listen ? ops_listen : "127.0.0.1:8444");
    config_free(in.config);
    dev_ca_clear(&in.ca);
    return code;
}
