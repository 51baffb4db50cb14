/* What clamd's answer to INSTREAM means. Anything but exactly "stream: OK" is not clean.
 */
#ifndef GATEWAY_INSPECT_CLAMD_REPLY_H
#define GATEWAY_INSPECT_CLAMD_REPLY_H

#include "gateway/inspect/verdict.h"

enum { CLAMD_REPLY_MAX = 1024 };

struct clamd_about { /* from its answer to VERSION */
    char engine[VERDICT_ENGINE_MAX + 1];
    char signatures[VERDICT_ENGINE_MAX + 1]; /* "" when it has no official ones */
    int64_t signatures_at;                   /* seconds since 1970; 0 likewise */
};

/* Sets outcome, reason and virus, and nothing else:
 *     stream: OK                                  clean
 *     stream: Heuristics.Limits.Exceeded.* FOUND  could not scan (scanner-limits)
 *     stream: Heuristics.Encrypted.* FOUND        password
 *     stream: <name> FOUND                        virus
 *     INSTREAM size limit exceeded. ERROR         could not scan (scanner-size)
 *     all else                                    could not scan (scanner-answer)
 * `reply` is what came until the end, with the NUL that ends it. */
void clamd_judge(const char *reply, size_t len, struct verdict *v);

/* "ClamAV 1.4.3/27500/Mon Jan  6 09:12:44 2026", the last two missing without official
 * signatures. ERR_INVALID for what is not like it. */
MUST_USE enum err clamd_version_parse(const char *reply, size_t len, struct clamd_about *out);

#endif
