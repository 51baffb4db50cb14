/* What it costs to seal, open and blind one personal value (crypto/column.h).
 *
 *     column_bench [ROUNDS]                      default: 200000
 *
 * Prints microseconds a value for a file name of 24 bytes and a description of 400.
 */
#include "crypto/column.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint8_t master[COLUMN_MASTER_SIZE] = {1, 2, 3}, row[16] = {4};

static void must(enum err e)
{
    if (e != ERR_OK) {
        (void)fprintf(stderr, "column_bench: %s\n", err_message(e));
        exit(EXIT_FAILURE);
    }
}

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure(struct column_keys *keys, struct column_keys *opener, const char *who,
                    size_t len, unsigned rounds)
{
    AUTO_CLEAR(buf_clear) struct buf sealed, opened;
    double start, between;
    char text[512];

    memset(text, 'x', sizeof(text));
    buf_init(&sealed, COLUMN_TEXT_MAX);
    buf_init(&opened, COLUMN_TEXT_MAX);
    start = now_us();
    for (unsigned i = 0; i < rounds; i++) {
        buf_reset(&sealed);
        must(column_seal(keys, "artefacts.filename", row, sizeof(row), text, len, &sealed));
    }
    between = now_us();
    for (unsigned i = 0; i < rounds; i++) {
        buf_reset(&opened);
        must(column_open(opener, "artefacts.filename", row, sizeof(row), sealed.data,
                         sealed.len, &opened));
    }
    (void)printf("%-10s %4zu bytes: seal %6.2f us, open %6.2f us\n", who, len,
                 (between - start) / rounds, (now_us() - between) / rounds);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000;
    AUTO(column_keys_free) struct column_keys *full = NULL, *seals = NULL;
    uint8_t id[COLUMN_ID_SIZE], point[COLUMN_POINT_SIZE], index[COLUMN_BLIND_SIZE];
    double start;

    secrets_allow_unlocked(true);
    must(crypto_init());
    must(column_keys_new(&full));
    must(column_keys_new(&seals));
    must(column_keys_add(full, master, sizeof(master)));
    column_keys_public(full, id, point);
    must(column_keys_seal_only(seals, id, point));
    measure(full, full, "full", 24, rounds);
    measure(full, full, "full", 400, rounds);
    measure(seals, full, "seal-only", 24, rounds / 20 + 1);
    start = now_us();
    for (unsigned i = 0; i < rounds; i++)
        must(column_blind(full, "identity", "QQ123456|1980-01-01|invented", 28, index));
    (void)printf("blind index: %6.2f us\n", (now_us() - start) / rounds);
    return EXIT_SUCCESS;
}
