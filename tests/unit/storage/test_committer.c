#include "gateway/base/log.h"
#include "storage/db_internal.h"
#include "storage/statement.h"
#include "tests/unit/storage/ledger_world.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/wait.h>

static struct world w;

/* --- an upload in small: a payload, a record, an entry --------------------------------- */
enum { PAYLOAD_SIZE = 100, EXIT_UNKNOWN_OUTCOME = 70 };

struct upload {
    struct uuid id;
    enum err result; /* what its rules say, after everything is written */
    bool unlogged, silent, no_blob;
    struct ledger_ref ref;
};

static enum err put_record(struct db *db, const struct uuid *id)
{
    AUTO_CLEAR(statement_end) struct statement s;
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    TRY(statement_begin(&s, db,
                        "INSERT INTO idempotency_keys(issuer, subject, key, fingerprint, "
                        "status, expires_at, answer)"
                        " VALUES('i', 's', ?, x'', 201, 0, zeroblob(1000))"));
    bind_text(&s, text);
    return statement_run(&s);
}

static bool has_record(const struct uuid *id)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_CLEAR(statement_end) struct statement s;
    char text[UUID_TEXT_SIZE];
    bool row;

    uuid_format(id, text);
    ok(db_read_begin(w.pool, &db));
    ok(statement_begin(
        &s, db,
        "SELECT 1 FROM idempotency_keys WHERE issuer = 'i' AND subject = 's' AND key = ?"));
    bind_text(&s, text);
    ok(statement_step(&s, &row));
    statement_end(&s);
    return row;
}

static bool has_payload(const struct uuid *id)
{
    AUTO(blob_reader_free) struct blob_reader *r = NULL;
    enum err e = blob_open(w.blobs, id, &r);

    ck_assert(e == ERR_OK || e == ERR_NOT_FOUND);
    return e == ERR_OK && blob_size(r) == PAYLOAD_SIZE;
}

static enum err upload_apply(struct commit_tx *tx, void *ctx)
{
    struct upload *u = ctx;
    struct entry_job j = {.action = "upload.committed", .artefact = u->id};

    TRY(put_record(commit_db(tx), &u->id));
    if (!u->silent)
        TRY(entry_apply(tx, &j));
    u->ref = j.ref;
    return u->result == ERR_OK ? ERR_OK : err_set_detail(u->result, 7, "not this one");
}

static enum err upload(struct upload *u)
{
    AUTO(blob_writer_free) struct blob_writer *blob = NULL;
    struct commit_job job = {.apply = upload_apply, .ctx = u, .unlogged = u->unlogged};
    char payload[PAYLOAD_SIZE] = "sealed";

    if (uuid_is_nil(&u->id))
        u->id = uuid_new();
    if (!u->no_blob) {
        ok(blob_begin(w.blobs, &u->id, &blob));
        ok(blob_append(blob, payload, sizeof(payload)));
        ok(blob_flush(blob));
        job.blob = blob;
    }
    return committer_run(w.committer, &job);
}

static void kept(const struct upload *u)
{
    ck_assert(has_record(&u->id));
    ck_assert(u->no_blob || has_payload(&u->id));
}

static void left_nothing(const struct upload *u)
{
    ck_assert(!has_record(&u->id));
    ck_assert(!has_payload(&u->id));
}

/* --- many at once ---------------------------------------------------------------------- */
enum { THREADS = 16, UPLOADS_EACH = 30 };

static void *upload_many(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < UPLOADS_EACH; i++) {
        struct upload u = {.result = ERR_OK};

        ok(upload(&u));
        kept(&u);
        world_receipted(&w, u.ref.index);
    }
    return NULL;
}

static void in_threads(void *(*fn)(void *), void *arg)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, fn, arg), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(everybody_gets_a_receipt)
{
    struct committer_stats stats;
    struct checkpoint c;

    world_begin(&w);
    in_threads(upload_many, NULL);
    world_checkpoint(&w, &c);
    ck_assert_uint_eq(c.size, THREADS * UPLOADS_EACH);
    committer_stats(w.committer, &stats);
    ck_assert_uint_eq(stats.jobs, THREADS * UPLOADS_EACH);
    ck_assert_uint_eq(stats.failures, 0);
    ck_assert_uint_ge(stats.batches, stats.jobs / THREADS);
    ck_assert_uint_le(stats.batches, stats.jobs);
    ck_assert_uint_ge(stats.largest_batch, 1);
    ck_assert_uint_le(stats.largest_batch, THREADS);
    world_end(&w);
}
END_TEST

