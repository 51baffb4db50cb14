/* Asked of the kernel: neither PATH nor argv[0] say which program runs. */
#include "gateway/program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum err program_beside(const char *name, char out[PROGRAM_PATH_MAX])
{
    char self[PROGRAM_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len < 0)
        return err_errno("/proc/self/exe");
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return err_set(ERR_INTERNAL, "the program has no folder");
    slash[1] = '\0';
    int n = snprintf(out, PROGRAM_PATH_MAX, "%s%s", self, name);
    return n > 0 && n < PROGRAM_PATH_MAX
               ? ERR_OK
               : err_set(ERR_TOO_LARGE, "the program's path is too long");
}
