/* The process that forks inspectors, and sees none of their content. */
#ifndef GATEWAY_INSPECTOR_NURSERY_H
#define GATEWAY_INSPECTOR_NURSERY_H

#include "gateway/inspect/job.h"

/* Serves requests until the front is gone (ERR_OK). */
MUST_USE enum err nursery_serve(int control, const struct job_settings *settings);

#endif
