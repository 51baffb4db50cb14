/* The front's handle on the process that makes inspectors: the program evidence-inspector,
 * executed before the front has threads or confines itself (as the keeper's guardian is). It
 * sees no content. For each artefact it forks two processes, a scanner that passes the bytes to
 * clamd and on to an examiner, and an examiner that parses them; both are in the sandbox, live
 * for one artefact only, and are reaped or killed by it.
 *
 * Requests may come from any thread.
 */
#ifndef GATEWAY_INSPECT_SPAWNER_H
#define GATEWAY_INSPECT_SPAWNER_H

#include "gateway/inspect/job.h"

struct spawner;

/* Starts the program and waits until it says how well it could lock itself in: `*lacks` is of
 * enum sandbox_lack. ERR_UNSUPPORTED when something is missing and settings say that nothing
 * may be. */
MUST_USE enum err spawner_start(const char *program, const struct job_settings *settings,
                                struct spawner **out, unsigned *lacks);
/* The same in two halves, for who starts several; *out is to be stopped whatever comes of them. */
MUST_USE enum err spawner_begin(const char *program, const struct job_settings *settings,
                                struct spawner **out);
MUST_USE enum err spawner_await(struct spawner *s, unsigned *lacks);
/* A job as it came. ERR_UNAVAILABLE: the program is gone. */
MUST_USE enum err spawner_forward(struct spawner *s, const struct job *j, const int *fds, size_t n);
void spawner_stop(struct spawner *s); /* kills what is left of its inspectors */
DEFINE_AUTO(struct spawner, spawner_stop);

/* The descriptors stay the caller's to close. `clamd` and `password` may be -1. */
struct spawn_fds {
    int plain, verdict, clamd, password;
};
MUST_USE enum err spawner_inspect(struct spawner *s, const char *type,
                                  const struct spawn_fds *fds, uint64_t *id);
/* Likewise; `id`, here and above, for spawner_kill. */
MUST_USE enum err spawner_render(struct spawner *s, const char *type, uint32_t page, int plain,
                                 int picture, uint64_t *id);
void spawner_kill(struct spawner *s, uint64_t id); /* no harm when it has ended */

#endif
