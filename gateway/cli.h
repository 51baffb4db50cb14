/* What the subcommands share: options as a table (gateway/base/cmdline.h), messages, a progress
 * bar. */
#ifndef GATEWAY_CLI_H
#define GATEWAY_CLI_H

#include "config/config.h"
#include "gateway/base/cmdline.h"
#include "gateway/base/file.h"

#define PROGRAM "evidence-gateway"

enum { CLI_PATH_MAX = 4096 };

/* cmdline_parse for this program. */
MUST_USE int cli_parse(const struct cli_command *c, int argc, char **argv);

struct cli_subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
};
/* Runs argv[1] of a table; without one, or with --help, prints the table. */
MUST_USE int cli_dispatch(const char *name, const struct cli_subcommand *table, size_t n,
                          int argc, char **argv);

/* "evidence-gateway keys add: <text>" on standard error. */
void cli_error(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The error's message; returns its exit code: 2 for what is malformed, 1 for what a rule
 * refused or a check found, else 3. */
int cli_failed(const char *command, enum err e);
/* Loads; on failure explains and returns the exit code, else CLI_GO. */
MUST_USE int cli_config(const char *command, const char *path, struct config **out);

/* A bar on standard error, if that is a terminal. */
struct progress {
    const char *label;
    bool shown;
    int64_t next_ms;
};
void progress_step(struct progress *p, uint64_t done, uint64_t all);
void progress_end(struct progress *p);

#endif
