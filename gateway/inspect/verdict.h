/* The verdict on one artefact, and the fixed-size form in which it leaves an inspector.
 *
 * An inspector reads what strangers send, so that it may be in their hands when it answers. Its
 * answer is exactly VERDICT_SIZE bytes; verdict_decode refuses whatever is odd, and what is
 * refused is "no verdict", which is never clean. What passes is typed, bounded metadata: numbers
 * within their limits, known flags, printable ASCII. Nothing here is ever trusted further than
 * for being shown.
 *
 * `engine`, `signatures` and `signatures_at` do not travel: the front asks clamd for them itself.
 */
#ifndef GATEWAY_INSPECT_VERDICT_H
#define GATEWAY_INSPECT_VERDICT_H

#include "gateway/base/error.h"
#include "gateway/inspect/sniff.h"

#include <stdbool.h>
#include <stdint.h>

/* 0 is none of them: zeroed memory is no verdict. */
#define INSPECT_OUTCOMES(X)                                                                    \
    X(INSPECT_CLEAN, "clean")                                                                  \
    X(INSPECT_VIRUS, "virus")                                                                  \
    X(INSPECT_PASSWORD, "password")                                                            \
    X(INSPECT_UNREADABLE, "unreadable")                                                        \
    X(INSPECT_TYPE_MISMATCH, "type-mismatch")                                                  \
    X(INSPECT_COULD_NOT_SCAN, "could-not-scan")

enum inspect_outcome {
    INSPECT_NONE,
#define X(code, name) code,
    INSPECT_OUTCOMES(X)
#undef X
};

/* Why an outcome is what it is; mostly, why something could not be scanned. With
 * INSPECT_PASSWORD: why clamd has not looked at the bytes as they are, REASON_NONE if it has. */
#define INSPECT_REASONS(X)                                                                     \
    X(REASON_NONE, "none")                                                                     \
    X(REASON_SCANNER_UNREACHABLE, "scanner-unreachable")                                       \
    X(REASON_SCANNER_ANSWER, "scanner-answer") /* clamd said something else than OK or FOUND */ \
    X(REASON_SCANNER_SIZE, "scanner-size")     /* longer than clamd's StreamMaxLength */       \
    X(REASON_SCANNER_LIMITS, "scanner-limits") /* clamd gave up at one of its limits */        \
    X(REASON_SCANNER_SETTINGS, "scanner-settings") /* clamd does not say when it gives up */   \
    X(REASON_EXAMINER_DIED, "examiner-died")                                                   \
    X(REASON_EXAMINER_STALLED, "examiner-stalled")                                             \
    X(REASON_EXAMINER_FORGED, "examiner-forged") /* its report was refused */                  \
    X(REASON_TOO_LARGE, "too-large")             /* more than the examiner may hold */         \
    X(REASON_BOUNDS, "bounds")                   /* pixels, members, depth, inflated size */   \
    X(REASON_MEMORY, "memory")                                                                 \
    X(REASON_NO_STEP, "no-step")       /* nobody here understands this type */                 \
    X(REASON_NO_VERDICT, "no-verdict") /* the inspector died, or its verdict was refused */    \
    X(REASON_STALLED, "stalled")                                                               \
    X(REASON_DEADLINE, "deadline")                                                             \
    X(REASON_BUSY, "busy")                                                                     \
    X(REASON_SPAWNER, "spawner")

enum inspect_reason {
#define X(code, name) code,
    INSPECT_REASONS(X)
#undef X
        REASON_COUNT
};

enum inspect_flag {
    INSPECT_ACTIVE_CONTENT = 1 << 0, /* scripts, launch actions, forms that send, ... */
    INSPECT_ENCRYPTED = 1 << 1,      /* though readable without a password */
    INSPECT_EMBEDDED_FILES = 1 << 2,
    INSPECT_MACROS = 1 << 3,
    INSPECT_DAMAGED = 1 << 4,  /* parts could not be decoded */
    INSPECT_ANIMATED = 1 << 5, /* more than one picture shown in turn */
    INSPECT_FLAGS_ALL = (1 << 6) - 1,
};

enum {
    VERDICT_SIZE = 2304,
    VERDICT_VIRUS_MAX = 127,
    VERDICT_ENGINE_MAX = 63,
    VERDICT_PEAKS = 1000,
    VERDICT_PAGES_MAX = 1000000,
    VERDICT_SIDE_MAX = 1000000,
    VERDICT_CHANNELS_MAX = 64,
    VERDICT_RATE_MAX = 768000,
    VERDICT_MEMBERS_MAX = 1000000,
};

/* What clamd has to be able to look at, or it is not believed (clamd.h); and beyond which nothing
 * inside another file is let pass, since clamd says OK to a member that is larger than its
 * MaxFileSize even with AlertExceedsMax. Debian's defaults (25M, 100M) suffice. */
enum { INSPECT_MEMBER_MAX = 24 << 20, INSPECT_INFLATED_MAX = 96 << 20 };

#define VERDICT_DURATION_MAX_MS INT64_C(3155760000000) /* a century */

struct verdict {
    enum inspect_outcome outcome;
    enum inspect_reason reason;
    char virus[VERDICT_VIRUS_MAX + 1]; /* clamd's name for it; set when and only when VIRUS */
    char type[SNIFF_TYPE_MAX + 1];     /* what the bytes are; "" when nobody could say */
    unsigned flags;                    /* of enum inspect_flag */
    uint32_t pages;                    /* PDF, TIFF; 0: none or not known, as for all below */
    uint32_t width, height;            /* pixels, of the first picture */
    uint32_t members;                  /* of an archive or office document */
    int64_t duration_ms;
    uint32_t sample_rate, channels;
    uint32_t n_peaks;              /* 0 or VERDICT_PEAKS */
    uint16_t peaks[VERDICT_PEAKS]; /* loudest sample of each thousandth, 65535 is full scale */

    char engine[VERDICT_ENGINE_MAX + 1];     /* "ClamAV 1.4.3"; "" when clamd did not say */
    char signatures[VERDICT_ENGINE_MAX + 1]; /* version of the signatures; "" likewise */
    int64_t signatures_at;                   /* their time, seconds since 1970; 0 likewise */
};

/* "clean", ...; "none" for INSPECT_NONE. */
const char *inspect_outcome_name(enum inspect_outcome outcome);
const char *inspect_reason_name(enum inspect_reason reason);

/* `v` must be a valid verdict (asserted): an honest inspector cannot say anything else. */
void verdict_encode(const struct verdict *v, uint8_t out[VERDICT_SIZE]);
/* ERR_INVALID for anything but the exact bytes of a valid verdict; `*out` is then zeroed. */
MUST_USE enum err verdict_decode(const void *bytes, size_t len, struct verdict *out);
/* What is valid, by itself: the encoder's assertion. */
bool verdict_is_valid(const struct verdict *v);

/* Cuts at the room there is; what is not printable ASCII becomes '?'. */
void verdict_text(char *out, size_t cap, const char *text, size_t len);

#endif
