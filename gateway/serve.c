/* `serve`: wires the parts together, in the order in which privileges are given up.
 *
 *     settings -> keeper (own process) -> confine the front -> database, blobs, log -> domain
 * -> listeners -> ready
 *
 * and takes them apart the other way round. Everything here happens once; a request never comes
 * through this file.
 */
#include "config/config.h"
#include "gateway/auth/authenticate.h"
#include "gateway/base/clock.h"
#include "gateway/base/http_client.h"
#include "gateway/base/log.h"
#include "gateway/columns.h"
#include "gateway/commands.h"
#include "gateway/evidence/evidence.h"
#include "gateway/http/server.h"
#include "gateway/inspect/inspection.h"
#include "gateway/messenger.h"
#include "gateway/program.h"
#include "gateway/routes/api.h"
#include "gateway/routes/ops.h"
#include "gateway/serve_ops.h"
#include "gateway/setup.h"

#include <getopt.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TICK_MS = 2000, CONFINE_MAX = 24, FLUSH_WAIT_S = 5, HOLIDAYS_AHEAD_DAYS = 180 };

struct gateway {
    struct config *config;
    struct setup *setup;
    struct keeper *keeper;
    struct inspectors *inspectors; /* NULL: inspection is off */
    struct kinds kinds;
    struct calendar calendar;
    struct blob_store *blobs;
    struct db_pool *db;
    struct db_columns columns;
    struct ledger_signer signer;
    struct ledger *ledger;
    struct committer *committer;
    struct evidence *evidence;
    struct authenticator *auth;
    struct notify *notify;
    struct request_metrics *metrics;
    struct api api;
    struct ops ops;
    struct http_server *server, *ops_server;
    struct serve_sources sources;
};

/* --- the parts, one function each --------------------------------------------------------- */

static void warn(void *ctx, const char *name, const char *text)
{
    (void)ctx;
    log_event(LOG_WARN, "configuration", log_str("name", name), log_str("message", text));
}

/* Whoever runs the gateway hears half a year before that a list ends. */
static enum err calendar_open(struct gateway *g)
{
    TRY(calendar_load(g->config->deadlines.bank_holidays_file, &g->calendar));
    int32_t ahead = day_of(clock_now()) + HOLIDAYS_AHEAD_DAYS;
    for (unsigned n = 0; n < NATION_COUNT; n++) {
        if (!calendar_knows(&g->calendar, (enum nation)n, ahead))
            warn(NULL, nation_name((enum nation)n), "the list of bank holidays ends soon");
    }
    return ERR_OK;
}

static enum err settings_read(struct gateway *g, const char *path, bool intake_only)
{
    TRY(config_load(path, &g->config));
    g->config->policy.intake_only = g->config->policy.intake_only || intake_only;
    log_set_level(setup_log_level(g->config));
    TRY(setup_new(g->config, &g->setup));
    config_warnings(g->config, warn, NULL);
    TRY(kinds_load(g->config->policy.kinds_file, &g->kinds));
    TRY(calendar_open(g));
    setup_permissions(g->config);
    return ERR_OK;
}

/* The front's connection cap is held below the descriptor limit: as high as the system lets us.
 */
static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* As the keeper's guardian: before threads, and before the front confines itself. */
static enum err inspectors_open(struct gateway *g)
{
    char beside[PROGRAM_PATH_MAX];
    struct inspectors_config config;
    if (!g->config->policy.inspection)
        return ERR_OK;
    TRY(program_beside("evidence-inspector", beside));
    setup_inspectors(g->config, beside, kinds_largest(&g->kinds), &config);
    return inspectors_start(&config, &g->inspectors);
}

static enum err processes_start(struct gateway *g)
{
    descriptors_raise();
    secrets_allow_unlocked(!g->config->keeper.require_mlock);
    TRY(crypto_init());
    TRY(process_hide());
    TRY(http_client_init());
    struct keeper_config keeper;
    setup_keeper(g->config, false, &keeper);
    TRY(keeper_start(&keeper, &g->keeper));
    return inspectors_open(g);
}

struct confinement {
    struct confine_path paths[CONFINE_MAX];
    char *copies[CONFINE_MAX];
    size_t n;
};

static void confine_add(struct confinement *c, const char *path, bool folder_of, bool write)
{
    assert(c->n < CONFINE_MAX);
    if (!path || !*path)
        return;
    char *copy = strdup(path);
    c->copies[c->n] = copy;
    c->paths[c->n].path = copy && folder_of ? dirname(copy) : copy;
    c->paths[c->n].write = write;
    c->n++;
}

