/* `help settings`: the tables of config/ as text. `help routes`: the table of the API. */
#include "gateway/cli.h"
#include "gateway/commands.h"
#include "gateway/routes/api.h"

#include <stdio.h>
#include <string.h>

enum { TOPIC_MAX = 1024 * 1024 };

/* One line each: method, pattern, name. */
static int print_routes(void)
{
    size_t n = 0;
    const struct http_route *routes = api_routes(&n);

    for (size_t i = 0; i < n; i++)
        (void)printf("%s %s %s\n", routes[i].method, routes[i].pattern, routes[i].name);
    return EXIT_GOOD;
}

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
        .operands = "settings|routes",
        .about = "settings: every setting with its default, as a commented configuration file.\n"
                 "routes: every call of the API, a line each: method, path, name.",
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
    if (strcmp(topic, "routes") == 0)
        return print_routes();
    if (strcmp(topic, "settings") != 0) {
        cli_error("help", "there is no such topic; for a command use: %s COMMAND --help",
                  PROGRAM);
        return EXIT_USAGE;
    }
    buf_init(&out, TOPIC_MAX);
    enum err e = markdown ? config_reference(&out) : config_example(&out);
    if (e != ERR_OK)
        return cli_failed("help", e);
    (void)fputs(buf_text(&out), stdout);
    return EXIT_GOOD;
}
