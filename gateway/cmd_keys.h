/* Between cmd_keys.c and cmd_keys_rotate.c. */
#ifndef GATEWAY_CMD_KEYS_H
#define GATEWAY_CMD_KEYS_H

#include "gateway/offline.h"

/* Opens, takes the lock (unless `needs` is 0: reading only) and reads the keyring. CLI_GO or an
 * exit code. */
MUST_USE int keys_open(struct offline *o, const char *command, const char *config_file,
                       unsigned needs, struct keyring *ring);
int keys_rotate(int argc, char **argv);

#endif