/* Files that are replaced while we run (certificates, key sets, keyring) are reached by their
 * folder. The keys' folders are not in the list. */
static enum err front_confine(struct gateway *g)
{
    static const char *const SYSTEM[] = {
        "/usr",         "/lib",     "/etc", "/proc", "/sys/devices/system/cpu",
        "/dev/urandom", "/dev/null"};
    struct confinement c = {.n = 0};
    const struct config *config = g->config;
    for (size_t i = 0; i < ARRAY_LEN(SYSTEM); i++) {
        if (access(SYSTEM[i], R_OK) == 0)
            confine_add(&c, SYSTEM[i], false, false);
    }
    confine_add(&c, config->storage.database_file, true, true);
    confine_add(&c, config->storage.blobs_dir, false, true);
    confine_add(&c, config->server.certificate_file, true, false);
    confine_add(&c, config->server.private_key_file, true, false);
    confine_add(&c, config->server.client_ca_file, false, false);
    confine_add(&c, config->server.client_crl_file, true, false);
    confine_add(&c, config->keeper.keyring_file, true, false);
    confine_add(&c, config->notify.ca_file, false, false);
    for (size_t i = 0; i < config->n_issuers && c.n + 2 < CONFINE_MAX; i++) {
        confine_add(&c, config->issuers[i].jwks_file, true, false);
        confine_add(&c, config->issuers[i].ca_file, false, false);
    }
    enum err e = process_confine(c.paths, c.n, config->keeper.confine_required);
    for (size_t i = 0; i < c.n; i++)
        free(c.copies[i]);
    return e;
}

static enum err sign(void *ctx, uint64_t first, const struct merkle_hash *leaves, size_t n,
                     const struct merkle_hash *root, struct buf *note, uint64_t *signed_size)
{
    return keeper_sign(ctx, first, leaves, n, root, note, signed_size);
}

static enum err storage_open(struct gateway *g)
{
    TRY(blob_store_open_fs(g->config->storage.blobs_dir, &g->blobs));
    TRY(db_pool_open(g->config->storage.database_file, false,
                     (unsigned)g->config->storage.db_readers, &g->db));
    TRY(columns_open(g->config, g->keeper, COLUMNS_MUST, g->db, &g->columns));
    TRY(columns_catch_up(g->db, &g->columns));
    g->signer = (struct ledger_signer){.sign = sign, .ctx = g->keeper};
    enum err fits = ledger_open(g->db, &g->signer, &g->ledger);
    if (!g->ledger)
        return fits;
    if (fits != ERR_OK)
        log_event(LOG_ERROR, "log.does_not_fit", log_err(fits));
    return committer_start(g->db, g->ledger, g->blobs, &g->committer);
}

static enum err domain_open(struct gateway *g)
{
    struct evidence_config config;
    struct auth_config auth;
    struct evidence_parts parts = {
        .db = g->db,
        .ledger = g->ledger,
        .committer = g->committer,
        .blobs = g->blobs,
        .keeper = g->keeper,
        .kinds = &g->kinds,
        .calendar = &g->calendar,
        .inspectors = g->inspectors,
    };
    size_t removed = 0;
    setup_evidence(g->config, &config);
    messenger_policy(g->notify, &config.telling);
    setup_auth(g->setup, &auth);
    TRY(evidence_new(&config, &parts, &g->evidence));
    if (ledger_health(g->ledger) == ERR_OK)
        TRY(evidence_announce(g->evidence, g->kinds.sha256));
    TRY(evidence_sweep(g->evidence, &removed));
    if (removed > 0)
        log_event(LOG_INFO, "sweep", log_int("removed", (int64_t)removed));
    TRY(messenger_start(g->notify, g->db, g->committer));
    return authenticator_new(&auth, &g->auth);
}

static void finished(void *context, const struct http_route *route, int status, uint64_t in,
                     uint64_t out, int64_t took_ms)
{
    struct gateway *g = (struct gateway *)((char *)context - offsetof(struct gateway, api));
    request_metrics_count(g->metrics, route, status, in, out, took_ms);
}

static enum err listeners_open(struct gateway *g)
{
    size_t n = 0;
    g->api = (struct api){.evidence = g->evidence,
                          .auth = g->auth,
                          .kinds = &g->kinds,
                          .form_files = (size_t)g->config->limits.form_files};
    struct http_server_config public, operations;
    setup_server(g->config, &public);
    public.routes = api_routes(&n);
    public.n_routes = n;
    public.context = &g->api;
    public.finished = finished;
    TRY(request_metrics_new(public.routes, n, &g->metrics));
    TRY(http_server_start(&public, &g->server));

