/* What the children of the nursery do, each inside its sandbox; the return value is the exit
 * status. A test may put another examiner in the place of ours (tests/inspect/hostile.c). */
#ifndef GATEWAY_INSPECTOR_ROLES_H
#define GATEWAY_INSPECTOR_ROLES_H

#include <stdint.h>

/* In the nursery, before anything is given up: libraries load what they will need. */
void examiner_warm(void);

/* `clamd` may be -1. */
int scanner_run(int plain, int verdict, int clamd, int examiner, int report);
int examiner_run(int plain, int report, const char *declared_type);
int renderer_run(int plain, int picture, const char *type, uint32_t page);

#endif
