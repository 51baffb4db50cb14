/* A command line as a table of options, which prints --help, too.
 *
 * An option is `--name VALUE` or `--name=VALUE`; names are never shortened; `--` ends them;
 * operands may stand between.
 */
#ifndef GATEWAY_BASE_CMDLINE_H
#define GATEWAY_BASE_CMDLINE_H

#include "gateway/base/macros.h"

#include <stdbool.h>

enum { CLI_VALUES_MAX = 16 };
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
 * explained (2). `exit_codes` is the last paragraph of the help. */
MUST_USE int cmdline_parse(const char *program, const char *exit_codes,
                           const struct cli_command *c, int argc, char **argv);

#endif
