/* What the children of the nursery do, each inside its sandbox; the return value is the exit
 * status. A test may put another examiner in the place of ours (tests/inspect/hostile.c). */
#ifndef GATEWAY_INSPECTOR_ROLES_H
#define GATEWAY_INSPECTOR_ROLES_H

#include <stdint.h>

/* In the nursery, before anything is given up: libraries load what they will need. */
void examiner_warm(void);

/* One artefact after the other: jobs come in on `control` (JOB_SCAN), one of these goes back
 * when a job is done; the end of `control` is the scanner's. */
enum { SCANNER_READY = 'R', SCANNER_TIRED = 'T' }; /* tired: after half of `cpu_s` */
int scanner_serve(int control, uint32_t cpu_s);
int examiner_run(int plain, int report, const char *declared_type);
/* A PDF that its password opens, written anew without: what follows in the pipe is inspected in
 * its place. `password`: a socket, see enum opened of job.h. */
int opener_run(int plain, int password, int opened);
int renderer_run(int plain, int picture, const char *type, uint32_t page);

#endif
