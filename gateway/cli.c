/* Messages and progress of the commands: the edge where errors become words and exit codes. */
#include "gateway/cli.h"

#include "gateway/base/clock.h"
#include "gateway/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROGRESS_EVERY_MS = 100, PROGRESS_WIDTH = 30 };

/* --- messages ------------------------------------------------------------------------------
 */
void cli_error(const char *command, const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr, "%s %s: ", PROGRAM, command);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

static int exit_code_of(enum err e)
{
    if (e == ERR_INVALID)
        return EXIT_USAGE;
    if (e == ERR_REFUSED || e == ERR_CRYPTO || e == ERR_CORRUPT || e == ERR_CONFLICT)
        return EXIT_CHECK_FAILED;
    return EXIT_ENVIRONMENT;
}

int cli_failed(const char *command, enum err e)
{
    cli_error(command, "%s", err_message(e));
    return exit_code_of(e);
}

int cli_config(const char *command, const char *path, struct config **out)
{
    enum err e = config_load(path, out);

    if (e == ERR_OK)
        return CLI_GO;
    cli_error(command, "%s", err_message(e));
    return e == ERR_INVALID || e == ERR_DENIED ? EXIT_USAGE : EXIT_ENVIRONMENT;
}

int cli_parse(const struct cli_command *c, int argc, char **argv)
{
    static const char exit_codes[] =
        "exit codes: 0 good, 1 a check failed or a rule refused, 2 wrong use or configuration, "
        "3 trouble with a file, key or process";

    return cmdline_parse(PROGRAM, exit_codes, c, argc, argv);
}

static void table_print(FILE *out, const char *name, const struct cli_subcommand *table,
                        size_t n)
{
    (void)fprintf(out, "usage: %s%s%s COMMAND ...\n\n", PROGRAM, *name ? " " : "", name);
    for (size_t i = 0; i < n; i++) {
        if (table[i].about)
            (void)fprintf(out, "  %-14s %s\n", table[i].name, table[i].about);
    }
    (void)fprintf(out, "\nEvery command has --help.\n");
}

int cli_dispatch(const char *name, const struct cli_subcommand *table, size_t n, int argc,
                 char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        table_print(stdout, name, table, n);
        return EXIT_GOOD;
    }
    for (size_t i = 0; argc > 1 && i < n; i++) {
        if (strcmp(table[i].name, argv[1]) == 0)
            return table[i].run(argc - 1, argv + 1);
    }
    if (argc > 1)
        (void)fprintf(stderr, "%s: there is no command \"%s%s%s\"\n\n", PROGRAM, name,
                      *name ? " " : "", argv[1]);
    table_print(stderr, name, table, n);
    return EXIT_USAGE;
}

/* --- progress ------------------------------------------------------------------------------
 */
void progress_step(struct progress *p, uint64_t done, uint64_t all)
{
    int64_t now = clock_steady_ms();
    uint64_t filled = all ? done * PROGRESS_WIDTH / all : PROGRESS_WIDTH;

    if (!isatty(STDERR_FILENO) || (p->shown && now < p->next_ms))
        return;
    p->shown = true;
    p->next_ms = now + PROGRESS_EVERY_MS;
    filled = filled > PROGRESS_WIDTH ? PROGRESS_WIDTH : filled;
    (void)fprintf(stderr, "\r%s [%.*s%*s] %llu of %llu ", p->label, (int)filled,
                  "##############################", (int)(PROGRESS_WIDTH - filled), "",
                  (unsigned long long)done, (unsigned long long)all);
    (void)fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        (void)fprintf(stderr, "\r\033[K");
    p->shown = false;
}
