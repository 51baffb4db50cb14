/* Between cmd_keys.c, cmd_keys_columns.c, cmd_keys_rotate.c and cmd_keys_recovery.c. */
#ifndef GATEWAY_CMD_KEYS_H
#define GATEWAY_CMD_KEYS_H

#include "gateway/offline.h"

/* Opens, takes the lock (unless `needs` is 0: reading only) and reads the keyring. CLI_GO or an
 * exit code. */
MUST_USE int keys_open(struct offline *o, const char *command, const char *config_file,
                       unsigned needs, struct keyring *ring);
/* The same with the command line before: o->command with --config and, unless `id` is NULL, an
 * ID. */
MUST_USE int keys_begin(struct offline *o, const char *about, unsigned needs, int argc,
                        char **argv, struct keyring *ring, const char **id);
/* Overwrites an identity file and unlinks it; one that is absent is destroyed. */
MUST_USE enum err keys_identity_destroy(const char *path);
int keys_rotate(int argc, char **argv);
int keys_recovery(int argc, char **argv);
int keys_recovery_destroy(int argc, char **argv);

/* cmd_keys_columns.c */
int keys_column_add(int argc, char **argv);
int keys_column_retire(int argc, char **argv);
MUST_USE enum err columns_print(struct offline *o, const struct keyring *ring); /* for list */

#endif
