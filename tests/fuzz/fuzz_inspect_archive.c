/* layer: eg_inspector */
/* Any bytes as an archive. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_archive, "application/x-7z-compressed")
