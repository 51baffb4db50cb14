/* The parser of command lines. What is wrong is explained on standard error, with the program's
 * name in front; nothing is printed otherwise but the help that was asked for. */
#include "gateway/base/cmdline.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 24, NUMBER_DIGITS_MAX = 18, MISUSE = 2 };

struct parse {
    const char *program, *exit_codes;
    const struct cli_command *c;
};

/* "evidence-gateway keys add", or the program alone where it has no subcommands. */
static void name_print(FILE *out, const struct parse *p)
{
    (void)fprintf(out, "%s%s%s", p->program, *p->c->name ? " " : "", p->c->name);
}

static void help_line(const char *name, const char *value, const char *help)
{
    char left[HELP_COLUMN * 4];

    (void)snprintf(left, sizeof(left), "--%s%s%s", name, value ? " " : "", value ? value : "");
    (void)printf("  %-*s  %s\n", HELP_COLUMN, left, help);
}

static void help_print(const struct parse *p)
{
    const struct cli_command *c = p->c;

    (void)printf("usage: ");
    name_print(stdout, p);
    (void)printf("%s%s", *c->operands ? " " : "", c->operands);
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
    (void)printf("\n%s\n", p->exit_codes);
}

static int misuse(const struct parse *p, const char *what, const char *name)
{
    name_print(stderr, p);
    (void)fprintf(stderr, ": %s%s\ntry: ", name, what);
    name_print(stderr, p);
    (void)fprintf(stderr, " --help\n");
    return MISUSE;
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
static int option_parse(const struct parse *p, int argc, char **argv, int *at)
{
    const char *text = argv[*at] + 2;
    size_t len = strcspn(text, "=");
    const struct cli_option *o = option_find(p->c, text, len);
    const char *value = text[len] == '=' ? text + len + 1 : NULL;

    if (!o)
        return misuse(p, ": there is no such option", argv[*at]);
    if (o->kind == CLI_FLAG && value)
        return misuse(p, ": takes no value", argv[*at]);
    if (o->kind != CLI_FLAG && !value) {
        if (*at + 1 >= argc)
            return misuse(p, ": wants a value", argv[*at]);
        value = argv[*at + 1];
        ++*at;
    }
    const char *wrong = option_set(o, value);
    return wrong ? misuse(p, wrong, o->name) : CLI_GO;
}

static int complete(const struct parse *p, size_t operands)
{
    const struct cli_command *c = p->c;

    for (size_t i = 0; i < c->n_options; i++) {
        if (c->options[i].required && !option_was_set(&c->options[i]))
            return misuse(p, " is missing", c->options[i].name);
    }
    if (operands < c->operands_min)
        return misuse(p, " is missing", c->operands);
    return CLI_GO;
}

int cmdline_parse(const char *program, const char *exit_codes, const struct cli_command *c,
                  int argc, char **argv)
{
    const struct parse parse = {.program = program, .exit_codes = exit_codes, .c = c};
    const struct parse *p = &parse;
    size_t operands = 0;
    bool ended = false;

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int code = CLI_GO;

        if (!ended && strcmp(arg, "--help") == 0) {
            help_print(p);
            return EXIT_SUCCESS;
        }
        if (!ended && strcmp(arg, "--") == 0)
            ended = true;
        else if (!ended && strncmp(arg, "--", 2) == 0)
            code = option_parse(p, argc, argv, &i);
        else if (operands == c->operands_max)
            code = misuse(p, ": not expected here", arg);
        else
            c->operand[operands++] = arg;
        if (code != CLI_GO)
            return code;
    }
    return complete(p, operands);
}
