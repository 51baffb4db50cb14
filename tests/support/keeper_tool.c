/* The keeper's program for tests, whose own program has another main:
 * keeper_set_program(KEEPER_TOOL). */
#include "gateway/keeper/keeper.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "keeper") != 0)
        return 2;
    return keeper_main(atoi(argv[2]));
}
