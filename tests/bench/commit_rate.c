/* What the committer does in a second: small uploads (artefact, header, link, entry; no
 * payload), each with its receipt.
 *
 *     commit_rate DIR [THREADS [SECONDS]]        default: 16 5
 */
#include "storage/records.h"
#include "tests/bench/bench_log.h"
#include "tests/support/columns.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

enum { CLAIMS = 500, HEADER_SIZE = 400, THREADS_MAX = 512 };

static struct db_pool *pool;
static struct ledger *ledger;
static struct committer *committer;
static struct uuid claims[CLAIMS];
static _Atomic bool stop;
static _Atomic uint64_t done;
static bool receipts = true;

struct upload {
    struct artefact_record artefact;
    struct link_record link;
    uint64_t index;
};

static enum err add_claims(struct commit_tx *tx, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < CLAIMS; i++) {
        struct claim_record c = {.id = uuid_new(), .benefit = "PIP", .stage = "gathering"};

        claims[i] = c.id;
        (void)snprintf(c.external_reference, sizeof(c.external_reference), "ref-%zu", i);
        (void)snprintf(c.claimant.issuer, sizeof(c.claimant.issuer), "https://id.example");
        (void)snprintf(c.claimant.subject, sizeof(c.claimant.subject), "person-%zu", i);
        TRY(claim_insert(commit_db(tx), &c));
    }
    return ERR_OK;
}

static json_t *details_of(const struct upload *u)
{
    json_t *d = json_object();
    char text[UUID_TEXT_SIZE];

    uuid_format(&u->artefact.claim, text);
    json_put_text(d, "claim", text);
    uuid_format(&u->artefact.id, text);
    json_put_text(d, "artefact", text);
    json_put_text(d, "actor", u->artefact.uploader.subject);
    json_put_text(d, "action", "upload.committed");
    json_put_text(d, "kind", u->artefact.kind);
    json_put_text(d, "sha256",
                  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    json_put_int(d, "size", (int64_t)u->artefact.size);
    return d;
}

static enum err apply(struct commit_tx *tx, void *ctx)
{
    static const uint8_t header[HEADER_SIZE] = "age-encryption.org/v1";
    struct upload *u = ctx;
    AUTO(json_free) json_t *details = details_of(u);
    struct ledger_ref ref;

    TRY(ledger_append(tx, details, &ref));
    u->index = u->artefact.ledger_index = ref.index;
    TRY(artefact_insert(commit_db(tx), &u->artefact));
    TRY(header_put(commit_db(tx), &u->artefact.id, "key-1", header, sizeof(header)));
    return link_insert(commit_db(tx), &u->link);
}

static void upload(unsigned *seed, struct buf *receipt)
{
    struct upload u = {.artefact = {.id = uuid_new(),
                                    .kind = "medical-report",
                                    .media_type = "application/pdf",
                                    .size = 65536,
                                    .sealed_size = 65600,
                                    .status = ARTEFACT_QUARANTINED}};
    struct commit_job job = {.apply = apply, .ctx = &u};
    size_t claim = (size_t)rand_r(seed) % CLAIMS;

    u.artefact.claim = claims[claim];
    u.artefact.received_at = clock_now();
    (void)snprintf(u.artefact.filename, sizeof(u.artefact.filename), "letter.pdf");
    (void)snprintf(u.artefact.uploader.issuer, sizeof(u.artefact.uploader.issuer),
                   "https://id.example");
    (void)snprintf(u.artefact.uploader.subject, sizeof(u.artefact.uploader.subject),
                   "person-%zu", claim);
    u.link = (struct link_record){.artefact = u.artefact.id,
                                  .claim = claims[claim],
                                  .reason = "sent",
                                  .by = u.artefact.uploader,
                                  .created_at = u.artefact.received_at};
    must(committer_run(committer, &job));
    buf_reset(receipt);
    if (receipts)
        must(ledger_receipt(ledger, u.index, receipt));
    atomic_fetch_add(&done, 1);
}

static void *client(void *arg)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    unsigned seed = (unsigned)(uintptr_t)arg;

    buf_init(&receipt, RECEIPT_MAX);
    while (!stop)
        upload(&seed, &receipt);
    return NULL;
}

/* CPU time of the committer's thread, which goes by that name; in microseconds. */
static double committer_cpu(void)
{
    DIR *tasks = opendir("/proc/self/task");
    double cpu_us = 0;

    for (struct dirent *d = readdir(tasks); d != NULL; d = readdir(tasks)) {
        char path[300], name[16] = "";
        unsigned long long ns = 0;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
        f = fopen(path, "r");
        if (f == NULL)
            continue;
        if (fscanf(f, "%15s", name) == 1 && strcmp(name, "committer") == 0) {
            (void)fclose(f);
            (void)snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", d->d_name);
            f = fopen(path, "r");
            if (f == NULL || fscanf(f, "%llu", &ns) != 1)
                exit(EXIT_FAILURE);
            cpu_us = (double)ns / 1e3;
        }
        (void)fclose(f);
    }
    (void)closedir(tasks);
    return cpu_us;
}

static void measure(unsigned threads, unsigned seconds)
{
    pthread_t ids[THREADS_MAX];
    struct committer_stats stats;
    double wall0 = wall(), cpu0 = cpu(), committer0 = committer_cpu();
    struct timespec t = {.tv_sec = seconds};

    for (uintptr_t i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, client, (void *)i) != 0)
            exit(EXIT_FAILURE);
    }
    (void)nanosleep(&t, NULL);
    stop = true;
    for (unsigned i = 0; i < threads; i++)
        (void)pthread_join(ids[i], NULL);
    committer_stats(committer, &stats);
    (void)printf("%u threads: %.0f uploads/s, %.1f us CPU each, of it the committer %.1f us, "
                 "%.1f a batch (largest %llu)\n",
                 threads, (double)done / (wall() - wall0), (cpu() - cpu0) * 1e6 / (double)done,
                 (committer_cpu() - committer0) / (double)done,
                 (double)stats.jobs / (double)stats.batches,
                 (unsigned long long)stats.largest_batch);
}

int main(int argc, char **argv)
{
    struct bench_signer signer;
    struct ledger_signer sign = {.sign = bench_sign, .ctx = &signer};
    struct commit_job setup = {.apply = add_claims, .unlogged = true};
    unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 16,
             seconds = argc > 3 ? (unsigned)atoi(argv[3]) : 5;
    char path[512];

    if (argc < 2 || threads == 0 || threads > THREADS_MAX) {
        (void)fprintf(stderr, "usage: %s DIR [THREADS [SECONDS]]\n", argv[0]);
        return EXIT_FAILURE;
    }
    receipts = getenv("NO_RECEIPTS") == NULL;
    (void)snprintf(path, sizeof(path), "%s/rate.db", argv[1]);
    bench_signer_init(&signer);
    must(db_pool_open(path, true, 8, &pool));
    columns_for_tests(pool);
    must(ledger_open(pool, &sign, &ledger));
    must(committer_start(pool, ledger, NULL, &committer));
    must(committer_run(committer, &setup));
    measure(threads, seconds);
    committer_stop(committer);
    ledger_free(ledger);
    db_pool_free(pool);
    bench_signer_clear(&signer);
    return EXIT_SUCCESS;
}
