/* Fills a set-up's log with entries of many actors, actions, claims and artefacts, for
 * measuring the auditor's questions: through the real code and the real keeper.
 *
 *     fill_log CONFIG ENTRIES
 *
 * One actor of ACTORS writes half of the entries and one action of ACTIONS is half of them; the
 * last of each is rare. Each claim has ENTRIES_A_CLAIM. Prints one claim, one artefact, the
 * busy and the rare actor and action, one a line. Not while the gateway runs.
 */
#include "gateway/commands.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2000, ACTORS = 200, ACTIONS = 12, ENTRIES_A_CLAIM = 50, RARE_EVERY = 20011 };

struct fill {
    uint64_t all, made;
    struct uuid claim, artefact, middle_claim, middle_artefact;
};

/* 0 half of the time, the rarest but now and then. */
static unsigned pick(uint64_t n, unsigned of)
{
    if (n % RARE_EVERY == 0)
        return of - 1;
    return n % 2 ? 0 : (unsigned)(n / 2 % (of - 1));
}

static enum err entry_make(struct commit_tx *tx, struct fill *f)
{
    char text[64], id[UUID_TEXT_SIZE];
    struct ledger_ref ref;
    (void)snprintf(text, sizeof(text), "bench.action-%u", pick(f->made, ACTIONS));
    AUTO(json_free) json_t *entry = entry_new(text, NULL, ROLE_CASE_MANAGER);
    (void)snprintf(text, sizeof(text), "urn:evidence-gateway:dev#worker-%u",
                   pick(f->made / 3, ACTORS));
    json_put_text(entry, "actor", text);
    json_put_text(entry, "role", role_name(ROLE_CASE_MANAGER));
    entry_claim(entry, &f->claim);
    uuid_format(&f->artefact, id);
    json_put_text(entry, "artefact", id);
    json_put_text(entry, "kind", "further_evidence");
    json_put_text(entry, "purpose", "decision");
    return ledger_append(tx, entry, &ref);
}

static enum err fill_batch(struct commit_tx *tx, void *ctx)
{
    struct fill *f = ctx;

    for (unsigned i = 0; i < BATCH && f->made < f->all; i++, f->made++) {
        if (f->made % ENTRIES_A_CLAIM == 0)
            f->claim = uuid_new();
        if (f->made % (ENTRIES_A_CLAIM / 10) == 0)
            f->artefact = uuid_new();
        if (f->made == f->all / 2) {
            f->middle_claim = f->claim;
            f->middle_artefact = f->artefact;
        }
        TRY(entry_make(tx, f));
    }
    return ERR_OK;
}

static int fill_all(struct offline *o, struct fill *f)
{
    char claim[UUID_TEXT_SIZE], artefact[UUID_TEXT_SIZE];

    while (f->made < f->all) {
        struct commit_job job = {.apply = fill_batch, .ctx = f};
        enum err e = committer_run(o->committer, &job);

        if (e != ERR_OK) {
            (void)fprintf(stderr, "fill_log: %s\n", err_message(e));
            return EXIT_ENVIRONMENT;
        }
    }
    uuid_format(&f->middle_claim, claim);
    uuid_format(&f->middle_artefact, artefact);
    (void)printf("%s\n%s\n", claim, artefact);
    (void)printf("urn:evidence-gateway:dev#worker-0\nurn:evidence-gateway:dev#worker-%d\n",
                 ACTORS - 1);
    (void)printf("bench.action-0\nbench.action-%d\n", ACTIONS - 1);
    return EXIT_GOOD;
}

int main(int argc, char **argv)
{
    struct fill f = {.made = 0};
    struct offline o;

    if (argc == 3 && strcmp(argv[1], "keeper") == 0)
        return keeper_main(atoi(argv[2]));
    f.all = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (f.all < RARE_EVERY) {
        (void)fprintf(stderr, "usage: fill_log CONFIG ENTRIES   (at least %d)\n", RARE_EVERY);
        return EXIT_USAGE;
    }
    int code = offline_open(&o, "fill_log", argv[1], OFFLINE_LOG);
    if (code == CLI_GO)
        code = offline_writable(&o);
    if (code == CLI_GO)
        code = fill_all(&o, &f);
    offline_close(&o);
    return code;
}
