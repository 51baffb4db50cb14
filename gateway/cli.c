/* Options, messages and files of the commands: the edge where errors become words and exit
 * codes. */
#include "gateway/cli.h"

#include "gateway/base/clock.h"
#include "gateway/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRESS_EVERY_MS = 100, PROGRESS_WIDTH = 30, HELP_COLUMN = 24, NUMBER_DIGITS_MAX = 18 };

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

/* --- options -------------------------------------------------------------------------------
 */
static void help_line(const char *name, const char *value, const char *help)
{
    char left[HELP_COLUMN * 4];

    (void)snprintf(left, sizeof(left), "--%s%s%s", name, value ? " " : "", value ? value : "");
    (void)printf("  %-*s  %s\n", HELP_COLUMN, left, help);
}

static void help_print(const struct cli_command *c)
{
    (void)printf("usage: %s %s%s%s", PROGRAM, c->name, *c->operands ? " " : "", c->operands);
    for (size_t i = 0; i < c->n_options; i++) {
        const struct cli_option *o = &c->options[i];
        (void)printf(" %s--%s%s%s%s%s", o->required ? "" : "[", o->name, o->value ? " " : "",
                     o->value ? o->value : "", o->kind == CLI_MANY ? " ..." : "",
                     o->required ? "" : "]");
    }
    (void)printf("\n\n%s\n\n", c->about);
    for (size_t i = 0; i < c->n_options; i++)
        help_line(c->options[i].name, c->options[i].value, c->options[i].help);
    help_line("help", NULL, "this text");
    (void)printf("\nexit codes: 0 good, 1 a check failed or a rule refused, 2 wrong use or "
                 "configuration, 3 trouble "
                 "with a file, key or process\n");
}

static int misuse(const struct cli_command *c, const char *what, const char *name)
{
    cli_error(c->name, "%s%s", name, what);
    (void)fprintf(stderr, "try: %s %s --help\n", PROGRAM, c->name);
    return EXIT_USAGE;
}

static bool number_parse(const char *text, uint64_t *out)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > NUMBER_DIGITS_MAX || text[len] != '\0')
        return false;
    *out = strtoull(text, NULL, 10);
    return true;
}

/* NULL, or what is wrong. */
static const char *option_set(const struct cli_option *o, const char *value)
{
    struct cli_values *many = o->out;

    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)o->out = true;
        return NULL;
    case CLI_TEXT:
        if (*(const char **)o->out)
            return ": given twice";
        *(const char **)o->out = value;
        return NULL;
    case CLI_NUMBER:
        return number_parse(value, o->out) ? NULL : ": wants a whole number";
    case CLI_MANY:
        if (many->n == CLI_VALUES_MAX)
            return ": given too often";
        many->values[many->n++] = value;
        return NULL;
    }
    return ": cannot be set";
}

static const struct cli_option *option_find(const struct cli_command *c, const char *name,
                                            size_t len)
{
    for (size_t i = 0; i < c->n_options; i++) {
        if (strlen(c->options[i].name) == len && memcmp(c->options[i].name, name, len) == 0)
            return &c->options[i];
    }
    return NULL;
}

static bool option_was_set(const struct cli_option *o)
{
    if (o->kind == CLI_TEXT)
        return *(const char **)o->out != NULL;
    if (o->kind == CLI_MANY)
        return ((const struct cli_values *)o->out)->n > 0;
    return true;
}

/* One option at argv[*at]; moves *at over its value. */
static int option_parse(const struct cli_command *c, int argc, char **argv, int *at)
{
    const char *text = argv[*at] + 2;
    size_t len = strcspn(text, "=");
    const struct cli_option *o = option_find(c, text, len);
    const char *value = text[len] == '=' ? text + len + 1 : NULL;

    if (!o)
        return misuse(c, ": there is no such option", argv[*at]);
    if (o->kind == CLI_FLAG && value)
        return misuse(c, ": takes no value", argv[*at]);
    if (o->kind != CLI_FLAG && !value) {
        if (*at + 1 >= argc)
            return misuse(c, ": wants a value", argv[*at]);
        value = argv[*at + 1];
        ++*at;
    }
    const char *wrong = option_set(o, value);
    return wrong ? misuse(c, wrong, o->name) : CLI_GO;
}

static int complete(const struct cli_command *c, size_t operands)
{
    for (size_t i = 0; i < c->n_options; i++) {
        if (c->options[i].required && !option_was_set(&c->options[i]))
            return misuse(c, " is missing", c->options[i].name);
    }
    if (operands < c->operands_min)
        return misuse(c, " is missing", c->operands);
    return CLI_GO;
}

int cli_parse(const struct cli_command *c, int argc, char **argv)
{
    size_t operands = 0;
    bool ended = false;

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int code = CLI_GO;

        if (!ended && strcmp(arg, "--help") == 0) {
            help_print(c);
            return EXIT_GOOD;
        }
        if (!ended && strcmp(arg, "--") == 0)
            ended = true;
        else if (!ended && strncmp(arg, "--", 2) == 0)
            code = option_parse(c, argc, argv, &i);
        else if (operands == c->operands_max)
            code = misuse(c, ": not expected here", arg);
        else
            c->operand[operands++] = arg;
        if (code != CLI_GO)
            return code;
    }
    return complete(c, operands);
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

/* --- files ---------------------------------------------------------------------------------
 */
enum err file_read(const char *path, struct buf *out)
{
    bool standard = strcmp(path, "-") == 0;
    AUTO_FD int opened = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int fd = standard ? STDIN_FILENO : opened;
    uint8_t piece[4096];

    if (fd < 0)
        return err_errno(path);
    for (;;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(path);
        if (got == 0)
            return ERR_OK;
        if (buf_append(out, piece, (size_t)got) != ERR_OK)
            return err_set(ERR_TOO_LARGE, "%s: more than %zu bytes", path, out->max);
    }
}

static enum err write_all(int fd, const char *path, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_errno(path);
        data += put;
        len -= (size_t)put;
    }
    return ERR_OK;
}

enum err file_create(const char *path, mode_t mode, const void *data, size_t len)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    enum err e;

    if (fd < 0)
        return err_errno(path);
    e = write_all(fd, path, data, len);
    if (e == ERR_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        e = err_errno(path);
    if (e != ERR_OK)
        (void)unlink(path);
    return e;
}
