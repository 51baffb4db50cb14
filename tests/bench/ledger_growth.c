/* How the log grows: what an entry, a proof, opening and replaying cost at each size.
 *
 *     ledger_growth DIR [SIZE...]        default: 100000 1000000 10000000
 *
 * Entries go through the real code in jobs of BATCH entries, one commit and one signature each.
 */
#include "tests/bench/bench_log.h"

#include <sys/stat.h>

enum { BATCH = 256, ACTORS = 5000, PROOFS = 2000, CLAIM_ENTRIES = 20 };

struct growth {
    char path[512];
    struct db_pool *pool;
    struct bench_signer signer;
    struct ledger *ledger;
    struct committer *committer;
    uint64_t size;
};

static json_t *details_of(uint64_t i)
{
    static const char *const actions[] = {"upload.committed", "read.opened", "read.closed",
                                          "link.made"};
    json_t *d = json_object();
    struct uuid artefact = uuid_new(), claim = {{(uint8_t)i}};
    uint64_t number = (i * UINT64_C(2654435761) % 10000019) /
                      CLAIM_ENTRIES; /* claims come back in no order */
    char text[UUID_TEXT_SIZE], actor[32];

    memcpy(claim.bytes + 4, &number, sizeof(number));
    claim.bytes[0] = (uint8_t)(number * 31);
    uuid_format(&claim, text);
    json_put_text(d, "claim", text);
    uuid_format(&artefact, text);
    json_put_text(d, "artefact", text);
    (void)snprintf(actor, sizeof(actor), "person-%llu",
                   (unsigned long long)(i * 7919 % ACTORS));
    json_put_text(d, "actor", actor);
    json_put_text(d, "role", "claimant");
    json_put_text(d, "action", actions[i % ARRAY_LEN(actions)]);
    json_put_text(d, "kind", "medical-report");
    json_put_text(d, "sha256",
                  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    json_put_int(d, "size", 262144);
    return d;
}

static enum err append_batch(struct commit_tx *tx, void *ctx)
{
    uint64_t first = *(uint64_t *)ctx;

    for (uint64_t i = 0; i < BATCH; i++) {
        AUTO(json_free) json_t *details = details_of(first + i);
        struct ledger_ref ref;

        TRY(ledger_append(tx, details, &ref));
    }
    return ERR_OK;
}

static void open_log(struct growth *g)
{
    struct ledger_signer signer = {.sign = bench_sign, .ctx = &g->signer};

    must(db_pool_open(g->path, true, 4, &g->pool));
    must(ledger_open(g->pool, &signer, &g->ledger));
    must(committer_start(g->pool, g->ledger, NULL, &g->committer));
}

static void close_log(struct growth *g)
{
    committer_stop(g->committer);
    ledger_free(g->ledger);
    db_pool_free(g->pool);
}

static void grow(struct growth *g, uint64_t size)
{
    double wall0 = wall(), cpu0 = cpu();
    uint64_t before = g->size;

    for (; g->size < size; g->size += BATCH) {
        struct commit_job job = {.apply = append_batch, .ctx = &g->size};
        must(committer_run(g->committer, &job));
    }
    (void)printf("%10llu entries: append %.1f us (%.1f CPU) each", (unsigned long long)g->size,
                 (wall() - wall0) * 1e6 / (double)(g->size - before),
                 (cpu() - cpu0) * 1e6 / (double)(g->size - before));
}

static void time_receipts(struct growth *g, const char *what, uint64_t from)
{
    AUTO_CLEAR(buf_clear) struct buf out;
    double t0 = wall();

    buf_init(&out, RECEIPT_MAX);
    for (unsigned i = 0; i < PROOFS; i++) {
        buf_reset(&out);
        must(ledger_receipt(
            g->ledger, from + ((uint64_t)rand() << 16 ^ (uint64_t)rand()) % (g->size - from),
            &out));
    }
    (void)printf("; receipt of %s %.0f us", what, (wall() - t0) * 1e6 / PROOFS);
}

static void time_consistency(struct growth *g)
{
    struct merkle_proof proof;
    double t0 = wall();

    for (unsigned i = 0; i < PROOFS; i++)
        must(ledger_consistency(g->ledger,
                                1 + ((uint64_t)rand() << 16 ^ (uint64_t)rand()) % g->size,
                                g->size, &proof));
    (void)printf(", consistency %.0f us", (wall() - t0) * 1e6 / PROOFS);
}

static void time_open(struct growth *g)
{
    double t0;

    close_log(g);
    t0 = wall();
    open_log(g);
    (void)printf("; open %.1f ms", (wall() - t0) * 1e3);
}

static void no_finding(void *ctx, const struct ledger_finding *f)
{
    (void)ctx;
    (void)fprintf(stderr, "replay: %s at %llu: %s\n", f->kind, (unsigned long long)f->index,
                  f->message);
    exit(EXIT_FAILURE);
}

static void time_replay(struct growth *g)
{
    uint64_t findings;
    double t0 = wall();

    must(ledger_replay(g->ledger, no_finding, NULL, NULL, &findings));
    (void)printf("; replay %.1f us an entry", (wall() - t0) * 1e6 / (double)g->size);
}

static void print_size(struct growth *g)
{
    struct rusage usage;
    struct stat st;

    must(db_checkpoint(g->pool));
    if (stat(g->path, &st) != 0)
        exit(EXIT_FAILURE);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("; %.0f bytes an entry; peak memory %ld MB\n",
                 (double)st.st_size / (double)g->size, usage.ru_maxrss / 1024);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const sizes[] = {"100000", "1000000", "10000000"};
    struct growth g = {.size = 0};
    int n = argc > 2 ? argc - 2 : (int)ARRAY_LEN(sizes);

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s DIR [SIZE...]\n", argv[0]);
        return EXIT_FAILURE;
    }
    (void)snprintf(g.path, sizeof(g.path), "%s/growth.db", argv[1]);
    bench_signer_init(&g.signer);
    open_log(&g);
    for (int i = 0; i < n; i++) {
        grow(&g, strtoull(argc > 2 ? argv[i + 2] : sizes[i], NULL, 10));
        time_receipts(&g, "any", 0);
        time_receipts(&g, "the newest", g.size - BATCH);
        time_consistency(&g);
        time_open(&g);
        time_replay(&g);
        print_size(&g);
    }
    close_log(&g);
    bench_signer_clear(&g.signer);
    return EXIT_SUCCESS;
}