    g->sources = (struct serve_sources){.evidence = g->evidence,
                                        .auth = g->auth,
                                        .ledger = g->ledger,
                                        .committer = g->committer,
                                        .db = g->db,
                                        .keeper = g->keeper,
                                        .inspectors = g->inspectors,
                                        .notify = g->notify,
                                        .server = g->server};
    serve_ops_fill(&g->ops, &g->sources, g->metrics);
    setup_ops_server(g->config, &operations);
    operations.routes = ops_routes(&operations.n_routes);
    operations.context = &g->ops;
    return http_server_start(&operations, &g->ops_server);
}

static enum err gateway_open(struct gateway *g, const char *path, bool intake_only)
{
    TRY(settings_read(g, path, intake_only));
    TRY(processes_start(g));
    TRY(messenger_new(g->config, &g->notify)); /* its secrets are in no other process */
    TRY(front_confine(g));
    TRY(storage_open(g));
    TRY(domain_open(g));
    return listeners_open(g);
}

static void gateway_close(struct gateway *g)
{
    http_server_free(g->ops_server); /* first: its pages look at everything below */
    http_server_free(g->server);
    request_metrics_free(g->metrics);
    authenticator_free(g->auth);
    notify_free(g->notify);
    evidence_free(g->evidence);
    inspectors_stop(g->inspectors);
    if (g->committer)
        committer_stop(g->committer);
    ledger_free(g->ledger);
    db_pool_free(g->db);
    columns_close(&g->columns);
    blob_store_free(g->blobs);
    if (g->keeper)
        keeper_stop(g->keeper);
    setup_free(g->setup);
    config_free(g->config);
}

/* --- running ------------------------------------------------------------------------------ */

static void log_outcome(const char *what, enum err e)
{
    if (e == ERR_OK)
        log_event(LOG_INFO, "reload", log_str("part", what));
    else
        log_event(LOG_ERROR, "reload.failed", log_str("part", what), log_err(e));
}

static void reload(struct gateway *g)
{
    log_outcome("certificate", http_server_reload(g->server));
    log_outcome("keyring", evidence_reload(g->evidence));
    log_outcome("keeper", keeper_reload(g->keeper));
}

/* Until SIGTERM or SIGINT; SIGHUP reads certificates and keys again. */
static void run(struct gateway *g, const sigset_t *signals)
{
    const struct timespec tick = {.tv_sec = TICK_MS / 1000};
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(g);
        else if (signal < 0)
            evidence_tick(g->evidence);
    }
}

static int serve(const char *path, bool intake_only)
{
    struct gateway g = {.config = NULL};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* inherited by every thread */
    (void)signal(SIGPIPE, SIG_IGN);
    log_set_source("front");

    enum err e = gateway_open(&g, path, intake_only);
    if (e != ERR_OK) {
        log_event(LOG_ERROR, "start.failed", log_err(e));
        (void)fprintf(stderr, "evidence-gateway: cannot start: %s\n", err_message(e));
    } else {
        (void)printf("listening https://%s\noperations http://%s\nready\n",
                     http_server_address(g.server), http_server_address(g.ops_server));
        (void)fflush(stdout);
        run(&g, &signals);
        log_event(LOG_INFO, "drain", log_int("seconds", g.config->server.drain_on_stop_s));
        atomic_store(&g.ops.draining, true);
        http_server_drain(g.server, (unsigned)g.config->server.drain_on_stop_s * 1000);
    }
    gateway_close(&g);
    return e == ERR_OK ? EXIT_GOOD : EXIT_ENVIRONMENT;
}

static void usage(FILE *out)
{
    (void)fputs("usage: evidence-gateway serve --config FILE [--intake-only]\n\n"
                "Runs the gateway. Prints one line `ready` when it takes connections. SIGTERM "
                "drains and stops it,\n"
                "SIGHUP reads certificates, revocation lists and the keyring again.\n\n"
                "  --config FILE   the configuration\n"
                "  --intake-only   a public plane: takes evidence in, gives receipts, holds no "
                "identity, can open nothing\n",
                out);
}

int cmd_serve(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'},
        {"intake-only", no_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    bool intake_only = false;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'i':
            intake_only = true;
            break;
        case 'h':
            usage(stdout);
            return EXIT_GOOD;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (!path || optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return serve(path, intake_only);
}
