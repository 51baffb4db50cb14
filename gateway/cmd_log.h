/* Between cmd_log.c (the tree), cmd_log_records.c (the records against it),
 * cmd_log_cosignatures.c and cmd_log_witness.c. */
#ifndef GATEWAY_CMD_LOG_H
#define GATEWAY_CMD_LOG_H

#include "gateway/offline.h"

struct log_check {
    struct offline *o;
    bool verbose;
    uint64_t records, cosignatures, erased, unlawful;
    struct progress bar;
};
/* kind "erased" is lawful, and "unknown-witness" is no finding about the log; all else is
 * unlawful. */
void log_finding(struct log_check *c, const char *kind, uint64_t index, const char *message);
/* Every artefact, choice and consent has its entry, which says the same; an artefact's status
 * follows from its entries. */
MUST_USE enum err log_check_records(struct log_check *c);
/* Every cosignature that is kept is good by the key of its witness in the configuration. */
MUST_USE enum err log_check_cosignatures(struct log_check *c);

/* subcommands of `log` */
int log_witness_push(int argc, char **argv);
int log_erase(int argc, char **argv);

#endif
