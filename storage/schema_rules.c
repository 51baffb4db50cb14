#include "storage/schema_rules.h"

#include <stddef.h>

/* Who acts for whom, choices and recordings. */
const char *const SCHEMA_PEOPLE[] = {
    NULL,
};

/* Medical reports and the tray of those that belong to no claim yet. */
const char *const SCHEMA_REPORTS[] = {
    NULL,
};

/* Restriction, holds, retention, disposal. */
const char *const SCHEMA_KEEPING[] = {
    NULL,
};

/* Evidence asked for, leases, deadlines. */
const char *const SCHEMA_REQUESTS[] = {
    NULL,
};

/* Samples, statistics, and the indexes of the auditor's questions. */
const char *const SCHEMA_AUDIT[] = {
    NULL,
};

/* Personal fields, sealed per column, and the blind indexes over them. */
const char *const SCHEMA_SEALED[] = {
    NULL,
};

/* Messages to people and systems. */
const char *const SCHEMA_OUTBOX[] = {
    NULL,
};
