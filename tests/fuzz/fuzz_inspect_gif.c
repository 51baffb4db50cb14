/* layer: eg_inspector */
/* Any bytes as a GIF. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_gif, "image/gif")
