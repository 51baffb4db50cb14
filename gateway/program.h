/* Where the programs of one installation stand: beside each other. */
#ifndef GATEWAY_PROGRAM_H
#define GATEWAY_PROGRAM_H

#include "gateway/base/error.h"

enum { PROGRAM_PATH_MAX = 1024 };
/* The path of `name` in the folder of the program that runs. */
MUST_USE enum err program_beside(const char *name, char out[PROGRAM_PATH_MAX]);

#endif