static void *upload_some_badly(void *arg)
{
    static const enum err results[] = {ERR_OK, ERR_REFUSED, ERR_OK, ERR_NOT_FOUND};

    (void)arg;
    for (unsigned i = 0; i < UPLOADS_EACH; i++) {
        struct upload u = {.result = results[i % ARRAY_LEN(results)]};

        fails(u.result, upload(&u));
        if (u.result == ERR_OK) {
            kept(&u);
            world_receipted(&w, u.ref.index);
            continue;
        }
        ck_assert_int_eq(err_detail(u.result),
                         7); /* it has crossed from the committer's thread */
        ck_assert_str_eq(err_message(u.result), "not this one");
        left_nothing(&u);
    }
    return NULL;
}

START_TEST(failing_jobs_fail_alone)
{
    struct committer_stats stats;
    struct checkpoint c;

    world_begin(&w);
    in_threads(upload_some_badly, NULL);
    committer_stats(w.committer, &stats);
    world_checkpoint(&w, &c);
    ck_assert_uint_eq(stats.jobs, THREADS * UPLOADS_EACH);
    ck_assert_uint_eq(c.size, stats.jobs - stats.failures);
    world_reopen(&w);
    world_end(&w);
}
END_TEST

START_TEST(taken_name_fails_and_keeps_the_first)
{
    struct upload first = {.result = ERR_OK}, second = {.result = ERR_OK};

    world_begin(&w);
    ok(upload(&first));
    second.id = first.id;
    fails(ERR_EXISTS, upload(&second));
    kept(&first);
    world_receipted(&w, first.ref.index);
    world_end(&w);
}
END_TEST

START_TEST(nothing_is_signed_without_an_entry)
{
    struct upload u = {.silent = true}, bad = {.result = ERR_REFUSED};
    unsigned before;

    world_begin(&w);
    (void)world_append(&w, 1);
    before = w.signer->calls;
    ok(upload(&u));
    kept(&u);
    fails(ERR_REFUSED, upload(&bad));
    ck_assert_uint_eq(w.signer->calls, before);
    world_end(&w);
}
END_TEST

/* --- stopping -------------------------------------------------------------------------- */
static sem_t applied, release;
static _Atomic int stopper;

static enum err hold(struct commit_tx *tx, void *ctx)
{
    struct entry_job j = {.n = 1};

    (void)ctx;
    (void)sem_post(&applied);
    while (sem_wait(&release) != 0)
        ;
    return entry_apply(tx, &j);
}

static void *run_held(void *arg)
{
    struct commit_job job = {.apply = hold};

    (void)arg;
    ok(committer_run(w.committer, &job));
    return NULL;
}

static void *stop_it(void *arg)
{
    (void)arg;
    stopper = gettid();
    committer_stop(w.committer);
    return NULL;
}

/* Until the thread has nothing left to do but to wait. */
static void wait_asleep(_Atomic int *thread)
{
    char path[64], text[512], state = 'R';

    while (*thread == 0)
        (void)usleep(1000);
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", *thread);
    while (state != 'S') {
        FILE *f = fopen(path, "r");

        ck_assert_ptr_nonnull(f);
        ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
        state = strrchr(text, ')')[2];
        (void)fclose(f);
        (void)usleep(1000);
    }
}

START_TEST(stopping_finishes_what_runs_and_refuses_the_rest)
{
    struct upload late = {.result = ERR_OK};
    pthread_t running, stopping;

    world_begin(&w);
    ck_assert_int_eq(sem_init(&applied, 0, 0) | sem_init(&release, 0, 0), 0);
    ck_assert_int_eq(pthread_create(&running, NULL, run_held, NULL), 0);
    while (sem_wait(&applied) != 0)
        ;
    ck_assert_int_eq(pthread_create(&stopping, NULL, stop_it, NULL), 0);
    wait_asleep(&stopper);
    fails(ERR_UNAVAILABLE, upload(&late));
    left_nothing(&late);
    (void)sem_post(&release);
    ck_assert_int_eq(pthread_join(running, NULL) | pthread_join(stopping, NULL), 0);
    w.committer = NULL;
    world_receipted(&w, 0);
    world_end(&w);
}
END_TEST

