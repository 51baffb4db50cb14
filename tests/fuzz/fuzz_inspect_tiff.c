/* layer: eg_inspector */
/* Any bytes as a TIFF. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_tiff, "image/tiff")
