/* An HTTP/1.1 answer as it comes in: status, framing, and how many bytes its content has. */
#ifndef TESTS_BENCH_DRIVER_ANSWER_H
#define TESTS_BENCH_DRIVER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX = 16384 };

struct answer {
    char head[ANSWER_HEAD_MAX + 1];
    size_t head_len;
    bool head_done, chunked, close, done, bad;
    int status;
    uint64_t content;   /* bytes of content that came */
    uint64_t remaining; /* of the content, or of the present chunk */
    char line[64];      /* a chunk's size line as far as it came */
    size_t line_len;
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } chunk;
};

void answer_begin(struct answer *a);
/* Takes what was read; `done` or `bad` is set when it is over. */
void answer_feed(struct answer *a, const char *data, size_t len);

#endif
