/* Keeps one caller from filling the log with refusals: of the same caller, action and reason,
 * FLOOD_BURST entries a FLOOD_WINDOW_S are written, the rest is counted and told by one entry,
 * "refusals.counted", when the window ends. */
#ifndef GATEWAY_EVIDENCE_LOG_FLOOD_H
#define GATEWAY_EVIDENCE_LOG_FLOOD_H

#include "gateway/auth/principal.h"
#include "gateway/base/json.h"

#include <stddef.h>

enum {
    FLOOD_BURST = 20,
    FLOOD_WINDOW_S = 60,
    FLOOD_ROWS = 1024, /* callers, actions and reasons in one window; the rest share a row */
};

struct flood;
MUST_USE enum err flood_new(struct flood **out);
void flood_free(struct flood *f);
/* True if the entry is to be written, false if it was counted instead. `action` and `reason`
 * are constants of the program. */
bool flood_passes(struct flood *f, const struct principal *p, enum role role,
                  const char *action, const char *reason, int64_t now_ms);
/* Entries of the windows that have ended (or of all), at most max; new references. */
size_t flood_collect(struct flood *f, int64_t now_ms, bool all, json_t **out, size_t max);

#endif
