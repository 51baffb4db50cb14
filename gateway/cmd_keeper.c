/* `keeper FD`, internal: the gateway starts itself so, with one end of a socket pair. */
#include "gateway/cli.h"
#include "gateway/commands.h"
#include "gateway/keeper/keeper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { FD_DIGITS_MAX = 6 };

int cmd_keeper(int argc, char **argv)
{
    const char *text = argc == 2 ? argv[1] : "";
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > FD_DIGITS_MAX || text[digits] != '\0' ||
        fcntl((int)strtol(text, NULL, 10), F_GETFD) < 0) {
        cli_error("keeper", "internal: the gateway starts it by itself");
        return EXIT_USAGE;
    }
    return keeper_main((int)strtol(text, NULL, 10));
}
