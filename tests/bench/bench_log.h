/* What the benches of the log share: a signer without a keeper (a real key and frontier, no
 * process between), clocks, failing loudly. */
#ifndef TESTS_BENCH_BENCH_LOG_H
#define TESTS_BENCH_BENCH_LOG_H

#include "gateway/base/clock.h"
#include "storage/committer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define must(expr)                                                                             \
    do {                                                                                       \
        enum err must_err_ = (expr);                                                           \
        if (must_err_ != ERR_OK) {                                                             \
            (void)fprintf(stderr, "%s: %s\n", #expr, err_message(must_err_));                  \
            exit(EXIT_FAILURE);                                                                \
        }                                                                                      \
    } while (0)

struct bench_signer {
    struct note_signer key;
    struct merkle_frontier tree;
    struct buf last;
};

static inline void bench_signer_init(struct bench_signer *s)
{
    memset(s, 0, sizeof(*s));
    must(crypto_init());
    must(note_signer_generate("log.example", &s->key));
    buf_init(&s->last, NOTE_MAX);
}

static inline void bench_signer_clear(struct bench_signer *s)
{
    note_signer_clear(&s->key);
    buf_clear(&s->last);
}

static inline enum err bench_sign(void *ctx, uint64_t first, const struct merkle_hash *leaves,
                                  size_t n, const struct merkle_hash *root, struct buf *note,
                                  uint64_t *signed_size)
{
    struct bench_signer *s = ctx;
    struct checkpoint c = {.size = 0};

    *signed_size = s->tree.size;
    if (n == 0)
        return s->last.len == 0 ? ERR_NOT_FOUND : buf_append(note, s->last.data, s->last.len);
    if (first != s->tree.size)
        return err_set(ERR_CONFLICT, "it does not continue");
    for (size_t i = 0; i < n; i++)
        TRY(merkle_frontier_append(&s->tree, &leaves[i]));
    TRY(merkle_frontier_root(&s->tree, &c.root));
    if (memcmp(&c.root, root, sizeof(c.root)) != 0)
        return err_set(ERR_CONFLICT, "the root is another");
    (void)snprintf(c.origin, sizeof(c.origin), "%s", s->key.verifier.name);
    c.size = s->tree.size;
    buf_reset(&s->last);
    TRY(checkpoint_sign(&s->key, &c, &s->last));
    return buf_append(note, s->last.data, s->last.len);
}

static inline double seconds_of(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline double wall(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static inline double cpu(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

#endif
