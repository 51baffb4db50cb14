/* How the log grows: what an entry, a receipt, a proof and opening cost in a short log and in a
 * long one, measured in turns so that both meet the same neighbours.
 *
 *     ledger_growth DIR [SHORT [LONG [ROUNDS]]]        default: 100000 10000000 7
 *
 * DIR/log-SIZE.db is filled unless it is there; it may be kept for another run, whose first
 * opening signs all of it anew.
 *
 * Entries go through the real code: while a log is filled in jobs of FILL_BATCH entries, while
 * it is measured in jobs of BATCH, about what waits for one commit under load. Each round
 * appends APPENDS entries to either log. Medians of the rounds, wall time and CPU time of the
 * process.
 */
#include "tests/bench/bench_log.h"
#include "tests/support/columns.h"

#include <sys/stat.h>

enum {
    FILL_BATCH = 256,
    BATCH = 32,
    APPENDS = 4096,
    PROOFS = 1000,
    ACTORS = 5000,
    CLAIM_ENTRIES = 20,
    ROUNDS_MAX = 99,
};

enum measure { APPEND, RECEIPT, RECEIPT_NEWEST, CONSISTENCY, OPENING, MEASURES };
static const char *const measure_names[] = {"append, us", "receipt of any, us",
                                            "receipt of the newest, us", "consistency, us",
                                            "open, us"};

struct growth {
    char path[512];
    struct db_pool *pool;
    struct bench_signer signer;
    struct ledger *ledger;
    struct committer *committer;
    uint64_t size;
    double wall[MEASURES][ROUNDS_MAX], cpu[MEASURES][ROUNDS_MAX]; /* microseconds each */
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

struct piece {
    uint64_t first, n;
};

static enum err append_piece(struct commit_tx *tx, void *ctx)
{
    const struct piece *p = ctx;

    for (uint64_t i = 0; i < p->n; i++) {
        AUTO(json_free) json_t *details = details_of(p->first + i);
        struct ledger_ref ref;

        TRY(ledger_append(tx, details, &ref));
    }
    return ERR_OK;
}

static void append(struct growth *g, uint64_t entries, uint64_t batch)
{
    for (uint64_t end = g->size + entries; g->size < end;) {
        struct piece p = {.first = g->size, .n = batch < end - g->size ? batch : end - g->size};
        struct commit_job job = {.apply = append_piece, .ctx = &p};

        must(committer_run(g->committer, &job));
        g->size += p.n;
    }
}

static void open_log(struct growth *g)
{
    struct ledger_signer signer = {.sign = bench_sign, .ctx = &g->signer};

    must(db_pool_open(g->path, true, 4, &g->pool));
    columns_for_tests(g->pool);
    must(ledger_open(g->pool, &signer, &g->ledger));
    must(committer_start(g->pool, g->ledger, NULL, &g->committer));
}

static void close_log(struct growth *g)
{
    committer_stop(g->committer);
    ledger_free(g->ledger);
    db_pool_free(g->pool);
}

static void open_or_fill(struct growth *g, const char *dir, uint64_t size)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    double wall0 = wall(), cpu0 = cpu();

    buf_init(&note, NOTE_MAX);
    (void)snprintf(g->path, sizeof(g->path), "%s/log-%llu.db", dir, (unsigned long long)size);
    bench_signer_init(&g->signer);
    open_log(g);
    if (ledger_checkpoint(g->ledger, &note, &g->size) == ERR_OK)
        return;
    append(g, size, FILL_BATCH);
    (void)printf("%llu entries: filled at %.1f us (%.1f CPU) each\n", (unsigned long long)size,
                 (wall() - wall0) * 1e6 / (double)size, (cpu() - cpu0) * 1e6 / (double)size);
}

static void print_size(struct growth *g)
{
    struct rusage usage;
    struct stat st;

    must(db_checkpoint(g->pool));
    if (stat(g->path, &st) != 0)
        exit(EXIT_FAILURE);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%llu entries: %.0f bytes each; peak memory %ld MB\n",
                 (unsigned long long)g->size, (double)st.st_size / (double)g->size,
                 usage.ru_maxrss / 1024);
}

/* --- what is measured ------------------------------------------------------------------ */
static uint64_t below(uint64_t end)
{
    return ((uint64_t)rand() << 16 ^ (uint64_t)rand()) % end;
}

