/* What the opener does (roles.h), for itself. */
#ifndef GATEWAY_INSPECTOR_OPENER_H
#define GATEWAY_INSPECTOR_OPENER_H

#include "gateway/inspect/job.h"
#include "gateway/inspector/source.h"

/* Writes the PDF without its protection to `out`. At most PASSWORD_MAX bytes of `password`. */
enum opened open_locked(struct source *s, const char *password, int out);

#endif
