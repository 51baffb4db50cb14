/* How a batch of small files is best made durable: fsync of each by its own thread, or one
 * syncfs for all, alone and beside somebody who writes a large file.
 *
 *     flush_bench DIR [FILES]                    default: 8000
 *
 * THREADS write a file of 64 KiB each; then one of them gives all their names and flushes the
 * folder. That is a batch.
 */
#include "tests/bench/bench_log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 16, FILE_SIZE = 65536, BESIDE_BLOCK = 1 << 20, BESIDE_MAX = 512 };

static const char *folder;
static int folder_fd;
static bool by_syncfs;
static unsigned batches;
static double longest;
static pthread_barrier_t written, named;
static int files[THREADS];
static _Atomic bool stop;

static void need(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(EXIT_FAILURE);
    }
}

static void name_all(unsigned batch)
{
    char from[64], to[64];

    for (unsigned i = 0; i < THREADS; i++) {
        (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", files[i]);
        (void)snprintf(to, sizeof(to), "%d-%u-%u", by_syncfs, batch, i);
        need(linkat(AT_FDCWD, from, folder_fd, to, AT_SYMLINK_FOLLOW) == 0, to);
    }
    need((by_syncfs ? syncfs(folder_fd) : fsync(folder_fd)) == 0, "flushing");
}

static void *writer(void *arg)
{
    static const char bytes[FILE_SIZE] = "%PDF-1.7\n";
    unsigned i = (unsigned)(uintptr_t)arg;

    for (unsigned batch = 0; batch < batches; batch++) {
        double begun = wall();

        files[i] = openat(folder_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
        need(files[i] >= 0, "O_TMPFILE");
        need(write(files[i], bytes, FILE_SIZE) == FILE_SIZE, "writing");
        if (!by_syncfs)
            need(fsync(files[i]) == 0, "fsync");
        (void)pthread_barrier_wait(&written);
        if (i == 0) {
            name_all(batch);
            if (wall() - begun > longest)
                longest = wall() - begun;
        }
        (void)pthread_barrier_wait(&named);
        (void)close(files[i]);
    }
    return NULL;
}

/* Somebody else's large upload, that is nowhere near its end. */
static void *beside(void *arg)
{
    static char block[BESIDE_BLOCK];
    int fd = openat(folder_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    struct timespec pause = {.tv_nsec = 4000000};

    (void)arg;
    need(fd >= 0, "O_TMPFILE");
    for (unsigned i = 0; !stop; i++) {
        need(pwrite(fd, block, sizeof(block), (off_t)(i % BESIDE_MAX) * BESIDE_BLOCK) ==
                 BESIDE_BLOCK,
             "writing");
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
    return NULL;
}

static void measure(const char *words, bool syncs, bool loaded)
{
    pthread_t ids[THREADS], other;
    double begun = wall();
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/flush-%d-%d", folder, syncs, loaded);
    need(mkdirat(AT_FDCWD, path, 0700) == 0, path);
    folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    need(folder_fd >= 0, path);
    by_syncfs = syncs;
    longest = 0;
    stop = false;
    need(!loaded || pthread_create(&other, NULL, beside, NULL) == 0, "thread");
    for (uintptr_t i = 0; i < THREADS; i++)
        need(pthread_create(&ids[i], NULL, writer, (void *)i) == 0, "thread");
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(ids[i], NULL);
    (void)printf("%-40s %6.0f files/s, longest batch %6.1f ms\n", words,
                 (double)batches * THREADS / (wall() - begun), longest * 1e3);
    stop = true;
    if (loaded)
        (void)pthread_join(other, NULL);
    (void)close(folder_fd);
}

int main(int argc, char **argv)
{
    unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 8000;

    if (argc < 2 || n < THREADS) {
        (void)fprintf(stderr, "usage: %s DIR [FILES]\n", argv[0]);
        return EXIT_FAILURE;
    }
    folder = argv[1];
    batches = n / THREADS;
    need(pthread_barrier_init(&written, NULL, THREADS) == 0, "barrier");
    need(pthread_barrier_init(&named, NULL, THREADS) == 0, "barrier");
    measure("fsync of each file:", false, false);
    measure("syncfs of the batch:", true, false);
    measure("fsync of each, a large upload beside:", false, true);
    measure("syncfs of the batch, the same beside:", true, true);
    return EXIT_SUCCESS;
}
