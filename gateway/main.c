/* evidence-gateway: one program, a table of subcommands, a file each (cmd_*.c, serve.c). */
#include "gateway/cli.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <string.h>

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("%s %s\n", PROGRAM, EG_VERSION);
    return EXIT_GOOD;
}

static const struct cli_subcommand COMMANDS[] = {
    {"init", cmd_init, "makes a development set-up in a folder"},
    {"serve", cmd_serve, "runs the gateway"},
    {"token", cmd_token, "signs a token of the development issuer"},
    {"check-config", cmd_check_config,
     "reads a configuration, prints what is in effect and what to mind"},
    {"keys", cmd_keys, "list, add, rotate, retire service keys"},
    {"export", cmd_export, "writes an artefact as an age file for one recipient"},
    {"rescan", cmd_rescan, "has stored artefacts inspected again"},
    {"retention", cmd_retention,
     "shows what is due, or draws up a list of it for two people to sign"},
    {"scrub", cmd_scrub, "checks every sealed payload against its record"},
    {"verify", cmd_verify, "verifies a receipt, offline"},
    {"log", cmd_log,
     "verify replays the whole log; proof proves that it only grew; witness-push has others "
     "cosign it"},
    {"keeper", cmd_keeper, NULL}, /* internal: started by the gateway itself */
    {"version", cmd_version, "prints the version"},
    {"help", cmd_help, "help settings: every setting of the configuration"},
};

int main(int argc, char **argv)
{
    /* The words people try first. */
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || (strcmp(argv[1], "help") == 0 && argc == 2)))
        return cli_dispatch("", COMMANDS, ARRAY_LEN(COMMANDS), 2,
                            (char *[]){argv[0], (char[]){"--help"}, NULL});
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return cmd_version(argc, argv);
    return cli_dispatch("", COMMANDS, ARRAY_LEN(COMMANDS), argc, argv);
}
