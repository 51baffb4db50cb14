/* `help settings`: the tables of config/ as text. */
#include "gateway/cli.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <string.h>

enum { REFERENCE_MAX = 1024 * 1024 };

int cmd_help(int argc, char **argv)
{
    const char *topic = NULL;
    bool markdown = false;
    const struct cli_option options[] = {
        {.name = "markdown",
         .kind = CLI_FLAG,
         .out = &markdown,
         .help = "as a page of the documentation"},
    };
    const struct cli_command command = {
        .name = "help",
        .operands = "settings",
        .about = "Prints every setting with its default, as a commented configuration file.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .operands_min = 1,
        .operands_max = 1,
        .operand = &topic,
    };
    AUTO_CLEAR(buf_clear) struct buf out = {0};
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    if (strcmp(topic, "settings") != 0) {
        cli_error("help", "there is no such topic; for a command use: %s COMMAND --help",
                  PROGRAM);
        return EXIT_USAGE;
    }
    buf_init(&out, REFERENCE_MAX);
    enum err e = markdown ? config_reference(&out) : config_example(&out);
    if (e != ERR_OK)
        return cli_failed("help", e);
    (void)fputs(buf_text(&out), stdout);
    return EXIT_GOOD;
}
