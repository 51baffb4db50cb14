/* Which program of the inspectors does which job. The router starts them all, with the settings
 * it was given, and passes jobs on with their descriptors; it reads nothing of them. */
#ifndef GATEWAY_INSPECTOR_ROUTER_H
#define GATEWAY_INSPECTOR_ROUTER_H

#include "gateway/inspect/job.h"

/* Tells on `control` when all are ready, and serves until the front is gone. */
MUST_USE enum err router_serve(int control, const struct job_settings *settings);

#endif
