/* `rescan`: what is stored is looked at again, because the scanner knows more now, or may look
 * at larger files than it did.
 *
 * Invariants: each opening stands in the log first; what is found infected is restricted in the
 * transaction that says so; nothing that was infected is released. Runs beside the server. */
#include "gateway/base/clock.h"
#include "gateway/commands.h"
#include "gateway/evidence/inspection/rescan.h"
#include "gateway/inspect/inspection.h"
#include "gateway/offline.h"
#include "gateway/program.h"
#include "gateway/setup.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 64, OPENERS = 1, ACTOR_TEXT_MAX = 32, BUSY_WAIT_MS = 200, BUSY_TRIES = 50 };

static _Atomic bool interrupted;

struct rescanning {
    const char *config, *since;
    bool all;
    int64_t from;
    struct rescan_parts parts;
    char actor[ACTOR_TEXT_MAX];
    uint64_t seen, opened, infected, released, not_scanned;
    struct progress bar;
};

static void on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

static void tell(struct rescanning *s, const struct uuid *id, const struct rescan_result *r)
{
    char text[UUID_TEXT_SIZE];

    s->opened++;
    s->infected += r->verdict.outcome == INSPECT_VIRUS;
    s->released += r->after == ARTEFACT_AVAILABLE && r->before != ARTEFACT_AVAILABLE;
    s->not_scanned += r->verdict.outcome == INSPECT_COULD_NOT_SCAN;
    if (r->after == r->before && r->verdict.outcome != INSPECT_COULD_NOT_SCAN)
        return;
    progress_end(&s->bar);
    uuid_format(id, text);
    (void)printf("%s: %s%s%s, %s -> %s\n", text, inspect_outcome_name(r->verdict.outcome),
                 r->verdict.virus[0] ? " " : "", r->verdict.virus,
                 artefact_status_name(r->before), artefact_status_name(r->after));
}

/* The keeper gives out so many openings a second, and no more. */
static enum err look(struct rescanning *s, const struct uuid *id)
{
    struct rescan_result result;
    enum err e = ERR_BUSY;

    for (unsigned i = 0; e == ERR_BUSY && i < BUSY_TRIES && !atomic_load(&interrupted); i++) {
        if (i > 0)
            (void)usleep(BUSY_WAIT_MS * 1000);
        e = rescan_artefact(&s->parts, id, s->actor, &interrupted, &result);
    }
    TRY(e);
    if (findings_scanner_away(&result.verdict))
        return err_set(ERR_UNAVAILABLE, "the scanner is away: %s",
                       inspect_reason_name(result.verdict.reason));
    if (!result.skipped)
        tell(s, id, &result);
    return ERR_OK;
}

static enum err page_read(struct rescanning *s, const struct uuid *after,
                          struct artefact_record *page, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;

    TRY(db_read_begin(s->parts.db, &db));
    return artefact_each(db, after, page, PAGE, n);
}

static enum err rescan_pages(struct rescanning *s)
{
    AUTO_FREE struct artefact_record *page = calloc(PAGE, sizeof(*page));
    struct uuid after = rescan_since(s->from);
    size_t n = PAGE;

    if (!page)
        return err_set(ERR_NOMEM, "artefacts");
    while (n == PAGE && !atomic_load(&interrupted)) {
        TRY(page_read(s, &after, page, &n));
        for (size_t i = 0; i < n && !atomic_load(&interrupted); i++) {
            after = page[i].id;
            s->seen++;
            if (page[i].received_at >= s->from)
                TRY(look(s, &page[i].id));
            progress_step(&s->bar, s->seen, s->seen + n - i);
        }
    }
    return ERR_OK;
}

static enum err parts_fill(struct rescanning *s, const struct offline *o,
                           const struct kinds *kinds, struct inspectors *inspectors)
{
    struct evidence_config policy;

    setup_evidence(o->config, &policy);
    s->parts = (struct rescan_parts){.db = o->db,
                                     .ledger = o->ledger,
                                     .committer = o->committer,
                                     .blobs = o->blobs,
                                     .keeper = o->keeper,
                                     .kinds = kinds,
                                     .inspectors = inspectors,
                                     .policy = policy.inspecting};
    (void)snprintf(s->actor, sizeof(s->actor), "local#%u", (unsigned)getuid());
    return opener_pool_new(OPENERS, &s->parts.openers);
}

static int rescan_beside(struct rescanning *s, const struct kinds *kinds,
                         struct inspectors *inspectors)
{
    AUTO_CLEAR(offline_close) struct offline o;
    int code = offline_open(&o, "rescan", s->config, OFFLINE_BLOBS | OFFLINE_IDENTITIES);

    if (code == CLI_GO)
        code = offline_writable(&o);
    if (code != CLI_GO)
        return code;
    enum err e = parts_fill(s, &o, kinds, inspectors);
    if (e == ERR_OK)
        e = rescan_pages(s);
    opener_pool_free(s->parts.openers);
    progress_end(&s->bar);
    (void)printf("%llu looked at, %llu infected, %llu released, %llu could not be scanned\n",
                 (unsigned long long)s->opened, (unsigned long long)s->infected,
                 (unsigned long long)s->released, (unsigned long long)s->not_scanned);
    if (e != ERR_OK && !atomic_load(&interrupted))
        return cli_failed("rescan", e);
    return s->infected > 0 ? EXIT_CHECK_FAILED : EXIT_GOOD;
}

/* Inspectors first: what they run in is made before there are threads. */
static int rescan_run(struct rescanning *s)
{
    AUTO(config_free) struct config *config = NULL;
    AUTO(inspectors_stop) struct inspectors *inspectors = NULL;
    AUTO_FREE struct kinds *kinds = calloc(1, sizeof(*kinds));
    struct inspectors_config settings;
    char beside[PROGRAM_PATH_MAX];
    int code = cli_config("rescan", s->config, &config);

    if (code != CLI_GO)
        return code;
    enum err e =
        kinds ? kinds_load(config->policy.kinds_file, kinds) : err_set(ERR_NOMEM, "the kinds");
    if (e == ERR_OK)
        e = program_beside("evidence-inspector", beside);
    if (e == ERR_OK) {
        setup_inspectors(config, beside, kinds_largest(kinds), &settings);
        log_set_level(LOG_ERROR);
        e = inspectors_start(&settings, &inspectors);
    }
    return e == ERR_OK ? rescan_beside(s, kinds, inspectors) : cli_failed("rescan", e);
}

int cmd_rescan(int argc, char **argv)
{
    struct rescanning s = {.bar = {.label = "looking"}};
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &s.config},
        {"since", "TIME", "what came in from then on (2026-01-31T00:00:00Z)", CLI_TEXT, false,
         &s.since},
        {"all", NULL, "everything", CLI_FLAG, false, &s.all},
    };
    const struct cli_command command = {
        .name = "rescan",
        .operands = "",
        .about = "Opens stored artefacts and has them inspected again, each opening in the "
                 "log first. What is found infected is\n"
                 "restricted; what could not be scanned and is clean now becomes available. "
                 "May run beside the server. Ends with 1 if\n"
                 "anything infected was found.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    bool told = s.since && time_parse(s.since, &s.from) == ERR_OK;
    if (s.all == (s.since != NULL) || (s.since && !told)) {
        cli_error("rescan", "either --since TIME or --all");
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    return rescan_run(&s);
}