/* --- the signer fails ------------------------------------------------------------------ */
START_TEST(durable_without_a_receipt)
{
    struct upload first = {.result = ERR_OK}, second = {.result = ERR_OK},
                  again = {.silent = true, .no_blob = true};
    struct upload housekeeping = {.unlogged = true, .silent = true, .no_blob = true};
    AUTO_CLEAR(buf_clear) struct buf out;

    world_begin(&w);
    buf_init(&out, RECEIPT_MAX);
    (void)world_append(&w, 1);
    w.signer->fail = ERR_UNAVAILABLE;
    fails(ERR_UNAVAILABLE, upload(&first));
    ck_assert_ptr_nonnull(strstr(err_message(ERR_UNAVAILABLE), "stored, but no receipt"));
    kept(&first);
    fails(ERR_NOT_FOUND, ledger_receipt(w.ledger, first.ref.index, &out));
    fails(ERR_UNAVAILABLE, ledger_health(w.ledger));

    fails(ERR_UNAVAILABLE,
          upload(&second)); /* from now on refused before anything is written */
    left_nothing(&second);
    fails(ERR_UNAVAILABLE, upload(&again)); /* nor is found what has no receipt yet */
    left_nothing(&again);
    ok(upload(&housekeeping));
    kept(&housekeeping);

    w.signer->fail = ERR_OK;
    ok(upload(&second));
    world_receipted(&w, first.ref.index);
    world_receipted(&w, second.ref.index);
    ok(ledger_health(w.ledger));
    world_reopen(&w);
    world_end(&w);
}
END_TEST

/* --- the disk is full ------------------------------------------------------------------ */
static void fill(const char *name)
{
    char block[4096];
    int fd = open(scratch_path(&w.dir, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    memset(block, 'x', sizeof(block));
    while (write(fd, block, sizeof(block)) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    (void)close(fd);
}

START_TEST(full_disk_refuses_and_recovers)
{
    struct upload u[4] = {
        {.no_blob = true}, {.no_blob = true}, {.no_blob = true}, {.no_blob = true}};

    w = (struct world){.dir = scratch_new(), .signer = signer_new()};
    if (!scratch_mount_tiny(&w.dir, "size=4m"))
        return; /* needs privilege */
    ok(blob_store_open_fs(scratch_path(&w.dir, "store"), &w.blobs));
    ok(world_open_ledger(&w));
    world_start(&w);
    (void)world_append(&w, 250);
    ok(upload(&u[0]));
    fill("ballast");
    for (size_t i = 1; i < 3; i++) {
        fails(ERR_NO_SPACE, upload(&u[i]));
        left_nothing(&u[i]);
        struct entry_job tiles = {.n = 300};
        fails(ERR_NO_SPACE, world_run(&w, &tiles));
    }
    world_receipted(&w, u[0].ref.index);
    ck_assert_int_eq(unlink(scratch_path(&w.dir, "ballast")), 0);
    ok(upload(&u[3]));
    ck_assert_uint_eq(u[3].ref.index, u[0].ref.index + 1);
    (void)world_append(&w, 300);
    for (uint64_t i = 0; i < 552; i += 29)
        world_receipted(&w, i);
    world_reopen(&w);
    world_close(&w);
    blob_store_free(w.blobs);
    ck_assert_int_eq(umount(w.dir.root), 0);
    signer_free(w.signer);
    scratch_remove(&w.dir);
}
END_TEST

/* --- nobody knows whether it was committed --------------------------------------------- */
static off_t file_size(const char *name)
{
    struct stat st;

    ck_assert_int_eq(stat(scratch_path(&w.dir, name), &st), 0);
    return st.st_size;
}

static void commit_with_a_broken_disk(void)
{
    struct upload u = {.no_blob = true};
    rlim_t limit;

    log_set_fd(-1);
    ok(world_open_ledger(&w));
    world_start(&w);
    (void)world_append(&w, 1);
    limit = (rlim_t)file_size("db-wal") + 100;
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = limit, .rlim_max = limit}), 0);
    (void)upload(&u); /* must not come back */
    _exit(EXIT_SUCCESS);
}

START_TEST(unknown_outcome_stops_the_process)
{
    int status;
    pid_t child;

    w = (struct world){.dir = scratch_new(), .signer = signer_new()};
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        commit_with_a_broken_disk();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_UNKNOWN_OUTCOME);
    ok(world_open_ledger(&w));
    world_receipted(&w, 0);
    world_close(&w);
    signer_free(w.signer);
    scratch_remove(&w.dir);
}
END_TEST

/* --- killed under load ----------------------------------------------------------------- */
/* The child writes each receipt that it was given to a pipe; nothing of what came through may
 * be lost. */
static int pipe_out;
static pthread_mutex_t pipe_lock = PTHREAD_MUTEX_INITIALIZER;

struct told {
    struct uuid id;
    uint32_t len; /* of the receipt that follows */
};

