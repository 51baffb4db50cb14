/* layer: eg_inspector */
/* Any bytes as a PNG. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_png, "image/png")
