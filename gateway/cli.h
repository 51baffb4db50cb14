/* What the subcommands share: options as a table (which prints --help, too), messages, a
 * progress bar, whole files.
 *
 * An option is `--name VALUE` or `--name=VALUE`; names are never shortened; `--` ends them;
 * operands may stand between.
 */
#ifndef GATEWAY_CLI_H
#define GATEWAY_CLI_H

#include "config/config.h"
#include "gateway/base/buf.h"

#include <sys/types.h>

#define PROGRAM "evidence-gateway"

enum { CLI_VALUES_MAX = 16, CLI_PATH_MAX = 4096 };
enum { CLI_GO = -1 }; /* from cli_parse: nothing was printed, go on */

struct cli_values { /* of an option that may be repeated */
    const char *values[CLI_VALUES_MAX];
    size_t n;
};
enum cli_kind {
    CLI_FLAG /* bool */,
    CLI_TEXT /* const char * */,
    CLI_NUMBER /* uint64_t */,
    CLI_MANY /* struct cli_values */
};
struct cli_option {
    const char *name;
    const char *value; /* "FILE" as help shows it; NULL for flags */
    const char *help;
    enum cli_kind kind;
    bool required;
    void *out;
};
struct cli_command {
    const char *name;     /* "keys add" */
    const char *operands; /* "RECEIPT [FILE]" as help shows them; "" */
    const char *about;
    const struct cli_option *options;
    size_t n_options;
    size_t operands_min, operands_max;
    const char **operand; /* operands_max of them; filled from the left */
};
/* CLI_GO, or the exit code: --help was answered (0), or the command line is wrong and was
 * explained (2). */
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

/* A whole file; "-" is standard input. */
MUST_USE enum err file_read(const char *path, struct buf *out);
/* Makes it (ERR_EXISTS) with exactly this mode, durable; nothing is left behind on failure. */
MUST_USE enum err file_create(const char *path, mode_t mode, const void *data, size_t len);

#endif