static void receipts(struct growth *g, uint64_t from)
{
    AUTO_CLEAR(buf_clear) struct buf out;

    buf_init(&out, RECEIPT_MAX);
    for (unsigned i = 0; i < PROOFS; i++) {
        buf_reset(&out);
        must(ledger_receipt(g->ledger, from + below(g->size - from), &out));
    }
}

static void consistencies(struct growth *g)
{
    struct merkle_proof proof;

    for (unsigned i = 0; i < PROOFS; i++)
        must(ledger_consistency(g->ledger, 1 + below(g->size), g->size, &proof));
}

static unsigned run_measure(struct growth *g, enum measure m)
{
    switch (m) {
    case APPEND:
        append(g, APPENDS, BATCH);
        return APPENDS;
    case RECEIPT:
        receipts(g, 0);
        return PROOFS;
    case RECEIPT_NEWEST:
        receipts(g, g->size - FILL_BATCH);
        return PROOFS;
    case CONSISTENCY:
        consistencies(g);
        return PROOFS;
    case OPENING:
        open_log(g);
        return 1;
    case MEASURES:
        break;
    }
    abort();
}

static void measure(struct growth *g, enum measure m, unsigned round)
{
    double wall0, cpu0;
    unsigned n;

    if (m == OPENING)
        close_log(g);
    wall0 = wall();
    cpu0 = cpu();
    n = run_measure(g, m);
    g->wall[m][round] = (wall() - wall0) * 1e6 / n;
    g->cpu[m][round] = (cpu() - cpu0) * 1e6 / n;
}

/* --- the report ------------------------------------------------------------------------ */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof(*values), compare);
    return values[n / 2];
}

static void report(struct growth *small, struct growth *large, unsigned rounds)
{
    (void)printf("%-27s %10s %10s %6s   %10s %10s %6s\n", "median", "wall", "wall", "ratio",
                 "CPU", "CPU", "ratio");
    for (size_t m = 0; m < MEASURES; m++) {
        double wall_small = median(small->wall[m], rounds);
        double wall_large = median(large->wall[m], rounds);
        double cpu_small = median(small->cpu[m], rounds);
        double cpu_large = median(large->cpu[m], rounds);

        (void)printf("%-27s %10.1f %10.1f %6.2f   %10.1f %10.1f %6.2f\n", measure_names[m],
                     wall_small, wall_large, wall_large / wall_small, cpu_small, cpu_large,
                     cpu_large / cpu_small);
    }
}

static void no_finding(void *ctx, const struct ledger_finding *f)
{
    (void)ctx;
    (void)fprintf(stderr, "replay: %s at %llu: %s\n", f->kind, (unsigned long long)f->index,
                  f->message);
    exit(EXIT_FAILURE);
}

static void replay(struct growth *g)
{
    uint64_t findings;
    double wall0 = wall(), cpu0 = cpu();

    must(ledger_replay(g->ledger, no_finding, NULL, NULL, &findings));
    (void)printf("%llu entries: replayed at %.1f us (%.1f CPU) each\n",
                 (unsigned long long)g->size, (wall() - wall0) * 1e6 / (double)g->size,
                 (cpu() - cpu0) * 1e6 / (double)g->size);
}

int main(int argc, char **argv)
{
    static struct growth small, large;
    unsigned rounds = argc > 4 ? (unsigned)atoi(argv[4]) : 7;

    if (argc < 2 || rounds == 0 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: %s DIR [SHORT [LONG [ROUNDS]]]\n", argv[0]);
        return EXIT_FAILURE;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    open_or_fill(&small, argv[1], strtoull(argc > 2 ? argv[2] : "100000", NULL, 10));
    open_or_fill(&large, argv[1], strtoull(argc > 3 ? argv[3] : "10000000", NULL, 10));
    print_size(&small);
    print_size(&large);
    for (unsigned round = 0; round < rounds; round++) {
        for (enum measure m = 0; m < MEASURES; m++) {
            measure(&small, m, round);
            measure(&large, m, round);
        }
    }
    report(&small, &large, rounds);
    replay(&small);
    replay(&large);
    close_log(&small);
    close_log(&large);
    bench_signer_clear(&small.signer);
    bench_signer_clear(&large.signer);
    return EXIT_SUCCESS;
}
