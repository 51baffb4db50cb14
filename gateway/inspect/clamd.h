/* clamd over its local socket, as far as the front speaks with it: its version, a stream for an
 * inspector to fill, and a probe of how it behaves.
 *
 * Whoever holds a fresh connection may send SHUTDOWN. So the front alone connects, and what an
 * inspector gets has the command INSTREAM said on it already: clamd takes nothing but pieces of
 * the stream from then on, answers once and closes.
 */
#ifndef GATEWAY_INSPECT_CLAMD_H
#define GATEWAY_INSPECT_CLAMD_H

#include "gateway/inspect/clamd_reply.h"

#include <sys/types.h>

/* `pid` (may be NULL), here and below: of the process that listens, to notice that it was started again. */
MUST_USE enum err clamd_version(const char *socket_path, unsigned wait_ms,
                                struct clamd_about *out, pid_t *pid);
MUST_USE enum err clamd_stream_open(const char *socket_path, unsigned wait_ms, int *fd,
                                    pid_t *pid);

/* How it behaves, asked with generated files:
 * - `detects`: it finds the harmless file by which every scanner can be tried;
 * - `tells_limits`: it says so when it gives up at a limit (AlertExceedsMax), instead of "OK":
 *   without it no "OK" of this clamd means anything;
 * - `reaches`: it looks at a file of INSPECT_MEMBER_MAX bytes, and at what comes after
 *   INSPECT_INFLATED_MAX bytes inside an archive. */
struct clamd_behaviour {
    bool detects, tells_limits, reaches;
};
MUST_USE enum err clamd_probe(const char *socket_path, unsigned wait_ms,
                              struct clamd_behaviour *out);

/* Its configuration file, when the front may read it; what is not set there has clamd's default.
 * Sizes in bytes; 0 is "no limit". */
struct clamd_limits {
    uint64_t stream_max, scan_max, file_max;
    bool alert_exceeds;
    char temporary[256]; /* where clamd itself keeps a stream while it scans it */
};
MUST_USE enum err clamd_limits_read(const char *conf_path, struct clamd_limits *out);
bool clamd_limits_fit(const struct clamd_limits *l, uint64_t largest);
bool clamd_temporary_in_memory(const struct clamd_limits *l); /* a tmpfs */

#endif
