/* What the person or the script at the other side sees: a bar on a terminal, lines elsewhere,
 * JSON if asked for. Results go to standard output, everything else to standard error. */
#ifndef GATEWAY_SEND_REPORT_H
#define GATEWAY_SEND_REPORT_H

#include "crypto/digest.h"
#include "gateway/base/uuid.h"
#include "gateway/send/outcome.h"
#include "gateway/send/verdict.h"

enum { REPORT_PATH_MAX = 4096 };

struct result { /* of one file */
    enum outcome outcome;
    char message[PROBLEM_WORDS_MAX]; /* why not; "" when received */
    long status;                     /* of the refusal; 0 for none */
    char problem[PROBLEM_NAME_MAX];  /* its name */
    const char *claim, *kind;
    char artefact[UUID_TEXT_SIZE];
    uint64_t size;
    bool has_digest;
    uint8_t sha256[SHA256_SIZE];
    char receipt[REPORT_PATH_MAX]; /* where it is stored */
    bool verified;                 /* against --log-key */
    bool duplicate; /* these bytes were on the claim before; nothing new was stored */
    bool already;   /* an earlier run had its receipt; nothing was sent */
};

struct report {
    const char *file;
    bool quiet, json, terminal;
    bool bar_shown;
    int64_t bar_next_ms;
    int64_t started_ms; /* of the bar: what went before this run is not part of its rate */
    uint64_t started_at;
};
void report_begin(struct report *r, const char *file, bool quiet, bool json);
/* A line about the file, unless quiet. */
void report_say(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_progress(struct report *r, uint64_t done, uint64_t all);
void report_result(struct report *r, const struct result *result);

/* "1.5 MiB", "12 B"; "3:07", "1:02:33". For a bar: rounded down. */
void size_format(uint64_t bytes, char *out, size_t cap);
void duration_format(uint64_t seconds, char *out, size_t cap);

#endif
