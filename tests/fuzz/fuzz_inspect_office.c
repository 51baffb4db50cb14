/* layer: eg_inspector */
/* Any bytes as an office document or zip. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_office, "application/zip")