static void write_all(const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(pipe_out, data, len);

        if (n <= 0)
            _exit(EXIT_FAILURE);
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

static void *upload_for_ever(void *arg)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;

    (void)arg;
    buf_init(&receipt, RECEIPT_MAX);
    for (;;) {
        struct upload u = {.result = ERR_OK};

        ok(upload(&u));
        buf_reset(&receipt);
        ok(ledger_receipt(w.ledger, u.ref.index, &receipt));
        struct told told = {.id = u.id, .len = (uint32_t)receipt.len};
        pthread_mutex_lock(&pipe_lock);
        write_all(&told, sizeof(told));
        write_all(receipt.data, receipt.len);
        pthread_mutex_unlock(&pipe_lock);
    }
}

static pid_t start_child(int *from)
{
    int ends[2];
    pid_t child;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)close(ends[0]);
        pipe_out = ends[1];
        ok(blob_store_open_fs(scratch_path(&w.dir, "store"), &w.blobs));
        ok(world_open_ledger(&w));
        world_start(&w);
        in_threads(upload_for_ever, NULL);
        _exit(EXIT_FAILURE);
    }
    (void)close(ends[1]);
    *from = ends[0];
    return child;
}

static void read_until_killed(int from, pid_t child, int64_t kill_at, struct buf *out)
{
    char piece[65536];
    ssize_t n;

    for (bool alive = true;;) {
        struct pollfd p = {.fd = from, .events = POLLIN};
        int64_t left = kill_at - clock_steady_ms();

        if (alive && left <= 0) {
            ck_assert_int_eq(kill(child, SIGKILL), 0);
            alive = false;
        }
        if (alive && poll(&p, 1, (int)left) == 0)
            continue;
        n = read(from, piece, sizeof(piece));
        ck_assert_int_ge(n, 0);
        if (n == 0)
            break;
        ok(buf_append(out, piece, (size_t)n));
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    (void)close(from);
}

/* Its proof, and that its checkpoint is a beginning of today's log. */
static void still_holds(const struct told *told, const char *text,
                        const struct checkpoint *newest)
{
    AUTO_CLEAR(receipt_clear) struct receipt r = {.index = 0};
    struct merkle_proof proof;

    ok(receipt_parse(text, told->len, &r));
    ok(receipt_verify(&r, &w.signer->key.verifier));
    ok(ledger_consistency(w.ledger, r.checkpoint.size, newest->size, &proof));
    ok(merkle_consistency_verify(r.checkpoint.size, &r.checkpoint.root, newest->size,
                                 &newest->root, &proof));
    ck_assert(has_record(&told->id));
    ck_assert(has_payload(&told->id));
}

static size_t check_told(struct buf *out)
{
    struct checkpoint newest;
    struct told told;
    size_t at = 0, n = 0;

    if (signer_size(w.signer) > 0)
        world_checkpoint(&w, &newest);
    while (out->len - at > sizeof(told)) {
        memcpy(&told, out->data + at, sizeof(told));
        if (out->len - at - sizeof(told) < told.len)
            break; /* killed while it wrote */
        still_holds(&told, (const char *)out->data + at + sizeof(told), &newest);
        at += sizeof(told) + told.len;
        n++;
    }
    out->len = at; /* the next child begins a new message */
    return n;
}

START_TEST(killed_under_load_loses_nothing)
{
    enum { ROUNDS = 8 };
    AUTO_CLEAR(buf_clear) struct buf out;
    size_t told = 0;

    w = (struct world){.dir = scratch_new(), .signer = signer_new()};
    buf_init(&out, (size_t)256 << 20);
    for (unsigned i = 0; i < ROUNDS; i++) {
        int from;
        pid_t child = start_child(&from);

        read_until_killed(from, child, clock_steady_ms() + 100 + rand() % 400, &out);
        pthread_mutex_init(&w.signer->lock, NULL); /* it may have died with it */
        ok(blob_store_open_fs(scratch_path(&w.dir, "store"), &w.blobs));
        ok(world_open_ledger(&w));
        told += check_told(&out); /* all rounds so far */
        world_close(&w);
        blob_store_free(w.blobs);
    }
    ck_assert_uint_gt(told, 0);
    signer_free(w.signer);
    scratch_remove(&w.dir);
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/committer", everybody_gets_a_receipt, failing_jobs_fail_alone,
                     taken_name_fails_and_keeps_the_first, nothing_is_signed_without_an_entry,
                     stopping_finishes_what_runs_and_refuses_the_rest,
                     durable_without_a_receipt, full_disk_refuses_and_recovers,
                     unknown_outcome_stops_the_process, killed_under_load_loses_nothing);
}
