/* layer: eg_inspector */
/* Any bytes as a HEIC. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_heic, "image/heic")
