/* The subcommands: one file each, all of the shape of main. argv[0] is the subcommand's name.
 * The table stands in main.c. */
#ifndef GATEWAY_COMMANDS_H
#define GATEWAY_COMMANDS_H

/* Exit codes of every command. */
enum exit_code {
    EXIT_GOOD = 0,
    EXIT_CHECK_FAILED =
        1, /* what was checked does not hold (verify, scrub, log verify), or a rule refused */
    EXIT_USAGE = 2,       /* the command line or the configuration file is wrong */
    EXIT_ENVIRONMENT = 3, /* a file, key, device or process is not as it must be */
};

int cmd_init(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_check_config(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_rescan(int argc, char **argv);
int cmd_retention(int argc, char **argv);
int cmd_scrub(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_keeper(int argc, char **argv); /* internal: `keeper FD` */
int cmd_help(int argc, char **argv);

#endif
