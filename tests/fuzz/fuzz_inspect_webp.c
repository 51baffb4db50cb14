/* layer: eg_inspector */
/* Any bytes as a WebP. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_webp, "image/webp")
