/* The scanners of a nursery. Unlike those that parse, a scanner may serve one artefact after
 * the other, since it looks at none of their bytes: it is kept when it is done, and replaced
 * when it has served SCANNER_SERVES. Whoever is free is given the next artefact; a new one is
 * forked if nobody is. */
#ifndef GATEWAY_INSPECTOR_SCANNERS_H
#define GATEWAY_INSPECTOR_SCANNERS_H

#include "gateway/inspect/job.h"

#include <poll.h>
#include <sys/types.h>

enum { SCANNERS_KEPT = 4, SCANNER_SERVES = 64 };

struct scanners;

/* `settings` is borrowed. At most `max` at a time. */
MUST_USE enum err scanners_new(const struct job_settings *settings, size_t max,
                               struct scanners **out);
void scanners_free(struct scanners *s); /* kills them; NULL allowed */
DEFINE_AUTO(struct scanners, scanners_free);

struct scan_fds {
    int plain, verdict, examiner, report;
    int clamd; /* -1: there is none */
};

/* `job` is not 0. The descriptors stay the caller's, to be closed at once. */
MUST_USE enum err scanners_give(struct scanners *s, uint64_t job, const struct scan_fds *fds);

/* What to poll beside the rest: one for each scanner at work; `room` for `max` of them. */
size_t scanners_poll(const struct scanners *s, struct pollfd *room);
/* After poll: the next job whose scanner is done; 0: none (more). */
uint64_t scanners_done(struct scanners *s);
/* The scanner of that job dies, also one that says it is done with it, and is reaped below. */
void scanners_kill(struct scanners *s, uint64_t job);
/* Of a child that ended: false if it was no scanner. *job: what it was at work on, or 0. */
bool scanners_reaped(struct scanners *s, pid_t pid, uint64_t *job);

#endif
