/* layer: eg_inspector */
/* Any bytes as a compound file. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_ole, "application/msword")
