/* Fills a set-up's database with artefacts, for measurements that want many: records, headers,
 * links and log entries through the real code and the real keeper, but no payloads.
 *
 *     fill_database CONFIG ARTEFACTS
 *
 * Claims have ARTEFACTS_A_CLAIM each, but for one: BIG_CLAIM artefacts, spread evenly over the
 * whole. Its id is the last word on standard output. Not while the gateway runs.
 */
#include "gateway/base/clock.h"
#include "gateway/commands.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 500, BIG_CLAIM = 1000, ARTEFACTS_A_CLAIM = 10, HEADER_SIZE = 420 };

struct fill {
    uint64_t all, made, big_every;
    struct uuid big, claim;
    uint64_t in_claim; /* artefacts that the present claim has */
    struct person claimant;
};

static enum err claim_make(struct db *db, struct fill *f, struct uuid *out)
{
    struct claim_record c = {.id = uuid_new(), .benefit = "pip", .stage = "evidence"};

    c.claimant = f->claimant;
    c.created_at = c.updated_at = clock_now();
    (void)snprintf(c.external_reference, sizeof(c.external_reference), "FILL-%llu",
                   (unsigned long long)(out == &f->big ? f->all : f->made));
    (void)snprintf(c.claimant_name, sizeof(c.claimant_name), "Avery Invented");
    (void)snprintf(c.claimant_born, sizeof(c.claimant_born), "1980-01-01");
    (void)snprintf(c.claimant_nino, sizeof(c.claimant_nino), "AB123456C");
    *out = c.id;
    return claim_insert(db, &c);
}

static void artefact_fill(struct artefact_record *a, const struct fill *f,
                          const struct uuid *claim)
{
    *a = (struct artefact_record){.id = uuid_new(),
                                  .claim = *claim,
                                  .kind = "further_evidence",
                                  .media_type = "application/pdf",
                                  .size = 65536,
                                  .sealed_size = 65568,
                                  .status = ARTEFACT_AVAILABLE,
                                  .uploader = f->claimant,
                                  .uploader_role = "claimant"};
    a->received_at = clock_now();
    (void)snprintf(a->filename, sizeof(a->filename), "letter-%llu.pdf",
                   (unsigned long long)f->made);
    memcpy(a->sha256, &f->made, sizeof(f->made));
    memcpy(a->sealed_sha256, &f->made, sizeof(f->made));
}

static enum err artefact_log(struct commit_tx *tx, struct artefact_record *a)
{
    AUTO(json_free) json_t *entry = entry_new("upload.committed", NULL, ROLE_CLAIMANT);
    struct ledger_ref ref;

    json_put_text(entry, "actor", a->uploader.subject);
    entry_artefact(entry, a);
    entry_hex(entry, "sha256", a->sha256);
    json_put_int(entry, "size", (int64_t)a->size);
    TRY(ledger_append(tx, entry, &ref));
    a->ledger_index = ref.index;
    return ERR_OK;
}

static enum err artefact_make(struct commit_tx *tx, struct fill *f, const struct uuid *claim)
{
    static const uint8_t header[HEADER_SIZE] = "age-encryption.org/v1";
    struct artefact_record a;
    struct link_record link;

    artefact_fill(&a, f, claim);
    TRY(artefact_log(tx, &a));
    TRY(artefact_insert(commit_db(tx), &a));
    TRY(header_put(commit_db(tx), &a.id, "bench", header, sizeof(header)));
    link = (struct link_record){
        .artefact = a.id, .claim = a.claim, .by = a.uploader, .created_at = a.received_at};
    return link_insert(commit_db(tx), &link);
}

static enum err fill_batch(struct commit_tx *tx, void *ctx)
{
    struct fill *f = ctx;

    for (unsigned i = 0; i < BATCH && f->made < f->all; i++, f->made++) {
        if (f->made == 0)
            TRY(claim_make(commit_db(tx), f, &f->big));
        if (f->made % f->big_every == 0) {
            TRY(artefact_make(tx, f, &f->big));
            continue;
        }
        if (f->in_claim == ARTEFACTS_A_CLAIM || uuid_is_nil(&f->claim)) {
            TRY(claim_make(commit_db(tx), f, &f->claim));
            f->in_claim = 0;
        }
        TRY(artefact_make(tx, f, &f->claim));
        f->in_claim++;
    }
    return ERR_OK;
}

static int fill_all(struct offline *o, struct fill *f)
{
    char text[UUID_TEXT_SIZE];

    while (f->made < f->all) {
        struct commit_job job = {.apply = fill_batch, .ctx = f};
        enum err e = committer_run(o->committer, &job);

        if (e != ERR_OK) {
            (void)fprintf(stderr, "fill_database: %s\n", err_message(e));
            return EXIT_ENVIRONMENT;
        }
    }
    uuid_format(&f->big, text);
    (void)printf("%s\n", text);
    return EXIT_GOOD;
}

int main(int argc, char **argv)
{
    struct fill f = {
        .claimant = {.issuer = "urn:evidence-gateway:dev", .subject = "bench-claimant"}};
    struct offline o;

    if (argc == 3 && strcmp(argv[1], "keeper") == 0)
        return keeper_main(atoi(argv[2]));
    f.all = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (f.all < BIG_CLAIM) {
        (void)fprintf(stderr, "usage: fill_database CONFIG ARTEFACTS   (at least %d)\n",
                      BIG_CLAIM);
        return EXIT_USAGE;
    }
    f.big_every = f.all / BIG_CLAIM;
    int code = offline_open(&o, "fill_database", argv[1], OFFLINE_LOG);
    if (code == CLI_GO)
        code = offline_writable(&o);
    if (code == CLI_GO)
        code = fill_all(&o, &f);
    offline_close(&o);
    return code;
}
