/* layer: eg_inspector */
/* Any bytes as a JPEG. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_jpeg, "image/jpeg")
